//! Catalog views, as far as logins, mirroring and its audit read them; each filtered by what the session may see.

use std::sync::Arc;

use super::access::{Target, Token};
use super::errors;
use super::functions::Ambient;
use super::moments;
use super::permissions::{self, Class};
use super::state::{
    Authentication, Database, IndexKind, PermissionRow, PermissionState, PrincipalType, State, Table, TableColumn,
};
use super::types::{self, TYPES};
use crate::engine::Message;
use crate::value::{SqlType, Value};
use crate::world::PrimaryIdentity;

type Needs = fn(&Context<'_>) -> Result<(), Message>;
type FunctionRows = fn(&Context<'_>, &[Value]) -> Result<Vec<Vec<Value>>, Message>;

pub struct View {
    /// `sys.tables`, `INFORMATION_SCHEMA.TABLES`
    pub name: &'static str,
    pub columns: &'static [ViewColumn],
    pub rows: fn(&Context<'_>) -> Vec<Vec<Value>>,
    /// A right without which the view is an error, not an empty answer.
    pub needs: Option<Needs>,
    /// Changes without the state changing.
    pub volatile: bool,
}

pub struct ViewColumn {
    pub name: &'static str,
    pub sql_type: SqlType,
    pub nullable: bool,
}

pub struct TableFunction {
    pub name: &'static str,
    pub arguments: usize,
    pub view: View,
    pub rows: FunctionRows,
}

pub struct Context<'a> {
    pub state: &'a Arc<State>,
    pub ambient: &'a Ambient,
    pub database: &'a Arc<Database>,
    pub token: Token,
}

impl<'a> Context<'a> {
    pub fn new(state: &'a Arc<State>, ambient: &'a Ambient, database: &'a Arc<Database>) -> Result<Self, Message> {
        let token = state.token(ambient.identity, database.id);
        if token.user.is_none() {
            return Err(super::databases::no_access(ambient.login_name(), &database.name));
        }
        Ok(Self { state, ambient, database, token })
    }
    fn may_server(&self, permission: &str) -> bool {
        self.state.may(&self.token, Target::SERVER, permission)
    }
    fn may(&self, permission: &str) -> bool {
        self.state.may(&self.token, Target::database(self.database.id), permission)
    }
    fn objects(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.database.tables.values().filter(|t| self.state.sees_object(&self.token, self.database, t.id))
    }
}

pub fn find(schema: Option<&str>, name: &str) -> Option<&'static View> {
    let schema = schema?;
    VIEWS.iter().find(|view| {
        view.name.split_once('.').is_some_and(|(s, n)| s.eq_ignore_ascii_case(schema) && n.eq_ignore_ascii_case(name))
    })
}

pub fn find_function(schema: Option<&str>, name: &str) -> Option<&'static TableFunction> {
    let sys = schema.is_none_or(|schema| schema.eq_ignore_ascii_case("sys"));
    FUNCTIONS.iter().find(|f| sys && f.name.eq_ignore_ascii_case(name))
}

const fn column(name: &'static str, sql_type: SqlType) -> ViewColumn {
    ViewColumn { name, sql_type, nullable: true }
}
const fn required(name: &'static str, sql_type: SqlType) -> ViewColumn {
    ViewColumn { name, sql_type, nullable: false }
}
const INT: SqlType = SqlType::Int;
const BIT: SqlType = SqlType::Bit;
const TINY: SqlType = SqlType::TinyInt;
const SMALL: SqlType = SqlType::SmallInt;
const NAME: SqlType = SqlType::NVarChar(Some(128));
const DESC: SqlType = SqlType::NVarChar(Some(60));
const SID: SqlType = SqlType::VarBinary(Some(85));
const WHEN: SqlType = SqlType::DateTime;
const GUID: SqlType = SqlType::UniqueIdentifier;

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}
fn int(n: impl Into<i64>) -> Value {
    Value::Int(n.into())
}
fn bit(b: bool) -> Value {
    Value::Bit(b)
}
fn or_null(value: Option<Value>) -> Value {
    value.unwrap_or(Value::Null)
}

macro_rules! view {
    ($name:literal, [$($column:expr),* $(,)?], $rows:expr) => {
        View { name: $name, columns: &[$($column),*], rows: $rows, needs: None, volatile: false }
    };
    ($name:literal, [$($column:expr),* $(,)?], $rows:expr, $needs:expr) => {
        View { name: $name, columns: &[$($column),*], rows: $rows, needs: Some($needs), volatile: true }
    };
}

const OBJECT_COLUMNS: &[ViewColumn] = &[
    required("name", NAME),
    required("object_id", INT),
    column("principal_id", INT),
    required("schema_id", INT),
    required("parent_object_id", INT),
    column("type", SqlType::Char(2)),
    column("type_desc", DESC),
    required("create_date", WHEN),
    required("modify_date", WHEN),
    required("is_ms_shipped", BIT),
    required("is_published", BIT),
    required("is_schema_published", BIT),
];

