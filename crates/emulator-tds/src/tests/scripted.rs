//! An engine that knows a few words, so that the wire can be tested without one that knows SQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio_util::sync::CancellationToken;

use crate::TlsIdentity;
use crate::listener::Service;
use emulator_ground::engine::{
    Cancel, Credentials, Engine, LoginRequest, Message, Outcome, Request, Session, Statement,
};
use emulator_ground::faults::Faults;
use emulator_ground::journal::Journal;
use emulator_ground::value::{Column, SqlType, Value};

pub const PASSWORD: &str = "Passw0rd!é";

#[derive(Default)]
struct Scripted {
    sessions: Arc<AtomicUsize>,
}

struct ScriptedSession {
    /// How many there are.
    sessions: Arc<AtomicUsize>,
    database: String,
    transaction: u64,
    open: bool,
}

impl Engine for Scripted {
    fn login(&self, request: &LoginRequest) -> Result<Box<dyn Session>, Vec<Message>> {
        let failed = |user: &str| Message::new(18456, 14, 1, format!("Login failed for user '{user}'."));
        match &request.credentials {
            Credentials::Password { user, password } if user == "sa" && password == PASSWORD => {}
            Credentials::Token(token) if token == "good.jwt.token" => {}
            Credentials::Password { user, .. } => return Err(vec![failed(user)]),
            Credentials::Token(_) => return Err(vec![failed("<token-identified principal>")]),
        }
        let database = request.database.clone().unwrap_or_else(|| "master".to_owned());
        if database == "nodb" {
            let text = "Cannot open database \"nodb\" requested by the login. The login failed.";
            return Err(vec![Message::new(4060, 11, 1, text), failed("sa")]);
        }
        self.sessions.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(ScriptedSession { sessions: self.sessions.clone(), database, transaction: 0, open: false }))
    }

    fn server_name(&self) -> String {
        "scripted".to_owned()
    }

    fn masked(&self, text: &str) -> String {
        text.to_owned()
    }
}

impl Session for ScriptedSession {
    fn id(&self) -> u16 {
        51
    }

    fn database(&self) -> String {
        self.database.clone()
    }

    fn login_name(&self) -> String {
        "sa".to_owned()
    }

