//! Columns and types.

use super::super::state::{Table, TableColumn};
use super::super::types::TYPES;
use super::shape::{
    BIT, Context, DESC, INT, NAME, SMALL, TINY, View, ViewColumn, bit, column, int, or_null, required, text,
};
use emulator_ground::value::{SqlType, Value};
use emulator_tsql::ast::Generated;

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
                    row.extend([int(seed), int(step), or_null(t.identity.map(int)), bit(column.not_for_replication)]);
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
            required("class_desc", SqlType::VarChar(Some(16))),
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

/// The columns of `sys.columns`, which the views of special columns begin with.
macro_rules! with_columns {
    ($($more:expr),* $(,)?) => {
        &[
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
            column("is_computed", BIT),
            required("is_filestream", BIT),
            column("is_replicated", BIT),
            column("is_non_sql_subscribed", BIT),
            column("is_merge_published", BIT),
            column("is_dts_replicated", BIT),
            required("is_xml_document", BIT),
            required("xml_collection_id", INT),
            required("default_object_id", INT),
            required("rule_object_id", INT),
            column("is_sparse", BIT),
            column("is_column_set", BIT),
            column("generated_always_type", TINY),
            column("generated_always_type_desc", DESC),
            column("encryption_type", INT),
            column("encryption_type_desc", SqlType::NVarChar(Some(64))),
            column("encryption_algorithm_name", NAME),
            column("column_encryption_key_id", INT),
            column("column_encryption_key_database_name", NAME),
            column("is_hidden", BIT),
            required("is_masked", BIT),
            column("graph_type", INT),
            column("graph_type_desc", DESC),
            column("is_data_deletion_filter_column", BIT),
            column("ledger_view_column_type", INT),
            column("ledger_view_column_type_desc", DESC),
            column("is_dropped_ledger_column", BIT),
            $($more),*
        ]
    };
}

/// `sys.all_columns` has them too: its page lists fewer, but Management Studio reads the others there.
const COLUMNS: &[ViewColumn] = with_columns![];

const COMPUTED_COLUMNS: &[ViewColumn] = with_columns![
    column("definition", SqlType::NVarChar(None)),
    required("uses_database_collation", BIT),
    required("is_persisted", BIT),
];

const IDENTITY_COLUMNS: &[ViewColumn] = with_columns![
    column("seed_value", SqlType::SqlVariant),
    column("increment_value", SqlType::SqlVariant),
    column("last_value", SqlType::SqlVariant),
    column("is_not_for_replication", BIT),
];

const MASKED_COLUMNS: &[ViewColumn] = with_columns![column("masking_function", SqlType::NVarChar(Some(4000)))];

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
        bit(false),
        bit(false),
        bit(false),
        bit(false),
        int(0),
        int(column.default_constraint.as_ref().map_or(0, |d| d.object_id)),
        int(0),
        bit(false),
        bit(false),
        int(column.generated_type()),
        text(generated_desc(column.generated)),
        or_null(column.encryption.map(|deterministic| int(if deterministic { 1 } else { 2 }))),
        or_null(
            column.encryption.map(|deterministic| text(if deterministic { "DETERMINISTIC" } else { "RANDOMIZED" })),
        ),
        or_null(column.encryption.map(|_| text("AEAD_AES_256_CBC_HMAC_SHA_256"))),
        or_null(column.encryption_key.map(int)),
        Value::Null,
        bit(column.hidden),
        bit(column.masked.is_some()),
        Value::Null,
        Value::Null,
        bit(false),
        Value::Null,
        Value::Null,
        bit(false),
    ]
}

fn generated_desc(generated: Option<Generated>) -> &'static str {
    match generated {
        None => "NOT_APPLICABLE",
        Some(Generated::RowStart) => "AS_ROW_START",
        Some(Generated::RowEnd) => "AS_ROW_END",
        Some(Generated::TransactionStart) => "AS_TRANSACTION_ID_START",
        Some(Generated::TransactionEnd) => "AS_TRANSACTION_ID_END",
        Some(Generated::SequenceStart) => "AS_SEQUENCE_NUMBER_START",
        Some(Generated::SequenceEnd) => "AS_SEQUENCE_NUMBER_END",
    }
}