static VIEWS: &[View] = &[
    view!(
        "sys.server_principals",
        [
            required("name", NAME),
            required("principal_id", INT),
            column("sid", SID),
            required("type", SqlType::Char(1)),
            column("type_desc", DESC),
            column("is_disabled", BIT),
            required("create_date", WHEN),
            required("modify_date", WHEN),
            column("default_database_name", NAME),
            column("default_language_name", NAME),
            column("credential_id", INT),
            column("owning_principal_id", INT),
            required("is_fixed_role", BIT),
            column("tenant_id", GUID),
        ],
        |c| server_principals(c)
            .map(|p| {
                let role = p.kind == PrincipalType::Role;
                let tenant = matches!(p.kind, PrincipalType::External | PrincipalType::ExternalGroup);
                vec![
                    text(&p.name),
                    int(p.id),
                    Value::Bytes(p.sid.clone()),
                    text(p.kind.letter()),
                    text(server_type(p.kind)),
                    bit(p.disabled),
                    moments::datetime(p.created),
                    moments::datetime(p.modified),
                    if role { Value::Null } else { text(&p.default_database) },
                    if role { Value::Null } else { text(&p.default_language) },
                    Value::Null,
                    or_null(p.owner.map(int)),
                    bit(p.fixed),
                    if tenant { Value::Guid(c.ambient.instance.tenant) } else { Value::Null },
                ]
            })
            .collect()
    ),
    view!(
        "sys.sql_logins",
        [
            required("name", NAME),
            required("principal_id", INT),
            column("sid", SID),
            required("type", SqlType::Char(1)),
            column("type_desc", DESC),
            column("is_disabled", BIT),
            required("create_date", WHEN),
            required("modify_date", WHEN),
            column("default_database_name", NAME),
            column("default_language_name", NAME),
            column("credential_id", INT),
            column("is_policy_checked", BIT),
            column("is_expiration_checked", BIT),
            column("password_hash", SqlType::VarBinary(Some(256))),
        ],
        |c| {
            let hashes = c.may_server("CONTROL SERVER");
            server_principals(c)
                .filter(|p| p.kind == PrincipalType::Sql)
                .map(|p| {
                    vec![
                        text(&p.name),
                        int(p.id),
                        Value::Bytes(p.sid.clone()),
                        text("S"),
                        text("SQL_LOGIN"),
                        bit(p.disabled),
                        moments::datetime(p.created),
                        moments::datetime(p.modified),
                        text(&p.default_database),
                        text(&p.default_language),
                        Value::Null,
                        bit(p.check_policy),
                        bit(p.check_expiration),
                        or_null(p.password.as_ref().filter(|_| hashes).map(|p| Value::Bytes(p.hash.clone()))),
                    ]
                })
                .collect()
        }
    ),
    view!("sys.server_role_members", [required("role_principal_id", INT), required("member_principal_id", INT)], |c| {
        c.state
            .server_members
            .iter()
            .filter(|(role, member)| c.state.sees_login(&c.token, *member) && c.state.sees_login(&c.token, *role))
            .map(|(role, member)| vec![int(*role), int(*member)])
            .collect()
    }),
    view!(
        "sys.server_permissions",
        [
            required("class", TINY),
            column("class_desc", DESC),
            required("major_id", INT),
            required("minor_id", INT),
            required("grantee_principal_id", INT),
            required("grantor_principal_id", INT),
            required("type", SqlType::Char(4)),
            column("permission_name", NAME),
            required("state", SqlType::Char(1)),
            column("state_desc", DESC),
        ],
        |c| c
            .state
            .server_permissions
            .iter()
            .filter(|row| c.state.sees_login(&c.token, row.grantee))
            .map(permission_row)
            .collect()
    ),
    view!(
        "sys.databases",
        [
            required("name", NAME),
            required("database_id", INT),
            column("source_database_id", INT),
            column("owner_sid", SID),
            required("create_date", WHEN),
            required("compatibility_level", TINY),
            column("collation_name", NAME),
            column("user_access", TINY),
            column("user_access_desc", DESC),
            column("is_read_only", BIT),
            column("state", TINY),
            column("state_desc", DESC),
            column("snapshot_isolation_state", TINY),
            column("snapshot_isolation_state_desc", DESC),
            column("is_read_committed_snapshot_on", BIT),
            column("recovery_model", TINY),
            column("recovery_model_desc", DESC),
            required("is_published", BIT),
            required("is_subscribed", BIT),
            required("is_merge_published", BIT),
            required("is_distributor", BIT),
            column("log_reuse_wait", TINY),
            column("log_reuse_wait_desc", DESC),
            required("is_cdc_enabled", BIT),
            column("is_encrypted", BIT),
            column("containment", TINY),
            column("containment_desc", DESC),
            column("delayed_durability", INT),
            column("delayed_durability_desc", DESC),
            column("is_change_feed_enabled", BIT),
            column("is_data_lake_replication_enabled", BIT),
            column("is_event_stream_enabled", BIT),
            column("data_lake_log_publishing", TINY),
            column("data_lake_log_publishing_desc", DESC),
        ],
        |c| c
            .state
            .databases
            .values()
            .filter(|d| c.state.sees_database(&c.token, c.ambient.database, d.id))
            .map(|d| {
                let collation = "SQL_Latin1_General_CP1_CI_AS";
                vec![
                    text(&d.name),
                    int(d.id),
                    Value::Null,
                    Value::Bytes(d.owner_sid.clone()),
                    moments::datetime(d.created),
                    int(160),
                    text(collation),
                    int(0),
                    text("MULTI_USER"),
                    bit(false),
                    int(0),
                    text("ONLINE"),
                    int(u8::from(d.id > 4)),
                    text(if d.id > 4 { "ON" } else { "OFF" }),
                    bit(d.id > 4),
                    int(1),
                    text("FULL"),
                    bit(false),
                    bit(false),
                    bit(false),
                    bit(false),
                    int(if d.change_feed { 6 } else { 0 }),
                    text(if d.change_feed { "REPLICATION" } else { "NOTHING" }),
                    bit(false),
                    bit(d.id > 4),
                    int(0),
                    text("NONE"),
                    int(0),
                    text("DISABLED"),
                    bit(d.change_feed),
                    bit(d.change_feed),
                    bit(false),
                    int(0),
                    text("UNSUPPORTED"),
                ]
            })
            .collect()
    ),
    view!(
        "sys.database_principals",
        [
            required("name", NAME),
            required("principal_id", INT),
            required("type", SqlType::Char(1)),
            column("type_desc", DESC),
            column("default_schema_name", NAME),
            required("create_date", WHEN),
            required("modify_date", WHEN),
            column("owning_principal_id", INT),
            column("sid", SID),
            required("is_fixed_role", BIT),
            required("authentication_type", INT),
            column("authentication_type_desc", DESC),
            column("default_language_name", NAME),
            column("default_language_lcid", INT),
            required("allow_encrypted_value_modifications", BIT),
            column("tenant_id", GUID),
        ],
        |c| c
            .database
            .principals
            .values()
            .filter(|p| c.state.sees_principal(&c.token, c.database, p.id))
            .map(|p| {
                let (code, desc) = match p.authentication {
                    Authentication::None => (0, "NONE"),
                    Authentication::Instance => (1, "INSTANCE"),
                    Authentication::External => (4, "EXTERNAL"),
                };
                vec![
                    text(&p.name),
                    int(p.id),
                    text(p.kind.letter()),
                    text(user_type(p.kind)),
                    or_null(p.default_schema.as_deref().map(text)),
                    moments::datetime(p.created),
                    moments::datetime(p.modified),
                    or_null(p.owner.map(int)),
                    or_null(p.sid.clone().map(Value::Bytes)),
                    bit(p.fixed),
                    int(code),
                    text(desc),
                    Value::Null,
                    Value::Null,
                    bit(false),
                    Value::Null,
                ]
            })
            .collect()
    ),
    view!(
        "sys.database_role_members",
        [required("role_principal_id", INT), required("member_principal_id", INT)],
        |c| {
            c.database
                .members
                .iter()
                .filter(|(_, member)| c.state.sees_principal(&c.token, c.database, *member))
                .map(|(role, member)| vec![int(*role), int(*member)])
                .collect()
        }
    ),
    view!(
        "sys.database_permissions",
        [
            required("class", TINY),
            column("class_desc", DESC),
            required("major_id", INT),
            required("minor_id", INT),
            required("grantee_principal_id", INT),
            required("grantor_principal_id", INT),
            required("type", SqlType::Char(4)),
            column("permission_name", NAME),
            required("state", SqlType::Char(1)),
            column("state_desc", DESC),
        ],
        |c| c
            .database
            .permissions
            .iter()
            .filter(|row| c.state.sees_principal(&c.token, c.database, row.grantee))
            .map(permission_row)
            .collect()
    ),
    view!("sys.schemas", [required("name", NAME), required("schema_id", INT), column("principal_id", INT)], |c| {
        c.database.schemas.values().map(|s| vec![text(&s.name), int(s.id), int(s.owner)]).collect()
    }),
    view!(
        "sys.tables",
        [
            required("name", NAME),
            required("object_id", INT),
            column("principal_id", INT),
            required("schema_id", INT),
            required("parent_object_id", INT),
            column("type", SqlType::Char(2)),
            column("type_desc", DESC),
            required("create_date", WHEN),
            required("modify_date", WHEN),
            required("is_ms_shipped", BIT),
            required("is_published", BIT),
            required("is_schema_published", BIT),
            required("lob_data_space_id", INT),
            required("max_column_id_used", INT),
            column("is_replicated", BIT),
            column("is_memory_optimized", BIT),
            column("durability", TINY),
            column("temporal_type", TINY),
            column("temporal_type_desc", DESC),
            column("history_table_id", INT),
            required("is_external", BIT),
            required("is_node", BIT),
            required("is_edge", BIT),
            column("ledger_type", TINY),
            column("ledger_type_desc", DESC),
            column("is_tracked_by_cdc", BIT),
            required("is_filetable", BIT),
            column("lock_escalation", TINY),
        ],
        |c| c
            .objects()
            .map(|t| {
                let mut row = object_row(&t.name, t.id, t.schema, 0, "U ", "USER_TABLE", t.created, t.modified);
                row.extend([
                    int(0),
                    int(t.next_column - 1),
                    bit(false),
                    bit(false),
                    int(0),
                    int(0),
                    text("NON_TEMPORAL_TABLE"),
                    Value::Null,
                    bit(false),
                    bit(false),
                    bit(false),
                    int(0),
                    text("NON_LEDGER_TABLE"),
                    bit(false),
                    bit(false),
                    int(0),
                ]);
                row
            })
            .collect()
    ),
    View { name: "sys.objects", columns: OBJECT_COLUMNS, rows: objects, needs: None, volatile: false },
    View { name: "sys.all_objects", columns: OBJECT_COLUMNS, rows: objects, needs: None, volatile: false },
    View {
        name: "sys.views",
        columns: OBJECT_COLUMNS,
        rows: |c| objects(c).into_iter().filter(|row| row[5] == text("V ")).collect(),
        needs: None,
        volatile: false,
    },
    view!(
        "sys.columns",
        [
            required("object_id", INT),
            column("name", NAME),
            required("column_id", INT),
            required("system_type_id", TINY),
            required("user_type_id", INT),
            required("max_length", SMALL),
            required("precision", TINY),
            required("scale", TINY),
            column("collation_name", NAME),
            column("is_nullable", BIT),
            required("is_ansi_padded", BIT),
            required("is_rowguidcol", BIT),
            required("is_identity", BIT),
            required("is_computed", BIT),
            required("is_filestream", BIT),
            required("is_sparse", BIT),
            required("default_object_id", INT),
            column("generated_always_type", TINY),
            column("encryption_type", INT),
            column("encryption_type_desc", DESC),
            required("is_hidden", BIT),
            required("is_masked", BIT),
            column("graph_type", INT),
            column("is_data_deletion_filter_column", BIT),
            column("ledger_view_column_type", TINY),
        ],
        |c| c.objects().flat_map(|t| t.columns.iter().map(|column| column_row(t, column))).collect()
    ),
    view!(
        "sys.types",
        [
            required("name", NAME),
            required("system_type_id", TINY),
            required("user_type_id", INT),
            required("schema_id", INT),
            column("principal_id", INT),
            required("max_length", SMALL),
            required("precision", TINY),
            required("scale", TINY),
            column("collation_name", NAME),
            column("is_nullable", BIT),
            required("is_user_defined", BIT),
            required("is_assembly_type", BIT),
            required("default_object_id", INT),
            required("rule_object_id", INT),
            required("is_table_type", BIT),
        ],
        |_| TYPES
            .iter()
            .map(|&(name, system, user, length, precision, scale, assembly)| vec![
                text(name),
                int(system),
                int(user),
                int(4),
                Value::Null,
                int(length),
                int(precision),
                int(scale),
                if collates(name) { text("SQL_Latin1_General_CP1_CI_AS") } else { Value::Null },
                bit(!matches!(name, "sysname" | "timestamp")),
                bit(false),
                bit(assembly),
                int(0),
                int(0),
                bit(false),
            ])
            .collect()
    ),
    view!(
        "sys.indexes",
        [
            required("object_id", INT),
            column("name", NAME),
            required("index_id", INT),
            required("type", TINY),
            column("type_desc", DESC),
            column("is_unique", BIT),
            column("data_space_id", INT),
            column("ignore_dup_key", BIT),
            column("is_primary_key", BIT),
            column("is_unique_constraint", BIT),
            column("fill_factor", TINY),
            column("is_padded", BIT),
            column("is_disabled", BIT),
            column("is_hypothetical", BIT),
            column("has_filter", BIT),
            column("filter_definition", SqlType::NVarChar(None)),
        ],
        |c| c.objects().flat_map(|t| index_rows(t)).collect()
    ),
    view!(
        "sys.index_columns",
        [
            required("object_id", INT),
            required("index_id", INT),
            required("index_column_id", INT),
            required("column_id", INT),
            required("key_ordinal", TINY),
            required("partition_ordinal", TINY),
            column("is_descending_key", BIT),
            column("is_included_column", BIT),
        ],
        |c| c
            .objects()
            .flat_map(|t| t.indexes.iter().flat_map(move |index| {
                let mut ordinal = 0;
                index
                    .columns
                    .iter()
                    .enumerate()
                    .map(move |(i, column)| {
                        let key = !column.included
                            && !matches!(
                                index.kind,
                                IndexKind::ClusteredColumnstore | IndexKind::NonclusteredColumnstore
                            );
                        ordinal += i64::from(key);
                        vec![
                            int(t.id),
                            int(index.id),
                            Value::Int(i64::try_from(i + 1).unwrap_or(0)),
                            int(column.column),
                            Value::Int(if key { ordinal } else { 0 }),
                            int(0),
                            bit(column.descending),
                            bit(!key),
                        ]
                    })
                    .collect::<Vec<_>>()
            }))
            .collect()
    ),
    view!(
        "sys.key_constraints",
        [
            required("name", NAME),
            required("object_id", INT),
            column("principal_id", INT),
            required("schema_id", INT),
            required("parent_object_id", INT),
            column("type", SqlType::Char(2)),
            column("type_desc", DESC),
            required("create_date", WHEN),
            required("modify_date", WHEN),
            required("is_ms_shipped", BIT),
            required("is_published", BIT),
            required("is_schema_published", BIT),
            column("unique_index_id", INT),
            required("is_system_named", BIT),
        ],
        |c| c
            .objects()
            .flat_map(|t| t.indexes.iter().filter(|i| i.primary || i.constraint).map(move |i| {
                let (letter, desc) =
                    if i.primary { ("PK", "PRIMARY_KEY_CONSTRAINT") } else { ("UQ", "UNIQUE_CONSTRAINT") };
                let mut row = object_row(&i.name, i.object_id, t.schema, t.id, letter, desc, t.created, t.modified);
                row.extend([int(i.id), bit(false)]);
                row
            }))
            .collect()
    ),
    view!(
        "sys.configurations",
        [
            required("configuration_id", INT),
            required("name", SqlType::NVarChar(Some(35))),
            column("value", SqlType::SqlVariant),
            column("minimum", SqlType::SqlVariant),
            column("maximum", SqlType::SqlVariant),
            column("value_in_use", SqlType::SqlVariant),
            required("description", SqlType::NVarChar(Some(255))),
            required("is_dynamic", BIT),
            required("is_advanced", BIT),
        ],
        |_| vec![vec![
            int(1536),
            text("max text repl size (B)"),
            int(65536),
            int(-1),
            int(i32::MAX),
            int(65536),
            text("Maximum size of a text field in replication."),
            bit(true),
            bit(false)
        ]]
    ),
    view!(
        "sys.dm_server_managed_identities",
        [
            column("client_id", GUID),
            column("tenant_id", GUID),
            column("identity_type", NAME),
            column("is_primary", BIT),
            column("object_id", GUID),
        ],
        managed_identities,
        |c| if c.may_server("VIEW SERVER SECURITY STATE") || c.may_server("VIEW SERVER STATE") {
            Ok(())
        } else {
            Err(errors::server_denied("VIEW SERVER SECURITY STATE", "master"))
        }
    ),
    view!(
        "sys.dm_exec_sessions",
        [
            required("session_id", SMALL),
            required("login_time", WHEN),
            column("host_name", NAME),
            column("program_name", NAME),
            column("client_interface_name", SqlType::NVarChar(Some(32))),
            required("security_id", SID),
            required("login_name", NAME),
            required("status", SqlType::NVarChar(Some(30))),
            required("is_user_process", BIT),
            required("original_security_id", SID),
            required("original_login_name", NAME),
            required("database_id", SMALL),
            required("open_transaction_count", INT),
        ],
        sessions,
        |_| Ok(())
    ),
    view!(
        "sys.dm_change_feed_errors",
        [
            column("session_id", INT),
            column("source_task", TINY),
            column("table_id", INT),
            column("table_group_id", GUID),
            column("capture_phase_number", INT),
            column("entry_time", WHEN),
            column("error_number", INT),
            column("error_severity", INT),
            column("error_state", INT),
            column("error_message", SqlType::NVarChar(Some(1024))),
            column("batch_start_lsn", SqlType::NVarChar(Some(23))),
            column("batch_end_lsn", SqlType::NVarChar(Some(23))),
            column("tran_begin_lsn", SqlType::NVarChar(Some(23))),
            column("tran_commit_lsn", SqlType::NVarChar(Some(23))),
            column("sequence_value", SqlType::NVarChar(Some(23))),
            column("command_id", INT),
        ],
        |_| Vec::new(),
        database_state
    ),
    view!(
        "sys.dm_change_feed_log_scan_sessions",
        [
            required("session_id", INT),
            column("start_time", WHEN),
            column("end_time", WHEN),
            column("duration", INT),
            column("batch_processing_phase", SqlType::NVarChar(Some(200))),
            column("error_count", INT),
            column("batch_start_lsn", SqlType::NVarChar(Some(23))),
            column("currently_processed_lsn", SqlType::NVarChar(Some(23))),
            column("batch_end_lsn", SqlType::NVarChar(Some(23))),
            column("tran_count", SqlType::BigInt),
            column("currently_processed_commit_lsn", SqlType::NVarChar(Some(23))),
            column("currently_processed_commit_time", WHEN),
            column("log_record_count", INT),
            column("schema_change_count", INT),
            column("command_count", INT),
            column("latency", INT),
            column("empty_scan_count", INT),
            column("failed_sessions_count", INT),
        ],
        |_| Vec::new(),
        database_state
    ),
    view!(
        "INFORMATION_SCHEMA.TABLES",
        [
            column("TABLE_CATALOG", NAME),
            column("TABLE_SCHEMA", NAME),
            required("TABLE_NAME", NAME),
            column("TABLE_TYPE", SqlType::VarChar(Some(10)))
        ],
        |c| {
            objects(c)
                .into_iter()
                .filter(|row| row[5] != text("PK") && row[5] != text("UQ"))
                .map(|row| {
                    let schema = if let Value::Int(id) = row[3] {
                        c.database.schema_name(i32::try_from(id).unwrap_or(0)).to_owned()
                    } else {
                        String::new()
                    };
                    vec![
                        text(&c.database.name),
                        text(schema),
                        row[0].clone(),
                        text(if row[5] == text("V ") { "VIEW" } else { "BASE TABLE" }),
                    ]
                })
                .collect()
        }
    ),
    view!(
        "INFORMATION_SCHEMA.COLUMNS",
        [
            column("TABLE_CATALOG", NAME),
            column("TABLE_SCHEMA", NAME),
            required("TABLE_NAME", NAME),
            column("COLUMN_NAME", NAME),
            column("ORDINAL_POSITION", INT),
            column("IS_NULLABLE", SqlType::VarChar(Some(3))),
            column("DATA_TYPE", NAME),
            column("CHARACTER_MAXIMUM_LENGTH", INT),
            column("NUMERIC_PRECISION", TINY),
            column("NUMERIC_SCALE", INT),
        ],
        |c| c
            .objects()
            .flat_map(|t| t.columns.iter().map(move |column| {
                let of = &column.column_type;
                let length =
                    types::text_length(of.sql_type).map(i32::from).or(types::is_text(of.sql_type).then_some(-1));
                let numeric = types::is_number(of.sql_type);
                vec![
                    text(&c.database.name),
                    text(c.database.schema_name(t.schema)),
                    text(&t.name),
                    text(&column.name),
                    int(column.id),
                    text(if column.nullable { "YES" } else { "NO" }),
                    text(of.name),
                    or_null(length.map(int)),
                    if numeric { int(of.precision) } else { Value::Null },
                    if numeric { int(of.scale) } else { Value::Null },
                ]
            }))
            .collect()
    ),
    view!(
        "INFORMATION_SCHEMA.SCHEMATA",
        [column("CATALOG_NAME", NAME), required("SCHEMA_NAME", NAME), column("SCHEMA_OWNER", NAME)],
        |c| {
            c.database
                .schemas
                .values()
                .map(|s| {
                    vec![
                        text(&c.database.name),
                        text(&s.name),
                        or_null(c.database.principals.get(&s.owner).map(|p| text(&p.name))),
                    ]
                })
                .collect()
        }
    ),
];

