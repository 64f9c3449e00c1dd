//! Keys and indexes: `sp_pkeys` (SQLPrimaryKeys, getPrimaryKeys), `sp_fkeys` (SQLForeignKeys), `sp_statistics`
//! (SQLStatistics, getIndexInfo).

use super::super::super::functions;
use super::super::super::work::Work;
use super::super::answer::Answer;
use super::shared::{Catalog, INT, NAME, Object, SMALL, Wanted, answer, int, or_null, sorted, text};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

/// An index with its key, in order: ids of columns, and whether they are descending.
pub(super) struct Key {
    pub id: i64,
    pub name: String,
    kind: i64,
    pub unique: bool,
    pub primary: bool,
    pub filtered: bool,
    pub columns: Vec<(i64, bool)>,
}

pub(super) fn keys_of(catalog: &Catalog<'_>, object: &Object) -> Vec<Key> {
    let Some(id) = object.id else { return Vec::new() };
    let mut columns = catalog.rows("sys.index_columns");
    columns.retain(|row| row.int("object_id") == id && row.int("key_ordinal") > 0);
    columns.sort_by_key(|row| row.int("key_ordinal"));
    let indexes = catalog.rows("sys.indexes").into_iter().filter(|row| row.int("object_id") == id);
    // 0 is a heap.
    let indexes = indexes.filter(|row| row.int("index_id") > 0).map(|row| {
        let index = row.int("index_id");
        let of = columns.iter().filter(|column| column.int("index_id") == index);
        Key {
            id: index,
            name: row.text("name"),
            kind: row.int("type"),
            unique: row.is("is_unique"),
            primary: row.is("is_primary_key"),
            filtered: row.is("has_filter"),
            columns: of.map(|column| (column.int("column_id"), column.is("is_descending_key"))).collect(),
        }
    });
    indexes.collect()
}

fn column_name(catalog: &Catalog<'_>, object: i64, column: i64) -> Value {
    let table = i32::try_from(object).ok().and_then(|id| catalog.context.database.tables.get(&id));
    let column = table.and_then(|table| table.columns.iter().find(|of| i64::from(of.id) == column));
    column.map_or(Value::Null, |column| text(&column.name))
}

pub(super) fn primary_keys(work: &Work<'_>, values: &[Value]) -> Result<Answer, Message> {
    const COLUMNS: &[(&str, SqlType)] = &[
        ("TABLE_QUALIFIER", NAME),
        ("TABLE_OWNER", NAME),
        ("TABLE_NAME", NAME),
        ("COLUMN_NAME", NAME),
        ("KEY_SEQ", SMALL),
        ("PK_NAME", NAME),
    ];
    let catalog = Catalog::new(work, values.get(2))?;
    let mut rows = Vec::new();
    if let Some(object) = catalog.table(values.first(), values.get(1)) {
        for key in keys_of(&catalog, &object).iter().filter(|key| key.primary) {
            rows.extend((1i64..).zip(&key.columns).map(|(place, (column, _))| {
                vec![
                    catalog.qualifier(),
                    text(&object.schema),
                    text(&object.name),
                    column_name(&catalog, object.id.unwrap_or(0), *column),
                    int(place),
                    text(&key.name),
                ]
            }));
        }
    }
    Ok(answer(COLUMNS, rows))
}

/// The page's columns, and the one after them that JDBC's driver reads: 7, not deferrable.
const FOREIGN: &[(&str, SqlType)] = &[
    ("PKTABLE_QUALIFIER", NAME),
    ("PKTABLE_OWNER", NAME),
    ("PKTABLE_NAME", NAME),
    ("PKCOLUMN_NAME", NAME),
    ("FKTABLE_QUALIFIER", NAME),
    ("FKTABLE_OWNER", NAME),
    ("FKTABLE_NAME", NAME),
    ("FKCOLUMN_NAME", NAME),
    ("KEY_SEQ", SMALL),
    ("UPDATE_RULE", SMALL),
    ("DELETE_RULE", SMALL),
    ("FK_NAME", NAME),
    ("PK_NAME", NAME),
    ("DEFERRABILITY", SMALL),
];

