//! The catalog procedures, through which drivers learn what there is: ODBC's catalog functions and JDBC's
//! `DatabaseMetaData` call these, and no views.
//!
//! They read the catalog views as the caller sees them, so whatever may not be seen there is not here. Columns and their
//! types are those of the pages of the procedures; those ending in `_100` are the same with what later types need.

use super::super::access::Target;
use super::super::catalog::{self, ViewColumn};
use super::super::errors;
use super::super::functions;
use super::super::permissions::Class;
use super::super::state::same_name;
use super::super::types::TYPES;
use super::super::work::Work;
use super::{Answer, Procedure};
use crate::engine::Message;
use crate::value::{SqlType, Value};

mod columns;
mod data_types;
mod keys;
mod privileges;
mod roles;
mod routines;
mod server;
mod tables;

const NAME: SqlType = SqlType::NVarChar(Some(128));
const SMALL: SqlType = SqlType::SmallInt;
const INT: SqlType = SqlType::Int;
const REMARKS: SqlType = SqlType::VarChar(Some(254));

const TABLE: &[&str] = &["@table_name", "@table_owner", "@table_qualifier"];
const SPECIAL: &[&str] = &["@table_name", "@table_owner", "@qualifier", "@col_type", "@scope", "@nullable", "@ODBCVer"];
const STATISTICS: &[&str] =
    &["@table_name", "@table_owner", "@table_qualifier", "@index_name", "@is_unique", "@accuracy"];
const ROUTINE_COLUMNS: &[&str] =
    &["@procedure_name", "@procedure_owner", "@procedure_qualifier", "@column_name", "@ODBCVer", "@fUsePattern"];

pub(super) const ALL: &[Procedure] = &[
    Procedure {
        name: "sp_tables",
        parameters: &["@table_name", "@table_owner", "@table_qualifier", "@table_type", "@fUsePattern"],
        needed: 0,
        run: |w, v| tables::tables(w, v),
    },
    Procedure {
        name: "sp_columns",
        parameters: &["@table_name", "@table_owner", "@table_qualifier", "@column_name", "@ODBCVer"],
        needed: 1,
        run: |w, v| columns::columns(w, v, false),
    },
    Procedure {
        name: "sp_columns_100",
        parameters: &[
            "@table_name",
            "@table_owner",
            "@table_qualifier",
            "@column_name",
            "@NameScope",
            "@ODBCVer",
            "@fUsePattern",
        ],
        needed: 1,
        run: |w, v| columns::columns(w, v, true),
    },
    Procedure {
        name: "sp_special_columns",
        parameters: SPECIAL,
        needed: 1,
        run: |w, v| columns::special_columns(w, v, false),
    },
    Procedure {
        name: "sp_special_columns_100",
        parameters: SPECIAL,
        needed: 1,
        run: |w, v| columns::special_columns(w, v, true),
    },
    Procedure { name: "sp_pkeys", parameters: TABLE, needed: 1, run: |w, v| keys::primary_keys(w, v) },
    Procedure {
        name: "sp_fkeys",
        parameters: &[
            "@pktable_name",
            "@pktable_owner",
            "@pktable_qualifier",
            "@fktable_name",
            "@fktable_owner",
            "@fktable_qualifier",
        ],
        needed: 0,
        run: |w, v| keys::foreign_keys(w, v),
    },
    Procedure { name: "sp_statistics", parameters: STATISTICS, needed: 1, run: |w, v| keys::statistics(w, v) },
    Procedure { name: "sp_statistics_100", parameters: STATISTICS, needed: 1, run: |w, v| keys::statistics(w, v) },
    Procedure {
        name: "sp_table_privileges",
        parameters: &["@table_name", "@table_owner", "@table_qualifier", "@fUsePattern"],
        needed: 1,
        run: |w, v| privileges::of_tables(w, v),
    },
    Procedure {
        name: "sp_column_privileges",
        parameters: &["@table_name", "@table_owner", "@table_qualifier", "@column_name"],
        needed: 1,
        run: |w, v| privileges::of_columns(w, v),
    },
    Procedure {
        name: "sp_stored_procedures",
        parameters: &["@sp_name", "@sp_owner", "@sp_qualifier", "@fUsePattern"],
        needed: 0,
        run: |w, v| routines::routines(w, v),
    },
    Procedure {
        name: "sp_sproc_columns",
        parameters: ROUTINE_COLUMNS,
        needed: 0,
        run: |w, v| routines::routine_columns(w, v, false),
    },
    Procedure {
        name: "sp_sproc_columns_100",
        parameters: ROUTINE_COLUMNS,
        needed: 0,
        run: |w, v| routines::routine_columns(w, v, true),
    },
    Procedure {
        name: "sp_datatype_info",
        parameters: &["@data_type", "@ODBCVer"],
        needed: 0,
        run: |_, v| Ok(data_types::data_types(v, false)),
    },
    Procedure {
        name: "sp_datatype_info_100",
        parameters: &["@data_type", "@ODBCVer"],
        needed: 0,
        run: |_, v| Ok(data_types::data_types(v, true)),
    },
    Procedure {
        name: "sp_helprole",
        parameters: &["@rolename"],
        needed: 0,
        run: |w, v| roles::roles_of_database(w, v),
    },
    Procedure {
        name: "sp_helprolemember",
        parameters: &["@rolename"],
        needed: 0,
        run: |w, v| roles::members(w, v, false),
    },
    Procedure {
        name: "sp_helpsrvrolemember",
        parameters: &["@srvrolename"],
        needed: 0,
        run: |w, v| roles::members(w, v, true),
    },
    Procedure { name: "sp_databases", parameters: &[], needed: 0, run: |w, _| server::databases(w) },
    Procedure {
        name: "sp_server_info",
        parameters: &["@attribute_id"],
        needed: 0,
        run: |_, v| Ok(server::server_info(v)),
    },
];

