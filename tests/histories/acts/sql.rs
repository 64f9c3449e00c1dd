//! Acts in T-SQL: by the administrator, by an owner of the database, by a DBA with few rights, by other grantors.

use tfplugin::Dynamic;
use tfplugin::testing::Expression;

use super::{Act, EARLY, EVER, How, LATER, Outcome};
use crate::Result;
use crate::accounts::known;
use crate::configs::{PERMISSIONS, Type};
use crate::coverage::Moment;
use crate::entra::{self, Principal};
use crate::invariants::ours;
use crate::rng::Rng;
use crate::run::{PEOPLE, Run};
use crate::snapshot::{Snapshot, Thing};
use crate::world::{Answer, Speaker};
use Type::{Grants as G, Login as L, Mirror as M, Replication as R, Role as Ro, User as U};

/// Who says it, where, and what. `{login}`, `{role}`, `{user}`, `{grantee}` are our objects' present names, in brackets; `{held}` is a
/// permission that we list, `{extra}` one that nobody lists.
pub type Line = (By, In, &'static str);

#[derive(Debug, Clone, Copy)]
pub enum By {
    Admin,
    /// A member of `db_owner` who is nothing on the server.
    Owner,
    /// `ALTER ANY LOGIN` and `ALTER ANY USER`, no more.
    Dba,
}

#[derive(Debug, Clone, Copy)]
pub enum In {
    Master,
    /// The database of our user, or of the mirror.
    Source,
    /// That of our role.
    Home,
}

use By::{Admin, Dba, Owner};
use In::{Home, Master, Source};

/// People and things that acts need. Each is made when a line first names it.
const HELPERS: &[(&str, In, &str)] = &[
    ("[stranger]", Master, "CREATE LOGIN [stranger] WITH PASSWORD = 'Other-People-0nly'"),
    (
        "[somebody of Entra]",
        Master,
        "CREATE LOGIN [somebody of Entra] FROM EXTERNAL PROVIDER WITH SID = 0xFFEEDDCCBBAA99887766554433221100, TYPE = E",
    ),
    ("[boss]", Source, "CREATE USER [boss] WITHOUT LOGIN"),
    ("[friend]", Source, "CREATE USER [friend] WITHOUT LOGIN"),
    ("[auditors]", Source, "CREATE ROLE [auditors]"),
    ("[friend of roles]", Home, "CREATE USER [friend of roles] WITHOUT LOGIN"),
    ("[inner role]", Home, "CREATE ROLE [inner role]"),
];

const DBA: &[(In, &str)] = &[
    (Master, "CREATE LOGIN dba WITH PASSWORD = 'Other-People-0nly'"),
    (Master, "ALTER SERVER ROLE [##MS_LoginManager##] ADD MEMBER dba"),
    (Source, "CREATE USER dba FOR LOGIN dba; GRANT ALTER ANY USER TO dba"),
];
const OWNER: &[(In, &str)] = &[
    (Master, "CREATE LOGIN owner WITH PASSWORD = 'Other-People-0nly'"),
    (Source, "CREATE USER owner FOR LOGIN owner; ALTER ROLE db_owner ADD MEMBER owner"),
];

pub(super) const fn act(
    name: &'static str,
    types: &'static [Type],
    moments: &'static [Moment],
    lines: &'static [Line],
) -> Act {
    Act { name, types, moments, weight: 6, how: How::Sql(lines) }
}

const fn seldom(name: &'static str, types: &'static [Type], lines: &'static [Line]) -> Act {
    Act { name, types, moments: LATER, weight: 2, how: How::Sql(lines) }
}

pub fn acts() -> Vec<Act> {
    let mut acts = of_logins();
    acts.extend(of_users());
    acts.extend(of_grants());
    acts.extend(of_tables());
    acts
}

fn of_logins() -> Vec<Act> {
    vec![
        act(
            "a DBA gives our login a server role",
            &[L],
            LATER,
            &[(Admin, Master, "ALTER SERVER ROLE [processadmin] ADD MEMBER {login}")],
        ),
        act(
            "a DBA makes our login a state reader",
            &[L],
            LATER,
            &[(Admin, Master, "ALTER SERVER ROLE [##MS_ServerStateReader##] ADD MEMBER {login}")],
        ),
        act(
            "a DBA takes a server role from our login",
            &[L],
            LATER,
            &[(Admin, Master, "ALTER SERVER ROLE [##MS_ServerStateReader##] DROP MEMBER {login}")],
        ),
        act("a DBA disables our login", &[L], LATER, &[(Admin, Master, "ALTER LOGIN {login} DISABLE")]),
        act("a DBA enables our login", &[L], LATER, &[(Admin, Master, "ALTER LOGIN {login} ENABLE")]),
        act(
            "a DBA changes our login's password",
            &[L],
            LATER,
            &[(Admin, Master, "ALTER LOGIN {login} WITH PASSWORD = 'Changed-By-4nother'")],
        ),
        act(
            "a DBA with few rights changes our login's password",
            &[L],
            LATER,
            &[(Dba, Master, "ALTER LOGIN {login} WITH PASSWORD = 'Changed-By-Few-R1ghts'")],
        ),
        act(
            "a DBA renames our login",
            &[L],
            LATER,
            &[(Admin, Master, "ALTER LOGIN {login} WITH NAME = [login moved]")],
        ),
        act(
            "a DBA renames our login and gives its name to another",
            &[L],
            LATER,
            &[
                (Admin, Master, "ALTER LOGIN {login} WITH NAME = [login moved away]"),
                (Admin, Master, "CREATE LOGIN {login} WITH PASSWORD = 'Other-People-0nly'"),
            ],
        ),
        act("a DBA drops our login", &[L], LATER, &[(Admin, Master, "DROP LOGIN {login}")]),
        act(
            "a DBA drops our login and makes it again",
            &[L],
            LATER,
            &[
                (Admin, Master, "DROP LOGIN {login}"),
                (Admin, Master, "CREATE LOGIN {login} WITH PASSWORD = 'Other-People-0nly'"),
            ],
        ),
        act(
            "a DBA drops our login and makes it again with its SID",
            &[L],
            LATER,
            &[
                (Admin, Master, "DROP LOGIN {login}"),
                (Admin, Master, "CREATE LOGIN {login} WITH PASSWORD = 'Other-People-0nly', SID = {sid}"),
            ],
        ),
        act(
            "a DBA changes our login's default database",
            &[L],
            LATER,
            &[(Admin, Master, "ALTER LOGIN {login} WITH DEFAULT_DATABASE = [Inventory]")],
        ),
        act(
            "somebody has a login of our name",
            &[L],
            EARLY,
            &[(Admin, Master, "CREATE LOGIN {login} WITH PASSWORD = 'Other-People-0nly'")],
        ),
        act(
            "somebody has a login with our SID",
            &[L],
            EARLY,
            &[(Admin, Master, "CREATE LOGIN [sid taken] WITH PASSWORD = 'Other-People-0nly', SID = {sid}")],
        ),
        act(
            "somebody makes another login",
            &[L],
            EVER,
            &[(Admin, Master, "CREATE LOGIN [other one] WITH PASSWORD = 'Other-People-0nly'")],
        ),
        act(
            "a DBA grants our login a server permission",
            &[L],
            LATER,
            &[(Admin, Master, "GRANT VIEW SERVER STATE TO {login}")],
        ),
        act("a DBA denies our login to connect", &[L], LATER, &[(Admin, Master, "DENY CONNECT SQL TO {login}")]),
    ]
}

fn of_users() -> Vec<Act> {
    vec![
        act(
            "an owner gives our user a role",
            &[U],
            LATER,
            &[(Owner, Source, "ALTER ROLE [db_datawriter] ADD MEMBER {user}")],
        ),
        act(
            "a DBA gives our user a role of their own",
            &[U],
            LATER,
            &[(Admin, Source, "ALTER ROLE [auditors] ADD MEMBER {user}")],
        ),
        act(
            "a DBA takes a role from our user",
            &[U],
            LATER,
            &[(Admin, Source, "ALTER ROLE [db_datareader] DROP MEMBER {user}")],
        ),
        act(
            "a DBA with few rights renames our user",
            &[U, G],
            LATER,
            &[(Dba, Source, "ALTER USER {user} WITH NAME = [user moved]")],
        ),
        act(
            "a DBA renames our user and gives its name to another",
            &[U, G],
            LATER,
            &[
                (Admin, Source, "ALTER USER {user} WITH NAME = [user moved away]"),
                (Admin, Source, "CREATE USER {user} FOR LOGIN [stranger]"),
            ],
        ),
        act("a DBA drops our user", &[U, G], LATER, &[(Admin, Source, "DROP USER {user}")]),
        act(
            "a DBA drops our user and makes it again",
            &[U, G],
            LATER,
            &[(Admin, Source, "DROP USER {user}"), (Admin, Source, "CREATE USER {user} FOR LOGIN {login}")],
        ),
        act(
            "a DBA makes our user again without a login",
            &[U],
            LATER,
            &[(Admin, Source, "DROP USER {user}"), (Admin, Source, "CREATE USER {user} WITHOUT LOGIN")],
        ),
        act(
            "a DBA makes a role of our user's name",
            &[U, G],
            LATER,
            &[(Admin, Source, "DROP USER {user}"), (Admin, Source, "CREATE ROLE {user}")],
        ),
        act(
            "a DBA maps our user to another login",
            &[U],
            LATER,
            &[(Admin, Source, "ALTER USER {user} WITH LOGIN = [stranger]")],
        ),
        act(
            "a DBA changes our user's default schema",
            &[U],
            LATER,
            &[(Admin, Source, "ALTER USER {user} WITH DEFAULT_SCHEMA = [elsewhere]")],
        ),
        act(
            "a DBA gives our user a schema",
            &[U],
            LATER,
            &[
                (Admin, Source, "CREATE SCHEMA [owned]"),
                (Admin, Source, "ALTER AUTHORIZATION ON SCHEMA::[owned] TO {user}"),
            ],
        ),
        act(
            "somebody has a user of our name",
            &[U],
            EARLY,
            &[(Admin, Source, "CREATE USER {user} FOR LOGIN [stranger]")],
        ),
        act("somebody has a role of our user's name", &[U], EARLY, &[(Admin, Source, "CREATE ROLE {user}")]),
        act(
            "our login has another user",
            &[U],
            LATER,
            &[
                (Admin, Source, "DROP USER {user}"),
                (Admin, Source, "CREATE USER [user of the same login] FOR LOGIN {login}"),
            ],
        ),
        act(
            "our user grants to others",
            &[U, G],
            LATER,
            &[
                (Admin, Source, "GRANT {extra} TO {user} WITH GRANT OPTION"),
                (Admin, Source, "GRANT {extra} TO [friend] AS {user}"),
            ],
        ),
        act(
            "somebody makes another user",
            &[U, G],
            EVER,
            &[(Admin, Source, "CREATE USER [other user] WITHOUT LOGIN; GRANT SELECT TO [other user]")],
        ),
    ]
}

fn of_grants() -> Vec<Act> {
    vec![
        act("a DBA grants a permission", &[G], LATER, &[(Admin, Source, "GRANT {extra} TO {grantee}")]),
        act(
            "an owner grants a permission with grant option",
            &[G],
            LATER,
            &[(Owner, Source, "GRANT {extra} TO {grantee} WITH GRANT OPTION")],
        ),
        act(
            "a DBA grants a permission that we may list later",
            &[G],
            LATER,
            &[(Admin, Source, "GRANT {listed} TO {grantee}")],
        ),
        act("a DBA denies a permission", &[G], LATER, &[(Admin, Source, "DENY {extra} TO {grantee}")]),
        act("an owner denies what we grant", &[G, R], LATER, &[(Owner, Source, "DENY {held} TO {grantee} CASCADE")]),
        act("a DBA revokes what we grant", &[G, R], LATER, &[(Admin, Source, "REVOKE {held} FROM {grantee} CASCADE")]),
        act("a DBA revokes CONNECT", &[G], LATER, &[(Admin, Source, "REVOKE CONNECT FROM {grantee}")]),
        act("a DBA denies CONNECT", &[G, R], LATER, &[(Admin, Source, "DENY CONNECT TO {grantee}")]),
        act(
            "a DBA adds the grant option to what we grant",
            &[G],
            LATER,
            &[(Admin, Source, "GRANT {held} TO {grantee} WITH GRANT OPTION")],
        ),
        act(
            "another grantor grants a permission",
            &[G],
            LATER,
            &[
                (Admin, Source, "GRANT {extra} TO [boss] WITH GRANT OPTION"),
                (Admin, Source, "GRANT {extra} TO {grantee} AS [boss]"),
            ],
        ),
        act(
            "another grantor grants what we grant",
            &[G],
            LATER,
            &[
                (Admin, Source, "GRANT {held} TO [boss] WITH GRANT OPTION"),
                (Admin, Source, "GRANT {held} TO {grantee} AS [boss]"),
            ],
        ),
        act(
            "another grantor grants with grant option, and it is passed on",
            &[G],
            LATER,
            &[
                (Admin, Source, "GRANT {listed} TO [boss] WITH GRANT OPTION"),
                (Admin, Source, "GRANT {listed} TO {grantee} WITH GRANT OPTION AS [boss]"),
                (Admin, Source, "GRANT {listed} TO [friend] AS {grantee}"),
            ],
        ),
        act(
            "another grantor denies a permission",
            &[G],
            LATER,
            &[
                (Admin, Source, "GRANT {listed} TO [boss] WITH GRANT OPTION"),
                (Admin, Source, "DENY {listed} TO {grantee} AS [boss]"),
            ],
        ),
        act(
            "what we grant with grant option is passed on",
            &[G],
            LATER,
            &[
                (Admin, Source, "GRANT {held} TO {grantee} WITH GRANT OPTION"),
                (Admin, Source, "GRANT {held} TO [friend] AS {grantee}"),
            ],
        ),
        act("a DBA grants CONTROL", &[G], LATER, &[(Admin, Source, "GRANT CONTROL TO {grantee}")]),
        act(
            "a DBA grants on a table and a schema",
            &[G, U],
            LATER,
            &[(Admin, Source, "GRANT SELECT ON SCHEMA::dbo TO {grantee}")],
        ),
        act(
            "our principal holds permissions already",
            &[G, U],
            &[Moment::BeforeCreate, Moment::BetweenPlanAndApply],
            &[
                (Admin, Master, "CREATE LOGIN {login} WITH PASSWORD = 'Other-People-0nly'"),
                (Admin, Source, "CREATE USER {user} FOR LOGIN {login}"),
                (Admin, Source, "GRANT INSERT TO {user}; GRANT {extra} TO {user}"),
            ],
        ),
    ]
}

fn of_tables() -> Vec<Act> {
    vec![
        act(
            "a table is made",
            &[M, R],
            EVER,
            &[(
                Admin,
                Source,
                "CREATE TABLE dbo.Returns (ReturnId int NOT NULL PRIMARY KEY, Reason nvarchar(50) NULL)",
            )],
        ),
        seldom("a mirrored table is dropped", &[M, R], &[(Admin, Source, "DROP TABLE dbo.Orders")]),
        seldom("a mirrored table is renamed", &[M, R], &[(Admin, Source, "EXEC sp_rename 'dbo.Orders', 'OldOrders'")]),
        act(
            "a table gets a column",
            &[M, R],
            LATER,
            &[(Admin, Source, "ALTER TABLE dbo.Customers ADD Phone nvarchar(30) NULL")],
        ),
        seldom(
            "a graph table is made",
            &[M, R],
            &[(Admin, Source, "CREATE TABLE dbo.Person (PersonId int PRIMARY KEY) AS NODE")],
        ),
        act(
            "a table with a clustered columnstore is made",
            &[M, R],
            EVER,
            &[
                (Admin, Source, "CREATE TABLE dbo.Archive (ArchiveId int NOT NULL, Value float NOT NULL)"),
                (Admin, Source, "CREATE CLUSTERED COLUMNSTORE INDEX CCI_Archive ON dbo.Archive"),
            ],
        ),
        act(
            "a table without a primary key is made",
            &[M, R],
            LATER,
            &[(Admin, Source, "CREATE TABLE dbo.Heap (A int NOT NULL, B xml NULL)")],
        ),
        act(
            "rows are inserted",
            &[M, R],
            LATER,
            &[(Admin, Source, "INSERT INTO dbo.Customers (CustomerId, RegionId, Name) VALUES (77, 1, N'Contoso')")],
        ),
    ]
}

/// Our objects by their present names; those that are not there yet by the configuration's.
pub struct Targets {
    pub login: Option<String>,
    pub sid: Option<String>,
    pub database: String,
    pub home_of_role: String,
    pub role: Option<String>,
    pub user: Option<String>,
    pub grantee: Option<String>,
    pub held: Vec<String>,
    /// Whom our login, or else our user, stands for in Entra.
    principal: Option<&'static Principal>,
}

fn configured(run: &Run, of: Type, attribute: &str) -> Option<String> {
    let block = run.us.configuration.blocks.iter().find(|block| block.type_name == of.name())?;
    match block.attributes.get(attribute)? {
        Expression::Value(Dynamic::String(text)) => Some(text.clone()),
        _ => None,
    }
}

impl Targets {
    pub fn of(run: &Run, snapshot: &Snapshot) -> Self {
        let object = |of: Type| run.us.state.objects.values().find(|object| object.type_name == of.name());
        let found = |of: Type| object(of).and_then(|object| ours(&object.type_name, &object.value, snapshot));
        let login = found(L).map(|thing| snapshot.fact(&thing, "name").to_owned());
        let user = found(U).map(|thing| snapshot.fact(&thing, "name").to_owned());
        let database = match found(U) {
            Some(Thing::User { database, .. }) => database,
            _ => "Sales".to_owned(),
        };
        let user = user.or_else(|| configured(run, U, "name"));
        let role = found(Ro).map(|thing| snapshot.fact(&thing, "name").to_owned());
        let home_of_role = match found(Ro) {
            Some(Thing::Role { database, .. }) => database,
            _ => "Sales".to_owned(),
        };
        let grantee = object(G).and_then(|object| known(&object.value, "principal").map(str::to_owned));
        let held = match object(G).map(|object| object.value.get("permissions")) {
            Some(Dynamic::List(names)) => names
                .iter()
                .filter_map(|it| match it {
                    Dynamic::String(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        Self {
            sid: object(L)
                .and_then(|it| known(&it.value, "sid").map(str::to_owned))
                .or_else(|| configured(run, L, "sid")),
            login: login.or_else(|| configured(run, L, "name")),
            database,
            home_of_role,
            role: role.or_else(|| configured(run, Ro, "name")),
            grantee: grantee.or_else(|| user.clone()),
            user,
            held,
            principal: entra::first(&run.us.configuration),
        }
    }
}

pub fn quoted(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

pub async fn run(run: &mut Run, rng: &mut Rng, lines: &[Line]) -> Result<Outcome> {
    let snapshot = run.world.snapshot().await?;
    let targets = Targets::of(run, &snapshot);
    let extra = rng.one(&["DELETE", "UPDATE", "REFERENCES", "CREATE TABLE", "SHOWPLAN"]);
    let listed = rng.one(&PERMISSIONS);
    let held = if targets.held.is_empty() { None } else { Some(rng.pick(&targets.held).clone()) };
    let values = [
        ("{login}", targets.login.as_deref().map(quoted)),
        ("{sid}", targets.sid.clone()),
        ("{role}", targets.role.as_deref().map(quoted)),
        ("{user}", targets.user.as_deref().map(quoted)),
        ("{grantee}", targets.grantee.as_deref().map(quoted)),
        ("{held}", held),
        ("{extra}", Some(extra.to_owned())),
        ("{listed}", Some(listed.to_owned())),
    ];
    let of_entra = targets.principal.map(of_entra);
    let values = values.into_iter().chain(
        PLACES_OF_ENTRA
            .into_iter()
            .enumerate()
            .map(|(place, name)| (name, of_entra.as_ref().map(|texts| texts[place].clone()))),
    );
    let values: Vec<(&str, Option<String>)> = values.collect();
    let is_named = |(name, value): &&(&str, Option<String>)| {
        value.is_none() && lines.iter().any(|(_, _, text)| text.contains(name))
    };
    if let Some((name, _)) = values.iter().find(is_named) {
        return Ok(Outcome::Impossible(format!("there is no {name}")));
    }
    for (by, place, text) in lines {
        let mut statement = (*text).to_owned();
        for (name, value) in &values {
            statement = statement.replace(name, value.as_deref().unwrap_or_default());
        }
        for (word, place, make) in HELPERS {
            if statement.contains(word) && run.helpers.insert(word) {
                help(run, &targets, *place, make).await?;
            }
        }
        let speaker = match by {
            Admin => Speaker::Administrator,
            Owner => {
                people(run, &targets, "owner", OWNER).await?;
                Speaker::Login("owner", PEOPLE)
            }
            Dba => {
                people(run, &targets, "dba", DBA).await?;
                Speaker::Login("dba", PEOPLE)
            }
        };
        let database = place.of(&targets);
        if let Answer::Refused(number, words) = run.world.sql(speaker, database, &statement).await? {
            return Ok(Outcome::Impossible(format!("{statement}: {number} {words}")));
        }
    }
    Ok(Outcome::Done)
}

const PLACES_OF_ENTRA: [&str; 5] =
    ["{letter}", "{other letter}", "{from directory}", "{from directory by id}", "{directory name of theirs}"];

/// What stands in those places for a principal.
fn of_entra(it: &Principal) -> [String; 5] {
    let (letter, other) = if it.letter() == "X" { ("X", "E") } else { ("E", "X") };
    [
        letter.to_owned(),
        other.to_owned(),
        format!("FROM EXTERNAL PROVIDER WITH SID = {}, TYPE = {letter}", it.sid),
        format!("FROM EXTERNAL PROVIDER WITH OBJECT_ID = '{}'", it.object_id),
        quoted(&format!("{} of theirs", it.name)),
    ]
}

impl In {
    fn of(self, targets: &Targets) -> &str {
        match self {
            Master => "master",
            Source => &targets.database,
            Home => &targets.home_of_role,
        }
    }
}

async fn people(run: &mut Run, targets: &Targets, name: &'static str, lines: &[(In, &str)]) -> Result<()> {
    if run.helpers.insert(name) {
        for (place, statement) in lines {
            help(run, targets, *place, statement).await?;
        }
    }
    Ok(())
}

/// What helps an act has to be possible; what is there already may stay.
async fn help(run: &Run, targets: &Targets, place: In, statement: &str) -> Result<()> {
    let database = place.of(targets);
    match run.world.sql(Speaker::Administrator, database, statement).await? {
        Answer::Done | Answer::Refused(15023 | 15025, _) => Ok(()),
        Answer::Refused(number, words) => Err(format!("{statement}: {number} {words}").into()),
    }
}
