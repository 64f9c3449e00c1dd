//! `sp_databases` (getCatalogs of older drivers) and `sp_server_info`.

use super::super::super::catalog::Context;
use super::super::super::functions;
use super::super::super::work::Work;
use super::super::answer::Answer;
use super::shared::{Catalog, INT, NAME, REMARKS, answer, int, sorted, text};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

/// Databases that the caller may enter and may know of: CREATE ANY DATABASE, ALTER ANY DATABASE or VIEW ANY DEFINITION.
pub(super) fn databases(work: &Work<'_>) -> Result<Answer, Message> {
    const COLUMNS: &[(&str, SqlType)] = &[("DATABASE_NAME", NAME), ("DATABASE_SIZE", INT), ("REMARKS", REMARKS)];
    let may = ["CREATE ANY DATABASE", "ALTER ANY DATABASE", "VIEW ANY DEFINITION"];
    if !may.into_iter().any(|permission| work.may_server(permission)) {
        return Ok(answer(COLUMNS, Vec::new()));
    }
    let entered = work.state.databases.values().filter_map(|database| {
        let context = Context::new(work.state, work.ambient, database).ok()?;
        let catalog = Catalog { context, home: None };
        // Pages of 8 KB.
        let pages: i64 = catalog.rows("sys.database_files").iter().map(|file| file.int("size")).sum();
        Some(vec![text(&database.name), int(pages * 8), Value::Null])
    });
    Ok(answer(COLUMNS, sorted(entered.collect(), &[0])))
}

/// The attributes of the page. UNCONFIRMED of a Managed Instance: both versions; the page has the order 51 and SENSITIVE,
/// which are those of a collation that heeds case, while 52 and MIXED are those of SQL_Latin1_General_CP1_CI_AS.
const ATTRIBUTES: &[(i64, &str, &str)] = &[
    (1, "DBMS_NAME", "Microsoft SQL Server"),
    (2, "DBMS_VER", "Microsoft SQL Azure - 12.0.2000.8"),
    (10, "OWNER_TERM", "owner"),
    (11, "TABLE_TERM", "table"),
    (12, "MAX_OWNER_NAME_LENGTH", "128"),
    (13, "TABLE_LENGTH", "128"),
    (14, "MAX_QUAL_LENGTH", "128"),
    (15, "COLUMN_LENGTH", "128"),
    (16, "IDENTIFIER_CASE", "MIXED"),
    (17, "TX_ISOLATION", "2"),
    (18, "COLLATION_SEQ", "charset=iso_1 sort_order=nocase_iso charset_num=1 sort_order_num=52"),
    (19, "SAVEPOINT_SUPPORT", "Y"),
    (20, "MULTI_RESULT_SETS", "Y"),
    (22, "ACCESSIBLE_TABLES", "Y"),
    (100, "USERID_LENGTH", "128"),
    (101, "QUALIFIER_TERM", "database"),
    (102, "NAMED_TRANSACTIONS", "Y"),
    (103, "SPROC_AS_LANGUAGE", "Y"),
    (104, "ACCESSIBLE_SPROC", "Y"),
    (105, "MAX_INDEX_COLS", "16"),
    (106, "RENAME_TABLE", "Y"),
    (107, "RENAME_COLUMN", "Y"),
    (108, "DROP_COLUMN", "Y"),
    (109, "INCREASE_COLUMN_LENGTH", "Y"),
    (110, "DDL_IN_TRANSACTION", "Y"),
    (111, "DESCENDING_INDEXES", "Y"),
    (112, "SP_RENAME", "Y"),
    (113, "REMOTE_SPROC", "Y"),
    (500, "SYS_SPROC_VERSION", "12.0.2000.8"),
];

pub(super) fn server_info(values: &[Value]) -> Answer {
    const COLUMNS: &[(&str, SqlType)] = &[
        ("ATTRIBUTE_ID", INT),
        ("ATTRIBUTE_NAME", SqlType::VarChar(Some(60))),
        ("ATTRIBUTE_VALUE", SqlType::VarChar(Some(255))),
    ];
    let wanted = functions::int(values.first());
    let found = ATTRIBUTES.iter().filter(|(id, ..)| wanted.is_none_or(|wanted| wanted == *id));
    answer(COLUMNS, found.map(|(id, name, value)| vec![int(*id), text(*name), text(*value)]).collect())
}
