//! One emulator process, and what a test says to it: through its control interface, and as a database administrator
//! who knows nothing of Terraform, through tiberius.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_util::compat::TokioAsyncWriteCompatExt;

use crate::build::Binaries;
use crate::{Result, fail};

/// In the folder of an emulator: every request that has ended, a line of JSON each. It outlives resets and kills.
pub const JOURNAL: &str = "requests.jsonl";

/// A client of the instance that is not ours.
pub type Session = tiberius::Client<tokio_util::compat::Compat<TcpStream>>;

/// An emulator that ends when this is dropped.
#[derive(Debug)]
pub struct Emulator {
    pub ready: Ready,
    pub ready_file: PathBuf,
    child: Option<Child>,
    http: reqwest::Client,
}

/// The ready-file.
#[derive(Debug, Clone, Deserialize)]
pub struct Ready {
    /// The first instance.
    pub sql: Sql,
    pub instances: Vec<Instance>,
    pub fabric: Fabric,
    pub entra: Entra,
    pub scenario: Scenario,
    pub control: Control,
    pub ca_certificate_file: String,
    pub pid: u32,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Sql {
    pub server: String,
    pub host: String,
    pub port: u16,
    pub username: String,
    pub password: String,
}

/// One of several instances.
#[derive(Debug, Clone, Deserialize)]
pub struct Instance {
    pub name: String,
    #[serde(flatten)]
    pub sql: Sql,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Fabric {
    pub endpoint: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Entra {
    pub authority_host: String,
    pub tenant_id: String,
    pub client_id: String,
    pub client_secret: String,
    pub github_request_url: String,
    pub azure_devops_request_url: String,
    pub azure_devops_service_connection_id: String,
    pub oidc_request_token: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Scenario {
    pub workspace_id: String,
    pub capacity_id: String,
    pub database: String,
    pub instance_identity_object_id: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Control {
    pub url: String,
}

/// How an emulator is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many times as fast as real its clock runs.
    pub time_scale: u32,
    pub breaks: Vec<&'static str>,
    /// A scenario file, instead of the default.
    pub scenario: Option<String>,
    /// The emulator outlives this process.
    pub detached: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { time_scale: 60, breaks: Vec::new(), scenario: None, detached: false }
    }
}

impl Emulator {
    /// Starts one; its files lie in `folder`.
    pub async fn start(binaries: &Binaries, folder: &Path, options: &Options) -> Result<Self> {
        let ready_file = folder.join("emulator.json");
        let log = std::fs::File::create(folder.join("emulator.log"))?;
        let mut command = if options.detached {
            // The emulator ends with its parent, unless that is the first process.
            let mut command = Command::new("setsid");
            command.arg("--fork").arg(&binaries.emulator);
            command
        } else {
            Command::new(&binaries.emulator)
        };
        command.arg("--ready-file").arg(&ready_file).args(["--time-scale", &options.time_scale.to_string()]);
        command.arg("--journal").arg(folder.join(JOURNAL));
        if let Some(scenario) = &options.scenario {
            std::fs::write(folder.join("scenario.json"), scenario)?;
            command.arg("--scenario").arg(folder.join("scenario.json"));
        }
        for step in &options.breaks {
            command.args(["--break", step]);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{}: {error}", binaries.emulator.display()))?;
        let limit = Instant::now() + Duration::from_secs(20);
        while !ready_file.is_file() {
            if let Some(status) = child.try_wait()?.filter(|status| !(options.detached && status.success())) {
                let said = std::fs::read_to_string(folder.join("emulator.log")).unwrap_or_default();
                fail!("the emulator ended at its start ({status}): {said}");
            }
            if Instant::now() > limit {
                fail!("the emulator was not ready after 20 s");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let ready: Ready = serde_json::from_slice(&std::fs::read(&ready_file)?)?;
        let ca = reqwest::Certificate::from_pem(&std::fs::read(&ready.ca_certificate_file)?)?;
        let http =
            reqwest::Client::builder().tls_certs_only([ca]).no_proxy().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { ready, ready_file, child: Some(child), http })
    }

    /// Lets the process live on after this one has ended.
    pub fn leave_running(mut self) {
        std::mem::forget(self.child.take());
    }

    /// The variables that `fabricmirror-emulator env` prints: the provider's and the tutorial's.
    pub async fn environment(&self, binaries: &Binaries) -> Result<BTreeMap<String, String>> {
        let output =
            Command::new(&binaries.emulator).arg("env").arg("--ready-file").arg(&self.ready_file).output().await?;
        if !output.status.success() {
            fail!("fabricmirror-emulator env: {}", String::from_utf8_lossy(&output.stderr));
        }
        String::from_utf8(output.stdout)?
            .lines()
            .map(|line| {
                let (name, value) = line
                    .strip_prefix("export ")
                    .and_then(|line| line.split_once('='))
                    .ok_or_else(|| format!("no export line: {line}"))?;
                Ok((name.to_owned(), value.trim_matches('\'').replace("'\\''", "'")))
            })
            .collect()
    }

    /// A client that trusts the emulator.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    async fn control(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.ready.control.url));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            fail!("control {path}: {status}: {text}");
        }
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }

    /// Principals and items, as `GET /state` shows them.
    pub async fn state(&self) -> Result<Value> {
        self.control(reqwest::Method::GET, "/state", None).await
    }

    /// The request journal.
    pub async fn requests(&self) -> Result<Vec<Value>> {
        match self.control(reqwest::Method::GET, "/requests", None).await? {
            Value::Array(entries) => Ok(entries),
            other => fail!("the journal is no list: {other}"),
        }
    }

    /// The newest entry of the request journal; null before the first.
    pub async fn last_request(&self) -> Result<Value> {
        let entries = self.control(reqwest::Method::GET, "/requests?limit=1", None).await?;
        Ok(entries.get(0).cloned().unwrap_or_default())
    }

    pub async fn plant(&self, fault: Value) -> Result<()> {
        self.control(reqwest::Method::POST, "/faults", Some(fault)).await.map(drop)
    }

    pub async fn clear_faults(&self) -> Result<()> {
        self.control(reqwest::Method::DELETE, "/faults", None).await.map(drop)
    }

    pub async fn world(&self, facts: Value) -> Result<()> {
        self.control(reqwest::Method::POST, "/world", Some(facts)).await.map(drop)
    }

    /// Chooses how the REST API answers where tenants differ or nobody could look.
    pub async fn choose(&self, choices: Value) -> Result<()> {
        self.control(reqwest::Method::POST, "/rest", Some(choices)).await.map(drop)
    }

    /// Other codes and numbers in the place of those that no source confirms.
    pub async fn answers(&self, answers: Value) -> Result<()> {
        self.control(reqwest::Method::POST, "/answers", Some(answers)).await.map(drop)
    }

    pub async fn advance(&self, seconds: u64) -> Result<()> {
        self.control(reqwest::Method::POST, "/clock", Some(json!({ "advance_s": seconds }))).await.map(drop)
    }

    /// Runs T-SQL in a database as the instance's administrator; answers the first result set as texts.
    pub async fn sql(&self, database: &str, text: &str) -> Result<Vec<Vec<String>>> {
        let sql = &self.ready.sql;
        self.sql_as(&sql.username, &sql.password, database, text).await
    }

    /// The same, as somebody else.
    pub async fn sql_as(&self, user: &str, password: &str, database: &str, text: &str) -> Result<Vec<Vec<String>>> {
        let mut client = self.session_as(user, password, database).await?;
        let rows = client.simple_query(text).await?.into_first_result().await?;
        Ok(rows.iter().map(|row| row.cells().map(|(_, cell)| text_of(cell)).collect()).collect())
    }

    /// A session of the instance's administrator.
    pub async fn session(&self, database: &str) -> Result<Session> {
        let sql = &self.ready.sql;
        self.session_as(&sql.username, &sql.password, database).await
    }

    /// A session of somebody else.
    pub async fn session_as(&self, user: &str, password: &str, database: &str) -> Result<Session> {
        let mut config = tiberius::Config::new();
        config.host(&self.ready.sql.host);
        config.port(self.ready.sql.port);
        config.database(database);
        config.authentication(tiberius::AuthMethod::sql_server(user, password));
        config.encryption(tiberius::EncryptionLevel::Required);
        config.trust_cert_ca(&self.ready.ca_certificate_file);
        let stream = TcpStream::connect(config.get_addr()).await?;
        Ok(tiberius::Client::connect(config, stream.compat_write()).await?)
    }

    /// Calls the Fabric API as the scenario's application.
    pub async fn rest(&self, method: &str, path: &str, body: Option<Value>) -> Result<(u16, Value)> {
        let entra = &self.ready.entra;
        let token = self
            .http
            .post(format!("{}/{}/oauth2/v2.0/token", entra.authority_host, entra.tenant_id))
            .form(&[
                ("grant_type", "client_credentials"),
                ("client_id", &entra.client_id),
                ("client_secret", &entra.client_secret),
                ("scope", "https://api.fabric.microsoft.com/.default"),
            ])
            .send()
            .await?
            .error_for_status()?
            .json::<Value>()
            .await?;
        let mut request = self
            .http
            .request(method.parse()?, format!("{}/v1{path}", self.ready.fabric.endpoint))
            .bearer_auth(token["access_token"].as_str().unwrap_or_default());
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }
}

fn text_of(cell: &tiberius::ColumnData<'_>) -> String {
    use tiberius::ColumnData as C;
    match cell {
        C::String(Some(text)) => text.to_string(),
        C::U8(Some(value)) => value.to_string(),
        C::I16(Some(value)) => value.to_string(),
        C::I32(Some(value)) => value.to_string(),
        C::I64(Some(value)) => value.to_string(),
        C::Bit(Some(value)) => i32::from(*value).to_string(),
        C::Binary(Some(bytes)) => bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02X}")),
        C::Guid(Some(guid)) => guid.to_string(),
        other => format!("{other:?}"),
    }
}
