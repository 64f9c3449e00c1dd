//! Columns of views, as the pages of the views and others' lists of a server's columns have them.

use super::{Outcome, admin, answer, instance, run};
use emulator_ground::value::SqlType;

const COLUMNS: &[(&str, &str)] = &[
    (
        "sys.columns",
        "object_id name column_id system_type_id user_type_id max_length precision scale collation_name is_nullable \
        is_ansi_padded is_rowguidcol is_identity is_computed is_filestream is_replicated is_non_sql_subscribed \
        is_merge_published is_dts_replicated is_xml_document xml_collection_id default_object_id rule_object_id \
        is_sparse is_column_set generated_always_type generated_always_type_desc encryption_type \
        encryption_type_desc encryption_algorithm_name column_encryption_key_id column_encryption_key_database_name \
        is_hidden is_masked graph_type graph_type_desc is_data_deletion_filter_column ledger_view_column_type \
        ledger_view_column_type_desc is_dropped_ledger_column",
    ),
    (
        "sys.tables",
        "name object_id principal_id schema_id parent_object_id type type_desc create_date modify_date is_ms_shipped \
        is_published is_schema_published lob_data_space_id filestream_data_space_id max_column_id_used \
        lock_on_bulk_load uses_ansi_nulls is_replicated has_replication_filter is_merge_published \
        is_sync_tran_subscribed has_unchecked_assembly_data text_in_row_limit large_value_types_out_of_row \
        is_tracked_by_cdc lock_escalation lock_escalation_desc is_filetable is_memory_optimized durability \
        durability_desc temporal_type temporal_type_desc history_table_id is_remote_data_archive_enabled is_external \
        history_retention_period history_retention_period_unit history_retention_period_unit_desc is_node is_edge \
        data_retention_period data_retention_period_unit data_retention_period_unit_desc ledger_type \
        ledger_type_desc ledger_view_id is_dropped_ledger_table",
    ),
    (
        "sys.indexes",
        "object_id name index_id type type_desc is_unique data_space_id ignore_dup_key is_primary_key \
        is_unique_constraint fill_factor is_padded is_disabled is_hypothetical allow_row_locks allow_page_locks \
        has_filter filter_definition compression_delay suppress_dup_key_messages auto_created \
        optimize_for_sequential_key",
    ),
    (
        "sys.index_columns",
        "object_id index_id index_column_id column_id key_ordinal partition_ordinal is_descending_key \
        is_included_column column_store_order_ordinal",
    ),
    (
        "sys.database_files",
        "file_id file_guid type type_desc data_space_id name physical_name state state_desc size max_size growth \
        is_media_read_only is_read_only is_sparse is_percent_growth is_name_reserved is_persistent_log_buffer \
        create_lsn drop_lsn read_only_lsn read_write_lsn differential_base_lsn differential_base_guid \
        differential_base_time redo_start_lsn redo_start_fork_guid redo_target_lsn redo_target_fork_guid backup_lsn",
    ),
    (
        "sys.column_master_keys",
        "name column_master_key_id create_date modify_date key_store_provider_name key_path \
        allow_enclave_computations signature",
    ),
    ("sys.column_encryption_keys", "name column_encryption_key_id create_date modify_date"),
    (
        "sys.partitions",
        "partition_id object_id index_id partition_number hobt_id rows filestream_filegroup_id data_compression \
        data_compression_desc xml_compression xml_compression_desc",
    ),
    (
        "sys.server_principals",
        "name principal_id sid type type_desc is_disabled create_date modify_date default_database_name \
        default_language_name credential_id owning_principal_id is_fixed_role tenant_id",
    ),
    (
        "INFORMATION_SCHEMA.SCHEMATA",
        "CATALOG_NAME SCHEMA_NAME SCHEMA_OWNER DEFAULT_CHARACTER_SET_CATALOG DEFAULT_CHARACTER_SET_SCHEMA \
        DEFAULT_CHARACTER_SET_NAME",
    ),
    (
        "INFORMATION_SCHEMA.SEQUENCES",
        "SEQUENCE_CATALOG SEQUENCE_SCHEMA SEQUENCE_NAME DATA_TYPE NUMERIC_PRECISION NUMERIC_PRECISION_RADIX \
        NUMERIC_SCALE START_VALUE MINIMUM_VALUE MAXIMUM_VALUE INCREMENT CYCLE_OPTION DECLARED_DATA_TYPE \
        DECLARED_DATA_PRECISION DECLARED_NUMERIC_SCALE",
    ),
    (
        "INFORMATION_SCHEMA.ROUTINES",
        "SPECIFIC_CATALOG SPECIFIC_SCHEMA SPECIFIC_NAME ROUTINE_CATALOG ROUTINE_SCHEMA ROUTINE_NAME ROUTINE_TYPE \
        MODULE_CATALOG MODULE_SCHEMA MODULE_NAME UDT_CATALOG UDT_SCHEMA UDT_NAME DATA_TYPE CHARACTER_MAXIMUM_LENGTH \
        CHARACTER_OCTET_LENGTH COLLATION_CATALOG COLLATION_SCHEMA COLLATION_NAME CHARACTER_SET_CATALOG \
        CHARACTER_SET_SCHEMA CHARACTER_SET_NAME NUMERIC_PRECISION NUMERIC_PRECISION_RADIX NUMERIC_SCALE \
        DATETIME_PRECISION INTERVAL_TYPE INTERVAL_PRECISION TYPE_UDT_CATALOG TYPE_UDT_SCHEMA TYPE_UDT_NAME \
        SCOPE_CATALOG SCOPE_SCHEMA SCOPE_NAME MAXIMUM_CARDINALITY DTD_IDENTIFIER ROUTINE_BODY ROUTINE_DEFINITION \
        EXTERNAL_NAME EXTERNAL_LANGUAGE PARAMETER_STYLE IS_DETERMINISTIC SQL_DATA_ACCESS IS_NULL_CALL SQL_PATH \
        SCHEMA_LEVEL_ROUTINE MAX_DYNAMIC_RESULT_SETS IS_USER_DEFINED_CAST IS_IMPLICITLY_INVOCABLE CREATED \
        LAST_ALTERED",
    ),
];

