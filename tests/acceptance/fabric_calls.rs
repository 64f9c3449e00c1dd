//! How Fabric is called: as seldom as can be, not before it wants to be, and through whatever stands in between.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fabricmirror_tests::emulator::Options;
use fabricmirror_tests::proxy::Proxy;
use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::hcl::HEAD;
use crate::world::{import, now, portal};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(what_a_plan_of_many_mirrors_asks, Options { scenario: Some(scenario(5, 40)), ..Options::default() })
            .once(),
        case!(a_plan_at_night, Options { scenario: Some(scenario(3, 0)), ..Options::default() }).once(),
        case!(an_apply_that_is_throttled).once(),
        case!(a_proxy_on_the_way).once(),
    ]
}

const APPLICATION: &str = "a11ce000-1b2c-4d3e-8f40-5a6b7c8d9e02";
const IDENTITY: &str = "1de47171-90ab-4cde-8f12-3456789abc04";
const CAPACITY: &str = "ca9ac171-4e5f-4a6b-8c8d-9e0f1a2b3c08";

fn workspace(number: usize) -> String {
    format!("3095face-5f6a-4b7c-8d9e-{number:012}")
}

/// So many workspaces, in which the instance's identity may write, and databases besides the tutorial's.
fn scenario(workspaces: usize, databases: usize) -> String {
    let workspaces = (0..workspaces).map(|number| {
        let role = |principal: &str, role: &str| json!({ "principal_id": principal, "role": role });
        json!({
            "id": workspace(number), "display_name": format!("W{number}"), "capacity_id": CAPACITY,
            "roles": [role(APPLICATION, "Admin"), role(IDENTITY, "Contributor")],
        })
    });
    let databases = std::iter::once("Sales".to_owned()).chain((0..databases).map(|number| format!("D{number}")));
    let databases =
        databases.map(|name| json!({ "name": name, "script": "CREATE TABLE dbo.T (Id int NOT NULL PRIMARY KEY);" }));
    json!({
        "workspaces": workspaces.collect::<Vec<_>>(),
        "instance": { "databases": databases.collect::<Vec<_>>() },
        "rest": { "page_size": 25 },
    })
    .to_string()
}

/// Mirrors made in the portal, and the configuration that imports them with everything around them.
struct Estate {
    configuration: String,
    mirrors: usize,
    running: usize,
}

impl Estate {
    /// So many mirrors in each workspace. As many of the first ones run as there are databases, each with a connection of
    /// its own; the others were never started.
    async fn make(run: &Run, workspaces: usize, each: usize, databases: usize) -> Result<Self> {
        let mut text = HEAD.to_owned();
        let mut imports = String::new();
        let mut connections = Vec::new();
        for name in std::iter::once("Sales".to_owned()).chain((0..databases).map(|number| format!("D{number}"))) {
            let id = connection(run, &name).await?;
            let server = &run.emulator.ready.sql.server;
            let _ = writeln!(
                text,
                "resource \"fabricmirror_connection\" \"{name}\" {{\n  display_name = \"{name}\"\n  server = \
                 \"{server}\"\n  database = \"{name}\"\n}}"
            );
            imports += &import(&format!("fabricmirror_connection.{name}"), &id);
            connections.push(id);
        }
        for number in 0..workspaces {
            let id = workspace(number);
            let _ = writeln!(
                text,
                "resource \"fabricmirror_workspace_role_assignment\" \"w{number}\" {{\n  workspace_id = \"{id}\"\n  \
                 principal = {{ id = \"{IDENTITY}\", type = \"ServicePrincipal\" }}\n  role = \"Contributor\"\n}}"
            );
            imports +=
                &import(&format!("fabricmirror_workspace_role_assignment.w{number}"), &format!("{id}/{IDENTITY}"));
        }
        let mut items = Vec::new();
        for number in 0..workspaces * each {
            let (name, workspace) = (format!("m{number:03}"), workspace(number / each));
            let connection = if number < databases { &connections[number + 1] } else { &connections[0] };
            let list = format!("/workspaces/{workspace}/mirroredDatabases");
            let new = json!({ "displayName": name, "definition": definition(connection) });
            let made = portal(run, "POST", &list, Some(new)).await?;
            let id = made["id"].as_str().ok_or("the mirror has no id")?.to_owned();
            let state = if number < databases { "running" } else { "stopped" };
            let _ = writeln!(
                text,
                "resource \"fabricmirror_mirrored_database\" \"{name}\" {{\n  workspace_id = \"{workspace}\"\n  \
                 display_name = \"{name}\"\n  connection_id = \"{connection}\"\n}}\nresource \"fabricmirror_replication\" \
                 \"{name}\" {{\n  workspace_id = \"{workspace}\"\n  mirrored_database_id = \"{id}\"\n  state = \
                 \"{state}\"\n}}"
            );
            for kind in ["mirrored_database", "replication"] {
                imports += &import(&format!("fabricmirror_{kind}.{name}"), &format!("{workspace}/{id}"));
            }
            items.push(format!("{list}/{id}"));
        }
        run.emulator.advance(120).await?;
        for item in &items[..databases] {
            portal(run, "POST", &format!("{item}/startMirroring"), None).await?;
        }
        run.emulator.advance(600).await?;
        run.write("imports.tf", &imports)?;
        Ok(Self { configuration: text, mirrors: items.len(), running: databases })
    }
}

