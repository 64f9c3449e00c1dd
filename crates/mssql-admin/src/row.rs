//! Reading rows by the names of their columns.

use std::collections::BTreeSet;

use tiberius::{ColumnData, Row};

use crate::error::{Error, Fault};
use crate::statement::Identifier;

/// A row's values, whatever integer or text type the server chose for them.
pub(crate) trait Fields {
    fn data(&self, name: &str) -> Result<&ColumnData<'static>, String>;
    fn has(&self, name: &str) -> bool;

    fn int(&self, name: &str) -> Result<Option<i64>, String> {
        match self.data(name)? {
            ColumnData::U8(value) => Ok(value.map(Into::into)),
            ColumnData::I16(value) => Ok(value.map(Into::into)),
            ColumnData::I32(value) => Ok(value.map(Into::into)),
            ColumnData::I64(value) => Ok(*value),
            ColumnData::Bit(value) => Ok(value.map(Into::into)),
            other => Err(format!("column {name} is no integer but {other:?}")),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, String> {
        match self.data(name)? {
            ColumnData::String(text) => Ok(text.as_ref().map(ToString::to_string)),
            ColumnData::Guid(id) => Ok(id.map(|id| id.to_string())),
            other => Err(format!("column {name} is no text but {other:?}")),
        }
    }

    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        match self.data(name)? {
            ColumnData::Binary(bytes) => Ok(bytes.as_ref().map(|bytes| bytes.to_vec())),
            other => Err(format!("column {name} is not binary but {other:?}")),
        }
    }
}

impl Fields for Row {
    fn data(&self, name: &str) -> Result<&ColumnData<'static>, String> {
        self.cells()
            .find(|(column, _)| column.name().eq_ignore_ascii_case(name))
            .map(|(_, data)| data)
            .ok_or_else(|| format!("column {name} is missing"))
    }

    fn has(&self, name: &str) -> bool {
        self.columns().iter().any(|column| column.name().eq_ignore_ascii_case(name))
    }
}

/// Whether two names are one under `SQL_Latin1_General_CP1_CI_AS`, an instance's usual collation: case and trailing
/// blanks do not count. Where a server compares otherwise, the server itself has the last word in every statement.
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    let fold = |name: &str| name.trim_end_matches(' ').to_lowercase();
    fold(one) == fold(other)
}

/// The names of `one` that are not in `other`.
pub(crate) fn missing(one: &BTreeSet<String>, other: &BTreeSet<String>) -> Result<Vec<Identifier>, Error> {
    one.iter()
        .filter(|name| !other.iter().any(|it| same_name(it, name)))
        .map(|name| {
            let illegal = |_| Error::NotFound { what: "role", name: name.clone(), fault: Fault::Role };
            name.parse().map_err(illegal)
        })
        .collect()
}
