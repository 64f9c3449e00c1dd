//! One logged-in connection: its requests, one after another, and what may come between.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use emulator_ground::engine::{Cancel, Engine, Message, Outcome, Request, Session};
use emulator_ground::faults::{Effect, SqlFault, When};
use emulator_ground::journal::{Channel, Entry, Place};

use super::listener::{LoggedIn, Service, Stream};
use super::packet::{self, SESSION_LIMIT, kind, read_message, status};
use super::reader::Malformed;
use super::request::{self, Transaction};
use super::response::{Response, acknowledge_attention};
use super::rpc::{self, Plan, Prepared};
use super::tokens::{Change, End};
use super::types::decode::DecodeError;

/// Requests that may wait behind a running one.
const MOST_QUEUED: usize = 64;
/// How often an idle session looks whether somebody killed it.
const KILL_CHECK: Duration = Duration::from_millis(200);

pub struct Connection {
    service: Arc<Service>,
    number: u64,
    /// Absent while a request runs with it on another thread.
    session: Option<Box<dyn Session>>,
    prepared: Prepared,
    transaction: bool,
    packet_size: usize,
    one_message_attention: bool,
    to: WriteHalf<Box<dyn Stream>>,
    from: Incoming,
}

/// What the client sends, read while requests run.
struct Incoming {
    messages: mpsc::Receiver<packet::Message>,
    /// Requests that came before the running one had ended: never interleaved.
    queued: VecDeque<packet::Message>,
    gone: bool,
}

/// A decoded message: its steps, each a call of an RPC or all of another request.
struct Work {
    steps: Vec<Result<Plan, Message>>,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ran {
    ToItsEnd,
    Cancelled,
    /// The client left, or the session is lost.
    Lost,
}

/// What the journal says of a request whose connection a fault has cut.
const CUT: &str = "connection reset by a planted fault";

impl Connection {
    pub(super) fn new(service: Arc<Service>, stream: Box<dyn Stream>, logged_in: LoggedIn) -> Self {
        let (from, to) = tokio::io::split(stream);
        Self {
            service,
            number: logged_in.connection,
            session: Some(logged_in.session),
            prepared: Prepared::default(),
            transaction: false,
            packet_size: logged_in.packet_size,
            one_message_attention: logged_in.one_message_attention,
            to,
            from: Incoming::start(from),
        }
    }

    pub async fn run(mut self, shutdown: CancellationToken) -> io::Result<()> {
        let served = self.serve_all(&shutdown).await;
        if let Some(session) = self.session.take() {
            // Closing may wait for a lock of the engine.
            let _ = tokio::task::spawn_blocking(move || drop(session)).await;
        }
        if let Ok(Closing::Orderly) = served {
            let _ = self.to.shutdown().await;
        }
        served.map(|_| ())
    }

    async fn serve_all(&mut self, shutdown: &CancellationToken) -> io::Result<Closing> {
        loop {
            let next = match self.from.queued.pop_front() {
                Some(message) => Some(message),
                None => tokio::select! {
                    () = shutdown.cancelled() => return Ok(Closing::Orderly),
                    message = self.from.messages.recv() => message,
                    () = tokio::time::sleep(KILL_CHECK) => {
                        if self.killed() {
                            return Ok(Closing::Orderly);
                        }
                        continue;
                    }
                },
            };
            let Some(message) = next else { return Ok(Closing::Orderly) };
            if self.killed() {
                return Ok(Closing::Orderly);
            }
            let spid = self.spid();
            if message.kind == kind::ATTENTION {
                acknowledge_attention(&mut self.to, self.packet_size, spid).await?;
            } else if message.status & status::IGNORE != 0 {
                // Given up before it was whole: one DONE with an error, and no acknowledgement.
                let mut response = self.response();
                response.outcome(failed(), End::Batch);
                response.finish(&mut self.to).await?;
            } else if let Some(closing) = self.serve(message, shutdown).await? {
                return Ok(closing);
            }
        }
    }

