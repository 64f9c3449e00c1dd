//! docs/guides/least-privilege.md, row by row: an operator who has what the row says can do it, and the same one without it
//! is told what it takes, with the statement that gives it. Each row has an operator and objects of its own, so that one run
//! shows many.

use fabricmirror_tests::run::{Diagnostic, Run, Said};
use fabricmirror_tests::{Result, fail};

use crate::guides::Shown;
use crate::hcl::{HEAD, REPLICATION, tutorial_with};
use crate::world::replicates;
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(whoever_may_see_may_plan).once(),
        case!(whoever_may_change_may_apply).once(),
        case!(a_mirror_of_tables_that_cannot_be_seen).once(),
    ]
}

/// A row of the guide. In every text `{n}` stands for its own number, and `op{n}` for its operator.
#[derive(Clone, Copy)]
struct Row {
    /// The first column, behind the type that it goes on with.
    allows: &'static str,
    /// Done by the instance's administrator before: database and T-SQL.
    before: Acts,
    /// What the administrator has made with the provider.
    made: &'static str,
    /// Done by the administrator afterwards.
    after: Acts,
    /// What the operator has besides.
    besides: Acts,
    /// What the row says, and the end of it.
    right: Acts,
    taken: Acts,
    /// The configuration that takes it, where it differs.
    wants: &'static str,
    /// Of which type the object is, and what the operator is told without the right.
    told: Option<Told>,
    /// The same of the destruction.
    told_at_the_end: Option<Told>,
    /// Somebody is logged in as the row's login.
    is_in_use: bool,
    /// The operator is the application that calls Fabric, and has no user name.
    is_application: bool,
}