    fn execute(&mut self, request: Request, cancel: &Cancel, out: &mut dyn FnMut(Outcome)) {
        let done = |statement, count| Outcome::Done { statement, count, failed: false };
        match request {
            Request::Text { text, parameters } => match text.as_str() {
                "types" => {
                    let (columns, row): (Vec<_>, Vec<_>) = every_type().into_iter().unzip();
                    let nulls = columns.iter().map(|_| Value::Null).collect();
                    out(Outcome::Rows { columns, rows: vec![row, nulls] });
                    out(done(Statement::Select, Some(2)));
                }
                text if text.starts_with("echo") => {
                    let columns = parameters.iter().map(|p| column(&p.name, p.sql_type)).collect();
                    let row = parameters.into_iter().map(|p| p.value).collect();
                    out(Outcome::Rows { columns, rows: vec![row] });
                    out(done(Statement::Select, Some(1)));
                }
                "two" => {
                    for number in [1, 2] {
                        let columns = vec![column("n", SqlType::Int)];
                        out(Outcome::Rows { columns, rows: vec![vec![Value::Int(number)]; number as usize] });
                        out(done(Statement::Select, Some(number as u64)));
                    }
                }
                "update" => out(done(Statement::Update, Some(7))),
                "fail" => {
                    out(done(Statement::Update, Some(1)));
                    out(Outcome::Message(Message::new(15151, 16, 1, "Cannot find the user 'x'.")));
                    out(Outcome::Done { statement: Statement::Other, count: None, failed: true });
                }
                "fatal" => out(Outcome::Message(Message::new(596, 21, 1, "The session is in the kill state."))),
                "big" => {
                    let columns = vec![column("t", SqlType::NVarChar(Some(4)))];
                    let rows = (0..2000).map(|n| vec![Value::Text(format!("row {n} 😀"))]).collect();
                    out(Outcome::Rows { columns, rows });
                    out(done(Statement::Select, Some(2000)));
                }
                "wait" => {
                    while !cancel.is_set() {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
                "wait after rows" => {
                    let columns = vec![column("t", SqlType::NVarChar(None))];
                    out(Outcome::Rows { columns, rows: vec![vec![Value::Text("x".to_owned())]; 1000] });
                    while !cancel.is_set() {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
                "use" => {
                    out(Outcome::DatabaseChanged { new: "Sales".to_owned(), old: self.database.clone() });
                    self.database = "Sales".to_owned();
                    out(done(Statement::Other, None));
                }
                // What drivers send by themselves.
                text if text.starts_with("SET ") || text.ends_with(" TRAN") => out(done(Statement::Other, None)),
                _ => out(Outcome::Message(Message::new(102, 15, 1, "Incorrect syntax."))),
            },
            Request::Procedure { .. } => {
                out(Outcome::Message(Message::new(2812, 16, 62, "Could not find stored procedure.")))
            }
            Request::Begin { .. } => {
                self.transaction += 1;
                self.open = true;
                out(Outcome::TransactionBegan(self.transaction));
                out(done(Statement::Begin, None));
            }
            Request::Commit { .. } if self.open => {
                self.open = false;
                out(Outcome::TransactionCommitted(self.transaction));
                out(done(Statement::Commit, None));
            }
            Request::Rollback { .. } if self.open => {
                self.open = false;
                out(Outcome::TransactionRolledBack(self.transaction));
                out(done(Statement::Rollback, None));
            }
            Request::Commit { .. } | Request::Rollback { .. } | Request::Save { .. } => {
                out(Outcome::Message(Message::new(3902, 16, 1, "There is no transaction.")))
            }
        }
    }

    fn reset(&mut self, _keep_transaction: bool) {}
}

impl Drop for ScriptedSession {
    fn drop(&mut self) {
        self.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

fn column(name: &str, sql_type: SqlType) -> Column {
    Column { name: name.to_owned(), sql_type, nullable: true, identity: false }
}

/// A column and a value of each type.
pub fn every_type() -> Vec<(Column, Value)> {
    let text = |text: &str| Value::Text(text.to_owned());
    let noon = 432_000_000_000;
    [
        ("bit", SqlType::Bit, Value::Bit(true)),
        ("tinyint", SqlType::TinyInt, Value::Int(200)),
        ("smallint", SqlType::SmallInt, Value::Int(-5)),
        ("int", SqlType::Int, Value::Int(-7)),
        ("bigint", SqlType::BigInt, Value::Int(1 << 40)),
        ("real", SqlType::Real, Value::Float(1.5)),
        ("float", SqlType::Float, Value::Float(2.25)),
        ("decimal", SqlType::Decimal { precision: 18, scale: 4 }, Value::Decimal { unscaled: -123_456_789, scale: 4 }),
        ("money", SqlType::Money, Value::Decimal { unscaled: 1_234_500, scale: 4 }),
        ("smallmoney", SqlType::SmallMoney, Value::Decimal { unscaled: -10_000, scale: 4 }),
        ("date", SqlType::Date, Value::Date(738_885)),
        ("time", SqlType::Time { scale: 7 }, Value::Time(noon)),
        ("datetime2", SqlType::DateTime2 { scale: 3 }, Value::DateTime { days: 738_885, ticks: noon }),
        (
            "datetimeoffset",
            SqlType::DateTimeOffset { scale: 7 },
            Value::DateTimeOffset { days: 738_885, ticks: noon, offset_minutes: 120 },
        ),
        ("datetime", SqlType::DateTime, Value::DateTime { days: 738_885, ticks: noon }),
        ("smalldatetime", SqlType::SmallDateTime, Value::DateTime { days: 738_885, ticks: noon }),
        ("uniqueidentifier", SqlType::UniqueIdentifier, Value::Guid(uuid::Uuid::from_u128(1 << 100))),
        ("nchar", SqlType::NChar(4), text("abc")),
        ("nvarchar", SqlType::NVarChar(Some(40)), text("héllo 😀")),
        ("nvarchar_max", SqlType::NVarChar(None), text("max 😀")),
        ("char", SqlType::Char(4), text("abc")),
        ("varchar", SqlType::VarChar(Some(10)), text("café")),
        ("varchar_max", SqlType::VarChar(None), text("€")),
        ("binary", SqlType::Binary(4), Value::Bytes(vec![1, 2])),
        ("varbinary", SqlType::VarBinary(Some(8)), Value::Bytes(vec![1, 2, 3])),
        ("varbinary_max", SqlType::VarBinary(None), Value::Bytes(vec![9; 9000])),
        ("rowversion", SqlType::RowVersion, Value::Bytes(vec![0, 0, 0, 0, 0, 0, 7, 209])),
        ("xml", SqlType::Xml, text("<a/>")),
    ]
    .into_iter()
    .map(|(name, sql_type, value)| (column(name, sql_type), value))
    .collect()
}

/// An authority, in PEM, and a server's certificate of it.
pub fn certificates() -> (String, TlsIdentity) {
    let mut ca = CertificateParams::new(vec![]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Named unlike the leaf, which would otherwise pass for self-signed.
    ca.distinguished_name.push(DnType::CommonName, "Scripted CA");
    let ca_key = KeyPair::generate().unwrap();
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = leaf.signed_by(&key, &issuer).unwrap();
    let chain = vec![certificate.der().clone(), ca_certificate.der().clone()];
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    (ca_certificate.pem(), TlsIdentity { chain, key })
}

/// A server on a free port.
pub struct Server {
    pub port: u16,
    pub ca_pem: String,
    pub journal: Arc<Journal>,
    pub faults: Arc<Faults>,
    sessions: Arc<AtomicUsize>,
    shutdown: CancellationToken,
}

impl Server {
    pub async fn start() -> Self {
        Self::with_login_timeout(Duration::from_secs(30)).await
    }

    pub async fn with_login_timeout(login_timeout: Duration) -> Self {
        let (ca_pem, tls) = certificates();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (journal, faults) = (Arc::new(Journal::default()), Arc::new(Faults::default()));
        let shutdown = CancellationToken::new();
        let engine = Arc::new(Scripted::default());
        let sessions = engine.sessions.clone();
        let authority = "https://localhost/tenant".to_owned();
        let mut service = Service::new(engine, tls, journal.clone(), faults.clone(), authority).unwrap();
        service.login_timeout = login_timeout;
        tokio::spawn(Arc::new(service).run(listener, shutdown.clone()));
        Self { port, ca_pem, journal, faults, sessions, shutdown }
    }

    /// Plants a fault.
    pub fn fault(&self, fault: serde_json::Value) {
        self.faults.plant(serde_json::from_value(fault).unwrap()).unwrap();
    }

    /// Sessions that are open.
    pub fn sessions(&self) -> usize {
        self.sessions.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