#[test]
fn views_have_the_columns_of_their_pages_in_order() {
    let instance = instance();
    let mut session = admin(&instance, "Sales");
    let mut columns_of = |view: &str| {
        let outcomes = run(&mut *session, &format!("SELECT * FROM {view}"));
        let found =
            outcomes.into_iter().find_map(|o| if let Outcome::Rows { columns, .. } = o { Some(columns) } else { None });
        found.unwrap_or_else(|| panic!("{view} has columns"))
    };
    for (view, expected) in COLUMNS {
        let names: Vec<String> = columns_of(view).into_iter().map(|c| c.name).collect();
        assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>(), "{view}");
    }
    assert_eq!(columns_of("sys.databases").len(), 98);
    assert_eq!(columns_of("sys.dm_exec_sessions").len(), 50);
    assert_eq!(columns_of("sys.all_sql_modules").len(), 10);
    let scans = columns_of("sys.dm_change_feed_log_scan_sessions");
    let wide: Vec<&str> = scans.iter().filter(|c| c.sql_type == SqlType::BigInt).map(|c| c.name.as_str()).collect();
    assert_eq!(wide, ["tran_count", "log_record_count", "command_count"]);
}

#[test]
fn new_columns_tell_of_the_state() {
    let instance = instance();
    let mut session = admin(&instance, "Sales");
    let text = "CREATE COLUMN MASTER KEY k WITH (KEY_STORE_PROVIDER_NAME = 'AZURE_KEY_VAULT', KEY_PATH = N'https://vault/keys/k', ENCLAVE_COMPUTATIONS (SIGNATURE = 0x0102))
        CREATE COLUMN ENCRYPTION KEY e WITH VALUES (COLUMN_MASTER_KEY = k, ALGORITHM = 'RSA_OAEP', ENCRYPTED_VALUE = 0x01)
        CREATE TABLE dbo.Secret (Id int PRIMARY KEY, Code varbinary(20) ENCRYPTED WITH (COLUMN_ENCRYPTION_KEY = e, ENCRYPTION_TYPE = RANDOMIZED, ALGORITHM = 'AEAD_AES_256_CBC_HMAC_SHA_256'))";
    run(&mut *session, text);
    let cases = [
        (
            "SELECT name, key_store_provider_name, key_path, allow_enclave_computations, signature FROM sys.column_master_keys",
            "k|AZURE_KEY_VAULT|https://vault/keys/k|1|0x0102",
        ),
        (
            "SELECT encryption_type_desc, encryption_algorithm_name, column_encryption_key_id FROM sys.columns WHERE name = 'Code'",
            "RANDOMIZED|AEAD_AES_256_CBC_HMAC_SHA_256|1",
        ),
        (
            "SELECT lob_data_space_id, lock_escalation_desc, durability_desc, history_retention_period FROM sys.tables WHERE name = 'Orders'",
            "1|TABLE|SCHEMA_AND_DATA|NULL",
        ),
        ("SELECT lob_data_space_id FROM sys.tables WHERE name = 'Secret'", "0"),
        (
            "SELECT page_verify_option_desc, is_query_store_on, is_auto_close_on, catalog_collation_type_desc FROM sys.databases WHERE name = 'Sales'",
            "CHECKSUM|1|0|DATABASE_DEFAULT",
        ),
        (
            "SET LOCK_TIMEOUT 500 SELECT language, date_first, quoted_identifier, transaction_isolation_level, endpoint_id FROM sys.dm_exec_sessions WHERE session_id = @@SPID",
            "us_english|7|1|2|4",
        ),
        ("SELECT lock_timeout FROM sys.dm_exec_sessions WHERE session_id = @@SPID", "500"),
        ("SELECT DISTINCT DEFAULT_CHARACTER_SET_NAME FROM INFORMATION_SCHEMA.SCHEMATA", "iso_1"),
    ];
    for (query, expected) in cases {
        assert_eq!(answer(&mut *session, query), expected, "{query}");
    }
}
