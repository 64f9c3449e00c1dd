//! Row-level security, which nobody can set up here: CREATE SECURITY POLICY is outside the subset, so there is none.

use super::{BIT, DESC, INT, NAME, View, WHEN, column, required};
use crate::value::SqlType;

pub static VIEWS: &[View] = &[
    view!(
        "sys.security_policies",
        [
            required("name", NAME),
            required("object_id", INT),
            column("principal_id", INT),
            required("schema_id", INT),
            required("parent_object_id", INT),
            column("type", SqlType::VarChar(Some(2))),
            column("type_desc", DESC),
            required("create_date", WHEN),
            required("modify_date", WHEN),
            required("is_ms_shipped", BIT),
            required("is_enabled", BIT),
            required("is_not_for_replication", BIT),
            column("uses_database_collation", BIT),
            required("is_schemabinding_enabled", BIT),
        ],
        |_| Vec::new()
    ),
    view!(
        "sys.security_predicates",
        [
            required("object_id", INT),
            required("security_predicate_id", INT),
            required("target_object_id", INT),
            column("predicate_definition", SqlType::NVarChar(None)),
            column("predicate_type", INT),
            column("predicate_type_desc", DESC),
            column("operation", INT),
            column("operation_desc", DESC),
        ],
        |_| Vec::new()
    ),
];
