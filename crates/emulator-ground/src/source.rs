//! What mirroring, the control interface and the start-up ask of the instance, besides SQL.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::engine::Message;
use crate::world::DatabaseState;

/// How an instance begins.
#[derive(Debug, Clone)]
pub struct InstanceConfig {
    /// `@@SERVERNAME`, e.g. `mi.abc123.database.windows.net`.
    pub server_name: String,
    /// Object id and client id of the system-assigned identity, and the tenant: `sys.dm_server_managed_identities`.
    pub identity_client_id: Uuid,
    pub identity_object_id: Uuid,
    pub tenant_id: Uuid,
    pub administrator: String,
    pub administrator_password: String,
    /// Entra principals that are logins and members of sysadmin from the start: name, and client id (the login's SID).
    pub entra_administrators: Vec<(String, Uuid)>,
    pub databases: Vec<DatabaseConfig>,
}

#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    pub name: String,
    /// T-SQL run in the database by the administrator when the instance is made: tables and rows.
    pub script: String,
    pub state: DatabaseState,
}

/// The instance as the replicator sees it.
pub trait Source: Send + Sync + 'static {
    /// What a login with this password into this database would answer; no session is kept.
    ///
    /// # Errors
    /// The messages of the refusal, 4060 before 18456.
    fn check_login(&self, user: &str, password: &str, database: &str) -> Result<(), Vec<Message>>;

    /// As [`Self::check_login`], of an application that comes with a token of its own.
    ///
    /// # Errors
    /// As there.
    fn check_application(&self, client_id: Uuid, database: &str) -> Result<(), Vec<Message>>;

    /// What the reader is and may do in the database. All empty when there is no such reader.
    fn rights(&self, reader: Reader<'_>, database: &str) -> Rights;

    /// The user tables of the database, ordered by schema and name; empty when there is no such database.
    fn tables(&self, database: &str) -> Vec<SourceTable>;

    /// Canonical spelling of the database's name, if there is such a database.
    fn database(&self, name: &str) -> Option<String>;

    /// `is_change_feed_enabled` and `is_data_lake_replication_enabled`; off also after sp_change_feed_disable_db.
    fn set_change_feed(&self, database: &str, on: bool);
    fn change_feed(&self, database: &str) -> bool;

    /// What the database is that no mirrored database may be; `None` also where there is no such database.
    fn obstacle(&self, database: &str) -> Option<Obstacle>;

    /// One look of the replicator at the log of a database whose change feed is on, at that time of
    /// [`crate::clock::Clock::elapsed`]: `sys.dm_change_feed_log_scan_sessions` and `sys.dm_change_feed_errors`.
    fn record_scan(&self, _database: &str, _at: std::time::Duration, _scan: &FeedScan) {}

    /// The `sql` part of `GET /state` (design.md §5).
    fn state(&self) -> serde_json::Value;

    /// All it holds now. The answer brings that back whenever it is called; sessions are killed then.
    ///
    /// # Errors
    /// Why there can be no snapshot: a transaction that has changed something is open.
    fn snapshot(&self) -> Result<Restore, String>;

    /// All it holds now, for [`Self::read_back`] of another process; the text is made when it is called. The same text
    /// while nothing has changed.
    ///
    /// # Errors
    /// As of [`Self::snapshot`].
    fn write_down(&self) -> Result<Writing, String>;

    /// Becomes what was written down.
    ///
    /// # Errors
    /// The text is not understood.
    fn read_back(&self, text: &str) -> Result<(), String>;

    /// Ends every session; what it has not committed is taken back.
    fn end_sessions(&self);

    /// Back to the configuration; SIDs, object ids and contents as at the start. Sessions are killed.
    fn reset(&self);
}

/// Who reads the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader<'a> {
    /// By the login's name.
    Login(&'a str),
    /// By client id.
    Application(Uuid),
}

/// Rules that a whole database must keep (sql-mi facts §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// D1: user databases alone are mirrored.
    SystemDatabase,
    /// D2
    ChangeDataCapture,
    /// D4: ALLOWED or FORCED. UNCONFIRMED that ALLOWED alone is too much.
    DelayedDurability,
}

/// Brings a snapshot back.
pub type Restore = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Makes the text of what was there when it was asked for; takes its time, and holds nobody up.
pub type Writing = Box<dyn FnOnce() -> Result<Arc<str>, String> + Send>;

/// What a scan of the log found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedScan {
    /// Rows inserted, updated and deleted in mirrored tables since the scan before.
    pub changes: u64,
    /// What went wrong and had not gone wrong in the scan before.
    pub errors: Vec<FeedError>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedError {
    /// Object id, where it is about one table.
    pub table: Option<i32>,
    pub task: FeedTask,
    /// Where one is published.
    pub number: Option<i32>,
    pub message: String,
}

/// `source_task` of `sys.dm_change_feed_errors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeedTask {
    Capture = 2,
    Publish = 3,
    Snapshot = 5,
}

/// Names in upper case as `sys.fn_builtin_permissions` spells them; server roles as they are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// False also for a contained user, which has none.
    pub login_exists: bool,
    pub server_roles: Vec<String>,
    /// The user the login is mapped to, or the contained user.
    pub user: Option<String>,
    /// Database permissions with a GRANT row of their own (state G or W) for that user, and no DENY.
    pub granted: Vec<String>,
    /// Database permissions held effectively, whatever gives them.
    pub effective: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SourceTable {
    pub object_id: i32,
    pub schema: String,
    pub name: String,
    pub columns: Vec<SourceColumn>,
    pub clustered_columnstore: bool,
    /// Columns of the primary key, or of the clustered index where there is no primary key.
    pub key: Vec<String>,
    pub has_primary_key: bool,
    pub memory_optimized: bool,
    pub temporal_history: bool,
    pub ledger_history: bool,
    pub graph: bool,
    pub external: bool,
    /// Rows now.
    pub rows: u64,
    /// Rows inserted, updated and deleted since the table was made, counted one each.
    pub changes: u64,
    /// Sum of the bytes of those rows, approximately: what `processedBytes` counts.
    pub bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceColumn {
    pub name: String,
    /// Base type's name in `sys.types`, e.g. `nvarchar`, `xml`, `geography`.
    pub base_type: String,
    /// In bytes; −1 is max.
    pub max_length: i16,
    pub scale: u8,
    pub computed: bool,
    pub always_encrypted: bool,
    /// A CLR type.
    pub assembly_type: bool,
}

/// What the instance asks of Entra: names for `FROM EXTERNAL PROVIDER`, and whom a token was issued to.
pub trait Directory: Send + Sync + 'static {
    fn principals(&self) -> Vec<DirectoryPrincipal>;

    /// The subject of an access token for `https://database.windows.net/`; `None` when it is not valid now.
    fn verify(&self, token: &str) -> Option<TokenSubject>;

    /// The subject of the tokens that an application gets.
    fn application(&self, client_id: Uuid) -> Option<TokenSubject>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryPrincipal {
    /// User principal name of a user, display name of anything else.
    pub name: String,
    pub object_id: Uuid,
    /// What the server keeps as SID: the client id of an application, the object id of anything else.
    pub sid: Uuid,
    pub kind: PrincipalKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    User,
    Group,
    Application,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSubject {
    pub name: String,
    /// As [`DirectoryPrincipal::sid`].
    pub sid: Uuid,
    /// Object ids of the groups it is in.
    pub groups: Vec<Uuid>,
}