    /// Serves one message; `Some` ends the connection.
    async fn serve(&mut self, message: packet::Message, shutdown: &CancellationToken) -> io::Result<Option<Closing>> {
        let mut response = self.response();
        if message.status & (status::RESET | status::RESET_KEEP_TRANSACTION) != 0 {
            let keep = message.status & status::RESET_KEEP_TRANSACTION != 0;
            self.reset(keep).await?;
            response = Response::new(self.packet_size, self.spid(), self.server(), self.transaction);
            response.change(Change::ResetDone);
        }
        let work = self.decode(&message);
        let statement = work.statement();
        let mut entry = Entry {
            channel: Channel::Sql,
            connection: self.number,
            server: Some(self.server()),
            database: self.session.as_ref().map(|session| session.database()),
            text: Some(work.journal_text(&*self.service.engine)),
            ..Entry::default()
        };
        let place = self.service.journal.begin(entry.clone());
        entry.index = place.index;
        let fault = self.service.faults.strike(&entry, Some(&statement));
        if let Some(fault) = &fault {
            self.service.journal.struck(place, fault);
        }
        let cut = |service: &Service| {
            service.journal.end(place, |entry| {
                entry.error.get_or_insert_with(|| CUT.to_owned());
            });
            Ok(Some(Closing::Abrupt))
        };
        let (mut delay, mut mute) = (Duration::ZERO, false);
        match fault {
            Some(Effect::Reset { reset: When::Before }) => return cut(&self.service),
            Some(Effect::Reset { reset: When::After }) => mute = true,
            Some(Effect::Delay { delay_ms }) => delay = Duration::from_millis(delay_ms),
            Some(Effect::SqlError { sql_error: error }) => {
                response.message(&sql_error(&error));
                if work.end == End::InProcedure {
                    response.end_call(None, &[]);
                }
                self.end_entry(place, &response, None);
                let fatal = response.fatal || error.close;
                response.finish(&mut self.to).await?;
                return Ok(fatal.then_some(Closing::Orderly));
            }
            Some(Effect::Partial { partial }) => response.send_only(partial),
            Some(Effect::Answer { .. } | Effect::Throttle { .. } | Effect::Route { .. }) | None => {}
        }
        let mut ran = Ran::ToItsEnd;
        for step in work.steps {
            let (handle, outputs) = match step {
                Ok(plan) => {
                    if let Some(request) = plan.request {
                        let delay = std::mem::take(&mut delay);
                        ran = match self.execute(request, work.end, &mut response, delay, mute, shutdown).await {
                            Ok(ran) => ran,
                            // It cannot be sent, since nobody is there any more.
                            Err(error) => {
                                self.end_entry(place, &response, Some("the client left"));
                                return Err(error);
                            }
                        };
                    }
                    (plan.handle, plan.outputs)
                }
                Err(message) => {
                    response.message(&message);
                    (None, Vec::new())
                }
            };
            if ran != Ran::ToItsEnd || response.fatal {
                break;
            }
            if work.end == End::InProcedure {
                response.end_call(handle, &outputs);
            }
        }
        self.transaction = response.in_transaction();
        if mute {
            return cut(&self.service);
        }
        match ran {
            Ran::ToItsEnd => {
                let (fatal, partial) = (response.fatal, response.is_partial());
                self.end_entry(place, &response, partial.then_some(CUT));
                response.finish(&mut self.to).await?;
                Ok(if partial { Some(Closing::Abrupt) } else { fatal.then_some(Closing::Orderly) })
            }
            Ran::Cancelled => {
                self.end_entry(place, &response, Some("cancelled by the client"));
                response.finish_cancelled(&mut self.to, self.one_message_attention).await?;
                Ok(None)
            }
            Ran::Lost => {
                self.end_entry(place, &response, Some("the client left"));
                Ok(Some(Closing::Abrupt))
            }
        }
    }

