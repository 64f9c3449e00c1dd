//! Views.

use std::sync::Arc;

use super::super::access::Target;
use super::super::permissions::Class;
use super::super::query::Binder;
use super::super::rows::Variables;
use super::super::state::{TableColumn, View};
use super::super::types;
use super::super::work::Work;
use crate::engine::Message;
use crate::tsql::ast::{ObjectName, Query, ViewChange};

impl Work<'_> {
    pub(super) fn view_named(&self, name: &ObjectName) -> Option<Arc<View>> {
        let database = self.database().ok()?;
        let schema = name.schema.as_deref().map_or(Some(1), |s| database.schema(s).map(|s| s.id))?;
        database.view(schema, &name.name).cloned()
    }

    /// CREATE, CREATE OR ALTER and ALTER VIEW; a view that is altered keeps its id and the permissions on it.
    pub fn create_view(
        &mut self,
        name: &ObjectName,
        columns: &[String],
        query: &Query,
        change: ViewChange,
        text: &str,
    ) -> Result<(), Message> {
        let old = self.view_named(name).filter(|_| change != ViewChange::Create);
        let schema = match &old {
            Some(old) => {
                let target = Target::in_database(Class::Object, self.ambient.database, old.id);
                if !self.state.may(&self.token(), target, "ALTER") {
                    return Err(no_view(name));
                }
                old.schema
            }
            None if change == ViewChange::Alter => return Err(no_view(name)),
            None => self.home(name, "CREATE VIEW")?.1,
        };
        let variables = Variables::default();
        let compiled = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store).statement(query)?;
        let names: Vec<String> = if columns.is_empty() {
            compiled.columns.iter().map(|c| c.name.clone()).collect()
        } else {
            columns.to_vec()
        };
        if names.len() > compiled.columns.len() {
            let text =
                format!("View or function '{}' has more column names specified than columns defined.", name.name);
            return Err(Message::new(4502, 16, 1, text));
        }
        if names.len() < compiled.columns.len() {
            let text = format!("'{}' has more columns than were specified in the column list.", name.name);
            return Err(Message::new(8158, 16, 1, text));
        }
        if let Some(unnamed) = names.iter().position(String::is_empty) {
            let text = format!(
                "Create View or Function failed because no column name was specified for column {}.",
                unnamed + 1
            );
            return Err(Message::new(4511, 16, 1, text));
        }
        let now = self.ambient.now;
        let database = self.change_database()?;
        let (id, created) = match &old {
            Some(old) => (old.id, old.created),
            None => (database.new_object_id(), now),
        };
        let columns = (1i32..).zip(names.iter().zip(&compiled.columns)).map(|(id, (name, column))| {
            TableColumn::plain(id, name, types::column_type(column.sql_type), column.nullable)
        });
        let (columns, text) = (columns.collect(), text.to_owned());
        let (name, query) = (name.name.clone(), query.clone());
        let owner = old.as_ref().and_then(|old| old.owner);
        let view = View { id, name, schema, owner, columns, text, query, created, modified: now };
        database.views.insert(id, Arc::new(view));
        Ok(())
    }

    pub fn drop_view(&mut self, name: &ObjectName, if_exists: bool) -> Result<(), Message> {
        let database = self.database()?;
        let schema = name.schema.as_deref().map_or(Some(1), |s| database.schema(s).map(|s| s.id));
        let view = schema.and_then(|schema| database.view(schema, &name.name).map(|v| v.id));
        let token = self.token();
        let view =
            view.filter(|id| self.state.may(&token, Target::in_database(Class::Object, database.id, *id), "ALTER"));
        let Some(id) = view else {
            let text = format!(
                "Cannot drop the view '{}', because it does not exist or you do not have permission.",
                name.written()
            );
            return if if_exists { Ok(()) } else { Err(Message::new(3701, 11, 5, text)) };
        };
        let database = self.change_database()?;
        database.views.remove(&id);
        database.extended_properties.retain(|p| !p.is_of_object(id));
        database.permissions.retain(|row| !(row.permission.class == Class::Object && row.major == id));
        Ok(())
    }
}

/// 208 state 6, as ALTER VIEW answers.
pub(super) fn no_view(name: &ObjectName) -> Message {
    Message::new(208, 16, 6, format!("Invalid object name '{}'.", name.written()))
}
