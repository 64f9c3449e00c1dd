//! What the catalog procedures share: the views as the caller sees them, patterns, order.

use super::super::super::access::Target;
use super::super::super::catalog::{self, ViewColumn};
use super::super::super::errors;
use super::super::super::functions;
use super::super::super::permissions::Class;
use super::super::super::state::same_name;
use super::super::super::types::TYPES;
use super::super::super::work::Work;
use super::super::answer::{Answer, columns as columns_of};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

pub const NAME: SqlType = SqlType::NVarChar(Some(128));
pub const SMALL: SqlType = SqlType::SmallInt;
pub const INT: SqlType = SqlType::Int;
pub const REMARKS: SqlType = SqlType::VarChar(Some(254));

/// A row of a catalog view, read by the names of its columns.
pub struct Row {
    pub columns: &'static [ViewColumn],
    pub values: Vec<Value>,
}

impl Row {
    pub fn at(&self, name: &str) -> &Value {
        let place = self.columns.iter().position(|column| column.name == name);
        place.and_then(|place| self.values.get(place)).unwrap_or(&Value::Null)
    }
    pub fn text(&self, name: &str) -> String {
        functions::text(Some(self.at(name))).unwrap_or_default()
    }
    pub fn int(&self, name: &str) -> i64 {
        functions::int(Some(self.at(name))).unwrap_or(0)
    }
    pub fn is(&self, name: &str) -> bool {
        self.int(name) != 0
    }
}

/// What has columns: a table, a view, a function that returns a table.
pub struct Object {
    /// `None` of the catalog's own views, which have no object id here.
    pub id: Option<i64>,
    pub schema: String,
    pub name: String,
    /// `U`, `V` or `IF`, as in `sys.objects`.
    pub kind: String,
    /// Of the catalog's own views.
    pub columns: &'static [ViewColumn],
}

/// The current database as the caller sees it.
pub struct Catalog<'w> {
    pub context: catalog::Context<'w>,
    /// Schema of names without one, before dbo.
    pub home: Option<String>,
}

impl<'w> Catalog<'w> {
    /// # Errors
    /// 15250 for a qualifier that is another database (message of that number).
    pub fn new(work: &'w Work<'_>, qualifier: Option<&Value>) -> Result<Self, Message> {
        let database = work.state.database(work.ambient.database);
        let database = database.ok_or_else(|| errors::internal("the current database is gone"))?;
        if functions::text(qualifier).is_some_and(|name| !same_name(&name, &database.name)) {
            let text = "The database name component of the object qualifier must be the name of the current database.";
            return Err(Message::new(15250, 16, 1, text));
        }
        let context = catalog::Context::new(work.state, work.ambient, database)?;
        let home = database.default_schema(context.token.user).map(|id| database.schema_name(id).to_owned());
        Ok(Self { context, home })
    }

    pub fn qualifier(&self) -> Value {
        Value::Text(self.context.database.name.clone())
    }

    pub fn rows(&self, name: &str) -> Vec<Row> {
        let view = name.split_once('.').and_then(|(schema, name)| catalog::find(Some(schema), name));
        let rows = view.map(|view| (view.rows)(&self.context)).unwrap_or_default();
        let columns = view.map_or(&[][..], |view| view.columns);
        rows.into_iter().map(|values| Row { columns, values }).collect()
    }

    /// Tables, views and functions with columns, the catalog's own views among them.
    pub fn objects(&self) -> Vec<Object> {
        let schema = |id: i64| i32::try_from(id).map(|id| self.context.database.schema_name(id).to_owned());
        let own = self.rows("sys.all_objects").into_iter().filter_map(|row| {
            let kind = row.text("type").trim_end().to_owned();
            matches!(kind.as_str(), "U" | "V" | "IF").then(|| Object {
                id: Some(row.int("object_id")),
                schema: schema(row.int("schema_id")).unwrap_or_default(),
                name: row.text("name"),
                kind,
                columns: &[],
            })
        });
        let catalog = catalog::all().filter_map(|view| {
            let (schema, name) = view.name.split_once('.')?;
            let (schema, name) = (schema.to_owned(), name.to_owned());
            Some(Object { id: None, schema, name, kind: "V".to_owned(), columns: view.columns })
        });
        own.chain(catalog).collect()
    }

    pub fn may(&self, object: &Object, permission: &str) -> bool {
        let database = self.context.database.id;
        let target = object.id.and_then(|id| i32::try_from(id).ok());
        // Of the catalog's own, everybody has SELECT.
        target.is_none_or(|id| {
            let target = Target::in_database(Class::Object, database, id);
            self.context.state.may(&self.context.token, target, permission)
        })
    }

    /// The one table of a name without patterns: without an owner the caller's own, else dbo's.
    pub fn table(&self, name: Option<&Value>, owner: Option<&Value>) -> Option<Object> {
        let name = functions::text(name)?;
        let mut found = self.objects();
        found.retain(|object| same_name(&object.name, &name) && object.kind != "IF");
        let owners = match functions::text(owner) {
            Some(owner) => vec![owner],
            None => self.home.iter().cloned().chain(["dbo".to_owned()]).collect(),
        };
        let place = owners.iter().find_map(|owner| found.iter().position(|object| same_name(&object.schema, owner)))?;
        Some(found.swap_remove(place))
    }
}

/// Which names are meant: all, those like a pattern, or one.
pub struct Wanted {
    pub name: Option<String>,
    pub pattern: bool,
}

impl Wanted {
    pub fn new(name: Option<&Value>, pattern: bool) -> Self {
        Self { name: functions::text(name), pattern }
    }
    pub fn takes(&self, name: &str) -> bool {
        self.name
            .as_deref()
            .is_none_or(|wanted| if self.pattern { functions::is_like(name, wanted) } else { same_name(name, wanted) })
    }
    pub fn has_wildcards(&self) -> bool {
        self.pattern && self.name.as_deref().is_none_or(|name| name.contains(['%', '_', '[']))
    }
}

/// `@fUsePattern`, which is 1 where it is not given.
pub fn uses_patterns(value: Option<&Value>) -> bool {
    functions::int(value) != Some(0)
}

/// `@ODBCVer`: 2 where it is not 3.
pub fn is_odbc_3(value: Option<&Value>) -> bool {
    functions::int(value) == Some(3)
}

/// The name of a type in `sys.types`.
pub fn type_name(user_type_id: i64) -> &'static str {
    TYPES.iter().find(|known| i64::from(known.2) == user_type_id).map_or("", |known| known.0)
}

pub fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}
pub fn int(n: impl Into<i64>) -> Value {
    Value::Int(n.into())
}
pub fn or_null(n: Option<i64>) -> Value {
    n.map_or(Value::Null, Value::Int)
}

/// Sorted by the first so many columns that are named, texts without regard to case, NULL first.
pub fn sorted(mut rows: Vec<Vec<Value>>, by: &[usize]) -> Vec<Vec<Value>> {
    let key = |row: &[Value]| -> Vec<(bool, i64, String)> {
        let part = |value: &Value| match value {
            Value::Null => (false, 0, String::new()),
            Value::Int(n) => (true, *n, String::new()),
            other => (true, 0, functions::text(Some(other)).unwrap_or_default().to_lowercase()),
        };
        by.iter().map(|at| part(row.get(*at).unwrap_or(&Value::Null))).collect()
    };
    rows.sort_by_cached_key(|row| key(row));
    rows
}

pub fn answer(columns: &[(&str, SqlType)], rows: Vec<Vec<Value>>) -> Answer {
    Answer { columns: columns_of(columns), rows, ..Answer::default() }
}
