//! Statements that are T-SQL but not the emulator's: recognised by the words that begin them, and named.
//!
//! They are read to the end of the batch, for only their own grammar would know where they end.

use super::super::ast::StatementKind;
use super::super::lexer::Kind;
use super::{Parsed, Parser};

/// Words that begin a statement of which the emulator has no form at all.
const STATEMENTS: &str = "ADD BACKUP BULK CHECKPOINT CLOSE COPY DBCC DEALLOCATE DISABLE ENABLE FETCH GET GOTO LINENO MERGE \
                          MOVE OPEN READTEXT RECEIVE RECONFIGURE RENAME RESTORE SEND SETUSER SHUTDOWN UPDATETEXT WRITETEXT";

/// What CREATE, ALTER and DROP can be followed by, besides what the emulator has a grammar for. Longest first.
const OBJECTS: &[&str] = &[
    "APPLICATION ROLE",
    "ASSEMBLY",
    "ASYMMETRIC KEY",
    "AVAILABILITY GROUP",
    "BROKER PRIORITY",
    "CERTIFICATE",
    "COLUMN ENCRYPTION KEY",
    "COLUMN MASTER KEY",
    "CONTRACT",
    "CREDENTIAL",
    "CRYPTOGRAPHIC PROVIDER",
    "DATABASE AUDIT SPECIFICATION",
    "DATABASE ENCRYPTION KEY",
    "DATABASE SCOPED CONFIGURATION",
    "DATABASE SCOPED CREDENTIAL",
    "DATABASE",
    "DEFAULT",
    "ENDPOINT",
    "EVENT NOTIFICATION",
    "EVENT SESSION",
    "EXTERNAL DATA SOURCE",
    "EXTERNAL FILE FORMAT",
    "EXTERNAL LANGUAGE",
    "EXTERNAL LIBRARY",
    "EXTERNAL MODEL",
    "EXTERNAL RESOURCE POOL",
    "EXTERNAL STREAM",
    "EXTERNAL STREAMING JOB",
    "EXTERNAL TABLE",
    "FEDERATION",
    "FULLTEXT CATALOG",
    "FULLTEXT INDEX",
    "FULLTEXT STOPLIST",
    "FUNCTION",
    "INDEX",
    "LOGIN",
    "MATERIALIZED VIEW",
    "MASTER KEY",
    "MESSAGE TYPE",
    "OR ALTER",
    "PARTITION FUNCTION",
    "PARTITION SCHEME",
    "PRIMARY XML INDEX",
    "PROC",
    "PROCEDURE",
    "QUEUE",
    "REMOTE SERVICE BINDING",
    "RESOURCE GOVERNOR",
    "RESOURCE POOL",
    "ROUTE",
    "RULE",
    "SCHEMA",
    "SEARCH PROPERTY LIST",
    "SELECTIVE XML INDEX",
    "SENSITIVITY CLASSIFICATION",
    "SEQUENCE",
    "SERVER AUDIT",
    "SERVER CONFIGURATION",
    "SERVICE",
    "SIGNATURE",
    "COUNTER SIGNATURE",
    "SPATIAL INDEX",
    "STATISTICS",
    "SYMMETRIC KEY",
    "SYNONYM",
    "TABLE",
    "TRIGGER",
    "TYPE",
    "USER",
    "VECTOR INDEX",
    "VIEW",
    "WORKLOAD CLASSIFIER",
    "WORKLOAD GROUP",
    "XML INDEX",
    "XML SCHEMA COLLECTION",
    "AGGREGATE",
];

/// `word` in upper case.
pub(super) fn begins(word: &str) -> bool {
    STATEMENTS.split_whitespace().any(|known| known == word)
}

impl Parser<'_> {
    /// Takes the rest of the batch as one statement outside the subset, named by its first words.
    pub(super) fn outside(&mut self) -> Parsed<StatementKind> {
        let mut words = Vec::new();
        let start = self.statement_start();
        for token in self.tokens.iter().skip(start).take(3) {
            if token.kind != Kind::Word {
                break;
            }
            words.push(token.text(self.source).to_ascii_uppercase());
        }
        self.check_rest(start)?;
        self.at = self.tokens.len();
        Ok(StatementKind::Outside(words.join(" ")))
    }

    /// CREATE, ALTER or DROP of something the emulator has no grammar for, after those words were read.
    pub(super) fn outside_object(&mut self, verb: &str) -> Parsed<StatementKind> {
        let Some(object) = OBJECTS.iter().find(|object| self.sees(object)) else { return Err(self.unexpected()) };
        let words = object.split(' ').count();
        let (needs_name, at) = (!matches!(*object, "RESOURCE GOVERNOR" | "SERVER CONFIGURATION"), self.at);
        self.at += words;
        if verb == "DROP" {
            self.drop_tail(object)?;
        }
        if needs_name && self.at_end() && !object.contains("KEY") {
            return Err(self.unexpected());
        }
        self.check_rest(at)?;
        self.at = self.tokens.len();
        Ok(StatementKind::Outside(format!("{verb} {object}")))
    }

    /// `[IF EXISTS] name`: the part of DROP that all kinds share.
    fn drop_tail(&mut self, object: &str) -> Parsed<()> {
        if self.sees("IF") {
            self.expect("IF EXISTS")?;
        }
        let nameless = ["KEY", "SIGNATURE", "SENSITIVITY"].iter().any(|word| object.contains(word))
            || object == "FULLTEXT INDEX" && self.sees("ON");
        if !nameless && !self.sees_name() && !self.sees(".") {
            return Err(self.unexpected());
        }
        Ok(())
    }

    /// Where the current statement's first word is: the token before this one when a word of it was read already.
    fn statement_start(&self) -> usize {
        let read = |word: &str| self.at > 0 && self.tokens[self.at - 1].text(self.source).eq_ignore_ascii_case(word);
        if ["BEGIN", "WAITFOR", "CREATE", "ALTER", "DROP", "SET", "UPDATE", "INSERT", "EXECUTE", "DECLARE"]
            .iter()
            .any(|word| read(word))
        {
            self.at - 1
        } else {
            self.at
        }
    }

    /// Parentheses must match, whatever the statement.
    fn check_rest(&self, from: usize) -> Parsed<()> {
        let mut open = 0usize;
        for (at, token) in self.tokens.iter().enumerate().skip(from) {
            if token.kind != Kind::Sign {
                continue;
            }
            match token.text(self.source) {
                "(" => open += 1,
                ")" if open == 0 => return Err(self.unexpected_at(at)),
                ")" => open -= 1,
                _ => {}
            }
        }
        if open > 0 { Err(self.unexpected_at(self.tokens.len())) } else { Ok(()) }
    }
}
