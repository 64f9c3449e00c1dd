//! FROM: tables, views, catalog, derived tables, joins, APPLY.

use std::sync::Arc;

use super::super::access::Target;
use super::super::catalog;
use super::super::errors;
use super::super::permissions::Class;
use super::super::state::{Database, MASTER, Table, fold, same_name};
use super::super::store::from_lite;
use super::binder::{Binder, Bound, Compiled, Scope, Source, SourceColumn, column_of, derived_columns};
use super::masks::Mask;
use emulator_ground::engine::Message;
use emulator_ground::value::Value;
use emulator_tsql::ast::{Expr, JoinKind, ObjectName, Query, SelectItem, SetExpression, TableSource};

impl Binder<'_> {
    /// The FROM text, and conditions that belong into WHERE.
    pub(super) fn bind_from(&mut self, sources: &[TableSource]) -> Result<(String, Vec<String>), Message> {
        let mut filters = Vec::new();
        let mut parts = Vec::new();
        for source in sources {
            parts.push(self.source(source, &mut filters)?);
        }
        Ok((parts.join(" CROSS JOIN "), filters))
    }

    fn source(&mut self, source: &TableSource, filters: &mut Vec<String>) -> Result<String, Message> {
        match source {
            // Locks of a reading end with the statement here, as the server's do outside a transaction.
            TableSource::Table { holds: true, .. } if self.ambient.transactions > 0 => {
                Err(errors::outside("locks that a transaction keeps after reading"))
            }
            TableSource::Table { name, alias, .. } => self.table(name, alias.as_deref()),
            TableSource::Function { name, arguments, alias, columns } => {
                self.function(name, arguments, alias.as_deref(), columns)
            }
            TableSource::Derived { query, alias, columns } => {
                let compiled = self.without_siblings(|this| this.query(query))?;
                self.derived(&compiled, alias, columns)
            }
            TableSource::Values { rows, alias, columns } => self.values(rows, alias, columns),
            TableSource::Join { kind, left, right, on } => self.join(*kind, left, right, on.as_ref(), filters),
            TableSource::Variable { name, alias } => self.table_variable(name, alias.as_deref()),
            TableSource::Outside(what) => Err(errors::outside(what)),
        }
    }

    /// A derived table does not see its neighbours, only what is around the whole query.
    fn without_siblings<T>(&mut self, inside: impl FnOnce(&mut Self) -> Result<T, Message>) -> Result<T, Message> {
        let siblings = self.scopes.pop();
        let found = inside(self);
        self.scopes.extend(siblings);
        found
    }

    pub(super) fn derived(&mut self, compiled: &Compiled, name: &str, columns: &[String]) -> Result<String, Message> {
        let alias = self.alias();
        let columns = derived_columns(&alias, compiled, columns, name)?;
        let sql = format!("({}) AS {alias}", compiled.sql);
        self.add_source(Source { name: name.to_owned(), schema: None, alias, columns })?;
        Ok(sql)
    }

    pub(super) fn add_source(&mut self, source: Source) -> Result<(), Message> {
        let Some(scope) = self.scopes.last_mut() else { return Ok(()) };
        let twice = scope.sources.iter().any(|s| {
            same_name(&s.name, &source.name) && s.schema.as_deref().map(fold) == source.schema.as_deref().map(fold)
        });
        if twice {
            let text = format!(
                "The objects \"{0}\" and \"{0}\" in the FROM clause have the same exposed names. Use correlation names to distinguish them.",
                source.name
            );
            return Err(Message::new(1013, 16, 1, text));
        }
        scope.sources.push(source);
        Ok(())
    }

    fn join(
        &mut self,
        kind: JoinKind,
        left: &TableSource,
        right: &TableSource,
        on: Option<&emulator_tsql::ast::Predicate>,
        filters: &mut Vec<String>,
    ) -> Result<String, Message> {
        let left_sql = self.source(left, filters)?;
        if matches!(kind, JoinKind::CrossApply | JoinKind::OuterApply) {
            return self.apply(kind == JoinKind::OuterApply, left_sql, right, filters);
        }
        let right_sql = self.source(right, filters)?;
        let right_sql = if matches!(right, TableSource::Join { .. }) { format!("({right_sql})") } else { right_sql };
        let word = match kind {
            JoinKind::Left => "LEFT JOIN",
            JoinKind::Right => "RIGHT JOIN",
            JoinKind::Full => "FULL JOIN",
            _ => "JOIN",
        };
        let on = match on {
            Some(on) => format!(" ON {}", self.predicate(on)?),
            None => String::new(),
        };
        Ok(format!("{left_sql} {word} {right_sql}{on}"))
    }

    /// SQLite has no APPLY. What does not look at the left side is a plain join; what gives at most one row becomes a
    /// scalar subquery per column; a plain SELECT becomes a join on its WHERE. Anything else is outside the subset.
    fn apply(
        &mut self,
        outer: bool,
        left: String,
        right: &TableSource,
        filters: &mut Vec<String>,
    ) -> Result<String, Message> {
        let join = if outer { "LEFT JOIN" } else { "JOIN" };
        let applied = match right {
            TableSource::Derived { query, alias, columns } => {
                Some((self.query(query)?, Some(&**query), alias.clone(), columns, at_most_one_row(query)))
            }
            TableSource::Function { name, arguments, alias, columns }
                if catalog::find_function(name.schema.as_deref(), &name.name).is_none() =>
            {
                let rows = self.own_function(name)?.and_then(|(_, function)| at_most_one_row(&function.query));
                let (compiled, shown) = self.called(name, arguments)?;
                Some((compiled, None, alias.clone().unwrap_or(shown), columns, rows))
            }
            _ => None,
        };
        let Some((compiled, query, alias, columns, rows)) = applied else {
            let right = self.source(right, filters)?;
            return Ok(format!("{left} {join} {right} ON 1"));
        };
        let alias = &alias;
        let siblings: Vec<String> =
            self.scopes.last().map(|s| s.sources.iter().map(|s| format!("{}.", s.alias)).collect()).unwrap_or_default();
        if !siblings.iter().any(|alias| compiled.sql.contains(alias)) {
            let right = self.derived(&compiled, alias, columns)?;
            return Ok(format!("{left} {join} {right} ON 1"));
        }
        if let Some(always) = rows {
            let inner = self.alias();
            let mut columns = derived_columns(&inner, &compiled, columns, alias)?;
            for (i, column) in columns.iter_mut().enumerate() {
                column.sql = format!("(SELECT {inner}.c{} FROM ({}) AS {inner} LIMIT 1)", i + 1, compiled.sql);
                column.nullable = true;
            }
            if !outer && !always {
                filters.push(format!("EXISTS ({})", compiled.sql));
            }
            let name = alias.clone();
            self.add_source(Source { name, schema: None, alias: inner, columns })?;
            return Ok(left);
        }
        match query {
            Some(query) => self.apply_as_join(join, left, query, alias, columns),
            None => Err(errors::outside("APPLY of a function of the left side's columns with several rows")),
        }
    }

    fn apply_as_join(
        &mut self,
        join: &str,
        left: String,
        query: &Query,
        alias: &str,
        names: &[String],
    ) -> Result<String, Message> {
        let what = "APPLY of a correlated query with several rows and grouping, ordering or DISTINCT";
        let SetExpression::Select(select) = &query.body else { return Err(errors::outside(what)) };
        let plain = select.top.is_none()
            && !select.distinct
            && select.group_by.is_empty()
            && select.having.is_none()
            && query.order_by.is_empty()
            && query.with.is_empty()
            && !select.from.is_empty()
            && select.outside.is_none();
        if !plain {
            return Err(errors::outside(what));
        }
        self.scopes.push(Scope::default());
        let inner = self.inner_of_apply(select, join == "LEFT JOIN");
        self.scopes.pop();
        let (from, filter, items) = inner?;
        let compiled = Compiled {
            sql: String::new(),
            columns: items.iter().map(|bound| column_of(bound, bound.name.clone())).collect(),
            assigns: Vec::new(),
            masks: items.iter().map(|bound| bound.mask.clone()).collect(),
        };
        let own = self.alias();
        let mut columns = derived_columns(&own, &compiled, names, alias)?;
        for (column, bound) in columns.iter_mut().zip(&items) {
            column.sql.clone_from(&bound.sql);
            column.nullable |= join == "LEFT JOIN";
        }
        self.add_source(Source { name: alias.to_owned(), schema: None, alias: own, columns })?;
        Ok(format!("{left} {join} ({from}) ON {filter}"))
    }

    fn inner_of_apply(
        &mut self,
        select: &emulator_tsql::ast::Select,
        outer: bool,
    ) -> Result<(String, String, Vec<Bound>), Message> {
        let (from, mut filters) = self.bind_from(&select.from)?;
        if let Some(filter) = &select.filter {
            filters.push(self.predicate(filter)?);
        }
        let mut items = Vec::new();
        for item in &select.items {
            if outer && !matches!(item, SelectItem::All(_) | SelectItem::Expr { value: Expr::Column(_), .. }) {
                return Err(errors::outside("OUTER APPLY of computed values with several rows"));
            }
            self.item(item, &mut items)?;
        }
        let filter = if filters.is_empty() { "1".to_owned() } else { filters.join(" AND ") };
        Ok((from, filter, items.into_iter().map(|(bound, _)| bound).collect()))
    }

    fn values(&mut self, rows: &[Vec<Expr>], name: &str, columns: &[String]) -> Result<String, Message> {
        let before = std::mem::take(&mut self.saw_masked);
        let bound: Vec<Vec<Bound>> = rows
            .iter()
            .map(|row| row.iter().map(|value| self.expression(value)).collect::<Result<_, _>>())
            .collect::<Result<_, Message>>()?;
        if self.saw_masked {
            return Err(errors::outside("a masked column in VALUES"));
        }
        self.saw_masked |= before;
        let width = bound.first().map_or(0, Vec::len);
        if bound.iter().any(|row| row.len() != width) {
            return Err(Message::new(
                10709,
                15,
                1,
                "The number of columns for each row in a table value constructor must be the same.",
            ));
        }
        let unified: Vec<Bound> =
            (0..width).filter_map(|i| super::operands::unify(bound.iter().filter_map(|row| row.get(i)))).collect();
        let rows: Vec<String> = bound
            .iter()
            .map(|row| {
                let items: Vec<String> = row
                    .iter()
                    .zip(&unified)
                    .enumerate()
                    .map(|(i, (value, to))| {
                        format!("{} AS c{}", super::operands::coerced(&value.sql, value.sql_type, to.sql_type), i + 1)
                    })
                    .collect();
                format!("SELECT {}", items.join(", "))
            })
            .collect();
        let compiled = Compiled {
            sql: rows.join(" UNION ALL "),
            columns: unified.iter().map(|bound| column_of(bound, String::new())).collect(),
            assigns: Vec::new(),
            masks: Vec::new(),
        };
        self.derived(&compiled, name, columns)
    }

    // --- named tables ---

    fn table(&mut self, name: &ObjectName, alias: Option<&str>) -> Result<String, Message> {
        if name.schema.is_none()
            && name.database.is_none()
            && let Some(common) = self.common.iter().rev().find(|c| same_name(&c.name, &name.name)).cloned()
        {
            let own = self.alias();
            let columns = common
                .columns
                .iter()
                .enumerate()
                .map(|(i, column)| SourceColumn { sql: format!("{own}.c{}", i + 1), ..column.clone() })
                .collect();
            let shown = alias.unwrap_or(&name.name).to_owned();
            self.add_source(Source { name: shown, schema: None, alias: own.clone(), columns })?;
            return Ok(format!("{} AS {own}", common.alias));
        }
        if name.server.is_some() {
            return Err(errors::outside("linked servers"));
        }
        self.note_name(name);
        let database = self.named_database(name)?;
        if let Some(view) = catalog::find(name.schema.as_deref(), &name.name) {
            return self.catalog_view(view, &database, alias);
        }
        let Some(object) = self.resolve(&database, name) else {
            if catalog::elsewhere::is_view(name.schema.as_deref(), &name.name, database.id == MASTER) {
                return Err(errors::outside(&format!("the view {}", name.written())));
            }
            return Err(errors::invalid_object(&name.written()));
        };
        match object {
            Object::Table(table) => {
                let sql = self.user_table(&database, &table, alias)?;
                self.filtered(&database, &table, sql)
            }
            Object::View(view) => {
                let compiled = self.through((database.id, view.id), true, |this| this.query(&view.query))?;
                let names: Vec<String> = view.columns.iter().map(|c| c.name.clone()).collect();
                let own = self.alias();
                let columns = derived_columns(&own, &compiled, &names, &view.name)?;
                let sql = format!("({}) AS {own}", compiled.sql);
                let schema = alias.is_none().then(|| database.schema_name(view.schema).to_owned());
                let shown = alias.unwrap_or(&view.name).to_owned();
                self.add_source(Source { name: shown, schema, alias: own, columns })?;
                Ok(sql)
            }
            Object::Function(_) => {
                let text = format!("Parameters were not supplied for the function '{}'.", name.written());
                Err(Message::new(216, 16, 1, text))
            }
        }
    }

    /// The database a name is in: the current one, or a named one the session may enter (911, 916).
    pub fn named_database(&self, name: &ObjectName) -> Result<Arc<Database>, Message> {
        let Some(wanted) = &name.database else { return self.current_database().cloned() };
        let Some(database) = self.state.database_named(wanted) else {
            return Err(errors::invalid_object(&name.written()));
        };
        let token = self.state.token(self.ambient.identity, database.id);
        if token.user.is_none() {
            return Err(errors::no_access(self.ambient.login_name().unwrap_or_default(), &database.name));
        }
        database.opens()?;
        Ok(Arc::clone(database))
    }

    pub(super) fn resolve(&self, database: &Database, name: &ObjectName) -> Option<Object> {
        let schemas: Vec<i32> = match &name.schema {
            Some(schema) => vec![database.schema(schema)?.id],
            None if name.database.is_none()
                && let Some((_, schema)) = self.homes.last() =>
            {
                vec![*schema, 1]
            }
            None => {
                let user = self.state.token(self.ambient.identity, database.id).user;
                database.default_schema(user).into_iter().chain([1]).collect()
            }
        };
        let found = schemas.into_iter().find_map(|schema| {
            let table = database.table(schema, &name.name).map(|t| Object::Table(Arc::clone(t)));
            let view = || database.view(schema, &name.name).map(|v| Object::View(Arc::clone(v)));
            let function = || database.function(schema, &name.name).map(|f| Object::Function(Arc::clone(f)));
            table.or_else(view).or_else(function)
        })?;
        Some(found)
    }

    pub(super) fn user_table(
        &mut self,
        database: &Database,
        table: &Arc<Table>,
        alias: Option<&str>,
    ) -> Result<String, Message> {
        let own = self.alias();
        self.reads_tables = true;
        let chained = self.chained(database, table.id);
        if !chained {
            self.reads.entry((database.id, table.id)).or_default();
        }
        let token = self.state.token(self.ambient.identity, database.id);
        let state = Arc::clone(&self.state);
        let target = Target::in_database(Class::Object, database.id, table.id);
        let unmasks = state.may(&token, target, "UNMASK");
        let columns = table
            .columns
            .iter()
            .map(|column| SourceColumn {
                name: column.name.clone(),
                sql: format!("{own}.c{}", column.id),
                sql_type: column.column_type.sql_type,
                nullable: column.nullable,
                identity: column.identity.is_some(),
                collation: column.collation.as_deref().map(super::collations::collation),
                of: (!chained).then_some((database.id, table.id, column.id)),
                hidden: column.hidden,
                mask: if unmasks { None } else { Mask::of(column, table, database) },
                computed: column.computed.clone(),
            })
            .collect();
        let schema = alias.is_none().then(|| database.schema_name(table.schema).to_owned());
        let name = alias.unwrap_or(&table.name).to_owned();
        self.add_source(Source { name, schema, alias: own.clone(), columns })?;
        Ok(format!("u{}_{} AS {own}", database.id, table.id))
    }

    /// Read through a view of the same owner: an ownership chain, which ends at the database's border.
    pub(super) fn chained(&self, database: &Database, object: i32) -> bool {
        self.views.last() == Some(&(database.id, database.object_owner(object)))
    }

    fn catalog_view(
        &mut self,
        view: &'static catalog::View,
        database: &Arc<Database>,
        alias: Option<&str>,
    ) -> Result<String, Message> {
        let context = catalog::Context::new(&self.state, self.ambient, database)?;
        if let Some(needed) = view.needs {
            needed(&context)?;
        }
        let key = format!("{}_{}", database.id, view.name.replace('.', "_"));
        let viewer = self.ambient.viewer();
        let table = self.store.fill(&key, view, &self.state, &viewer, || (view.rows)(&context))?;
        let (schema, short) = view.name.split_once('.').unwrap_or(("sys", view.name));
        self.stored(view, &table, alias.unwrap_or(short), alias.is_none().then_some(schema), &[])
    }

    fn stored(
        &mut self,
        view: &catalog::View,
        table: &str,
        name: &str,
        schema: Option<&str>,
        names: &[String],
    ) -> Result<String, Message> {
        let own = self.alias();
        let columns = view
            .columns
            .iter()
            .enumerate()
            .map(|(i, column)| {
                let name = names.get(i).map_or_else(|| column.name.to_owned(), Clone::clone);
                SourceColumn::held(&own, i + 1, name, column.sql_type, column.nullable)
            })
            .collect();
        let schema = schema.map(str::to_owned);
        self.add_source(Source { name: name.to_owned(), schema, alias: own.clone(), columns })?;
        Ok(format!("{table} AS {own}"))
    }

    /// Table-valued functions: one's own, and the system's, whose arguments may not look at other tables.
    fn function(
        &mut self,
        name: &ObjectName,
        arguments: &[Expr],
        alias: Option<&str>,
        columns: &[String],
    ) -> Result<String, Message> {
        let Some(function) = catalog::find_function(name.schema.as_deref(), &name.name) else {
            let (compiled, shown) = self.without_siblings(|this| this.called(name, arguments))?;
            return self.derived(&compiled, alias.unwrap_or(&shown), columns);
        };
        self.note_name(name);
        let mut values = Vec::new();
        for argument in arguments {
            if matches!(argument, Expr::Call(call) if call.name.name == "DEFAULT") {
                values.push(Value::Null);
                continue;
            }
            let before = std::mem::take(&mut self.reads_tables);
            let bound = self.without_siblings(|this| this.expression(argument))?;
            self.refuse_masked("a masked column in an argument of a table function")?;
            // It is evaluated here and now, before anybody asks what may be read and whether to wait.
            self.check_reads()?;
            if std::mem::replace(&mut self.reads_tables, before) {
                return Err(errors::outside("a query of a table in the argument of a system function"));
            }
            let mut rows = self.store.query(&format!("SELECT {}", bound.sql), &self.binds, &|| false)?;
            let value = rows.pop().and_then(|mut row| row.pop()).unwrap_or(rusqlite::types::Value::Null);
            values.push(from_lite(value, bound.sql_type)?);
        }
        if values.len() != function.arguments {
            let text = format!(
                "An insufficient number of arguments were supplied for the procedure or function {}.",
                name.written()
            );
            return Err(Message::new(313, 16, 3, text));
        }
        let database = self.current_database().cloned()?;
        let context = catalog::Context::new(&self.state, self.ambient, &database)?;
        let rows = (function.rows)(&context, &values)?;
        self.next_alias += 1;
        let key = format!("{}_{}", function.name, self.next_alias);
        self.store.forget(&key);
        let table = self.store.fill(&key, &function.view, &self.state, "", move || rows)?;
        let shown = alias.unwrap_or(&name.name);
        self.stored(&function.view, &table, shown, None, columns)
    }

    /// A column of a source, its use recorded and its computed expression bound.
    pub(super) fn use_column(&mut self, column: &SourceColumn) -> Result<Bound, Message> {
        if let Some((database, object, id)) = column.of {
            self.reads.entry((database, object)).or_default().insert(id);
        }
        self.saw_masked |= column.mask.is_some();
        if let Some(computed) = &column.computed {
            let outer = (self.grouped.take(), std::mem::take(&mut self.saw_masked));
            let bound = self.expression(computed);
            let masked = std::mem::replace(&mut self.saw_masked, outer.1);
            self.saw_masked |= masked;
            self.grouped = outer.0;
            let bound = bound?;
            let mask = masked.then(|| Mask::of_expression(bound.sql_type));
            return Ok(Bound { name: column.name.clone(), nullable: column.nullable, mask, ..bound });
        }
        if let Some(grouped) = &self.grouped {
            let of_this_query = self
                .scopes
                .last()
                .is_some_and(|s| s.sources.iter().any(|source| source.columns.iter().any(|c| c.sql == column.sql)));
            if of_this_query && !self.in_aggregate && !grouped.contains(&column.sql) {
                let text = format!(
                    "Column '{}' is invalid in the select list because it is not contained in either an aggregate function or the GROUP BY clause.",
                    column.name
                );
                return Err(Message::new(8120, 16, 1, text));
            }
        }
        let mut bound = Bound::new(column.sql.clone(), column.sql_type, column.nullable);
        bound.name.clone_from(&column.name);
        bound.identity = column.identity;
        bound.collation = column.collation;
        bound.mask.clone_from(&column.mask);
        Ok(bound)
    }
}

pub(super) enum Object {
    Table(Arc<Table>),
    View(Arc<super::super::state::View>),
    Function(Arc<super::super::state::TableFunction>),
}

/// `Some(true)` when the query always has exactly one row, `Some(false)` when at most one.
fn at_most_one_row(query: &Query) -> Option<bool> {
    let select = match &query.body {
        SetExpression::Select(select) => select,
        SetExpression::Query(inner) => return at_most_one_row(inner),
        SetExpression::Combined { .. } => return None,
    };
    if select.group_by.is_empty() && select.having.is_none() && select.items.iter().any(super::calls::has_aggregate) {
        return Some(true);
    }
    if select.from.is_empty() {
        return Some(select.filter.is_none());
    }
    let top = select.top.as_ref()?;
    (matches!(top.count, Expr::Integer(1)) && !top.with_ties && !top.percent).then_some(false)
}
