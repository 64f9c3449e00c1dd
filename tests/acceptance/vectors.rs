//! The vectors of sql-mi facts §10: what may be a name or a password comes back byte by byte, and what may not is refused,
//! in the provider's own words or with the server's number.

use std::collections::BTreeSet;

use fabricmirror_tests::emulator::Options;
use fabricmirror_tests::run::{Run, Said};
use fabricmirror_tests::{Result, fail};
use serde_json::{Map, Value, json};

use crate::world::{changes, holds, is_as, is_untouched, now};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(every_name_and_password_comes_back_as_it_is),
        case!(names_that_are_one_for_the_server_are_one).once(),
        case!(names_of_entra_come_back_as_they_are, Options { scenario: Some(directory()), ..Options::default() })
            .once(),
        case!(a_permission_is_the_same_in_any_spelling).once(),
        case!(a_database_is_the_same_in_any_case).once(),
        case!(what_can_be_no_name_is_refused_before_any_plan),
        case!(names_that_are_taken_are_refused_by_the_plan).once(),
        case!(what_the_server_refuses_is_said_with_its_number).once(),
    ]
}

/// Legal for logins, users and roles alike. In NFC, as the CLIs make all texts.
const NAMES: &[&str] = &[
    "a]b",
    "]]",
    "[x]",
    "]; DROP LOGIN [sa]--",
    "o'brien",
    "'';--",
    "\"quoted\"",
    "name with space",
    "trailing ",
    " leading",
    "tab\there",
    "line\nfeed",
    "carriage\r\nreturn",
    "no\u{A0}break",
    "zero\u{200B}width",
    "имя",
    "名前",
    "naïve",
    "ÅΩ",
    "straße",
    "Iıİi",
    "résumé",
    "resume",
    "user",
    "select",
    "order",
    "group",
    "external",
    "mirror",
    "NULL",
    "bob@contoso.com",
    "bob_contoso.com#EXT#@tenant.onmicrosoft.com",
    "DBA [prod]",
    "my'app",
    "db.with.dot",
    "a/b",
    "a%b",
    "a_b",
    "%2F",
    "#temp",
    "##temp##",
    "@var",
    "$x",
    "$(x)",
    "${x}",
    "%{x}",
    "{x};PWD=y;",
    "sa:x@localhost,1433/db?a=b#c",
    "N'x'",
    "-- x",
    "/* x */",
    "x*/ GO",
    "0x41",
    "{}",
];

/// Legal for users and roles; a login has none.
const WITH_BACKSLASH: [&str; 2] = ["back\\slash", "corp\\ann"];

/// Within the policy: at least 10 units of three of the four classes.
const PASSWORDS: &[&str] = &[
    "Ab3defghij",
    "p'a''s]s\"Word",
    "{};=Uid=Sa1",
    "%40@:/?#&+Ab1",
    "$(y)${y}%{y}A1",
    "\\back\\Slash\\1",
    "[br]]ack[et]A1",
    " blanks Around 1 ",
    "line\nfeed\tAb1",
    "N'--/*Ab1*/'",
    "пароль-Пароль-1",
    "密码-Ab1-😀😀😀",
    "\u{A0}\u{200B}Abcdefg1",
    "",
];

/// A login, its user in Sales, which may SELECT, and a role in Inventory.
struct Vector {
    login: String,
    /// Of the user and of the role.
    name: String,
    password: String,
}

fn vectors() -> Vec<Vector> {
    let long = ["a", "]", "'"].map(|unit| unit.repeat(128)).into_iter().chain(["😀".repeat(64)]);
    let names = NAMES.iter().map(|name| (*name).to_owned()).chain(long).map(|name| (name.clone(), name));
    let others = WITH_BACKSLASH.iter().map(|name| (name.replace('\\', " "), (*name).to_owned()));
    let password = |place: usize| match PASSWORDS[place % PASSWORDS.len()] {
        "" => "Ab1!".repeat(32),
        password => password.to_owned(),
    };
    let vectors = names.chain(others).enumerate();
    vectors.map(|(place, (login, name))| Vector { login, name, password: password(place) }).collect()
}

