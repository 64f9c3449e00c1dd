//! From a parsed query to SQLite text: names are resolved, types inferred, permissions collected.
//!
//! Every source gets an alias of ours and every column a number, so the text holds none of the user's names. SQLite has
//! no APPLY, no TOP, no typed results; the rest of the distance is in [`expressions`] and [`calls`].

mod calls;
mod collations;
mod common_tables;
mod expressions;
mod functions;
mod masks;
mod order;
mod row_security;
mod sets;
mod sources;
mod table_variables;

pub use collations::{collation, collation_name};
pub use expressions::coerced;
pub use masks::Mask;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::access::Target;
use super::errors;
use super::functions::Ambient;
use super::permissions::Class;
use super::state::{Database, State, same_name};
use super::store::Store;
use super::types;
use crate::engine::Message;
use crate::tsql::ast::{self, Expr, Query, Select, SelectItem, SetExpression};
use crate::value::Column;
use crate::value::{SqlType, Value};

/// SQLite text and what its columns are.
#[derive(Debug, Clone)]
pub struct Compiled {
    pub sql: String,
    pub columns: Vec<Column>,
    /// `SELECT @v = …`: which variable each column goes to.
    pub assigns: Vec<Option<(String, SqlType)>>,
    /// What goes over each column for those without UNMASK; may end early.
    pub masks: Vec<Option<Mask>>,
}

/// A scalar expression in SQLite's words.
#[derive(Debug, Clone)]
pub struct Bound {
    pub sql: String,
    pub sql_type: SqlType,
    pub nullable: bool,
    /// Name a result column takes from it.
    pub name: String,
    pub identity: bool,
    /// An explicit or a column's own collation, ours by name.
    pub collation: Option<&'static str>,
    /// The literal NULL takes any type.
    pub is_null: bool,
    /// Digits of a whole number written as a constant.
    pub literal: Option<u8>,
    /// Of a column alone.
    pub mask: Option<Mask>,
}

impl Bound {
    fn new(sql: String, sql_type: SqlType, nullable: bool) -> Self {
        Self {
            sql,
            sql_type,
            nullable,
            name: String::new(),
            identity: false,
            collation: None,
            is_null: false,
            literal: None,
            mask: None,
        }
    }
    fn collate(&self) -> &'static str {
        self.collation.unwrap_or("CI_AS")
    }
    /// With its collation where SQLite would compare, group or sort it.
    fn sorted(&self) -> String {
        if types::is_text(self.sql_type) {
            format!("({} COLLATE {})", self.sql, self.collate())
        } else {
            self.sql.clone()
        }
    }
}

#[derive(Debug, Clone)]
struct SourceColumn {
    name: String,
    sql: String,
    sql_type: SqlType,
    nullable: bool,
    identity: bool,
    collation: Option<&'static str>,
    /// Object and column id, for permissions.
    of: Option<(i32, i32, i32)>,
    /// Not in `SELECT *`.
    hidden: bool,
    /// Masked for those without UNMASK.
    mask: Option<Mask>,
    /// A computed column's expression, bound where it is used.
    computed: Option<Expr>,
}

#[derive(Debug, Clone)]
struct Source {
    /// What qualifies its columns: alias, else table name.
    name: String,
    schema: Option<String>,
    alias: String,
    columns: Vec<SourceColumn>,
}

#[derive(Debug, Default, Clone)]
struct Scope {
    sources: Vec<Source>,
}

#[derive(Debug, Clone)]
struct CommonTable {
    name: String,
    alias: String,
    columns: Vec<SourceColumn>,
}

/// Compiles one statement's queries.
pub struct Binder<'a> {
    pub state: Arc<State>,
    pub ambient: &'a Ambient,
    pub variables: &'a BTreeMap<String, (SqlType, Value)>,
    pub store: &'a mut Store,
    pub binds: Vec<(String, Value)>,
    scopes: Vec<Scope>,
    common: Vec<CommonTable>,
    next_alias: usize,
    /// SQL of the GROUP BY expressions while a grouped select list is read; `None` outside.
    grouped: Option<Vec<String>>,
    in_aggregate: bool,
    saw_aggregate: bool,
    /// A masked column was read since that was last looked at.
    saw_masked: bool,
    /// Of the function being read: what its variables are.
    parameters: Option<BTreeMap<String, Bound>>,
    /// Views, functions and policies being read through: 4429 for one within itself.
    within: Vec<(i32, i32)>,
    /// The view or function that ALTER is about.
    pub being_made: Option<(i32, i32)>,
    /// Names of what the statement itself reads, its common tables apart.
    pub named: Vec<ast::ObjectName>,
    /// Database and owner of the views being read through: what the innermost's owner owns as well needs no right.
    views: Vec<(i32, i32)>,
    /// Database and schema of the view or function being read or made, where its names without these are looked for,
    /// whoever reads and from wherever.
    pub homes: Vec<(i32, i32)>,
    reads: BTreeMap<(i32, i32), BTreeSet<i32>>,
    /// The query that is read next is the statement's own.
    outermost: bool,
    /// How many views and functions were read through.
    expansions: usize,
    /// Whether rows of user tables are read.
    pub reads_tables: bool,
}

