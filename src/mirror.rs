//! A mirror, and the waits for it: until it rests, until it has stopped, until its tables replicate. Whoever changes a
//! mirror waits here.

mod health;
mod tables;

use std::sync::Arc;
use std::time::{Duration, Instant};

use fabric_api::mirrored_databases::{MirroredTable, Mirroring, MirroringStatus, TableStatus};
use fabric_api::{Client, ConnectionId, ItemId, WorkspaceId};
use mssql_admin::{Identifier, ServerName, SourceTables};
use tfplugin::{Context, Diagnostic, path};

pub use self::health::Asks;
use self::health::{judges_tables, trouble};
pub use self::tables::{Name, Required};
use self::tables::{Progress, Verdict, progress};
use crate::error::{Error, Result};
use crate::pace::{Pace, Pause};
use crate::provider::FabricMirror;
use crate::resources::Replication;
use crate::surroundings::Surroundings;
use crate::view::View;

/// Stopping took 37 s where it was recorded (fabric-api facts §11).
pub const STOP_LIMIT: Duration = Duration::from_secs(20 * 60);
/// For a start, or a change of what is mirrored, and all tables.
pub const START_LIMIT: Duration = Duration::from_secs(60 * 60);
/// A start that was accepted shows within this time, or it is not going to.
const ACCEPTED_LIMIT: Duration = Duration::from_secs(120);

/// A mirrored database as something that runs.
pub struct Mirror {
    pub fabric: Client,
    pub workspace: WorkspaceId,
    pub item: ItemId,
    /// What the refresh has seen; `None`: every look is one of now.
    seen: Option<Arc<View>>,
}

impl Mirror {
    pub fn new(cx: &Context<FabricMirror>, workspace: WorkspaceId, item: ItemId) -> Result<Self> {
        Ok(Self { fabric: cx.provider.fabric()?, workspace, item, seen: None })
    }

    /// The mirror as the refresh and the plan see it.
    pub fn seen(cx: &Context<FabricMirror>, workspace: WorkspaceId, item: ItemId) -> Result<Self> {
        let (fabric, view) = (cx.provider.fabric()?, cx.provider.view()?);
        Ok(Self { fabric, workspace, item, seen: Some(view) })
    }

    fn view(&self) -> Arc<View> {
        self.seen.clone().unwrap_or_else(|| Arc::new(View::of_now(self.fabric.clone())))
    }

    /// The status.
    pub async fn look(&self) -> Result<Mirroring> {
        Ok(self.view().mirroring(self.workspace, self.item).await?.as_ref().clone())
    }

    /// The same; `None` when the item is gone for certain.
    pub async fn look_if_there(&self) -> Result<Option<Mirroring>> {
        let view = self.view();
        match view.mirroring(self.workspace, self.item).await {
            Err(error) if error.may_mean_gone() => match view.mirrored_database(self.workspace, self.item).await? {
                None => Ok(None),
                Some(_) => Err(error.into()),
            },
            looked => Ok(Some(looked?.as_ref().clone())),
        }
    }

    pub async fn surroundings(
        &self,
        cx: &Context<FabricMirror>,
        principal: Option<&Identifier>,
    ) -> Result<Surroundings> {
        Surroundings::read(&cx.provider, &self.view(), self.workspace, self.item, principal).await
    }

    /// Waits until a start is possible. `false`: the mirror runs already, or starts.
    pub async fn at_rest(&self, cx: &Context<FabricMirror>, pace: &mut Pace) -> Result<bool> {
        loop {
            let status = self.look_while_waiting(cx, pace).await?.status;
            match status {
                MirroringStatus::Initialized | MirroringStatus::Stopped => return Ok(true),
                MirroringStatus::Starting | MirroringStatus::Running => return Ok(false),
                MirroringStatus::Paused => return Err(paused().into()),
                MirroringStatus::Initializing | MirroringStatus::Stopping | MirroringStatus::Other(_) => {}
            }
            let pause = pace.pause(cx).await;
            if pause != Pause::Over {
                return Err(unfinished(&format!("the mirror is still {status} and cannot be started"), pace, pause));
            }
        }
    }