/// Another name as long as that one, where it is as long as can be.
fn renamed(name: &str) -> String {
    if name.encode_utf16().count() <= 126 {
        return format!("{name}]'");
    }
    let mut letters = name.chars();
    let first = letters.next().map(|letter| if letter == '😀' { "😁" } else { "x" });
    first.into_iter().chain([letters.as_str()]).collect()
}

/// A text of `main.tf.json` that the CLIs do not take for a template.
fn literal(text: &str) -> Value {
    text.replace("${", "$${").replace("%{", "%%{").into()
}

fn import(to: &str, id: &Value) -> Value {
    json!({ "to": to, "id": literal(id.as_str().unwrap_or_default()) })
}

fn write(run: &Run, mut configuration: Value) -> Result<()> {
    configuration["terraform"] =
        json!({ "required_providers": { "fabricmirror": { "source": "fabricmirror/fabricmirror" } } });
    run.write("main.tf.json", &serde_json::to_string_pretty(&configuration)?)
}

/// Four objects for each.
fn configuration(vectors: &[Vector], with_passwords: bool) -> Value {
    let (mut logins, mut users, mut grants, mut roles) = (Map::new(), Map::new(), Map::new(), Map::new());
    for (place, vector) in vectors.iter().enumerate() {
        let label = format!("v{place}");
        let mut login = json!({ "name": literal(&vector.login) });
        if with_passwords {
            (login["password_wo"], login["password_wo_version"]) = (literal(&vector.password), 1.into());
        }
        let user = json!({
            "database": "Sales",
            "name": literal(&vector.name),
            "login_name": format!("${{fabricmirror_login.{label}.principal}}"),
        });
        let may = json!({
            "database": "Sales",
            "principal": format!("${{fabricmirror_database_user.{label}.principal}}"),
            "permissions": ["SELECT"],
        });
        logins.insert(label.clone(), login);
        users.insert(label.clone(), user);
        grants.insert(label.clone(), may);
        roles.insert(label, json!({ "database": "Inventory", "name": literal(&vector.name) }));
    }
    json!({ "resource": {
        "fabricmirror_login": logins,
        "fabricmirror_database_user": users,
        "fabricmirror_database_grants": grants,
        "fabricmirror_database_role": roles,
    }})
}

fn addresses(vectors: &[Vector]) -> impl Iterator<Item = (String, &'static str, [&'static str; 2])> + use<> {
    (0..vectors.len()).flat_map(|place| {
        [
            ("login", ["", "name"]),
            ("database_user", ["database", "name"]),
            ("database_grants", ["database", "principal"]),
            ("database_role", ["database", "name"]),
        ]
        .map(|(kind, parts)| (format!("fabricmirror_{kind}.v{place}"), kind, parts))
    })
}

/// Import ids of all of them, as `import_id` writes them from what the state holds.
fn ids(vectors: &[Vector]) -> Value {
    let ids = addresses(vectors).map(|(address, kind, parts)| {
        let parts = parts.iter().filter(|part| !part.is_empty()).map(|part| format!("{address}.{part}"));
        let parts = parts.collect::<Vec<_>>().join(", ");
        let id = format!("${{provider::fabricmirror::import_id(\"{kind}\", [{parts}])}}");
        (address.clone(), id.into())
    });
    Value::Object(ids.collect())
}

/// UTF-16LE, as `CONVERT(varbinary(256), …)` answers it here.
fn bytes(name: &str) -> String {
    name.encode_utf16().flat_map(u16::to_le_bytes).fold("0x".to_owned(), |text, byte| format!("{text}{byte:02X}"))
}