impl<'a> Binder<'a> {
    pub fn new(
        state: Arc<State>,
        ambient: &'a Ambient,
        variables: &'a BTreeMap<String, (SqlType, Value)>,
        store: &'a mut Store,
    ) -> Self {
        Self {
            state,
            ambient,
            variables,
            store,
            binds: Vec::new(),
            scopes: Vec::new(),
            common: Vec::new(),
            next_alias: 0,
            grouped: None,
            in_aggregate: false,
            saw_aggregate: false,
            saw_masked: false,
            parameters: None,
            within: Vec::new(),
            named: Vec::new(),
            being_made: None,
            views: Vec::new(),
            homes: Vec::new(),
            reads: BTreeMap::new(),
            outermost: false,
            expansions: 0,
            reads_tables: false,
        }
    }

    /// Objects of the current database that were read, and which of their columns.
    pub fn objects_read(&self) -> Vec<super::state::Bound> {
        let here = self.reads.iter().filter(|((database, _), _)| *database == self.ambient.database);
        here.map(|((_, object), columns)| super::state::Bound { object: *object, columns: columns.clone() }).collect()
    }

    fn note_name(&mut self, name: &ast::ObjectName) {
        if self.within.is_empty() {
            self.named.push(name.clone());
        }
    }

    /// A whole statement's query, permissions checked.
    pub fn statement(&mut self, query: &Query) -> Result<Compiled, Message> {
        self.outermost = true;
        let compiled = self.query(query)?;
        self.check_reads()?;
        if compiled.masks.iter().zip(&compiled.assigns).any(|(mask, assign)| mask.is_some() && assign.is_some()) {
            return Err(errors::outside("a masked column that goes to a variable"));
        }
        Ok(compiled)
    }

    /// The query of a view or function that is being made.
    pub fn module(&mut self, query: &Query) -> Result<Compiled, Message> {
        let compiled = self.query(query)?;
        self.check_reads()?;
        Ok(compiled)
    }

    /// A scalar without any FROM.
    pub fn scalar(&mut self, expr: &Expr) -> Result<Compiled, Message> {
        let bound = self.expression(expr)?;
        self.check_reads()?;
        self.refuse_masked("a masked column in a value of its own")?;
        let column = column_of(&bound, String::new());
        Ok(Compiled {
            sql: format!("SELECT {}", bound.sql),
            columns: vec![column],
            assigns: vec![None],
            masks: Vec::new(),
        })
    }

    pub fn condition(&mut self, predicate: &ast::Predicate) -> Result<Compiled, Message> {
        let sql = self.predicate(predicate)?;
        self.check_reads()?;
        self.refuse_masked("a masked column in a condition of its own")?;
        let column = Column { name: String::new(), sql_type: SqlType::Int, nullable: true, identity: false };
        Ok(Compiled { sql: format!("SELECT {sql}"), columns: vec![column], assigns: vec![None], masks: Vec::new() })
    }

    /// Where the documentation does not say what becomes of a mask.
    pub fn refuse_masked(&self, what: &str) -> Result<(), Message> {
        if self.saw_masked { Err(errors::outside(what)) } else { Ok(()) }
    }

