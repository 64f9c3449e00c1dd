//! FOREIGN KEY constraints as they are declared. How they are kept is in [`super::super::rows`].

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::access::Target;
use super::super::errors;
use super::super::permissions::Class;
use super::super::query::Binder;
use super::super::rows::Variables;
use super::super::state::{Database, ForeignKey, Index, Table, TableColumn, same_name};
use super::super::types;
use super::super::work::Work;
use emulator_ground::engine::Message;
use emulator_tsql::ast::{ForeignKeyDefinition, ReferentialAction};

impl Work<'_> {
    /// `column` is the one whose definition the constraint stands in. Numbers are those of "Database engine events and
    /// errors"; the server lets 1750 follow each of them, which is left out.
    pub(super) fn add_foreign_key(
        &mut self,
        table: &mut Table,
        key: &ForeignKeyDefinition,
        column: Option<&str>,
        trusted: bool,
    ) -> Result<(), Message> {
        if key.outside {
            return Err(errors::outside("NOT ENFORCED"));
        }
        if column.is_none() && key.columns.is_empty() {
            return Err(errors::outside("a FOREIGN KEY of a table without its columns"));
        }
        let object_id = self.change_database()?.new_object_id();
        let own: Vec<String> = column.map_or_else(|| key.columns.clone(), |column| vec![column.to_owned()]);
        let short = |text: &str, most: usize| text.chars().take(most).collect::<String>();
        let of = format!("{}__{}__", short(&table.name, 9), short(own.first().map_or("", String::as_str), 5));
        let constraint = self.constraint(table, key.name.as_deref(), "FK", &of, object_id, "")?;
        let name = constraint.name.clone();
        let referenced = self.referenced_table(table, key, &name)?;
        if table.traits.memory_optimized || referenced.traits.memory_optimized {
            return Err(errors::outside("foreign keys of memory-optimized tables"));
        }
        let (columns, index) = matched(table, &referenced, key, &own, &name)?;
        for (mine, other) in &columns {
            check_pair(table, &referenced, mine, other, &name)?;
        }
        check_actions(&columns, key, &name)?;
        let columns = columns.iter().map(|(mine, other)| (mine.id, other.id)).collect();
        let (table_id, index) = (referenced.id, index.id);
        let new = ForeignKey {
            constraint,
            columns,
            table: table_id,
            index,
            on_delete: key.on_delete,
            on_update: key.on_update,
            not_for_replication: key.not_for_replication,
            enforced: true,
            trusted,
        };
        table.foreign_keys.push(new);
        let database = self.database()?;
        for of in [|key: &ForeignKey| key.on_delete, |key: &ForeignKey| key.on_update] {
            if !is_tree(&database, table, of) {
                let text = format!(
                    "Introducing FOREIGN KEY constraint '{name}' on table '{}' may cause cycles or multiple cascade paths. Specify ON DELETE NO ACTION or ON UPDATE NO ACTION, or modify other FOREIGN KEY constraints.",
                    table.name
                );
                return Err(Message::new(1785, 16, 0, text));
            }
        }
        Ok(())
    }

    fn referenced_table(
        &mut self,
        table: &Table,
        key: &ForeignKeyDefinition,
        name: &str,
    ) -> Result<Arc<Table>, Message> {
        let database = self.database()?;
        let of = &key.table;
        if of.server.is_some() || of.database.as_deref().is_some_and(|other| !same_name(other, &database.name)) {
            let text =
                format!("Cross-database foreign key references are not supported. Foreign key '{}'.", of.written());
            return Err(Message::new(1763, 16, 0, text));
        }
        let schema = of.schema.as_deref().and_then(|schema| database.schema(schema)).map(|s| s.id);
        let itself = same_name(&of.name, &table.name) && (of.schema.is_none() || schema == Some(table.schema));
        if itself {
            return Ok(Arc::new(table.clone()));
        }
        let variables = Variables::default();
        let found = Binder::new(Arc::clone(self.state), self.ambient, &variables, self.store).target(of);
        let invalid = || {
            let text = format!("Foreign key '{name}' references invalid table '{}'.", of.written());
            Message::new(1767, 16, 0, text)
        };
        let (_, found) = found.map_err(|_| invalid())?;
        let token = self.token();
        let target = Target::in_database(Class::Object, database.id, found.id);
        if !self.state.may(&token, target, "REFERENCES") {
            if !self.state.sees_object(&token, &database, found.id) {
                return Err(invalid());
            }
            let schema = database.schema_name(found.schema);
            return Err(errors::object_denied("REFERENCES", &found.name, &database.name, schema));
        }
        Ok(found)
    }

    /// 3725 when a foreign key refers to rows by this key.
    pub(super) fn check_unreferenced(&self, database: &Database, table: &Table, index: &Index) -> Result<(), Message> {
        let keys = database.references_to(table.id);
        match keys.iter().find(|(_, key)| key.index == index.id) {
            Some((other, key)) => {
                let text = format!(
                    "The constraint '{}' is being referenced by table '{}', foreign key constraint '{}'.",
                    index.name, other.name, key.constraint.name
                );
                Err(Message::new(3725, 16, 0, text))
            }
            None => Ok(()),
        }
    }
}

/// Own columns and those they refer to.
type Pairs<'a> = Vec<(&'a TableColumn, &'a TableColumn)>;

