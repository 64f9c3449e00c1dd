//! `sys.dm_exec_sessions` and `sys.dm_exec_connections`.

use super::super::access::Identity;
use super::super::errors;
use super::super::moments;
use super::shape::{BIT, Context, GUID, INT, NAME, SID, SMALL, View, WHEN, bit, column, int, or_null, required, text};
use emulator_ground::value::{SqlType, Value};

const BIG: SqlType = SqlType::BigInt;

pub static VIEWS: &[View] = &[
    CONNECTIONS,
    view!(
        "sys.dm_exec_sessions",
        [
            required("session_id", SMALL),
            required("login_time", WHEN),
            column("host_name", NAME),
            column("program_name", NAME),
            column("host_process_id", INT),
            column("client_version", INT),
            column("client_interface_name", SqlType::NVarChar(Some(32))),
            required("security_id", SID),
            required("login_name", NAME),
            column("nt_domain", NAME),
            column("nt_user_name", NAME),
            required("status", SqlType::NVarChar(Some(30))),
            column("context_info", SqlType::VarBinary(Some(128))),
            required("cpu_time", INT),
            required("memory_usage", INT),
            required("total_scheduled_time", INT),
            required("total_elapsed_time", INT),
            required("endpoint_id", INT),
            required("last_request_start_time", WHEN),
            column("last_request_end_time", WHEN),
            required("reads", BIG),
            required("writes", BIG),
            required("logical_reads", BIG),
            required("is_user_process", BIT),
            required("text_size", INT),
            column("language", NAME),
            column("date_format", SqlType::NVarChar(Some(3))),
            required("date_first", SMALL),
            required("quoted_identifier", BIT),
            required("arithabort", BIT),
            required("ansi_null_dflt_on", BIT),
            required("ansi_defaults", BIT),
            required("ansi_warnings", BIT),
            required("ansi_padding", BIT),
            required("ansi_nulls", BIT),
            required("concat_null_yields_null", BIT),
            required("transaction_isolation_level", SMALL),
            required("lock_timeout", INT),
            required("deadlock_priority", INT),
            required("row_count", BIG),
            required("prev_error", INT),
            required("original_security_id", SID),
            required("original_login_name", NAME),
            column("last_successful_logon", WHEN),
            column("last_unsuccessful_logon", WHEN),
            column("unsuccessful_logons", BIG),
            required("group_id", INT),
            required("database_id", SMALL),
            column("authenticating_database_id", INT),
            required("open_transaction_count", INT),
        ],
        sessions,
        |_| Ok(())
    ),
];

/// Nothing is measured: times and counts of work are 0. UNCONFIRMED: what no client can set here shows
/// its default, and the group is the default one.
fn sessions(c: &Context<'_>) -> Vec<Vec<Value>> {
    let all = c.may_server("VIEW SERVER PERFORMANCE STATE");
    let rows = c.ambient.sessions.iter().filter(|s| all || s.id == c.ambient.session).map(|s| {
        let (sid, name) = s.opener(c.state).unzip();
        let (sid, name) = (or_null(sid.map(|sid| Value::Bytes(sid.to_vec()))), or_null(name.map(text)));
        let authenticating = if let Identity::Contained { database, .. } = s.entered { database } else { 0 };
        let running = s.id == c.ambient.session;
        let set = if running { &c.ambient.settings } else { &s.settings };
        vec![
            int(i64::from(s.id)),
            moments::datetime(s.since),
            text(&s.host),
            text(&s.program),
            Value::Null,
            int(7),
            text(&s.library),
            sid.clone(),
            name.clone(),
            Value::Null,
            Value::Null,
            text(if running { "running" } else { "sleeping" }),
            Value::Null,
            int(0),
            int(0),
            int(0),
            int(i32::try_from(c.ambient.now.duration_since(s.since).as_millis()).unwrap_or(i32::MAX)),
            // TSQL Default TCP
            int(4),
            moments::datetime(if running { c.ambient.now } else { s.active }),
            if running { Value::Null } else { moments::datetime(s.active) },
            int(0),
            int(0),
            int(0),
            bit(true),
            int(set.text_size),
            text("us_english"),
            text("mdy"),
            int(7),
            bit(set.quoted_identifiers),
            bit(set.arithabort),
            bit(true),
            bit(set.ansi_defaults),
            bit(true),
            bit(true),
            bit(true),
            bit(true),
            int(set.isolation),
            int(set.lock_timeout),
            int(set.deadlock_priority),
            Value::Int(if running { c.ambient.row_count } else { s.row_count }),
            int(if running { c.ambient.error_number } else { s.error_number }),
            sid,
            name,
            Value::Null,
            Value::Null,
            Value::Null,
            // The default workload group.
            int(2),
            int(s.database),
            int(authenticating),
            int(s.transactions),
        ]
    });
    rows.collect()
}

const WORD: SqlType = SqlType::NVarChar(Some(40));
const ADDRESS: SqlType = SqlType::VarChar(Some(48));

/// The page's columns, without that of Parallel Data Warehouse.
const CONNECTIONS: View = view!(
    "sys.dm_exec_connections",
    [
        column("session_id", INT),
        column("most_recent_session_id", INT),
        required("connect_time", WHEN),
        required("net_transport", WORD),
        column("protocol_type", WORD),
        column("protocol_version", INT),
        column("endpoint_id", INT),
        required("encrypt_option", WORD),
        required("auth_scheme", WORD),
        required("node_affinity", SMALL),
        column("num_reads", INT),
        column("num_writes", INT),
        column("last_read", WHEN),
        column("last_write", WHEN),
        column("net_packet_size", INT),
        column("client_net_address", ADDRESS),
        column("client_tcp_port", INT),
        column("local_net_address", ADDRESS),
        column("local_tcp_port", INT),
        required("connection_id", GUID),
        column("parent_connection_id", GUID),
        column("most_recent_sql_handle", SqlType::VarBinary(Some(64))),
    ],
    connections,
    // Not even one's own without it: 300. Since 2022 it is VIEW SERVER SECURITY STATE, which VIEW SERVER STATE covers.
    |c| if c.may_server("VIEW SERVER SECURITY STATE") {
        Ok(())
    } else {
        Err(errors::server_denied("VIEW SERVER SECURITY STATE", "master"))
    }
);

/// Reads and writes are not counted: 0. UNCONFIRMED: the scheme of those who come with a token.
fn connections(c: &Context<'_>) -> Vec<Vec<Value>> {
    let rows = c.ambient.sessions.iter().map(|s| {
        let (client, server) = (s.transport.client, s.transport.server);
        let active = moments::datetime(s.active);
        vec![
            int(s.id),
            int(s.id),
            moments::datetime(s.since),
            text("TCP"),
            text("TSQL"),
            int(s.transport.protocol.cast_signed()),
            // TSQL Default TCP of sys.endpoints.
            int(4),
            text("TRUE"),
            text("SQL"),
            int(0),
            int(0),
            int(0),
            active.clone(),
            active,
            int(s.transport.packet_size),
            or_null(client.map(|client| text(client.ip().to_string()))),
            or_null(client.map(|client| int(client.port()))),
            or_null(server.map(|server| text(server.ip().to_string()))),
            or_null(server.map(|server| int(server.port()))),
            Value::Guid(s.connection),
            Value::Null,
            Value::Null,
        ]
    });
    rows.collect()
}
