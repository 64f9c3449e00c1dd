//! Durations as Terraform users write them: `60m`, `1h30m`, `90s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A duration, with the spelling of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeout {
    spelling: String,
    duration: Duration,
}

impl Timeout {
    pub fn duration(&self) -> Duration {
        self.duration
    }
}

impl FromStr for Timeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}` is no duration: expected the form `60m` or `1h30m`");
        let duration = text.parse::<jiff::SignedDuration>().map_err(|_| expected())?;
        let duration = Duration::try_from(duration).map_err(|_| expected())?;
        if duration.is_zero() { Err(expected()) } else { Ok(Self { spelling: text.to_owned(), duration }) }
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them_and_keep_their_spelling() {
        for (text, seconds) in [("60m", 3600), ("1h30m", 5400), ("90s", 90), ("2h", 7200)] {
            let timeout: Timeout = text.parse().unwrap();
            assert_eq!((timeout.duration().as_secs(), timeout.to_string()), (seconds, text.to_owned()));
        }
        for text in ["", "60", "-1m", "0s", "soon"] {
            assert!(text.parse::<Timeout>().is_err(), "{text}");
        }
    }
}