/// The pairs of columns, and the key of the other table they make up.
fn matched<'a>(
    table: &'a Table,
    referenced: &'a Table,
    key: &ForeignKeyDefinition,
    own: &[String],
    name: &str,
) -> Result<(Pairs<'a>, &'a Index), Message> {
    let mine: Vec<&TableColumn> = own
        .iter()
        .map(|column| {
            let text = format!(
                "Foreign key '{name}' references invalid column '{column}' in referencing table '{}'.",
                table.name
            );
            table.column(column).ok_or_else(|| Message::new(1769, 16, 0, text))
        })
        .collect::<Result<_, _>>()?;
    let others: Vec<&TableColumn> = if key.referenced.is_empty() {
        let primary = referenced.indexes.iter().find(|index| index.primary).ok_or_else(|| {
            let text = format!(
                "Foreign key '{name}' has implicit reference to object '{}' which does not have a primary key defined on it.",
                key.table.written()
            );
            Message::new(1773, 16, 0, text)
        })?;
        primary.columns.iter().filter_map(|c| referenced.column_by_id(c.column)).collect()
    } else {
        let found = key.referenced.iter().map(|column| {
            let text = format!(
                "Foreign key '{name}' references invalid column '{column}' in referenced table '{}'.",
                referenced.name
            );
            referenced.column(column).ok_or_else(|| Message::new(1770, 16, 0, text))
        });
        found.collect::<Result<_, _>>()?
    };
    if mine.len() != others.len() {
        let text = format!(
            "Number of referencing columns in foreign key differs from number of referenced columns, table '{}'.",
            table.name
        );
        return Err(Message::new(8139, 16, 0, text));
    }
    let wanted: BTreeSet<i32> = others.iter().map(|c| c.id).collect();
    let fits = |index: &&Index| {
        let of: Vec<i32> = index.columns.iter().filter(|c| !c.included).map(|c| c.column).collect();
        index.unique
            && index.filter.is_none()
            && of.len() == others.len()
            && of.into_iter().collect::<BTreeSet<_>>() == wanted
    };
    let index = referenced.indexes.iter().find(fits).ok_or_else(|| {
        let text = format!(
            "There are no primary or candidate keys in the referenced table '{}' that match the referencing column list in the foreign key '{name}'.",
            key.table.written()
        );
        Message::new(1776, 16, 0, text)
    })?;
    Ok((mine.into_iter().zip(others).collect(), index))
}

/// Columns must be of one type, length, scale and collation: 1778, 1753, 1757.
fn check_pair(
    table: &Table,
    referenced: &Table,
    mine: &TableColumn,
    other: &TableColumn,
    name: &str,
) -> Result<(), Message> {
    if mine.computed.is_some() || other.computed.is_some() {
        return Err(errors::outside("foreign keys of computed columns"));
    }
    let pair = format!("as referencing column '{}.{}' in foreign key '{name}'.", table.name, mine.name);
    let of = format!("Column '{}.{}'", referenced.name, other.name);
    let (a, b) = (&mine.column_type, &other.column_type);
    let plain = |name: &'static str| {
        if name == "numeric" {
            "decimal"
        } else if name == "sysname" {
            "nvarchar"
        } else {
            name
        }
    };
    if plain(a.name) != plain(b.name) {
        return Err(Message::new(1778, 16, 0, format!("{of} is not the same data type {pair}")));
    }
    if (a.max_length, a.precision, a.scale) != (b.max_length, b.precision, b.scale) {
        let text = format!(
            "{of} is not the same length or scale {pair} Columns participating in a foreign key relationship must be defined with the same length and scale."
        );
        return Err(Message::new(1753, 16, 0, text));
    }
    let collation = |c: &TableColumn| c.collation.clone().unwrap_or_default().to_ascii_lowercase();
    if types::is_text(a.sql_type) && collation(mine) != collation(other) {
        return Err(Message::new(1757, 16, 0, format!("{of} is not of same collation {pair}")));
    }
    Ok(())
}

/// SET NULL needs columns that take NULL (1761), SET DEFAULT such columns or defaults (1762).
fn check_actions(
    columns: &[(&TableColumn, &TableColumn)],
    key: &ForeignKeyDefinition,
    name: &str,
) -> Result<(), Message> {
    let actions = [key.on_delete, key.on_update];
    let mine = || columns.iter().map(|(mine, _)| mine);
    if actions.contains(&ReferentialAction::SetNull) && mine().any(|c| !c.nullable) {
        let text = format!(
            "Cannot create the foreign key \"{name}\" with the SET NULL referential action, because one or more referencing columns are not nullable."
        );
        return Err(Message::new(1761, 16, 0, text));
    }
    if actions.contains(&ReferentialAction::SetDefault) && mine().any(|c| !c.nullable && c.default.is_none()) {
        let text = format!(
            "Cannot create the foreign key \"{name}\" with the SET DEFAULT referential action, because one or more referencing not-nullable columns lack a default constraint."
        );
        return Err(Message::new(1762, 16, 0, text));
    }
    Ok(())
}

/// Whether no statement reaches a table twice by these actions: "must form a tree", as the page "Primary and foreign key
/// constraints" says.
fn is_tree(database: &Database, new: &Table, action: fn(&ForeignKey) -> ReferentialAction) -> bool {
    let tables: Vec<&Table> =
        database.tables.values().map(AsRef::as_ref).filter(|t| t.id != new.id).chain([new]).collect();
    let referring = |to: i32| {
        let of = |t: &&&Table| {
            t.foreign_keys.iter().filter(|k| k.table == to && action(k) != ReferentialAction::NoAction).count()
        };
        tables.iter().flat_map(move |t| std::iter::repeat_n(t.id, of(&t))).collect::<Vec<i32>>()
    };
    tables.iter().all(|root| {
        let mut seen = BTreeSet::from([root.id]);
        let mut open = vec![root.id];
        while let Some(table) = open.pop() {
            for next in referring(table) {
                if !seen.insert(next) {
                    return false;
                }
                open.push(next);
            }
        }
        true
    })
}
