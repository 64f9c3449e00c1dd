//! `setup_sql`: what a DBA runs where nobody gives Terraform the rights to.

use mssql_admin::{ScriptName, Setup, Sid};
use tfplugin::{Function, FunctionError, Model, Text, Value};

use crate::generation::Generation;

/// The least that the mirroring principal needs on the instance, as a script for a DBA to read, sign and run: login,
/// server role where the generation asks for one, user, grants. These are the statements that `fabricmirror_login`,
/// `fabricmirror_database_user` and `fabricmirror_database_grants` send; what the script made can be imported into them.
///
/// The password is in no script. `sqlcmd`, and the SQLCMD mode of other tools, put the value of the variable
/// `LOGIN_PASSWORD` in its place, from the environment: the text that was signed is the text that is run, and neither a file
/// nor a command line holds the password. A client that knows no such variables would take their very names for it, so the
/// script ends there before it does anything.
///
/// Names with control characters or with `$(`, which `sqlcmd` reads as a variable, are refused.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct SetupSql {
    /// Whom to set up.
    #[attr(required)]
    setup: MirroringPrincipal,
}

/// A login, and its user in the database that is mirrored.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct MirroringPrincipal {
    /// Name of the login.
    #[attr(required)]
    login: Text<ScriptName>,

    /// Name of its user in the database.
    #[attr(required)]
    user: Text<ScriptName>,

    /// The database that is mirrored.
    #[attr(required)]
    database: Text<ScriptName>,

    /// Whose list is granted: `"2025-05"` or `"2025-12"`, as of `mirroring_permissions`.
    #[attr(required)]
    generation: Text<Generation>,

    /// Security identifier of the login, `0x` and 32 hexadecimal digits: the same on every instance of a failover group.
    /// Left out, the instance chooses one.
    #[attr(optional)]
    sid: Value<Text<Sid>>,

    /// Database that a connection without one gets.
    #[attr(optional)]
    default_database: Value<Text<ScriptName>>,

    /// Default schema of the user.
    #[attr(optional)]
    default_schema: Value<Text<ScriptName>>,
}

impl Function for SetupSql {
    const NAME: &'static str = "setup_sql";
    const SUMMARY: &'static str = "Least-privilege script for a DBA to run";
    type Output = String;

    fn call(arguments: Self) -> Result<Self::Output, FunctionError> {
        let it = arguments.setup;
        let name = |name: &Text<ScriptName>| name.value().clone();
        let setup = Setup {
            login: name(&it.login),
            user: name(&it.user),
            database: name(&it.database),
            sid: it.sid.known().map(|sid| *sid.value()),
            default_database: it.default_database.known().map(name),
            default_schema: it.default_schema.known().map(name),
            server_roles: it.generation.server_roles(),
            permissions: it.generation.permissions(),
        };
        Ok(setup.script())
    }
}
