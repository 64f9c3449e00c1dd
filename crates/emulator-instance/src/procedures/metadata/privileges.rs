//! `sp_table_privileges` (SQLTablePrivileges) and `sp_column_privileges` (SQLColumnPrivileges).

use super::super::super::work::Work;
use super::super::answer::Answer;
use super::columns::Columns;
use super::shared::{Catalog, NAME, Object, Row, Wanted, answer, sorted, text, uses_patterns};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

const OF_COLUMNS: [&str; 4] = ["INSERT", "REFERENCES", "SELECT", "UPDATE"];
const OF_TABLES: [&str; 5] = ["DELETE", "INSERT", "REFERENCES", "SELECT", "UPDATE"];

/// What somebody was granted; of a whole object, or of one of its columns.
struct Granted {
    grantor: String,
    grantee: String,
    privilege: String,
    column: i64,
    grantable: bool,
}

impl Granted {
    fn shown(&self) -> [Value; 4] {
        let grantable = if self.grantable { "YES" } else { "NO" };
        [text(&self.grantor), text(&self.grantee), text(&self.privilege), text(grantable)]
    }
}

/// What is granted on an object: its owner has all and may pass it on, others what the catalog shows the caller. A DENY is
/// no privilege.
fn granted(catalog: &Catalog<'_>, permissions: &[Row], object: &Object, known: &[&str]) -> Vec<Granted> {
    let database = catalog.context.database;
    let name = |id: i64| {
        let id = i32::try_from(id).ok();
        id.and_then(|id| database.principals.get(&id)).map(|p| p.name.clone()).unwrap_or_default()
    };
    let Some(id) = object.id else { return Vec::new() };
    let owner = i32::try_from(id).map(|id| database.object_owner(id)).unwrap_or_default();
    let owner = name(owner.into());
    let of_owner = known.iter().map(|privilege| Granted {
        grantor: owner.clone(),
        grantee: owner.clone(),
        privilege: (*privilege).to_owned(),
        column: 0,
        grantable: true,
    });
    let of_others = permissions.iter().filter(|row| {
        row.int("class") == 1
            && row.int("major_id") == id
            && matches!(row.text("state").trim_end(), "G" | "W")
            && known.contains(&row.text("permission_name").as_str())
    });
    let of_others = of_others.map(|row| Granted {
        grantor: name(row.int("grantor_principal_id")),
        grantee: name(row.int("grantee_principal_id")),
        privilege: row.text("permission_name"),
        column: row.int("minor_id"),
        grantable: row.text("state").trim_end() == "W",
    });
    of_owner.chain(of_others).collect()
}

pub(super) fn of_tables(work: &Work<'_>, values: &[Value]) -> Result<Answer, Message> {
    const COLUMNS: &[(&str, SqlType)] = &[
        ("TABLE_QUALIFIER", NAME),
        ("TABLE_OWNER", NAME),
        ("TABLE_NAME", NAME),
        ("GRANTOR", NAME),
        ("GRANTEE", NAME),
        ("PRIVILEGE", NAME),
        ("IS_GRANTABLE", NAME),
    ];
    let catalog = Catalog::new(work, values.get(2))?;
    let patterns = uses_patterns(values.get(3));
    let (name, owner) = (Wanted::new(values.first(), patterns), Wanted::new(values.get(1), patterns));
    let permissions = catalog.rows("sys.database_permissions");
    let mut rows = Vec::new();
    let objects = catalog.objects().into_iter().filter(|object| object.kind != "IF");
    for object in objects.filter(|object| name.takes(&object.name) && owner.takes(&object.schema)) {
        let of_table = granted(&catalog, &permissions, &object, &OF_TABLES);
        rows.extend(of_table.iter().filter(|granted| granted.column == 0).map(|granted| {
            let mut row = vec![catalog.qualifier(), text(&object.schema), text(&object.name)];
            row.extend(granted.shown());
            row
        }));
    }
    Ok(answer(COLUMNS, sorted(rows, &[0, 1, 2, 5])))
}

/// What is granted on the whole table is granted on each column.
pub(super) fn of_columns(work: &Work<'_>, values: &[Value]) -> Result<Answer, Message> {
    const COLUMNS: &[(&str, SqlType)] = &[
        ("TABLE_QUALIFIER", NAME),
        ("TABLE_OWNER", NAME),
        ("TABLE_NAME", NAME),
        ("COLUMN_NAME", NAME),
        ("GRANTOR", NAME),
        ("GRANTEE", NAME),
        ("PRIVILEGE", SqlType::VarChar(Some(32))),
        ("IS_GRANTABLE", SqlType::VarChar(Some(3))),
    ];
    let catalog = Catalog::new(work, values.get(2))?;
    let wanted = Wanted::new(values.get(3), true);
    let mut rows = Vec::new();
    if let Some(object) = catalog.table(values.first(), values.get(1)) {
        let all = granted(&catalog, &catalog.rows("sys.database_permissions"), &object, &OF_COLUMNS);
        let columns = Columns::new(&catalog).of(&object);
        for column in columns.iter().filter(|column| wanted.takes(&column.name)) {
            let of_column = all.iter().filter(|granted| granted.column == 0 || granted.column == column.id);
            rows.extend(of_column.map(|granted| {
                let mut row = vec![catalog.qualifier(), text(&object.schema), text(&object.name), text(&column.name)];
                row.extend(granted.shown());
                row
            }));
        }
    }
    Ok(answer(COLUMNS, sorted(rows, &[0, 1, 2, 3, 6])))
}