    /// Runs one request on a blocking thread and sends its outcomes as they come.
    async fn execute(
        &mut self,
        request: Request,
        end: End,
        response: &mut Response,
        delay: Duration,
        mute: bool,
        shutdown: &CancellationToken,
    ) -> io::Result<Ran> {
        let Some(mut session) = self.session.take() else { return Ok(Ran::Lost) };
        let cancel = Arc::new(Cancel::default());
        let (outcomes, mut incoming) = mpsc::channel(16);
        let task = tokio::task::spawn_blocking({
            let cancel = cancel.clone();
            move || {
                wait(delay, &cancel);
                if !cancel.is_set() {
                    session.execute(request, &cancel, &mut |outcome| {
                        // Nobody listens any more: the rest need not be made.
                        if outcomes.blocking_send(outcome).is_err() {
                            cancel.set();
                        }
                    });
                }
                session
            }
        });
        let mut ran = Ran::ToItsEnd;
        let mut lost = None;
        loop {
            let outcome = tokio::select! {
                biased;
                () = shutdown.cancelled(), if ran != Ran::Lost => {
                    ran = Ran::Lost;
                    cancel.set();
                    continue;
                }
                message = self.from.messages.recv(), if !self.from.gone => {
                    ran = self.from.meanwhile(message).unwrap_or(ran);
                    if ran != Ran::ToItsEnd {
                        cancel.set();
                    }
                    continue;
                }
                outcome = incoming.recv() => outcome,
            };
            let Some(outcome) = outcome else { break };
            if ran != Ran::ToItsEnd || mute {
                response.skip(&outcome);
                continue;
            }
            let Outcome::Rows { columns, rows } = outcome else {
                response.outcome(outcome, end);
                continue;
            };
            let from = &mut self.from;
            let interrupted = || {
                while let Ok(message) = from.messages.try_recv() {
                    ran = from.meanwhile(Some(message)).unwrap_or(ran);
                }
                ran != Ran::ToItsEnd
            };
            match response.rows(columns, rows, &mut self.to, interrupted).await {
                Ok(true) => {}
                Ok(false) => cancel.set(),
                Err(error) => {
                    cancel.set();
                    ran = Ran::Lost;
                    lost = Some(error);
                }
            }
        }
        match task.await {
            Ok(session) => self.session = Some(session),
            Err(error) => {
                tracing::error!(%error, "the engine failed within a request");
                response.message(&Message::new(
                    3624,
                    20,
                    1,
                    "A system assertion check has failed. Check the SQL Server error log for details.",
                ));
            }
        }
        lost.map_or(Ok(ran), Err)
    }

    fn decode(&mut self, message: &packet::Message) -> Work {
        match message.kind {
            kind::BATCH => Work::single(request::batch(&message.payload).map_err(malformed).and_then(batch)),
            kind::RPC => match request::rpc(&message.payload) {
                Ok(calls) => {
                    let steps = calls.into_iter().map(|call| self.prepared.plan(call)).collect();
                    Work { steps, end: End::InProcedure }
                }
                Err(error) => Work { steps: vec![Err(undecodable(error))], end: End::InProcedure },
            },
            kind::TRANSACTION => {
                let transaction = request::transaction(&message.payload).map_err(malformed);
                Work::single(transaction.and_then(transaction_plan))
            }
            kind::BULK_LOAD => Work::single(Err(no_bulk_load())),
            _ => Work::single(Err(malformed(Malformed("an unknown kind of message")))),
        }
    }

    async fn reset(&mut self, keep_transaction: bool) -> io::Result<()> {
        self.prepared.clear();
        self.transaction &= keep_transaction;
        let Some(mut session) = self.session.take() else { return Err(io::ErrorKind::NotConnected.into()) };
        let session = tokio::task::spawn_blocking(move || {
            session.reset(keep_transaction);
            session
        });
        self.session = Some(session.await.map_err(io::Error::other)?);
        Ok(())
    }

    fn response(&self) -> Response {
        Response::new(self.packet_size, self.spid(), self.server(), self.transaction)
    }

    fn end_entry(&self, place: Place, response: &Response, otherwise: Option<&str>) {
        let error = response.first_error.clone().or_else(|| otherwise.map(str::to_owned));
        self.service.journal.end(place, |entry| entry.error = error);
    }

    fn spid(&self) -> u16 {
        self.session.as_ref().map_or(0, |session| session.id())
    }

    fn server(&self) -> String {
        self.service.engine.server_name()
    }

    fn killed(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.killed())
    }
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// With TLS's close_notify.
    Orderly,
    Abrupt,
}

impl Incoming {
    fn start(mut from: ReadHalf<Box<dyn Stream>>) -> Self {
        let (sender, messages) = mpsc::channel(4);
        tokio::spawn(async move {
            loop {
                let message = tokio::select! {
                    () = sender.closed() => return,
                    message = read_message(&mut from, SESSION_LIMIT) => message,
                };
                match message {
                    Ok(Some(message)) => {
                        if sender.send(message).await.is_err() {
                            return;
                        }
                    }
                    Ok(None) => return,
                    Err(error) => {
                        tracing::debug!(%error, "a TDS client was cut off");
                        return;
                    }
                }
            }
        });
        Self { messages, queued: VecDeque::new(), gone: false }
    }