    /// The items of an OUTPUT clause over the tables `temp.o_inserted` and `temp.o_deleted`, row beside row.
    pub fn output(
        &mut self,
        database: &Database,
        table: &Arc<super::state::Table>,
        sources: &[&str],
        items: &[SelectItem],
    ) -> Result<Compiled, Message> {
        self.scopes.push(Scope::default());
        let mut from = Vec::new();
        for name in sources {
            let (text, alias) = self.open_shown(database, table, name)?;
            from.push((text, alias));
        }
        let mut bound = Vec::new();
        for item in items {
            if has_subquery(&format!("{item:?}")) {
                return Err(Message::new(10705, 15, 1, "Subqueries are not allowed in the OUTPUT clause."));
            }
            self.item(item, &mut bound)?;
        }
        self.check_reads()?;
        self.refuse_masked("OUTPUT of a masked column")?;
        let list: Vec<String> = bound.iter().map(|(bound, _)| bound.sql.clone()).collect();
        let tables: Vec<&str> = from.iter().map(|(text, _)| text.as_str()).collect();
        let joined = match &from[..] {
            [(_, a), (_, b)] => format!(" WHERE {a}.rowid = {b}.rowid"),
            _ => String::new(),
        };
        let order = from.first().map_or("1", |(_, alias)| alias);
        let sql = format!("SELECT {} FROM {}{joined} ORDER BY {order}.rowid", list.join(", "), tables.join(", "));
        let columns = bound.iter().map(|(bound, _)| column_of(bound, bound.name.clone())).collect();
        let assigns = bound.into_iter().map(|(_, assign)| assign).collect();
        Ok(Compiled { sql, columns, assigns, masks: Vec::new() })
    }

    /// A table of which no column was read needs no right.
    pub fn forget_unread(&mut self, table: (i32, i32)) {
        if self.reads.get(&table).is_some_and(BTreeSet::is_empty) {
            self.reads.remove(&table);
        }
    }

    /// SELECT on every column read: 229, or 230 for a column.
    pub fn check_reads(&self) -> Result<(), Message> {
        for ((database, object), columns) in &self.reads {
            let token = self.state.token(self.ambient.identity, *database);
            let target = Target::in_database(Class::Object, *database, *object);
            let whole = self.state.may(&token, target, "SELECT");
            let denied = self.state.denied_column(&token, target, "SELECT", columns);
            if denied.is_none() && (whole || !columns.is_empty()) {
                continue;
            }
            let Some(home) = self.state.database(*database) else { continue };
            let schema = home.schema_name(home.object_schema(*object).unwrap_or(0)).to_owned();
            let name = home.object_name(*object).unwrap_or("").to_owned();
            if whole && let Some(column) = denied.and_then(|id| home.tables.get(object)?.column_by_id(id)) {
                let text = format!(
                    "The SELECT permission was denied on the column '{}' of the object '{name}', database '{}', schema '{schema}'.",
                    column.name, home.name
                );
                return Err(Message::new(230, 14, 1, text));
            }
            return Err(errors::object_denied("SELECT", &name, &home.name, &schema));
        }
        Ok(())
    }

    fn alias(&mut self) -> String {
        self.next_alias += 1;
        format!("s{}", self.next_alias)
    }

    /// A named parameter for a value.
    fn bind(&mut self, name: &str, value: Value) -> String {
        let name = format!(":{name}");
        if !self.binds.iter().any(|(known, _)| *known == name) {
            self.binds.push((name.clone(), value));
        }
        name
    }

    fn query(&mut self, query: &Query) -> Result<Compiled, Message> {
        if let Some(what) = query.outside {
            return Err(errors::outside(what));
        }
        if !std::mem::take(&mut self.outermost) {
            check_nested(query)?;
        }
        let outer_common = self.common.len();
        let with = self.common_tables(&query.with, query.max_recursion)?;
        let compiled = self.body(query);
        self.common.truncate(outer_common);
        let mut compiled = compiled?;
        if !with.is_empty() {
            compiled.sql = format!("WITH {} {}", with.join(", "), compiled.sql);
        }
        Ok(compiled)
    }

    fn body(&mut self, query: &Query) -> Result<Compiled, Message> {
        match &query.body {
            SetExpression::Select(select) => self.select(select, query),
            combined => {
                let mut compiled = self.combined(combined)?;
                let order = self.positional_order(&query.order_by, &compiled.columns)?;
                compiled.sql = format!("{}{order}{}", compiled.sql, self.page(query)?);
                Ok(compiled)
            }
        }
    }

    fn select(&mut self, select: &Select, query: &Query) -> Result<Compiled, Message> {
        if let Some(what) = select.outside {
            return Err(errors::outside(what));
        }
        self.scopes.push(Scope::default());
        let saved =
            (self.grouped.take(), std::mem::take(&mut self.in_aggregate), std::mem::take(&mut self.saw_aggregate));
        let compiled = self.select_in_scope(select, query);
        (self.grouped, self.in_aggregate, self.saw_aggregate) = saved;
        self.scopes.pop();
        compiled
    }

