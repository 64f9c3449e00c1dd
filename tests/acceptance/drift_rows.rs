//! docs/guides/drift.md, row by row: somebody does it, the plan says what the row says, apply does what it says, and the
//! plan after it is empty. Each row has objects of its own, so that one plan shows many.

use fabricmirror_tests::emulator::Options;
use fabricmirror_tests::run::{Plan, Run, Said};
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::guides::Shown;
use crate::hcl::{CONNECTION, EVERYTHING, HEAD, MIRROR, REPLICATION, ROLE, edited, listing};
use crate::servers::{SEVERAL, Way};
use crate::tutorial::values;
use crate::world::{is_untouched, now, path_of_the_mirror, permissions, portal, replicates};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    let several = Options { scenario: Some(SEVERAL.to_owned()), ..Options::default() };
    vec![
        case!(what_others_do_on_the_instance_is_shown_and_undone),
        case!(what_is_somebody_elses_is_an_error).once(),
        case!(what_others_do_in_the_portal_is_shown_and_undone).once(),
        case!(a_database_that_is_gone_is_planned_anew_and_missed, several).once(),
    ]
}

/// What somebody does, and what comes of it. In every text `{n}` stands for the row's own number.
#[derive(Clone, Copy)]
struct Row {
    /// The first column of the guide.
    somebody: &'static str,
    /// The configuration of the row's objects, with what it has in the place of some parts.
    managed: &'static str,
    with: &'static [(&'static str, &'static str)],
    /// What is there before: database and T-SQL.
    before: Acts,
    /// What is done and is no difference.
    unseen: Acts,
    acts: Acts,
    shows: &'static [Shows],
    /// Where apply refuses it: the type, what it says, and what lets it.
    refused: Option<(&'static str, &'static str, (&'static str, &'static str))>,
    after: &'static [Found],
}

type Acts = &'static [(&'static str, &'static str)];

