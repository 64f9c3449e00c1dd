//! Row-level security: policies and their predicates ("CREATE SECURITY POLICY", "ALTER SECURITY POLICY").
//!
//! UNCONFIRMED: the numbers for who may not make a policy, for a function that may not be used, and for a policy that is
//! not there; that a table is in one enabled policy at most, as the text of 33264 says, also where operations differ.

use std::sync::Arc;

use super::super::access::Target;
use super::super::errors;
use super::super::permissions::Class;
use super::super::query::Binder;
use super::super::rows::Variables;
use super::super::state::{Database, ObjectKind, SecurityPolicy, SecurityPredicate, Table, TableFunction, Temporal};
use super::super::work::Work;
use emulator_ground::engine::Message;
use emulator_tsql::ast::{
    BlockOperation, ObjectName, PolicyOptions, PredicateChange, PredicateDefinition, PredicateKind,
};
use emulator_tsql::canonical;

pub(super) const PERMISSION: &str = "ALTER ANY SECURITY POLICY";

impl Work<'_> {
    pub fn create_security_policy(
        &mut self,
        name: &ObjectName,
        predicates: &[PredicateDefinition],
        options: PolicyOptions,
    ) -> Result<(), Message> {
        let (database, schema) = self.home(name, PERMISSION)?;
        let now = self.ambient.now;
        let mut policy = SecurityPolicy {
            id: self.change_database()?.new_object_id(),
            name: name.name.clone(),
            schema,
            owner: None,
            // "If not specified the security policy being created is enabled."
            enabled: options.enabled.unwrap_or(true),
            schema_bound: options.schema_bound.unwrap_or(true),
            not_for_replication: options.not_for_replication.unwrap_or(false),
            predicates: Vec::new(),
            next_predicate: 1,
            created: now,
            modified: now,
        };
        for predicate in predicates {
            self.add_predicate(&database, &mut policy, predicate)?;
        }
        check_alone(&database, &policy)?;
        self.change_database()?.policies.insert(policy.id, Arc::new(policy));
        Ok(())
    }

    pub fn alter_security_policy(
        &mut self,
        name: &ObjectName,
        changes: &[PredicateChange],
        options: PolicyOptions,
    ) -> Result<(), Message> {
        let database = self.database()?;
        let there = self.meant(&database, name);
        if !self.may(PERMISSION) {
            return Err(absent(name));
        }
        let Some(object) = there else { return Err(absent(name)) };
        if object.kind != ObjectKind::SecurityPolicy {
            let text = format!("Cannot alter '{}' because it is not a security policy.", name.written());
            return Err(Message::new(33271, 16, 1, text));
        }
        let Some(policy) = database.policies.get(&object.id) else { return Err(absent(name)) };
        let mut policy = SecurityPolicy::clone(policy);
        for change in changes {
            match change {
                PredicateChange::Add(definition) => self.add_predicate(&database, &mut policy, definition)?,
                PredicateChange::Alter(definition) => {
                    let (target, _) = self.target_of(&database, &definition.target)?;
                    let at = position(&policy, definition.kind, &target, definition.operation)?;
                    let id = policy.predicates[at].id;
                    let bound = self.bound_predicate(&database, &policy, definition, id)?;
                    policy.predicates[at] = bound;
                }
                PredicateChange::Drop { kind, target, operation } => {
                    let (target, _) = self.target_of(&database, target)?;
                    let at = position(&policy, *kind, &target, *operation)?;
                    policy.predicates.remove(at);
                }
            }
        }
        policy.enabled = options.enabled.unwrap_or(policy.enabled);
        policy.not_for_replication = options.not_for_replication.unwrap_or(policy.not_for_replication);
        policy.modified = self.ambient.now;
        check_alone(&database, &policy)?;
        self.change_database()?.policies.insert(policy.id, Arc::new(policy));
        Ok(())
    }

    /// Needs ALTER ANY SECURITY POLICY and ALTER on the schema.
    pub fn drop_security_policy(&mut self, name: &ObjectName, if_exists: bool) -> Result<(), Message> {
        let Some(id) = self.droppable(ObjectKind::SecurityPolicy, name, if_exists)? else { return Ok(()) };
        self.change_database()?.policies.remove(&id);
        self.forget_object(id)
    }

    /// 33262 for a second one of the same operation.
    fn add_predicate(
        &mut self,
        database: &Arc<Database>,
        policy: &mut SecurityPolicy,
        definition: &PredicateDefinition,
    ) -> Result<(), Message> {
        let predicate = self.bound_predicate(database, policy, definition, policy.next_predicate)?;
        let twice =
            |p: &SecurityPredicate| p.target == predicate.target && p.overlaps(predicate.kind, predicate.operation);
        if policy.predicates.iter().any(twice) {
            let kind = word(definition.kind);
            let text = format!(
                "A {kind} predicate for the same operation has already been defined on table '{}' in the security policy '{}'.",
                definition.target.written(),
                policy.name
            );
            return Err(Message::new(33262, 16, 1, text));
        }
        policy.next_predicate += 1;
        policy.predicates.push(predicate);
        Ok(())
    }

    /// 33268 for a table that is not there or may not be referred to, 33263 for what is no table.
    fn target_of(&mut self, database: &Arc<Database>, name: &ObjectName) -> Result<(Arc<Table>, Target), Message> {
        if name.name.starts_with('#') {
            let text = "Security predicates are not allowed on temporary objects. Object names that begin with '#' denote temporary objects.";
            return Err(Message::new(33269, 16, 1, text));
        }
        let object = self.meant(database, name).ok_or_else(|| absent(name))?;
        let target = Target::in_database(Class::Object, database.id, object.id);
        if !self.state.may(&self.token(), target, "REFERENCES") {
            return Err(absent(name));
        }
        // Views are never schema-bound here.
        let Some(table) = database.tables.get(&object.id) else {
            let text = format!(
                "Security predicates can only be added to user tables and schema bound views. '{}' is not a user table or a schema bound view.",
                name.written()
            );
            return Err(Message::new(33263, 16, 1, text));
        };
        Ok((Arc::clone(table), target))
    }

    /// 33270 for what is no such function, 229 for one that may not be read and referred to, 4513 for one that is not
    /// schema-bound in a policy that is.
    fn predicate_function(
        &mut self,
        database: &Arc<Database>,
        policy: &SecurityPolicy,
        name: &ObjectName,
    ) -> Result<Arc<TableFunction>, Message> {
        let function = self.meant(database, name).and_then(|object| database.functions.get(&object.id)).cloned();
        let function = function.ok_or_else(|| {
            let text = format!(
                "Cannot find the object \"{}\" or this object is not an inline table-valued function.",
                name.written()
            );
            Message::new(33270, 16, 1, text)
        })?;
        let target = Target::in_database(Class::Object, database.id, function.id);
        for permission in ["SELECT", "REFERENCES"] {
            if !self.state.may(&self.token(), target, permission) {
                let schema = database.schema_name(function.schema);
                return Err(errors::object_denied(permission, &function.name, &database.name, schema));
            }
        }
        if policy.schema_bound && function.bound.is_none() {
            let text = format!(
                "Cannot schema bind security policy '{}'. '{}' is not schema bound.",
                policy.name,
                name.written()
            );
            return Err(Message::new(4513, 16, 2, text));
        }
        Ok(function)
    }

    fn bound_predicate(
        &mut self,
        database: &Arc<Database>,
        policy: &SecurityPolicy,
        definition: &PredicateDefinition,
        id: i32,
    ) -> Result<SecurityPredicate, Message> {
        let (table, target) = self.target_of(database, &definition.target)?;
        let shown = definition.target.written();
        let function = self.predicate_function(database, policy, &definition.function)?;
        if table.traits.memory_optimized {
            let text = format!(
                "Only natively compiled inline table-valued functions can be used for security predicates on memory optimized tables. Table '{shown}' is memory optimized, but function '{}' is not natively compiled. Recreate the function using WITH NATIVE_COMPILATION.",
                definition.function.written()
            );
            return Err(Message::new(33506, 16, 1, text));
        }
        if definition.kind == PredicateKind::Block && table.traits.temporal == Temporal::History {
            let text = format!(
                "BLOCK security predicates cannot reference temporal history tables. Table '{shown}' is a temporal history table."
            );
            return Err(Message::new(33510, 16, 1, text));
        }
        let variables = Variables::default();
        let mut predicate = SecurityPredicate {
            id,
            kind: definition.kind,
            operation: definition.operation,
            target: table.id,
            schema: database.schema_name(function.schema).to_owned(),
            function: function.name.clone(),
            arguments: definition.arguments.clone(),
            columns: std::collections::BTreeSet::new(),
            definition: canonical::of_call(
                &schema_and_name(database, &function),
                &definition.arguments,
                &definition.texts,
            ),
        };
        let mut binder = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store);
        predicate.columns = binder.columns_of_predicate(database, &table, &predicate)?;
        if let Some(column) = self.state.denied_column(&self.token(), target, "REFERENCES", &predicate.columns) {
            let text = format!(
                "The REFERENCES permission was denied on the column '{}' of the object '{}', database '{}', schema '{}'.",
                table.column_by_id(column).map_or("", |c| c.name.as_str()),
                table.name,
                database.name,
                database.schema_name(table.schema)
            );
            return Err(Message::new(230, 14, 1, text));
        }
        Ok(predicate)
    }
}