    /// What a message means that comes while a request runs; `None`: it waits.
    fn meanwhile(&mut self, message: Option<packet::Message>) -> Option<Ran> {
        match message {
            Some(message) if message.kind == kind::ATTENTION => Some(Ran::Cancelled),
            Some(message) if self.queued.len() < MOST_QUEUED => {
                self.queued.push_back(message);
                None
            }
            _ => {
                self.gone = true;
                Some(Ran::Lost)
            }
        }
    }
}

impl Work {
    fn single(step: Result<Plan, Message>) -> Self {
        Self { steps: vec![step], end: End::Batch }
    }

    /// The statements, unmasked.
    fn statement(&self) -> String {
        let texts = self.steps.iter().filter_map(|step| step.as_ref().ok().map(|plan| plan.text.as_str()));
        texts.collect::<Vec<_>>().join("\n")
    }

    fn journal_text(&self, engine: &dyn Engine) -> String {
        let mut text = engine.masked(&self.statement());
        let requests = self.steps.iter().filter_map(|step| step.as_ref().ok()?.request.as_ref());
        for described in requests.filter_map(rpc::describe) {
            text.push_str(&format!("\n-- {described}"));
        }
        text
    }
}

/// The message of a planted SQL error.
pub(super) fn sql_error(fault: &SqlFault) -> Message {
    let text = fault.message.clone().unwrap_or_else(|| format!("Error {} of a planted fault.", fault.number));
    Message::new(fault.number, fault.severity, fault.state, text)
}

fn wait(delay: Duration, cancel: &Cancel) {
    let until = Instant::now() + delay;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        if cancel.is_set() {
            return;
        }
        std::thread::sleep(left.min(Duration::from_millis(10)));
    }
}

fn batch(text: String) -> Result<Plan, Message> {
    if text.trim_start().get(..11).is_some_and(|start| start.eq_ignore_ascii_case("insert bulk")) {
        return Err(no_bulk_load());
    }
    let request = Request::Text { text: text.clone(), parameters: Vec::new() };
    Ok(Plan { request: Some(request), handle: None, outputs: Vec::new(), text })
}

fn transaction_plan(transaction: Transaction) -> Result<Plan, Message> {
    let named = |verb: &str, name: &str| format!("{verb} {name}").trim_end().to_owned();
    let (text, request) = match transaction {
        Transaction::Begin { isolation, name } => {
            (named("BEGIN TRANSACTION", &name), Request::Begin { isolation, name })
        }
        Transaction::Commit { then_begin } => ("COMMIT TRANSACTION".to_owned(), Request::Commit { then_begin }),
        Transaction::Rollback { name, then_begin } => {
            (named("ROLLBACK TRANSACTION", &name), Request::Rollback { name, then_begin })
        }
        Transaction::Save { name } => (named("SAVE TRANSACTION", &name), Request::Save { name }),
        Transaction::Unsupported => {
            return Err(Message::new(40515, 16, 1, "Distributed transactions are not supported."));
        }
    };
    Ok(Plan { request: Some(request), handle: None, outputs: Vec::new(), text })
}

fn failed() -> Outcome {
    Outcome::Done { statement: emulator_ground::engine::Statement::Other, count: None, failed: true }
}

fn no_bulk_load() -> Message {
    Message::new(4819, 16, 1, "Cannot bulk load. Bulk load is not available on this server.")
}

fn malformed(error: Malformed) -> Message {
    let text = "The incoming tabular data stream (TDS) protocol stream is incorrect. The stream ended unexpectedly.";
    tracing::debug!(%error, "a request that cannot be read");
    Message::new(4002, 16, 1, text)
}

fn undecodable(error: DecodeError) -> Message {
    match error {
        DecodeError::Malformed(error) => malformed(error),
        DecodeError::Unsupported(kind) => Message::new(
            8009,
            16,
            3,
            format!(
                "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is incorrect. Data \
                 type 0x{kind:02X} is unknown."
            ),
        ),
    }
}