#[derive(Clone, Copy)]
enum Shows {
    /// Type, attribute, from, to.
    Changes(&'static str, &'static str, &'static str, &'static str),
    Does(&'static str, &'static [&'static str]),
    Warns(&'static str, &'static str),
    /// The plan fails so at the object of this type.
    Fails(&'static str, &'static str),
}

#[derive(Clone, Copy)]
enum Found {
    /// The row's login enters Sales with this password.
    Enters(&'static str),
    /// The row's user holds this, as [`permissions`] writes it.
    Holds(&'static [&'static str]),
    /// Database, query, the first row's first column.
    Answers(&'static str, &'static str, &'static str),
}

use Found::{Answers, Enters, Holds};
use Shows::{Changes, Does, Fails, Warns};

const PASSWORD: &str = "Correct-Horse-7";

/// A login, its user, and the user's grants.
const TRIO: &str = r#"
resource "fabricmirror_login" "r{n}" {
  name                = "l{n}"
  password_wo         = "Correct-Horse-7"
  password_wo_version = 1
  enabled             = true
  server_roles        = ["processadmin"]
}

resource "fabricmirror_database_user" "r{n}" {
  database   = "Sales"
  name       = "u{n}"
  login_name = fabricmirror_login.r{n}.principal
  roles      = ["db_datareader"]
}

resource "fabricmirror_database_grants" "r{n}" {
  database    = "Sales"
  principal   = fabricmirror_database_user.r{n}.principal
  permissions = ["SELECT"]
}
"#;

/// A role and its grants.
const ROLE_PAIR: &str = r#"
resource "fabricmirror_database_role" "r{n}" {
  database = "Sales"
  name     = "o{n}"
  owner    = "dbo"
}

resource "fabricmirror_database_grants" "r{n}" {
  database    = "Sales"
  principal   = fabricmirror_database_role.r{n}.principal
  permissions = ["SELECT"]
}
"#;

/// The user of a login that a DBA has made.
const USER_ALONE: &str = r#"
resource "fabricmirror_database_user" "r{n}" {
  database   = "Sales"
  name       = "u{n}"
  login_name = "l{n}"
}
"#;

const APPLICATION: &str = r#"
resource "fabricmirror_login" "r{n}" {
  name  = "a deploy bot"
  entra = { type = "service_principal", client_id = "5e1f0b1e-7b8c-4d9e-8f1a-2b3c4d5e6f0b" }
}
"#;

const GROUP: &str = r#"
resource "fabricmirror_login" "r{n}" {
  name    = "Data Team"
  entra   = { type = "group" }
  enabled = true
}
"#;

const ROW: Row = Row {
    somebody: "",
    managed: TRIO,
    with: &[],
    before: &[],
    unseen: &[],
    acts: &[],
    shows: &[],
    refused: None,
    after: &[],
};

const LIFTS: (&str, &str) = ("permissions = [\"SELECT\"]", "permissions = [\"SELECT\"]\n  lift_denies = true");
const CONNECT: &str = "GRANT CONNECT by dbo";
const SELECT: &str = "GRANT SELECT by dbo";

/// A plan shows them, an apply undoes them.
const UNDONE: &[Row] = &[
    Row {
        somebody: "changes a login's password",
        acts: &[("master", "ALTER LOGIN l{n} WITH PASSWORD = 'Changed-By-4nother'")],
        shows: &[
            Does("login", &["update"]),
            Warns("login", "Somebody else has set the password of login l{n}"),
            Does("database_user", &["no-op"]),
        ],
        // Taken note of, and not undone.
        after: &[Enters("Changed-By-4nother")],
        ..ROW
    },
    Row {
        somebody: "drops a login",
        acts: &[("master", "DROP LOGIN l{n}")],
        shows: &[Does("login", &["create"]), Does("database_grants", &["no-op"])],
        after: &[Enters(PASSWORD)],
        ..ROW
    },
    Row {
        somebody: "drops a login and makes it again by hand",
        acts: &[("master", "DROP LOGIN l{n}; CREATE LOGIN l{n} WITH PASSWORD = 'Set-By-Hand-1'")],
        shows: &[
            Does("login", &["delete", "create"]),
            Warns("login", "Login l{n} was dropped and made again by somebody"),
        ],
        after: &[Enters(PASSWORD)],
        ..ROW
    },
    Row {
        somebody: "makes an Entra login again for another principal of its name, such as an application that was registered anew",
        managed: APPLICATION,
        acts: &[(
            "master",
            "DROP LOGIN [a deploy bot]; CREATE LOGIN [a deploy bot] FROM EXTERNAL PROVIDER WITH SID = \
             0x00112233445566778899AABBCCDDEEFF, TYPE = E",
        )],
        shows: &[
            Does("login", &["delete", "create"]),
            Warns("login", "Login a deploy bot was dropped and made again by somebody"),
        ],
        after: &[Answers(
            "master",
            "SELECT sid FROM sys.server_principals WHERE name = N'a deploy bot'",
            "0x1E0B1F5E8C7B9E4D8F1A2B3C4D5E6F0B",
        )],
        ..ROW
    },
    Row {
        somebody: "renames a login or user",
        acts: &[("master", "ALTER LOGIN l{n} WITH NAME = lx{n}"), ("Sales", "ALTER USER u{n} WITH NAME = ux{n}")],
        shows: &[
            Changes("login", "name", "\"lx{n}\"", "\"l{n}\""),
            Changes("database_user", "name", "\"ux{n}\"", "\"u{n}\""),
        ],
        after: &[Enters(PASSWORD), Holds(&[CONNECT, SELECT])],
        ..ROW
    },
    Row {
        somebody: "disables a login, or denies `CONNECT SQL` to that of an Entra group",
        acts: &[("master", "ALTER LOGIN l{n} DISABLE")],
        shows: &[Changes("login", "enabled", "false", "true")],
        after: &[Enters(PASSWORD)],
        ..ROW
    },
    Row {
        somebody: "disables a login, or denies `CONNECT SQL` to that of an Entra group",
        managed: GROUP,
        acts: &[("master", "DENY CONNECT SQL TO [Data Team]")],
        shows: &[Changes("login", "enabled", "false", "true")],
        after: &[Answers(
            "master",
            "SELECT p.state_desc FROM sys.server_permissions AS p JOIN sys.server_principals AS l ON l.principal_id = \
             p.grantee_principal_id WHERE l.name = N'Data Team' AND p.permission_name = N'CONNECT SQL'",
            "GRANT",
        )],
        ..ROW
    },
    Row {
        somebody: "adds or takes a role",
        acts: &[
            ("master", "ALTER SERVER ROLE diskadmin ADD MEMBER l{n}"),
            ("Sales", "ALTER ROLE db_datawriter ADD MEMBER u{n}"),
        ],
        shows: &[
            Changes("login", "server_roles", "[\"diskadmin\", \"processadmin\"]", "[\"processadmin\"]"),
            Changes("database_user", "roles", "[\"db_datareader\", \"db_datawriter\"]", "[\"db_datareader\"]"),
        ],
        ..ROW
    },
    Row {
        somebody: "adds or takes a role",
        acts: &[
            ("master", "ALTER SERVER ROLE processadmin DROP MEMBER l{n}"),
            ("Sales", "ALTER ROLE db_datareader DROP MEMBER u{n}"),
        ],
        shows: &[
            Changes("login", "server_roles", "[]", "[\"processadmin\"]"),
            Changes("database_user", "roles", "[]", "[\"db_datareader\"]"),
        ],
        ..ROW
    },
    Row {
        somebody: "maps a user to another login, or orphans it",
        before: &[("master", "CREATE LOGIN other{n} WITH PASSWORD = 'Set-By-Hand-1'")],
        acts: &[("Sales", "ALTER USER u{n} WITH LOGIN = other{n}")],
        shows: &[Changes("database_user", "login_name", "\"other{n}\"", "\"l{n}\"")],
        after: &[Enters(PASSWORD)],
        ..ROW
    },
    Row {
        somebody: "maps a user to another login, or orphans it",
        managed: USER_ALONE,
        before: &[("master", "CREATE LOGIN l{n} WITH PASSWORD = 'Correct-Horse-7'")],
        acts: &[("master", "DROP LOGIN l{n}; CREATE LOGIN l{n} WITH PASSWORD = 'Set-By-Hand-1'")],
        shows: &[Changes("database_user", "login_name", "null", "\"l{n}\"")],
        after: &[Enters("Set-By-Hand-1")],
        ..ROW
    },
    Row {
        somebody: "drops a user",
        acts: &[("Sales", "DROP USER u{n}")],
        shows: &[Does("database_user", &["create"]), Does("database_grants", &["create"])],
        after: &[Enters(PASSWORD), Holds(&[CONNECT, SELECT])],
        ..ROW
    },
    Row {
        somebody: "drops a user and makes it again by hand",
        acts: &[("Sales", "DROP USER u{n}; CREATE USER u{n} FOR LOGIN l{n}")],
        shows: &[
            Changes("database_user", "roles", "[]", "[\"db_datareader\"]"),
            Changes("database_grants", "permissions", "[]", "[\"SELECT\"]"),
        ],
        after: &[Holds(&[CONNECT, SELECT])],
        ..ROW
    },
    Row {
        somebody: "renames a user and maps it to another login, both",
        before: &[("master", "CREATE LOGIN other{n} WITH PASSWORD = 'Set-By-Hand-1'")],
        acts: &[("Sales", "ALTER USER u{n} WITH LOGIN = other{n}, NAME = ux{n}")],
        shows: &[
            Changes("database_user", "name", "\"ux{n}\"", "\"u{n}\""),
            Changes("database_user", "login_name", "\"other{n}\"", "\"l{n}\""),
        ],
        after: &[Enters(PASSWORD), Holds(&[CONNECT, SELECT])],
        ..ROW
    },
    Row {
        somebody: "grants a permission",
        acts: &[("Sales", "GRANT INSERT TO u{n}")],
        shows: &[Changes("database_grants", "permissions", "[\"INSERT\", \"SELECT\"]", "[\"SELECT\"]")],
        after: &[Holds(&[CONNECT, SELECT])],
        ..ROW
    },
    Row {
        somebody: "grants a permission",
        acts: &[("Sales", "GRANT SELECT TO u{n} WITH GRANT OPTION")],
        shows: &[
            Changes("database_grants", "permissions", "[]", "[\"SELECT\"]"),
            Changes("database_grants", "permissions_with_grant_option", "[\"SELECT\"]", "[]"),
        ],
        after: &[Holds(&[CONNECT, SELECT])],
        ..ROW
    },
    Row {
        somebody: "grants a permission",
        before: &[("Sales", "CREATE USER boss{n} WITHOUT LOGIN; GRANT UPDATE TO boss{n} WITH GRANT OPTION")],
        acts: &[("Sales", "GRANT UPDATE TO u{n} AS boss{n}")],
        shows: &[Changes("database_grants", "permissions", "[\"SELECT\", \"UPDATE\"]", "[\"SELECT\"]")],
        after: &[Holds(&[CONNECT, SELECT])],
        ..ROW
    },
    Row {
        somebody: "grants once more what is listed, as another grantor",
        before: &[("Sales", "CREATE USER boss{n} WITHOUT LOGIN; GRANT SELECT TO boss{n} WITH GRANT OPTION")],
        unseen: &[("Sales", "GRANT SELECT TO u{n} AS boss{n}")],
        shows: &[Does("database_grants", &["no-op"])],
        after: &[Holds(&[CONNECT, "GRANT SELECT by boss{n}", SELECT])],
        ..ROW
    },
    Row {
        somebody: "drops a grantor, after what it has granted",
        before: &[("Sales", "CREATE USER boss{n} WITHOUT LOGIN; GRANT SELECT TO boss{n} WITH GRANT OPTION")],
        unseen: &[("Sales", "GRANT SELECT TO u{n} AS boss{n}; REVOKE SELECT FROM u{n}")],
        acts: &[("Sales", "REVOKE SELECT FROM u{n} AS boss{n}; DROP USER boss{n}")],
        shows: &[Changes("database_grants", "permissions", "[]", "[\"SELECT\"]")],
        after: &[Holds(&[CONNECT, SELECT])],
        ..ROW
    },
    Row {
        somebody: "drops a grantor, after what it has granted",
        before: &[("Sales", "CREATE USER boss{n} WITHOUT LOGIN; GRANT SELECT TO boss{n} WITH GRANT OPTION")],
        unseen: &[
            ("Sales", "GRANT SELECT TO u{n} AS boss{n}"),
            ("Sales", "REVOKE SELECT FROM u{n} AS boss{n}; DROP USER boss{n}"),
        ],
        shows: &[Does("database_grants", &["no-op"])],
        after: &[Holds(&[CONNECT, SELECT])],
        ..ROW
    },
    Row {
        somebody: "revokes a permission",
        acts: &[("Sales", "REVOKE SELECT FROM u{n}")],
        shows: &[Changes("database_grants", "permissions", "[]", "[\"SELECT\"]")],
        after: &[Holds(&[CONNECT, SELECT])],
        ..ROW
    },
    Row {
        somebody: "denies a permission",
        acts: &[("Sales", "DENY SELECT TO u{n}")],
        shows: &[Changes("database_grants", "denied", "[\"SELECT\"]", "[]"), Warns("database_grants", "set by dbo")],
        refused: Some(("database_grants", "SELECT is denied to u{n}", LIFTS)),
        after: &[Holds(&[CONNECT, SELECT])],
        ..ROW
    },
    Row {
        somebody: "revokes or denies `CONNECT`",
        acts: &[("Sales", "REVOKE CONNECT FROM u{n}")],
        shows: &[Changes("database_grants", "connect", "false", "true")],
        after: &[Enters(PASSWORD)],
        ..ROW
    },
    Row {
        somebody: "revokes or denies `CONNECT`",
        acts: &[("Sales", "DENY CONNECT TO u{n}")],
        shows: &[
            Changes("database_grants", "connect", "false", "true"),
            Changes("database_grants", "denied", "[\"CONNECT\"]", "[]"),
            Warns("database_grants", "set by dbo"),
        ],
        refused: Some(("database_grants", "CONNECT is denied to u{n}", LIFTS)),
        after: &[Enters(PASSWORD)],
        ..ROW
    },
    Row {
        somebody: "does any of this with `exclusive = false`",
        with: &[("permissions = [\"SELECT\"]", "permissions = [\"SELECT\"]\n  exclusive = false")],
        unseen: &[("Sales", "GRANT INSERT TO u{n}; DENY DELETE TO u{n}")],
        acts: &[("Sales", "REVOKE SELECT FROM u{n}; REVOKE CONNECT FROM u{n}")],
        shows: &[
            Changes("database_grants", "permissions", "[]", "[\"SELECT\"]"),
            Changes("database_grants", "connect", "false", "true"),
            Changes("database_grants", "denied", "[]", "[]"),
        ],
        after: &[Holds(&["DENY DELETE by dbo", CONNECT, "GRANT INSERT by dbo", SELECT])],
        ..ROW
    },
    Row {
        somebody: "renames a role",
        managed: ROLE_PAIR,
        acts: &[("Sales", "ALTER ROLE o{n} WITH NAME = ox{n}")],
        shows: &[Changes("database_role", "name", "\"ox{n}\"", "\"o{n}\"")],
        after: &[OWNER],
        ..ROW
    },
    Row {
        somebody: "gives a role of ours another owner",
        managed: ROLE_PAIR,
        before: &[("Sales", "CREATE USER boss{n} WITHOUT LOGIN")],
        acts: &[("Sales", "ALTER AUTHORIZATION ON ROLE::o{n} TO boss{n}")],
        shows: &[Changes("database_role", "owner", "\"boss{n}\"", "\"dbo\""), Does("database_grants", &["no-op"])],
        after: &[OWNER],
        ..ROW
    },
    Row {
        somebody: "drops a role",
        managed: ROLE_PAIR,
        acts: &[("Sales", "DROP ROLE o{n}")],
        shows: &[Does("database_role", &["create"]), Does("database_grants", &["create"])],
        after: &[OWNER],
        ..ROW
    },
    Row {
        somebody: "adds a member to a role",
        managed: ROLE_PAIR,
        unseen: &[("Sales", "CREATE USER u{n} WITHOUT LOGIN; ALTER ROLE o{n} ADD MEMBER u{n}")],
        shows: &[Does("database_role", &["no-op"])],
        after: &[OWNER],
        ..ROW
    },
    Row {
        somebody: "grants to others in the name of a role, or gives it a schema or a role",
        managed: ROLE_PAIR,
        unseen: &[(
            "Sales",
            "CREATE SCHEMA s{n} AUTHORIZATION o{n}; CREATE ROLE p{n} AUTHORIZATION o{n}; CREATE USER u{n} WITHOUT LOGIN; GRANT \
             SELECT TO u{n} AS o{n}",
        )],
        shows: &[Does("database_role", &["no-op"]), Does("database_grants", &["no-op"])],
        after: &[OWNER],
        with: &[("permissions = [\"SELECT\"]", "permissions = []\n  permissions_with_grant_option = [\"SELECT\"]")],
        ..ROW
    },
];

/// The role has its name, and dbo owns it.
const OWNER: Found = Answers(
    "Sales",
    "SELECT o.name FROM sys.database_principals AS r JOIN sys.database_principals AS o ON o.principal_id = \
     r.owning_principal_id WHERE r.name = N'o{n}'",
    "dbo",
);

/// A plan fails, and nobody is touched.
const REFUSED: &[Row] = &[
    Row {
        somebody: "gives the old name of a login or user of ours to somebody else",
        acts: &[("master", "ALTER LOGIN l{n} WITH NAME = lx{n}; CREATE LOGIN l{n} WITH PASSWORD = 'Of-A-Stranger-1'")],
        shows: &[Fails("login", "The login lx{n} cannot be called l{n}")],
        ..ROW
    },
    Row {
        somebody: "gives the old name of a login or user of ours to somebody else",
        before: &[("master", "CREATE LOGIN other{n} WITH PASSWORD = 'Of-A-Stranger-1'")],
        acts: &[("Sales", "ALTER USER u{n} WITH NAME = ux{n}; CREATE USER u{n} FOR LOGIN other{n}")],
        shows: &[Fails("database_user", "The user ux{n} cannot be called u{n}")],
        ..ROW
    },
    Row {
        somebody: "makes a user, or a role, without a login in its place",
        acts: &[("Sales", "DROP USER u{n}; CREATE USER u{n} WITHOUT LOGIN")],
        shows: &[Fails("database_user", "u{n} is a user without login")],
        ..ROW
    },
    Row {
        somebody: "makes a user, or a role, without a login in its place",
        acts: &[("Sales", "DROP USER u{n}; CREATE ROLE u{n}")],
        shows: &[Fails("database_user", "u{n} is a database role")],
        ..ROW
    },
    Row {
        somebody: "drops a role and makes it again by hand",
        managed: ROLE_PAIR,
        acts: &[("Sales", "DROP ROLE o{n}; CREATE ROLE o{n}")],
        shows: &[Fails("database_role", "import {")],
        ..ROW
    },
];

const HERE: &str = "what_others_do_on_the_instance_is_shown_and_undone";
const IN_THE_PORTAL: &str = "what_others_do_in_the_portal_is_shown_and_undone";

/// Rows that other cases show, or show more of.
const ELSEWHERE: &[Shown] = &[
    ("changes a login's password", &["a_mirror_whose_login_changed_is_a_difference"]),
    (
        "adds a member to a role",
        &["what_a_dba_does_to_a_role_shows", "a_role_with_members_is_not_dropped", "members_that_a_plan_has_named_go"],
    ),
    ("adds a member after the plan that destroys the role", &["members_that_came_since_the_plan_stay"]),
    (
        "grants to others in the name of a role, or gives it a schema or a role",
        &["what_keeps_a_role_from_going_is_listed"],
    ),
    ("drops the database", &["a_database_that_is_gone_is_planned_anew_and_missed"]),
    ("restores into the database, or takes it offline", &["a_database_that_nobody_opens_is_one_error"]),
    ("renames a connection, changes its privacy level or encryption", &[IN_THE_PORTAL]),
    ("gives a connection other credentials", &[IN_THE_PORTAL, "a_mirror_whose_login_changed_is_a_difference"]),
    (
        "deletes a connection, mirror or role assignment",
        &["what_was_removed_in_the_portal_is_gone_whatever_the_code", "a_mirror_that_was_stopped_or_deleted_shows"],
    ),
    ("changes a role in the workspace", &[IN_THE_PORTAL]),
    ("moves a mirror into a folder", &["a_folder_that_is_given_is_moved_to"]),
    ("renames or describes a mirror", &[IN_THE_PORTAL]),
    ("adds or removes tables of a mirror", &[IN_THE_PORTAL]),
    ("stops a mirror", &["a_mirror_that_was_stopped_or_deleted_shows"]),
    (
        "breaks a mirror: login, permissions, identity, network, a table renamed at the source",
        &[
            "a_mirror_whose_login_changed_is_a_difference",
            "a_mirror_out_of_reach_is_a_difference",
            "a_table_renamed_at_the_source_is_a_difference",
        ],
    ),
    ("pauses the capacity", &["a_paused_capacity_is_a_warning", "a_paused_capacity_deletes_nothing"]),
    ("pauses and resumes the capacity", &["a_paused_capacity_is_a_warning"]),
];

/// Every row of the guide that is shown, and where.
pub fn shown() -> Vec<Shown> {
    let rows = |rows: &'static [Row], by: &'static [&'static str]| rows.iter().map(move |row| (row.somebody, by));
    let here = rows(UNDONE, &[HERE]).chain(rows(REFUSED, &["what_is_somebody_elses_is_an_error"]));
    here.chain(ELSEWHERE.iter().copied()).collect()
}

/// A row's text, with its own number.
fn own(text: &str, number: usize) -> String {
    text.replace("{n}", &format!("{number:02}"))
}

impl Row {
    fn address(number: usize, kind: &str) -> String {
        format!("fabricmirror_{kind}.r{number:02}")
    }

    fn configuration(&self, number: usize, lets: bool) -> Result<String> {
        let way_out = self.refused.filter(|_| lets).map(|(_, _, edit)| edit);
        let edits: Vec<_> = self.with.iter().copied().chain(way_out).collect();
        Ok(own(&edited(self.managed, &edits)?, number))
    }

    fn is_shown(&self, number: usize, plan: &Plan) -> Result<()> {
        for shows in self.shows {
            match *shows {
                Changes(kind, attribute, from, to) => {
                    let value = |text: &str| serde_json::from_str::<Value>(&own(text, number));
                    plan.changes(&Self::address(number, kind), attribute, &value(from)?, &value(to)?)?;
                }
                Does(kind, actions) => {
                    plan.does(&Self::address(number, kind), actions)?;
                }
                Warns(kind, text) => said(&plan.said, "warning", &Self::address(number, kind), &own(text, number))?,
                Fails(kind, text) => said(&plan.said, "error", &Self::address(number, kind), &own(text, number))?,
            }
        }
        Ok(())
    }

    async fn is_done(&self, number: usize, run: &Run) -> Result<()> {
        for found in self.after {
            match *found {
                Enters(password) => {
                    run.emulator.sql_as(&own("l{n}", number), password, "Sales", "SELECT 1").await?;
                }
                Holds(expected) => {
                    let held = permissions(run, "Sales", &own("u{n}", number)).await?;
                    let expected: Vec<_> = expected.iter().map(|row| own(row, number)).collect();
                    if held != expected {
                        fail!("the user holds {held:?}, not {expected:?}");
                    }
                }
                Answers(database, query, expected) => {
                    let answer = run.emulator.sql(database, &own(query, number)).await?.concat();
                    if answer.first() != Some(&own(expected, number)) {
                        fail!("{query} answers {answer:?}, not {expected}");
                    }
                }
            }
        }
        Ok(())
    }
}

/// A diagnostic of this severity stands at the address and says the text.
fn said(said: &Said, severity: &str, address: &str, text: &str) -> Result<()> {
    let says = |it: &fabricmirror_tests::run::Diagnostic| {
        it.severity == severity && it.address == address && format!("{}\n{}", it.summary, it.detail).contains(text)
    };
    if said.diagnostics().iter().any(says) {
        return Ok(());
    }
    fail!("{address}: no {severity} says {text:?}: {}", said.explain())
}

/// Runs what somebody does, as a DBA who knows nothing of Terraform.
async fn act(run: &Run, rows: &[Row], acts: impl Fn(&Row) -> Acts) -> Result<()> {
    for (number, row) in rows.iter().enumerate() {
        for (database, text) in acts(row) {
            let done = run.emulator.sql(database, &own(text, number)).await;
            done.map_err(|error| format!("{}: {text}: {error}", row.somebody))?;
        }
    }
    Ok(())
}

fn configuration(rows: &[Row], lets: bool) -> Result<String> {
    let blocks = rows.iter().enumerate().map(|(number, row)| row.configuration(number, lets));
    Ok(format!("{HEAD}{}", blocks.collect::<Result<Vec<_>>>()?.concat()))
}

/// Everything that is managed is there, and what is no difference has happened.
async fn begin(run: &mut Run, rows: &[Row]) -> Result<()> {
    act(run, rows, |row| row.before).await?;
    run.write("main.tf", &configuration(rows, false)?)?;
    run.apply().await?.success()?;
    act(run, rows, |row| row.unseen).await?;
    run.plan().await?.is_empty()?;
    run.emulator.advance(60).await?;
    act(run, rows, |row| row.acts).await
}

async fn what_others_do_on_the_instance_is_shown_and_undone(run: &mut Run) -> Result<()> {
    begin(run, UNDONE).await?;
    let plan = run.plan().await?;
    plan.answers(2)?;
    for (number, row) in UNDONE.iter().enumerate() {
        row.is_shown(number, &plan).map_err(|error| format!("{}: {error}", row.somebody))?;
    }
    // All of it is undone, but for what has to be allowed.
    let apply = run.apply_planned().await?;
    let refused: Vec<_> = UNDONE.iter().enumerate().filter_map(|(n, row)| Some((n, row.refused?))).collect();
    for (number, (kind, text, _)) in &refused {
        said(&apply, "error", &Row::address(*number, kind), &own(text, *number))?;
    }
    let errors = apply.diagnostics().into_iter().filter(|it| it.severity == "error").count();
    if errors != refused.len() {
        fail!("{errors} errors, of which {} are meant: {}", refused.len(), apply.explain());
    }
    run.write("main.tf", &configuration(UNDONE, true)?)?;
    let plan = run.plan().await?;
    for (number, row) in UNDONE.iter().enumerate() {
        let action = if row.refused.is_some() { "update" } else { "no-op" };
        if row.managed == TRIO {
            plan.does(&Row::address(number, "database_grants"), &[action])?;
        }
    }
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    for (number, row) in UNDONE.iter().enumerate() {
        row.is_done(number, run).await.map_err(|error| format!("{}: {error}", row.somebody))?;
    }
    Ok(())
}

async fn what_is_somebody_elses_is_an_error(run: &mut Run) -> Result<()> {
    begin(run, REFUSED).await?;
    let since = now(run).await?;
    let plan = run.plan().await?;
    for (number, row) in REFUSED.iter().enumerate() {
        row.is_shown(number, &plan).map_err(|error| format!("{}: {error}", row.somebody))?;
    }
    let errors = plan.said.diagnostics().into_iter().filter(|it| it.severity == "error").count();
    if errors != REFUSED.len() {
        fail!("{errors} errors for {} rows: {}", REFUSED.len(), plan.said.explain());
    }
    if run.apply().await?.code == 0 {
        fail!("it was applied");
    }
    is_untouched(run, since).await
}

/// The tutorial of two tables, with what is managed only where it is given.
fn given(tables: &[(&str, &str)]) -> Result<String> {
    edited(
        &listing(tables)?,
        &[
            (
                "  basic = {",
                "  privacy_level         = \"Organizational\"\n  connection_encryption = \"Encrypted\"\n  basic = {",
            ),
            ("  default_schema = \"dbo\"", "  description   = \"Ours\"\n  default_schema = \"dbo\""),
        ],
    )
}

async fn what_others_do_in_the_portal_is_shown_and_undone(run: &mut Run) -> Result<()> {
    run.write("main.tf", &given(&[("dbo", "Orders"), ("dbo", "Customers")])?)?;
    run.apply().await?.success()?;
    let mirror = path_of_the_mirror(run).await?;
    let state = run.state().await?;
    let name = values(&state, MIRROR)["display_name"].clone();
    let connection = format!("/connections/{}", values(&state, CONNECTION)["id"].as_str().unwrap_or_default());
    let workspace = run.emulator.ready.scenario.workspace_id.clone();
    let identity = run.emulator.ready.scenario.instance_identity_object_id.clone();

    // Credentials that work as well: Fabric tells nobody.
    let sql = run.emulator.ready.sql.clone();
    let credentials = |encryption: &str| {
        json!({
            "connectivityType": "ShareableCloud",
            "credentialDetails": {
                "singleSignOnType": "None",
                "connectionEncryption": encryption,
                "skipTestConnection": false,
                "credentials": { "credentialType": "Basic", "username": sql.username, "password": sql.password },
            },
        })
    };
    portal(run, "PATCH", &connection, Some(credentials("Encrypted"))).await?;
    run.plan().await?.is_empty()?;

    portal(run, "PATCH", &connection, Some(credentials("NotEncrypted"))).await?;
    let other = json!({ "connectivityType": "ShareableCloud", "displayName": "by hand", "privacyLevel": "Private" });
    portal(run, "PATCH", &connection, Some(other)).await?;
    let role = format!("/workspaces/{workspace}/roleAssignments/{identity}");
    portal(run, "PATCH", &role, Some(json!({ "role": "Member" }))).await?;
    portal(run, "PATCH", &mirror, Some(json!({ "displayName": "ByHand", "description": "By hand" }))).await?;
    crate::mirror_in_company::list(run, &mirror, &[("dbo", "Orders"), ("dbo", "OrderLines")]).await?;
    run.emulator.advance(60).await?;

    let plan = run.plan().await?;
    plan.changes(CONNECTION, "display_name", &json!("by hand"), &json!("tutorial-Sales"))?
        .changes(CONNECTION, "privacy_level", &json!("Private"), &json!("Organizational"))?
        .changes(CONNECTION, "connection_encryption", &json!("NotEncrypted"), &json!("Encrypted"))?
        .changes(ROLE, "role", &json!("Member"), &json!("Contributor"))?
        .changes(MIRROR, "display_name", &json!("ByHand"), &name)?
        .changes(MIRROR, "description", &json!("By hand"), &json!("Ours"))?;
    let table = |name: &str| json!({ "schema": "dbo", "name": name });
    plan.changes(
        MIRROR,
        "tables",
        &json!([table("OrderLines"), table("Orders")]),
        &json!([table("Customers"), table("Orders")]),
    )?;
    plan.does(REPLICATION, &["no-op"])?;
    run.apply_planned().await?.success()?;
    let plan = run.plan().await?;
    for address in EVERYTHING {
        plan.does(address, &["no-op"])?;
    }
    replicates(run, 2).await
}

/// No database can be dropped here. That of the second instance, behind the same name, was.
async fn a_database_that_is_gone_is_planned_anew_and_missed(run: &mut Run) -> Result<()> {
    let [ours, theirs] = run.emulator.ready.instances.clone().try_into().map_err(|_| "not two instances")?;
    let way = Way::to(ours.sql.port).await?;
    run.set("FABRICMIRROR_SQL_SERVER", &format!("localhost,{}", way.port));
    let row = Row { managed: ROLE_PAIR, with: &[("\"Sales\"", "\"Inventory\"")], ..ROW };
    run.write("main.tf", &format!("{HEAD}{}", row.configuration(0, false)?))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    way.leads_to(theirs.sql.port);
    run.set("FABRICMIRROR_SQL_USERNAME", &theirs.sql.username);
    run.set("FABRICMIRROR_SQL_PASSWORD", &theirs.sql.password);
    let plan = run.plan().await?;
    plan.does(&Row::address(0, "database_role"), &["create"])?;
    plan.does(&Row::address(0, "database_grants"), &["create"])?;
    let error = run.apply_planned().await?.fails_with("The database cannot be opened")?;
    if error.address != Row::address(0, "database_role") || !error.detail.contains("Inventory") {
        fail!("the error is another one: {error:?}");
    }
    Ok(())
}
