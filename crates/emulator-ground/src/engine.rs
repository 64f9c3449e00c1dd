//! What the wire asks of the engine: the only thing that it and the instance know of each other.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::Thread;

use crate::value::{Column, SqlType, Value};

/// A SQL Managed Instance that sessions can be opened on.
pub trait Engine: Send + Sync + 'static {
    /// Opens a session. `Err` holds the messages in the order in which the client gets them (4060 before 18456).
    fn login(&self, request: &LoginRequest) -> Result<Box<dyn Session>, Vec<Message>>;

    /// The name that messages carry as their server, and `@@SERVERNAME`.
    fn server_name(&self) -> String;

    /// A text without the passwords in it, for the journal.
    fn masked(&self, text: &str) -> String;
}

/// One session. Calls block (they run on a blocking thread) and never overlap.
pub trait Session: Send {
    /// `@@SPID`, at least 51.
    fn id(&self) -> u16;
    /// The current database.
    fn database(&self) -> String;
    /// Name of the login the session was opened by.
    fn login_name(&self) -> String;
    /// Runs a request to its end, or until `cancel` is set. `out` gets every outcome in order.
    fn execute(&mut self, request: Request, cancel: &Cancel, out: &mut dyn FnMut(Outcome));
    /// RESETCONNECTION: as freshly logged in; an open transaction is rolled back unless `keep_transaction`.
    fn reset(&mut self, keep_transaction: bool);
    /// True when somebody else ended this session (KILL); the wire then closes the connection.
    fn killed(&self) -> bool {
        false
    }
}

/// Set by an attention or a lost connection.
#[derive(Debug, Default)]
pub struct Cancel {
    is_set: AtomicBool,
    sleeper: Mutex<Option<Thread>>,
}

impl Cancel {
    pub fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        if let Some(thread) = &*self.sleeper.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
    }
    pub fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }
    /// From now on [`Self::set`] unparks the thread; whether it was set before is to be looked at after this.
    pub fn wake(&self, thread: &Thread) {
        *self.sleeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread.clone());
    }
}

/// Who wants in.
pub struct LoginRequest {
    pub credentials: Credentials,
    /// Initial catalog; `None` is the login's default database.
    pub database: Option<String>,
    pub host_name: String,
    pub application: String,
    pub library: String,
    pub transport: Transport,
}

/// How a client reached the instance.
#[derive(Debug, Clone, Copy, Default)]
pub struct Transport {
    /// Where it comes from, and where it was let in; unknown where no socket was.
    pub client: Option<SocketAddr>,
    pub server: Option<SocketAddr>,
    /// Bytes of a packet.
    pub packet_size: u32,
    /// As the acknowledgement of the login has it: 0x74000004 is TDS 7.4.
    pub protocol: u32,
}

/// No `Debug`: a secret must not reach a log.
pub enum Credentials {
    Password {
        user: String,
        password: String,
    },
    /// An Entra access token for `https://database.windows.net/`.
    Token(String),
}

/// What a client asks of its session.
#[derive(Debug)]
pub enum Request {
    /// A batch, or the text of sp_executesql and its kin with its parameters bound by name (`@p1`).
    Text {
        text: String,
        parameters: Vec<Parameter>,
    },
    /// An RPC by name, other than those that prepare and execute text (the wire resolves these).
    Procedure {
        name: String,
        parameters: Vec<Parameter>,
    },
    Begin {
        isolation: Option<Isolation>,
        name: String,
    },
    Commit {
        then_begin: bool,
    },
    Rollback {
        name: String,
        then_begin: bool,
    },
    Save {
        name: String,
    },
}

#[derive(Debug, Clone)]
pub struct Parameter {
    /// With `@`; empty when positional.
    pub name: String,
    pub sql_type: SqlType,
    pub value: Value,
    pub output: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    ReadUncommitted,
    ReadCommitted,
    RepeatableRead,
    Serializable,
    Snapshot,
}

/// What a request leads to, in the order in which the client sees it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A result set; `Done` follows.
    Rows {
        columns: Vec<Column>,
        rows: Vec<Vec<Value>>,
    },
    /// A statement ended. `count` is sent only when the statement counts rows and NOCOUNT is off.
    Done {
        statement: Statement,
        count: Option<u64>,
        failed: bool,
    },
    /// Class ≤ 10 is INFO on the wire, more is ERROR; from class 20 the connection ends.
    Message(Message),
    DatabaseChanged {
        new: String,
        old: String,
    },
    LanguageChanged {
        new: String,
        old: String,
    },
    TransactionBegan(u64),
    TransactionCommitted(u64),
    TransactionRolledBack(u64),
    /// Value of an output parameter of `Request::Text` or `Request::Procedure`.
    OutputParameter {
        name: String,
        sql_type: SqlType,
        value: Value,
    },
    /// Return status of a procedure called by RPC.
    ReturnStatus(i32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statement {
    Select,
    Insert,
    Update,
    Delete,
    Merge,
    Execute,
    Begin,
    Commit,
    Rollback,
    Other,
}

/// An error or information message of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub number: i32,
    /// Severity ("class" on the wire).
    pub class: u8,
    pub state: u8,
    pub text: String,
    /// Empty outside a procedure.
    pub procedure: String,
    /// Line in the batch or procedure, from 1.
    pub line: u32,
}

impl Message {
    pub fn new(number: i32, class: u8, state: u8, text: impl Into<String>) -> Self {
        Self { number, class, state, text: text.into(), procedure: String::new(), line: 1 }
    }
}
