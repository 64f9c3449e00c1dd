//! GRANT, DENY, REVOKE. The grammar takes any words as a permission; the instance knows which exist.

use super::super::ast::{PermissionStatement, PermissionVerb, PermissionWords, Securable, StatementKind};
use super::super::lexer::Kind;
use super::{Parsed, Parser};

/// Classes that `CLASS::name` may name, as the documentation of GRANT lists them.
const CLASSES: &[&str] = &[
    "APPLICATION ROLE",
    "ASSEMBLY",
    "ASYMMETRIC KEY",
    "AVAILABILITY GROUP",
    "CERTIFICATE",
    "CONTRACT",
    "DATABASE SCOPED CREDENTIAL",
    "DATABASE",
    "ENDPOINT",
    "EXTERNAL MODEL",
    "FULLTEXT CATALOG",
    "FULLTEXT STOPLIST",
    "LOGIN",
    "MESSAGE TYPE",
    "OBJECT",
    "REMOTE SERVICE BINDING",
    "ROLE",
    "ROUTE",
    "SCHEMA",
    "SEARCH PROPERTY LIST",
    "SERVER ROLE",
    "SERVER",
    "SERVICE",
    "SYMMETRIC KEY",
    "TYPE",
    "USER",
    "XML SCHEMA COLLECTION",
];

impl Parser<'_> {
    pub(super) fn grant(&mut self) -> Parsed<StatementKind> {
        self.expect("GRANT")?;
        let mut statement = self.permission_body(PermissionVerb::Grant { with_grant_option: false }, &["TO"])?;
        if self.eat("WITH") {
            self.expect("GRANT OPTION")?;
            statement.verb = PermissionVerb::Grant { with_grant_option: true };
        }
        self.grantor(statement)
    }

    pub(super) fn deny(&mut self) -> Parsed<StatementKind> {
        self.expect("DENY")?;
        let mut statement = self.permission_body(PermissionVerb::Deny { cascade: false }, &["TO"])?;
        statement.verb = PermissionVerb::Deny { cascade: self.eat("CASCADE") };
        self.grantor(statement)
    }

    pub(super) fn revoke(&mut self) -> Parsed<StatementKind> {
        self.expect("REVOKE")?;
        let grant_option_only = self.sees("GRANT OPTION");
        if grant_option_only {
            self.at += 2;
            self.expect("FOR")?;
        }
        let verb = PermissionVerb::Revoke { grant_option_only, cascade: false };
        let mut statement = self.permission_body(verb, &["TO", "FROM"])?;
        statement.verb = PermissionVerb::Revoke { grant_option_only, cascade: self.eat("CASCADE") };
        self.grantor(statement)
    }

    fn permission_body(&mut self, verb: PermissionVerb, to: &[&'static str]) -> Parsed<PermissionStatement> {
        let permissions = self.list(Self::permission_words)?;
        let on = if self.eat("ON") { Some(self.securable()?) } else { None };
        // Column lists stand either after a permission or after the object.
        if on.as_ref().is_some_and(|on| !on.columns.is_empty()) && permissions.iter().any(|p| !p.columns.is_empty()) {
            let text = "Invalid column list after object name in GRANT/REVOKE statement.".to_owned();
            return Err(super::SyntaxError { number: 1019, state: 1, text, line: self.line() });
        }
        if self.one_of(to).is_none() {
            return Err(self.unexpected());
        }
        let principals = self.list(|p| {
            if p.eat("NULL") {
                return Ok(None);
            }
            if p.sees("PUBLIC") {
                p.advance();
                return Ok(Some("public".to_owned()));
            }
            p.name().map(Some)
        })?;
        Ok(PermissionStatement { verb, permissions, on, principals, grantor: None })
    }

    fn grantor(&mut self, mut statement: PermissionStatement) -> Parsed<StatementKind> {
        if self.eat("AS") {
            statement.grantor = Some(self.name()?);
        }
        Ok(StatementKind::Permission(statement))
    }

    /// One or more words, and columns.
    fn permission_words(&mut self) -> Parsed<PermissionWords> {
        let mut words = Vec::new();
        let mut last_word = String::new();
        while self.kind() == Some(Kind::Word) && !self.sees("ON") && !self.sees("TO") && !self.sees("FROM") {
            if self.sees("GRANT") {
                return Err(self.unexpected());
            }
            last_word = self.text(0).to_owned();
            words.push(self.text(0).to_ascii_uppercase());
            self.advance();
        }
        if words.is_empty() {
            return Err(self.unexpected());
        }
        let columns = self.optional_names()?;
        Ok(PermissionWords { words: words.join(" "), columns, last_word })
    }

    pub(super) fn securable(&mut self) -> Parsed<Securable> {
        let class = CLASSES.iter().find(|class| self.sees(class) && self.sees_at(class.split(' ').count(), "::"));
        let class = match class {
            Some(class) => {
                self.at += class.split(' ').count() + 1;
                (*class).to_owned()
            }
            None => "OBJECT".to_owned(),
        };
        let name = self.object_name()?;
        let columns = self.optional_names()?;
        Ok(Securable { class, name, columns })
    }
}