    fn select_in_scope(&mut self, select: &Select, query: &Query) -> Result<Compiled, Message> {
        let (from, mut filters) = self.bind_from(&select.from)?;
        if let Some(filter) = &select.filter {
            filters.push(self.predicate(filter)?);
            if std::mem::take(&mut self.saw_aggregate) {
                return Err(Message::new(
                    147,
                    15,
                    1,
                    "An aggregate may not appear in the WHERE clause unless it is in a subquery contained in a HAVING clause or a select list, and the column being aggregated is an outer reference.",
                ));
            }
        }
        let groups: Vec<Bound> = select.group_by.iter().map(|g| self.expression(g)).collect::<Result<_, _>>()?;
        if !groups.is_empty() || select.having.is_some() || select.items.iter().any(has_aggregate) {
            self.grouped = Some(groups.iter().map(|g| g.sql.clone()).collect());
        }
        let mut items: Vec<(Bound, Option<(String, SqlType)>)> = Vec::new();
        for item in &select.items {
            self.item(item, &mut items)?;
        }
        if items.is_empty() {
            return Err(Message::new(263, 16, 1, "Must specify table to select from."));
        }
        let assigning = items.iter().filter(|(_, assign)| assign.is_some()).count();
        if assigning > 0 && assigning < items.len() {
            let text = "A SELECT statement that assigns a value to a variable must not be combined with data-retrieval operations.";
            return Err(Message::new(141, 15, 1, text));
        }
        let having = match &select.having {
            Some(having) => format!(" HAVING {}", self.predicate(having)?),
            None => String::new(),
        };
        let order = self.order(&query.order_by, &items, select.distinct)?;
        let list: Vec<String> = items
            .iter()
            .enumerate()
            .map(|(i, (bound, _))| {
                let sql = if select.distinct { bound.sorted() } else { bound.sql.clone() };
                format!("{sql} AS c{}", i + 1)
            })
            .collect();
        let distinct = if select.distinct { "DISTINCT " } else { "" };
        let mut sql = format!("SELECT {distinct}{}", list.join(", "));
        if !from.is_empty() {
            sql.push_str(&format!(" FROM {from}"));
        }
        if !filters.is_empty() {
            sql.push_str(&format!(" WHERE {}", filters.join(" AND ")));
        }
        if !groups.is_empty() {
            let by: Vec<String> = groups.iter().map(Bound::sorted).collect();
            sql.push_str(&format!(" GROUP BY {}", by.join(", ")));
        } else if select.having.is_some() {
            // An aggregate over all rows with HAVING: SQLite wants a GROUP BY; a constant is one group.
            sql.push_str(" GROUP BY NULL");
        }
        sql.push_str(&having);
        let columns: Vec<Column> = items.iter().map(|(bound, _)| column_of(bound, bound.name.clone())).collect();
        sql = self.limited(sql, select, query, &order, columns.len())?;
        let masks = items.iter().map(|(bound, _)| bound.mask.clone()).collect();
        Ok(Compiled { sql, columns, assigns: items.into_iter().map(|(_, assign)| assign).collect(), masks })
    }

    /// An expression of a select list, with what masks it.
    fn projected(&mut self, value: &Expr) -> Result<Bound, Message> {
        let before = std::mem::take(&mut self.saw_masked);
        let mut bound = self.expression(value)?;
        let masked = std::mem::replace(&mut self.saw_masked, before);
        self.saw_masked |= masked;
        if masked && !matches!(value, Expr::Column(_)) {
            let shown = format!("{value:?}");
            if has_subquery(&shown) || shown.contains("over: Some(") {
                return Err(errors::outside("a masked column in a subquery or window of a select list"));
            }
            bound.mask = Some(Mask::of_expression(bound.sql_type));
        }
        if let Some(Mask::Outside(what)) = bound.mask {
            return Err(errors::outside(what));
        }
        Ok(bound)
    }