/// The bytes of the names that the server holds: of SQL logins, of Sales' users, of those of them who may SELECT, and of
/// Inventory's roles.
type Held = [BTreeSet<String>; 4];

async fn held(run: &Run) -> Result<Held> {
    const QUERIES: [(&str, &str); 4] = [
        ("master", "SELECT CONVERT(varbinary(256), name) FROM sys.server_principals WHERE type = 'S'"),
        ("Sales", "SELECT CONVERT(varbinary(256), name) FROM sys.database_principals WHERE type = 'S'"),
        (
            "Sales",
            "SELECT CONVERT(varbinary(256), u.name) FROM sys.database_permissions AS p JOIN sys.database_principals AS u ON \
             u.principal_id = p.grantee_principal_id WHERE p.class = 0 AND p.permission_name = 'SELECT' AND p.state = 'G'",
        ),
        ("Inventory", "SELECT CONVERT(varbinary(256), name) FROM sys.database_principals WHERE type = 'R'"),
    ];
    let mut held = Held::default();
    for (set, (database, query)) in held.iter_mut().zip(QUERIES) {
        set.extend(run.emulator.sql(database, query).await?.concat());
    }
    Ok(held)
}

/// The server holds these besides, by these very bytes; each password opens its login, which enters as its user.
async fn are_there(run: &Run, before: &Held, vectors: &[Vector]) -> Result<()> {
    let mut expected = before.clone();
    for vector in vectors {
        expected[0].insert(bytes(&vector.login));
        expected[1..].iter_mut().for_each(|set| _ = set.insert(bytes(&vector.name)));
    }
    let found = held(run).await?;
    for (found, expected) in found.iter().zip(&expected) {
        if found != expected {
            let (more, less): (Vec<_>, Vec<_>) =
                (found.difference(expected).collect(), expected.difference(found).collect());
            fail!("the server holds {more:?}, and not {less:?}");
        }
    }
    for vector in vectors {
        let who = "SELECT CONVERT(varbinary(256), SUSER_SNAME()), CONVERT(varbinary(256), USER_NAME())";
        let entered = run.emulator.sql_as(&vector.login, &vector.password, "Sales", who).await;
        let entered = entered.map_err(|error| format!("{:?} with {:?}: {error}", vector.login, vector.password))?;
        if entered != [[bytes(&vector.login), bytes(&vector.name)]] {
            fail!("{:?} has entered as {entered:?}", vector.login);
        }
    }
    Ok(())
}

async fn every_name_and_password_comes_back_as_it_is(run: &mut Run) -> Result<()> {
    let (before, held_before) = (run.emulator.state().await?, held(run).await?);
    let vectors = vectors();
    let mut text = configuration(&vectors, true);
    text["output"] = json!({ "ids": { "value": ids(&vectors) } });
    write(run, text)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    are_there(run, &held_before, &vectors).await?;

    // Found again by their ids.
    let ids = run.state().await?["values"]["outputs"]["ids"]["value"].clone();
    let ids = ids.as_object().ok_or("the state has no ids")?;
    run.forget_state()?;
    let mut text = configuration(&vectors, false);
    text["import"] = ids.iter().map(|(to, id)| import(to, id)).collect();
    write(run, text)?;
    let since = now(run).await?;
    let plan = run.plan().await?;
    for (address, ..) in addresses(&vectors) {
        plan.does(&address, &["no-op"])?;
    }
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    is_untouched(run, since).await?;
    are_there(run, &held_before, &vectors).await?;

    // All of them get other names in place.
    let others: Vec<Vector> = vectors
        .into_iter()
        .map(|it| Vector { login: renamed(&it.login), name: renamed(&it.name), password: it.password })
        .collect();
    write(run, configuration(&others, false))?;
    let plan = run.plan().await?;
    for (address, ..) in addresses(&others) {
        plan.does(&address, &["update"])?;
    }
    let since = now(run).await?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    let done = changes(run, since).await?;
    if done.len() != 3 * others.len() || done.iter().any(|text| !text.contains(" WITH NAME = [")) {
        fail!(
            "more than names were changed, in {} batches: {:?}",
            done.len(),
            done.iter().find(|it| !it.contains(" WITH NAME = ["))
        );
    }
    are_there(run, &held_before, &others).await?;
    run.destroy().await?.success()?;
    is_as(run, &before).await
}