type Acts = &'static [(&'static str, &'static str)];
type Told = (&'static str, &'static [&'static str]);

const ROW: Row = Row {
    allows: "",
    before: &[],
    made: "",
    after: &[],
    besides: &[],
    right: &[],
    taken: &[],
    wants: "",
    told: None,
    told_at_the_end: None,
    is_in_use: false,
    is_application: false,
};

const ENTERS: (&str, &str) = ("Sales", "CREATE USER op{n} FOR LOGIN op{n}");
const SEES_LOGINS: (&str, &str) = ("master", "GRANT VIEW ANY DEFINITION TO op{n}");
const MANAGES_LOGINS: (&str, &str) = ("master", "ALTER SERVER ROLE [##MS_LoginManager##] ADD MEMBER op{n}");
const SEES: (&str, &str) = ("Sales", "GRANT VIEW DEFINITION TO op{n}");
const MANAGES_USERS: (&str, &str) = ("Sales", "GRANT ALTER ANY USER TO op{n}");
const CONTROLS: Acts = &[("Sales", "GRANT CONTROL TO op{n}")];
const CONTROLS_NO_MORE: Acts = &[("Sales", "REVOKE CONTROL FROM op{n}")];
const A_LOGIN: Acts = &[("master", "CREATE LOGIN l{n} WITH PASSWORD = 'Set-By-Hand-1'")];
const A_BOSS: Acts = &[("Sales", "CREATE USER boss{n} WITHOUT LOGIN")];
const A_USER: Acts =
    &[("master", "CREATE LOGIN l{n} WITH PASSWORD = 'Set-By-Hand-1'"), ("Sales", "CREATE USER u{n} FOR LOGIN l{n}")];

const LOGIN: &str = r#"
resource "fabricmirror_login" "r{n}" {
  name                = "l{n}"
  password_wo         = "Correct-Horse-7"
  password_wo_version = 1
}
"#;
const USER: &str = r#"
resource "fabricmirror_database_user" "r{n}" {
  database   = "Sales"
  name       = "u{n}"
  login_name = "l{n}"
}
"#;
const ROLE: &str = r#"
resource "fabricmirror_database_role" "r{n}" {
  database = "Sales"
  name     = "o{n}"
}
"#;
const GRANTS: &str = r#"
resource "fabricmirror_database_grants" "r{n}" {
  database    = "Sales"
  principal   = "u{n}"
  permissions = ["SELECT"]
}
"#;

/// What a plan takes.
const SEEN: &[Row] = &[
    Row {
        allows: "`fabricmirror_login`: read",
        made: LOGIN,
        right: &[("master", "GRANT VIEW ANY DEFINITION TO op{n}")],
        told: Some(("login", &["lacks VIEW ANY DEFINITION", "GRANT VIEW ANY DEFINITION TO [OPERATOR];"])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_login`: read",
        made: LOGIN,
        right: &[("master", "GRANT ALTER ANY LOGIN TO op{n}")],
        told: Some(("login", &["lacks VIEW ANY DEFINITION"])),
        ..ROW
    },
    Row {
        allows: "anything in a database",
        made: ROLE,
        right: &[ENTERS, SEES],
        told: Some((
            "database_role",
            &["needs a user in the database", "CREATE USER [OPERATOR] FOR LOGIN [OPERATOR];"],
        )),
        ..ROW
    },
    Row {
        allows: "anything in a database",
        made: ROLE,
        besides: &[SEES_LOGINS],
        right: &[("master", "ALTER SERVER ROLE [##MS_DatabaseConnector##] ADD MEMBER op{n}")],
        told: Some(("database_role", &["ALTER SERVER ROLE [##MS_DatabaseConnector##] ADD MEMBER [OPERATOR];"])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_user`: read",
        before: A_LOGIN,
        made: USER,
        besides: &[ENTERS, ("master", "GRANT ALTER ANY LOGIN TO op{n}")],
        right: &[MANAGES_USERS],
        told: Some(("database_user", &["lacks ALTER ANY USER", "GRANT ALTER ANY USER TO [OPERATOR];"])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_user`: read",
        before: A_LOGIN,
        made: USER,
        besides: &[ENTERS, ("master", "GRANT ALTER ANY LOGIN TO op{n}")],
        right: &[SEES],
        told: Some(("database_user", &["lacks ALTER ANY USER"])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_user`: read",
        before: A_LOGIN,
        made: USER,
        besides: &[ENTERS, MANAGES_USERS],
        right: &[SEES_LOGINS],
        told: Some(("database_user", &["lacks VIEW ANY DEFINITION", "GRANT VIEW ANY DEFINITION TO [OPERATOR];"])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_role`: read",
        made: ROLE,
        besides: &[ENTERS],
        right: &[("Sales", "GRANT ALTER ANY ROLE TO op{n}")],
        told: Some(("database_role", &["lacks ALTER ANY ROLE", "GRANT ALTER ANY ROLE TO [OPERATOR];"])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_role`: read",
        made: ROLE,
        besides: &[ENTERS],
        right: &[SEES],
        told: Some(("database_role", &["lacks ALTER ANY ROLE"])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_grants`: read",
        before: A_USER,
        made: GRANTS,
        besides: &[ENTERS, MANAGES_USERS],
        right: &[SEES],
        told: Some(("database_grants", &["lacks VIEW DEFINITION", "GRANT VIEW DEFINITION TO [OPERATOR];"])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_grants`: read",
        before: A_USER,
        made: GRANTS,
        besides: &[ENTERS, MANAGES_USERS],
        right: &[("Sales", "GRANT VIEW SECURITY DEFINITION TO op{n}")],
        told: Some(("database_grants", &["lacks VIEW DEFINITION"])),
        ..ROW
    },
];

const GIVES_ALTER_ANY_LOGIN: &str = "GRANT ALTER ANY LOGIN TO [OPERATOR];";
const GIVES_ALTER_ANY_USER: &str = "GRANT ALTER ANY USER TO [OPERATOR];";
const GIVES_ALTER_ANY_ROLE: &str = "GRANT ALTER ANY ROLE TO [OPERATOR];";
const GIVES_CONTROL: &str = "GRANT CONTROL TO [OPERATOR];";
const GIVES_IMPERSONATE: &str = "GRANT IMPERSONATE ON USER::[boss{n}] TO [OPERATOR];";

/// What an apply takes.
const CHANGED: &[Row] = &[
    Row {
        allows: "`fabricmirror_login`: create, change, drop",
        right: &[MANAGES_LOGINS],
        wants: LOGIN,
        told: Some(("login", &["15247", "ALTER ANY LOGIN", GIVES_ALTER_ANY_LOGIN])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_login`: create, change, drop",
        made: LOGIN,
        besides: &[SEES_LOGINS],
        right: &[MANAGES_LOGINS],
        taken: &[("master", "ALTER SERVER ROLE [##MS_LoginManager##] DROP MEMBER op{n}")],
        wants: r#"
resource "fabricmirror_login" "r{n}" {
  name                = "renamed{n}"
  password_wo         = "Correct-Horse-8"
  password_wo_version = 2
  enabled             = false
  default_database    = "Sales"
}
"#,
        told: Some(("login", &["15151", "ALTER ANY LOGIN", GIVES_ALTER_ANY_LOGIN])),
        told_at_the_end: Some(("login", &["15151", "ALTER ANY LOGIN", GIVES_ALTER_ANY_LOGIN])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_login`: `entra`: create",
        besides: &[MANAGES_LOGINS],
        right: &[("master", "ALTER SERVER ROLE sysadmin ADD MEMBER op{n}")],
        wants: r#"
resource "fabricmirror_login" "r{n}" {
  name  = "bob@contoso.com"
  entra = { type = "user" }
}
"#,
        told: Some(("login", &["15247", "an Entra principal itself", "sysadmin", "`sql.username`"])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_login`: `entra`: create",
        before: &[("master", "ALTER SERVER ROLE sysadmin DROP MEMBER terraform")],
        right: &[("master", "ALTER SERVER ROLE [##MS_LoginManager##] ADD MEMBER terraform")],
        wants: r#"
resource "fabricmirror_login" "r{n}" {
  name  = "a deploy bot"
  entra = { type = "service_principal", client_id = "5e1f0b1e-7b8c-4d9e-8f1a-2b3c4d5e6f0b" }
}
"#,
        told: Some(("login", &["15247", "an Entra principal itself", GIVES_ALTER_ANY_LOGIN])),
        is_application: true,
        ..ROW
    },
    Row {
        allows: "`fabricmirror_login`: `enabled` of an Entra group",
        made: r#"
resource "fabricmirror_login" "r{n}" {
  name  = "Data Team"
  entra = { type = "group" }
}
"#,
        besides: &[MANAGES_LOGINS],
        right: &[("master", "GRANT CONNECT SQL TO op{n} WITH GRANT OPTION")],
        wants: r#"
resource "fabricmirror_login" "r{n}" {
  name    = "Data Team"
  entra   = { type = "group" }
  enabled = false
}
"#,
        told: Some(("login", &["4613", "CONNECT SQL", "GRANT CONNECT SQL TO [OPERATOR] WITH GRANT OPTION;"])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_login`: `server_roles`",
        made: LOGIN,
        besides: &[MANAGES_LOGINS],
        right: &[("master", "ALTER SERVER ROLE [##MS_ServerStateReader##] ADD MEMBER op{n}")],
        wants: r###"
resource "fabricmirror_login" "r{n}" {
  name                = "l{n}"
  password_wo         = "Correct-Horse-7"
  password_wo_version = 1
  server_roles        = ["##MS_ServerStateReader##"]
}
"###,
        told: Some(("login", &["15151", "ALTER SERVER ROLE [##MS_ServerStateReader##] ADD MEMBER [OPERATOR];"])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_login`: `force_drop`",
        made: IN_USE,
        besides: &[MANAGES_LOGINS, ("master", "GRANT VIEW SERVER STATE TO op{n}")],
        right: &[("master", "GRANT ALTER ANY CONNECTION TO op{n}")],
        taken: &[("master", "REVOKE ALTER ANY CONNECTION FROM op{n}")],
        told_at_the_end: Some(("login", &["6102", "GRANT ALTER ANY CONNECTION TO [OPERATOR];"])),
        is_in_use: true,
        ..ROW
    },
    Row {
        allows: "`fabricmirror_login`: `force_drop`",
        made: IN_USE,
        besides: &[MANAGES_LOGINS, ("master", "GRANT ALTER ANY CONNECTION TO op{n}")],
        right: &[("master", "GRANT VIEW SERVER STATE TO op{n}")],
        taken: &[("master", "REVOKE VIEW SERVER STATE FROM op{n}")],
        told_at_the_end: Some((
            "login",
            &["sessions of login", "lacks VIEW SERVER STATE", "GRANT VIEW SERVER STATE TO [OPERATOR];"],
        )),
        is_in_use: true,
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_user`: create, rename, drop",
        before: A_LOGIN,
        besides: &[ENTERS, ("master", "GRANT ALTER ANY LOGIN TO op{n}")],
        right: &[MANAGES_USERS],
        wants: USER,
        told: Some(("database_user", &["15247", "ALTER ANY USER", GIVES_ALTER_ANY_USER])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_user`: create, rename, drop",
        before: A_LOGIN,
        made: USER,
        besides: &[ENTERS, SEES_LOGINS],
        right: &[MANAGES_USERS],
        taken: &[("Sales", "REVOKE ALTER ANY USER FROM op{n}")],
        wants: r#"
resource "fabricmirror_database_user" "r{n}" {
  database       = "Sales"
  name           = "renamed{n}"
  login_name     = "l{n}"
  default_schema = "sales"
}
"#,
        told: Some(("database_user", &["15151", "ALTER ANY USER", GIVES_ALTER_ANY_USER])),
        told_at_the_end: Some(("database_user", &["15151", "ALTER ANY USER", GIVES_ALTER_ANY_USER])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_user`: `entra`: create",
        besides: &[ENTERS, ("master", "GRANT ALTER ANY LOGIN TO op{n}")],
        right: &[MANAGES_USERS],
        wants: r#"
resource "fabricmirror_database_user" "r{n}" {
  database = "Sales"
  name     = "contoso-mi"
  entra    = { type = "managed_identity", object_id = "1de47171-90ab-4cde-8f12-3456789abc04" }
}
"#,
        told: Some(("database_user", &["15247", "ALTER ANY USER", GIVES_ALTER_ANY_USER])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_user`: repair of an orphan; another login",
        before: &[(
            "master",
            "CREATE LOGIN l{n} WITH PASSWORD = 'Set-By-Hand-1'; CREATE LOGIN other{n} WITH PASSWORD = 'Set-By-Hand-1'",
        )],
        made: USER,
        besides: &[ENTERS, SEES_LOGINS, MANAGES_USERS],
        right: CONTROLS,
        wants: r#"
resource "fabricmirror_database_user" "r{n}" {
  database   = "Sales"
  name       = "u{n}"
  login_name = "other{n}"
}
"#,
        told: Some(("database_user", &["15151", "CONTROL on the database", GIVES_CONTROL])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_user`: repair of an orphan; another login",
        before: A_LOGIN,
        made: USER,
        after: &[("master", "DROP LOGIN l{n}; CREATE LOGIN l{n} WITH PASSWORD = 'Set-By-Hand-1'")],
        besides: &[ENTERS, SEES_LOGINS, MANAGES_USERS],
        right: CONTROLS,
        told: Some(("database_user", &["15151", "CONTROL on the database", GIVES_CONTROL])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_user`: `roles`",
        before: &[("master", "CREATE LOGIN l{n} WITH PASSWORD = 'Set-By-Hand-1'"), ("Sales", "CREATE ROLE own{n}")],
        made: USER,
        besides: &[ENTERS, SEES_LOGINS, MANAGES_USERS],
        right: &[("Sales", "GRANT ALTER ANY ROLE TO op{n}")],
        wants: r#"
resource "fabricmirror_database_user" "r{n}" {
  database   = "Sales"
  name       = "u{n}"
  login_name = "l{n}"
  roles      = ["own{n}"]
}
"#,
        told: Some(("database_user", &["15151", "ALTER ANY ROLE", GIVES_ALTER_ANY_ROLE])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_user`: `roles`",
        before: A_LOGIN,
        besides: &[ENTERS, SEES_LOGINS, MANAGES_USERS, ("Sales", "GRANT ALTER ANY ROLE TO op{n}")],
        right: &[("Sales", "ALTER ROLE db_owner ADD MEMBER op{n}")],
        wants: r#"
resource "fabricmirror_database_user" "r{n}" {
  database   = "Sales"
  name       = "u{n}"
  login_name = "l{n}"
  roles      = ["db_datareader"]
}
"#,
        told: Some(("database_user", &["15151", "db_owner", "ALTER ROLE [db_owner] ADD MEMBER [OPERATOR];"])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_user`: `transfer_schemas_to`",
        before: A_LOGIN,
        made: USER_WITH_HEIR,
        after: &[("Sales", "CREATE SCHEMA s{n} AUTHORIZATION u{n}")],
        besides: &[ENTERS, SEES_LOGINS, MANAGES_USERS],
        right: CONTROLS,
        taken: CONTROLS_NO_MORE,
        told_at_the_end: Some(("database_user", &["15151", "CONTROL on the database", GIVES_CONTROL])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_role`: create",
        besides: &[ENTERS],
        right: &[("Sales", "GRANT CREATE ROLE TO op{n}")],
        wants: ROLE,
        told: Some(("database_role", &["15247", "CREATE ROLE", "GRANT CREATE ROLE TO [OPERATOR];"])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_role`: create",
        before: A_BOSS,
        besides: &[ENTERS, SEES, ("Sales", "GRANT CREATE ROLE TO op{n}")],
        right: &[("Sales", "GRANT IMPERSONATE ON USER::boss{n} TO op{n}")],
        wants: ROLE_OF_BOSS,
        told: Some(("database_role", &["15151", "IMPERSONATE", GIVES_IMPERSONATE])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_role`: create",
        before: &[("Sales", "CREATE ROLE boss{n}")],
        besides: &[ENTERS, SEES, ("Sales", "GRANT CREATE ROLE TO op{n}")],
        right: &[("Sales", "ALTER ROLE boss{n} ADD MEMBER op{n}")],
        wants: ROLE_OF_BOSS,
        told: Some((
            "database_role",
            &["15151", "ALTER on that role", "GRANT ALTER ON ROLE::[boss{n}] TO [OPERATOR];"],
        )),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_role`: create",
        before: &[("Sales", "CREATE ROLE boss{n}")],
        besides: &[ENTERS, SEES, ("Sales", "GRANT CREATE ROLE TO op{n}")],
        right: &[("Sales", "GRANT ALTER ON ROLE::boss{n} TO op{n}")],
        wants: ROLE_OF_BOSS,
        told: Some((
            "database_role",
            &["15151", "ALTER on that role", "GRANT ALTER ON ROLE::[boss{n}] TO [OPERATOR];"],
        )),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_role`: rename, drop, `remove_members`",
        made: ROLE_OF_MANY,
        after: &[("Sales", "CREATE USER u{n} WITHOUT LOGIN; ALTER ROLE o{n} ADD MEMBER u{n}")],
        besides: &[ENTERS, SEES],
        right: &[("Sales", "GRANT ALTER ANY ROLE TO op{n}")],
        taken: &[("Sales", "REVOKE ALTER ANY ROLE FROM op{n}")],
        wants: ROLE_RENAMED,
        told: Some(("database_role", &["15151", "ALTER ANY ROLE", GIVES_ALTER_ANY_ROLE])),
        told_at_the_end: Some(("database_role", &["15151", "ALTER ANY ROLE", GIVES_ALTER_ANY_ROLE])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_role`: rename, drop, `remove_members`",
        made: ROLE_OF_MANY,
        after: &[("Sales", "CREATE USER u{n} WITHOUT LOGIN; ALTER ROLE o{n} ADD MEMBER u{n}")],
        besides: &[ENTERS, SEES],
        right: &[("Sales", "ALTER ROLE db_securityadmin ADD MEMBER op{n}")],
        taken: &[("Sales", "ALTER ROLE db_securityadmin DROP MEMBER op{n}")],
        wants: ROLE_RENAMED,
        told: Some(("database_role", &["15151", "ALTER ANY ROLE", GIVES_ALTER_ANY_ROLE])),
        told_at_the_end: Some(("database_role", &["15151", "ALTER ANY ROLE", GIVES_ALTER_ANY_ROLE])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_role`: rename, drop, `remove_members`",
        made: ROLE_OF_MANY,
        besides: &[ENTERS, SEES],
        right: &[("Sales", "ALTER AUTHORIZATION ON ROLE::o{n} TO op{n}")],
        wants: ROLE_RENAMED,
        told: Some(("database_role", &["15151", "ALTER ANY ROLE", GIVES_ALTER_ANY_ROLE])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_role`: rename, drop, `remove_members`",
        made: ROLE_OF_MANY,
        besides: &[ENTERS, SEES],
        right: &[("Sales", "GRANT ALTER ON ROLE::o{n} TO op{n}")],
        wants: ROLE_RENAMED,
        told: Some(("database_role", &["15151", "ALTER on the role", GIVES_ALTER_ANY_ROLE])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_role`: another `owner`",
        before: A_BOSS,
        made: ROLE,
        besides: &[ENTERS, SEES, ("Sales", "GRANT IMPERSONATE ON USER::boss{n} TO op{n}")],
        right: &[("Sales", "GRANT TAKE OWNERSHIP ON ROLE::o{n} TO op{n}")],
        wants: ROLE_OF_BOSS,
        told: Some((
            "database_role",
            &["15151", "TAKE OWNERSHIP", "GRANT TAKE OWNERSHIP ON ROLE::[o{n}] TO [OPERATOR];"],
        )),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_role`: another `owner`",
        before: A_BOSS,
        made: ROLE,
        besides: &[ENTERS, SEES, ("Sales", "GRANT TAKE OWNERSHIP ON ROLE::o{n} TO op{n}")],
        right: &[("Sales", "GRANT IMPERSONATE ON USER::boss{n} TO op{n}")],
        wants: ROLE_OF_BOSS,
        told: Some(("database_role", &["15151", "IMPERSONATE", GIVES_IMPERSONATE])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_grants`: grant",
        before: A_USER,
        besides: &[ENTERS, SEES],
        right: &[("Sales", "GRANT SELECT TO op{n} WITH GRANT OPTION")],
        wants: GRANTS,
        told: Some(("database_grants", &["4613", "with grant option", GIVES_CONTROL])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_grants`: grant",
        before: A_USER,
        besides: &[ENTERS, SEES],
        right: CONTROLS,
        wants: GRANTS,
        told: Some(("database_grants", &["4613", "CONTROL on the database", GIVES_CONTROL])),
        ..ROW
    },
    Row {
        allows: "`fabricmirror_database_grants`: revoke, deny",
        before: A_USER,
        made: GRANTS,
        besides: &[ENTERS, SEES],
        right: CONTROLS,
        taken: CONTROLS_NO_MORE,
        wants: r#"
resource "fabricmirror_database_grants" "r{n}" {
  database    = "Sales"
  principal   = "u{n}"
  permissions = []
  denied      = ["DELETE"]
}
"#,
        told: Some(("database_grants", &["4613", "to revoke or deny takes CONTROL", GIVES_CONTROL])),
        told_at_the_end: Some(("database_grants", &["4613", "to revoke or deny takes CONTROL", GIVES_CONTROL])),
        ..ROW
    },
];

const IN_USE: &str = r#"
resource "fabricmirror_login" "r{n}" {
  name                = "l{n}"
  password_wo         = "Correct-Horse-7"
  password_wo_version = 1
  force_drop          = true
}
"#;
const USER_WITH_HEIR: &str = r#"
resource "fabricmirror_database_user" "r{n}" {
  database            = "Sales"
  name                = "u{n}"
  login_name          = "l{n}"
  transfer_schemas_to = "dbo"
}
"#;
const ROLE_OF_BOSS: &str = r#"
resource "fabricmirror_database_role" "r{n}" {
  database = "Sales"
  name     = "o{n}"
  owner    = "boss{n}"
}
"#;
const ROLE_OF_MANY: &str = r#"
resource "fabricmirror_database_role" "r{n}" {
  database       = "Sales"
  name           = "o{n}"
  remove_members = true
}
"#;
const ROLE_RENAMED: &str = r#"
resource "fabricmirror_database_role" "r{n}" {
  database       = "Sales"
  name           = "renamed{n}"
  remove_members = true
}
"#;

const ELSEWHERE: &[Shown] = &[
    ("`fabricmirror_server_identity`", &["an_identity_that_may_not_be_seen_is_no_absent_one"]),
    ("`fabricmirror_replication`: which tables mirroring takes", &["a_mirror_of_tables_that_cannot_be_seen"]),
];

/// Every row of the guide that is shown, and where.
pub fn shown() -> Vec<Shown> {
    let rows = |rows: &'static [Row], by: &'static [&'static str]| rows.iter().map(move |row| (row.allows, by));
    let here = rows(SEEN, &["whoever_may_see_may_plan"]).chain(rows(CHANGED, &["whoever_may_change_may_apply"]));
    here.chain(ELSEWHERE.iter().copied()).collect()
}

fn own(text: &str, number: usize) -> String {
    text.replace("{n}", &format!("{number:02}"))
}

const PASSWORD: &str = "Weak-Person-1";

/// The administrator's block, one for each operator, and the rows' objects: each with its operator's, or all of them with the
/// administrator's.
fn configuration(run: &Run, rows: &[Row], by_operators: bool) -> String {
    let sql = &run.emulator.ready.sql;
    let block = |alias: &str, username: &str, password: &str| {
        let login = if username.is_empty() {
            String::new()
        } else {
            format!("username = \"{username}\", password = \"{password}\", ")
        };
        format!("provider \"fabricmirror\" {{\n{alias}  sql = {{ {login}server = \"{}\" }}\n}}\n", sql.server)
    };
    let mut text = format!("{HEAD}{}", block("", &sql.username, &sql.password));
    for (number, row) in rows.iter().enumerate() {
        let alias = own("r{n}", number);
        let username = if row.is_application { String::new() } else { own("op{n}", number) };
        text += &block(&format!("  alias = \"{alias}\"\n"), &username, PASSWORD);
        let object = if by_operators && !row.wants.is_empty() { row.wants } else { row.made };
        let object = own(object, number);
        let operator = format!("\"{alias}\" {{\n  provider = fabricmirror.{alias}\n");
        text += &if by_operators { object.replace(&format!("\"{alias}\" {{\n"), &operator) } else { object };
    }
    text
}

/// Runs what the administrator does.
async fn act(run: &Run, rows: &[Row], acts: impl Fn(&Row) -> Acts) -> Result<()> {
    for (number, row) in rows.iter().enumerate() {
        for (database, text) in acts(row) {
            let done = run.emulator.sql(database, &own(text, number)).await;
            done.map_err(|error| format!("{}: {}: {error}", row.allows, own(text, number)))?;
        }
    }
    Ok(())
}

/// Everything is there, and the operators have all but the right of their rows.
async fn begin(run: &mut Run, rows: &[Row]) -> Result<()> {
    for variable in ["FABRICMIRROR_SQL_USERNAME", "FABRICMIRROR_SQL_PASSWORD"] {
        run.set(variable, "");
    }
    for number in 0..rows.len() {
        run.emulator.sql("master", &own(&format!("CREATE LOGIN op{{n}} WITH PASSWORD = '{PASSWORD}'"), number)).await?;
    }
    act(run, rows, |row| row.before).await?;
    run.write("main.tf", &configuration(run, rows, false))?;
    run.apply().await?.success()?;
    act(run, rows, |row| row.after).await?;
    act(run, rows, |row| row.besides).await?;
    run.write("main.tf", &configuration(run, rows, true))
}

/// Each of these rows is told what it takes, at its own object, and nobody else is. Of a destruction the CLIs do not say whose
/// error it is.
fn are_told(said: &Said, rows: &[Row], told: impl Fn(&Row) -> Option<Told>) -> Result<()> {
    let mut errors: Vec<_> = said.diagnostics().into_iter().filter(|it| it.severity == "error").collect();
    for (number, row) in rows.iter().enumerate() {
        let Some((kind, says)) = told(row) else { continue };
        let address = own(&format!("fabricmirror_{kind}.r{{n}}"), number);
        let is_told = |it: &Diagnostic| {
            (it.address == address || it.address.is_empty())
                && says.iter().all(|text| it.detail.contains(&own(text, number)))
        };
        match errors.iter().position(is_told) {
            Some(place) => drop(errors.remove(place)),
            None => fail!("{}: at {address} {says:?} is not said: {}", row.allows, said.explain()),
        }
    }
    match errors.first() {
        Some(error) => fail!("an error that is not meant: {error:?}"),
        None => Ok(()),
    }
}

async fn whoever_may_see_may_plan(run: &mut Run) -> Result<()> {
    begin(run, SEEN).await?;
    are_told(&run.plan().await?.said, SEEN, |row| row.told)?;
    act(run, SEEN, |row| row.right).await?;
    run.plan().await?.is_empty()
}

async fn whoever_may_change_may_apply(run: &mut Run) -> Result<()> {
    begin(run, CHANGED).await?;
    are_told(&run.apply().await?, CHANGED, |row| row.told)?;
    act(run, CHANGED, |row| row.right).await?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;

    // The end takes the same right; where the row does not speak of it, the operator may do everything.
    act(run, CHANGED, |row| row.taken).await?;
    for (number, row) in CHANGED.iter().enumerate() {
        if row.told_at_the_end.is_none() {
            let operator = if row.is_application { "terraform".to_owned() } else { own("op{n}", number) };
            run.emulator.sql("master", &format!("ALTER SERVER ROLE sysadmin ADD MEMBER {operator}")).await?;
        }
    }
    let mut sessions = Vec::new();
    for (number, _) in CHANGED.iter().enumerate().filter(|(_, row)| row.is_in_use) {
        sessions.push(run.emulator.session_as(&own("l{n}", number), "Correct-Horse-7", "master").await?);
    }
    are_told(&run.destroy().await?, CHANGED, |row| row.told_at_the_end)?;
    act(run, CHANGED, |row| row.told_at_the_end.map_or(&[], |_| row.right)).await?;
    run.destroy().await?.success().map(drop)
}

/// Which tables mirroring does not take is said by whoever sees them; whoever does not waits for those that Fabric lists.
async fn a_mirror_of_tables_that_cannot_be_seen(run: &mut Run) -> Result<()> {
    run.emulator.sql("master", &format!("CREATE LOGIN blind WITH PASSWORD = '{PASSWORD}'")).await?;
    run.emulator.sql("Sales", "CREATE USER blind FOR LOGIN blind").await?;
    let start = "resource \"fabricmirror_replication\" \"source\" {\n";
    let text = tutorial_with(&[(start, &format!("{start}  provider = fabricmirror.blind\n"))])?;
    let block = format!(
        "provider \"fabricmirror\" {{\n  alias = \"blind\"\n  sql = {{ server = var.server, username = \"blind\", password = \
         \"{PASSWORD}\" }}\n}}\n"
    );
    run.write("main.tf", &format!("{text}{block}"))?;
    run.apply().await?.success()?.does_not_say("dbo.Measurements")?;
    replicates(run, 5).await?;
    run.plan().await?.is_empty()?;
    run.emulator.sql("Sales", "GRANT VIEW DEFINITION TO blind").await?;
    run.apply_with(&format!("-replace={REPLICATION}")).await?.success()?.warns("dbo.Measurements")?;
    replicates(run, 5).await
}
