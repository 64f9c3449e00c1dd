//! Views.

use std::sync::Arc;

use super::super::query::Binder;
use super::super::rows::Variables;
use super::super::state::{ObjectKind, View};
use super::super::work::Work;
use super::columns;
use emulator_ground::engine::Message;
use emulator_tsql::ast::{ModuleChange, ObjectName, Query};

impl Work<'_> {
    /// CREATE, CREATE OR ALTER and ALTER VIEW; a view that is altered keeps its id and the permissions on it.
    pub fn create_view(
        &mut self,
        name: &ObjectName,
        names: &[String],
        query: &Query,
        change: ModuleChange,
        text: &str,
    ) -> Result<(), Message> {
        let here = self.database()?;
        let (old, schema) = self.replaced(&here, ObjectKind::View, name, change, "CREATE VIEW")?;
        let variables = Variables::default();
        let mut binder = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store);
        binder.being_made = old.map(|id| (here.id, id));
        binder.homes.push((here.id, schema));
        let compiled = binder.module(query)?;
        let missing = |at: usize| {
            let text = format!("Create View or Function failed because no column name was specified for column {at}.");
            Message::new(4511, 16, 1, text)
        };
        if names.len() > compiled.columns.len() {
            let text =
                format!("View or function '{}' has more column names specified than columns defined.", name.name);
            return Err(Message::new(4502, 16, 1, text));
        }
        if !names.is_empty() && names.len() < compiled.columns.len() {
            let text = format!("'{}' has more columns than were specified in the column list.", name.name);
            return Err(Message::new(8158, 16, 1, text));
        }
        let columns = columns(&compiled.columns, names, missing, &name.name)?;
        let now = self.ambient.now;
        let database = self.change_database()?;
        let old = old.and_then(|id| database.views.get(&id).cloned());
        let id = old.as_ref().map_or_else(|| database.new_object_id(), |old| old.id);
        let view = View {
            id,
            name: name.name.clone(),
            schema,
            owner: old.as_ref().and_then(|old| old.owner),
            columns,
            text: text.to_owned(),
            query: query.clone(),
            created: old.map_or(now, |old| old.created),
            modified: now,
        };
        database.views.insert(id, Arc::new(view));
        Ok(())
    }

    pub fn drop_view(&mut self, name: &ObjectName, if_exists: bool) -> Result<(), Message> {
        let Some(id) = self.droppable(ObjectKind::View, name, if_exists)? else { return Ok(()) };
        self.change_database()?.views.remove(&id);
        self.forget_object(id)
    }
}
