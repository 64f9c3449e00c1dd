//! An emulator of one's own, and a client that checks every answer against the specification.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use base64::Engine as _;
use fabricmirror_emulator::emulator::{Emulator, Ready, serve_sql};
use fabricmirror_emulator::entra::{SigningKey, Tokens};
use fabricmirror_emulator::fabric::Served;
use fabricmirror_emulator::http::listen::Loopback;
use fabricmirror_emulator::parts::Parts;
use fabricmirror_emulator::scenario::Scenario;
use fabricmirror_tests::openapi::{self, Deviation, deviations};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::fake::{Fake, LOGIN, PASSWORD, State};

pub const SQL_PORT: u16 = 50_123;
/// The slowest clock there is: time passes by [`Site::pass`], however busy the machine.
const FROZEN: f64 = 0.001;

/// Tokens of all sites are signed with one: to make a key takes longer than most tests.
static KEY: LazyLock<Arc<SigningKey>> = LazyLock::new(Arc::default);

fn prepare(scenario: Scenario) -> Parts {
    let mut parts = Parts::prepare(scenario, FROZEN, &[]).unwrap();
    let tokens = Tokens::new(KEY.clone(), parts.scenario.directory.tenant_id, parts.clock.clone());
    parts.tokens = Arc::new(tokens);
    parts
}

pub struct Site {
    pub emulator: Emulator,
    pub source: Arc<Fake>,
    pub ready: Ready,
    pub http: reqwest::Client,
    pub token: String,
    /// What the published description does not say of the answers so far.
    pub deviations: Mutex<BTreeSet<Deviation>>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Site {
    pub async fn new() -> Self {
        Self::with(Scenario::default()).await
    }

    pub async fn with(scenario: Scenario) -> Self {
        let source = Arc::new(Fake(Arc::new(State::default().into())));
        let parts = prepare(scenario);
        let served = parts.scenario.instances().zip(0..).map(|(instance, place)| Served {
            host: instance.host(),
            // One source for all.
            source: source.clone(),
            ports: vec![SQL_PORT + place],
        });
        let served = served.collect();
        Self::serve(parts, served, source).await
    }

    /// With instances that are served, as the program has them.
    pub async fn with_sql(scenario: Scenario) -> Self {
        Self::with_parts(prepare(scenario)).await
    }

    /// The same, with its state in a file.
    pub async fn kept_in(file: &Path, scenario: Scenario) -> Self {
        let mut parts = prepare(scenario);
        parts.keep_in(file).unwrap();
        Self::with_parts(parts).await
    }

    async fn with_parts(parts: Parts) -> Self {
        let stop = CancellationToken::new();
        let served = serve_sql(&parts, String::new(), &stop).await.unwrap();
        Self::serve_until(stop, parts, served, Arc::new(Fake(Arc::new(State::default().into())))).await
    }

    async fn serve(parts: Parts, served: Vec<Served>, source: Arc<Fake>) -> Self {
        Self::serve_until(CancellationToken::new(), parts, served, source).await
    }

    async fn serve_until(stop: CancellationToken, parts: Parts, served: Vec<Served>, source: Arc<Fake>) -> Self {
        let ca = reqwest::Certificate::from_pem(parts.tls.ca_pem().as_bytes()).unwrap();
        let entra = Loopback::bind_again(parts.former_ports().map(|ports| ports.entra)).await.unwrap();
        let emulator = Emulator::start(parts, entra, served, stop).await.unwrap();
        let ready = emulator.ready(Path::new("ca.pem"));
        let http = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
        let mut site = Self { emulator, source, ready, http, token: String::new(), deviations: Mutex::default() };
        let answer = site.ask_token("https://api.fabric.microsoft.com/.default").await;
        site.token = answer.body["access_token"].as_str().unwrap().to_owned();
        site
    }

    /// The token request of the ready-file's application.
    pub async fn ask_token(&self, scope: &str) -> Answer {
        let entra = &self.ready.entra;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &entra.client_id.to_string()),
            ("client_secret", &entra.client_secret),
            ("scope", scope),
        ];
        self.post_token(&entra.tenant_id.to_string(), &form).await
    }

    pub async fn post_token(&self, tenant: &str, form: &[(&str, &str)]) -> Answer {
        self.post_entra(&format!("/{tenant}/oauth2/v2.0/token"), form).await
    }

    pub async fn post_entra(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let url = format!("{}{path}", self.ready.entra.authority_host);
        Answer::read(self.http.post(url).form(form).send().await.unwrap()).await
    }

    pub async fn get_entra(&self, path: &str) -> Answer {
        let url = format!("{}{path}", self.ready.entra.authority_host);
        Answer::read(self.http.get(url).send().await.unwrap()).await
    }

    /// A token of another application, whose principal must be in the scenario.
    pub fn token_of(&self, object_id: uuid::Uuid) -> String {
        use fabricmirror_emulator::entra::tokens::Proof;
        self.emulator
            .parts
            .tokens
            .issue("https://api.fabric.microsoft.com", object_id, object_id, Proof::Secret)
            .unwrap()
            .0
    }

    /// Calls the Fabric API below `/v1`.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.call_as(&self.token, method, path, body).await
    }

    pub async fn call_as(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        let url = format!("{}/v1{path}", self.ready.fabric.endpoint);
        let mut request = self.http.request(method.clone(), url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = Answer::read(request.send().await.unwrap()).await;
        assert!(answer.headers.contains_key("requestid"), "{method} {path} has no RequestId");
        let found = answer.deviations(&method, path);
        let unlisted = deviations::unlisted(&found);
        assert!(unlisted.is_empty(), "{unlisted:#?}\n{}", answer.text);
        self.deviations.lock().unwrap().extend(found);
        if answer.status >= 400 && !answer.text.is_empty() {
            assert_eq!(answer.body["requestId"], answer.headers["requestid"].to_str().unwrap());
            assert_eq!(answer.body["errorCode"], answer.headers["x-ms-public-api-error-code"].to_str().unwrap());
        } else if answer.text.is_empty() {
            assert_eq!(answer.headers["content-type"], "application/octet-stream", "{method} {path}");
            assert_eq!(answer.headers["content-length"], "0", "{method} {path}");
        }
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }
    /// A POST without a body: start, stop, status.
    pub async fn order(&self, path: &str) -> Answer {
        self.call(Method::POST, path, None).await
    }
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, path, Some(body)).await
    }
    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    pub async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.ready.control.url));
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        Answer::read(request.send().await.unwrap()).await
    }

    pub fn pass(&self, seconds: u64) {
        self.emulator.parts.clock.advance(Duration::from_secs(seconds));
        self.emulator.fabric.tick();
    }

    pub fn workspace(&self) -> String {
        format!("/workspaces/{}", self.ready.scenario.workspace_id)
    }

    pub fn identity(&self) -> uuid::Uuid {
        self.ready.scenario.instance_identity_object_id
    }

    pub async fn create_connection(&self) -> String {
        let answer = self.post("/connections", connection("sales-mi")).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.id()
    }

    /// Gives the instance's identity its role.
    pub async fn let_identity_write(&self) {
        let body = json!({ "principal": { "id": self.identity(), "type": "ServicePrincipal" }, "role": "Contributor" });
        assert_eq!(self.post(&format!("{}/roleAssignments", self.workspace()), body).await.status, 201);
    }

    /// A mirrored database of everything; answers its path.
    pub async fn create_mirror(&self, connection: &str) -> String {
        let body = json!({ "displayName": "Sales", "definition": definition(connection, &json!({})) });
        let answer = self.post(&format!("{}/mirroredDatabases", self.workspace()), body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        format!("{}/mirroredDatabases/{}", self.workspace(), answer.id())
    }

    /// Everything the tutorial does, up to and including the start.
    pub async fn start_mirror(&self) -> String {
        self.let_identity_write().await;
        let mirror = self.create_mirror(&self.create_connection().await).await;
        self.pass(60);
        assert_eq!(self.order(&format!("{mirror}/startMirroring")).await.status, 200);
        mirror
    }

    pub async fn status(&self, mirror: &str) -> (String, Value) {
        let answer = self.order(&format!("{mirror}/getMirroringStatus")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        (answer.body["status"].as_str().unwrap().to_owned(), answer.body["error"].clone())
    }

    /// `schema.table: status rows`, in the order of the answer.
    pub async fn tables(&self, mirror: &str) -> Vec<String> {
        let answer = self.order(&format!("{mirror}/getTablesMirroringStatus")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let text = |table: &Value, key: &str| table[key].as_str().unwrap().to_owned();
        let line = |table: &Value| {
            let rows = table["metrics"]["processedRows"].as_u64().map_or("-".to_owned(), |rows| rows.to_string());
            let (schema, name) = (text(table, "sourceSchemaName"), text(table, "sourceTableName"));
            format!("{schema}.{name}: {} {rows}", text(table, "status"))
        };
        answer.body["data"].as_array().unwrap().iter().map(line).collect()
    }
}

impl Answer {
    pub async fn read(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, text, body }
    }

    /// What the published description does not say of it.
    pub fn deviations(&self, method: &Method, path: &str) -> Vec<Deviation> {
        let Some(spec) = openapi::spec() else { return Vec::new() };
        let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let (method, headers) = (method.as_str(), Some(&headers[..]));
        spec.deviations(openapi::Answer { method, path, status: self.status, headers, body: &self.body })
    }

    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }

    pub fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.body["errorCode"].as_str().unwrap_or_default()), (status, code), "{}", self.text);
    }
}

