//! The emulator in this process, and what others say to it: T-SQL through a driver that is not the provider's code, REST
//! as a person in the portal, and the control interface.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fabricmirror_emulator::emulator::{Emulator, Ready, serve_sql};
use fabricmirror_emulator::http::listen::Loopback;
use fabricmirror_emulator::journal::Entry;
use fabricmirror_emulator::parts::Parts;
use fabricmirror_emulator::scenario::Scenario;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncWriteCompatExt as _;
use tokio_util::sync::CancellationToken;

use crate::Result;
use crate::snapshot::{Names, Snapshot};

/// A minute of the services takes a tenth of a second.
const TIME_SCALE: f64 = 600.0;
/// A request that runs longer than this after an apply has ended will not end.
const QUIET: Duration = Duration::from_secs(10);

/// One emulator, reset for each history.
pub struct World {
    pub ready: Ready,
    emulator: Emulator,
    http: reqwest::Client,
    token: Mutex<Option<String>>,
    /// What the instance wrote down last, as it was read.
    last: Mutex<Option<(Arc<str>, Snapshot)>>,
    /// All names that users have had since the beginning.
    names: Mutex<Names>,
}

/// A session that somebody keeps open.
pub type Session = tiberius::Client<tokio_util::compat::Compat<TcpStream>>;

/// Who speaks T-SQL.
#[derive(Debug, Clone, Copy)]
pub enum Speaker<'a> {
    /// The instance's administrator, a member of sysadmin.
    Administrator,
    /// A login and its password.
    Login(&'a str, &'a str),
}

/// What a statement came to.
#[derive(Debug)]
pub enum Answer {
    Done,
    /// The server's number and words.
    Refused(u32, String),
}

impl World {
    /// Starts it with its files in `folder` and Entra at `port`, where clients look for it.
    pub async fn start(folder: &Path, port: u16) -> Result<Self> {
        let parts = Parts::prepare(Scenario::default(), TIME_SCALE, &[])?;
        let stop = CancellationToken::new();
        let entra = Loopback::bind_again(Some(port)).await?;
        if entra.port != port {
            return Err(format!("port {port} is taken").into());
        }
        let authority = format!("https://localhost:{}/{}", entra.port, parts.scenario.directory.tenant_id);
        let instances = serve_sql(&parts, authority, &stop).await?;
        let emulator = Emulator::start(parts, entra, instances, stop).await?;
        let ready = emulator.write_ready_file(&folder.join("emulator.json"))?;
        let ca = reqwest::Certificate::from_pem(&std::fs::read(&ready.ca_certificate_file)?)?;
        let http =
            reqwest::Client::builder().tls_certs_only([ca]).no_proxy().timeout(Duration::from_secs(30)).build()?;
        Ok(Self { ready, emulator, http, token: Mutex::default(), last: Mutex::default(), names: Mutex::default() })
    }

    /// Back to the beginning, with no faults and an empty journal.
    pub fn reset(&self) {
        self.emulator.parts.faults.clear();
        self.emulator.fabric.reset(&self.emulator.parts.beginning);
        self.emulator.parts.journal.clear();
        if let Ok(mut names) = self.names.lock() {
            names.clear();
        }
    }

