//! INFORMATION_SCHEMA.

use super::super::access::Target;
use super::super::moments;
use super::super::permissions::Class;
use super::super::state::{TableColumn, TableFunction};
use super::super::types;
use super::objects::objects;
use super::shape::{Context, INT, NAME, SMALL, TINY, View, ViewColumn, WHEN, column, int, or_null, required, text};
use emulator_ground::value::{SqlType, Value};

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
            column("COLUMN_DEFAULT", SqlType::NVarChar(Some(4000))),
            column("IS_NULLABLE", SqlType::VarChar(Some(3))),
            column("DATA_TYPE", NAME),
            column("CHARACTER_MAXIMUM_LENGTH", INT),
            column("CHARACTER_OCTET_LENGTH", INT),
            column("NUMERIC_PRECISION", TINY),
            column("NUMERIC_PRECISION_RADIX", SMALL),
            column("NUMERIC_SCALE", INT),
            column("DATETIME_PRECISION", SMALL),
            column("CHARACTER_SET_CATALOG", NAME),
            column("CHARACTER_SET_SCHEMA", NAME),
            column("CHARACTER_SET_NAME", NAME),
            column("COLLATION_CATALOG", NAME),
            column("COLLATION_SCHEMA", NAME),
            column("COLLATION_NAME", NAME),
            column("DOMAIN_CATALOG", NAME),
            column("DOMAIN_SCHEMA", NAME),
            column("DOMAIN_NAME", NAME),
        ],
        |c| {
            let tables = c.objects().flat_map(|t| t.columns.iter().map(|column| (t.schema, t.name.as_str(), column)));
            let views = c.views().flat_map(|v| v.columns.iter().map(|column| (v.schema, v.name.as_str(), column)));
            tables.chain(views).map(|(schema, name, column)| column_row(c, schema, name, column)).collect()
        }
    ),
    view!(
        "INFORMATION_SCHEMA.VIEWS",
        [
            column("TABLE_CATALOG", NAME),
            column("TABLE_SCHEMA", NAME),
            required("TABLE_NAME", NAME),
            column("VIEW_DEFINITION", SqlType::NVarChar(Some(4000))),
            column("CHECK_OPTION", SqlType::VarChar(Some(7))),
            required("IS_UPDATABLE", SqlType::VarChar(Some(2))),
        ],
        |c| c
            .views()
            .map(|v| {
                let target = Target::in_database(Class::Object, c.database.id, v.id);
                // NULL where it is longer than 4,000 characters, as the page of the view says.
                let seen = c.state.may(&c.token, target, "VIEW DEFINITION") && v.text.encode_utf16().count() <= 4000;
                vec![
                    text(&c.database.name),
                    text(c.database.schema_name(v.schema)),
                    text(&v.name),
                    if seen { text(&v.text) } else { Value::Null },
                    text("NONE"),
                    text("NO"),
                ]
            })
            .collect()
    ),
    view!(
        "INFORMATION_SCHEMA.SEQUENCES",
        [
            column("SEQUENCE_CATALOG", NAME),
            column("SEQUENCE_SCHEMA", NAME),
            required("SEQUENCE_NAME", NAME),
            required("DATA_TYPE", NAME),
            required("NUMERIC_PRECISION", TINY),
            column("NUMERIC_PRECISION_RADIX", SMALL),
            column("NUMERIC_SCALE", INT),
            required("START_VALUE", INT),
            required("MINIMUM_VALUE", INT),
            required("MAXIMUM_VALUE", INT),
            required("INCREMENT", INT),
            column("CYCLE_OPTION", INT),
            required("DECLARED_DATA_TYPE", INT),
            required("DECLARED_DATA_PRECISION", INT),
            required("DECLARED_NUMERIC_SCALE", INT),
        ],
        |_| Vec::new()
    ),
    View {
        name: "INFORMATION_SCHEMA.ROUTINES",
        columns: ROUTINE_COLUMNS,
        rows: |c| c.functions().map(|function| routine_row(c, function)).collect(),
        needs: None,
        volatile: false,
    },
    view!(
        "INFORMATION_SCHEMA.SCHEMATA",
        [
            column("CATALOG_NAME", NAME),
            required("SCHEMA_NAME", NAME),
            column("SCHEMA_OWNER", NAME),
            column("DEFAULT_CHARACTER_SET_CATALOG", SqlType::VarChar(Some(6))),
            column("DEFAULT_CHARACTER_SET_SCHEMA", SqlType::VarChar(Some(3))),
            column("DEFAULT_CHARACTER_SET_NAME", NAME),
        ],
        |c| {
            c.database
                .schemas
                .values()
                .map(|s| {
                    vec![
                        text(&c.database.name),
                        text(&s.name),
                        or_null(c.database.principals.get(&s.owner).map(|p| text(&p.name))),
                        Value::Null,
                        Value::Null,
                        text("iso_1"),
                    ]
                })
                .collect()
        }
    ),
];