/// Pairs that are one name for an instance of the default collation – UNCONFIRMED but for case –, and whether they are one for
/// provider and CLI too. To a CLI every text is in NFC.
const SAME: [(&str, &str, bool); 4] = [
    ("Fabric", "fabric", true),
    ("trailing", "trailing ", true),
    ("caf\u{e9}", "cafe\u{301}", true),
    ("straße", "STRASSE", false),
];

async fn names_that_are_one_for_the_server_are_one(run: &mut Run) -> Result<()> {
    let (before, held_before) = (run.emulator.state().await?, held(run).await?);
    let turned = SAME.map(|(one, other, is_one)| (other, one, is_one));
    for (one, other, is_one) in SAME.into_iter().chain(turned) {
        let vector = |name: &str| {
            let (login, name) = (name.to_owned(), name.to_owned());
            [Vector { login, name, password: "Correct-Horse-7".to_owned() }]
        };
        // A DBA was there first.
        run.emulator.sql("master", &format!("CREATE LOGIN [{other}] WITH PASSWORD = 'Correct-Horse-7'")).await?;
        let user = format!("CREATE USER [{other}] FOR LOGIN [{other}]; GRANT SELECT TO [{other}]");
        run.emulator.sql("Sales", &user).await?;
        run.emulator.sql("Inventory", &format!("CREATE ROLE [{other}]")).await?;
        let theirs = run.emulator.state().await?;
        let mut text = configuration(&vector(one), true);
        text["resource"]["fabricmirror_database_user"]["v0"]["login_name"] = one.into();
        write(run, text)?;
        let said = run.apply().await?;
        for (kind, number) in [("login", "15025"), ("database_user", "15023"), ("database_role", "15023")] {
            let address = format!("fabricmirror_{kind}.v0");
            let error = said.diagnostics().into_iter().find(|it| it.severity == "error" && it.address == address);
            let Some(error) = error else { fail!("{one} for {other}: {address} was not refused: {}", said.explain()) };
            if !error.summary.contains("exists") || !error.detail.contains("import {") && !error.detail.contains(number)
            {
                fail!("{one} for {other}: another error: {error:?}");
            }
        }
        is_as(run, &theirs).await?;

        // Imported by its own name, it keeps its bytes however the configuration spells it; what is another name for the
        // provider is a new name for the server.
        let mut text = configuration(&vector(one), false);
        let encoded: String = other.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let blocks = addresses(&vector(one)).map(|(to, kind, _)| {
            let database = match kind {
                "login" => "",
                "database_role" => "Inventory/",
                _ => "Sales/",
            };
            json!({ "to": to, "id": format!("{database}{encoded}") })
        });
        text["import"] = blocks.collect();
        write(run, text)?;
        let since = now(run).await?;
        run.apply().await?.success().map_err(|error| format!("{one} for {other}: {error}"))?;
        run.plan().await?.is_empty().map_err(|error| format!("{one} for {other}: {error}"))?;
        if is_one {
            is_untouched(run, since).await?;
        }
        are_there(run, &held_before, &vector(if is_one { other } else { one })).await?;
        run.destroy().await?.success()?;
        is_as(run, &before).await?;

        // Alone it is as it was asked for.
        write(run, configuration(&vector(one), true))?;
        run.apply().await?.success()?;
        run.plan().await?.is_empty()?;
        let made = if one == "cafe\u{301}" { "caf\u{e9}" } else { one };
        are_there(run, &held_before, &vector(made)).await?;
        run.destroy().await?.success()?;
        is_as(run, &before).await?;
    }
    Ok(())
}