/// A connection to a database, as the administrator.
async fn connection(run: &Run, database: &str) -> Result<String> {
    let sql = &run.emulator.ready.sql;
    let text = |name: &str, value: &str| json!({ "dataType": "Text", "name": name, "value": value });
    let new = json!({
        "connectivityType": "ShareableCloud",
        "displayName": database,
        "connectionDetails": {
            "type": "AzureSqlMI",
            "creationMethod": "AzureSqlMI.Database",
            "parameters": [text("server", &sql.server), text("database", database)],
        },
        "privacyLevel": "Organizational",
        "credentialDetails": {
            "singleSignOnType": "None",
            "connectionEncryption": "Encrypted",
            "skipTestConnection": false,
            "credentials": { "credentialType": "Basic", "username": sql.username, "password": sql.password },
        },
    });
    let made = portal(run, "POST", "/connections", Some(new)).await?;
    Ok(made["id"].as_str().ok_or("the connection has no id")?.to_owned())
}

fn definition(connection: &str) -> Value {
    use base64::Engine as _;
    let properties = json!({ "properties": {
        "source": { "type": "AzureSqlMI", "typeProperties": { "connection": connection } },
        "target": { "type": "MountedRelationalDatabase", "typeProperties": { "format": "Delta", "retentionInDays": 7 } },
    } });
    let payload = base64::engine::general_purpose::STANDARD.encode(properties.to_string());
    json!({ "parts": [{ "path": "mirroring.json", "payload": payload, "payloadType": "InlineBase64" }] })
}

/// What was asked since then, each id a star; of SQL nothing but that.
async fn asked(run: &Run, since: usize) -> Result<BTreeMap<String, usize>> {
    let mut asked = BTreeMap::new();
    for entry in run.emulator.requests().await?.split_off(since) {
        let line = match (entry["channel"].as_str(), entry["path"].as_str()) {
            (Some("token"), _) => continue,
            (Some("rest"), Some(path)) => {
                let path = path.split('?').next().unwrap_or_default();
                let segments = path.split('/').map(|it| if uuid::Uuid::try_parse(it).is_ok() { "*" } else { it });
                let method = entry["method"].as_str().unwrap_or_default();
                format!("{method} {}", segments.collect::<Vec<_>>().join("/"))
            }
            _ => "SQL".to_owned(),
        };
        *asked.entry(line).or_default() += 1;
    }
    Ok(asked)
}

