//! Schemas, tables, columns, types, indexes.

use super::super::access::Target;
use super::super::moments;
use super::super::permissions::Class;
use super::super::state::{Constraint, IndexKind, LedgerKind, Object, Table, Temporal};
use super::shape::{
    BIT, Context, DESC, INT, NAME, TINY, View, ViewColumn, WHEN, bit, column, int, or_null, required, text,
};
use emulator_ground::value::{SqlType, Value};
use emulator_tsql::ast::GraphKind;

pub static VIEWS: &[View] = &[
    view!("sys.schemas", [required("name", NAME), required("schema_id", INT), column("principal_id", INT)], |c| {
        c.database.schemas.values().map(|s| vec![text(&s.name), int(s.id), int(s.owner)]).collect()
    }),
    View { name: "sys.tables", columns: TABLE_COLUMNS, rows: tables, needs: None, volatile: false },
    View { name: "sys.objects", columns: OBJECT_COLUMNS, rows: objects, needs: None, volatile: false },
    View { name: "sys.all_objects", columns: ALL_OBJECT_COLUMNS, rows: objects, needs: None, volatile: false },
    View { name: "sys.views", columns: VIEW_COLUMNS, rows: views, needs: None, volatile: false },
    View { name: "sys.all_views", columns: ALL_VIEW_COLUMNS, rows: views, needs: None, volatile: false },
    View { name: "sys.sql_modules", columns: MODULE_COLUMNS, rows: modules, needs: None, volatile: false },
    View {
        name: "sys.all_sql_modules",
        columns: ALL_MODULE_COLUMNS,
        rows: |c| {
            let mut rows = modules(c);
            rows.iter_mut().for_each(|row| row.truncate(ALL_MODULE_COLUMNS.len()));
            rows
        },
        needs: None,
        volatile: false,
    },
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
            required("fill_factor", TINY),
            column("is_padded", BIT),
            column("is_disabled", BIT),
            column("is_hypothetical", BIT),
            column("allow_row_locks", BIT),
            column("allow_page_locks", BIT),
            column("has_filter", BIT),
            column("filter_definition", SqlType::NVarChar(None)),
            column("compression_delay", INT),
            column("suppress_dup_key_messages", BIT),
            column("auto_created", BIT),
            column("optimize_for_sequential_key", BIT),
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
            required("column_store_order_ordinal", TINY),
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
                            int(0),
                        ]
                    })
                    .collect::<Vec<_>>()
            }))
            .collect()
    ),
    View {
        name: "sys.default_constraints",
        columns: CONSTRAINT_COLUMNS,
        rows: |c| constraints(c, "D "),
        needs: None,
        volatile: false,
    },
    View { name: "sys.check_constraints", columns: CHECK_COLUMNS, rows: checks, needs: None, volatile: false },
    view!(
        "sys.periods",
        [
            column("name", NAME),
            column("period_type", TINY),
            column("period_type_desc", DESC),
            required("object_id", INT),
            required("start_column_id", INT),
            required("end_column_id", INT),
        ],
        |c| c
            .objects()
            .filter_map(|t| {
                let (start, end) = t.traits.period?;
                Some(vec![text("SYSTEM_TIME"), int(1), text("SYSTEM_TIME_PERIOD"), int(t.id), int(start), int(end)])
            })
            .collect()
    ),
];

const CONSTRAINT_COLUMNS: &[ViewColumn] = with_object_columns![required:
    required("parent_column_id", INT),
    column("definition", SqlType::NVarChar(None)),
    required("is_system_named", BIT),
];

const CHECK_COLUMNS: &[ViewColumn] = with_object_columns![required:
    required("is_disabled", BIT),
    required("is_not_for_replication", BIT),
    required("is_not_trusted", BIT),
    required("parent_column_id", INT),
    column("definition", SqlType::NVarChar(None)),
    column("uses_database_collation", BIT),
    required("is_system_named", BIT),
];

const OBJECT_COLUMNS: &[ViewColumn] = with_object_columns![required:];
const ALL_OBJECT_COLUMNS: &[ViewColumn] = with_object_columns![column:];

const TABLE_COLUMNS: &[ViewColumn] = with_object_columns![required:
    required("lob_data_space_id", INT),
    column("filestream_data_space_id", INT),
    required("max_column_id_used", INT),
    required("lock_on_bulk_load", BIT),
    column("uses_ansi_nulls", BIT),
    column("is_replicated", BIT),
    column("has_replication_filter", BIT),
    column("is_merge_published", BIT),
    column("is_sync_tran_subscribed", BIT),
    required("has_unchecked_assembly_data", BIT),
    column("text_in_row_limit", INT),
    column("large_value_types_out_of_row", BIT),
    column("is_tracked_by_cdc", BIT),
    column("lock_escalation", TINY),
    column("lock_escalation_desc", DESC),
    column("is_filetable", BIT),
    column("is_memory_optimized", BIT),
    column("durability", TINY),
    column("durability_desc", DESC),
    column("temporal_type", TINY),
    column("temporal_type_desc", DESC),
    column("history_table_id", INT),
    column("is_remote_data_archive_enabled", BIT),
    required("is_external", BIT),
    column("history_retention_period", INT),
    column("history_retention_period_unit", INT),
    column("history_retention_period_unit_desc", SqlType::NVarChar(Some(10))),
    column("is_node", BIT),
    column("is_edge", BIT),
    column("data_retention_period", INT),
    column("data_retention_period_unit", INT),
    column("data_retention_period_unit_desc", SqlType::NVarChar(Some(10))),
    column("ledger_type", TINY),
    column("ledger_type_desc", DESC),
    column("ledger_view_id", INT),
    column("is_dropped_ledger_table", BIT),
];

