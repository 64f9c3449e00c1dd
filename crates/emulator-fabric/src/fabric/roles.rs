//! Roles in workspaces, on connections and on gateways, lowest first, and who holds them. fabric-api facts §4.6, §5, §6.

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::entra::{Directory, PrincipalKind};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum WorkspaceRole {
    Viewer,
    Contributor,
    Member,
    Admin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum ConnectionRole {
    User,
    UserWithReshare,
    Owner,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum GatewayRole {
    ConnectionCreator,
    ConnectionCreatorWithResharing,
    Admin,
}

/// Somebody's role; the assignment's id is the principal's (§11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment<R> {
    pub principal: Uuid,
    pub kind: PrincipalKind,
    pub role: R,
}

/// The highest role the principal holds, by itself or through a group.
pub fn effective<R: Copy + Ord>(assignments: &[Assignment<R>], principal: Uuid, directory: &Directory) -> Option<R> {
    let held_by = directory.memberships(principal);
    assignments
        .iter()
        .filter(|assignment| held_by.contains(&assignment.principal))
        .map(|assignment| assignment.role)
        .max()
}

impl WorkspaceRole {
    const ALL: [(&'static str, Self); 4] = [
        ("Viewer", Self::Viewer),
        ("Contributor", Self::Contributor),
        ("Member", Self::Member),
        ("Admin", Self::Admin),
    ];
}

impl ConnectionRole {
    const ALL: [(&'static str, Self); 3] =
        [("User", Self::User), ("UserWithReshare", Self::UserWithReshare), ("Owner", Self::Owner)];
}

impl GatewayRole {
    const ALL: [(&'static str, Self); 3] = [
        ("ConnectionCreator", Self::ConnectionCreator),
        ("ConnectionCreatorWithResharing", Self::ConnectionCreatorWithResharing),
        ("Admin", Self::Admin),
    ];
}

/// `role` is taken in any case and answered in its own (§11).
fn by_name<'de, D: Deserializer<'de>, R: Copy>(deserializer: D, all: &[(&'static str, R)]) -> Result<R, D::Error> {
    let name = String::deserialize(deserializer)?;
    all.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name)).map(|(_, role)| *role).ok_or_else(|| {
        let known: Vec<&str> = all.iter().map(|(known, _)| *known).collect();
        serde::de::Error::custom(format!("unknown role `{name}`, expected one of {}", known.join(", ")))
    })
}

impl<'de> Deserialize<'de> for WorkspaceRole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        by_name(deserializer, &Self::ALL)
    }
}

impl<'de> Deserialize<'de> for ConnectionRole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        by_name(deserializer, &Self::ALL)
    }
}

impl<'de> Deserialize<'de> for GatewayRole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        by_name(deserializer, &Self::ALL)
    }
}
