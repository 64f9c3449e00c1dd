//! INFORMATION_SCHEMA.

use super::super::types;
use super::objects::objects;
use super::{INT, NAME, TINY, View, column, int, or_null, required, text};
use crate::value::{SqlType, Value};

pub static VIEWS: &[View] = &[
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
                .filter(|row| row[5] == text("U ") || row[5] == text("V "))
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
