//! `sp_helprole`, `sp_helprolemember` and `sp_helpsrvrolemember`: roles and their members, as their pages show them.

use super::super::super::functions;
use super::super::super::state::same_name;
use super::super::super::work::Work;
use super::super::answer::Answer;
use super::shared::{Catalog, INT, NAME, Row, SMALL, answer, int, sorted, text};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

const SID: SqlType = SqlType::VarBinary(Some(85));

/// Roles that the caller sees; one of them, if it is named.
///
/// # Errors
/// 15409 for what is no role of the database, 15412 for what is none of the server.
fn roles(rows: Vec<Row>, wanted: Option<&Value>, server: bool) -> Result<Vec<Row>, Message> {
    let wanted = functions::text(wanted);
    let mut roles = rows;
    // Of the server's, those that are fixed; public is none of these.
    roles.retain(|row| matches!(row.text("type").trim_end(), "R" | "A") && (!server || row.is("is_fixed_role")));
    let Some(wanted) = wanted else { return Ok(roles) };
    roles.retain(|row| same_name(&row.text("name"), &wanted));
    match (roles.is_empty(), server) {
        (false, _) => Ok(roles),
        (true, false) => Err(Message::new(15409, 11, 1, format!("'{wanted}' is not a role."))),
        (true, true) => Err(Message::new(15412, 11, 1, format!("'{wanted}' is not a known fixed role."))),
    }
}

pub(super) fn roles_of_database(work: &Work<'_>, values: &[Value]) -> Result<Answer, Message> {
    const COLUMNS: &[(&str, SqlType)] = &[("RoleName", NAME), ("RoleId", SMALL), ("IsAppRole", INT)];
    let catalog = Catalog::new(work, None)?;
    let found = roles(catalog.rows("sys.database_principals"), values.first(), false)?;
    let rows = found.iter().map(|row| {
        vec![text(row.text("name")), row.at("principal_id").clone(), int(row.text("type").trim_end() == "A")]
    });
    Ok(answer(COLUMNS, rows.collect()))
}

pub(super) fn members(work: &Work<'_>, values: &[Value], server: bool) -> Result<Answer, Message> {
    let (principals, memberships, first) = match server {
        true => ("sys.server_principals", "sys.server_role_members", "ServerRole"),
        false => ("sys.database_principals", "sys.database_role_members", "DbRole"),
    };
    let catalog = Catalog::new(work, None)?;
    let found = roles(catalog.rows(principals), values.first(), server)?;
    let principals = catalog.rows(principals);
    let named = |rows: &[Row], id: i64| rows.iter().position(|row| row.int("principal_id") == id);
    let rows = catalog.rows(memberships).into_iter().filter_map(|row| {
        let role = &found[named(&found, row.int("role_principal_id"))?];
        let member = &principals[named(&principals, row.int("member_principal_id"))?];
        Some(vec![text(role.text("name")), text(member.text("name")), member.at("sid").clone()])
    });
    Ok(answer(&[(first, NAME), ("MemberName", NAME), ("MemberSID", SID)], sorted(rows.collect(), &[0, 1])))
}
