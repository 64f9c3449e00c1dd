//! Schemas, tables, columns, types, indexes.

use super::super::moments;
use super::super::state::{Constraint, IndexKind, LedgerKind, Table, TableColumn, Temporal};
use super::super::types::TYPES;
use super::{
    BIT, Context, DESC, INT, NAME, SMALL, TINY, View, ViewColumn, WHEN, bit, column, int, or_null, required, text,
};
use crate::tsql::ast::{Generated, GraphKind};
use crate::value::{SqlType, Value};

pub static VIEWS: &[View] = &[
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
                row.extend([
                    int(0),
                    int(t.next_column - 1),
                    bit(false),
                    bit(t.traits.memory_optimized),
                    int(i32::from(t.traits.schema_only)),
                    int(temporal),
                    text(temporal_desc),
                    or_null(t.traits.history.map(int)),
                    bit(false),
                    bit(t.traits.graph == Some(GraphKind::Node)),
                    bit(t.traits.graph == Some(GraphKind::Edge)),
                    int(ledger),
                    text(ledger_desc),
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
    View {
        name: "sys.default_constraints",
        columns: CONSTRAINT_COLUMNS,
        rows: |c| constraints(c, "D "),
        needs: None,
        volatile: false,
    },
    View {
        name: "sys.check_constraints",
        columns: CONSTRAINT_COLUMNS,
        rows: |c| constraints(c, "C "),
        needs: None,
        volatile: false,
    },
    view!(
        "sys.masked_columns",
        [
            required("object_id", INT),
            column("name", NAME),
            required("column_id", INT),
            required("is_masked", BIT),
            column("masking_function", SqlType::NVarChar(Some(4000))),
        ],
        |c| c
            .objects()
            .flat_map(|t| t.columns.iter().map(move |column| (t, column)))
            .filter_map(|(t, column)| {
                let mask = column.masked.as_ref()?;
                Some(vec![int(t.id), text(&column.name), int(column.id), bit(true), text(mask)])
            })
            .collect()
    ),
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
    view!("sys.column_master_keys", [required("name", NAME), required("column_master_key_id", INT)], |c| {
        let seen = c.may("VIEW ANY COLUMN MASTER KEY DEFINITION");
        let keys = (1i32..).zip(&c.database.column_master_keys).filter(|_| seen);
        keys.map(|(id, name)| vec![text(name), int(id)]).collect()
    }),
    view!("sys.column_encryption_keys", [required("name", NAME), required("column_encryption_key_id", INT)], |c| {
        let seen = c.may("VIEW ANY COLUMN ENCRYPTION KEY DEFINITION");
        let keys = (1i32..).zip(&c.database.column_keys).filter(|_| seen);
        keys.map(|(id, name)| vec![text(name), int(id)]).collect()
    }),
];

const CONSTRAINT_COLUMNS: &[ViewColumn] = &[
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
    required("parent_column_id", INT),
    column("definition", SqlType::NVarChar(None)),
    required("is_system_named", BIT),
];

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

pub(super) fn objects(c: &Context<'_>) -> Vec<Vec<Value>> {
    let tables = c.objects().flat_map(|t| {
        let own = object_row(&t.name, t.id, t.schema, 0, "U ", "USER_TABLE", t.created, t.modified);
        let keys = t.indexes.iter().filter(|i| i.primary || i.constraint).map(|i| {
            let (letter, desc) = if i.primary { ("PK", "PRIMARY_KEY_CONSTRAINT") } else { ("UQ", "UNIQUE_CONSTRAINT") };
            object_row(&i.name, i.object_id, t.schema, t.id, letter, desc, t.created, t.modified)
        });
        let others = t.constraints().map(|(letter, desc, constraint, _)| constraint_row(t, letter, desc, constraint));
        std::iter::once(own).chain(keys.collect::<Vec<_>>()).chain(others.collect::<Vec<_>>())
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
        int(column.default_constraint.as_ref().map_or(0, |d| d.object_id)),
        int(generated_type(column.generated)),
        or_null(column.encryption.map(|deterministic| int(if deterministic { 1 } else { 2 }))),
        or_null(
            column.encryption.map(|deterministic| text(if deterministic { "DETERMINISTIC" } else { "RANDOMIZED" })),
        ),
        bit(column.hidden),
        bit(column.masked.is_some()),
        Value::Null,
        bit(false),
        Value::Null,
    ]
}

/// `generated_always_type`
fn generated_type(generated: Option<Generated>) -> i32 {
    match generated {
        None => 0,
        Some(Generated::RowStart) => 1,
        Some(Generated::RowEnd) => 2,
        Some(Generated::TransactionStart) => 5,
        Some(Generated::TransactionEnd) => 6,
        Some(Generated::SequenceStart) => 7,
        Some(Generated::SequenceEnd) => 8,
    }
}

fn constraint_row(t: &Table, letter: &str, desc: &str, constraint: &Constraint) -> Vec<Value> {
    object_row(&constraint.name, constraint.object_id, t.schema, t.id, letter, desc, t.created, t.modified)
}

/// `sys.default_constraints` and `sys.check_constraints`.
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
