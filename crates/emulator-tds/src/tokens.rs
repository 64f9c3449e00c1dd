//! The tokens of an answer.

use emulator_ground::engine::{Message, Statement};
use emulator_ground::value::{Column, SqlType, Value};

use super::types::COLLATION;
use super::types::encode::{self, Misfit, utf16};

/// Tokens one after another, as the payload of a response.
#[derive(Debug, Default)]
pub struct Tokens(pub Vec<u8>);

/// Which token ends a statement or request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// A statement of a batch, or the request itself.
    Batch = 0xFD,
    Procedure = 0xFE,
    /// A statement within a procedure.
    InProcedure = 0xFF,
}

pub mod done {
    pub const MORE: u16 = 0x0001;
    pub const ERROR: u16 = 0x0002;
    pub const IN_TRANSACTION: u16 = 0x0004;
    pub const COUNT: u16 = 0x0010;
    pub const ATTENTION: u16 = 0x0020;
}

/// What changed in the client's environment.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    Database {
        new: &'a str,
        old: &'a str,
    },
    Language {
        new: &'a str,
        old: &'a str,
    },
    PacketSize {
        new: usize,
        old: usize,
    },
    Collation,
    Began(u64),
    Committed(u64),
    RolledBack(u64),
    ResetDone,
    /// Log in there instead: over TCP, at this host and port (MS-TDS 2.2.7.9, type 20).
    Routing {
        host: &'a str,
        port: u16,
    },
}

const ENV_CHANGE: u8 = 0xE3;
const ERROR: u8 = 0xAA;
const INFO: u8 = 0xAB;
const LOGIN_ACK: u8 = 0xAD;
const FEATURE_ACK: u8 = 0xAE;
const FEDERATED_INFO: u8 = 0xEE;
const COLUMNS: u8 = 0x81;
const ROW: u8 = 0xD1;
const RETURN_STATUS: u8 = 0x79;
const RETURN_VALUE: u8 = 0xAC;

impl Tokens {
    pub fn change(&mut self, change: Change<'_>) {
        self.framed(ENV_CHANGE, |out| match change {
            Change::Database { new, old } => {
                out.push(1);
                b_varchar(out, new);
                b_varchar(out, old);
            }
            Change::Language { new, old } => {
                out.push(2);
                b_varchar(out, new);
                b_varchar(out, old);
            }
            Change::PacketSize { new, old } => {
                out.push(4);
                b_varchar(out, &new.to_string());
                b_varchar(out, &old.to_string());
            }
            Change::Collation => {
                out.extend([7, COLLATION.len() as u8]);
                out.extend(COLLATION);
                out.push(0);
            }
            Change::Began(transaction) => {
                out.extend([8, 8]);
                out.extend(transaction.to_le_bytes());
                out.push(0);
            }
            Change::Committed(transaction) => {
                out.extend([9, 0, 8]);
                out.extend(transaction.to_le_bytes());
            }
            Change::RolledBack(transaction) => {
                out.extend([10, 0, 8]);
                out.extend(transaction.to_le_bytes());
            }
            Change::ResetDone => out.extend([18, 0, 0]),
            Change::Routing { host, port } => {
                const TCP: u8 = 0;
                let host = cut(host, 1024);
                out.push(20);
                out.extend((5 + host.len() as u16).to_le_bytes());
                out.push(TCP);
                out.extend(port.to_le_bytes());
                out.extend(((host.len() / 2) as u16).to_le_bytes());
                out.extend(host);
                out.extend([0, 0]);
            }
        });
    }

    /// INFO up to class 10, ERROR above. Severity 10 is 0 for whoever reads it ("Database engine error severities": it is
    /// converted before it is returned); FreeTDS takes it for an error otherwise.
    pub fn message(&mut self, message: &Message, server: &str) {
        let token = if message.class <= 10 { INFO } else { ERROR };
        let class = if message.class == 10 { 0 } else { message.class };
        self.framed(token, |out| {
            out.extend(message.number.to_le_bytes());
            out.extend([message.state, class]);
            us_varchar(out, &message.text);
            b_varchar(out, server);
            b_varchar(out, &message.procedure);
            out.extend(message.line.to_le_bytes());
        });
    }

    /// `strict` answers TDS 8.0; everything else is lifted to 7.4.
    pub fn login_ack(&mut self, strict: bool) {
        self.framed(LOGIN_ACK, |out| {
            out.push(1);
            out.extend(if strict { [0x08, 0, 0, 0] } else { [0x74, 0, 0, 4] });
            b_varchar(out, "Microsoft SQL Server");
            out.extend([12, 0, 0x07, 0xD0]);
        });
    }

    /// Only features the client asked for may stand here.
    pub fn feature_ack(&mut self, features: &[(u8, &[u8])]) {
        self.0.push(FEATURE_ACK);
        for (id, data) in features {
            self.0.push(*id);
            self.0.extend((data.len() as u32).to_le_bytes());
            self.0.extend(*data);
        }
        self.0.push(0xFF);
    }

