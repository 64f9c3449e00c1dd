//! Hints: WITH (…) after a table, OPTION (…) after a statement, and those of joins.
//!
//! A hint of the plan changes no answer; what leaves the server without a plan (8622), or changes which rows are seen, is
//! outside the subset.

use super::super::ast::JoinKind;
use super::super::lexer::Kind;
use super::{Parsed, Parser, SyntaxError};

/// What hints after a table ask for.
#[derive(Default)]
pub(super) struct TableHints {
    /// The first that the emulator cannot follow.
    pub outside: Option<&'static str>,
    /// A lock that the transaction keeps after reading.
    pub holds: bool,
}

/// Where a read looks, and by which locks: nobody here sees more than what is committed, and no lock outlives the reading.
const WITHOUT_EFFECT: &[&str] =
    &["NOLOCK", "READUNCOMMITTED", "READCOMMITTED", "READCOMMITTEDLOCK", "ROWLOCK", "PAGLOCK", "TABLOCK", "FORCESCAN"];
const HOLDING: &[&str] = &["HOLDLOCK", "SERIALIZABLE", "REPEATABLEREAD", "UPDLOCK", "XLOCK", "TABLOCKX"];
const OUTSIDE: &[&str] = &[
    "READPAST",
    "NOWAIT",
    "SNAPSHOT",
    "NOEXPAND",
    "KEEPIDENTITY",
    "KEEPDEFAULTS",
    "IGNORE_CONSTRAINTS",
    "IGNORE_TRIGGERS",
    "FORCESEEK",
    "INDEX",
    "SPATIAL_WINDOW_MAX_CELLS",
    "FASTFIRSTROW",
];
/// One of each group may stand: the page of table hints.
const GROUPS: [&[&str]; 2] = [
    &["PAGLOCK", "NOLOCK", "READCOMMITTEDLOCK", "ROWLOCK", "TABLOCK", "TABLOCKX"],
    &["HOLDLOCK", "NOLOCK", "READUNCOMMITTED", "READCOMMITTED", "REPEATABLEREAD", "SERIALIZABLE"],
];

