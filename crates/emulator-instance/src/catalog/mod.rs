//! Catalog views, as far as logins, mirroring and its audit read them; each filtered by what the session may see.

macro_rules! view {
    ($name:literal, [$($column:expr),* $(,)?], $rows:expr) => {
        View { name: $name, columns: &[$($column),*], rows: $rows, needs: None, volatile: false }
    };
    ($name:literal, [$($column:expr),* $(,)?], $rows:expr, $needs:expr) => {
        View { name: $name, columns: &[$($column),*], rows: $rows, needs: Some($needs), volatile: true }
    };
}

/// The columns of `sys.objects`, which the views of one kind of object begin with; `$flag` says whether the flags are
/// `required`, as they are but in the views of system objects too.
macro_rules! with_object_columns {
    ($flag:ident: $($more:expr),* $(,)?) => {
        &[
            required("name", NAME),
            required("object_id", INT),
            column("principal_id", INT),
            required("schema_id", INT),
            required("parent_object_id", INT),
            column("type", SqlType::Char(2)),
            column("type_desc", DESC),
            required("create_date", WHEN),
            required("modify_date", WHEN),
            $flag("is_ms_shipped", BIT),
            $flag("is_published", BIT),
            $flag("is_schema_published", BIT),
            $($more),*
        ]
    };
}

mod column_keys;
mod columns;
mod constraints;
mod databases;
pub mod elsewhere;
mod extended_properties;
mod functions;
mod information_schema;
mod objects;
mod parameters;
mod partitions;
pub mod principals;
mod security_policies;
mod sessions;
mod shape;
mod system;

pub use shape::{Context, TableFunction, View, ViewColumn};

pub fn all() -> impl Iterator<Item = &'static View> {
    let views = [
        principals::VIEWS,
        objects::VIEWS,
        parameters::VIEWS,
        partitions::VIEWS,
        security_policies::VIEWS,
        column_keys::VIEWS,
        columns::VIEWS,
        constraints::VIEWS,
        extended_properties::VIEWS,
        databases::VIEWS,
        sessions::VIEWS,
        system::VIEWS,
        information_schema::VIEWS,
    ];
    views.into_iter().flatten()
}

fn table_functions() -> impl Iterator<Item = &'static TableFunction> {
    functions::FUNCTIONS.iter().chain(extended_properties::FUNCTIONS)
}

/// Of views and table functions.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|view| view.name).chain(table_functions().map(|function| function.name))
}

pub fn find(schema: Option<&str>, name: &str) -> Option<&'static View> {
    let schema = schema?;
    all().find(|view| {
        view.name.split_once('.').is_some_and(|(s, n)| s.eq_ignore_ascii_case(schema) && n.eq_ignore_ascii_case(name))
    })
}

pub fn find_function(schema: Option<&str>, name: &str) -> Option<&'static TableFunction> {
    let sys = schema.is_none_or(|schema| schema.eq_ignore_ascii_case("sys"));
    table_functions().find(|f| sys && f.name.eq_ignore_ascii_case(name))
}
