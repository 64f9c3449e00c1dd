//! What the server's error numbers mean to a reader, and what to do about them (sql-mi facts §1.4). True statements only;
//! in what can be pasted, names in capitals and brackets stand for the reader's own.

use crate::error::Fault;
use crate::needs;

/// What one number says.
pub(crate) struct Words {
    pub summary: &'static str,
    pub fix: Option<&'static str>,
    /// `None`: the number does not tell, what was being done does.
    pub fault: Option<Fault>,
}

const PASSWORD: &str = "A password has 10 to 128 characters of three of the classes upper case, lower case, digits, \
                        others, and does not hold the login's name.";
const OWNED_LOGIN: &str = "What it owns needs another owner first. For a database: ALTER AUTHORIZATION ON \
                           DATABASE::[DATABASE] TO [sa]; for a server role: ALTER AUTHORIZATION ON SERVER ROLE::[ROLE] TO \
                           [sa];";
const GRANTED_LOGIN: &str = "Let a DBA revoke what it granted, as the login itself: REVOKE VIEW SERVER STATE FROM \
                             [GRANTEE] CASCADE AS [LOGIN]; sys.server_permissions lists it by grantor_principal_id.";
const GRANTED_USER: &str = "Let a DBA revoke what it granted, in the database: REVOKE SELECT FROM [GRANTEE] CASCADE AS \
                            [PRINCIPAL]; sys.database_permissions lists it by grantor_principal_id.";
const ENTRA_RIGHTS: &str = "The instance looks Entra principals up with its own identity where the operator is an \
                            application: that identity needs the Entra role Directory Readers. If the message says to try \
                            later, run again.";
const TAKEN_LOGIN: &str = "It is another login. Choose another `name`, or let a DBA rename that one: ALTER LOGIN [LOGIN] WITH \
                           NAME = [OTHER NAME];";
const TAKEN_USER: &str = "It is another principal. Choose another `name`, or let a DBA rename that one, in the database: ALTER \
                          USER [USER] WITH NAME = [OTHER NAME];";
const NOT_PERMITTED: &str = "Log in as somebody who has it, or let a DBA grant it.";

/// Of 15151.
pub(crate) const AMBIGUOUS: &str =
    "The server gives the same answer for what is not there and for what the operator may not touch.";

/// Whether a refusal may come of a right that the operator lacks.
pub(crate) fn may_lack_a_right(number: u32) -> bool {
    [229, 262, 297, 300, 4613, 15151, 15247].contains(&number)
}