    fn item(&mut self, item: &SelectItem, items: &mut Vec<(Bound, Option<(String, SqlType)>)>) -> Result<(), Message> {
        match item {
            SelectItem::All(qualifier) => {
                let scope = self.scopes.last().cloned().unwrap_or_default();
                let before = items.len();
                for source in &scope.sources {
                    if qualifier.as_ref().is_some_and(|q| !matches_source(source, &q.name, q.schema.as_deref())) {
                        continue;
                    }
                    for column in source.columns.iter().filter(|c| !c.hidden) {
                        let bound = self.use_column(column)?;
                        if let Some(Mask::Outside(what)) = bound.mask {
                            return Err(errors::outside(what));
                        }
                        items.push((bound, None));
                    }
                }
                if items.len() == before {
                    return Err(match qualifier {
                        Some(q) => Message::new(
                            107,
                            15,
                            1,
                            format!(
                                "The column prefix '{}' does not match with a table name or alias name used in the query.",
                                q.written()
                            ),
                        ),
                        None => Message::new(263, 16, 1, "Must specify table to select from."),
                    });
                }
            }
            SelectItem::Expr { value, alias } => {
                let mut bound = self.projected(value)?;
                if let Some(alias) = alias {
                    bound.name.clone_from(alias);
                }
                items.push((bound, None));
            }
            SelectItem::Assign { variable, operator, value } => {
                let Some((sql_type, _)) = self.variables.get(&variable.to_lowercase()) else {
                    return Err(errors::undeclared(variable));
                };
                let value = match operator {
                    Some(operator) => Expr::Operation {
                        operator: *operator,
                        left: Box::new(Expr::Variable(variable.clone())),
                        right: Box::new(value.clone()),
                    },
                    None => value.clone(),
                };
                items.push((self.projected(&value)?, Some((variable.to_lowercase(), *sql_type))));
            }
        }
        Ok(())
    }

    pub fn current_database(&self) -> Result<&Arc<Database>, Message> {
        let id = self.homes.last().map_or(self.ambient.database, |(database, _)| *database);
        self.state.database(id).ok_or_else(|| errors::internal("the current database is gone"))
    }
}

/// Whether there is a query in what is shown.
fn has_subquery(shown: &str) -> bool {
    ["Subquery(", "InQuery", "Exists(", "Quantified"].iter().any(|part| shown.contains(part))
}

/// 1033 for ORDER BY, 156 for INTO: of a statement's own query alone.
fn check_nested(query: &Query) -> Result<(), Message> {
    let mut first = &query.body;
    while let SetExpression::Combined { left, .. } = first {
        first = left;
    }
    if matches!(first, SetExpression::Select(select) if select.into.is_some()) {
        return Err(Message::new(156, 15, 1, "Incorrect syntax near the keyword 'INTO'."));
    }
    let has_top = matches!(&query.body, SetExpression::Select(select) if select.top.is_some());
    if !query.order_by.is_empty() && query.offset.is_none() && !has_top {
        let text = "The ORDER BY clause is invalid in views, inline functions, derived tables, subqueries, and common table expressions, unless TOP, OFFSET or FOR XML is also specified.";
        return Err(Message::new(1033, 15, 1, text));
    }
    Ok(())
}

fn empty_query() -> Query {
    Query {
        with: Vec::new(),
        body: SetExpression::Select(Box::default()),
        order_by: Vec::new(),
        offset: None,
        fetch: None,
        outside: None,
        max_recursion: None,
    }
}

fn column_of(bound: &Bound, name: String) -> Column {
    Column { name, sql_type: bound.sql_type, nullable: bound.nullable, identity: bound.identity }
}

fn matches_source(source: &Source, name: &str, schema: Option<&str>) -> bool {
    same_name(&source.name, name)
        && schema.is_none_or(|schema| source.schema.as_deref().is_some_and(|of| same_name(of, schema)))
}

/// The columns a derived table, view or CTE shows: named by its list, else by its query. 8155 without a name.
fn derived_columns(
    alias: &str,
    compiled: &Compiled,
    names: &[String],
    table: &str,
) -> Result<Vec<SourceColumn>, Message> {
    if !names.is_empty() && names.len() != compiled.columns.len() {
        let (number, word) = if names.len() < compiled.columns.len() { (8158, "more") } else { (8159, "fewer") };
        let text = format!("'{table}' has {word} columns than were specified in the column list.");
        return Err(Message::new(number, 16, 1, text));
    }
    compiled
        .columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            let name = names.get(i).unwrap_or(&column.name).clone();
            if name.is_empty() {
                let text = format!("No column name was specified for column {} of '{table}'.", i + 1);
                return Err(Message::new(8155, 16, 2, text));
            }
            Ok(SourceColumn {
                name,
                sql: format!("{alias}.c{}", i + 1),
                sql_type: column.sql_type,
                nullable: column.nullable,
                identity: column.identity,
                collation: None,
                of: None,
                hidden: false,
                mask: compiled.masks.get(i).cloned().flatten(),
                computed: None,
            })
        })
        .collect()
}

fn has_aggregate(item: &SelectItem) -> bool {
    match item {
        SelectItem::All(_) => false,
        SelectItem::Expr { value, .. } | SelectItem::Assign { value, .. } => calls::contains_aggregate(value),
    }
}
