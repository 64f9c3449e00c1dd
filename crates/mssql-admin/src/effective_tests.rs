use super::*;
use crate::login::tests::login;
use crate::login::{LoginKind, ServerPermission};

pub(crate) fn principal(id: i64, name: &str, kind: PrincipalKind, sid: &str) -> Principal {
    Principal {
        id,
        name: name.into(),
        kind,
        sid: sid.into(),
        default_schema: None,
        roles: BTreeSet::new(),
        is_fixed_role: id == 0 || id >= 16384,
        owner: None,
        created: String::new(),
        login: None,
    }
}

/// A row; its grantor is named after its id.
pub(crate) fn row(grantor: i64, grantee: i64, state: PermissionState, name: &str) -> Permission {
    let name = name.parse().unwrap();
    Permission { name, state, grantor: grantor.to_string(), grantor_id: grantor, grantee_id: grantee }
}

fn name(text: &str) -> PermissionName {
    text.parse().unwrap()
}

/// What the server's list says of the permissions that these tests ask for (`sys.fn_builtin_permissions`).
fn covering() -> Covering {
    let database = [
        ("ALTER", "CONTROL", "ALTER ANY DATABASE"),
        ("ALTER ANY EXTERNAL MIRROR", "CONTROL", "CONTROL SERVER"),
        ("ALTER ANY USER", "ALTER", "CONTROL SERVER"),
        ("CONNECT", "CONNECT REPLICATION", "CONNECT ANY DATABASE"),
        ("CONNECT REPLICATION", "CONTROL", "CONTROL SERVER"),
        ("CONTROL", "", "CONTROL SERVER"),
        ("CREATE USER", "ALTER ANY USER", "CONTROL SERVER"),
        ("SELECT", "CONTROL", "SELECT ALL USER SECURABLES"),
        ("VIEW DATABASE PERFORMANCE STATE", "VIEW DATABASE STATE", "VIEW SERVER PERFORMANCE STATE"),
        ("VIEW DATABASE SECURITY STATE", "VIEW DATABASE STATE", "VIEW SERVER SECURITY STATE"),
        ("VIEW DATABASE STATE", "CONTROL", "VIEW SERVER STATE"),
        ("VIEW DEFINITION", "CONTROL", "VIEW ANY DEFINITION"),
        ("VIEW PERFORMANCE DEFINITION", "VIEW DEFINITION", "VIEW ANY PERFORMANCE DEFINITION"),
    ];
    let server = [
        ("ALTER ANY DATABASE", "CONTROL SERVER"),
        ("ALTER SERVER STATE", "CONTROL SERVER"),
        ("CONNECT ANY DATABASE", "CONTROL SERVER"),
        ("CONTROL SERVER", ""),
        ("SELECT ALL USER SECURABLES", "CONTROL SERVER"),
        ("VIEW ANY DEFINITION", "CONTROL SERVER"),
        ("VIEW ANY PERFORMANCE DEFINITION", "VIEW ANY DEFINITION"),
        ("VIEW SERVER PERFORMANCE STATE", "VIEW SERVER STATE"),
        ("VIEW SERVER SECURITY STATE", "VIEW SERVER STATE"),
        ("VIEW SERVER STATE", "ALTER SERVER STATE"),
    ];
    let some = |text: &str| Some(text).filter(|text| !text.is_empty()).map(name);
    Covering {
        database: database.map(|(it, here, above)| (name(it), (some(here), some(above)))).into(),
        server: server.map(|(it, by)| (name(it), some(by))).into(),
    }
}