async fn what_a_plan_of_many_mirrors_asks(run: &mut Run) -> Result<()> {
    const WORKSPACES: usize = 5;
    let estate = Estate::make(run, WORKSPACES, 40, 40).await?;
    run.write("main.tf", &estate.configuration)?;
    let pages = |count: usize| count.div_ceil(25);
    let item = "POST /v1/workspaces/*/mirroredDatabases/*";
    let allowed: BTreeMap<String, usize> = [
        ("GET /v1/connections".to_owned(), pages(estate.running + 1)),
        ("GET /v1/workspaces/*/mirroredDatabases".to_owned(), WORKSPACES * pages(estate.mirrors / WORKSPACES)),
        ("GET /v1/workspaces/*/roleAssignments".to_owned(), WORKSPACES),
        (format!("{item}/getDefinition"), estate.mirrors),
        (format!("{item}/getMirroringStatus"), estate.mirrors),
        (format!("{item}/getTablesMirroringStatus"), estate.running),
    ]
    .into();
    // An import asks for no more than a plan, and for all of it.
    let since = now(run).await?;
    run.plan().await?.said.does_not_say("not healthy")?;
    let of_the_import = asked(run, since).await?;
    if of_the_import != allowed {
        fail!("an import asks for {of_the_import:#?} and not for {allowed:#?}");
    }
    run.apply_planned().await?.success()?;
    std::fs::remove_file(run.folder.join("imports.tf"))?;
    let since = now(run).await?;
    run.plan().await?.is_empty()?;
    let of_the_plan = asked(run, since).await?;
    if of_the_plan != allowed {
        fail!("a plan asks for {of_the_plan:#?} and not for {allowed:#?}");
    }
    let since = now(run).await?;
    run.apply_planned().await?.success()?;
    let of_nothing = asked(run, since).await?;
    if !of_nothing.is_empty() {
        fail!("to change nothing was asked for {of_nothing:#?}");
    }
    Ok(())
}

async fn a_plan_at_night(run: &mut Run) -> Result<()> {
    const WORKSPACES: usize = 3;
    let estate = Estate::make(run, WORKSPACES, 10, 0).await?;
    run.write("main.tf", &estate.configuration)?;
    run.apply().await?.success()?;
    std::fs::remove_file(run.folder.join("imports.tf"))?;
    for how in ["NotFound", "NotFoundWithoutBody", "Unavailable"] {
        run.emulator.choose(json!({ "paused_capacity": how })).await?;
        run.emulator.world(json!({ "capacity_state": "Inactive" })).await?;
        let since = now(run).await?;
        let plan = run.plan().await?;
        plan.is_empty()?;
        // The CLI has one of its own, of where the provider comes from.
        let warnings = plan.said.diagnostics().into_iter().filter(|it| !it.address.is_empty()).collect::<Vec<_>>();
        if warnings.len() != WORKSPACES || warnings.iter().any(|it| !it.summary.contains("capacity is paused")) {
            fail!("{how}: not one warning for each workspace: {}", plan.said.explain());
        }
        // Each workspace is asked until the first answer, by as many as ask at the same time.
        let asked: usize = asked(run, since).await?.values().sum();
        if asked > 1 + 2 * WORKSPACES + 30 {
            fail!("{how}: {asked} questions to a capacity that is paused");
        }
    }
    run.emulator.world(json!({ "capacity_state": "Active" })).await?;
    run.plan().await?.is_empty()
}

/// Three of ten calls are refused. Each waits its time, and so does everybody else.
async fn an_apply_that_is_throttled(run: &mut Run) -> Result<()> {
    const MIRRORS: usize = 20;
    const PATIENCE: u64 = 2;
    let sql = &run.emulator.ready.sql;
    let mut text = format!(
        "{HEAD}resource \"fabricmirror_connection\" \"source\" {{\n  display_name = \"source\"\n  server = \"{}\"\n  database = \
         \"Sales\"\n  basic = {{ username = \"{}\", password_wo = \"{}\", password_wo_version = 1 }}\n}}\n",
        sql.server, sql.username, sql.password
    );
    let workspace = run.emulator.ready.scenario.workspace_id.clone();
    for number in 0..MIRRORS {
        let _ = writeln!(
            text,
            "resource \"fabricmirror_mirrored_database\" \"m{number}\" {{\n  workspace_id = \"{workspace}\"\n  display_name \
             = \"m{number}\"\n  connection_id = fabricmirror_connection.source.id\n}}"
        );
    }
    run.write("main.tf", &text)?;
    let throttle = json!({ "throttle_s": PATIENCE });
    run.emulator
        .plant(json!({ "match": { "channel": "rest" }, "count": 0, "percent": 30, "effect": throttle }))
        .await?;
    run.apply().await?.success()?;
    run.emulator.clear_faults().await?;
    is_patient(&run.emulator.requests().await?, PATIENCE)?;
    let there = run.emulator.state().await?["fabric"]["mirrored_databases"].as_array().map_or(0, Vec::len);
    if there != MIRRORS {
        fail!("{there} mirrors were made");
    }
    run.plan().await?.is_empty()
}

