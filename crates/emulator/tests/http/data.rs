//! `--data`: what another process goes on from, and what it refuses.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use fabricmirror_emulator::emulator::{Emulator, Ready, serve_sql};
use fabricmirror_emulator::http::listen::Loopback;
use fabricmirror_emulator::parts::{Parts, Step};
use fabricmirror_emulator::scenario::{Scenario, shipped};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use crate::gateways;
use crate::scenarios::{PASSWORD, connection_to, let_write, mirror, principal, session, sql};
use crate::site::Site;

fn scenario() -> Scenario {
    Scenario::parse(shipped::text("on-premises-gateway").unwrap()).unwrap()
}

/// Addresses and ids; the certificate is another one in every process.
fn addresses(ready: &Ready) -> Value {
    let mut addresses = json!(ready);
    addresses["ca_certificate_file"].take();
    addresses
}

/// Ends the emulator, and waits until its ports are free.
async fn end(site: Site) {
    let addresses = addresses(&site.ready).to_string();
    let Site { emulator, http, .. } = site;
    drop(http);
    emulator.end().await.unwrap();
    let ports = regex::Regex::new(r"(?:localhost|127\.0\.0\.1)[:,](\d+)").unwrap();
    for port in ports.captures_iter(&addresses).map(|found| found[1].parse::<u16>().unwrap()) {
        for attempt in 0.. {
            // As the listeners of the emulator do, this may take a port whose last connections are still waiting.
            if TcpListener::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("::1", port)).is_ok() {
                break;
            }
            assert!(attempt < 100, "port {port} is still taken");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn control(site: &Site, path: &str) -> Value {
    site.control(Method::GET, path, None).await.body
}

async fn elapsed(site: &Site) -> f64 {
    control(site, "/clock").await["elapsed_s"].as_f64().unwrap()
}

/// All that can be seen of it.
async fn everything(site: &Site, operation: &str) -> Value {
    let mut all = vec![control(site, "/state").await, control(site, "/world").await, control(site, "/rest").await];
    let workspace = site.workspace();
    for path in ["", "/roleAssignments", "/folders", "/items", "/mirroredDatabases", "/recoverableItems"] {
        all.push(site.get(&format!("{workspace}{path}")).await.body);
    }
    let gateway = site.emulator.parts.scenario.gateways[0].id;
    for path in ["/connections", "/gateways", &format!("/gateways/{gateway}/members"), operation] {
        all.push(site.get(path).await.body);
    }
    for query in ["SELECT CONVERT(varchar(99), sid, 1) FROM sys.server_principals", "SELECT Name FROM dbo.Words"] {
        all.push(json!(sql(site, 0, "Sales", query).await));
    }
    // The pages of a list name an address.
    serde_json::from_str(&json!(all).to_string().replace(&site.ready.fabric.endpoint, "")).unwrap()
}

#[tokio::test]
async fn another_process_goes_on_where_one_ended() {
    /// The other tests of this process take ports too, at times the one that was just given back.
    const ATTEMPTS: usize = 4;
    for _ in 0..ATTEMPTS {
        if one_goes_on_where_another_ended().await {
            return;
        }
    }
    panic!("the addresses were others each time");
}

/// Whether it had the addresses of before.
async fn one_goes_on_where_another_ended() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state");
    let site = Site::kept_in(&file, scenario()).await;
    let beginning = control(&site, "/state").await;

    principal(&site, 0, "Sales").await;
    sql(
        &site,
        0,
        "Sales",
        "CREATE TABLE dbo.Words (Name nvarchar(9) PRIMARY KEY); INSERT INTO dbo.Words VALUES (N'ä')",
    )
    .await;
    let_write(&site, site.identity()).await;
    let gateway = site.emulator.parts.scenario.gateways[0].id;
    let values = gateways::values(&site, gateway, &gateways::basic("fabric_login", PASSWORD)).await;
    let mut body = connection_to(&site.ready.sql.server, "Sales");
    body["connectivityType"] = json!("OnPremisesGateway");
    body["gatewayId"] = json!(gateway);
    body["credentialDetails"]["credentials"] = json!({ "credentialType": "Basic", "values": values });
    let connection = site.post("/connections", body.clone()).await;
    let items = format!("{}/mirroredDatabases", site.workspace());
    let running = format!("{items}/{}", mirror(&site, "Sales", &connection, &json!({})).await.id());
    site.pass(60);
    assert_eq!(site.order(&format!("{running}/startMirroring")).await.status, 200);
    site.pass(120);
    assert_eq!(site.status(&running).await.0, "Running");
    assert!(site.tables(&running).await.contains(&"dbo.Words: Replicating 1".to_owned()));

    // From here on the service's time is behind the clock.
    site.control(Method::POST, "/snapshot", None).await;
    site.pass(100);
    assert_eq!(site.control(Method::POST, "/restore", Some(json!({ "id": 1 }))).await.status, 204);

    let folders = format!("{}/folders", site.workspace());
    assert_eq!(site.post(&folders, json!({ "displayName": "Folder" })).await.status, 201);
    assert_eq!(site.post(&items, json!({ "displayName": "Gone" })).await.status, 201);
    let gone = site.get(&items).await.body["value"].as_array().unwrap().clone();
    let gone = gone.iter().find(|item| item["displayName"] == "Gone").unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(site.delete(&format!("{items}/{gone}")).await.status, 200);
    let accepted = site.order(&format!("{}/provisionIdentity", site.workspace())).await;
    assert_eq!(accepted.status, 202);
    let operation = format!("/operations/{}", accepted.headers["x-ms-operation-id"].to_str().unwrap());
    let young = format!("{items}/{}", site.post(&items, json!({ "displayName": "Young" })).await.id());
    let binned = format!("{items}/{}", site.post(&items, json!({ "displayName": "Binned" })).await.id());
    let world = json!({ "documentation": "2025-12", "tenant_setting": "On", "item_recovery": "On" });
    site.control(Method::POST, "/world", Some(world)).await;
    assert_eq!(site.delete(&binned).await.status, 200);
    let of_one = json!({ "instance": "contoso-mi", "update_policy": "SQLServer2025" });
    assert_eq!(site.control(Method::POST, "/world", Some(of_one)).await.status, 200);
    site.control(Method::POST, "/rest", Some(json!({ "page_size": 7 }))).await;
    site.pass(5);
    let (before, spent, token) = (everything(&site, &operation).await, elapsed(&site).await, site.token.clone());
    let was = addresses(&site.ready);
    end(site).await;

    let mut site = Site::kept_in(&file, scenario()).await;
    if addresses(&site.ready) != was {
        return false;
    }
    let now = elapsed(&site).await;
    assert!((spent..spent + 1.0).contains(&now), "{spent} {now}");
    // The token of before is good for everything here.
    site.token = token;
    assert_eq!(everything(&site, &operation).await, before);

    // What waited has as long to wait.
    let another = json!({ "displayName": "Gone" });
    site.post(&items, another.clone()).await.is(409, "ItemDisplayNameNotAvailableYet");
    assert_eq!(site.get(&operation).await.body["status"], "Running");
    site.pass(9);
    assert_eq!(site.get(&operation).await.body["status"], "Running");
    site.pass(2);
    assert_eq!(site.get(&operation).await.body["status"], "Succeeded");
    assert!(site.get(&site.workspace()).await.body["workspaceIdentity"].is_object());
    site.pass(5);
    assert_eq!(site.post(&items, another).await.status, 201);
    assert_eq!(site.status(&young).await.0, "Initializing");
    site.pass(25);
    assert_eq!(site.status(&young).await.0, "Initialized");
    // The mirror takes what changes now; the connection's password, and what was encrypted for the gateway, log in.
    sql(&site, 0, "Sales", "INSERT INTO dbo.Words VALUES (N'b')").await;
    site.pass(60);
    assert!(site.tables(&running).await.contains(&"dbo.Words: Replicating 2".to_owned()));
    let path = format!("/connections/{}", connection.id());
    assert_eq!(site.order(&format!("{path}/testConnection")).await.body["status"], "Online");
    body["displayName"] = json!("again");
    assert_eq!(site.post("/connections", body).await.status, 201);

    // The beginning is still that of the scenario, and kept like everything else.
    assert_eq!(site.control(Method::POST, "/reset", None).await.status, 204);
    assert_eq!(control(&site, "/state").await, beginning);
    end(site).await;
    let site = Site::kept_in(&file, scenario()).await;
    assert_eq!(control(&site, "/state").await, beginning);
    assert_eq!(control(&site, "/rest").await["page_size"], 100);
    assert_eq!(control(&site, "/world").await["documentation"], "either");
    true
}

#[tokio::test]
async fn a_connection_to_a_port_of_before_still_leads_to_the_instance() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state");
    let site = Site::kept_in(&file, Scenario::default()).await;
    principal(&site, 0, "Sales").await;
    let connection = site.post("/connections", connection_to(&site.ready.sql.server, "Sales")).await;
    assert_eq!(connection.status, 201, "{}", connection.text);
    let port = site.ready.sql.port;
    end(site).await;
    let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    for _ in 0..2 {
        let site = Site::kept_in(&file, Scenario::default()).await;
        assert_ne!(site.ready.sql.port, port);
        let path = format!("/connections/{}", connection.id());
        assert_eq!(site.order(&format!("{path}/testConnection")).await.body["status"], "Online");
        end(site).await;
    }
    drop(taken);
}