/// `None`: the server's own text has to do.
pub(crate) fn of(number: u32) -> Option<Words> {
    let words = |summary, fix: &'static str, fault| {
        Some(Words { summary, fix: Some(fix).filter(|fix| !fix.is_empty()), fault })
    };
    let (name, password, sid, login) = (Some(Fault::Name), Some(Fault::Password), Some(Fault::Sid), Some(Fault::Login));
    let (database, server) = (Some(Fault::Database), Some(Fault::Server));
    match number {
        15025 => words("A login of this name exists", TAKEN_LOGIN, name),
        15006 => words(
            "The name holds a character that no login's name can",
            "A backslash is such a one: it stands between domain and name of a Windows login.",
            name,
        ),
        15023 => words("A principal of this name exists in the database", TAKEN_USER, name),
        15063 => words(
            "The login has another user in the database",
            "One login has one user in a database. Manage that user instead.",
            login,
        ),
        33017 => words(
            "The user cannot be mapped to this login",
            "The server maps a user of a SQL login to another SQL login, and no user from or to a login of Entra. Let the user be \
             made anew: run again with `-replace=ADDRESS` of this resource.",
            login,
        ),
        15278 => words("The login is mapped to a user already", "", login),
        15113 => words(
            "The login is locked out",
            "Too many wrong passwords were tried. Wait until the lockout is over, or let a DBA end it with a new password.",
            password,
        ),
        15114 => words("The password was changed too recently", "Run again later: the policy wants a pause.", password),
        15115 => words(
            "The password cannot be used now",
            "The policy may know it from before. Raise `password_wo_version` with another password.",
            password,
        ),
        15119 => words("A filter of the server refuses the password", "Choose another.", password),
        15116..=15118 | 15156 => words("The server refuses the password", PASSWORD, password),
        15433 => words(
            "The SID is in use",
            "A SID belongs to one login alone. Who has it: SELECT [name], [sid] FROM [sys].[server_principals]; Choose \
             another `sid`, or import the login that has it in place of making one.",
            sid,
        ),
        6102 => words("The operator may not end sessions", needs::SESSIONS, None),
        15419 => words("This is no SID of a login", "A SID of a SQL login has 16 bytes: 0x and 32 digits.", sid),
        15434 => words(
            "The login is in use",
            "Somebody is logged in as this login. End those sessions, or set `force_drop = true`.",
            name,
        ),
        15141 | 15155 | 15174 => words("The login owns something", OWNED_LOGIN, name),
        15170 => words("The login owns jobs", "Give its SQL Agent jobs to another owner, or delete them.", name),
        15173 => words("The login has granted permissions to others", GRANTED_LOGIN, name),
        15186 => words(
            "A server trigger runs as the login",
            "Drop the trigger, or let it run as somebody else: SELECT [name] FROM [sys].[server_triggers];",
            name,
        ),
        15138 => words(
            "The principal owns a schema",
            "Give its schemas to somebody else: ALTER AUTHORIZATION ON SCHEMA::[SCHEMA] TO [dbo];",
            name,
        ),
        15144 => words(
            "The role has members",
            "A role is dropped when nobody is in it any more. Let a DBA take out whoever is: ALTER ROLE [ROLE] DROP MEMBER \
             [MEMBER]; sys.database_role_members lists them by role_principal_id.",
            name,
        ),
        15421 => words(
            "The principal owns a database role",
            "Give its roles to somebody else: ALTER AUTHORIZATION ON ROLE::[ROLE] TO [dbo];",
            name,
        ),
        15183 => words(
            "The principal owns objects",
            "Give them to the owner of their schema: ALTER AUTHORIZATION ON OBJECT::[SCHEMA].[OBJECT] TO SCHEMA OWNER;",
            name,
        ),
        15184 => words(
            "The principal owns types",
            "Give them to the owner of their schema: ALTER AUTHORIZATION ON TYPE::[SCHEMA].[TYPE] TO SCHEMA OWNER;",
            name,
        ),
        15136 => words(
            "Something in the database runs as the principal",
            "A module with EXECUTE AS this principal has to be altered or dropped first.",
            name,
        ),
        15154 => words("The principal owns something in the database", "", name),
        15284 => words("The principal has granted permissions to others", GRANTED_USER, name),
        15405 | 15150 => words(
            "A special principal cannot be changed so",
            "Built-in principals such as sa, dbo, guest, sys and public cannot be created, dropped or made members.",
            name,
        ),
        15402 => words("This is no fixed server role", "", None),
        15151 => words(
            "Not found, or not permitted",
            "The server gives the same answer for what is not there and for what the operator may not touch. Logins need \
             ALTER ANY LOGIN, users ALTER ANY USER, database roles ALTER ANY ROLE; members of a fixed server role can be changed only by its members and \
             by sysadmin.",
            None,
        ),
        15007 => words(
            "Not found, or not permitted",
            "Check the login's name. Where it is made in the same run, let `login_name` refer to \
             `fabricmirror_login.….principal`, so that it is there first.",
            login,
        ),
        229 | 262 | 297 | 300 | 4613 | 15247 => words("The operator lacks a permission", NOT_PERMITTED, None),
        15562 => words("The module is not trusted", "", None),
        4611 => words(
            "The permission was passed on to others",
            "It is revoked only together with what was passed on.",
            None,
        ),
        911 | 916 | 922 | 927 | 942 | 945 | 4060 => words(
            "The database cannot be opened",
            "Check the name. If it is right, the operator's login needs a user in the database: CREATE USER [OPERATOR] FOR \
             LOGIN [OPERATOR]; or the server role ##MS_DatabaseConnector##: ALTER SERVER ROLE [##MS_DatabaseConnector##] ADD \
             MEMBER [OPERATOR]; A database that is being restored, or offline, cannot be opened by anybody: SELECT [name], \
             [state_desc] FROM [sys].[databases]; shows it, and ONLINE once it can.",
            database,
        ),
        18456 => words(
            "The server refuses the operator's login",
            "The server does not say why. Usual reasons: a wrong password, a disabled login, or SQL logins are off because \
             the instance takes Entra logins only.",
            server,
        ),
        47072 => words(
            "The server refuses this version of TLS",
            "The instance's minimal TLS version is above what was offered.",
            server,
        ),
        33129 => words(
            "A group's login cannot be enabled or disabled",
            "Let a DBA keep its members out in [master]: DENY CONNECT SQL TO [GROUP]; or let them in again: REVOKE CONNECT \
             SQL FROM [GROUP]; GRANT CONNECT SQL TO [GROUP];",
            name,
        ),
        33130 => words(
            "Entra does not know this principal",
            "Check the spelling: a user is known by its user principal name, a group or an application by its display \
             name. A principal that was just made takes some minutes to be known everywhere.",
            name,
        ),
        33131 => words(
            "Several principals in Entra have this name",
            "Say which one is meant by its object id: of an application that of the enterprise application.",
            name,
        ),
        33134 => words("The principal could not be looked up in Entra", ENTRA_RIGHTS, name),
        33136 => words("The server cannot do this now", "Run again in some minutes.", None),
        37545 => words(
            "The object id is not valid, or may not be looked up",
            "Of an application it is the object id of the enterprise application, not that of the app registration.",
            name,
        ),
        22706 => words("The change feed is not enabled", "", database),
        22769 => words("The table is not in the change feed", "", None),
        22770 => words("The procedure of the change feed wants a table", "", None),
        1204 | 1205 | 1222 => words(
            "Somebody else holds locks that this needs",
            "It was rolled back, and tried again as often as makes sense. Run again; if it comes back, ask who holds them: \
             SELECT [blocking_session_id], [wait_resource] FROM [sys].[dm_exec_requests] WHERE [blocking_session_id] <> 0;",
            None,
        ),
        615 | 701 | 8645 | 8651 | 10928 | 10929 | 40501 | 49918..=49920 => words(
            "The instance is short of something",
            "Memory, workers or sessions are used up for the moment. Run again in some minutes, with a lower -parallelism if it \
             comes back.",
            None,
        ),
        20 | 64 | 233 | 926 | 3960 | 4221 | 10053 | 10054 | 10060 | 11001 | 40020 | 40143 | 40166 | 40197 | 40540
        | 40613 | 42108 | 42109 => words(
            "The instance is not available for the moment",
            "It fails over, starts, or is being changed in Azure. Run again in some minutes: what was done is found and not done \
             twice.",
            None,
        ),
        _ => None,
    }
}