static FUNCTIONS: &[TableFunction] = &[
    TableFunction {
        name: "fn_builtin_permissions",
        arguments: 1,
        view: view!(
            "sys.fn_builtin_permissions",
            [
                column("class_desc", DESC),
                column("permission_name", DESC),
                column("type", SqlType::VarChar(Some(4))),
                column("covering_permission_name", DESC),
                column("parent_class_desc", DESC),
                column("parent_covering_permission_name", DESC),
            ],
            |_| Vec::new()
        ),
        rows: |c, arguments| {
            let wanted = if let Some(Value::Text(class)) = arguments.first() {
                Some(class.trim().to_ascii_uppercase())
            } else {
                None
            };
            Ok(permissions::all()
                .iter()
                .filter(|b| {
                    wanted.as_deref().is_none_or(|w| w.is_empty() || b.class.word() == w)
                        && permissions::exists(b, c.ambient.facts.update_policy)
                })
                .map(|b| {
                    vec![
                        text(b.class.word()),
                        text(b.name),
                        text(b.code),
                        text(b.covering.unwrap_or("")),
                        text(b.class.parent().map_or("", Class::word)),
                        text(b.parent_covering.unwrap_or("")),
                    ]
                })
                .collect())
        },
    },
    TableFunction {
        name: "fn_my_permissions",
        arguments: 2,
        view: view!(
            "sys.fn_my_permissions",
            [required("entity_name", NAME), required("subentity_name", NAME), required("permission_name", DESC)],
            |_| Vec::new()
        ),
        rows: my_permissions,
    },
];