/// What was sent before a refusal arrived may come after it; nothing else comes before its time.
fn is_patient(journal: &[Value], patience: u64) -> Result<()> {
    let calls: Vec<&Value> = journal.iter().filter(|it| it["channel"] == "rest").collect();
    let began = |call: &Value| -> Result<Timestamp> { Ok(call["at"].as_str().ok_or("no time")?.parse()?) };
    let mut refused = 0;
    for (index, call) in calls.iter().enumerate().filter(|(_, call)| call["status"] == 429) {
        refused += 1;
        let answered = began(call)? + SignedDuration::from_secs_f64(call["ms"].as_f64().unwrap_or_default() / 1000.0);
        let until = answered + SignedDuration::try_from(std::time::Duration::from_secs(patience))?;
        for other in &calls[index + 1..] {
            let of = |it: &Value| (it["method"].clone(), it["path"].clone(), it["body"].clone());
            // Creates tell who sent them; the reads of a connection are everybody's.
            let is_same = call["method"] == "POST" && of(other) == of(call);
            // The journal knows milliseconds.
            let sent_before = SignedDuration::from_millis(if is_same { 1 } else { 600 });
            let at = began(other)?;
            if at > answered + sent_before && at + SignedDuration::from_millis(2) < until {
                fail!("{other} came {:?} before the end of {call}", until.duration_since(at));
            }
        }
    }
    let share = refused * 100 / calls.len();
    if (25..=32).contains(&share) { Ok(()) } else { fail!("{refused} of {} calls were throttled", calls.len()) }
}

async fn a_proxy_on_the_way(run: &mut Run) -> Result<()> {
    let workspace = run.emulator.ready.scenario.workspace_id.clone();
    let identity = run.emulator.ready.scenario.instance_identity_object_id.clone();
    run.write(
        "main.tf",
        &format!(
            "{HEAD}resource \"fabricmirror_workspace_role_assignment\" \"x\" {{\n  workspace_id = \"{workspace}\"\n  principal \
             = {{ id = \"{identity}\", type = \"ServicePrincipal\" }}\n  role = \"Contributor\"\n}}\n"
        ),
    )?;
    let direct: Vec<(String, String)> =
        run.environment().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    // Only through the proxy is there a service of this name, and its certificate is the proxy's.
    let proxy = Proxy::start(&run.emulator, &run.folder).await?;
    for (name, value) in proxy.environment() {
        run.set(name, &value);
        if name == "SSL_CERT_FILE" {
            run.set("FABRICMIRROR_CA_CERTIFICATE_FILE", &value);
        }
    }
    run.set("FABRIC_ENDPOINT", "https://api.fabric.microsoft.com");
    run.set("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com");
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    if !proxy.refused().is_empty() {
        fail!("somebody else was asked for: {:?}", proxy.refused());
    }
    drop(proxy);

    // Nobody listens there any more.
    let named = "through the proxy http://127.0.0.1:9";
    for variable in ["HTTPS_PROXY", "https_proxy"] {
        run.set(variable, "http://somebody:password-hunter2@127.0.0.1:9");
    }
    let error = run.plan().await?.said.fails_with(named)?;
    if format!("{error:?}").contains("hunter2") {
        fail!("the proxy's password is shown: {error:?}");
    }
    // What NO_PROXY names is reached without.
    for (name, value) in direct {
        run.set(&name, &value);
    }
    for variable in ["NO_PROXY", "no_proxy"] {
        run.set(variable, "localhost");
    }
    run.plan().await?.is_empty()
}