/// A permission that only a newer feature set knows.
pub(crate) struct Newer {
    name: &'static str,
    pub fix: &'static str,
}

/// What came with SQL Server 2025 (sql-mi facts §5.1 I2).
const NEWER: [Newer; 2] = [
    Newer {
        name: "ALTER ANY EXTERNAL MIRROR",
        fix: "Mirroring needs the update policy SQL Server 2025 or Always-up-to-date. Change it in the Azure portal, or with \
              `az sql mi update --database-format AlwaysUpToDate`. The change is one-way: there is no way back.",
    },
    Newer {
        name: "EXECUTE ANY EXTERNAL ENDPOINT",
        fix: "It needs the update policy SQL Server 2025 or Always-up-to-date. Change it in the Azure portal, or with \
              `az sql mi update --database-format AlwaysUpToDate`. The change is one-way: there is no way back.",
    },
];

pub(crate) fn newer(permission: &str) -> Option<&'static Newer> {
    NEWER.iter().find(|newer| newer.name == permission)
}

pub(crate) fn unknown_permission(name: &str, nearest: Option<&str>) -> String {
    match (newer(name), nearest) {
        (Some(_), _) => format!(
            "the instance does not know the database permission `{name}`: it came with SQL Server 2025, and the instance's \
             update policy is SQL Server 2022, the default"
        ),
        (None, Some(nearest)) => format!("there is no database permission `{name}`; did you mean `{nearest}`?"),
        (None, None) => format!("there is no database permission `{name}`"),
    }
}

