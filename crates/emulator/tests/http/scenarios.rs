//! Every shipped scenario starts, and shows what makes it special. The instances are real here, and spoken to by tiberius.

use fabricmirror_emulator::emulator::Ready;
use fabricmirror_emulator::parts::{Parts, Step};
use fabricmirror_emulator::scenario::{Scenario, shipped};
use fabricmirror_emulator::world::{PrimaryIdentity, UpdatePolicy};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use crate::gateways;
use crate::site::{Answer, Site, connection, definition, listed};

pub const PASSWORD: &str = "Str0ng!Passw0rd2";

async fn start(name: &str) -> Site {
    Site::with_sql(Scenario::parse(shipped::text(name).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}")))
        .await
}

/// A session of the administrator of an instance.
pub async fn session(ready: &Ready, instance: usize, database: &str) -> tiberius::Client<Compat<TcpStream>> {
    let sql = &ready.instances[instance].sql;
    let mut config = tiberius::Config::new();
    config.host(&sql.host);
    config.port(sql.port);
    config.database(database);
    config.authentication(tiberius::AuthMethod::sql_server(&sql.username, &sql.password));
    config.trust_cert();
    let stream = TcpStream::connect(config.get_addr()).await.unwrap();
    tiberius::Client::connect(config, stream.compat_write()).await.unwrap()
}

/// Runs T-SQL there; answers the first column of its rows.
pub async fn sql(site: &Site, instance: usize, database: &str, text: &str) -> Vec<String> {
    let mut client = session(&site.ready, instance, database).await;
    let rows = client.simple_query(text).await.unwrap().into_first_result().await.unwrap();
    rows.iter().map(|row| row.get::<&str, _>(0).unwrap_or_default().to_owned()).collect()
}

/// The tutorial's SQL, as the December 2025 text has it.
pub async fn principal(site: &Site, instance: usize, database: &str) {
    let login = format!("CREATE LOGIN fabric_login WITH PASSWORD = '{PASSWORD}'");
    sql(site, instance, "master", &login).await;
    let grants = "CREATE USER fabric_user FOR LOGIN fabric_login; GRANT SELECT, ALTER ANY EXTERNAL MIRROR, \
                  VIEW DATABASE PERFORMANCE STATE, VIEW DATABASE SECURITY STATE TO fabric_user";
    sql(site, instance, database, grants).await;
}

pub fn connection_to(server: &str, database: &str) -> Value {
    let mut body = connection(server);
    body["connectionDetails"]["parameters"][0]["value"] = json!(server);
    body["connectionDetails"]["parameters"][1]["value"] = json!(database);
    body["credentialDetails"]["credentials"]["password"] = json!(PASSWORD);
    body
}

pub async fn let_write(site: &Site, identity: uuid::Uuid) {
    let body = json!({ "principal": { "id": identity, "type": "ServicePrincipal" }, "role": "Contributor" });
    assert_eq!(site.post(&format!("{}/roleAssignments", site.workspace()), body).await.status, 201);
}

pub async fn mirror(site: &Site, name: &str, connection: &Answer, more: &Value) -> Answer {
    assert_eq!(connection.status, 201, "{}", connection.text);
    let body = json!({ "displayName": name, "definition": definition(&connection.id(), more) });
    site.post(&format!("{}/mirroredDatabases", site.workspace()), body).await
}

/// The tutorial for the first instance; answers the mirror's path, a while after the start.
async fn mirrored(site: &Site, more: &Value) -> String {
    principal(site, 0, "Sales").await;
    let_write(site, site.identity()).await;
    let connection = site.post("/connections", connection_to(&site.ready.sql.server, "Sales")).await;
    let created = mirror(site, "Sales", &connection, more).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let mirror = format!("{}/mirroredDatabases/{}", site.workspace(), created.id());
    site.pass(60);
    assert_eq!(site.order(&format!("{mirror}/startMirroring")).await.status, 200);
    site.pass(90);
    mirror
}

#[test]
fn those_listed_are_those_in_the_folder_and_say_what_they_are() {
    let folder = std::path::Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("scenarios");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap().trim_end_matches(".json").to_owned())
        .collect();
    files.sort();
    assert_eq!(files, shipped::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (name, text) in shipped::ALL {
        let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{name} {error}"));
        assert!(scenario.description.ends_with('.'), "{name}");
    }
}

#[tokio::test]
async fn tutorial() {
    let site = start("tutorial").await;
    let mirror = mirrored(&site, &json!({})).await;
    assert_eq!(site.status(&mirror).await.0, "Running");
    assert_eq!(
        site.tables(&mirror).await,
        [
            "dbo.Customers: Replicating 4",
            "dbo.Documents: Replicating 2",
            "dbo.OrderLines: Replicating 7",
            "dbo.Orders: Replicating 5",
            "sales.Regions: Replicating 3"
        ]
    );
}

#[tokio::test]
async fn paused_capacity() {
    let site = start("paused-capacity").await;
    assert_eq!(site.get("/capacities").await.body["value"][0]["state"], "Inactive");
    let items = format!("{}/mirroredDatabases", site.workspace());
    site.get(&items).await.is(404, "CapacityNotActive");
    site.control(Method::POST, "/world", Some(json!({ "capacity_state": "Active" }))).await;
    assert_eq!(site.get(&items).await.status, 200);
}

#[tokio::test]
async fn wrong_update_policy() {
    let site = start("wrong-update-policy").await;
    let type_of = "SELECT CAST(SERVERPROPERTY('ProductUpdateType') AS nvarchar(20))";
    assert_eq!(sql(&site, 0, "master", type_of).await, ["CU"]);
    // The permissions of later policies do not exist there, so the principal cannot be made as the tutorial says.
    let_write(&site, site.identity()).await;
    sql(&site, 0, "master", &format!("CREATE LOGIN fabric_login WITH PASSWORD = '{PASSWORD}'")).await;
    sql(
        &site,
        0,
        "Sales",
        "CREATE USER fabric_user FOR LOGIN fabric_login; ALTER ROLE db_owner ADD MEMBER fabric_user",
    )
    .await;
    let connection = site.post("/connections", connection_to(&site.ready.sql.server, "Sales")).await;
    let created = mirror(&site, "Sales", &connection, &json!({})).await;
    let mirror = format!("{}/mirroredDatabases/{}", site.workspace(), created.id());
    site.pass(60);
    site.order(&format!("{mirror}/startMirroring")).await;
    site.pass(60);
    let (status, error) = site.status(&mirror).await;
    assert_eq!((status.as_str(), &error["errorCode"]), ("Stopped", &json!("UnsupportedUpdatePolicy")));
}

#[tokio::test]
async fn user_assigned_identity() {
    let site = start("user-assigned-identity").await;
    let primary = "SELECT identity_type FROM sys.dm_server_managed_identities WHERE is_primary = 1";
    assert_eq!(sql(&site, 0, "master", primary).await, ["User-assigned"]);
    let mirror = mirrored(&site, &json!({})).await;
    let (status, error) = site.status(&mirror).await;
    assert_eq!((status.as_str(), &error["errorCode"]), ("Stopped", &json!("ManagedIdentityNotPrimary")));
}

#[tokio::test]
async fn private_endpoint() {
    let site = start("private-endpoint").await;
    principal(&site, 0, "Sales").await;
    let instance = site.ready.instances[0].clone();
    // From the cloud no spelling leads there.
    for server in [&instance.public_server, &instance.private_server, &instance.sql.server] {
        site.post("/connections", connection_to(server, "Sales")).await.is(400, "CreateGatewayConnectionFailed");
    }
    let gateway = site.get("/gateways").await.body["value"][0]["id"].clone();
    let mut body = connection_to(&instance.private_server, "Sales");
    body["connectivityType"] = json!("VirtualNetworkGateway");
    body["gatewayId"] = gateway;
    let connection = site.post("/connections", body).await;
    let_write(&site, site.identity()).await;
    let created = mirror(&site, "Sales", &connection, &json!({})).await;
    let mirror = format!("{}/mirroredDatabases/{}", site.workspace(), created.id());
    site.pass(60);
    site.order(&format!("{mirror}/startMirroring")).await;
    site.pass(90);
    assert_eq!(site.status(&mirror).await.0, "Running");
}

#[tokio::test]
async fn on_premises_gateway() {
    let site = start("on-premises-gateway").await;
    principal(&site, 0, "Sales").await;
    let_write(&site, site.identity()).await;
    let gateway = &site.get("/gateways").await.body["value"][0];
    assert_eq!((&gateway["type"], &gateway["numberOfMemberGateways"]), (&json!("OnPremises"), &json!(2)));
    let id = gateway["id"].as_str().unwrap().parse().unwrap();
    let values = gateways::values(&site, id, &gateways::basic("fabric_login", PASSWORD)).await;
    let mut body = connection_to(&site.ready.instances[0].private_server, "Sales");
    body["connectivityType"] = json!("OnPremisesGateway");
    body["gatewayId"] = json!(id);
    body["credentialDetails"]["credentials"] = json!({ "credentialType": "Basic", "values": values });
    let connection = site.post("/connections", body).await;
    let created = mirror(&site, "Sales", &connection, &json!({})).await;
    let mirror = format!("{}/mirroredDatabases/{}", site.workspace(), created.id());
    site.pass(60);
    site.order(&format!("{mirror}/startMirroring")).await;
    site.pass(90);
    assert_eq!(site.status(&mirror).await.0, "Running");
}

#[tokio::test]
async fn five_hundred_tables() {
    let site = start("five-hundred-tables").await;
    let mirror = mirrored(&site, &json!({})).await;
    let names = |tables: &[Value]| -> Vec<String> {
        tables.iter().map(|table| table["sourceTableName"].as_str().unwrap().to_owned()).collect()
    };
    let (mut found, mut next) = (Vec::new(), String::new());
    loop {
        let page = site.order(&format!("{mirror}/getTablesMirroringStatus{next}")).await;
        found.extend(names(page.body["data"].as_array().unwrap()));
        let Some(token) = page.body["continuationToken"].as_str() else { break };
        next = format!("?continuationToken={token}");
    }
    assert_eq!((found.len(), found[0].as_str(), found[499].as_str()), (500, "T0001", "T0500"));
    let tables: Vec<String> = (1..=501).map(|n| format!("T{n:04}")).collect();
    let tables: Vec<(&str, &str)> = tables.iter().map(|name| ("dbo", name.as_str())).collect();
    let connection = site.get("/connections").await.body["value"][0]["id"].as_str().unwrap().to_owned();
    let body = json!({ "displayName": "Listed", "definition": definition(&connection, &listed(&tables)) });
    assert_eq!(site.post(&format!("{}/mirroredDatabases", site.workspace()), body).await.status, 400);
}

/// Rule, table, and what its status says of it: the table rules of sql-mi facts §5.2.
const KINDS: [(&str, &str); 23] = [
    ("Plain", ""),
    ("T01_MemoryOptimized", "memory-optimized"),
    ("T02_Temporal", ""),
    ("T02_TemporalHistory", "temporal history"),
    ("T03_Ledger", ""),
    ("T03_LedgerHistory", "ledger history"),
    ("T04_Edge", "graph"),
    ("T04_Node", "graph"),
    ("T06_Encrypted", "Always Encrypted"),
    ("T07_Columnstore", "clustered columnstore"),
    ("T08_Json", "json"),
    ("T09_KeyDatetime2", "primary key"),
    ("T09_KeyOffset", "primary key"),
    ("T09_KeyTime", "primary key"),
    ("T09_KeyVariant", "primary key"),
    ("T10_Heap", ""),
    ("T11_Large", ""),
    ("T12_Precise", ""),
    ("T13_Computed", "not mirrored: Twice"),
    ("T14_Types", "not mirrored: A, B, C, D, E, F, G, H"),
    ("T15_Hierarchy", "not mirrored: Place"),
    ("T17_Names", ""),
    ("T18_View", "does not exist"),
];

#[tokio::test]
async fn one_table_of_each_kind() {
    let site = start("one-table-of-each-kind").await;
    let tables = KINDS.map(|(name, _)| ("dbo", name));
    let mirror = mirrored(&site, &listed(&tables)).await;
    let answer = site.order(&format!("{mirror}/getTablesMirroringStatus")).await;
    let mut got: Vec<(String, String, String)> = answer.body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&table["sourceTableName"]), text(&table["status"]), text(&table["error"]["message"]))
        })
        .collect();
    got.sort();
    let mut kinds = KINDS;
    kinds.sort_unstable();
    assert_eq!(got.len(), kinds.len());
    for ((name, status, message), (table, says)) in got.iter().zip(kinds) {
        assert_eq!(name, table);
        assert!(message.contains(says) && says.is_empty() == message.is_empty(), "{name}: {message}");
        let is_mirrored = says.is_empty() || says.starts_with("not mirrored");
        assert_eq!(status == "Replicating", is_mirrored, "{name}: {status}");
    }
    // Nothing is in the database that is not in the list.
    let source = sql(&site, 0, "Sales", "SELECT name FROM sys.tables ORDER BY name").await;
    let listed: Vec<&str> = kinds.iter().map(|(name, _)| *name).filter(|name| *name != "T18_View").collect();
    assert_eq!(source, listed);
}