impl Parser<'_> {
    /// `WITH (NOLOCK, …)`, the older bare `(NOLOCK)`, `HOLDLOCK`, and `(1)`, of old; nothing where none stands.
    pub(super) fn table_hints(&mut self, hints: &mut TableHints) -> Parsed<()> {
        if self.sees("WITH (") {
            self.advance();
            return self.hint_list(hints);
        }
        if self.eat("HOLDLOCK") {
            hints.holds = true;
        }
        let old = ["HOLDLOCK", "NOLOCK", "TABLOCK", "TABLOCKX", "UPDLOCK", "PAGLOCK", "ROWLOCK", "INDEX"];
        let known = self.token(1).is_some_and(|t| t.kind == Kind::Integer) || old.iter().any(|h| self.sees_at(1, h));
        if self.sees("(") && known { self.hint_list(hints) } else { Ok(()) }
    }

    fn hint_list(&mut self, hints: &mut TableHints) -> Parsed<()> {
        self.expect("(")?;
        let mut seen = Vec::new();
        loop {
            if let Some(hint) = self.one_of(WITHOUT_EFFECT) {
                seen.push(hint);
            } else if let Some(hint) = self.one_of(HOLDING) {
                seen.push(hint);
                hints.holds = true;
            } else if let Some(hint) = self.one_of(OUTSIDE) {
                hints.outside.get_or_insert(hint);
                if self.eat("=") {
                    self.advance();
                }
                if self.sees("(") {
                    self.balanced()?;
                }
            } else if self.kind() == Some(Kind::Integer) {
                self.advance();
                hints.outside.get_or_insert("INDEX");
            } else {
                return Err(self.no_hint());
            }
            _ = self.eat(",");
            if self.eat(")") {
                break;
            }
        }
        if GROUPS.iter().any(|group| seen.iter().filter(|hint| group.contains(hint)).count() > 1) {
            hints.outside.get_or_insert("conflicting table hints");
        }
        Ok(())
    }

    /// 321 for a word that is no hint.
    fn no_hint(&self) -> SyntaxError {
        if self.kind() != Some(Kind::Word) {
            return self.unexpected();
        }
        let text = format!(
            "\"{}\" is not a recognized table hints option. If it is intended as a parameter to a table-valued function or to the CHANGETABLE function, ensure that your database compatibility mode is set to 90.",
            self.text(0)
        );
        SyntaxError { number: 321, state: 1, text, line: self.line() }
    }

    /// Hints of the table that is changed, whose rows nobody else can change meanwhile: what it cannot follow.
    ///
    /// 46074 of Microsoft's parser: INDEX and FORCESEEK are refused there. 1065 for reading what is not committed.
    pub(super) fn modification_hints(&mut self) -> Parsed<Option<&'static str>> {
        if !self.sees("WITH (") {
            return Ok(None);
        }
        if self.sees("WITH ( INDEX") || self.sees("WITH ( FORCESEEK") {
            self.at += 2;
            return Err(self.unexpected());
        }
        self.advance();
        let (start, line) = (self.at, self.line());
        let mut hints = TableHints::default();
        self.hint_list(&mut hints)?;
        let dirty = |at: usize| {
            let text = self.tokens.get(at).map_or("", |t| t.text(self.source));
            ["NOLOCK", "READUNCOMMITTED"].iter().any(|hint| text.eq_ignore_ascii_case(hint))
        };
        if (start..self.at).any(dirty) {
            let text = "The NOLOCK and READUNCOMMITTED lock hints are not allowed for target tables of INSERT, UPDATE, DELETE or MERGE statements.".to_owned();
            return Err(SyntaxError { number: 1065, state: 1, text, line });
        }
        Ok(hints.outside)
    }

    /// `OPTION (…)`, if it stands here: what of it is outside the subset.
    pub(super) fn query_hints(&mut self) -> Parsed<Option<&'static str>> {
        if !self.sees("OPTION (") {
            return Ok(None);
        }
        self.advance();
        let start = self.at;
        if self.sees("( )") {
            return Err(self.unexpected_at(start + 1));
        }
        self.balanced()?;
        let end = std::mem::replace(&mut self.at, start + 1);
        let mut outside = None;
        let mut seen: Vec<&str> = Vec::new();
        while self.at + 1 < end {
            let word = self.known_query_hint();
            let parted = self.eat(",") || (self.at + 1 == end && self.sees(")"));
            match word {
                Some(word) if parted && !seen.contains(&word) => seen.push(word),
                _ => {
                    outside = Some("query hints other than those of the plan alone");
                    break;
                }
            }
        }
        self.at = end;
        Ok(outside)
    }

    /// A hint that no answer shows, or MAXRECURSION, whose number the query keeps.
    fn known_query_hint(&mut self) -> Option<&'static str> {
        let plain = [
            "RECOMPILE",
            "KEEP PLAN",
            "KEEPFIXED PLAN",
            "EXPAND VIEWS",
            "FORCE ORDER",
            "ORDER GROUP",
            "CONCAT UNION",
            "OPTIMIZE FOR UNKNOWN",
            "NO_PERFORMANCE_SPOOL",
            "IGNORE_NONCLUSTERED_COLUMNSTORE_INDEX",
            "DISABLE_OPTIMIZED_PLAN_FORCING",
        ];
        if let Some(hint) = plain.into_iter().find(|hint| self.eat(hint)) {
            return Some(hint);
        }
        let (hint, most) =
            match self.one_of(&["MAXDOP", "FAST", "MAXRECURSION", "MAX_GRANT_PERCENT", "MIN_GRANT_PERCENT"])? {
                hint @ ("MAX_GRANT_PERCENT" | "MIN_GRANT_PERCENT") => (self.eat("=").then_some(hint)?, 100),
                "MAXDOP" => ("MAXDOP", 32767),
                hint => (hint, i64::MAX),
            };
        let value = self.integer().ok()?;
        (0..=most).contains(&value).then_some(hint)
    }

    /// `[INNER | LEFT | RIGHT | FULL] [OUTER] [hint] JOIN`, and whether the hint is outside the subset.
    pub(super) fn join_words(&mut self) -> Parsed<Option<(JoinKind, bool)>> {
        let kind = match self.one_of(&["JOIN", "INNER", "LEFT", "RIGHT", "FULL"]) {
            Some("JOIN") => return Ok(Some((JoinKind::Inner, false))),
            Some("INNER") => JoinKind::Inner,
            Some("LEFT") => JoinKind::Left,
            Some("RIGHT") => JoinKind::Right,
            Some(_) => JoinKind::Full,
            None => return Ok(None),
        };
        if kind != JoinKind::Inner {
            self.eat("OUTER");
        }
        let hinted = self.join_hint(kind);
        self.expect("JOIN")?;
        Ok(Some((kind, hinted)))
    }

    /// LOOP, HASH, MERGE and REMOTE before JOIN. Nested loops are possible for every inner and left join; the others may
    /// leave the server without a plan.
    fn join_hint(&mut self, kind: JoinKind) -> bool {
        if ["LOOP", "HASH", "MERGE"].iter().any(|word| self.sees_at(1, word)) {
            self.eat("LOCAL");
        }
        match self.one_of(&["LOOP", "HASH", "MERGE", "REMOTE"]) {
            None => false,
            Some("LOOP") => !matches!(kind, JoinKind::Inner | JoinKind::Left),
            Some(_) => true,
        }
    }
}
