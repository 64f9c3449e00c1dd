//! How the Fabric API behaves where real tenants differ, or where nobody could look: the careful answer is the default,
//! and a client can be tried against the others.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rest {
    /// Elements per page of a list, from 1.
    pub page_size: usize,
    /// getDefinition and updateDefinition of a mirrored database answer 202; mirrors were only ever seen to answer
    /// 200 at once (fabric-api facts §11), other items 202.
    pub long_running_definitions: bool,
    /// Virtual seconds a name stays taken after its item was deleted: 20 measured, 4–5 minutes reported (§8.6, §11).
    pub name_reserved_s: u64,
    /// Status that says so: 409 and 400 were seen (§11).
    pub name_reserved_status: u16,
    /// Status of startMirroring: 200 in every recording, 202 says one author (§11).
    pub start_status: u16,
    pub repeated_orders: RepeatedOrders,
    pub connection_checked: ConnectionChecked,
    /// updateDefinition works while the mirror initializes; `MirroredDatabaseNotReady` was seen sometimes (§11).
    pub definition_while_initializing: bool,
    pub paused_capacity: PausedCapacity,
    pub source_not_ready: SourceNotReady,
    /// A failed table gets on by itself once the cause is gone. UNCONFIRMED: the engine has a snapshot retry count
    /// (sql-mi facts §4.3). Otherwise it needs a stop and a start.
    pub failed_tables_recover: bool,
    pub unsupported_tables: UnsupportedTables,
    pub contained_user: ContainedUser,
    /// Days a deleted item can be recovered for, where the tenant has that on: 7, the default, to 90 (§1.5).
    pub item_recovery_days: u32,
    /// Calls that a principal may make in a minute of virtual time; the service's pages say 500 (§8.3). None: any number.
    pub calls_per_minute: Option<u32>,
    /// The same of each operation that makes, changes or deletes workspaces or items: 200.
    pub changes_per_minute: Option<u32>,
    /// For how many milliseconds of the machine's time the create of an item and the assignment of a workspace's role take
    /// part in a race that hides the item from the principal (§8.6). 0: there is no race.
    pub role_race_ms: u64,
    /// A change of a connection's credentials may be one of their type. UNCONFIRMED: there is a code for its refusal (§8.2).
    pub credential_types_change: bool,
    /// The sensitivity labels of the tenant, by id.
    pub sensitivity_labels: Vec<Uuid>,
    /// The one that an item gets which is made without.
    pub default_sensitivity_label: Option<Uuid>,
    /// Lists of items show a mirror a second time, as a MirroredWarehouse (§6b).
    pub mirrored_warehouse: bool,
}

/// More would outlast the patience of clients.
const LONGEST_RACE_MS: u64 = 60_000;

/// A start of a mirror that starts or runs, a stop of one that stops or was stopped. UNCONFIRMED: nobody recorded one;
/// authors read the status first, or accept a 400 (§11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RepeatedOrders {
    /// 400 `OperationNotAllowedInCurrentStatus`.
    #[default]
    Refused,
    /// 409 with the same code.
    Conflict,
    /// Success, and nothing happens.
    Accepted,
}

/// When it is found that a connection is of another type than the source, or leads to another database than the
/// definition names. UNCONFIRMED: the tutorial says so of the portal (§4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ConnectionChecked {
    /// 400 `InvalidConnectionInformation` for the definition.
    #[default]
    WhenGiven,
    /// As a source that is not ready.
    AtStart,
}

/// What calls of items are answered while the capacity is paused (§11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum PausedCapacity {
    /// 404 `CapacityNotActive`.
    #[default]
    NotFound,
    /// The same without a body: the code is in the header alone.
    NotFoundWithoutBody,
    /// 503 `CapacityNotActive`.
    Unavailable,
}

/// How a source that cannot be mirrored shows after the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SourceNotReady {
    /// Stopped with an error: an author's words (§11). UNCONFIRMED for each single cause.
    #[default]
    Stopped,
    /// Running with an error, and every table failed, as a missing workspace role shows.
    Failed,
}

/// Tables that cannot be mirrored, under mirror-all. UNCONFIRMED: the sources say "not mirrored".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum UnsupportedTables {
    #[default]
    LeftOut,
    /// Listed as failed.
    Failed,
}

/// A mirror whose reader is a contained user: the tutorial makes a login, and nobody says whether it can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ContainedUser {
    /// As a source whose login fails.
    #[default]
    Refused,
    /// Its permissions decide.
    Accepted,
}

impl Default for Rest {
    fn default() -> Self {
        Self {
            page_size: 100,
            long_running_definitions: false,
            name_reserved_s: 20,
            name_reserved_status: 409,
            start_status: 200,
            repeated_orders: RepeatedOrders::default(),
            connection_checked: ConnectionChecked::default(),
            definition_while_initializing: false,
            paused_capacity: PausedCapacity::default(),
            source_not_ready: SourceNotReady::default(),
            failed_tables_recover: true,
            unsupported_tables: UnsupportedTables::default(),
            contained_user: ContainedUser::default(),
            item_recovery_days: 7,
            calls_per_minute: None,
            changes_per_minute: None,
            role_race_ms: 0,
            credential_types_change: false,
            sensitivity_labels: Vec::new(),
            default_sensitivity_label: None,
            mirrored_warehouse: false,
        }
    }
}

impl Rest {
    /// A key whose value makes no sense, and why.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        if self.page_size == 0 {
            return Some(("page_size", "must be at least 1"));
        }
        if !matches!(self.name_reserved_status, 400 | 409) {
            return Some(("name_reserved_status", "must be 400 or 409"));
        }
        if !matches!(self.start_status, 200 | 202) {
            return Some(("start_status", "must be 200 or 202"));
        }
        if !(7..=90).contains(&self.item_recovery_days) {
            return Some(("item_recovery_days", "must be from 7 to 90"));
        }
        if self.calls_per_minute == Some(0) {
            return Some(("calls_per_minute", "must be at least 1, or null"));
        }
        if self.changes_per_minute == Some(0) {
            return Some(("changes_per_minute", "must be at least 1, or null"));
        }
        if self.role_race_ms > LONGEST_RACE_MS {
            return Some(("role_race_ms", "must be at most 60000"));
        }
        None
    }
}