/// A row of a catalog view, read by the names of its columns.
struct Row {
    columns: &'static [ViewColumn],
    values: Vec<Value>,
}

impl Row {
    fn at(&self, name: &str) -> &Value {
        let place = self.columns.iter().position(|column| column.name == name);
        place.and_then(|place| self.values.get(place)).unwrap_or(&Value::Null)
    }
    fn text(&self, name: &str) -> String {
        functions::text(Some(self.at(name))).unwrap_or_default()
    }
    fn int(&self, name: &str) -> i64 {
        functions::int(Some(self.at(name))).unwrap_or(0)
    }
    fn is(&self, name: &str) -> bool {
        self.int(name) != 0
    }
}

/// What has columns: a table, a view, a function that returns a table.
struct Object {
    /// `None` of the catalog's own views, which have no object id here.
    id: Option<i64>,
    schema: String,
    name: String,
    /// `U`, `V` or `IF`, as in `sys.objects`.
    kind: String,
    /// Of the catalog's own views.
    columns: &'static [ViewColumn],
}

/// The current database as the caller sees it.
struct Catalog<'w> {
    context: catalog::Context<'w>,
    /// Schema of names without one, before dbo.
    home: Option<String>,
}

impl<'w> Catalog<'w> {
    /// # Errors
    /// 15250 for a qualifier that is another database (message of that number).
    fn new(work: &'w Work<'_>, qualifier: Option<&Value>) -> Result<Self, Message> {
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

    fn qualifier(&self) -> Value {
        Value::Text(self.context.database.name.clone())
    }

    fn rows(&self, name: &str) -> Vec<Row> {
        let view = name.split_once('.').and_then(|(schema, name)| catalog::find(Some(schema), name));
        let rows = view.map(|view| (view.rows)(&self.context)).unwrap_or_default();
        let columns = view.map_or(&[][..], |view| view.columns);
        rows.into_iter().map(|values| Row { columns, values }).collect()
    }

    /// Tables, views and functions with columns, the catalog's own views among them.
    fn objects(&self) -> Vec<Object> {
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

    fn may(&self, object: &Object, permission: &str) -> bool {
        let database = self.context.database.id;
        let target = object.id.and_then(|id| i32::try_from(id).ok());
        // Of the catalog's own, everybody has SELECT.
        target.is_none_or(|id| {
            let target = Target::in_database(Class::Object, database, id);
            self.context.state.may(&self.context.token, target, permission)
        })
    }

    /// The one table of a name without patterns: without an owner the caller's own, else dbo's.
    fn table(&self, name: Option<&Value>, owner: Option<&Value>) -> Option<Object> {
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
struct Wanted {
    name: Option<String>,
    pattern: bool,
}

impl Wanted {
    fn new(name: Option<&Value>, pattern: bool) -> Self {
        Self { name: functions::text(name), pattern }
    }
    fn takes(&self, name: &str) -> bool {
        self.name
            .as_deref()
            .is_none_or(|wanted| if self.pattern { functions::is_like(name, wanted) } else { same_name(name, wanted) })
    }
    fn has_wildcards(&self) -> bool {
        self.pattern && self.name.as_deref().is_none_or(|name| name.contains(['%', '_', '[']))
    }
}

/// `@fUsePattern`, which is 1 where it is not given.
fn uses_patterns(value: Option<&Value>) -> bool {
    functions::int(value) != Some(0)
}

/// `@ODBCVer`: 2 where it is not 3.
fn is_odbc_3(value: Option<&Value>) -> bool {
    functions::int(value) == Some(3)
}

/// The name of a type in `sys.types`.
fn type_name(user_type_id: i64) -> &'static str {
    TYPES.iter().find(|known| i64::from(known.2) == user_type_id).map_or("", |known| known.0)
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}
fn int(n: impl Into<i64>) -> Value {
    Value::Int(n.into())
}
fn or_null(n: Option<i64>) -> Value {
    n.map_or(Value::Null, Value::Int)
}

/// Sorted by the first so many columns that are named, texts without regard to case, NULL first.
fn sorted(mut rows: Vec<Vec<Value>>, by: &[usize]) -> Vec<Vec<Value>> {
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

fn answer(columns: &[(&str, SqlType)], rows: Vec<Vec<Value>>) -> Answer {
    Answer { columns: super::columns(columns), rows, ..Answer::default() }
}
