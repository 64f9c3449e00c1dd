//! What others do to the logins and users of Entra principals. Acts that speak of passwords, of another name for a login or
//! of another login for a user, the server refuses for them.

use super::sql::By::Admin;
use super::sql::In::{Master, Source};
use super::sql::act;
use super::{Act, EARLY, LATER};
use crate::configs::Type::{Grants as G, Login as L, User as U};

pub fn acts() -> Vec<Act> {
    let mut acts = of_logins();
    acts.extend(of_users());
    acts
}

fn of_logins() -> Vec<Act> {
    vec![
        act(
            "a DBA makes our Entra login again",
            &[L],
            LATER,
            &[(Admin, Master, "DROP LOGIN {login}"), (Admin, Master, "CREATE LOGIN {login} {from directory}")],
        ),
        act(
            "a DBA makes our Entra login again for somebody else",
            &[L],
            LATER,
            &[
                (Admin, Master, "DROP LOGIN {login}"),
                (
                    Admin,
                    Master,
                    "CREATE LOGIN {login} FROM EXTERNAL PROVIDER WITH SID = 0x00112233445566778899AABBCCDDEEFF, TYPE = {letter}",
                ),
            ],
        ),
        act(
            "a DBA makes our Entra login again as another kind",
            &[L],
            LATER,
            &[
                (Admin, Master, "DROP LOGIN {login}"),
                (
                    Admin,
                    Master,
                    "CREATE LOGIN {login} FROM EXTERNAL PROVIDER WITH SID = 0x00112233445566778899AABBCCDDEEFF, TYPE = {other letter}",
                ),
            ],
        ),
        act(
            "somebody has an Entra login of our name",
            &[L],
            EARLY,
            &[(Admin, Master, "CREATE LOGIN {login} {from directory}")],
        ),
        act(
            "somebody else's Entra login has our name",
            &[L],
            EARLY,
            &[(
                Admin,
                Master,
                "CREATE LOGIN {login} FROM EXTERNAL PROVIDER WITH SID = 0x00112233445566778899AABBCCDDEEFF, TYPE = {letter}",
            )],
        ),
        act(
            "our Entra principal has a login of another name",
            &[L],
            EARLY,
            &[(Admin, Master, "CREATE LOGIN [login of theirs] {from directory}")],
        ),
        act(
            "a DBA revokes from our Entra login to connect",
            &[L],
            LATER,
            &[
                (Admin, Master, "REVOKE CONNECT SQL FROM {login}"),
                (Admin, Master, "REVOKE VIEW ANY DATABASE FROM {login}"),
            ],
        ),
    ]
}

fn of_users() -> Vec<Act> {
    vec![
        act(
            "a DBA makes our Entra user again",
            &[U, G],
            LATER,
            &[(Admin, Source, "DROP USER {user}"), (Admin, Source, "CREATE USER {user} {from directory by id}")],
        ),
        act(
            "a DBA makes our Entra user again for somebody else",
            &[U, G],
            LATER,
            &[(Admin, Source, "DROP USER {user}"), (Admin, Source, "CREATE USER {user} FOR LOGIN [somebody of Entra]")],
        ),
        act(
            "somebody has an Entra user of our name",
            &[U],
            EARLY,
            &[(Admin, Source, "CREATE USER {user} {from directory by id}")],
        ),
        act(
            "somebody else's Entra user has our name",
            &[U],
            EARLY,
            &[(Admin, Source, "CREATE USER {user} FOR LOGIN [somebody of Entra]")],
        ),
        act(
            "our Entra principal has a user of another name",
            &[U],
            EARLY,
            &[(Admin, Source, "CREATE USER {directory name of theirs} {from directory by id}")],
        ),
        act(
            "our Entra user gets a login",
            &[U],
            LATER,
            &[(Admin, Master, "CREATE LOGIN [login for our user] {from directory}")],
        ),
    ]
}
