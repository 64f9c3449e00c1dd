//! Durations as Terraform users write them: `60m`, `1h30m`, `90s`.

use std::str::FromStr;
use std::time::Duration;

use tfplugin::{Text, Value};

/// A duration: `60m` and `1h` are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(Duration);

impl Timeout {
    pub fn duration(&self) -> Duration {
        self.0
    }
}

impl FromStr for Timeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}` is no duration: expected the form `60m` or `1h30m`");
        let duration = text.parse::<jiff::SignedDuration>().map_err(|_| expected())?;
        let duration = Duration::try_from(duration).map_err(|_| expected())?;
        if duration.is_zero() { Err(expected()) } else { Ok(Self(duration)) }
    }
}

/// The duration that a block of timeouts sets, or the default.
pub fn limit<T>(timeouts: &Value<T>, which: fn(&T) -> &Value<Text<Timeout>>, default: Duration) -> Duration {
    timeouts.known().and_then(|timeouts| which(timeouts).known()).map_or(default, |timeout| timeout.duration())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, seconds) in [("60m", 3600), ("1h30m", 5400), ("90s", 90), ("2h", 7200)] {
            assert_eq!(text.parse::<Timeout>().unwrap().duration().as_secs(), seconds);
        }
        for text in ["", "60", "-1m", "0s", "soon"] {
            assert!(text.parse::<Timeout>().is_err(), "{text}");
        }
    }
}