fn my_permissions(c: &Context<'_>, arguments: &[Value]) -> Result<Vec<Vec<Value>>, Message> {
    let Some(Value::Text(class)) = arguments.get(1) else { return Ok(Vec::new()) };
    let Some(class) = Class::named(class) else { return Ok(Vec::new()) };
    let name = if let Some(Value::Text(name)) = arguments.first() { Some(name.as_str()) } else { None };
    let target = match (class, name) {
        (Class::Server, _) => Target::SERVER,
        (Class::Database, _) => Target::database(c.database.id),
        (Class::Schema, Some(name)) => match c.database.schema(name) {
            Some(schema) => Target::in_database(class, c.database.id, schema.id),
            None => return Ok(Vec::new()),
        },
        (Class::Object, Some(name)) => {
            let mut parts = super::security_functions::parts_of(name);
            let table = parts.pop().unwrap_or_default();
            let schema = parts.pop().and_then(|s| c.database.schema(&s)).map_or(1, |s| s.id);
            match c.database.table(schema, &table) {
                Some(table) => Target::in_database(class, c.database.id, table.id),
                None => return Ok(Vec::new()),
            }
        }
        _ => return Err(errors::outside(&format!("fn_my_permissions on {}", class.word()))),
    };
    let shown = match class {
        Class::Server => "server",
        Class::Database => "database",
        _ => name.unwrap_or(""),
    };
    Ok(permissions::all()
        .iter()
        .filter(|b| {
            b.class == class
                && permissions::exists(b, c.ambient.facts.update_policy)
                && c.state.holds(&c.token, target, b)
        })
        .map(|b| vec![text(shown), text(""), text(b.name)])
        .collect())
}

