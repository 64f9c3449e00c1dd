//! Which server credentials go to, what is said of one that does not answer, and whose certificates are trusted.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fabricmirror_tests::emulator::Options;
use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::hcl::{GRANTS, HEAD, LOGIN, PRINCIPALS, USER, edited, tutorial_with};
use crate::principals::pointed_at;
use crate::world::{is_as, now};
use crate::{Case, case};

pub const SEVERAL: &str = include_str!("../../crates/emulator/scenarios/several-instances.json");

pub fn cases() -> Vec<Case> {
    let several = Options { scenario: Some(SEVERAL.to_owned()), ..Options::default() };
    vec![
        case!(credentials_go_where_they_are_meant_to_go, several),
        case!(a_server_that_does_not_answer_is_waited_for_once),
        case!(certificates_in_a_file_of_any_name),
        case!(a_certificate_file_needs_no_ending),
        case!(a_server_whose_certificate_has_another_name).once(),
        case!(tls_from_the_first_byte).once(),
    ]
}

/// The requests of the channel `sql` since then, logins too, that reached this instance.
pub async fn reached(run: &Run, since: usize, instance: &Value) -> Result<usize> {
    let entries = run.emulator.requests().await?.split_off(since);
    Ok(entries.iter().filter(|it| it["channel"] == "sql" && it["server"] == *instance).count())
}

async fn credentials_go_where_they_are_meant_to_go(run: &mut Run) -> Result<()> {
    let [ours, theirs] = run.emulator.ready.instances.clone().try_into().map_err(|_| "not two instances")?;
    let before = run.emulator.state().await?;
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    let journal = run.emulator.requests().await?;
    let name = journal.iter().find(|it| it["channel"] == "sql").ok_or("nothing was sent")?["server"].clone();

    // The block points to the other instance now; the state still names ours.
    for (variable, value) in
        [("SERVER", &theirs.sql.server), ("USERNAME", &theirs.sql.username), ("PASSWORD", &theirs.sql.password)]
    {
        run.set(&format!("FABRICMIRROR_SQL_{variable}"), value);
    }
    let since = now(run).await?;
    for command in [&["plan", "-json", "-input=false"][..], &["destroy", "-json", "-input=false", "-auto-approve"]] {
        let error = run.run(command).await?.fails_with("credentials are not meant for this server")?;
        for part in [&*ours.sql.server, &*theirs.sql.server, "sql.other_servers"] {
            if !error.detail.contains(part) {
                fail!("{part:?} is not said: {}", error.detail);
            }
        }
    }
    let sent = reached(run, since, &name).await?;
    if sent != 0 {
        fail!("{sent} requests, one of them a login, went to a server that the block does not name");
    }

    // Named, it gets them. That the objects lie elsewhere than the configuration says is another matter.
    let block = format!("provider \"fabricmirror\" {{\n  sql = {{ other_servers = [\"{}\"] }}\n}}\n", ours.sql.server);
    let as_there = format!(
        "CREATE LOGIN {0} WITH PASSWORD = '{1}'; ALTER SERVER ROLE sysadmin ADD MEMBER {0};",
        theirs.sql.username, theirs.sql.password
    );
    run.emulator.sql("master", &as_there).await?;
    run.write("main.tf", &format!("{PRINCIPALS}{block}"))?;
    let error = run.plan().await?.said.fails_with("The object lies on another server")?;
    if !error.detail.contains(&ours.sql.server) || !error.detail.contains(&theirs.sql.server) {
        fail!("not both servers are named: {}", error.detail);
    }
    // Both in one configuration: each object on its own.
    let server = format!("  server = \"{}\"\n", ours.sql.server);
    let here = edited(
        PRINCIPALS,
        &[
            ("  name                = \"fabric_login\"\n", &format!("  name = \"fabric_login\"\n{server}")),
            ("  database   = \"Sales\"\n", &format!("  database = \"Sales\"\n{server}")),
            ("  permissions = [\"SELECT\"]\n", &format!("  permissions = [\"SELECT\"]\n{server}")),
        ],
    )?;
    let there = "resource \"fabricmirror_login\" \"there\" {\n  name = \"fabric_login\"\n  password_wo = \
                 \"Another-Horse-8\"\n  password_wo_version = 1\n}\n";
    run.write("main.tf", &format!("{here}{block}{there}"))?;
    let plan = run.plan().await?;
    plan.does("fabricmirror_login.there", &["create"])?;
    for address in [LOGIN, USER, GRANTS] {
        plan.does(address, &["no-op"])?;
    }
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    let state = run.emulator.state().await?;
    let has = |logins: &Value| logins.as_array().is_some_and(|all| all.iter().any(|it| it["name"] == "fabric_login"));
    if !has(&state["sql"]["logins"]) || !has(&state["other_instances"][0]["logins"]) {
        fail!("the login is not on both instances: {state}");
    }
    run.destroy().await?.success()?;
    run.emulator.sql("master", &format!("DROP LOGIN {}", theirs.sql.username)).await?;
    is_as(run, &before).await
}