/// # Errors
/// 15252 where neither table is named.
pub(super) fn foreign_keys(work: &Work<'_>, values: &[Value]) -> Result<Answer, Message> {
    let named = |at: usize| functions::text(values.get(at)).is_some();
    if !named(0) && !named(3) {
        return Err(Message::new(15252, 16, 1, "The primary or foreign key table name must be given."));
    }
    let catalog = Catalog::new(work, values.get(2))?;
    Catalog::new(work, values.get(5))?;
    let referenced = named(0).then(|| catalog.table(values.first(), values.get(1)).and_then(|object| object.id));
    let referring = named(3).then(|| catalog.table(values.get(3), values.get(4)).and_then(|object| object.id));
    let objects = catalog.objects();
    let of = |id: i64| objects.iter().find(|object| object.id == Some(id));
    let columns = catalog.rows("sys.foreign_key_columns");
    let mut rows = Vec::new();
    for key in catalog.rows("sys.foreign_keys") {
        let (child, parent) = (key.int("parent_object_id"), key.int("referenced_object_id"));
        let meant = referenced.is_none_or(|id| id == Some(parent)) && referring.is_none_or(|id| id == Some(child));
        let (true, Some(from), Some(to)) = (meant, of(child), of(parent)) else { continue };
        let index = keys_of(&catalog, to).into_iter().find(|index| index.id == key.int("key_index_id"));
        for column in columns.iter().filter(|column| column.int("constraint_object_id") == key.int("object_id")) {
            rows.push(vec![
                catalog.qualifier(),
                text(&to.schema),
                text(&to.name),
                column_name(&catalog, parent, column.int("referenced_column_id")),
                catalog.qualifier(),
                text(&from.schema),
                text(&from.name),
                column_name(&catalog, child, column.int("parent_column_id")),
                column.at("constraint_column_id").clone(),
                int(rule(key.int("update_referential_action"))),
                int(rule(key.int("delete_referential_action"))),
                text(key.text("name")),
                index.as_ref().map_or(Value::Null, |index| text(&index.name)),
                int(7),
            ]);
        }
    }
    Ok(answer(FOREIGN, sorted(rows, &[4, 5, 6, 11, 8])))
}

/// ODBC's number of an action; the catalog has NO ACTION as 0 and CASCADE as 1.
fn rule(action: i64) -> i64 {
    match action {
        0 => 1,
        1 => 0,
        other => other,
    }
}

const STATISTICS: &[(&str, SqlType)] = &[
    ("TABLE_QUALIFIER", NAME),
    ("TABLE_OWNER", NAME),
    ("TABLE_NAME", NAME),
    ("NON_UNIQUE", SMALL),
    ("INDEX_QUALIFIER", NAME),
    ("INDEX_NAME", NAME),
    ("TYPE", SMALL),
    ("SEQ_IN_INDEX", SMALL),
    ("COLUMN_NAME", NAME),
    ("COLLATION", SqlType::Char(1)),
    ("CARDINALITY", INT),
    ("PAGES", INT),
    ("FILTER_CONDITION", SqlType::VarChar(Some(128))),
];

/// The table itself and its indexes. Pages are not known here: NULL.
pub(super) fn statistics(work: &Work<'_>, values: &[Value]) -> Result<Answer, Message> {
    let catalog = Catalog::new(work, values.get(2))?;
    let Some(object) = catalog.table(values.first(), values.get(1)) else { return Ok(answer(STATISTICS, Vec::new())) };
    let index_name = Wanted::new(values.get(3), true);
    let only_unique = functions::text(values.get(4)).is_some_and(|word| word.eq_ignore_ascii_case("Y"));
    let id = object.id.unwrap_or(0);
    let partitions = catalog.rows("sys.partitions");
    let rows_of = partitions.iter().find(|row| row.int("object_id") == id && row.int("index_id") < 2);
    let cardinality = or_null(rows_of.map(|row| row.int("rows")));
    let begin = || vec![catalog.qualifier(), text(&object.schema), text(&object.name)];
    let mut whole = begin();
    whole.extend(std::iter::repeat_n(Value::Null, 3));
    whole.extend([int(0), Value::Null, Value::Null, Value::Null, cardinality.clone(), Value::Null, Value::Null]);
    let mut rows = vec![whole];
    let keys = keys_of(&catalog, &object);
    for key in keys.iter().filter(|key| (key.unique || !only_unique) && index_name.takes(&key.name)) {
        // 1 clustered, 2 hashed, 3 any other.
        let kind = match key.kind {
            1 => 1,
            7 => 2,
            _ => 3,
        };
        rows.extend((1i64..).zip(&key.columns).map(|(place, (column, descending))| {
            let mut row = begin();
            row.extend([
                int(!key.unique),
                text(&object.name),
                text(&key.name),
                int(kind),
                int(place),
                column_name(&catalog, id, *column),
                text(if *descending { "D" } else { "A" }),
                cardinality.clone(),
                Value::Null,
                Value::Null,
            ]);
            row
        }));
    }
    Ok(answer(STATISTICS, sorted(rows, &[3, 6, 4, 5, 7])))
}