    /// Where to get a token, and for what.
    pub fn federated_info(&mut self, authority: &str, resource: &str) {
        let (authority, resource) = (utf16(authority), utf16(resource));
        let mut info = 2_u32.to_le_bytes().to_vec();
        let mut offset = 4 + 2 * 9;
        for (id, data) in [(1, &authority), (2, &resource)] {
            info.push(id);
            info.extend((data.len() as u32).to_le_bytes());
            info.extend((offset as u32).to_le_bytes());
            offset += data.len();
        }
        info.extend(authority);
        info.extend(resource);
        self.0.push(FEDERATED_INFO);
        self.0.extend((info.len() as u32).to_le_bytes());
        self.0.extend(info);
    }

    pub fn columns(&mut self, columns: &[(Column, SqlType)]) {
        const NULLABLE: u16 = 0x0001;
        const UPDATABILITY_UNKNOWN: u16 = 0x0008;
        const IDENTITY: u16 = 0x0010;
        const ROW_VERSION: u32 = 0x50;
        self.0.push(COLUMNS);
        self.0.extend((columns.len() as u16).to_le_bytes());
        for (column, sql_type) in columns {
            let user_type = if *sql_type == SqlType::RowVersion { ROW_VERSION } else { 0 };
            let nullable = if column.nullable { NULLABLE } else { 0 };
            let identity = if column.identity { IDENTITY } else { 0 };
            self.0.extend(user_type.to_le_bytes());
            self.0.extend((nullable | UPDATABILITY_UNKNOWN | identity).to_le_bytes());
            encode::type_info(&mut self.0, *sql_type);
            b_varchar(&mut self.0, &column.name);
        }
    }

    /// A row, or nothing when a value does not fit its column.
    pub fn row(&mut self, columns: &[(Column, SqlType)], row: &[Value]) -> Result<(), Misfit> {
        let start = self.0.len();
        self.0.push(ROW);
        for (index, (_, sql_type)) in columns.iter().enumerate() {
            let value = row.get(index).unwrap_or(&Value::Null);
            encode::value(&mut self.0, *sql_type, value).inspect_err(|_| self.0.truncate(start))?;
        }
        Ok(())
    }

    pub fn return_status(&mut self, status: i32) {
        self.0.push(RETURN_STATUS);
        self.0.extend(status.to_le_bytes());
    }

    pub fn return_value(&mut self, ordinal: u16, name: &str, sql_type: SqlType, value: &Value) -> Result<(), Misfit> {
        let start = self.0.len();
        self.0.push(RETURN_VALUE);
        self.0.extend(ordinal.to_le_bytes());
        b_varchar(&mut self.0, name);
        // output parameter; user type; flags
        self.0.push(1);
        self.0.extend([0; 6]);
        encode::type_info(&mut self.0, sql_type);
        encode::value(&mut self.0, sql_type, value).inspect_err(|_| self.0.truncate(start))
    }

    pub fn done(&mut self, end: End, status: u16, command: u16, count: u64) {
        self.0.push(end as u8);
        self.0.extend(status.to_le_bytes());
        self.0.extend(command.to_le_bytes());
        self.0.extend(count.to_le_bytes());
    }

    fn framed(&mut self, token: u8, body: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        body(&mut out);
        self.0.push(token);
        self.0.extend(u16::try_from(out.len()).unwrap_or(u16::MAX).to_le_bytes());
        self.0.extend(out);
    }
}

/// Command codes of DONE; clients only tell SELECT from the others.
pub fn command(statement: Statement) -> u16 {
    match statement {
        Statement::Select => 0xC1,
        Statement::Insert => 0xC3,
        Statement::Delete => 0xC4,
        Statement::Update => 0xC5,
        Statement::Merge => 0x117,
        Statement::Execute => 0xE0,
        Statement::Begin => 0xD4,
        Statement::Commit => 0xD5,
        Statement::Rollback => 0xD2,
        Statement::Other => 0,
    }
}

/// At most `units` UTF-16 units of text, never half a surrogate pair.
fn cut(text: &str, units: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for c in text.chars() {
        let mut buffer = [0; 2];
        let encoded = c.encode_utf16(&mut buffer);
        if bytes.len() / 2 + encoded.len() > units {
            break;
        }
        bytes.extend(encoded.iter().flat_map(|unit| unit.to_le_bytes()));
    }
    bytes
}

fn b_varchar(out: &mut Vec<u8>, text: &str) {
    let text = cut(text, 255);
    out.push((text.len() / 2) as u8);
    out.extend(text);
}

/// Message texts end after 2,047 units, as the server's do.
fn us_varchar(out: &mut Vec<u8>, text: &str) {
    let text = cut(text, 2047);
    out.extend(((text.len() / 2) as u16).to_le_bytes());
    out.extend(text);
}
