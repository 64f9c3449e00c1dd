//! `sp_stored_procedures` (SQLProcedures, getProcedures) and `sp_sproc_columns` (SQLProcedureColumns).

use super::super::super::work::Work;
use super::super::answer::Answer;
use super::columns::{COLUMNS, SS_DATA_TYPE, described};
use super::data_types::{Declared, Version, shown};
use super::shared::{
    Catalog, INT, NAME, REMARKS, SMALL, Wanted, answer, int, is_odbc_3, sorted, text, type_name, uses_patterns,
};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

/// A name and its number, which is 0 of functions and 1 of procedures that have no other.
const NUMBERED: SqlType = SqlType::NVarChar(Some(134));

/// Functions that the caller may use, and the server's own procedures, which everybody may call. (Nobody has procedures
/// of their own here.)
pub fn routines(work: &Work<'_>, values: &[Value], own: impl Iterator<Item = &'static str>) -> Result<Answer, Message> {
    const ROUTINES: &[(&str, SqlType)] = &[
        ("PROCEDURE_QUALIFIER", NAME),
        ("PROCEDURE_OWNER", NAME),
        ("PROCEDURE_NAME", NUMBERED),
        ("NUM_INPUT_PARAMS", INT),
        ("NUM_OUTPUT_PARAMS", INT),
        ("NUM_RESULT_SETS", INT),
        ("REMARKS", REMARKS),
        ("PROCEDURE_TYPE", SMALL),
    ];
    let catalog = Catalog::new(work, values.get(2))?;
    let patterns = uses_patterns(values.get(3));
    let (name, owner) = (Wanted::new(values.first(), patterns), Wanted::new(values.get(1), patterns));
    let functions = catalog.objects().into_iter().filter(|object| object.kind == "IF");
    let functions = functions.filter(|object| catalog.may(object, "SELECT"));
    let functions = functions.map(|object| (object.schema, object.name, 0));
    let own = own.map(|procedure| ("sys".to_owned(), procedure.to_owned(), 1));
    let found = functions.chain(own).filter(|(schema, routine, _)| name.takes(routine) && owner.takes(schema));
    let rows = found.map(|(schema, routine, number)| {
        vec![
            catalog.qualifier(),
            text(schema),
            text(format!("{routine};{number}")),
            // Reserved for future use.
            int(-1),
            int(-1),
            int(-1),
            Value::Null,
            int(2),
        ]
    });
    Ok(answer(ROUTINES, sorted(rows.collect(), &[0, 1, 2])))
}

/// Parameters of functions, and the table they return as their first row. UNCONFIRMED: how that row shows its type. Of the
/// server's own procedures no parameter is shown: their types are not all known here.
pub(super) fn routine_columns(work: &Work<'_>, values: &[Value], later: bool) -> Result<Answer, Message> {
    let catalog = Catalog::new(work, values.get(2))?;
    let patterns = uses_patterns(values.get(5));
    let version = Version { odbc_3: is_odbc_3(values.get(4)), later };
    let (name, owner) = (Wanted::new(values.first(), patterns), Wanted::new(values.get(1), patterns));
    let wanted = Wanted::new(values.get(3), patterns);
    let parameters = catalog.rows("sys.parameters");
    let mut rows = Vec::new();
    let mut objects = catalog.objects();
    objects.retain(|object| object.kind == "IF" && name.takes(&object.name) && owner.takes(&object.schema));
    objects.sort_by_cached_key(|object| (object.schema.to_lowercase(), object.name.to_lowercase()));
    for object in objects {
        let begin = |column: &str, kind: i64| {
            let routine = text(format!("{};0", object.name));
            vec![catalog.qualifier(), text(&object.schema), routine, text(column), int(kind)]
        };
        if wanted.takes("@TABLE_RETURN_VALUE") {
            let table =
                Declared { name: "table", max_length: 0, precision: 0, scale: 0, nullable: false, identity: false };
            let mut row = begin("@TABLE_RETURN_VALUE", 3);
            row.extend(described(shown(&table, version), false, None, 0));
            row.push(int(0));
            rows.push(row);
        }
        let own = parameters.iter().filter(|row| Some(row.int("object_id")) == object.id);
        for parameter in own.filter(|row| wanted.takes(&row.text("name"))) {
            let declared = Declared {
                name: type_name(parameter.int("user_type_id")),
                max_length: parameter.int("max_length"),
                precision: parameter.int("precision"),
                scale: parameter.int("scale"),
                nullable: true,
                identity: false,
            };
            let shown = shown(&declared, version);
            let ss_type = shown.ss_type;
            let mut row = begin(&parameter.text("name"), 1);
            row.extend(described(shown, true, None, parameter.int("parameter_id")));
            row.push(int(ss_type));
            rows.push(row);
        }
    }
    let mut of = vec![
        ("PROCEDURE_QUALIFIER", NAME),
        ("PROCEDURE_OWNER", NAME),
        ("PROCEDURE_NAME", NUMBERED),
        ("COLUMN_NAME", NAME),
        ("COLUMN_TYPE", SMALL),
    ];
    of.extend_from_slice(&COLUMNS[4..]);
    of.push(SS_DATA_TYPE);
    Ok(answer(&of, rows))
}
