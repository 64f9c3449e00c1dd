//! The instance, files and the change feed.

use super::super::feed::lsn;
use super::super::{errors, moments};
use super::shape::{
    BIT, Context, DESC, GUID, INT, NAME, SMALL, TINY, View, WHEN, bit, column, int, or_null, required, text,
};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};
use emulator_ground::world::PrimaryIdentity;

pub static VIEWS: &[View] = &[
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
        |_| vec![
            // JDBC's getMaxConnections reads its maximum.
            vec![
                int(103),
                text("user connections"),
                int(0),
                int(0),
                int(32767),
                int(0),
                text("Number of user connections allowed"),
                bit(false),
                bit(true)
            ],
            vec![
                int(1536),
                text("max text repl size (B)"),
                int(65536),
                int(-1),
                int(i32::MAX),
                int(65536),
                text("Maximum size of a text field in replication."),
                bit(true),
                bit(false)
            ]
        ]
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
        "sys.database_files",
        [
            required("file_id", INT),
            column("file_guid", GUID),
            required("type", TINY),
            column("type_desc", DESC),
            required("data_space_id", INT),
            column("name", NAME),
            column("physical_name", SqlType::NVarChar(Some(260))),
            column("state", TINY),
            column("state_desc", DESC),
            required("size", INT),
            required("max_size", INT),
            required("growth", INT),
            required("is_media_read_only", BIT),
            required("is_read_only", BIT),
            required("is_sparse", BIT),
            required("is_percent_growth", BIT),
            required("is_name_reserved", BIT),
            required("is_persistent_log_buffer", BIT),
            column("create_lsn", LSN),
            column("drop_lsn", LSN),
            column("read_only_lsn", LSN),
            column("read_write_lsn", LSN),
            column("differential_base_lsn", LSN),
            column("differential_base_guid", GUID),
            column("differential_base_time", WHEN),
            column("redo_start_lsn", LSN),
            column("redo_start_fork_guid", GUID),
            column("redo_target_lsn", LSN),
            column("redo_target_fork_guid", GUID),
            column("backup_lsn", LSN),
        ],
        |_| {
            let file = |id: i32, kind: i32, desc: &str, space: i32, name: &str, pages: i64| {
                let mut row = vec![
                    int(id),
                    Value::Null,
                    int(kind),
                    text(desc),
                    int(space),
                    text(name),
                    Value::Null,
                    int(0),
                    text("ONLINE"),
                    Value::Int(pages),
                    int(-1),
                    int(8192),
                ];
                row.extend((0..6).map(|_| bit(false)));
                // There is no log here whose places could be told, and no backup.
                row.extend(std::iter::repeat_n(Value::Null, 12));
                row
            };
            vec![file(1, 0, "ROWS", 1, "data_0", 8192), file(2, 1, "LOG", 0, "log", LOG_PAGES)]
        }
    ),
    view!(
        "sys.dm_db_log_space_usage",
        [
            required("database_id", SMALL),
            required("total_log_size_in_bytes", SqlType::BigInt),
            required("used_log_space_in_bytes", SqlType::BigInt),
            required("used_log_space_in_percent", SqlType::Real),
            required("log_space_in_bytes_since_last_backup", SqlType::BigInt),
        ],
        |c| {
            // What changed takes room until it is read by the feed; the size of the file never changes.
            let total = LOG_PAGES * 8192;
            let bytes: u64 = c.database.tables.values().map(|t| t.bytes).sum();
            let used = i64::try_from(bytes).unwrap_or(total).saturating_add(1 << 20).min(total);
            #[allow(clippy::cast_precision_loss, reason = "a percentage")]
            let percent = used as f64 * 100.0 / total as f64;
            vec![vec![int(c.database.id), Value::Int(total), Value::Int(used), Value::Float(percent), Value::Int(used)]]
        },
        |c| if c.may_server("VIEW SERVER STATE") || c.may("VIEW DATABASE STATE") {
            Ok(())
        } else {
            Err(errors::database_denied("VIEW DATABASE STATE", &c.database.name))
        }
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
        feed_errors,
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
            column("log_record_count", SqlType::BigInt),
            column("schema_change_count", INT),
            column("command_count", SqlType::BigInt),
            column("latency", INT),
            column("empty_scan_count", INT),
            column("failed_sessions_count", INT),
        ],
        feed_scans,
        database_state
    ),
];

const LSN: SqlType = SqlType::Decimal { precision: 25, scale: 0 };

/// The log file of every database here: 64 MB.
const LOG_PAGES: i64 = 8192;

/// What is left of the feed's errors, as long as it is on.
fn feed_errors(c: &Context<'_>) -> Vec<Vec<Value>> {
    let Some(log) = c.ambient.feeds.get(&c.database.id).filter(|_| c.database.change_feed) else { return Vec::new() };
    let entries = log.errors.iter().map(|entry| {
        let lsn = || text(lsn(entry.lsn));
        vec![
            int(entry.scan),
            int(entry.error.task as u8),
            or_null(entry.error.table.map(int)),
            Value::Guid(uuid::Uuid::new_v5(&c.ambient.instance.identity_object, c.database.name.as_bytes())),
            Value::Null,
            moments::datetime(entry.at),
            // UNCONFIRMED: for all but trouble with the identity no number is published.
            or_null(entry.error.number.map(int)),
            int(16),
            int(1),
            text(entry.error.message.chars().take(1024).collect::<String>()),
            lsn(),
            lsn(),
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
        ]
    });
    entries.collect()
}

/// Session 0 is the aggregate since the feed was switched on.
fn feed_scans(c: &Context<'_>) -> Vec<Vec<Value>> {
    let Some(log) = c.ambient.feeds.get(&c.database.id).filter(|_| c.database.change_feed) else { return Vec::new() };
    let scans = std::iter::once(&log.all).chain(&log.scans).map(|scan| {
        let count = || Value::Int(scan.changes.cast_signed());
        vec![
            int(scan.id),
            moments::datetime(scan.start),
            moments::datetime(scan.end),
            Value::Int(scan.end.duration_since(scan.start).as_secs()),
            // 8 is done.
            text("8"),
            int(scan.errors),
            text(lsn(scan.from)),
            text(lsn(scan.to)),
            text(lsn(scan.to)),
            // UNCONFIRMED: each change counts as a transaction, a record and a command of its own.
            count(),
            text(lsn(scan.to)),
            moments::datetime(scan.end),
            count(),
            int(0),
            count(),
            int(0),
            int(scan.empty),
            int(scan.failed),
        ]
    });
    scans.collect()
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

pub fn database_state(c: &Context<'_>) -> Result<(), Message> {
    if c.may("VIEW DATABASE PERFORMANCE STATE") {
        return Ok(());
    }
    Err(errors::database_denied("VIEW DATABASE PERFORMANCE STATE", &c.database.name))
}
