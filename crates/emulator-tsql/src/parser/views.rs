//! Views.

use super::super::ast::{Expr, ModuleChange, Query, SetExpression, StatementKind};
use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn create_view(&mut self, start: usize, alter: bool) -> Parsed<StatementKind> {
        let change = self.module_change(start, alter, "VIEW")?;
        let name = self.module_name("CREATE VIEW")?;
        let columns = self.optional_names()?;
        let options = self.eat("WITH");
        if options {
            self.list(|p| p.one_of(&["SCHEMABINDING", "ENCRYPTION", "VIEW_METADATA"]).ok_or_else(|| p.unexpected()))?;
        }
        self.expect("AS")?;
        let StatementKind::Select(query) = self.query_or_cte_statement()? else { return Err(self.unexpected()) };
        if self.sees("WITH CHECK OPTION") {
            return self.outside();
        }
        self.end_of_module()?;
        if !is_of_a_table(&query) || name.name.starts_with('#') {
            return Err(self.unexpected_at(start)); // 1033, 1062, 4103
        }
        if query.outside.is_some() {
            return Ok(StatementKind::Outside("a view with FOR XML or FOR JSON".to_owned()));
        }
        if options {
            return Ok(StatementKind::Outside("options of a view".to_owned()));
        }
        Ok(StatementKind::CreateView { name, columns, query, change, text: self.as_created(start) })
    }
}

impl Parser<'_> {
    /// `[OR ALTER] kind`, after CREATE or ALTER: 111 unless the batch begins with it.
    pub(super) fn module_change(&mut self, start: usize, alter: bool, kind: &str) -> Parsed<ModuleChange> {
        let change = match (alter, self.eat("OR ALTER")) {
            (true, _) => ModuleChange::Alter,
            (false, true) => ModuleChange::CreateOrAlter,
            (false, false) => ModuleChange::Create,
        };
        self.expect(kind)?;
        if start != 0 {
            let verb = if alter { "ALTER" } else { "CREATE" };
            let text = format!("'{verb} {kind}' must be the first statement in a query batch.");
            return Err(super::SyntaxError { number: 111, state: 1, text, line: self.line() });
        }
        Ok(change)
    }

    /// A view or function stands alone in its batch.
    pub(super) fn end_of_module(&mut self) -> Parsed<()> {
        while self.eat(";") {}
        if self.at_end() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The batch as `sys.sql_modules` shows it: CREATE where it said ALTER.
    pub(super) fn as_created(&self, verb: usize) -> String {
        let Some(token) = self.tokens.get(verb) else { return self.source.to_owned() };
        let (before, after) = (&self.source[..token.start], &self.source[token.end..]);
        let word = token.text(self.source);
        let word = if word.eq_ignore_ascii_case("ALTER") { "CREATE" } else { word };
        format!("{before}{word}{after}")
    }
}

/// Whether the query may be that of a view or function: 1033 for ORDER BY without TOP, 1062 for TIES without ORDER BY.
pub(super) fn is_of_a_table(query: &Query) -> bool {
    let ordered_without_top = !query.order_by.is_empty() && query.offset.is_none() && !has_top(&query.body);
    !ordered_without_top && !ties_without_order(query)
}

fn has_top(body: &SetExpression) -> bool {
    matches!(body, SetExpression::Select(select) if select.top.is_some())
}

/// TOP … WITH TIES without ORDER BY, and a share beyond 0 to 100 per cent.
fn ties_without_order(query: &Query) -> bool {
    let SetExpression::Select(select) = &query.body else { return false };
    let Some(top) = &select.top else { return false };
    let share_ok = match &top.count {
        Expr::Integer(share) => (0..=100).contains(share),
        Expr::Negate(_) => false,
        _ => true,
    };
    (top.with_ties && query.order_by.is_empty()) || (top.percent && !share_ok)
}