    /// Everything that is there now, passwords' hashes and definitions included.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let limit = Instant::now() + QUIET;
        loop {
            match self.emulator.fabric.write_down() {
                Ok((fabric, instances, _)) => {
                    let fabric = serde_json::to_value(&fabric)?;
                    let instance = instances.into_iter().next().ok_or("there is no instance")?()?;
                    let mut snapshot = self.read_instance(instance)?.with_fabric(&fabric)?;
                    if !snapshot.mirrors.is_empty() {
                        let state = self.http.get(format!("{}/state", self.ready.control.url)).send().await?;
                        snapshot.note_tables(&state.json().await?);
                    }
                    snapshot.note_names(&mut *self.names.lock().map_err(|_| "a panic")?);
                    return Ok(snapshot);
                }
                // A session that was cut off has a transaction open until the server notices.
                Err(reason) if Instant::now() > limit => return Err(reason.into()),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// An instance in which nothing has changed writes the same text again.
    fn read_instance(&self, text: Arc<str>) -> Result<Snapshot> {
        let mut last = self.last.lock().map_err(|_| "a panic")?;
        if let Some((_, snapshot)) = last.as_ref().filter(|(known, _)| Arc::ptr_eq(known, &text)) {
            return Ok(snapshot.clone());
        }
        let snapshot = Snapshot::of_instance(&text)?;
        *last = Some((text, snapshot.clone()));
        Ok(snapshot)
    }

    /// How many requests there have been since the reset.
    pub fn requests(&self) -> u64 {
        let last = self.emulator.parts.journal.excerpt(None, Some(1)).entries.pop();
        last.map_or(0, |entry| entry.index + 1)
    }

    /// The requests from this one on, once all of them have ended.
    pub async fn journal_from(&self, first: u64) -> Result<Vec<Entry>> {
        let limit = Instant::now() + QUIET;
        loop {
            let after = first.checked_sub(1);
            let entries = self.emulator.parts.journal.excerpt(after, None).entries;
            match entries.iter().find(|entry| entry.ms.is_none()) {
                None => return Ok(entries),
                Some(entry) if Instant::now() > limit => return Err(format!("a request never ends: {entry:?}").into()),
                Some(_) => tokio::time::sleep(Duration::from_millis(3)).await,
            }
        }
    }

    /// Returns once no request comes any more: a process that was killed may have sent what nobody has read yet.
    pub async fn quiet(&self) {
        let mut before = None;
        while before != Some(self.requests()) {
            before = Some(self.requests());
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Returns once `count` more requests have begun.
    pub async fn after_requests(&self, count: u64) {
        let wanted = self.requests() + count;
        while self.requests() < wanted {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Returns once a planted fault has struck at one more request.
    pub async fn after_fault(&self) {
        let first = self.requests();
        loop {
            let after = first.checked_sub(1);
            let entries = self.emulator.parts.journal.excerpt(after, None).entries;
            if entries.iter().any(|entry| entry.fault.is_some()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn control(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Result<()> {
        let mut request = self.http.request(method, format!("{}{path}", self.ready.control.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("{path}: {status}: {}", answer.text().await?).into()) }
    }

    pub async fn change(&self, facts: &Value) -> Result<()> {
        self.control(reqwest::Method::POST, "/world", Some(facts)).await
    }

    /// Lets the service behave as another tenant's.
    pub async fn choose(&self, path: &str, choices: &str) -> Result<()> {
        self.control(reqwest::Method::POST, path, Some(&serde_json::from_str(choices)?)).await
    }

    pub async fn plant(&self, fault: &Value) -> Result<()> {
        self.control(reqwest::Method::POST, "/faults", Some(fault)).await
    }

    pub fn clear_faults(&self) {
        self.emulator.parts.faults.clear();
    }

    /// Lets virtual time pass.
    pub async fn advance(&self, seconds: u64) -> Result<()> {
        self.control(reqwest::Method::POST, "/clock", Some(&json!({ "advance_s": seconds }))).await
    }

    /// Logs in, and stays.
    pub async fn session(&self, user: &str, password: &str) -> Result<Session> {
        Ok(self.log_in(user, password, "master").await?)
    }

    async fn log_in(&self, user: &str, password: &str, database: &str) -> tiberius::Result<Session> {
        let mut config = tiberius::Config::new();
        config.host(&self.ready.sql.host);
        config.port(self.ready.sql.port);
        config.database(database);
        config.authentication(tiberius::AuthMethod::sql_server(user, password));
        config.encryption(tiberius::EncryptionLevel::Required);
        config.trust_cert_ca(self.ready.ca_certificate_file.display().to_string());
        let stream = TcpStream::connect(config.get_addr()).await?;
        tiberius::Client::connect(config, stream.compat_write()).await
    }

    /// Runs T-SQL.
    pub async fn sql(&self, speaker: Speaker<'_>, database: &str, text: &str) -> Result<Answer> {
        let sql = &self.ready.sql;
        let (user, password) = match speaker {
            Speaker::Administrator => (sql.username.as_str(), sql.password.as_str()),
            Speaker::Login(user, password) => (user, password),
        };
        let run = async {
            let mut client = self.log_in(user, password, database).await?;
            client.simple_query(text).await?.into_results().await?;
            client.close().await
        };
        match run.await {
            Ok(()) => Ok(Answer::Done),
            Err(tiberius::error::Error::Server(token)) => Ok(Answer::Refused(token.code(), token.message().to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// Calls the Fabric API as its administrator in the portal.
    pub async fn rest(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let token = self.token().await?;
        let mut request =
            self.http.request(method.parse()?, format!("{}/v1{path}", self.ready.fabric.endpoint)).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    async fn token(&self) -> Result<String> {
        if let Some(token) = self.token.lock().map_err(|_| "a panic")?.clone() {
            return Ok(token);
        }
        let entra = &self.ready.entra;
        let (tenant, client) = (entra.tenant_id.to_string(), entra.client_id.to_string());
        let answer: Value = self
            .http
            .post(format!("{}/{tenant}/oauth2/v2.0/token", entra.authority_host))
            .form(&[
                ("grant_type", "client_credentials"),
                ("client_id", &client),
                ("client_secret", &entra.client_secret),
                ("scope", "https://api.fabric.microsoft.com/.default"),
            ])
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let token = answer["access_token"].as_str().ok_or("Entra gives no token")?.to_owned();
        *self.token.lock().map_err(|_| "a panic")? = Some(token.clone());
        Ok(token)
    }
}
