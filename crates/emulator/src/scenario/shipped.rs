//! The scenarios of `crates/emulator/scenarios`: `--scenario NAME`.

macro_rules! shipped {
    ($($name:literal),*) => {
        &[$(($name, include_str!(concat!("../../scenarios/", $name, ".json")))),*]
    };
}

/// Name and text of each.
pub const ALL: &[(&str, &str)] = shipped![
    "five-hundred-tables",
    "instance-pool",
    "on-premises-gateway",
    "one-table-of-each-kind",
    "paused-capacity",
    "private-endpoint",
    "several-instances",
    "tutorial",
    "user-assigned-identity",
    "wrong-update-policy"
];

/// The scenario of that name.
pub fn text(name: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
