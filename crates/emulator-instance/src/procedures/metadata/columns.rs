//! `sp_columns` (SQLColumns, getColumns) and `sp_special_columns` (SQLSpecialColumns, getBestRowIdentifier,
//! getVersionColumns).

use std::collections::HashMap;

use super::super::super::functions;
use super::super::super::state::same_name;
use super::super::super::types;
use super::super::super::work::Work;
use super::super::answer::Answer;
use super::data_types::{Declared, Shown, Version, shown};
use super::shared::{
    Catalog, INT, NAME, Object, REMARKS, Row, SMALL, Wanted, answer, int, is_odbc_3, or_null, text, type_name,
    uses_patterns,
};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

const DEFAULT: SqlType = SqlType::NVarChar(Some(4000));

pub(super) const COLUMNS: [(&str, SqlType); 18] = [
    ("TABLE_QUALIFIER", NAME),
    ("TABLE_OWNER", NAME),
    ("TABLE_NAME", NAME),
    ("COLUMN_NAME", NAME),
    ("DATA_TYPE", SMALL),
    ("TYPE_NAME", NAME),
    ("PRECISION", INT),
    ("LENGTH", INT),
    ("SCALE", SMALL),
    ("RADIX", SMALL),
    ("NULLABLE", SMALL),
    ("REMARKS", REMARKS),
    ("COLUMN_DEF", DEFAULT),
    ("SQL_DATA_TYPE", SMALL),
    ("SQL_DATETIME_SUB", SMALL),
    ("CHAR_OCTET_LENGTH", INT),
    ("ORDINAL_POSITION", INT),
    ("IS_NULLABLE", SqlType::VarChar(Some(254))),
];

pub(super) const SS_DATA_TYPE: (&str, SqlType) = ("SS_DATA_TYPE", SqlType::TinyInt);

/// What the ODBC driver's page of SQLColumns adds. JDBC's driver puts the answer into a table of these, in this order.
const LATER: [(&str, SqlType); 10] = [
    ("SS_IS_SPARSE", SMALL),
    ("SS_IS_COLUMN_SET", SMALL),
    ("SS_IS_COMPUTED", SMALL),
    ("SS_IS_IDENTITY", SMALL),
    ("SS_UDT_CATALOG_NAME", NAME),
    ("SS_UDT_SCHEMA_NAME", NAME),
    ("SS_UDT_ASSEMBLY_TYPE_NAME", SqlType::NVarChar(None)),
    ("SS_XML_SCHEMACOLLECTION_CATALOG_NAME", NAME),
    ("SS_XML_SCHEMACOLLECTION_SCHEMA_NAME", NAME),
    ("SS_XML_SCHEMACOLLECTION_NAME", NAME),
];

/// A column, of whichever kind of object.
pub(super) struct Column {
    pub id: i64,
    pub name: String,
    type_name: &'static str,
    max_length: i64,
    precision: i64,
    scale: i64,
    pub nullable: bool,
    identity: bool,
    computed: bool,
    sparse: bool,
    set: bool,
    default: Option<String>,
}

impl Column {
    pub fn shown(&self, version: Version) -> Shown {
        let declared = Declared {
            name: self.type_name,
            max_length: self.max_length,
            precision: self.precision,
            scale: self.scale,
            nullable: self.nullable,
            identity: self.identity,
        };
        shown(&declared, version)
    }
}

/// Columns of all objects, found once for a call.
pub(super) struct Columns {
    of: HashMap<i64, Vec<Column>>,
}

impl Columns {
    pub fn new(catalog: &Catalog<'_>) -> Self {
        let defaults: HashMap<i64, String> = catalog
            .rows("sys.default_constraints")
            .iter()
            .map(|row| (row.int("object_id"), row.text("definition")))
            .collect();
        let mut of: HashMap<i64, Vec<Column>> = HashMap::new();
        for row in catalog.rows("sys.all_columns") {
            of.entry(row.int("object_id")).or_default().push(column(&row, &defaults));
        }
        Self { of }
    }

    pub fn of(&mut self, object: &Object) -> Vec<Column> {
        let Some(id) = object.id else {
            let own = (1i64..).zip(object.columns).map(|(id, of)| {
                let declared = types::column_type(of.sql_type);
                Column {
                    id,
                    name: of.name.to_owned(),
                    type_name: declared.name,
                    max_length: declared.max_length.into(),
                    precision: declared.precision.into(),
                    scale: declared.scale.into(),
                    nullable: of.nullable,
                    identity: false,
                    computed: false,
                    sparse: false,
                    set: false,
                    default: None,
                }
            });
            return own.collect();
        };
        self.of.remove(&id).unwrap_or_default()
    }
}

fn column(row: &Row, defaults: &HashMap<i64, String>) -> Column {
    Column {
        id: row.int("column_id"),
        name: row.text("name"),
        type_name: type_name(row.int("user_type_id")),
        max_length: row.int("max_length"),
        precision: row.int("precision"),
        scale: row.int("scale"),
        nullable: row.is("is_nullable"),
        identity: row.is("is_identity"),
        computed: row.is("is_computed"),
        sparse: row.is("is_sparse"),
        set: row.is("is_column_set"),
        default: defaults.get(&row.int("default_object_id")).cloned(),
    }
}