/// A guest, a group and an application.
const ENTRA: [(&str, &str); 3] = [
    ("bob_contoso.com#EXT#@tenant.onmicrosoft.com", "user"),
    ("DBA [prod]", "group"),
    ("my'app; ]", "service_principal"),
];
const CLIENT: &str = "5e1f0b1e-7b8c-4d9e-8f1a-2b3c4d5e6f0b";

/// The default directory's application and identity, and these.
fn directory() -> String {
    let principals = json!([
        {
            "id": "a11ce000-1b2c-4d3e-8f40-5a6b7c8d9e02",
            "type": "ServicePrincipal",
            "display_name": "terraform",
            "app_id": "a11ce000-52d1-4c7b-b0a9-3e4f5a6b7c03",
            "secrets": ["Em7~only-for-tests-on-loopback"],
        },
        {
            "id": "1de47171-90ab-4cde-8f12-3456789abc04",
            "type": "ServicePrincipal",
            "display_name": "contoso-mi",
            "app_id": "1de47171-aa01-4b23-9c45-6789abcdef05",
        },
        {
            "id": "b0b00000-2c3d-4e5f-8a6b-7c8d9e0f1a06",
            "type": "User",
            "display_name": "Bob",
            "user_principal_name": ENTRA[0].0,
        },
        { "id": "da7a7ea1-3d4e-4f5a-8b7c-8d9e0f1a2b07", "type": "Group", "display_name": ENTRA[1].0 },
        {
            "id": "5e1f0b1e-6a7b-4c8d-9e0f-1a2b3c4d5e0a",
            "type": "ServicePrincipal",
            "display_name": ENTRA[2].0,
            "app_id": CLIENT,
        },
    ]);
    json!({ "directory": { "tenant_id": "5c0ffee0-7e2a-4a0e-9a44-0d8f2a3b1c01", "principals": principals } })
        .to_string()
}

/// With a login, and without one as a user.
async fn names_of_entra_come_back_as_they_are(run: &mut Run) -> Result<()> {
    let before = run.emulator.state().await?;
    for (resource, database, view) in
        [("login", "master", "sys.server_principals"), ("database_user", "Inventory", "sys.database_principals")]
    {
        let (mut objects, mut ids) = (Map::new(), Map::new());
        for (name, kind) in ENTRA {
            let mut object = json!({ "name": literal(name), "entra": { "type": kind } });
            if kind == "service_principal" {
                object["entra"]["client_id"] = CLIENT.into();
            }
            let address = format!("fabricmirror_{resource}.{kind}");
            let mut parts = format!("{address}.name");
            if resource == "database_user" {
                object["database"] = database.into();
                parts = format!("{address}.database, {parts}");
            }
            let id = format!("${{provider::fabricmirror::import_id(\"{resource}\", [{parts}])}}");
            ids.insert(address, id.into());
            objects.insert(kind.to_owned(), object);
        }
        let objects = json!({ format!("fabricmirror_{resource}"): objects });
        write(run, json!({ "resource": objects, "output": { "ids": { "value": ids } } }))?;
        run.apply().await?.success()?;
        run.plan().await?.is_empty()?;
        let query = format!("SELECT CONVERT(varbinary(256), name) FROM {view} WHERE type IN ('E', 'X')");
        let found = run.emulator.sql(database, &query).await?.concat();
        if let Some((name, _)) = ENTRA.iter().find(|(name, _)| !found.contains(&bytes(name))) {
            fail!("{database} does not hold {name}, but {found:?}");
        }
        let since = now(run).await?;
        let ids = run.state().await?["values"]["outputs"]["ids"]["value"].clone();
        let ids = ids.as_object().ok_or("the state has no ids")?;
        run.forget_state()?;
        let blocks: Value = ids.iter().map(|(to, id)| import(to, id)).collect();
        write(run, json!({ "resource": objects, "import": blocks }))?;
        // The import knows them by their ids besides, which is no change to the server.
        run.apply().await?.success()?;
        run.plan().await?.is_empty()?;
        is_untouched(run, since).await?;
        run.destroy().await?.success()?;
        is_as(run, &before).await?;
    }
    Ok(())
}