const ROUTINE_COLUMNS: &[ViewColumn] = &[
    column("SPECIFIC_CATALOG", NAME),
    column("SPECIFIC_SCHEMA", NAME),
    required("SPECIFIC_NAME", NAME),
    column("ROUTINE_CATALOG", NAME),
    column("ROUTINE_SCHEMA", NAME),
    required("ROUTINE_NAME", NAME),
    column("ROUTINE_TYPE", SqlType::NVarChar(Some(20))),
    column("MODULE_CATALOG", NAME),
    column("MODULE_SCHEMA", NAME),
    column("MODULE_NAME", NAME),
    column("UDT_CATALOG", NAME),
    column("UDT_SCHEMA", NAME),
    column("UDT_NAME", NAME),
    column("DATA_TYPE", NAME),
    column("CHARACTER_MAXIMUM_LENGTH", INT),
    column("CHARACTER_OCTET_LENGTH", INT),
    column("COLLATION_CATALOG", NAME),
    column("COLLATION_SCHEMA", NAME),
    column("COLLATION_NAME", NAME),
    column("CHARACTER_SET_CATALOG", NAME),
    column("CHARACTER_SET_SCHEMA", NAME),
    column("CHARACTER_SET_NAME", NAME),
    column("NUMERIC_PRECISION", SMALL),
    column("NUMERIC_PRECISION_RADIX", SMALL),
    column("NUMERIC_SCALE", SMALL),
    column("DATETIME_PRECISION", SMALL),
    column("INTERVAL_TYPE", SqlType::NVarChar(Some(30))),
    column("INTERVAL_PRECISION", SMALL),
    column("TYPE_UDT_CATALOG", NAME),
    column("TYPE_UDT_SCHEMA", NAME),
    column("TYPE_UDT_NAME", NAME),
    column("SCOPE_CATALOG", NAME),
    column("SCOPE_SCHEMA", NAME),
    column("SCOPE_NAME", NAME),
    column("MAXIMUM_CARDINALITY", SqlType::BigInt),
    column("DTD_IDENTIFIER", NAME),
    column("ROUTINE_BODY", SqlType::NVarChar(Some(30))),
    column("ROUTINE_DEFINITION", SqlType::NVarChar(Some(4000))),
    column("EXTERNAL_NAME", NAME),
    column("EXTERNAL_LANGUAGE", SqlType::NVarChar(Some(30))),
    column("PARAMETER_STYLE", SqlType::NVarChar(Some(30))),
    column("IS_DETERMINISTIC", SqlType::NVarChar(Some(10))),
    column("SQL_DATA_ACCESS", SqlType::NVarChar(Some(30))),
    column("IS_NULL_CALL", SqlType::NVarChar(Some(10))),
    column("SQL_PATH", NAME),
    column("SCHEMA_LEVEL_ROUTINE", SqlType::NVarChar(Some(10))),
    column("MAX_DYNAMIC_RESULT_SETS", SMALL),
    column("IS_USER_DEFINED_CAST", SqlType::NVarChar(Some(10))),
    column("IS_IMPLICITLY_INVOCABLE", SqlType::NVarChar(Some(10))),
    required("CREATED", WHEN),
    required("LAST_ALTERED", WHEN),
];