macro_rules! view_columns {
    ($flag:ident) => {
        with_object_columns![$flag:
            column("is_replicated", BIT),
            column("has_replication_filter", BIT),
            $flag("has_opaque_metadata", BIT),
            $flag("has_unchecked_assembly_data", BIT),
            $flag("with_check_option", BIT),
            $flag("is_date_correlation_view", BIT),
            column("is_tracked_by_cdc", BIT),
            column("has_snapshot", BIT),
            column("ledger_view_type", TINY),
            column("ledger_view_type_desc", DESC),
            column("is_dropped_ledger_view", BIT),
        ]
    };
}

const VIEW_COLUMNS: &[ViewColumn] = view_columns!(required);
const ALL_VIEW_COLUMNS: &[ViewColumn] = view_columns!(column);

macro_rules! with_module_columns {
    ($($more:expr),* $(,)?) => {
        &[
            required("object_id", INT),
            column("definition", SqlType::NVarChar(None)),
            column("uses_ansi_nulls", BIT),
            column("uses_quoted_identifier", BIT),
            column("is_schema_bound", BIT),
            column("uses_database_collation", BIT),
            column("is_recompiled", BIT),
            column("null_on_null_input", BIT),
            column("execute_as_principal_id", INT),
            column("uses_native_compilation", BIT),
            $($more),*
        ]
    };
}

const MODULE_COLUMNS: &[ViewColumn] = with_module_columns![column("is_inlineable", BIT), column("inline_type", BIT)];
const ALL_MODULE_COLUMNS: &[ViewColumn] = with_module_columns![];