fn server_principals<'a>(c: &'a Context<'_>) -> impl Iterator<Item = &'a super::state::ServerPrincipal> {
    c.state.server_principals.values().filter(|p| c.state.sees_login(&c.token, p.id))
}

fn server_type(kind: PrincipalType) -> &'static str {
    match kind {
        PrincipalType::Sql => "SQL_LOGIN",
        PrincipalType::External => "EXTERNAL_LOGIN",
        PrincipalType::ExternalGroup => "EXTERNAL_GROUP",
        PrincipalType::Role => "SERVER_ROLE",
    }
}

fn user_type(kind: PrincipalType) -> &'static str {
    match kind {
        PrincipalType::Sql => "SQL_USER",
        PrincipalType::External => "EXTERNAL_USER",
        PrincipalType::ExternalGroup => "EXTERNAL_GROUP",
        PrincipalType::Role => "DATABASE_ROLE",
    }
}

pub fn state_letter(state: PermissionState) -> (&'static str, &'static str) {
    match state {
        PermissionState::Grant => ("G", "GRANT"),
        PermissionState::GrantWithOption => ("W", "GRANT_WITH_GRANT_OPTION"),
        PermissionState::Deny => ("D", "DENY"),
    }
}

fn permission_row(row: &PermissionRow) -> Vec<Value> {
    let (class, class_desc) = row.permission.class.code();
    let (state, state_desc) = state_letter(row.state);
    vec![
        int(class),
        text(class_desc),
        int(row.major),
        int(row.minor),
        int(row.grantee),
        int(row.grantor),
        text(format!("{:<4}", row.permission.code)),
        text(row.permission.name),
        text(state),
        text(state_desc),
    ]
}