fn schema_and_name(database: &Database, function: &TableFunction) -> ObjectName {
    let schema = Some(database.schema_name(function.schema).to_owned());
    ObjectName { schema, ..ObjectName::plain(function.name.clone()) }
}

fn word(kind: PredicateKind) -> &'static str {
    match kind {
        PredicateKind::Filter => "FILTER",
        PredicateKind::Block => "BLOCK",
    }
}

fn absent(name: &ObjectName) -> Message {
    let text = format!(
        "Cannot find the object \"{}\" because it does not exist or you do not have permissions.",
        name.written()
    );
    Message::new(33268, 16, 1, text)
}

/// The predicate of that operation on a table: 33261 where the policy has none.
fn position(
    policy: &SecurityPolicy,
    kind: PredicateKind,
    table: &Table,
    operation: Option<BlockOperation>,
) -> Result<usize, Message> {
    let is = |p: &SecurityPredicate| p.target == table.id && p.kind == kind && p.operation == operation;
    policy.predicates.iter().position(is).ok_or_else(|| {
        let text =
            format!("The security policy '{}' does not contain a predicate on table '{}'.", policy.name, table.name);
        Message::new(33261, 16, 1, text)
    })
}

/// 33264: no table is in two enabled policies.
fn check_alone(database: &Database, policy: &SecurityPolicy) -> Result<(), Message> {
    if !policy.enabled {
        return Ok(());
    }
    let others = database.policies.values().filter(|other| other.enabled && other.id != policy.id);
    for other in others {
        let shared = policy.predicates.iter().find(|p| other.predicates.iter().any(|q| q.target == p.target));
        if let Some(shared) = shared {
            let table = database.object_name(shared.target).unwrap_or_default();
            let text = format!(
                "The security policy '{}' cannot be enabled with a predicate on table '{table}'. Table '{table}' is already referenced by the enabled security policy '{}'.",
                policy.name, other.name
            );
            return Err(Message::new(33264, 16, 1, text));
        }
    }
    Ok(())
}
