//! What `sp_prepare` keeps for a session.

use std::collections::BTreeMap;

/// Statements that a session has prepared, until it is reset.
#[derive(Debug, Default)]
pub struct Prepared {
    pub statements: BTreeMap<i32, Statement>,
    pub last: i32,
}

#[derive(Debug, Clone, Default)]
pub struct Statement {
    pub declarations: String,
    pub text: String,
}