#[allow(clippy::too_many_arguments, reason = "the columns every object has")]
fn object_row(
    name: &str,
    id: i32,
    schema: i32,
    parent: i32,
    letter: &str,
    desc: &str,
    created: jiff::Timestamp,
    modified: jiff::Timestamp,
) -> Vec<Value> {
    vec![
        text(name),
        int(id),
        Value::Null,
        int(schema),
        int(parent),
        text(letter),
        text(desc),
        moments::datetime(created),
        moments::datetime(modified),
        bit(false),
        bit(false),
        bit(false),
    ]
}

fn objects(c: &Context<'_>) -> Vec<Vec<Value>> {
    let tables = c.objects().flat_map(|t| {
        let own = object_row(&t.name, t.id, t.schema, 0, "U ", "USER_TABLE", t.created, t.modified);
        let keys = t.indexes.iter().filter(|i| i.primary || i.constraint).map(|i| {
            let (letter, desc) = if i.primary { ("PK", "PRIMARY_KEY_CONSTRAINT") } else { ("UQ", "UNIQUE_CONSTRAINT") };
            object_row(&i.name, i.object_id, t.schema, t.id, letter, desc, t.created, t.modified)
        });
        std::iter::once(own).chain(keys.collect::<Vec<_>>())
    });
    let views = c.database.views.values().filter(|v| c.state.sees_object(&c.token, c.database, v.id));
    tables.chain(views.map(|v| object_row(&v.name, v.id, v.schema, 0, "V ", "VIEW", v.created, v.modified))).collect()
}