    /// Stops the mirror and waits until it has. One that starts is asked too, again and again: whether the service takes a
    /// stop then is UNCONFIRMED. `None`: the item is gone.
    pub async fn stop(&self, cx: &Context<FabricMirror>, limit: Duration) -> Result<Option<MirroringStatus>> {
        let mut pace = Pace::new(limit);
        let mut asked = false;
        loop {
            let Some(Mirroring { status, .. }) = self.look_if_there().await? else { return Ok(None) };
            match status {
                MirroringStatus::Stopped | MirroringStatus::Initialized => return Ok(Some(status)),
                // Nothing runs yet, and a stop would be refused.
                MirroringStatus::Initializing if !asked => return Ok(Some(status)),
                MirroringStatus::Stopping => {}
                _ if asked && status != MirroringStatus::Starting => {}
                _ => match self.fabric.stop_mirroring(self.workspace, self.item).await {
                    // Not now: look again.
                    Err(error) if error.code() == Some("OperationNotAllowedInCurrentStatus") => {}
                    stopped => {
                        stopped?;
                        asked = true;
                    }
                },
            }
            let pause = pace.pause(cx).await;
            if pause != Pause::Over {
                let why = if pause == Pause::Stopped { "The run was interrupted." } else { "" };
                return Err(Diagnostic::error(
                    "The mirror has not stopped",
                    format!(
                        "Its status is {status} after {} s. {why} Run again: stopping goes on meanwhile.",
                        pace.elapsed().as_secs()
                    ),
                )
                .at(path!(Replication: mirrored_database_id))
                .into());
            }
        }
    }

    /// Waits until the mirror runs and, where that is asked for, the required tables replicate.
    pub async fn wait(
        &self,
        cx: &Context<FabricMirror>,
        asks: Asks,
        required: &Required,
        principal: Option<&Identifier>,
        pace: &mut Pace,
    ) -> Result<MirroringStatus> {
        let mut seen = Progress::default();
        let mut report = Report::default();
        let mut in_error = 0;
        loop {
            let mirroring = self.look_while_waiting(cx, pace).await?;
            let status = &mirroring.status;
            match (status, &mirroring.error) {
                (MirroringStatus::Paused, _) => return Err(paused().into()),
                (MirroringStatus::Starting, _) => {}
                // Seen twice: what passes by itself is not worth an error.
                (_, Some(_)) if in_error == 0 => in_error += 1,
                (_, Some(error)) => {
                    let text = format!("Its status is {status}, and it says: {}", error.describe());
                    return Err(Box::pin(self.explain(cx, "The mirror does not run", status, &text, principal)).await);
                }
                (MirroringStatus::Stopped | MirroringStatus::Initialized, None) if pace.elapsed() > ACCEPTED_LIMIT => {
                    let text = format!("Its status is {status}, without a word why.");
                    return Err(self.explain(cx, "The mirror does not start", status, &text, principal).await);
                }
                _ => {}
            }
            if *status != MirroringStatus::Running {
                report.tell(&format!("the mirror is {status}"));
            }
            let mut waits_for = match status {
                MirroringStatus::Starting => "the mirror was still Starting, and said nothing".to_owned(),
                status => format!("the mirror was {status}"),
            };
            if *status == MirroringStatus::Running && mirroring.error.is_none() {
                if !asks.tables() {
                    return Ok(mirroring.status);
                }
                let tables = self.fabric.mirrored_tables(self.workspace, self.item).await.map_err(waiting)?;
                report.tell(&progress(&tables));
                match seen.judge(&tables, required, asks.tolerates_tables()) {
                    Verdict::Done { warning } => {
                        if let Some(warning) = warning {
                            cx.warn(warning);
                        }
                        return Ok(mirroring.status);
                    }
                    Verdict::Failed { summary, text } => {
                        return Err(self.explain(cx, summary, status, &text, principal).await);
                    }
                    Verdict::Waits(text) => waits_for = text,
                }
            }
            let pause = pace.pause(cx).await;
            if pause != Pause::Over {
                return Err(unfinished(&waits_for, pace, pause));
            }
        }
    }