/// A database with a user of a login, one without, an Entra user and a group, roles and nothing granted.
pub(crate) fn world() -> DatabasePrincipals {
    use PrincipalKind as K;
    let principals = [
        (0, "public", K::Role),
        (1, "dbo", K::SqlUser),
        (5, "u", K::SqlUser),
        (6, "alone", K::UserWithoutLogin),
        (7, "readers", K::Role),
        (8, "outer", K::Role),
        (9, "bob", K::ExternalUser),
        (10, "Data Team", K::ExternalGroup),
        (16384, "db_owner", K::Role),
        (16385, "db_accessadmin", K::Role),
        (16386, "db_securityadmin", K::Role),
        (16387, "db_ddladmin", K::Role),
        (16390, "db_datareader", K::Role),
        (16392, "db_denydatareader", K::Role),
    ];
    DatabasePrincipals {
        database: "Sales".into(),
        operator: "dbo".into(),
        principals: principals.into_iter().map(|(id, name, kind)| principal(id, name, kind, "")).collect(),
        memberships: BTreeMap::new(),
        permissions: Vec::new(),
        schemas: Vec::new(),
        covering: covering().into(),
        sees_users: true,
        sees_roles: true,
        sees_permissions: true,
        sees_logins: true,
    }
}

/// One line of the table: rows `grantee STATE PERMISSION`, memberships `member > role`, server rows `server STATE
/// PERMISSION`, server roles `> role`, all with `;` between; then the permission asked for, and the answer.
struct Case(&'static str, &'static str, Option<bool>);

const MIRROR: &str = "ALTER ANY EXTERNAL MIRROR";
const STATE: &str = "VIEW DATABASE PERFORMANCE STATE";
const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);

const CASES: &[Case] = &[
    // Rows of its own.
    Case("", "SELECT", NO),
    Case("u G SELECT", "SELECT", YES),
    Case("u W SELECT", "SELECT", YES),
    Case("u D SELECT", "SELECT", NO),
    Case("u G SELECT; u D SELECT", "SELECT", NO),
    Case("alone G SELECT", "SELECT", NO),
    // Roles, nested, and public.
    Case("u > readers; readers G SELECT", "SELECT", YES),
    Case("u > readers; readers > outer; outer G SELECT", "SELECT", YES),
    Case("readers > outer; outer G SELECT", "SELECT", NO),
    Case("u > readers; readers > u; readers G SELECT", "SELECT", YES),
    Case("public G SELECT", "SELECT", YES),
    Case("u G SELECT; public D SELECT", "SELECT", NO),
    Case("u G SELECT; u > readers; readers > outer; outer D SELECT", "SELECT", NO),
    Case("u G SELECT; outer D SELECT", "SELECT", YES),
    // Fixed roles.
    Case("u > db_owner", MIRROR, YES),
    Case("u > db_owner; u D ALTER ANY EXTERNAL MIRROR", MIRROR, NO),
    Case("u > readers; readers > db_owner", "SELECT", YES),
    Case("u > db_datareader", "SELECT", YES),
    Case("u > db_datareader", MIRROR, NO),
    Case("u > db_denydatareader; u G SELECT", "SELECT", NO),
    Case("u > db_denydatareader; u > db_owner", "SELECT", NO),
    Case("u > db_securityadmin", "VIEW PERFORMANCE DEFINITION", YES),
    Case("u > db_accessadmin", "CREATE USER", YES),
    Case("u > db_ddladmin", "ALTER", None),
    Case("u > db_ddladmin; u G SELECT", "SELECT", YES),
    // What covers.
    Case("u G CONTROL", MIRROR, YES),
    Case("u G CONTROL; u D CONTROL", "SELECT", NO),
    Case("u G SELECT; u D CONTROL", "SELECT", NO),
    Case("u G CONTROL; u D SELECT", "SELECT", NO),
    Case("u G ALTER", "CREATE USER", YES),
    Case("u G ALTER", MIRROR, NO),
    Case("u G VIEW DATABASE STATE", STATE, YES),
    Case("u G VIEW DATABASE PERFORMANCE STATE", "VIEW DATABASE STATE", NO),
    Case("u G VIEW DATABASE PERFORMANCE STATE; u D VIEW DATABASE STATE", STATE, NO),
    Case("u G VIEW DEFINITION", "VIEW PERFORMANCE DEFINITION", YES),
    Case("u G CONNECT", "CONNECT", YES),
    // The server.
    Case("server G VIEW SERVER STATE", STATE, YES),
    Case("server G VIEW SERVER STATE; u D VIEW DATABASE PERFORMANCE STATE", STATE, NO),
    Case("server G VIEW SERVER PERFORMANCE STATE", STATE, YES),
    Case("server G VIEW SERVER PERFORMANCE STATE", "VIEW DATABASE SECURITY STATE", NO),
    Case("server G VIEW SERVER SECURITY STATE", "VIEW DATABASE SECURITY STATE", YES),
    Case("server G CONTROL SERVER", MIRROR, YES),
    Case("server G CONTROL SERVER; u D SELECT", "SELECT", NO),
    Case("server D CONTROL SERVER; u G SELECT", "SELECT", NO),
    Case("server G SELECT ALL USER SECURABLES", "SELECT", YES),
    Case("server D SELECT ALL USER SECURABLES; u G SELECT", "SELECT", NO),
    Case("server G VIEW ANY DEFINITION", "VIEW PERFORMANCE DEFINITION", YES),
    Case("server G ALTER ANY DATABASE", "CREATE USER", YES),
    Case("> ##MS_ServerStateReader##", STATE, YES),
    Case("> ##MS_ServerStateReader##", "VIEW DATABASE SECURITY STATE", YES),
    Case("> ##ms_serverstatereader##", STATE, YES),
    Case("> ##MS_ServerStateManager##", STATE, YES),
    Case("> ##MS_ServerPerformanceStateReader##", "VIEW DATABASE SECURITY STATE", NO),
    Case("> ##MS_DefinitionReader##", "VIEW PERFORMANCE DEFINITION", YES),
    Case("> ##MS_PerformanceDefinitionReader##", "VIEW PERFORMANCE DEFINITION", YES),
    Case("> ##MS_DatabaseConnector##", "CONNECT", YES),
    Case("> ##MS_ServerStateReader##", "SELECT", NO),
    Case("> sysadmin; u D SELECT; u D CONTROL", "SELECT", YES),
    // What the server does not know, nobody can say.
    Case("u G CONTROL", "NO SUCH PERMISSION", None),
];