fn collates(type_name: &str) -> bool {
    matches!(type_name, "char" | "varchar" | "nchar" | "nvarchar" | "text" | "ntext" | "sysname")
}

fn column_row(table: &Table, column: &TableColumn) -> Vec<Value> {
    let of = &column.column_type;
    let ids = TYPES.iter().find(|t| t.0 == of.name);
    vec![
        int(table.id),
        text(&column.name),
        int(column.id),
        int(ids.map_or(0, |t| t.1)),
        int(ids.map_or(0, |t| t.2)),
        int(of.max_length),
        int(of.precision),
        int(of.scale),
        if collates(of.name) {
            text(column.collation.as_deref().unwrap_or("SQL_Latin1_General_CP1_CI_AS"))
        } else {
            Value::Null
        },
        bit(column.nullable),
        bit(true),
        bit(column.rowguidcol),
        bit(column.identity.is_some()),
        bit(column.computed.is_some()),
        bit(false),
        bit(false),
        int(i32::from(column.default.is_some())),
        int(0),
        Value::Null,
        Value::Null,
        bit(false),
        bit(false),
        Value::Null,
        bit(false),
        Value::Null,
    ]
}

fn index_rows(table: &Table) -> Vec<Vec<Value>> {
    let row = |name: Value, id: i32, kind: u8, desc: &str, unique: bool, primary: bool, constraint: bool| {
        vec![
            int(table.id),
            name,
            int(id),
            int(kind),
            text(desc),
            bit(unique),
            int(1),
            bit(false),
            bit(primary),
            bit(constraint),
            int(0),
            bit(false),
            bit(false),
            bit(false),
            bit(false),
            Value::Null,
        ]
    };
    let mut rows = Vec::new();
    if !table.indexes.iter().any(|i| matches!(i.kind, IndexKind::Clustered | IndexKind::ClusteredColumnstore)) {
        rows.push(row(Value::Null, 0, 0, "HEAP", false, false, false));
    }
    for index in &table.indexes {
        let (kind, desc) = match index.kind {
            IndexKind::Clustered => (1, "CLUSTERED"),
            IndexKind::Nonclustered => (2, "NONCLUSTERED"),
            IndexKind::ClusteredColumnstore => (5, "CLUSTERED COLUMNSTORE"),
            IndexKind::NonclusteredColumnstore => (6, "NONCLUSTERED COLUMNSTORE"),
        };
        rows.push(row(text(&index.name), index.id, kind, desc, index.unique, index.primary, index.constraint));
    }
    rows
}