/// Those of the system, too: a role of them is one like any other.
async fn a_database_is_the_same_in_any_case(run: &mut Run) -> Result<()> {
    let before = run.emulator.state().await?;
    let databases = ["master", "TempDB", "msdb", "SALES", "inventory"];
    let with = |spelled: fn(&str) -> String| {
        let roles = databases.iter().map(|name| {
            let role = json!({ "database": spelled(name), "name": "reporting" });
            (name.to_lowercase(), role)
        });
        json!({ "resource": { "fabricmirror_database_role": roles.collect::<Map<_, _>>() } })
    };
    write(run, with(str::to_owned))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    for database in databases {
        let query = "SELECT CONVERT(varbinary(256), name) FROM sys.database_principals WHERE name = 'reporting'";
        if run.emulator.sql(database, query).await? != [[bytes("reporting")]] {
            fail!("{database} has no role");
        }
    }
    let since = now(run).await?;
    for spelled in [str::to_uppercase, str::to_lowercase] {
        write(run, with(spelled))?;
        run.plan().await?.is_empty()?;
        run.apply().await?.success()?;
    }
    is_untouched(run, since).await?;
    run.destroy().await?.success()?;
    is_as(run, &before).await
}

async fn a_permission_is_the_same_in_any_spelling(run: &mut Run) -> Result<()> {
    let with = |permissions: &[&str]| {
        json!({ "resource": {
            "fabricmirror_database_role": { "x": { "database": "Sales", "name": "reporting" } },
            "fabricmirror_database_grants": { "x": {
                "database": "Sales",
                "principal": "${fabricmirror_database_role.x.principal}",
                "permissions": permissions,
            }},
        }})
    };
    write(run, with(&["select", "VIEW  database STATE"]))?;
    run.apply().await?.success()?;
    holds(run, "Sales", "reporting", &["GRANT SELECT by dbo", "GRANT VIEW DATABASE STATE by dbo"]).await?;
    let since = now(run).await?;
    for spelled in
        [["select", "VIEW  database STATE"], ["SELECT", "VIEW DATABASE STATE"], [" Select ", "view database state"]]
    {
        write(run, with(&spelled))?;
        run.plan().await?.is_empty().map_err(|error| format!("{spelled:?}: {error}"))?;
        run.apply().await?.success()?;
    }
    is_untouched(run, since).await?;
    write(run, with(&["view database state"]))?;
    run.apply().await?.success()?;
    holds(run, "Sales", "reporting", &["GRANT VIEW DATABASE STATE by dbo"]).await?;
    run.destroy().await?.success().map(drop)
}

/// A block, and what is said of it.
type Wrong = (&'static str, Value, &'static str);

/// One configuration of all of them; every one is refused as it should be.
async fn write_wrong(run: &mut Run, wrong: &[Wrong]) -> Result<()> {
    let mut resources = json!({});
    for (place, (kind, body, _)) in wrong.iter().enumerate() {
        resources[format!("fabricmirror_{kind}")][format!("w{place}")] = body.clone();
    }
    write(run, json!({ "resource": resources, "variable": variables() }))
}

fn are_refused(said: &Said, wrong: &[Wrong]) -> Result<()> {
    for (place, (kind, body, says)) in wrong.iter().enumerate() {
        let address = format!("fabricmirror_{kind}.w{place}");
        let of_it: Vec<_> =
            said.diagnostics().into_iter().filter(|it| it.severity == "error" && it.address == address).collect();
        if !of_it.iter().any(|it| it.summary.contains(says) || it.detail.contains(says)) {
            fail!("{kind} {body}: nobody says {says:?}, but {of_it:#?}\n{}", said.stderr);
        }
    }
    Ok(())
}

