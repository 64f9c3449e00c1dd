//! An answer under way: outcomes become tokens, and full packets leave while later ones are still made.

use std::io;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use emulator_ground::engine::{Message, Outcome};
use emulator_ground::value::{SqlType, Value};

use super::packet::{self, HEADER, kind};
use super::tokens::{Change, End, Tokens, command, done};
use super::types::encode::declared;

/// The answer to one message of a client.
pub struct Response {
    tokens: Tokens,
    /// A statement's end that is held back: only the last of the message goes without the MORE bit.
    held: Option<Held>,
    next_packet: u8,
    packet_size: usize,
    spid: u16,
    server: String,
    transaction: bool,
    sent: bool,
    /// How many bytes may still be sent, where a fault cuts the answer short.
    left: Option<usize>,
    /// An error was reported and no end of a statement has said so yet.
    failed: bool,
    /// An error was reported since the RPC under way began.
    call_failed: bool,
    /// `number: text` of the first error, for the journal.
    pub first_error: Option<String>,
    /// An error of class 20 or more was sent: the connection ends.
    pub fatal: bool,
    /// Of the RPC under way: return status and output values.
    status: Option<i32>,
    values: Vec<(String, SqlType, Value)>,
}

struct Held {
    end: End,
    status: u16,
    command: u16,
    count: u64,
}

impl Response {
    pub fn new(packet_size: usize, spid: u16, server: String, transaction: bool) -> Self {
        Self {
            tokens: Tokens::default(),
            held: None,
            next_packet: 1,
            packet_size,
            spid,
            server,
            transaction,
            sent: false,
            left: None,
            failed: false,
            call_failed: false,
            first_error: None,
            fatal: false,
            status: None,
            values: Vec::new(),
        }
    }

    /// Only the first bytes of the answer will be sent.
    pub fn send_only(&mut self, bytes: usize) {
        self.left = Some(bytes);
    }

    pub fn is_partial(&self) -> bool {
        self.left.is_some()
    }

    /// Whether a transaction is open after what was answered so far.
    pub fn in_transaction(&self) -> bool {
        self.transaction
    }

    pub fn change(&mut self, change: Change<'_>) {
        self.release();
        self.tokens.change(change);
    }

    pub fn message(&mut self, message: &Message) {
        self.release();
        if message.class > 10 {
            self.failed = true;
            self.call_failed = true;
            self.first_error.get_or_insert_with(|| format!("{}: {}", message.number, message.text));
        }
        self.fatal |= message.class >= 20;
        self.tokens.message(message, &self.server);
    }

    /// Appends an outcome other than rows; `end` is the token that ends a statement of this kind of request.
    pub fn outcome(&mut self, outcome: Outcome, end: End) {
        match outcome {
            Outcome::Rows { .. } => {}
            Outcome::Done { statement, count, failed } => {
                let error = if failed || std::mem::take(&mut self.failed) { done::ERROR } else { 0 };
                let counted = if count.is_some() { done::COUNT } else { 0 };
                self.hold(end, error | counted, command(statement), count.unwrap_or_default());
            }
            Outcome::Message(message) => self.message(&message),
            Outcome::DatabaseChanged { new, old } => self.change(Change::Database { new: &new, old: &old }),
            Outcome::LanguageChanged { new, old } => self.change(Change::Language { new: &new, old: &old }),
            Outcome::TransactionBegan(id) => {
                self.transaction = true;
                self.change(Change::Began(id));
            }
            Outcome::TransactionCommitted(id) => {
                self.transaction = false;
                self.change(Change::Committed(id));
            }
            Outcome::TransactionRolledBack(id) => {
                self.transaction = false;
                self.change(Change::RolledBack(id));
            }
            Outcome::OutputParameter { name, sql_type, value } => self.values.push((name, sql_type, value)),
            Outcome::ReturnStatus(status) => self.status = Some(status),
        }
    }