/// A user-assigned identity takes the place of the primary one: that is what breaks mirroring on a Managed Instance.
fn managed_identities(c: &Context<'_>) -> Vec<Vec<Value>> {
    let ids = &c.ambient.instance;
    let row = |client, object, kind: &str, primary| {
        vec![Value::Guid(client), Value::Guid(ids.tenant), text(kind), bit(primary), Value::Guid(object)]
    };
    let system = |primary| row(ids.identity_client, ids.identity_object, "System-assigned", primary);
    match c.ambient.facts.primary_identity {
        PrimaryIdentity::SystemAssigned => vec![system(true)],
        PrimaryIdentity::UserAssigned => {
            let of = |what: &str| uuid::Uuid::new_v5(&ids.identity_object, what.as_bytes());
            vec![system(false), row(of("client"), of("object"), "User-assigned", true)]
        }
        PrimaryIdentity::None => Vec::new(),
    }
}

fn sessions(c: &Context<'_>) -> Vec<Vec<Value>> {
    let all = c.may_server("VIEW SERVER PERFORMANCE STATE");
    c.ambient
        .sessions
        .iter()
        .filter(|s| all || s.id == c.ambient.session)
        .map(|s| {
            let login = c.state.server_principals.get(&s.login);
            let (sid, name) =
                (or_null(login.map(|l| Value::Bytes(l.sid.clone()))), or_null(login.map(|l| text(&l.name))));
            vec![
                int(i64::from(s.id)),
                moments::datetime(s.since),
                text(&s.host),
                text(&s.program),
                text(&s.library),
                sid.clone(),
                name.clone(),
                text(if s.id == c.ambient.session { "running" } else { "sleeping" }),
                bit(true),
                sid,
                name,
                int(s.database),
                int(s.transactions),
            ]
        })
        .collect()
}

fn database_state(c: &Context<'_>) -> Result<(), Message> {
    if c.may("VIEW DATABASE PERFORMANCE STATE") {
        return Ok(());
    }
    Err(errors::database_denied("VIEW DATABASE PERFORMANCE STATE", &c.database.name))
}