    /// What is wrong with the mirror as far as something is asked of it: `Err` when that cannot be known now.
    pub async fn trouble(
        &self,
        cx: &Context<FabricMirror>,
        mirroring: &Mirroring,
        asks: Asks,
    ) -> fabric_api::Result<Option<String>> {
        if mirroring.error.is_some() || !judges_tables(mirroring, asks) {
            return Ok(trouble(mirroring, &[], asks));
        }
        let mut tables = self.view().tables(self.workspace, self.item).await?.as_ref().clone();
        if tables.iter().any(|table| table.status == TableStatus::Failed) {
            let excluded = self.excluded(cx).await?;
            tables.retain(|table: &MirroredTable| !excluded.contains(&Name::of(table)));
        }
        Ok(trouble(mirroring, &tables, asks))
    }

    /// Tables that mirroring does not take, of a mirror of all: that they fail is no news.
    async fn excluded(&self, cx: &Context<FabricMirror>) -> fabric_api::Result<Vec<Name>> {
        let view = self.view();
        let definition = view.definition(self.workspace, self.item).await?;
        let (None, Some(connection)) = (definition.tables(), definition.source.type_properties.connection) else {
            return Ok(Vec::new());
        };
        let source = source_tables(cx, &view, connection).await;
        let excluded = source.iter().flat_map(|source| &source.tables).filter(|it| !it.eligibility().is_mirrored());
        Ok(excluded.map(|table| Name::new(&table.schema, &table.name)).collect())
    }

    /// A look during a wait: a capacity that is paused ends it, a gap in the network does not.
    async fn look_while_waiting(&self, cx: &Context<FabricMirror>, pace: &mut Pace) -> Result<Mirroring> {
        loop {
            match self.fabric.mirroring(self.workspace, self.item).await {
                Err(error @ fabric_api::Error::Unreachable { .. }) => {
                    if pace.pause(cx).await != Pause::Over {
                        return Err(error.into());
                    }
                }
                looked => return looked.map_err(waiting),
            }
        }
    }

    /// An error, with what may be missing: read anew, since it was not seen before the start.
    async fn explain(
        &self,
        cx: &Context<FabricMirror>,
        summary: &str,
        status: &MirroringStatus,
        text: &str,
        principal: Option<&Identifier>,
    ) -> Error {
        Diagnostic::error(summary, self.explanation(cx, status, text, principal).await)
            .at(path!(Replication: mirrored_database_id))
            .into()
    }

    /// What is wrong, what may be missing, and what to do.
    pub async fn explanation(
        &self,
        cx: &Context<FabricMirror>,
        status: &MirroringStatus,
        text: &str,
        principal: Option<&Identifier>,
    ) -> String {
        let mut detail = text.trim_end().to_owned();
        // A mirror that runs has its change feed on; one at rest has not.
        let rests = matches!(status, MirroringStatus::Stopped | MirroringStatus::Initialized);
        let hints = self.surroundings(cx, principal).await.map(|it| it.hints(&detail, rests)).unwrap_or_default();
        if !hints.is_empty() {
            detail += &format!("\n\nWhat was found in the set-up:\n\n{}", hints.join("\n\n"));
        }
        detail += "\n\nThe mirror is left as it is. Once the cause is mended, apply again: the wait goes on, and nothing \
                   that was copied is copied again. Should the same come back, the service does not try again by \
                   itself: in the `fabricmirror_replication` set `state = \"stopped\"`, apply, and set it back, which copies \
                   every table anew.";
        detail
    }