#[tokio::test]
async fn at_the_end_no_session_changes_what_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state");
    let mut parts = Parts::prepare(Scenario::default(), 1.0, &[]).unwrap();
    parts.keep_in(&file).unwrap();
    // A session that does not hear of the end: the listener of the instance has one of its own.
    let served = serve_sql(&parts, String::new(), &CancellationToken::new()).await.unwrap();
    let entra = Loopback::bind().await.unwrap();
    let emulator = Emulator::start(parts, entra, served, CancellationToken::new()).await.unwrap();
    let mut session = session(&emulator.ready(Path::new("ca.pem")), 0, "Sales").await;
    let text = "CREATE TABLE dbo.Early (Id int); BEGIN TRAN; CREATE TABLE dbo.Late (Id int)";
    session.simple_query(text).await.unwrap().into_results().await.unwrap();
    emulator.end().await.unwrap();
    let late = session.simple_query("COMMIT").await;
    assert!(late.is_err() || late.unwrap().into_results().await.is_err());
    let site = Site::kept_in(&file, Scenario::default()).await;
    let query = "SELECT name FROM sys.tables WHERE name IN ('Early', 'Late')";
    assert_eq!(sql(&site, 0, "Sales", query).await, ["Early"]);
}

fn refusal(file: &Path, scenario: Scenario, left_out: &[Step]) -> String {
    Parts::prepare(scenario, 1.0, left_out).unwrap().keep_in(file).unwrap_err().to_string()
}

