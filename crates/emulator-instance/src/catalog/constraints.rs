//! Keys and what refers to them: the views of `sys` and of INFORMATION_SCHEMA.

use super::super::state::{ForeignKey, Index, Table};
use super::objects::{constraint_row, object_row};
use super::shape::{BIT, Context, DESC, INT, NAME, TINY, View, ViewColumn, WHEN, bit, column, int, required, text};
use emulator_ground::value::{SqlType, Value};
use emulator_tsql::ast::ReferentialAction;
use emulator_tsql::mentions;

const RULE: SqlType = SqlType::VarChar(Some(11));

pub static VIEWS: &[View] = &[
    View {
        name: "sys.foreign_keys",
        columns: FOREIGN_KEY_COLUMNS,
        rows: |c| {
            foreign_keys(c)
                .map(|(t, key)| {
                    let mut row = constraint_row(t, "F ", "FOREIGN_KEY_CONSTRAINT", &key.constraint);
                    let (delete, update) = (action(key.on_delete), action(key.on_update));
                    row.extend([
                        int(key.table),
                        int(key.index),
                        bit(!key.enforced),
                        bit(key.not_for_replication),
                        bit(!key.trusted),
                        int(delete.0),
                        text(delete.1),
                        int(update.0),
                        text(update.1),
                        bit(key.constraint.system_named),
                    ]);
                    row
                })
                .collect()
        },
        needs: None,
        volatile: false,
    },
    view!(
        "sys.foreign_key_columns",
        [
            required("constraint_object_id", INT),
            required("constraint_column_id", INT),
            required("parent_object_id", INT),
            required("parent_column_id", INT),
            required("referenced_object_id", INT),
            required("referenced_column_id", INT),
        ],
        |c| foreign_keys(c)
            .flat_map(|(t, key)| {
                (1i32..).zip(&key.columns).map(move |(i, (mine, other))| {
                    vec![int(key.constraint.object_id), int(i), int(t.id), int(*mine), int(key.table), int(*other)]
                })
            })
            .collect()
    ),
    view!(
        "INFORMATION_SCHEMA.TABLE_CONSTRAINTS",
        [
            column("CONSTRAINT_CATALOG", NAME),
            column("CONSTRAINT_SCHEMA", NAME),
            required("CONSTRAINT_NAME", NAME),
            column("TABLE_CATALOG", NAME),
            column("TABLE_SCHEMA", NAME),
            column("TABLE_NAME", NAME),
            column("CONSTRAINT_TYPE", SqlType::VarChar(Some(11))),
            required("IS_DEFERRABLE", SqlType::VarChar(Some(2))),
            required("INITIALLY_DEFERRED", SqlType::VarChar(Some(2))),
        ],
        |c| c
            .objects()
            .flat_map(|t| {
                let keys = keys(t).map(|key| (key.name.as_str(), if key.primary { "PRIMARY KEY" } else { "UNIQUE" }));
                let checks = t.checks.iter().map(|check| (check.constraint.name.as_str(), "CHECK"));
                let foreign = t.foreign_keys.iter().map(|key| (key.constraint.name.as_str(), "FOREIGN KEY"));
                keys.chain(checks)
                    .chain(foreign)
                    .map(|(name, kind)| {
                        let mut row = named(c, t, name);
                        row.extend(named(c, t, &t.name));
                        row.extend([text(kind), text("NO"), text("NO")]);
                        row
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    ),
    view!(
        "INFORMATION_SCHEMA.KEY_COLUMN_USAGE",
        [
            column("CONSTRAINT_CATALOG", NAME),
            column("CONSTRAINT_SCHEMA", NAME),
            required("CONSTRAINT_NAME", NAME),
            column("TABLE_CATALOG", NAME),
            column("TABLE_SCHEMA", NAME),
            required("TABLE_NAME", NAME),
            column("COLUMN_NAME", NAME),
            required("ORDINAL_POSITION", INT),
        ],
        |c| c
            .objects()
            .flat_map(|t| {
                key_columns(t)
                    .flat_map(|(name, columns)| {
                        (1i32..)
                            .zip(columns)
                            .map(|(i, column)| {
                                let mut row = named(c, t, name);
                                row.extend(named(c, t, &t.name));
                                row.extend([column_name(t, column), int(i)]);
                                row
                            })
                            .collect::<Vec<_>>()
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    ),
    view!(
        "INFORMATION_SCHEMA.CONSTRAINT_COLUMN_USAGE",
        [
            column("TABLE_CATALOG", NAME),
            column("TABLE_SCHEMA", NAME),
            required("TABLE_NAME", NAME),
            column("COLUMN_NAME", NAME),
            column("CONSTRAINT_CATALOG", NAME),
            column("CONSTRAINT_SCHEMA", NAME),
            required("CONSTRAINT_NAME", NAME),
        ],
        |c| c
            .objects()
            .flat_map(|t| {
                let checks = t.checks.iter().map(|check| {
                    let used = t.columns.iter().filter(|column| mentions(&check.condition, &column.name));
                    (check.constraint.name.as_str(), used.map(|column| column.id).collect::<Vec<_>>())
                });
                key_columns(t)
                    .chain(checks)
                    .flat_map(|(name, columns)| {
                        columns
                            .into_iter()
                            .map(|column| {
                                let mut row = named(c, t, &t.name);
                                row.push(column_name(t, column));
                                row.extend(named(c, t, name));
                                row
                            })
                            .collect::<Vec<_>>()
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    ),
    view!(
        "INFORMATION_SCHEMA.CONSTRAINT_TABLE_USAGE",
        [
            column("TABLE_CATALOG", NAME),
            column("TABLE_SCHEMA", NAME),
            required("TABLE_NAME", NAME),
            column("CONSTRAINT_CATALOG", NAME),
            column("CONSTRAINT_SCHEMA", NAME),
            required("CONSTRAINT_NAME", NAME),
        ],
        |c| c
            .objects()
            .flat_map(|t| {
                let all = keys(t).map(|key| &key.name).chain(t.checks.iter().map(|check| &check.constraint.name));
                all.chain(t.foreign_keys.iter().map(|key| &key.constraint.name))
                    .map(|name| {
                        let mut row = named(c, t, &t.name);
                        row.extend(named(c, t, name));
                        row
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    ),
    view!(
        "INFORMATION_SCHEMA.REFERENTIAL_CONSTRAINTS",
        [
            column("CONSTRAINT_CATALOG", NAME),
            column("CONSTRAINT_SCHEMA", NAME),
            required("CONSTRAINT_NAME", NAME),
            column("UNIQUE_CONSTRAINT_CATALOG", NAME),
            column("UNIQUE_CONSTRAINT_SCHEMA", NAME),
            column("UNIQUE_CONSTRAINT_NAME", NAME),
            column("MATCH_OPTION", SqlType::VarChar(Some(7))),
            column("UPDATE_RULE", RULE),
            column("DELETE_RULE", RULE),
        ],
        |c| foreign_keys(c)
            .filter_map(|(t, key)| {
                let other = c.database.tables.get(&key.table)?;
                let index = other.indexes.iter().find(|index| index.id == key.index)?;
                let mut row = named(c, t, &key.constraint.name);
                row.extend(named(c, other, &index.name));
                row.extend([text("SIMPLE"), text(rule(key.on_update)), text(rule(key.on_delete))]);
                Some(row)
            })
            .collect()
    ),
    view!(
        "INFORMATION_SCHEMA.CHECK_CONSTRAINTS",
        [
            column("CONSTRAINT_CATALOG", NAME),
            column("CONSTRAINT_SCHEMA", NAME),
            required("CONSTRAINT_NAME", NAME),
            column("CHECK_CLAUSE", SqlType::NVarChar(Some(4000))),
        ],
        |c| c
            .objects()
            .flat_map(|t| t.checks.iter().map(move |check| {
                let mut row = named(c, t, &check.constraint.name);
                row.push(text(&check.constraint.definition));
                row
            }))
            .collect()
    ),
    View {
        name: "sys.key_constraints",
        columns: KEY_CONSTRAINT_COLUMNS,
        rows: |c| {
            c.objects()
                .flat_map(|t| {
                    keys(t).map(move |i| {
                        let (letter, desc) =
                            if i.primary { ("PK", "PRIMARY_KEY_CONSTRAINT") } else { ("UQ", "UNIQUE_CONSTRAINT") };
                        let mut row =
                            object_row(&i.name, i.object_id, t.schema, t.id, letter, desc, t.created, t.modified);
                        row.extend([int(i.id), bit(i.system_named), bit(true)]);
                        row
                    })
                })
                .collect()
        },
        needs: None,
        volatile: false,
    },
];

const FOREIGN_KEY_COLUMNS: &[ViewColumn] = with_object_columns![required:
    column("referenced_object_id", INT),
    column("key_index_id", INT),
    required("is_disabled", BIT),
    required("is_not_for_replication", BIT),
    required("is_not_trusted", BIT),
    column("delete_referential_action", TINY),
    column("delete_referential_action_desc", DESC),
    column("update_referential_action", TINY),
    column("update_referential_action_desc", DESC),
    required("is_system_named", BIT),
];

const KEY_CONSTRAINT_COLUMNS: &[ViewColumn] = with_object_columns![required:
    column("unique_index_id", INT),
    required("is_system_named", BIT),
    required("is_enforced", BIT),
];

fn foreign_keys<'a>(c: &'a Context<'_>) -> impl Iterator<Item = (&'a Table, &'a ForeignKey)> {
    c.objects().flat_map(|t| t.foreign_keys.iter().map(move |key| (t.as_ref(), key)))
}

/// PRIMARY KEY and UNIQUE.
fn keys(table: &Table) -> impl Iterator<Item = &Index> {
    table.indexes.iter().filter(|index| index.primary || index.constraint)
}

/// The columns that keys and foreign keys are of.
fn key_columns(table: &Table) -> impl Iterator<Item = (&str, Vec<i32>)> {
    let own = keys(table).map(|key| {
        (key.name.as_str(), key.columns.iter().filter(|c| !c.included).map(|c| c.column).collect::<Vec<_>>())
    });
    let foreign = table
        .foreign_keys
        .iter()
        .map(|key| (key.constraint.name.as_str(), key.columns.iter().map(|(mine, _)| *mine).collect::<Vec<_>>()));
    own.chain(foreign)
}

fn named(c: &Context<'_>, table: &Table, name: &str) -> Vec<Value> {
    vec![text(&c.database.name), text(c.database.schema_name(table.schema)), text(name)]
}

fn column_name(table: &Table, id: i32) -> Value {
    table.column_by_id(id).map_or(Value::Null, |column| text(&column.name))
}

fn action(action: ReferentialAction) -> (i32, &'static str) {
    match action {
        ReferentialAction::NoAction => (0, "NO_ACTION"),
        ReferentialAction::Cascade => (1, "CASCADE"),
        ReferentialAction::SetNull => (2, "SET_NULL"),
        ReferentialAction::SetDefault => (3, "SET_DEFAULT"),
    }
}

/// As INFORMATION_SCHEMA spells it.
fn rule(action: ReferentialAction) -> &'static str {
    match action {
        ReferentialAction::NoAction => "NO ACTION",
        ReferentialAction::Cascade => "CASCADE",
        ReferentialAction::SetNull => "SET NULL",
        ReferentialAction::SetDefault => "SET DEFAULT",
    }
}