/// What two instances say of themselves, and `GET /world` of them and of all: policy and identity.
async fn policies(site: &Site) -> Vec<String> {
    let own = "SELECT CONCAT(CAST(SERVERPROPERTY('ProductUpdateType') AS nvarchar(20)), \
               CAST(SERVERPROPERTY('ProductMajorVersion') AS nvarchar(20)), ' ', identity_type) \
               FROM sys.dm_server_managed_identities WHERE is_primary = 1";
    let mut all = vec![sql(site, 0, "master", own).await.concat(), sql(site, 1, "master", own).await.concat()];
    let world = site.control(Method::GET, "/world", None).await.body;
    let of = |facts: &Value| format!("{} {}", facts["update_policy"], facts["primary_identity"]).replace('"', "");
    let instances = world["instances"].as_array().unwrap();
    all.extend(instances.iter().map(|own| format!("{}: {}", own["name"].as_str().unwrap(), of(own))));
    all.push(of(&world));
    all
}

#[tokio::test]
async fn instances_differ_in_policy_and_identity() {
    let mut scenario = Scenario::parse(shipped::text("several-instances").unwrap()).unwrap();
    scenario.other_instances[0].update_policy = Some(UpdatePolicy::SQLServer2022);
    scenario.world.update_policy = UpdatePolicy::SQLServer2025;
    let left_out = Parts::prepare(scenario.clone(), 0.0, &[Step::PrimaryIdentity]).unwrap().beginning;
    assert!(left_out.instances.iter().all(|own| own.primary_identity == PrimaryIdentity::UserAssigned));
    assert_eq!(left_out.instances[0].update_policy, UpdatePolicy::SQLServer2025);

    let site = Site::with_sql(scenario).await;
    let world = async |body: Value| {
        let answer = site.control(Method::POST, "/world", Some(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.body, site.control(Method::GET, "/world", None).await.body);
    };
    let beginning = policies(&site).await;
    let expected = [
        "CU17 System-assigned",
        "CU16 System-assigned",
        "contoso-mi: SQLServer2025 SystemAssigned",
        "fabrikam-mi: SQLServer2022 SystemAssigned",
        "SQLServer2025 SystemAssigned",
    ];
    assert_eq!(beginning, expected);
    assert_eq!(site.control(Method::POST, "/snapshot", None).await.status, 201);

    // Of one, and what is said of something else leaves it alone.
    world(json!({ "instance": "FABRIKAM-MI", "primary_identity": "UserAssigned" })).await;
    world(json!({ "instance": "contoso-mi.abc123.database.windows.net", "update_policy": "AlwaysUpToDate" })).await;
    world(json!({ "documentation": "2025-12" })).await;
    let expected = [
        "Continuous17 System-assigned",
        "CU16 User-assigned",
        "contoso-mi: AlwaysUpToDate SystemAssigned",
        "fabrikam-mi: SQLServer2022 UserAssigned",
        "SQLServer2025 SystemAssigned",
    ];
    assert_eq!(policies(&site).await, expected);

    // Each mirror stands on its own instance.
    for (place, name) in ["Contoso", "Fabrikam"].into_iter().enumerate() {
        let instance = site.ready.instances[place].clone();
        let login = format!("CREATE LOGIN fabric_login WITH PASSWORD = '{PASSWORD}'");
        sql(&site, place, "master", &login).await;
        let user = "CREATE USER fabric_user FOR LOGIN fabric_login; ALTER ROLE db_owner ADD MEMBER fabric_user";
        sql(&site, place, "Sales", user).await;
        let_write(&site, instance.identity_object_id).await;
        let connection = site.post("/connections", connection_to(&instance.sql.server, "Sales")).await;
        let created = mirror(&site, name, &connection, &json!({})).await;
        site.pass(60);
        let mirror = format!("{}/mirroredDatabases/{}", site.workspace(), created.id());
        site.order(&format!("{mirror}/startMirroring")).await;
        site.pass(90);
        let (status, error) = site.status(&mirror).await;
        let code = error["errorCode"].as_str().unwrap_or_default();
        let expected = [("Running", ""), ("Stopped", "UnsupportedUpdatePolicy")][place];
        assert_eq!((status.as_str(), code), expected);
        if place == 1 {
            world(json!({ "instance": "fabrikam-mi", "update_policy": "SQLServer2025" })).await;
            site.order(&format!("{mirror}/startMirroring")).await;
            site.pass(60);
            assert_eq!(site.status(&mirror).await.1["errorCode"], "ManagedIdentityNotPrimary");
        }
    }

    // Of all again, one key at a time.
    world(json!({ "primary_identity": "SystemAssigned" })).await;
    assert_eq!(policies(&site).await[..2], ["Continuous17 System-assigned", "CU17 System-assigned"]);
    world(json!({ "update_policy": "SQLServer2022" })).await;
    assert_eq!(policies(&site).await[..2], ["CU16 System-assigned", "CU16 System-assigned"]);
    assert_eq!(site.control(Method::POST, "/restore", Some(json!({ "id": 1 }))).await.status, 204);
    assert_eq!(policies(&site).await, beginning);
    world(json!({ "update_policy": "AlwaysUpToDate" })).await;
    assert_eq!(site.control(Method::POST, "/reset", None).await.status, 204);
    assert_eq!(policies(&site).await, beginning);
}

#[tokio::test]
async fn several_instances() {
    let site = start("several-instances").await;
    let [first, second] = &site.ready.instances[..] else { panic!("two instances") };
    assert_ne!(first.sql.port, second.sql.port);
    assert_eq!(sql(&site, 1, "master", "SELECT @@SERVERNAME").await, ["fabrikam-mi.def456.database.windows.net"]);
    assert_eq!(sql(&site, 0, "master", "SELECT @@SERVERNAME").await, ["contoso-mi.abc123.database.windows.net"]);
    // A principal of one is unknown to the other.
    principal(&site, 1, "Sales").await;
    site.post("/connections", connection_to(&first.sql.server, "Sales")).await.is(400, "IncorrectCredentials");
    let connection = site.post("/connections", connection_to(&second.public_server, "Sales")).await;
    let created = mirror(&site, "Fabrikam", &connection, &json!({})).await;
    let mirror = format!("{}/mirroredDatabases/{}", site.workspace(), created.id());
    site.pass(60);
    // The identity of the first is no help to the second.
    let_write(&site, first.identity_object_id).await;
    site.order(&format!("{mirror}/startMirroring")).await;
    site.pass(90);
    assert_eq!(site.tables(&mirror).await, ["dbo.Invoices: Failed -"]);
    let_write(&site, second.identity_object_id).await;
    site.pass(60);
    assert_eq!(site.tables(&mirror).await, ["dbo.Invoices: Replicating 2"]);
    // The database of the same name on the first is not touched, and the change feed goes off where it went on.
    let feeds = "SELECT name FROM sys.databases WHERE is_change_feed_enabled = 1";
    assert_eq!((sql(&site, 0, "master", feeds).await.len(), sql(&site, 1, "master", feeds).await.len()), (0, 1));
    assert_eq!(site.delete(&format!("/connections/{}", connection.id())).await.status, 200);
    site.order(&format!("{mirror}/stopMirroring")).await;
    site.pass(60);
    assert_eq!(sql(&site, 1, "master", feeds).await.len(), 0);
    // The journal tells them apart, and so does the state.
    let journal = site.control(Method::GET, "/requests", None).await;
    let servers: std::collections::BTreeSet<_> =
        journal.body.as_array().unwrap().iter().filter_map(|entry| entry["server"].as_str()).collect();
    assert_eq!(servers.len(), 2);
    let state = site.control(Method::GET, "/state", None).await;
    assert_eq!(state.body["other_instances"][0]["name"], "fabrikam-mi");
    assert_eq!(state.body["other_instances"][0]["logins"][0]["name"], "fabrikamadmin");
    // Snapshot and reset are of both.
    assert_eq!(site.control(Method::POST, "/snapshot", None).await.status, 201);
    assert_eq!(site.control(Method::POST, "/reset", None).await.status, 204);
    let logins = "SELECT name FROM sys.sql_logins WHERE name = 'fabric_login'";
    assert_eq!(sql(&site, 1, "master", logins).await.len(), 0);
    assert_eq!(site.control(Method::POST, "/restore", Some(json!({ "id": 1 }))).await.status, 204);
    assert_eq!(sql(&site, 1, "master", logins).await.len(), 1);
}

#[tokio::test]
async fn instance_pool() {
    let site = start("instance-pool").await;
    let [first, second] = &site.ready.instances[..] else { panic!("two instances") };
    let zone = |server: &str| server.split_once('.').unwrap().1.to_owned();
    assert_eq!(zone(&first.private_server), zone(&second.private_server));
    principal(&site, 1, "Billing").await;
    let_write(&site, second.identity_object_id).await;
    let connection = site.post("/connections", connection_to(&second.public_server, "Billing")).await;
    let created = mirror(&site, "Billing", &connection, &json!({})).await;
    let mirror = format!("{}/mirroredDatabases/{}", site.workspace(), created.id());
    site.pass(60);
    site.order(&format!("{mirror}/startMirroring")).await;
    site.pass(90);
    assert_eq!(site.tables(&mirror).await, ["dbo.Accounts: Replicating 1"]);
}
