//! Parameters of functions.

use super::super::types::TYPES;
use super::shape::{BIT, DESC, INT, NAME, SMALL, TINY, View, bit, column, int, required, text};
use emulator_ground::value::{SqlType, Value};

pub static VIEWS: &[View] = &[view!(
    "sys.parameters",
    [
        required("object_id", INT),
        column("name", NAME),
        required("parameter_id", INT),
        required("system_type_id", TINY),
        required("user_type_id", INT),
        required("max_length", SMALL),
        required("precision", TINY),
        required("scale", TINY),
        required("is_output", BIT),
        required("is_cursor_ref", BIT),
        required("has_default_value", BIT),
        required("is_xml_document", BIT),
        column("default_value", SqlType::SqlVariant),
        required("xml_collection_id", INT),
        required("is_readonly", BIT),
        column("is_nullable", BIT),
        column("encryption_type", INT),
        column("encryption_type_desc", DESC),
        column("encryption_algorithm_name", NAME),
        column("column_encryption_key_id", INT),
        column("column_encryption_key_database_name", NAME),
    ],
    |c| c
        .functions()
        .flat_map(|function| (1i32..).zip(&function.parameters).map(move |(id, parameter)| {
            let of = &parameter.column_type;
            let ids = TYPES.iter().find(|known| known.0 == of.name);
            let mut row = vec![
                int(function.id),
                text(&parameter.name),
                int(id),
                int(ids.map_or(0, |t| t.1)),
                int(ids.map_or(0, |t| t.2)),
                int(of.max_length),
                int(of.precision),
                int(of.scale),
            ];
            // Defaults are kept of CLR objects alone.
            row.extend([bit(false), bit(false), bit(false), bit(false), Value::Null, int(0), bit(false), bit(true)]);
            row.extend(std::iter::repeat_n(Value::Null, 5));
            row
        }))
        .collect()
)];