fn id_of(world: &DatabasePrincipals, name: &str) -> i64 {
    world.named(name).unwrap_or_else(|| panic!("{name}")).id
}

fn state(letter: &str) -> PermissionState {
    PermissionState::of(Some(letter)).unwrap()
}

fn set_up(rows: &str) -> (DatabasePrincipals, Login) {
    let (mut world, mut login) = (world(), login("l", 5, LoginKind::Sql));
    for words in rows.split("; ").filter(|words| !words.is_empty()) {
        if let Some(role) = words.strip_prefix("> ") {
            login.all_server_roles.insert(role.parse().unwrap());
        } else if let Some((member, role)) = words.split_once(" > ") {
            let (member, role) = (id_of(&world, member), id_of(&world, role));
            world.memberships.entry(member).or_default().insert(role);
        } else {
            let (grantee, rest) = words.split_once(' ').unwrap();
            let (letter, permission) = rest.split_once(' ').unwrap();
            if grantee == "server" {
                let (name, state) = (name(permission), state(letter));
                login.server_permissions.push(ServerPermission { name, state, grantee: "l".into() });
            } else {
                let grantee = id_of(&world, grantee);
                world.permissions.push(row(1, grantee, state(letter), permission));
            }
        }
    }
    (world, login)
}

#[test]
fn the_table_of_cases() {
    for Case(rows, permission, expected) in CASES {
        let (world, login) = set_up(rows);
        let effective = world.effective(world.named("u").unwrap(), Some(&login));
        assert_eq!(effective.holds(permission), *expected, "{permission}, where: {rows}");
    }
}