    /// Takes note of an outcome of a cancelled request, which the client no longer hears of.
    pub fn skip(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::TransactionBegan(_) => self.transaction = true,
            Outcome::TransactionCommitted(_) | Outcome::TransactionRolledBack(_) => self.transaction = false,
            _ => {}
        }
    }

    /// Appends a result set, sending packets as they fill. False when `interrupted` said so on the way.
    pub async fn rows(
        &mut self,
        columns: Vec<emulator_ground::value::Column>,
        rows: Vec<Vec<Value>>,
        to: &mut (impl AsyncWrite + Unpin),
        mut interrupted: impl FnMut() -> bool,
    ) -> io::Result<bool> {
        self.release();
        let columns: Vec<_> = columns
            .into_iter()
            .enumerate()
            .map(|(index, column)| {
                let sql_type = declared(&column, index, &rows);
                (column, sql_type)
            })
            .collect();
        self.tokens.columns(&columns);
        for row in &rows {
            if let Err(misfit) = self.tokens.row(&columns, row) {
                tracing::error!(%misfit, "the engine made a row that cannot be sent");
                self.message(&internal_error(&misfit.to_string()));
                return Ok(true);
            }
            if self.send_full(to).await? && interrupted() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Ends an RPC: return status, output values, and the end itself, held back as the last of the message may be.
    /// `handle` is one that was prepared, `outputs` are the parameters the client wants back.
    pub fn end_call(&mut self, handle: Option<(u16, String, i32)>, outputs: &[(u16, String)]) {
        self.release();
        self.failed = false;
        let failed = std::mem::take(&mut self.call_failed);
        let status = self.status.take();
        self.tokens.return_status(status.unwrap_or(i32::from(failed)));
        if let Some((ordinal, name, number)) = handle {
            self.return_value(ordinal, &name, SqlType::Int, &Value::Int(i64::from(number)));
        }
        for (name, sql_type, value) in std::mem::take(&mut self.values) {
            let asked = outputs.iter().find(|(_, wanted)| wanted.eq_ignore_ascii_case(&name));
            if let Some((ordinal, _)) = asked {
                self.return_value(*ordinal, &name, sql_type, &value);
            }
        }
        self.hold(End::Procedure, if failed { done::ERROR } else { 0 }, 0xE0, 0);
    }

    /// Sends what is left as the end of the message.
    pub async fn finish(mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        // Where an error came last, nothing is held back.
        let error = if self.failed { done::ERROR } else { 0 };
        let last = Held { end: End::Batch, status: error, command: 0, count: 0 };
        let last = self.held.take().unwrap_or(last);
        self.write_done(&last, 0);
        self.send_rest(to).await
    }

    /// Answers an attention. The cancelled answer ends first, then comes the acknowledgement in a message of its own –
    /// but tiberius only looks for it in the first message (`one_message`), while tedious and JDBC wait for two.
    pub async fn finish_cancelled(mut self, to: &mut (impl AsyncWrite + Unpin), one_message: bool) -> io::Result<()> {
        if self.sent {
            // What was made so far ends with whole tokens; an earlier packet may hold the start of one.
            self.release();
        } else {
            self.tokens.0.clear();
            self.held = None;
        }
        let (packet_size, spid) = (self.packet_size, self.spid);
        if one_message {
            self.tokens.done(End::Batch, done::ATTENTION, 0, 0);
            return self.send_rest(to).await;
        }
        let status = done::ERROR | if self.transaction { done::IN_TRANSACTION } else { 0 };
        self.tokens.done(End::Batch, status, 0, 0);
        self.send_rest(to).await?;
        acknowledge_attention(to, packet_size, spid).await
    }

    fn return_value(&mut self, ordinal: u16, name: &str, sql_type: SqlType, value: &Value) {
        let sql_type = match sql_type {
            SqlType::NChar(_) => SqlType::NVarChar(None),
            SqlType::Char(_) => SqlType::VarChar(None),
            SqlType::Binary(_) => SqlType::VarBinary(None),
            other => other,
        };
        if let Err(misfit) = self.tokens.return_value(ordinal, name, sql_type, value) {
            tracing::error!(%misfit, "the engine made an output value that cannot be sent");
        }
    }

    fn hold(&mut self, end: End, status: u16, command: u16, count: u64) {
        self.release();
        self.held = Some(Held { end, status, command, count });
    }

    /// Something follows the statement's end that was held back.
    fn release(&mut self) {
        if let Some(held) = self.held.take() {
            self.write_done(&held, done::MORE);
        }
    }

    fn write_done(&mut self, held: &Held, more: u16) {
        let transaction = if self.transaction { done::IN_TRANSACTION } else { 0 };
        self.tokens.done(held.end, held.status | more | transaction, held.command, held.count);
    }

    /// Sends whole packets; true when there were any.
    async fn send_full(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<bool> {
        let payload = self.packet_size - HEADER;
        // One byte stays behind: the last packet, which is marked as the end, must not be empty.
        let full = self.tokens.0.len().saturating_sub(1) / payload * payload;
        if full == 0 {
            return Ok(false);
        }
        let rest = self.tokens.0.split_off(full);
        let full = std::mem::replace(&mut self.tokens.0, rest);
        let mut framed = Vec::with_capacity(full.len() + full.len() / payload * HEADER);
        packet::frame(&mut framed, kind::RESPONSE, self.packet_size, self.spid, &mut self.next_packet, &full, false);
        self.sent = true;
        self.write(&framed, to).await?;
        Ok(true)
    }

    async fn send_rest(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let rest = std::mem::take(&mut self.tokens.0);
        let mut framed = Vec::with_capacity(rest.len() + HEADER);
        packet::frame(&mut framed, kind::RESPONSE, self.packet_size, self.spid, &mut self.next_packet, &rest, true);
        self.write(&framed, to).await
    }

    async fn write(&mut self, bytes: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let count = self.left.unwrap_or(usize::MAX).min(bytes.len());
        self.left = self.left.map(|left| left - count);
        to.write_all(&bytes[..count]).await?;
        to.flush().await
    }
}

/// The answer to an attention when nothing runs, and the second message of a cancelled answer.
pub async fn acknowledge_attention(
    to: &mut (impl AsyncWrite + Unpin),
    packet_size: usize,
    spid: u16,
) -> io::Result<()> {
    let mut tokens = Tokens::default();
    tokens.done(End::Batch, done::ATTENTION, 0, 0);
    packet::write_message(to, kind::RESPONSE, packet_size, spid, &tokens.0).await
}

fn internal_error(detail: &str) -> Message {
    Message::new(8624, 16, 1, format!("Internal Query Processor Error: {detail}."))
}
