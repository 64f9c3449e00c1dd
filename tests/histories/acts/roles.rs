//! What others do to our role: to its name, its members, its owner, and what it owns and grants.

use super::sql::By::{Admin, Owner};
use super::sql::In::Home;
use super::sql::act;
use super::{Act, EARLY, LATER};
use crate::configs::Type::Role as Ro;

pub fn acts() -> Vec<Act> {
    vec![
        act("a DBA renames our role", &[Ro], LATER, &[(Admin, Home, "ALTER ROLE {role} WITH NAME = [role moved]")]),
        act(
            "an owner renames our role and gives its name to another",
            &[Ro],
            LATER,
            &[
                (Owner, Home, "ALTER ROLE {role} WITH NAME = [role moved away]"),
                (Owner, Home, "CREATE ROLE {role}; GRANT SELECT TO {role}"),
            ],
        ),
        act("a DBA drops our role", &[Ro], LATER, &[(Admin, Home, "DROP ROLE {role}")]),
        act(
            "a DBA drops our role and makes it again",
            &[Ro],
            LATER,
            &[(Admin, Home, "DROP ROLE {role}"), (Admin, Home, "CREATE ROLE {role}")],
        ),
        act(
            "a DBA makes a user of our role's name",
            &[Ro],
            LATER,
            &[(Admin, Home, "DROP ROLE {role}"), (Admin, Home, "CREATE USER {role} WITHOUT LOGIN")],
        ),
        act(
            "a DBA adds a member to our role",
            &[Ro],
            LATER,
            &[(Admin, Home, "ALTER ROLE {role} ADD MEMBER [friend of roles]")],
        ),
        act(
            "a DBA adds a role to our role",
            &[Ro],
            LATER,
            &[(Admin, Home, "ALTER ROLE {role} ADD MEMBER [inner role]")],
        ),
        act(
            "a DBA takes our user out of our role",
            &[Ro],
            LATER,
            &[(Admin, Home, "ALTER ROLE {role} DROP MEMBER {user}")],
        ),
        act(
            "a DBA changes our role's owner",
            &[Ro],
            LATER,
            &[(Admin, Home, "ALTER AUTHORIZATION ON ROLE::{role} TO [friend of roles]")],
        ),
        act(
            "a DBA gives our role a schema",
            &[Ro],
            LATER,
            &[(Admin, Home, "CREATE SCHEMA [owned by role] AUTHORIZATION {role}")],
        ),
        act(
            "a DBA gives our role a role",
            &[Ro],
            LATER,
            &[(Admin, Home, "CREATE ROLE [owned role] AUTHORIZATION {role}")],
        ),
        act(
            "our role grants to others",
            &[Ro],
            LATER,
            &[
                (Admin, Home, "GRANT {extra} TO {role} WITH GRANT OPTION"),
                (Admin, Home, "GRANT {extra} TO [friend of roles] AS {role}"),
            ],
        ),
        act("somebody has a role of our name", &[Ro], EARLY, &[(Admin, Home, "CREATE ROLE {role}")]),
        act(
            "somebody has a user of our role's name",
            &[Ro],
            EARLY,
            &[(Admin, Home, "CREATE USER {role} WITHOUT LOGIN")],
        ),
    ]
}
