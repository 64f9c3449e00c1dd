//! Block predicates of security policies.

use std::sync::Arc;

use super::super::query::Binder;
use super::super::state::{Database, Table};
use super::super::work::Work;
use super::Variables;
use emulator_ground::engine::Message;
use emulator_tsql::ast::BlockOperation;

impl Work<'_> {
    /// 33504 when a block predicate forbids the operation on one of the rows, as they are now.
    pub(super) fn check_blocks(
        &mut self,
        database: &Arc<Database>,
        table: &Table,
        operation: BlockOperation,
        rows: &[i64],
    ) -> Result<(), Message> {
        if rows.is_empty() {
            return Ok(());
        }
        let variables = Variables::default();
        let mut binder = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store);
        let Some(blocked) = binder.blocked(database, &Arc::new(table.clone()), operation, rows)? else {
            return Ok(());
        };
        binder.check_reads()?;
        let binds = std::mem::take(&mut binder.binds);
        if self.store.query(&format!("SELECT 1 FROM {blocked} LIMIT 1"), &binds, self.cancelled)?.is_empty() {
            return Ok(());
        }
        let text = format!(
            "The attempted operation failed because the target object '{}.{}.{}' has a block predicate that conflicts with this operation. If the operation is performed on a view, the block predicate might be enforced on the underlying table. Modify the operation to target only the rows that are allowed by the block predicate.",
            database.name,
            database.schema_name(table.schema),
            table.name
        );
        Err(Message::new(33504, 16, 1, text))
    }
}