/// UNCONFIRMED: none counts as deterministic. The definition is NULL without VIEW DEFINITION.
fn routine_row(c: &Context<'_>, function: &TableFunction) -> Vec<Value> {
    let target = Target::in_database(Class::Object, c.database.id, function.id);
    let seen = c.state.may(&c.token, target, "VIEW DEFINITION");
    let value = |name: &str| match name {
        "SPECIFIC_CATALOG" | "ROUTINE_CATALOG" => text(&c.database.name),
        "SPECIFIC_SCHEMA" | "ROUTINE_SCHEMA" => text(c.database.schema_name(function.schema)),
        "SPECIFIC_NAME" | "ROUTINE_NAME" => text(&function.name),
        "ROUTINE_TYPE" => text("FUNCTION"),
        "DATA_TYPE" => text("TABLE"),
        "ROUTINE_BODY" => text("SQL"),
        "ROUTINE_DEFINITION" if seen => text(function.text.chars().take(4000).collect::<String>()),
        "SQL_DATA_ACCESS" => text("READS"),
        "SCHEMA_LEVEL_ROUTINE" => text("YES"),
        "IS_DETERMINISTIC" | "IS_NULL_CALL" | "IS_USER_DEFINED_CAST" | "IS_IMPLICITLY_INVOCABLE" => text("NO"),
        "MAX_DYNAMIC_RESULT_SETS" => int(0),
        "CREATED" => moments::datetime(function.created),
        "LAST_ALTERED" => moments::datetime(function.modified),
        _ => Value::Null,
    };
    ROUTINE_COLUMNS.iter().map(|column| value(column.name)).collect()
}

fn column_row(c: &Context<'_>, schema: i32, table: &str, column: &TableColumn) -> Vec<Value> {
    let of = &column.column_type;
    let sized = matches!(of.name, "binary" | "varbinary" | "image") || types::is_text(of.sql_type);
    let whole = |n: i16| {
        if of.name == "ntext" {
            1_073_741_823
        } else if matches!(of.name, "text" | "image") {
            i32::MAX
        } else {
            i32::from(n)
        }
    };
    let length = types::text_length(of.sql_type).map_or_else(|| whole(of.max_length), i32::from);
    let octets = whole(of.max_length);
    let numeric = types::is_number(of.sql_type) && of.sql_type != SqlType::Bit;
    let approximate = matches!(of.sql_type, SqlType::Real | SqlType::Float);
    let moment = match of.name {
        "datetime" => Some(3),
        "smalldatetime" | "date" => Some(0),
        "datetime2" | "datetimeoffset" | "time" => Some(i32::from(of.scale)),
        _ => None,
    };
    let collates = super::columns::collates(of.name);
    let national = types::is_national(of.sql_type) && of.name != "xml";
    let set = if national { "UNICODE" } else { "iso_1" };
    let default = column.default_constraint.as_ref().map(|d| text(&d.definition));
    vec![
        text(&c.database.name),
        text(c.database.schema_name(schema)),
        text(table),
        text(&column.name),
        int(column.id),
        or_null(default),
        text(if column.nullable { "YES" } else { "NO" }),
        text(if of.name == "sysname" { "nvarchar" } else { of.name }),
        if sized { int(length) } else { Value::Null },
        if sized { int(octets) } else { Value::Null },
        if numeric { int(of.precision) } else { Value::Null },
        if numeric { int(if approximate { 2 } else { 10 }) } else { Value::Null },
        if numeric && !approximate { int(of.scale) } else { Value::Null },
        or_null(moment.map(int)),
        Value::Null,
        Value::Null,
        if collates { text(set) } else { Value::Null },
        Value::Null,
        Value::Null,
        if collates {
            text(column.collation.as_deref().unwrap_or("SQL_Latin1_General_CP1_CI_AS"))
        } else {
            Value::Null
        },
        Value::Null,
        Value::Null,
        Value::Null,
    ]
}
