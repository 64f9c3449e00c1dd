//! Row-level security: policies and their predicates.

use super::objects::own_row;
use super::shape::{BIT, DESC, INT, NAME, View, WHEN, bit, column, int, or_null, required, text};
use emulator_ground::value::SqlType;
use emulator_tsql::ast::{BlockOperation, PredicateKind};

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
            column("is_schema_bound", BIT),
        ],
        |c| c
            .policies()
            .map(|policy| {
                let mut row = own_row(policy.object());
                // Of objects in general there are two columns more.
                row.truncate(10);
                row.extend([bit(policy.enabled), bit(policy.not_for_replication), bit(true), bit(policy.schema_bound)]);
                row
            })
            .collect()
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
        |c| c
            .policies()
            .flat_map(|policy| policy.predicates.iter().map(move |predicate| {
                let kind = match predicate.kind {
                    PredicateKind::Filter => "FILTER",
                    PredicateKind::Block => "BLOCK",
                };
                vec![
                    int(policy.id),
                    int(predicate.id),
                    int(predicate.target),
                    text(&predicate.definition),
                    int(i32::from(predicate.kind == PredicateKind::Block)),
                    text(kind),
                    or_null(predicate.operation.map(|operation| int(operation as i32))),
                    or_null(predicate.operation.map(|operation| text(described(operation)))),
                ]
            }))
            .collect()
    ),
];

fn described(operation: BlockOperation) -> &'static str {
    match operation {
        BlockOperation::AfterInsert => "AFTER INSERT",
        BlockOperation::AfterUpdate => "AFTER UPDATE",
        BlockOperation::BeforeUpdate => "BEFORE UPDATE",
        BlockOperation::BeforeDelete => "BEFORE DELETE",
    }
}
