//! `sp_tables`, which is ODBC's SQLTables and JDBC's getTables.

use super::super::super::functions;
use super::super::super::work::Work;
use super::super::answer::Answer;
use super::shared::{Catalog, NAME, REMARKS, Wanted, answer, sorted, text, uses_patterns};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

const COLUMNS: &[(&str, SqlType)] = &[
    ("TABLE_QUALIFIER", NAME),
    ("TABLE_OWNER", NAME),
    ("TABLE_NAME", NAME),
    ("TABLE_TYPE", SqlType::VarChar(Some(32))),
    ("REMARKS", REMARKS),
];

/// Tables and views that the caller may select from: `ACCESSIBLE_TABLES` of `sp_server_info` is Y. Three arguments
/// enumerate something else, as the page of SQLTables says: `%` alone the databases, the owners or the types.
pub(super) fn tables(work: &Work<'_>, values: &[Value]) -> Result<Answer, Message> {
    let given = |at: usize| functions::text(values.get(at));
    let alone = |at: usize| {
        given(at).as_deref() == Some("%") && (0..3).all(|other| other == at || given(other).as_deref() == Some(""))
    };
    if alone(2) {
        let rows = Catalog::new(work, None)?.rows("sys.databases");
        return Ok(enumerated(0, rows.iter().map(|row| row.text("name"))));
    }
    let empty = (0..3).all(|at| given(at).as_deref() == Some(""));
    if empty && given(3).as_deref() == Some("%") {
        return Ok(enumerated(3, ["SYSTEM TABLE", "TABLE", "VIEW"].map(str::to_owned).into_iter()));
    }
    if alone(1) {
        let rows = Catalog::new(work, None)?.rows("sys.schemas");
        return Ok(enumerated(1, rows.iter().map(|row| row.text("name"))));
    }
    let catalog = Catalog::new(work, values.get(2))?;
    let patterns = uses_patterns(values.get(4));
    let (name, owner) = (Wanted::new(values.first(), patterns), Wanted::new(values.get(1), patterns));
    // `'TABLE','VIEW'`, each in quotation marks.
    let types = given(3).map(|list| list.split(',').map(|word| word.trim().trim_matches('\'').to_owned()).collect());
    let types: Option<Vec<String>> = types;
    let rows = catalog.objects().into_iter().filter_map(|object| {
        let kind = match object.kind.as_str() {
            "U" => "TABLE",
            "V" => "VIEW",
            _ => return None,
        };
        let asked = types.as_ref().is_none_or(|types| types.iter().any(|word| word == kind || word == "%"));
        let found = asked && name.takes(&object.name) && owner.takes(&object.schema);
        (found && catalog.may(&object, "SELECT"))
            .then(|| vec![catalog.qualifier(), text(object.schema), text(object.name), text(kind), Value::Null])
    });
    Ok(answer(COLUMNS, sorted(rows.collect(), &[3, 0, 1, 2])))
}

fn enumerated(at: usize, found: impl Iterator<Item = String>) -> Answer {
    let rows = found.map(|name| (0..COLUMNS.len()).map(|i| if i == at { text(&name) } else { Value::Null }).collect());
    answer(COLUMNS, sorted(rows.collect(), &[at]))
}