/// Rights on the server are granted in `master`, those on a database in it.
pub(crate) fn grant_to_operator(right: &str) -> String {
    let is_of_server =
        ["VIEW ANY", "VIEW SERVER"].iter().any(|start| right.starts_with(start)) || right.ends_with(" LOGIN");
    let place = if is_of_server { "[master]" } else { "that database" };
    format!("Let a DBA grant it to the operator's login or user, in {place}: GRANT {right} TO [OPERATOR];")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Refusal};

    fn refused(number: u32) -> Error {
        let refusal = Refusal { number, class: 16, state: 1, text: "No.".into(), database: None, needs: None };
        Error::Refused { refusal, fault: Fault::Other }
    }

    #[test]
    fn every_number_of_the_facts_has_words_of_its_own() {
        const ANY: &str = "The server refuses the change";
        for (numbers, fault, has_fix) in [
            (&[15025, 15023][..], Fault::Name, true),
            (&[15113, 15114, 15115, 15116, 15117, 15118, 15119, 15156], Fault::Password, true),
            (&[15433, 15419], Fault::Sid, true),
            (
                &[15434, 15138, 15144, 15141, 15155, 15170, 15173, 15174, 15186, 15421, 15183, 15184, 15136, 15284],
                Fault::Name,
                true,
            ),
            (&[15006, 15405, 15150, 33129, 33130, 33131, 33134, 37545], Fault::Name, true),
            (&[15154], Fault::Name, false),
            (&[15063, 33017], Fault::Login, true),
            (&[15007], Fault::Login, true),
            (&[15278], Fault::Login, false),
            (&[229, 262, 297, 300, 15247, 4613, 15151, 33136], Fault::Other, true),
            (&[15402, 15562, 22769], Fault::Other, false),
            (&[4060], Fault::Database, true),
            (&[22706], Fault::Database, false),
            (&[18456, 47072], Fault::Server, true),
        ] {
            for number in numbers {
                let error = refused(*number);
                assert_eq!((error.fault(), error.fix().is_some()), (fault, has_fix), "{number}");
                assert_ne!(error.summary(), ANY, "{number}");
                assert!(error.to_string().contains(&number.to_string()), "{number}");
            }
        }
        assert_eq!((refused(1).summary().as_str(), refused(1).fix()), (ANY, None));
        assert!(refused(33130).is_unknown_identity() && !refused(33134).is_unknown_identity());
    }

    /// What a reader sees of each number of sql-mi facts §1.4.
    #[test]
    fn a_refusal_names_the_role_that_it_is_about() {
        for (role, quoted) in [("processadmin", "[processadmin]"), ("o'brien], because", "[o'brien]], because]")] {
            let text = format!(
                "Cannot alter the server role '{role}', because it does not exist or you do not have permission."
            );
            let refusal = Refusal { number: 15151, class: 16, state: 1, text, database: None, needs: None };
            let error = Error::Refused { refusal, fault: Fault::Other }.about_login();
            let statement = format!("ALTER SERVER ROLE {quoted} ADD MEMBER [OPERATOR];");
            assert!(error.fix().unwrap().ends_with(&statement), "{:?}", error.fix());
        }
    }

    #[test]
    fn the_words_of_every_number() {
        let numbers = [
            15025, 15023, 15006, 15151, 15118, 15113, 15114, 15115, 15116, 15117, 15119, 15156, 15434, 15138, 15136,
            15421, 15154, 15183, 15184, 15284, 15433, 15419, 15405, 15402, 15150, 15278, 15063, 15007, 15247, 15562,
            229, 297, 300, 262, 4060, 18456, 33130, 33131, 33134, 33136, 33129, 47072, 37545, 22706, 22769, 22770,
            40613, 40197, 40501, 40540, 40143, 10928, 10929, 49918, 49919, 49920, 4221, 233, 64, 20, 10053, 10054,
            10060, 1205, 1222, 1204, 33017, 11001, 3960, 8645, 8651, 701, 615, 926, 40020, 40166,
        ];
        let shown: Vec<String> = numbers
            .iter()
            .map(|number| {
                let error = refused(*number);
                let fix = error.fix().map(|fix| format!("\n      {fix}")).unwrap_or_default();
                format!("{number} ({:?}): {}{fix}", error.fault(), error.summary())
            })
            .collect();
        assert!(numbers.iter().all(|number| of(*number).is_some()), "each has words of its own");
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn a_newer_permission_names_the_update_policy_and_nothing_near() {
        let unknown = |name: &str| Error::UnknownPermission { name: name.into(), nearest: Some("ALTER".into()) };
        let mirror = unknown("ALTER ANY EXTERNAL MIRROR");
        let said = format!("{mirror} {}", mirror.fix().unwrap());
        for words in ["SQL Server 2022, the default", "one-way", "--database-format AlwaysUpToDate", "Azure portal"] {
            assert!(said.contains(words), "{said}");
        }
        assert!(!said.contains("did you mean"), "{said}");
        let typo = unknown("ALTR");
        assert!(typo.to_string().contains("did you mean `ALTER`?") && typo.fix().is_none());
    }

    #[test]
    fn a_right_is_granted_where_it_belongs() {
        let invisible = |right| Error::Invisible { what: "it".into(), right }.fix().unwrap();
        for (right, place) in [
            ("VIEW ANY DEFINITION", "[master]"),
            ("ALTER ANY LOGIN", "[master]"),
            ("VIEW SERVER SECURITY STATE", "[master]"),
            ("ALTER ANY USER", "that database"),
            ("VIEW DEFINITION", "that database"),
        ] {
            assert!(invisible(right).ends_with(&format!("in {place}: GRANT {right} TO [OPERATOR];")), "{right}");
        }
    }
}
