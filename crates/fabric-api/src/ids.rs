//! Ids are not interchangeable: each kind of thing has its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NoId;
            fn from_str(text: &str) -> Result<Self, NoId> {
                // In any case, but only the form with hyphens that the service writes.
                match Uuid::try_parse(text) {
                    Ok(id) if id.to_string() == text.to_ascii_lowercase() => Ok(Self(id)),
                    _ => Err(NoId(text.to_owned())),
                }
            }
        }
    )+ };
}

id! {
    /// A workspace.
    WorkspaceId
    /// An item of a workspace, such as a mirrored database.
    ItemId
    /// A folder of a workspace.
    FolderId
    /// A sensitivity label of Microsoft Purview.
    LabelId
    /// A connection of the tenant.
    ConnectionId
    /// A gateway, or a member of one.
    GatewayId
    /// A capacity. Not the resource id that Azure Resource Manager uses.
    CapacityId
    /// An Entra tenant.
    TenantId
    /// An application of Entra: its client id.
    ApplicationId
    /// An Entra principal: the object id, of an application that of its enterprise application.
    PrincipalId
}

/// A text that is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no id: expected the form 00000000-0000-0000-0000-000000000000")]
pub struct NoId(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_in_any_case_and_in_no_other_form() {
        let lower = "abcdef01-2345-6789-abcd-ef0123456789";
        let id: ItemId = lower.parse().unwrap();
        for spelling in [lower.to_uppercase(), "AbCdEf01-2345-6789-aBcD-eF0123456789".to_owned()] {
            assert_eq!(spelling.parse(), Ok(id));
            assert_eq!(spelling.parse::<ItemId>().unwrap().to_string(), lower);
        }
        for other in ["", &lower.replace('-', ""), &format!("{{{lower}}}"), &format!("urn:uuid:{lower}"), &lower[1..]] {
            assert!(other.parse::<ItemId>().is_err(), "{other}");
        }
    }
}