    /// A change feed that is left on keeps the source's log from being truncated.
    pub async fn warn_of_change_feed(&self, cx: &Context<FabricMirror>) {
        let Ok(definition) = self.fabric.definition(self.workspace, self.item).await else { return };
        let Some(connection) = definition.source.type_properties.connection else { return };
        let Ok(connection) = self.fabric.connection(connection).await else { return };
        let Some((server, database)) = connection.connection_details.server_and_database() else { return };
        let (Ok(server), Ok(name)) = (server.parse::<ServerName>(), database.parse::<Identifier>()) else { return };
        let Ok(Some(server)) = cx.provider.sql_if_configured(&server) else { return };
        let source = server.instance().database(&name);
        if source.facts().await.is_ok_and(|facts| facts.is_mirrored()) {
            cx.warn(Diagnostic::warning(
                format!("The change feed of database {database} is still on"),
                format!(
                    "The mirror is stopped, but the source still keeps its log for it. That may pass within minutes. If it \
                     does not: {}",
                    mssql_admin::advice::change_feed_left_on(&name)
                ),
            ));
        }
    }
}

/// What is told during a wait, in the log: what is new at once, and what is not every minute. Neither protocol nor CLIs
/// have another place for it before an apply has ended.
#[derive(Debug, Default)]
struct Report {
    last: Option<(Instant, String)>,
}

impl Report {
    fn tell(&mut self, text: &str) {
        let is_new = |(when, said): &(Instant, String)| said != text || when.elapsed() >= Duration::from_secs(60);
        if self.last.as_ref().is_none_or(is_new) {
            tracing::info!("{text}");
            self.last = Some((Instant::now(), text.to_owned()));
        }
    }
}

/// The source's tables, where the provider's `sql` leads to it and all of them can be seen.
pub async fn source_tables(cx: &Context<FabricMirror>, view: &View, connection: ConnectionId) -> Option<SourceTables> {
    let connection = view.connection(connection).await.ok()??;
    let (server, database) = connection.connection_details.server_and_database()?;
    let server = cx.provider.sql_if_configured(&server.parse::<ServerName>().ok()?).ok()??;
    let database = server.instance().database(&database.parse().ok()?);
    database.source_tables().await.ok().filter(|tables| tables.sees_all)
}

/// An error of a look during a wait. An interrupt and a paused capacity have words of their own.
fn waiting(error: fabric_api::Error) -> Error {
    if error.is_inactive_capacity() {
        return Diagnostic::error(
            "The workspace's capacity was paused during the wait",
            "Nothing is mirrored while it is. Resume it in the Azure portal, or with `az fabric capacity resume`. The mirror \
             is Paused then and does not go on by itself: press \"Resume replication\" in the portal and apply again, or \
             start over as the next plan says.",
        )
        .at(path!(Replication: workspace_id))
        .into();
    }
    match error {
        fabric_api::Error::Interrupted { .. } => interrupted("").into(),
        error => error.into(),
    }
}

/// What is said of a mirror whose capacity was paused and resumed.
fn paused() -> Diagnostic {
    Diagnostic::error(
        "The mirror is paused",
        "Its capacity was paused, and nothing continues by itself. Press \"Resume replication\" in the portal, then apply \
         again. To start over instead, copying every table again, stop the mirror first: set `state = \"stopped\"` and \
         apply.",
    )
    .at(path!(Replication: state))
}

fn interrupted(waits_for: &str) -> Diagnostic {
    Diagnostic::error(
        "The wait was interrupted",
        format!(
            "{waits_for}The mirror itself was not touched. Apply again to go on waiting: nothing is stopped, and nothing is \
             copied a second time."
        ),
    )
    .at(path!(Replication: timeouts))
}

/// A wait that ended before what it waited for.
fn unfinished(waits_for: &str, pace: &Pace, pause: Pause) -> Error {
    if pause == Pause::Stopped {
        return interrupted(&format!("After {} s {waits_for}. ", pace.elapsed().as_secs())).into();
    }
    Diagnostic::error(
        "The mirror was not there in time",
        format!(
            "After {} s {waits_for}.\n\nThe mirror was not stopped. Apply again to go on waiting: nothing is stopped, and \
             nothing is copied a second time. `timeouts` sets how long a wait may take.",
            pace.limit().as_secs()
        ),
    )
    .at(path!(Replication: timeouts))
    .into()
}
