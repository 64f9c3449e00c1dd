//! Columns and types.

use super::super::state::{Table, TableColumn};
use super::super::types::TYPES;
use super::{BIT, Context, DESC, INT, NAME, SMALL, TINY, View, ViewColumn, bit, column, int, or_null, required, text};
use crate::tsql::ast::Generated;
use crate::value::{SqlType, Value};

pub static VIEWS: &[View] = &[
    View { name: "sys.columns", columns: COLUMNS, rows: all_columns, needs: None, volatile: false },
    View { name: "sys.all_columns", columns: COLUMNS, rows: all_columns, needs: None, volatile: false },
    View {
        name: "sys.computed_columns",
        columns: COMPUTED_COLUMNS,
        rows: |c| {
            table_columns(c)
                .filter_map(|(t, column)| {
                    let definition = column.computed_definition.as_ref()?;
                    let mut row = column_row(t.id, column);
                    row.extend([text(definition), bit(true), bit(column.persisted)]);
                    Some(row)
                })
                .collect()
        },
        needs: None,
        volatile: false,
    },
    View {
        name: "sys.identity_columns",
        columns: IDENTITY_COLUMNS,
        rows: |c| {
            table_columns(c)
                .filter_map(|(t, column)| {
                    let (seed, step) = column.identity?;
                    let mut row = column_row(t.id, column);
                    row.extend([int(seed), int(step), or_null(t.identity.map(int)), bit(false)]);
                    Some(row)
                })
                .collect()
        },
        needs: None,
        volatile: false,
    },
    View {
        name: "sys.masked_columns",
        columns: MASKED_COLUMNS,
        rows: |c| {
            table_columns(c)
                .filter_map(|(t, column)| {
                    let mask = column.masked.as_ref()?;
                    let mut row = column_row(t.id, column);
                    row.push(text(mask));
                    Some(row)
                })
                .collect()
        },
        needs: None,
        volatile: false,
    },
    view!(
        "sys.sensitivity_classifications",
        [
            required("class", INT),
            column("class_desc", SqlType::VarChar(Some(16))),
            required("major_id", INT),
            required("minor_id", INT),
            column("label", NAME),
            column("label_id", NAME),
            column("information_type", NAME),
            column("information_type_id", NAME),
            column("rank", INT),
            column("rank_desc", NAME),
        ],
        classifications
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
];

/// Columns as the page of the view lists them; rows need VIEW ANY SENSITIVITY CLASSIFICATION.
fn classifications(c: &Context<'_>) -> Vec<Vec<Value>> {
    let seen = c.may("VIEW ANY SENSITIVITY CLASSIFICATION");
    let all = c.database.classifications.iter().filter(|_| seen);
    all.map(|of| {
        let words = |word: &Option<String>| or_null(word.as_deref().map(text));
        let rank = of.classification.rank.map(|rank| match rank {
            "LOW" => 10,
            "MEDIUM" => 20,
            "HIGH" => 30,
            "CRITICAL" => 40,
            _ => 0,
        });
        vec![
            int(1),
            text("OBJECT_OR_COLUMN"),
            int(of.table),
            int(of.column),
            words(&of.classification.label),
            words(&of.classification.label_id),
            words(&of.classification.information_type),
            words(&of.classification.information_type_id),
            or_null(rank.map(int)),
            or_null(of.classification.rank.map(text)),
        ]
    })
    .collect()
}

const COLUMNS: &[ViewColumn] = &[
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
];

const COMPUTED_COLUMNS: &[ViewColumn] = &[
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
    column("definition", SqlType::NVarChar(None)),
    required("uses_database_collation", BIT),
    required("is_persisted", BIT),
];

const IDENTITY_COLUMNS: &[ViewColumn] = &[
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
    column("seed_value", SqlType::SqlVariant),
    column("increment_value", SqlType::SqlVariant),
    column("last_value", SqlType::SqlVariant),
    column("is_not_for_replication", BIT),
];

const MASKED_COLUMNS: &[ViewColumn] = &[
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
    column("masking_function", SqlType::NVarChar(Some(4000))),
];

fn table_columns<'a>(c: &'a Context<'_>) -> impl Iterator<Item = (&'a Table, &'a TableColumn)> {
    c.objects().flat_map(|t| t.columns.iter().map(move |column| (t.as_ref(), column)))
}

fn all_columns(c: &Context<'_>) -> Vec<Vec<Value>> {
    let views = c.views().flat_map(|v| v.columns.iter().map(|column| column_row(v.id, column)));
    let functions = c.functions().flat_map(|f| f.columns.iter().map(|column| column_row(f.id, column)));
    table_columns(c).map(|(t, column)| column_row(t.id, column)).chain(views).chain(functions).collect()
}

pub(super) fn collates(type_name: &str) -> bool {
    matches!(type_name, "char" | "varchar" | "nchar" | "nvarchar" | "text" | "ntext" | "sysname")
}

fn column_row(object: i32, column: &TableColumn) -> Vec<Value> {
    let of = &column.column_type;
    let ids = TYPES.iter().find(|t| t.0 == of.name);
    vec![
        int(object),
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
pub fn generated_type(generated: Option<Generated>) -> i32 {
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
