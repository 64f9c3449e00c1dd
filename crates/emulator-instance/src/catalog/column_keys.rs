//! Keys of Always Encrypted.

use super::super::moments;
use super::shape::{BIT, INT, NAME, View, WHEN, bit, column, int, or_null, required, text};
use emulator_ground::value::{SqlType, Value};

pub static VIEWS: &[View] = &[
    view!(
        "sys.column_master_keys",
        [
            required("name", NAME),
            required("column_master_key_id", INT),
            required("create_date", WHEN),
            required("modify_date", WHEN),
            column("key_store_provider_name", NAME),
            column("key_path", SqlType::NVarChar(Some(4000))),
            required("allow_enclave_computations", BIT),
            column("signature", SqlType::VarBinary(None)),
        ],
        |c| {
            let seen = c.may("VIEW ANY COLUMN MASTER KEY DEFINITION");
            let keys = (1i32..).zip(&c.database.column_master_keys).filter(|_| seen);
            let rows = keys.map(|(id, key)| {
                vec![
                    text(&key.name),
                    int(id),
                    moments::datetime(key.created),
                    moments::datetime(key.created),
                    text(&key.provider),
                    text(&key.path),
                    bit(key.signature.is_some()),
                    or_null(key.signature.clone().map(Value::Bytes)),
                ]
            });
            rows.collect()
        }
    ),
    view!(
        "sys.column_encryption_keys",
        [
            required("name", NAME),
            required("column_encryption_key_id", INT),
            required("create_date", WHEN),
            required("modify_date", WHEN),
        ],
        |c| {
            let seen = c.may("VIEW ANY COLUMN ENCRYPTION KEY DEFINITION");
            let keys = (1i32..).zip(&c.database.column_keys).filter(|_| seen);
            let rows = keys.map(|(id, key)| {
                let created = moments::datetime(key.created);
                vec![text(&key.name), int(id), created.clone(), created]
            });
            rows.collect()
        }
    ),
];