pub fn connection(name: &str) -> Value {
    json!({
        "connectivityType": "ShareableCloud",
        "displayName": name,
        "connectionDetails": {
            "type": "AzureSqlMI",
            "creationMethod": "AzureSqlMI.Database",
            "parameters": [
                { "dataType": "Text", "name": "server", "value": format!("localhost,{SQL_PORT}") },
                { "dataType": "Text", "name": "database", "value": "Sales" },
            ],
        },
        "credentialDetails": {
            "credentials": { "credentialType": "Basic", "username": LOGIN, "password": PASSWORD },
        },
    })
}

/// A definition; `more` is merged into `properties`.
pub fn definition(connection: &str, more: &Value) -> Value {
    let mut file = json!({ "properties": {
        "source": { "type": "AzureSqlMI", "typeProperties": { "connection": connection } },
        "target": { "type": "MountedRelationalDatabase", "typeProperties": { "format": "Delta", "defaultSchema": "dbo", "retentionInDays": 7 } },
    }});
    file["properties"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    parts(&file)
}

pub fn parts(file: &Value) -> Value {
    let payload = base64::engine::general_purpose::STANDARD.encode(file.to_string());
    json!({ "parts": [{ "path": "mirroring.json", "payload": payload, "payloadType": "InlineBase64" }] })
}

pub fn listed(tables: &[(&str, &str)]) -> Value {
    let mounted: Vec<Value> = tables
        .iter()
        .map(|(schema, name)| json!({ "source": { "typeProperties": { "schemaName": schema, "tableName": name } } }))
        .collect();
    json!({ "mountedTables": mounted })
}
