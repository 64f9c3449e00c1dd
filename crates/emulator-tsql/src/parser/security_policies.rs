//! Row-level security: CREATE and ALTER SECURITY POLICY.

use super::super::ast::{
    BlockOperation, Expr, ObjectName, PolicyOptions, PredicateChange, PredicateDefinition, PredicateKind, StatementKind,
};
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn create_security_policy(&mut self) -> Parsed<StatementKind> {
        let name = self.policy_name()?;
        let predicates = if self.sees("ADD") {
            self.list(|p| {
                p.expect("ADD")?;
                p.predicate_definition()
            })?
        } else {
            Vec::new()
        };
        let mut options = self.policy_options(true)?;
        if self.eat("NOT FOR REPLICATION") {
            options.not_for_replication = Some(true);
        }
        Ok(StatementKind::CreateSecurityPolicy { name, predicates, options })
    }

    pub(super) fn alter_security_policy(&mut self) -> Parsed<StatementKind> {
        let name = self.policy_name()?;
        for (words, value) in [("ADD NOT FOR REPLICATION", true), ("DROP NOT FOR REPLICATION", false)] {
            if self.eat(words) {
                let options = PolicyOptions { not_for_replication: Some(value), ..PolicyOptions::default() };
                return Ok(StatementKind::AlterSecurityPolicy { name, changes: Vec::new(), options });
            }
        }
        let changes = if self.sees("WITH") { Vec::new() } else { self.list(Self::predicate_change)? };
        let options = self.policy_options(false)?;
        if self.sees("NOT FOR") {
            return Err(self.unexpected());
        }
        Ok(StatementKind::AlterSecurityPolicy { name, changes, options })
    }

    /// One or two parts.
    pub(super) fn policy_name(&mut self) -> Parsed<ObjectName> {
        let name = self.object_name()?;
        if name.database.is_some() { Err(self.unexpected_at(self.at.saturating_sub(1))) } else { Ok(name) }
    }

    fn predicate_change(&mut self) -> Parsed<PredicateChange> {
        match self.one_of(&["ADD", "ALTER", "DROP"]) {
            Some("ADD") => Ok(PredicateChange::Add(self.predicate_definition()?)),
            Some("ALTER") => Ok(PredicateChange::Alter(self.predicate_definition()?)),
            Some(_) => {
                let kind = self.predicate_kind()?;
                let (target, operation) = self.predicate_target(kind)?;
                Ok(PredicateChange::Drop { kind, target, operation })
            }
            None => Err(self.unexpected()),
        }
    }

    fn predicate_definition(&mut self) -> Parsed<PredicateDefinition> {
        let kind = self.predicate_kind()?;
        let function = self.object_name()?;
        self.expect("(")?;
        let mut arguments = Vec::new();
        if !self.sees(")") {
            arguments = self.list(Self::written_expression)?;
        }
        self.expect(")")?;
        let (target, operation) = self.predicate_target(kind)?;
        let (arguments, texts) = arguments.into_iter().unzip();
        Ok(PredicateDefinition { kind, function, arguments, texts, target, operation })
    }

    fn written_expression(&mut self) -> Parsed<(Expr, String)> {
        let start = self.at;
        let value = self.scalar()?;
        Ok((value, self.written(start, self.at)))
    }

    fn predicate_kind(&mut self) -> Parsed<PredicateKind> {
        let kind = match self.one_of(&["FILTER", "BLOCK"]) {
            Some("FILTER") => PredicateKind::Filter,
            Some(_) => PredicateKind::Block,
            None => return Err(self.unexpected()),
        };
        self.expect("PREDICATE")?;
        Ok(kind)
    }

    /// `ON table`, and of a block predicate when it speaks.
    fn predicate_target(&mut self, kind: PredicateKind) -> Parsed<(ObjectName, Option<BlockOperation>)> {
        self.expect("ON")?;
        let target = self.policy_name()?;
        let operation = match kind {
            PredicateKind::Block if self.eat("AFTER INSERT") => Some(BlockOperation::AfterInsert),
            PredicateKind::Block if self.eat("AFTER UPDATE") => Some(BlockOperation::AfterUpdate),
            PredicateKind::Block if self.eat("BEFORE UPDATE") => Some(BlockOperation::BeforeUpdate),
            PredicateKind::Block if self.eat("BEFORE DELETE") => Some(BlockOperation::BeforeDelete),
            _ => None,
        };
        Ok((target, operation))
    }

    /// `WITH (STATE = ON, SCHEMABINDING = OFF)`; the comma may be left out.
    fn policy_options(&mut self, creating: bool) -> Parsed<PolicyOptions> {
        let mut options = PolicyOptions::default();
        if !self.eat("WITH") {
            return Ok(options);
        }
        self.expect("(")?;
        loop {
            let option = if self.eat("STATE =") {
                &mut options.enabled
            } else if creating && self.eat("SCHEMABINDING =") {
                &mut options.schema_bound
            } else {
                return Err(self.unexpected());
            };
            if option.is_some() {
                return Err(self.unexpected());
            }
            *option = Some(self.on_or_off()?);
            _ = self.eat(",");
            if self.eat(")") {
                return Ok(options);
            }
        }
    }
}