/// A way to an instance that can lead to another one, or be closed. It knows with which byte each connection began.
pub struct Way {
    pub port: u16,
    path: Path,
    open: Vec<JoinHandle<()>>,
}

#[derive(Clone)]
struct Path {
    to: Arc<AtomicU16>,
    began: Arc<Mutex<Vec<u8>>>,
}

impl Way {
    /// At an address of its own.
    async fn at(address: &str, port: u16) -> Result<Self> {
        let listener = TcpListener::bind((address, 0)).await?;
        let way = listener.local_addr()?.port();
        let path = Path { to: Arc::new(AtomicU16::new(port)), began: Arc::default() };
        let open = vec![tokio::spawn(path.clone().lead(listener))];
        Ok(Self { port: way, path, open })
    }

    /// Wherever `localhost` is.
    pub async fn to(port: u16) -> Result<Self> {
        let mut way = Self::at("127.0.0.1", port).await?;
        if let Ok(listener) = TcpListener::bind(("::1", way.port)).await {
            way.open.push(tokio::spawn(way.path.clone().lead(listener)));
        }
        Ok(way)
    }

    /// From the next connection on.
    pub fn leads_to(&self, port: u16) {
        self.path.to.store(port, Ordering::SeqCst);
    }

    async fn close(self) {
        for task in self.open {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Path {
    async fn lead(self, listener: TcpListener) {
        while let Ok((mut from, _)) = listener.accept().await {
            let (to, mut first) = (self.to.load(Ordering::SeqCst), [0]);
            if let (Ok(mut to), Ok(1)) = (TcpStream::connect(("localhost", to)).await, from.peek(&mut first).await) {
                self.began.lock().unwrap().push(first[0]);
                tokio::spawn(async move { tokio::io::copy_bidirectional(&mut from, &mut to).await });
            }
        }
    }
}

async fn a_server_that_does_not_answer_is_waited_for_once(run: &mut Run) -> Result<()> {
    let way = Way::to(run.emulator.ready.sql.port).await?;
    let server = format!("localhost,{}", way.port);
    run.set("FABRICMIRROR_SQL_SERVER", &server);
    let logins = |count: usize| -> String {
        let login = |number: usize| {
            format!(
                "resource \"fabricmirror_login\" \"l{number}\" {{\n  name = \"login{number}\"\n  password_wo = \
                 \"Correct-Horse-7\"\n  password_wo_version = 1\n}}\n"
            )
        };
        (0..count).map(login).collect()
    };
    run.write("main.tf", &format!("{HEAD}{}", logins(5)))?;
    run.apply().await?.success()?;
    way.close().await;

    // Five that are there, and two that are new: each says it, and all of them wait together.
    run.write("main.tf", &format!("{HEAD}{}", logins(7)))?;
    let began = Instant::now();
    let plan = run.plan().await?;
    let taken = began.elapsed();
    let errors = plan.said.diagnostics().iter().filter(|it| it.severity == "error").count();
    let error = plan.said.fails_with("The server cannot be reached")?;
    if errors != 5 || !error.detail.contains(&server) || !error.detail.contains("3342") {
        fail!("not an error for each object, with advice: {}", plan.said.explain());
    }
    let warnings = plan.said.diagnostics().into_iter().filter(|it| it.severity == "warning");
    let warnings: Vec<_> = warnings.filter(|it| it.summary == format!("Server {server} cannot be reached")).collect();
    if warnings.len() != 1 || !warnings[0].address.starts_with("fabricmirror_login.l") {
        fail!("of the new ones it is said {} times: {}", warnings.len(), plan.said.explain());
    }
    // A refused connection is tried again for up to five seconds.
    if taken > Duration::from_secs(9) {
        fail!("the plan took {taken:?}: one object after the other waited");
    }
    Ok(())
}

async fn certificates_in_a_file_of_any_name(run: &mut Run) -> Result<()> {
    let trusted = std::fs::read_to_string(&run.emulator.ready.ca_certificate_file)?;
    run.set("FABRICMIRROR_CA_CERTIFICATE_FILE", "");
    let with = |file: &str| {
        tutorial_with(&[(
            "provider \"fabricmirror\" {\n",
            &format!("provider \"fabricmirror\" {{\n  ca_certificate_file = {file:?}\n"),
        )])
    };
    // One that nothing can be read from is refused where it is named, before anything is sent.
    let broken = "-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
    for (name, content) in [
        ("missing.pem", None),
        ("empty.pem", Some("")),
        ("words.crt", Some("These are words.\n")),
        ("broken.pem", Some(broken)),
        ("cut.pem", Some(&trusted[..trusted.len() / 2])),
    ] {
        if let Some(content) = content {
            run.write(name, content)?;
        }
        let file = run.folder.join(name).display().to_string();
        let since = now(run).await?;
        run.write("main.tf", &with(&file)?)?;
        let plan = run.plan().await?;
        let error = plan
            .said
            .fails_with("The CA certificate file cannot be used")
            .map_err(|error| format!("{name}: {error}"))?;
        if !error.detail.contains(&file) || !error.detail.contains("`ca_certificate_file`") {
            fail!("{name}: the error does not name it: {}", error.detail);
        }
        if !pointed_at(&plan.said).iter().any(|code| code.contains("ca_certificate_file")) {
            fail!("{name}: the error points to {:?}", pointed_at(&plan.said));
        }
        if now(run).await? != since {
            fail!("{name}: something was sent all the same");
        }
        // The environment names it as well.
        run.set("FABRICMIRROR_CA_CERTIFICATE_FILE", &file);
        run.use_tutorial()?;
        let error = run.plan().await?.said.fails_with("The CA certificate file cannot be used")?;
        if !error.detail.contains("FABRICMIRROR_CA_CERTIFICATE_FILE") {
            fail!("{name}: the error does not name the variable: {}", error.detail);
        }
        run.set("FABRICMIRROR_CA_CERTIFICATE_FILE", "");
    }
    // Whatever stands between: instance, Fabric and Entra are trusted alike.
    run.write("trusted.txt", &format!("The emulator's own:\n{trusted}\nand once more\n{trusted}"))?;
    run.write("main.tf", &with(&run.folder.join("trusted.txt").display().to_string())?)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()
}

async fn a_certificate_file_needs_no_ending(run: &mut Run) -> Result<()> {
    let trusted = std::fs::read_to_string(&run.emulator.ready.ca_certificate_file)?;
    run.write("trusted", &trusted)?;
    let file = run.folder.join("trusted").display().to_string();
    run.set("FABRICMIRROR_CA_CERTIFICATE_FILE", &file);
    run.use_tutorial()?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()
}

/// A name of its own for the instance, as a private endpoint has: a certificate is checked by the name it carries.
async fn a_server_whose_certificate_has_another_name(run: &mut Run) -> Result<()> {
    let sql = run.emulator.ready.sql.clone();
    // 127.0.0.2 is nobody's: the certificate is for localhost, 127.0.0.1 and ::1.
    let way = Way::at("127.0.0.2", sql.port).await?;
    let server = format!("127.0.0.2,{}", way.port);
    let with = |inside: &str| {
        format!("{PRINCIPALS}provider \"fabricmirror\" {{\n  sql = {{ server = \"{server}\"{inside} }}\n}}\n")
    };
    run.write("main.tf", &with(""))?;
    let error = run.apply().await?.fails_with("The server cannot be reached")?;
    for text in ["certificate", "`sql.host_name_in_certificate`"] {
        if !error.detail.contains(text) {
            fail!("{text:?} is not said: {}", error.detail);
        }
    }
    if error.detail.to_lowercase().contains("trust_cert") || error.detail.contains("TrustServerCertificate") {
        fail!("it advises to trust any certificate: {}", error.detail);
    }
    run.write("main.tf", &with(", host_name_in_certificate = \"mi.contoso.net\""))?;
    run.apply().await?.fails_with("mi.contoso.net")?;
    run.write("main.tf", &with(", host_name_in_certificate = \"https://localhost\""))?;
    let error = run.plan().await?.said.fails_with("is no name of a certificate")?;
    if !error.detail.contains("*.abc123.database.windows.net") {
        fail!("what is expected is not said: {}", error.detail);
    }
    run.write("main.tf", &with(", host_name_in_certificate = \"localhost\""))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    run.destroy().await?.success()?;
    way.close().await;
    Ok(())
}

async fn tls_from_the_first_byte(run: &mut Run) -> Result<()> {
    const PRELOGIN: u8 = 0x12;
    const TLS_HANDSHAKE: u8 = 0x16;
    for (words, first) in
        [("", PRELOGIN), (", encrypt = \"mandatory\"", PRELOGIN), (", encrypt = \"strict\"", TLS_HANDSHAKE)]
    {
        let way = Way::to(run.emulator.ready.sql.port).await?;
        let block =
            format!("provider \"fabricmirror\" {{\n  sql = {{ server = \"localhost,{}\"{words} }}\n}}\n", way.port);
        run.write("main.tf", &format!("{PRINCIPALS}{block}"))?;
        run.apply().await?.success()?;
        run.plan().await?.is_empty()?;
        run.destroy().await?.success()?;
        let began = way.path.began.lock().unwrap().clone();
        if began.is_empty() || began.iter().any(|byte| *byte != first) {
            fail!("{words:?}: connections began with {began:x?}");
        }
        way.close().await;
    }
    let block = "provider \"fabricmirror\" {\n  sql = { encrypt = \"disable\" }\n}\n";
    run.write("main.tf", &format!("{PRINCIPALS}{block}"))?;
    run.plan().await?.said.fails_with("mandatory").map(drop)
}
