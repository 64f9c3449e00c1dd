//! `--data` with the real program: it is killed, it is told to stop, and there are two of it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use fabricmirror_emulator::emulator::Ready;
use serde_json::{Value, json};
use tokio_util::compat::TokioAsyncWriteCompatExt as _;

/// As documented: after it a change is in the file. Twice that is for the writing, on a busy machine.
const DELAY: Duration = Duration::from_secs(2);

struct Program {
    child: Child,
    ready: Ready,
    http: reqwest::Client,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path, ready: &str) -> (Command, PathBuf) {
    let ready = folder.join(ready);
    let mut command = Command::new(env!("CARGO_BIN_EXE_fabricmirror-emulator"));
    command.arg("--ready-file").arg(&ready).arg("--data").arg(folder.join("state"));
    (command, ready)
}

/// What it says when it does not come up.
fn refused(folder: &Path) -> Output {
    let (mut command, ready) = command(folder, "refused.json");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!ready.exists());
    output
}

impl Program {
    async fn start(folder: &Path) -> Self {
        let (mut command, ready) = command(folder, "ready.json");
        let _ = std::fs::remove_file(&ready);
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        let limit = Instant::now() + Duration::from_secs(30);
        while !ready.exists() {
            assert!(Instant::now() < limit, "it does not come up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ready: Ready = serde_json::from_slice(&std::fs::read(ready).unwrap()).unwrap();
        let ca = reqwest::Certificate::from_pem(&std::fs::read(&ready.ca_certificate_file).unwrap()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
        Self { child, ready, http }
    }

    async fn session(&self) -> tiberius::Client<tokio_util::compat::Compat<tokio::net::TcpStream>> {
        let sql = &self.ready.sql;
        let mut config = tiberius::Config::new();
        config.host(&sql.host);
        config.port(sql.port);
        config.database("Sales");
        config.authentication(tiberius::AuthMethod::sql_server(&sql.username, &sql.password));
        config.trust_cert();
        let stream = tokio::net::TcpStream::connect(config.get_addr()).await.unwrap();
        tiberius::Client::connect(config, stream.compat_write()).await.unwrap()
    }

    async fn sql(&self, text: &str) -> Vec<String> {
        let rows = self.session().await.simple_query(text).await.unwrap().into_first_result().await.unwrap();
        rows.iter().map(|row| row.get::<&str, _>(0).unwrap().to_owned()).collect()
    }

    async fn call(&self, method: reqwest::Method, path: &str, body: Value) -> Value {
        let entra = &self.ready.entra;
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &entra.client_id.to_string()),
            ("client_secret", &entra.client_secret),
            ("scope", "https://api.fabric.microsoft.com/.default"),
        ];
        let url = format!("{}/{}/oauth2/v2.0/token", entra.authority_host, entra.tenant_id);
        let token = self.http.post(url).form(&form).send().await.unwrap().json::<Value>().await.unwrap();
        let token = token["access_token"].as_str().unwrap();
        let url = format!("{}/v1/workspaces/{}{path}", self.ready.fabric.endpoint, self.ready.scenario.workspace_id);
        let request = self.http.request(method, url).bearer_auth(token).json(&body);
        request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    async fn add(&self, name: &str) {
        let body = json!({ "displayName": name });
        self.call(reqwest::Method::POST, "/folders", body).await;
        self.sql(&format!("INSERT INTO dbo.Kept VALUES (N'{name}')")).await;
    }

    /// Folders over REST, and rows over SQL.
    async fn names(&self) -> (Vec<String>, Vec<String>) {
        let folders = self.call(reqwest::Method::GET, "/folders", Value::Null).await;
        let name = |folder: &Value| folder["displayName"].as_str().unwrap().to_owned();
        let mut folders: Vec<String> = folders["value"].as_array().unwrap().iter().map(name).collect();
        folders.sort();
        (folders, self.sql("SELECT Name FROM dbo.Kept ORDER BY Name").await)
    }

    fn tell(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    fn ended(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

fn twice(names: &[&str]) -> (Vec<String>, Vec<String>) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    (names.clone(), names)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_emulator_has_lost_no_more_than_the_last_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut program = Program::start(folder).await;
    let server = program.ready.sql.server.clone();
    program.sql("CREATE TABLE dbo.Kept (Name nvarchar(20) PRIMARY KEY)").await;
    program.add("killed").await;
    tokio::time::sleep(DELAY * 2).await;
    program.tell("-KILL");
    assert!(!program.ended().success());

    let mut program = Program::start(folder).await;
    assert_eq!(program.names().await, twice(&["killed"]));
    // The same address, so that clients need not be told.
    assert_eq!(program.ready.sql.server, server);
    // An orderly end keeps everything that was answered, and nothing that was not committed.
    program.add("terminated").await;
    let mut session = program.session().await;
    session.simple_query("BEGIN TRAN; DELETE FROM dbo.Kept").await.unwrap().into_results().await.unwrap();
    program.tell("-TERM");
    assert_eq!(program.ended().code(), Some(0));

    let mut program = Program::start(folder).await;
    assert_eq!(program.names().await, twice(&["killed", "terminated"]));
    program.add("interrupted").await;
    program.tell("-INT");
    assert_eq!(program.ended().code(), Some(0));
    let program = Program::start(folder).await;
    assert_eq!(program.names().await, twice(&["interrupted", "killed", "terminated"]));
    let file = folder.join("state");
    // It holds secrets, and there is one of it.
    for name in ["state", "state.lock"] {
        assert_eq!(std::fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert!(!folder.join("state.new").exists());

    // There is nothing to change, and then the file is left alone; two programs do not share it.
    let written = || std::fs::metadata(&file).unwrap().modified().unwrap();
    let before = written();
    let message = String::from_utf8(refused(folder).stderr).unwrap();
    let process = format!("in use by another emulator (process {})", program.child.id());
    assert!(message.contains(&process) && message.contains(file.to_str().unwrap()), "{message}");
    tokio::time::sleep(DELAY).await;
    assert_eq!(written(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_kept_is_known_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("state"), "my diary").unwrap();
    let message = String::from_utf8(refused(folder.path()).stderr).unwrap();
    assert!(message.contains("is no state of an emulator, or damaged"), "{message}");
    assert_eq!(std::fs::read_to_string(folder.path().join("state")).unwrap(), "my diary");
    // A folder that is not there, and a name that is taken by one.
    std::fs::remove_file(folder.path().join("state")).unwrap();
    std::fs::create_dir(folder.path().join("state.new")).unwrap();
    let message = String::from_utf8(refused(folder.path()).stderr).unwrap();
    assert!(message.contains("state cannot be written"), "{message}");
    let missing = folder.path().join("none");
    let (mut command, _) = command(&missing, "../ready.json");
    let output = command.output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && message.contains("state.lock cannot be written"), "{message}");
}