#[test]
fn without_a_login_only_what_does_not_depend_on_it_is_said() {
    for (rows, unknown, none) in [
        // A user of a login that cannot be seen; a user that has none.
        ("", None, NO),
        ("public G SELECT", YES, YES),
        ("public D SELECT", None, NO),
    ] {
        let (world, _) = set_up(rows);
        let holds = |name: &str| world.effective(world.named(name).unwrap(), None).holds("SELECT");
        assert_eq!((holds("u"), holds("alone"), holds("readers")), (unknown, none, none), "{rows}");
    }
    let (world, mut login) = set_up("");
    login.server_rights_known = false;
    assert_eq!(world.effective(world.named("u").unwrap(), Some(&login)).holds("SELECT"), None);
}

#[test]
fn a_group_may_have_an_entra_user_in_it() {
    let bob = login("bob", 9, LoginKind::External);
    for (rows, expected) in [
        ("", NO),
        ("Data", NO),
        ("bob G SELECT", YES),
        ("group G SELECT", None),
        ("group > db_datareader", None),
        ("bob G SELECT; group D SELECT", None),
        ("bob D SELECT; group G SELECT", NO),
    ] {
        let (mut world, _) = set_up("");
        for words in rows.split("; ") {
            match words.split(' ').collect::<Vec<_>>()[..] {
                [grantee, letter, permission] if letter != ">" => {
                    let grantee = if grantee == "group" { 10 } else { 9 };
                    world.permissions.push(row(1, grantee, state(letter), permission));
                }
                [_, ">", role] => {
                    let role = id_of(&world, role);
                    world.memberships.entry(10).or_default().insert(role);
                }
                _ => {}
            }
        }
        assert_eq!(world.effective(world.named("bob").unwrap(), Some(&bob)).holds("SELECT"), expected, "{rows}");
    }
}

#[test]
fn what_cannot_be_seen_blocks_nobody_and_dbo_may_everything() {
    let (mut world, login) = set_up("u D SELECT");
    world.sees_permissions = false;
    assert_eq!(world.effective(world.named("u").unwrap(), Some(&login)).holds("SELECT"), None);
    let dbo = world.effective(world.named("dbo").unwrap(), None);
    assert!(dbo.is_unlimited() && dbo.holds(MIRROR) == YES && dbo.denied_by(MIRROR).is_none());
}

#[test]
fn what_gives_and_what_denies_is_said_as_the_statement_that_made_it() {
    let (world, login) =
        set_up("u > readers; readers G CONTROL; public D VIEW DATABASE STATE; server G VIEW SERVER STATE");
    let effective = world.effective(world.named("u").unwrap(), Some(&login));
    assert_eq!(effective.why("SELECT").as_deref(), Some("GRANT CONTROL TO [readers]"));
    assert_eq!(effective.denied_by("SELECT"), None);
    assert_eq!(effective.denied_by(STATE).as_deref(), Some("DENY VIEW DATABASE STATE TO [public]"));
    let lifting = "REVOKE VIEW DATABASE STATE FROM [public] CASCADE AS [1];";
    assert_eq!(effective.lifted_by(STATE).as_deref(), Some(lifting));
    let (world, login) = set_up("u > db_denydatareader; > ##MS_ServerStateReader##; server W CONNECT ANY DATABASE");
    let effective = world.effective(world.named("u").unwrap(), Some(&login));
    assert_eq!(effective.denied_by("SELECT").as_deref(), Some("membership of [db_denydatareader]"));
    assert_eq!(effective.lifted_by("SELECT"), None);
    assert_eq!(effective.why(STATE).as_deref(), Some("membership of [##MS_ServerStateReader##]"));
    assert_eq!(effective.why("CONNECT").as_deref(), Some("GRANT CONNECT ANY DATABASE TO [l]"));
    // Nobody is granted and denied in this table without a reason to show.
    for Case(rows, permission, expected) in CASES {
        let (world, login) = set_up(rows);
        let effective = world.effective(world.named("u").unwrap(), Some(&login));
        match expected {
            Some(true) => assert!(effective.why(permission).is_some(), "{rows}"),
            Some(false) => {
                let reasons = (effective.why(permission), effective.denied_by(permission));
                assert!(reasons.0.is_none() || reasons.1.is_some(), "{rows}: {reasons:?}");
            }
            None => {}
        }
    }
}