#[allow(clippy::too_many_arguments, reason = "the columns every object has")]
pub(super) fn object_row(
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

pub(super) fn objects(c: &Context<'_>) -> Vec<Vec<Value>> {
    let tables = c.objects().flat_map(|t| {
        let own = table_row(t);
        let keys = t.indexes.iter().filter(|i| i.primary || i.constraint).map(|i| {
            let (letter, desc) = if i.primary { ("PK", "PRIMARY_KEY_CONSTRAINT") } else { ("UQ", "UNIQUE_CONSTRAINT") };
            object_row(&i.name, i.object_id, t.schema, t.id, letter, desc, t.created, t.modified)
        });
        let others = t.constraints().map(|(letter, desc, constraint, _)| constraint_row(t, letter, desc, constraint));
        std::iter::once(own).chain(keys.collect::<Vec<_>>()).chain(others.collect::<Vec<_>>())
    });
    let modules = c.views().map(|v| own_row(v.object())).chain(c.functions().map(|f| own_row(f.object())));
    tables.chain(modules).chain(c.policies().map(|p| own_row(p.object()))).collect()
}

pub(super) fn own_row(of: Object<'_>) -> Vec<Value> {
    let (letter, description) = (of.kind.letter(), of.kind.description());
    let mut row = object_row(of.name, of.id, of.schema, 0, letter, description, of.created, of.modified);
    row[2] = or_null(of.owner.map(int));
    row
}

fn table_row(t: &Table) -> Vec<Value> {
    own_row(t.object())
}

fn tables(c: &Context<'_>) -> Vec<Vec<Value>> {
    let rows = c.objects().map(|t| {
        let mut row = table_row(t);
        let (temporal, temporal_desc) = match t.traits.temporal {
            Temporal::None => (0, "NON_TEMPORAL_TABLE"),
            Temporal::History => (1, "HISTORY_TABLE"),
            Temporal::Current => (2, "SYSTEM_VERSIONED_TEMPORAL_TABLE"),
        };
        let (ledger, ledger_desc) = match t.traits.ledger {
            LedgerKind::None => (0, "NON_LEDGER_TABLE"),
            LedgerKind::History => (1, "HISTORY_TABLE"),
            LedgerKind::Updatable => (2, "UPDATABLE_LEDGER_TABLE"),
            LedgerKind::AppendOnly => (3, "APPEND_ONLY_LEDGER_TABLE"),
        };
        let large = t.columns.iter().any(|column| column.column_type.is_large());
        let kept = t.traits.temporal == Temporal::Current;
        row.extend([
            int(i32::from(large)),
            Value::Null,
            int(t.next_column - 1),
            bit(false),
            bit(true),
            bit(false),
            bit(false),
            bit(false),
            bit(false),
            bit(false),
            int(0),
            bit(false),
            bit(false),
            int(0),
            text("TABLE"),
            bit(false),
            bit(t.traits.memory_optimized),
            int(i32::from(t.traits.schema_only)),
            text(if t.traits.schema_only { "SCHEMA_ONLY" } else { "SCHEMA_AND_DATA" }),
            int(temporal),
            text(temporal_desc),
            or_null(t.traits.history.map(int)),
            bit(false),
            bit(false),
            or_null(kept.then(|| int(-1))),
            or_null(kept.then(|| int(-1))),
            or_null(kept.then(|| text("INFINITE"))),
            bit(t.traits.graph == Some(GraphKind::Node)),
            bit(t.traits.graph == Some(GraphKind::Edge)),
            Value::Null,
            Value::Null,
            Value::Null,
            int(ledger),
            text(ledger_desc),
            Value::Null,
            bit(false),
        ]);
        row
    });
    rows.collect()
}

fn views(c: &Context<'_>) -> Vec<Vec<Value>> {
    let tail = || {
        let flags = (0..8).map(|_| bit(false));
        flags.chain([int(0), text("NON_LEDGER_VIEW"), bit(false)])
    };
    c.views().map(|v| own_row(v.object()).into_iter().chain(tail()).collect()).collect()
}

/// The text needs VIEW DEFINITION; without it the row is there and the definition is NULL.
fn modules(c: &Context<'_>) -> Vec<Vec<Value>> {
    let views = c.views().map(|v| (v.id, &v.text, false, false));
    let functions = c.functions().map(|f| (f.id, &f.text, f.bound.is_some(), true));
    views
        .chain(functions)
        .map(|(id, definition, bound, inline)| {
            let target = Target::in_database(Class::Object, c.database.id, id);
            let seen = c.state.may(&c.token, target, "VIEW DEFINITION");
            let definition = if seen { text(definition) } else { Value::Null };
            let mut row = vec![int(id), definition, bit(true), bit(true), bit(bound)];
            row.extend((0..3).map(|_| bit(false)));
            row.extend([Value::Null, bit(false), bit(inline), bit(inline)]);
            row
        })
        .collect()
}

pub(super) fn constraint_row(t: &Table, letter: &str, desc: &str, constraint: &Constraint) -> Vec<Value> {
    object_row(&constraint.name, constraint.object_id, t.schema, t.id, letter, desc, t.created, t.modified)
}

fn checks(c: &Context<'_>) -> Vec<Vec<Value>> {
    c.objects()
        .flat_map(|t| {
            t.checks.iter().map(move |check| {
                let mut row = constraint_row(t, "C ", "CHECK_CONSTRAINT", &check.constraint);
                row.extend([
                    bit(!check.enforced),
                    bit(check.not_for_replication),
                    bit(!check.trusted),
                    int(check.column),
                    text(&check.constraint.definition),
                    bit(true),
                    bit(check.constraint.system_named),
                ]);
                row
            })
        })
        .collect()
}

/// `sys.default_constraints`
fn constraints(c: &Context<'_>, wanted: &str) -> Vec<Vec<Value>> {
    c.objects()
        .flat_map(|t| {
            let of = t.constraints().filter(|(letter, ..)| *letter == wanted);
            of.map(|(letter, desc, constraint, column)| {
                let mut row = constraint_row(t, letter, desc, constraint);
                row.extend([int(column), text(&constraint.definition), bit(constraint.system_named)]);
                row
            })
            .collect::<Vec<_>>()
        })
        .collect()
}

fn index_rows(table: &Table) -> Vec<Vec<Value>> {
    let row =
        |name: Value, id: i32, kind: u8, desc: &str, [unique, primary, constraint]: [bool; 3], filter: Option<&str>| {
            let columnstore = matches!(kind, 5 | 6);
            vec![
                int(table.id),
                name,
                int(id),
                int(kind),
                text(desc),
                bit(unique),
                int(i32::from(!table.traits.memory_optimized)),
                bit(false),
                bit(primary),
                bit(constraint),
                int(0),
                bit(false),
                bit(false),
                bit(false),
                bit(kind != 5),
                bit(kind != 5),
                bit(filter.is_some()),
                or_null(filter.map(text)),
                if columnstore { int(0) } else { Value::Null },
                bit(false),
                bit(false),
                bit(false),
            ]
        };
    let mut rows = Vec::new();
    if !table.indexes.iter().any(|i| matches!(i.kind, IndexKind::Clustered | IndexKind::ClusteredColumnstore)) {
        rows.push(row(Value::Null, 0, 0, "HEAP", [false; 3], None));
    }
    for index in &table.indexes {
        let (kind, desc) = match index.kind {
            IndexKind::Clustered => (1, "CLUSTERED"),
            IndexKind::Nonclustered => (2, "NONCLUSTERED"),
            IndexKind::ClusteredColumnstore => (5, "CLUSTERED COLUMNSTORE"),
            IndexKind::NonclusteredColumnstore => (6, "NONCLUSTERED COLUMNSTORE"),
        };
        rows.push(row(
            text(&index.name),
            index.id,
            kind,
            desc,
            [index.unique, index.primary, index.constraint],
            index.filter.as_ref().map(|(_, text)| text.as_str()),
        ));
    }
    rows
}
