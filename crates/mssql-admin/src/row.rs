//! Reading rows by the names of their columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use tiberius::ColumnData;

/// A row: values, whatever integer or text type the server chose for them.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    columns: Arc<[String]>,
    values: Vec<ColumnData<'static>>,
}

impl Row {
    /// The rows of one result set.
    pub(crate) fn of(rows: Vec<tiberius::Row>) -> Vec<Self> {
        let columns: Arc<[String]> = rows
            .first()
            .map(|row| row.columns().iter().map(|column| column.name().to_owned()).collect())
            .unwrap_or_default();
        rows.into_iter().map(|row| Self { columns: columns.clone(), values: row.into_iter().collect() }).collect()
    }

    #[cfg(test)]
    pub(crate) fn made(columns: &Arc<[String]>, values: Vec<ColumnData<'static>>) -> Self {
        Self { columns: columns.clone(), values }
    }

    fn data(&self, name: &str) -> Result<&ColumnData<'static>, String> {
        let place = self.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        place.and_then(|place| self.values.get(place)).ok_or_else(|| format!("column {name} is missing"))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.eq_ignore_ascii_case(name))
    }

    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, String> {
        match self.data(name)? {
            ColumnData::U8(value) => Ok(value.map(Into::into)),
            ColumnData::I16(value) => Ok(value.map(Into::into)),
            ColumnData::I32(value) => Ok(value.map(Into::into)),
            ColumnData::I64(value) => Ok(*value),
            ColumnData::Bit(value) => Ok(value.map(Into::into)),
            other => Err(format!("column {name} is no integer but {other:?}")),
        }
    }

    /// Whether the value is 1; NULL is not.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, String> {
        Ok(self.int(name)? == Some(1))
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, String> {
        match self.data(name)? {
            ColumnData::String(text) => Ok(text.as_ref().map(ToString::to_string)),
            ColumnData::Guid(id) => Ok(id.map(|id| id.to_string())),
            other => Err(format!("column {name} is no text but {other:?}")),
        }
    }

    /// What can be shown of the row, by column, in lower case: texts, ids and integers that are not NULL.
    pub(crate) fn shown(&self) -> BTreeMap<String, String> {
        let number = |name: &str| self.int(name).ok().flatten().map(|number| number.to_string());
        let shown = self.columns.iter().filter_map(|name| {
            let value = self.text(name).ok().flatten().or_else(|| number(name))?;
            Some((name.to_lowercase(), value))
        });
        shown.collect()
    }

    /// A value that is never NULL.
    pub(crate) fn required_text(&self, name: &str) -> Result<String, String> {
        self.text(name)?.ok_or_else(|| format!("column {name} is NULL"))
    }

    pub(crate) fn required_int(&self, name: &str) -> Result<i64, String> {
        self.int(name)?.ok_or_else(|| format!("column {name} is NULL"))
    }

    pub(crate) fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        match self.data(name)? {
            ColumnData::Binary(bytes) => Ok(bytes.as_ref().map(|bytes| bytes.to_vec())),
            other => Err(format!("column {name} is not binary but {other:?}")),
        }
    }
}

/// Result sets in their order.
pub(crate) struct ResultSets<'a>(std::slice::Iter<'a, Vec<Row>>);

impl<'a> ResultSets<'a> {
    pub(crate) fn new(results: &'a [Vec<Row>]) -> Self {
        Self(results.iter())
    }

    pub(crate) fn next(&mut self) -> Result<&'a [Row], String> {
        self.0.next().map(Vec::as_slice).ok_or_else(|| "a result set is missing".to_owned())
    }

    /// The next result set's one row.
    pub(crate) fn row(&mut self) -> Result<&'a Row, String> {
        self.next()?.first().ok_or_else(|| "a row is missing".to_owned())
    }
}