fn login(name: &str) -> Value {
    json!({ "name": literal(name), "password_wo": "Correct-Horse-7", "password_wo_version": 1 })
}

fn user(name: &str) -> Value {
    json!({ "database": "Sales", "name": literal(name), "login_name": "somebody" })
}

fn role(name: &str) -> Value {
    json!({ "database": "Sales", "name": literal(name) })
}

async fn what_can_be_no_name_is_refused_before_any_plan(run: &mut Run) -> Result<()> {
    let before = run.emulator.state().await?;
    let mut wrong: Vec<Wrong> = Vec::new();
    for (name, says) in [
        ("a".repeat(129), "129 UTF-16 units"),
        ("😀".repeat(65), "130 UTF-16 units"),
        (String::new(), "name is empty"),
        ("a\0b".to_owned(), "U+0000"),
    ] {
        let grants = |database: &str, principal: &str| json!({ "database": database, "principal": principal, "permissions": ["SELECT"] });
        wrong.extend([
            ("login", login(&name), says),
            ("database_user", user(&name), says),
            ("database_user", json!({ "database": name, "name": "u", "login_name": "somebody" }), says),
            ("database_user", json!({ "database": "Sales", "name": "u", "login_name": name }), says),
            ("database_role", role(&name), says),
            ("database_grants", grants("Sales", &name), says),
            ("database_grants", grants(&name, "u"), says),
        ]);
    }
    let digits = |number: usize| format!("0x{}", "A".repeat(number));
    for sid in [
        digits(0),
        digits(1),
        digits(30),
        digits(31),
        digits(34),
        digits(64),
        "A".repeat(32),
        format!("{}G", digits(31)),
    ] {
        let mut login = login("l");
        login["sid"] = sid.into();
        wrong.push(("login", login, "expected `0x` and 32 hexadecimal digits"));
    }
    for (permissions, says) in [
        (json!(["SELECT; DROP"]), "`SELECT; DROP` is no permission"),
        (json!([""]), "`` is no permission"),
        (json!(["SELECT, INSERT"]), "`SELECT, INSERT` is no permission"),
        (json!(["SELECT", "select"]), "is there twice"),
        (json!(null), "permissions"),
    ] {
        let grants = json!({ "database": "Sales", "principal": "u", "permissions": permissions });
        wrong.push(("database_grants", grants, says));
    }
    write_wrong(run, &wrong).await?;
    let since = now(run).await?;
    let said = run.plan().await?.said;
    are_refused(&said, &wrong)?;
    is_untouched(run, since).await?;
    is_as(run, &before).await
}

async fn names_that_are_taken_are_refused_by_the_plan(run: &mut Run) -> Result<()> {
    const SID: &str = "0x0123456789ABCDEF0123456789ABCDEF";
    let theirs = format!("CREATE LOGIN somebody WITH PASSWORD = 'Correct-Horse-7', SID = {SID}");
    run.emulator.sql("master", &theirs).await?;
    let before = run.emulator.state().await?;
    let mut with_sid = login("l");
    with_sid["sid"] = SID.to_lowercase().replacen("0X", "0x", 1).into();
    let wrong = [
        ("login", login("SA"), "The login sa exists"),
        ("login", with_sid, "The SID is in use"),
        ("database_user", user("DBO"), "The user dbo exists"),
        ("database_user", user("guest"), "guest is a user without login"),
        ("database_user", user("sys"), "sys is a user without login"),
        ("database_user", user("information_schema"), "INFORMATION_SCHEMA is a user without login"),
        ("database_user", user("public"), "public is a database role"),
        ("database_role", role("dbo"), "dbo is a user"),
        ("database_role", role("guest "), "guest is a user"),
        ("database_role", role("sys"), "sys is a user"),
        ("database_role", role("INFORMATION_SCHEMA"), "INFORMATION_SCHEMA is a user"),
        ("database_role", role("PUBLIC"), "public is a role of the server's own"),
        ("database_role", role("db_owner"), "db_owner is a role of the server's own"),
        (
            "database_grants",
            json!({ "database": "Sales", "principal": "guest", "permissions": ["SELCT"] }),
            "did you mean `SELECT`?",
        ),
    ];
    write_wrong(run, &wrong).await?;
    let said = run.plan().await?.said;
    are_refused(&said, &wrong)?;
    is_as(run, &before).await
}