/// The file with other lines, as somebody would have written it who has them.
fn rewritten(text: &str, header: impl FnOnce(&mut Value), body: impl FnOnce(String) -> String) -> String {
    let (first, rest) = text.split_once('\n').unwrap();
    let mut first: Value = serde_json::from_str(first).unwrap();
    let rest = body(format!("\n{rest}"));
    let scenario = first["scenario"].as_str().unwrap().to_owned();
    let digest = Sha256::digest(format!("{scenario}{rest}").as_bytes());
    first["sha256"] = digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
    header(&mut first);
    format!("{first}{rest}")
}

#[tokio::test]
async fn a_file_that_does_not_fit_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state");
    end(Site::kept_in(&file, Scenario::default()).await).await;
    let good = std::fs::read_to_string(&file).unwrap();
    let unchanged = rewritten(&good, |_| {}, |body| body);
    let (damaged, version) = ("no state of an emulator, or damaged", "another version of the emulator");
    let cases = [
        (String::new(), damaged),
        ("{}".to_owned(), damaged),
        ("a letter to a friend\n".to_owned(), damaged),
        (good[..good.len() - 10].to_owned(), damaged),
        (good.replacen("Admin", "Adnim", 1), damaged),
        (good.lines().next().unwrap().to_owned(), damaged),
        (rewritten(&good, |first| first["version"] = 1.into(), |body| body), version),
        (rewritten(&good, |_| {}, |body| body.replacen("\"workspaces\"", "\"rooms\"", 1)), version),
        (rewritten(&good, |_| {}, |body| body.rsplit_once('\n').unwrap().0.to_owned()), version),
    ];
    for (text, reason) in cases {
        std::fs::write(&file, &text).unwrap();
        let message = refusal(&file, Scenario::default(), &[]);
        assert!(message.contains(reason), "{message}");
        assert!(message.starts_with(file.to_str().unwrap()) && message.contains("move it away to begin anew"));
        assert!(std::fs::read_to_string(&file).unwrap() == text, "{message}");
    }
    // Another beginning: by the scenario, and by what is left out of it. A description does not count.
    std::fs::write(&file, &unchanged).unwrap();
    let mut other = Scenario::default();
    other.workspaces[0].display_name.push('!');
    let other = refusal(&file, other, &[]);
    let broken = refusal(&file, Scenario::default(), &[Step::Gateway]);
    for message in [other, broken] {
        assert!(message.contains("of another scenario, or of other --break steps"), "{message}");
    }
    let described = Scenario { description: "the same".to_owned(), ..Scenario::default() };
    end(Site::kept_in(&file, described).await).await;
    // An instance that is not understood is found out when it is made.
    let strange = rewritten(&good, |_| {}, |body| body.replacen("\"server_principals\"", "\"people\"", 1));
    std::fs::write(&file, &strange).unwrap();
    let mut parts = Parts::prepare(Scenario::default(), 1.0, &[]).unwrap();
    parts.keep_in(&file).unwrap();
    let error = serve_sql(&parts, String::new(), &Default::default()).await;
    assert!(error.err().unwrap().to_string().contains(version));
    assert!(std::fs::read_to_string(&file).unwrap() == strange);
    drop(parts);
    let message = refusal(folder.path(), Scenario::default(), &[]);
    assert!(message.contains("cannot be read"), "{message}");
}