/// Columns of what the name means. ODBC 2 without wildcards and without an owner means the caller's own before that of
/// others (the page of SQLColumns); ODBC 3 means all of that name.
pub(super) fn columns(work: &Work<'_>, values: &[Value], later: bool) -> Result<Answer, Message> {
    let catalog = Catalog::new(work, values.get(2))?;
    let (odbc, patterns) = if later { (values.get(5), uses_patterns(values.get(6))) } else { (values.get(4), true) };
    let version = Version { odbc_3: is_odbc_3(odbc), later };
    let name = Wanted::new(values.first(), patterns);
    let owner = Wanted::new(values.get(1), patterns);
    let wanted = Wanted::new(values.get(3), patterns);
    let mut objects = catalog.objects();
    objects.retain(|object| name.takes(&object.name) && owner.takes(&object.schema));
    if owner.name.is_none() && !name.has_wildcards() && !version.odbc_3 {
        let own = |object: &Object| catalog.home.as_deref().is_some_and(|home| same_name(home, &object.schema));
        if objects.iter().any(own) {
            objects.retain(own);
        }
    }
    objects.sort_by_cached_key(|object| (object.schema.to_lowercase(), object.name.to_lowercase()));
    let mut all = Columns::new(&catalog);
    let mut rows = Vec::new();
    for object in &objects {
        for (place, column) in (1i64..).zip(all.of(object)).filter(|(_, column)| wanted.takes(&column.name)) {
            let shown = column.shown(version);
            let ss_type = shown.ss_type;
            let mut row = vec![catalog.qualifier(), text(&object.schema), text(&object.name), text(&column.name)];
            row.extend(described(shown, column.nullable, column.default.as_deref(), place));
            if later {
                row.extend([column.sparse, column.set, column.computed, column.identity].map(int));
                row.extend(std::iter::repeat_n(Value::Null, 6));
            }
            row.push(int(ss_type));
            rows.push(row);
        }
    }
    let mut of = COLUMNS.to_vec();
    of.extend(LATER.iter().filter(|_| later));
    of.push(SS_DATA_TYPE);
    Ok(answer(&of, rows))
}

/// `DATA_TYPE` to `IS_NULLABLE`.
pub(super) fn described(shown: Shown, nullable: bool, default: Option<&str>, place: i64) -> [Value; 14] {
    [
        or_null(shown.code),
        text(shown.name),
        int(shown.precision),
        int(shown.length),
        or_null(shown.scale),
        or_null(shown.radix),
        int(nullable),
        Value::Null,
        default.map_or(Value::Null, text),
        or_null(shown.verbose),
        or_null(shown.sub),
        or_null(shown.octets),
        int(place),
        text(if nullable { "YES" } else { "NO" }),
    ]
}

const SPECIAL: &[(&str, SqlType)] = &[
    ("SCOPE", SMALL),
    ("COLUMN_NAME", NAME),
    ("DATA_TYPE", SMALL),
    ("TYPE_NAME", NAME),
    ("PRECISION", INT),
    ("LENGTH", INT),
    ("SCALE", SMALL),
    ("PSEUDO_COLUMN", SMALL),
];

/// R: the columns that tell a row from others – of the primary key, else of the first unique index whose columns take no
/// NULL where `@nullable` is O. V: those that change with every change of the row. The scope is always 0 and a column
/// never a pseudo column, as the page says.
pub(super) fn special_columns(work: &Work<'_>, values: &[Value], later: bool) -> Result<Answer, Message> {
    let catalog = Catalog::new(work, values.get(2))?;
    let version = Version { odbc_3: is_odbc_3(values.get(6)), later };
    let letter = |at: usize, default: &str| functions::text(values.get(at)).unwrap_or_else(|| default.to_owned());
    let (kind, nullable) = (letter(3, "R"), letter(5, "U"));
    let Some(object) = catalog.table(values.first(), values.get(1)) else { return Ok(answer(SPECIAL, Vec::new())) };
    let columns = Columns::new(&catalog).of(&object);
    let found: Vec<&Column> = if kind.eq_ignore_ascii_case("V") {
        columns.iter().filter(|column| column.type_name == "timestamp").collect()
    } else {
        let strict = nullable.eq_ignore_ascii_case("O");
        let keys = super::keys::keys_of(&catalog, &object);
        let mut unique: Vec<_> = keys.into_iter().filter(|key| key.unique && !key.filtered).collect();
        unique.sort_by_key(|key| (!key.primary, key.id));
        let of_key = |ids: &[(i64, bool)]| -> Vec<&Column> {
            ids.iter().filter_map(|(id, _)| columns.iter().find(|column| column.id == *id)).collect()
        };
        let fits = |found: &Vec<&Column>| !strict || found.iter().all(|column| !column.nullable);
        unique.iter().map(|key| of_key(&key.columns)).find(fits).unwrap_or_default()
    };
    let rows = found.into_iter().map(|column| {
        let shown = column.shown(version);
        vec![
            int(0),
            text(&column.name),
            or_null(shown.code),
            text(shown.name),
            int(shown.precision),
            int(shown.length),
            or_null(shown.scale),
            int(1),
        ]
    });
    Ok(answer(SPECIAL, rows.collect()))
}