/// Passwords are variables: what the CLI shows of a configuration is not the provider's.
const SECRETS: [(&str, &str); 8] = [
    ("eight", "Secr3t!x"),
    ("nine", "Secr3t!xy"),
    ("empty", ""),
    ("letters", "SecretSecretSecret"),
    ("small", "secret-secret-secret"),
    ("named", "Secr3t!its-nAmEd-login"),
    ("long", "Secr3t!"),
    ("good", "Secr3t!Correct-Horse"),
];

fn variables() -> Value {
    let variable = |name: &str| (name.to_owned(), json!({ "type": "string", "ephemeral": true, "default": "" }));
    Value::Object(SECRETS.iter().map(|(name, _)| variable(name)).collect())
}

async fn what_the_server_refuses_is_said_with_its_number(run: &mut Run) -> Result<()> {
    run.emulator.sql("master", "CREATE LOGIN somebody WITH PASSWORD = 'Correct-Horse-7'").await?;
    let before = run.emulator.state().await?;
    let secret = |name: &str, password: &str| json!({ "name": name, "password_wo": format!("${{var.{password}}}"), "password_wo_version": 1 });
    for (name, value) in SECRETS {
        let value = if name == "long" { format!("{value}{}", "x".repeat(129 - value.len())) } else { value.to_owned() };
        run.set(&format!("TF_VAR_{name}"), &value);
    }
    let wrong = [
        ("login", secret("back\\slash", "good"), "15006"),
        ("login", secret("public", "good"), "15025"),
        ("login", secret("SysAdmin", "good"), "15025"),
        ("login", secret("##MS_x##", "good"), "15405"),
        ("login", secret("l1", "eight"), "15116"),
        ("login", secret("l2", "nine"), "15116"),
        ("login", secret("l3", "empty"), "15116"),
        ("login", secret("l4", "long"), "15117"),
        ("login", secret("l5", "letters"), "15118"),
        ("login", secret("l6", "small"), "15118"),
        ("login", secret("Named-Login", "named"), "15118"),
        ("database_user", user("##MS_x##"), "15405"),
        ("database_user", json!({ "database": "Sales", "name": "u", "login_name": "nobody" }), "15007"),
        ("database_user", json!({ "database": "Sales", "name": "v", "login_name": "sa" }), "15405"),
        ("database_user", json!({ "database": "Nowhere", "name": "u", "login_name": "somebody" }), "4060"),
        ("database_role", role("##MS_x##"), "15405"),
        ("database_role", json!({ "database": "Nowhere", "name": "r" }), "4060"),
        ("database_grants", json!({ "database": "Nowhere", "principal": "u", "permissions": ["SELECT"] }), "4060"),
    ];
    write_wrong(run, &wrong).await?;
    let since = now(run).await?;
    let said = run.apply().await?;
    are_refused(&said, &wrong)?;
    is_untouched(run, since).await?;
    is_as(run, &before).await?;
    for (name, secret) in SECRETS.iter().filter(|(_, secret)| !secret.is_empty()) {
        if said.stdout.contains(secret) || said.stderr.contains(secret) {
            fail!("the password {name} is said: {}", said.explain());
        }
    }
    Ok(())
}
