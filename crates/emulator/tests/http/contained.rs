//! An application that is a user of one database and has no login, at a real instance.

use fabricmirror_emulator::scenario::Scenario;
use reqwest::Method;
use serde_json::json;
use tiberius::{AuthMethod, Client, Config};
use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncWriteCompatExt as _;
use uuid::{Uuid, uuid};

use crate::scenarios::{connection_to, let_write, mirror, sql};
use crate::site::Site;

const READER: Uuid = uuid!("4ead0000-7b8c-4d9e-8f1a-2b3c4d5e6f0c");
const SECRET: &str = "reader-only-for-tests";

/// The default world, and an application that nobody knows yet.
fn scenario() -> Scenario {
    let mut scenario = Scenario::default();
    let mut reader = scenario.application().unwrap().clone();
    reader.id = uuid!("4ead0000-6a7b-4c8d-9e0f-1a2b3c4d5e0d");
    reader.app_id = Some(READER);
    reader.display_name = "reader".to_owned();
    reader.secrets = vec![SECRET.to_owned()];
    scenario.directory.principals.push(reader);
    scenario
}

/// What the application reads there when it logs in, or the number of the error its driver shows.
async fn as_reader(site: &Site, database: &str, text: &str) -> Result<String, u32> {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", &READER.to_string()),
        ("client_secret", SECRET),
        ("scope", "https://database.windows.net/.default"),
    ];
    let token = site.post_token(&site.ready.entra.tenant_id.to_string(), &form).await;
    let mut config = Config::new();
    config.host(&site.ready.sql.host);
    config.port(site.ready.sql.port);
    config.database(database);
    config.authentication(AuthMethod::aad_token(token.body["access_token"].as_str().unwrap()));
    config.trust_cert();
    let stream = TcpStream::connect(config.get_addr()).await.unwrap();
    let number = |error: tiberius::error::Error| error.code().unwrap_or_default();
    let mut client = Client::connect(config, stream.compat_write()).await.map_err(number)?;
    let row = client.simple_query(text).await.map_err(number)?.into_row().await.map_err(number)?;
    Ok(row.unwrap().get::<&str, _>(0).unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_contained_application_logs_in_and_mirrors_only_if_chosen() {
    let site = Site::with_sql(scenario()).await;
    let connection = |database: &str| {
        let mut body = connection_to(&site.ready.sql.server, database);
        body["displayName"] = json!(format!("reader of {database}"));
        body["credentialDetails"]["credentials"] = json!({
            "credentialType": "ServicePrincipal", "tenantId": site.ready.entra.tenant_id,
            "servicePrincipalClientId": READER, "servicePrincipalSecret": SECRET,
        });
        body
    };
    assert_eq!(as_reader(&site, "Sales", "SELECT USER_NAME()").await, Err(18456));
    site.post("/connections", connection("Sales")).await.is(400, "IncorrectCredentials");
    let grants = "CREATE USER reader FROM EXTERNAL PROVIDER; GRANT SELECT, ALTER ANY EXTERNAL MIRROR, \
                  VIEW DATABASE PERFORMANCE STATE, VIEW DATABASE SECURITY STATE TO reader";
    sql(&site, 0, "Sales", grants).await;
    assert_eq!(as_reader(&site, "Sales", "SELECT USER_NAME()").await.as_deref(), Ok("reader"));
    assert_eq!(as_reader(&site, "Sales", "SELECT ORIGINAL_LOGIN()").await.as_deref(), Ok("reader"));
    assert_eq!(as_reader(&site, "Sales", "USE Inventory SELECT USER_NAME()").await, Err(916));
    for database in ["Inventory", "master"] {
        assert_eq!(as_reader(&site, database, "SELECT USER_NAME()").await, Err(18456), "{database}");
        site.post("/connections", connection(database)).await.is(400, "IncorrectCredentials");
    }

    // The connection is made. Whether its mirror runs is a choice.
    let_write(&site, site.identity()).await;
    let created = mirror(&site, "Sales", &site.post("/connections", connection("Sales")).await, &json!({})).await;
    let mirror = format!("{}/mirroredDatabases/{}", site.workspace(), created.id());
    let start = format!("{mirror}/startMirroring");
    site.pass(60);
    site.order(&start).await;
    site.pass(60);
    let (status, error) = site.status(&mirror).await;
    assert_eq!((status.as_str(), &error["errorCode"]), ("Stopped", &json!("SourceLoginFailed")));
    assert!(error["message"].as_str().unwrap().contains("The user 'reader' has no login"), "{error}");
    let accepted = json!({ "contained_user": "Accepted" });
    assert_eq!(site.control(Method::POST, "/rest", Some(accepted)).await.status, 200);
    site.order(&start).await;
    site.pass(90);
    assert_eq!(site.status(&mirror).await.0, "Running");
    // What it may do still counts: the tutorial of May 2025 wants a server role, which a user cannot have.
    let may = json!({ "documentation": "2025-05" });
    assert_eq!(site.control(Method::POST, "/world", Some(may)).await.status, 200);
    site.pass(60);
    assert_eq!(site.status(&mirror).await.1["errorCode"], "SourcePermissionDenied");
}
