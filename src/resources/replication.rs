//! `fabricmirror_replication`: whether a mirror runs – started, and waited for until its tables replicate.

use std::collections::BTreeSet;
use std::time::Duration;

use fabric_api::mirrored_databases::{MirroredTable, MirroringStatus, TableStatus};
use fabric_api::{Client, ItemId, WorkspaceId};
use mssql_admin::{Identifier, ServerName};
use tfplugin::{Change, Context, Diagnostic, Diagnostics, Model, Resource, Text, Value, path};

use super::mirrored_database::paused_capacity;
use crate::duration::Timeout;
use crate::error::{Error, Result, incomplete};
use crate::import_id;
use crate::missing::Surroundings;
use crate::pace::{Pace, Pause};
use crate::provider::FabricMirror;

/// Whether a mirror runs. Creating it starts the mirror and waits until its tables replicate; destroying it stops the
/// mirror. OneLake keeps the copied tables then.
///
/// A wait that fails, times out or is interrupted loses nothing: the mirror goes on, and the next apply waits for it
/// again, without stopping it or copying anything a second time.
///
/// Let it depend on what mirroring needs: the grants of the principal and the role of the instance's identity.
///
/// Of the rules that decide which tables are mirrored, this version knows three: a table with a clustered columnstore
/// index is not; computed columns, and columns of the types `image`, `text`, `ntext`, `xml`, `rowversion`,
/// `sql_variant`, `geometry`, `geography` and of CLR types, are left out of the others.
#[derive(Clone, Debug, Model)]
pub struct Replication {
    /// The workspace.
    #[attr(required, replace)]
    workspace_id: Value<Text<WorkspaceId>>,

    /// The mirrored database.
    #[attr(required, replace)]
    mirrored_database_id: Value<Text<ItemId>>,

    /// `running` or `stopped`. A stopped mirror that is started again copies every table from the beginning.
    #[attr(optional, computed, default = "running")]
    state: Value<String>,

    /// What a start waits for: `replicating` – every required table replicates –, `running` – the mirror runs –, or
    /// `none`. Required are the tables that the mirror lists, or all that mirroring takes.
    #[attr(optional, computed, default = "replicating")]
    wait_for: Value<String>,

    /// A required table that fails: `fail` ends the wait with an error, `warn` with a warning.
    #[attr(optional, computed, default = "fail")]
    on_table_error: Value<String>,

    /// How long to wait.
    #[attr(optional)]
    timeouts: Value<Timeouts>,

    /// The mirror's status as the service says it.
    #[attr(computed)]
    status: Value<String>,

    /// `waiting` from an accepted start until its wait has ended well, then `settled`. A `waiting` replication is taken
    /// up again by the next apply; destroying it alone does not stop the mirror.
    #[attr(computed)]
    phase: Value<String>,
}

/// Durations such as `60m` or `1h30m`.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Timeouts {
    /// For the start and all tables; 60 minutes when left out.
    #[attr(optional)]
    create: Value<Text<Timeout>>,

    /// For a change of `state`; 60 minutes when left out.
    #[attr(optional)]
    update: Value<Text<Timeout>>,

    /// For the stop; 20 minutes when left out.
    #[attr(optional)]
    delete: Value<Text<Timeout>>,
}

const START_LIMIT: Duration = Duration::from_secs(60 * 60);
const STOP_LIMIT: Duration = Duration::from_secs(20 * 60);
/// A start that was accepted shows within this time, or it is not going to.
const ACCEPTED_LIMIT: Duration = Duration::from_secs(120);

// Kept in the state, not in private state: the CLIs hand a tainted object's private state to Read only, and the delete
// of a replacement has to know.
const WAITING: &str = "waiting";
const SETTLED: &str = "settled";

impl Resource for Replication {
    const NAME: &'static str = "replication";
    type Provider = FabricMirror;

    fn validate(config: &Self) -> Diagnostics {
        let mut found = Diagnostics::default();
        for (value, allowed, path) in [
            (&config.state, &["running", "stopped"][..], path!(state)),
            (&config.wait_for, &["replicating", "running", "none"], path!(wait_for)),
            (&config.on_table_error, &["fail", "warn"], path!(on_table_error)),
        ] {
            if let Some(value) = value.known().filter(|value| !allowed.contains(&value.as_str())) {
                let detail = format!("`{value}` is none of {}.", allowed.join(", "));
                found.push(Diagnostic::error("Unknown word", detail).at(path));
            }
        }
        found
    }

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        // Planned settled: a wait that failed in an update is a difference, and so taken up again.
        change.planned.phase = SETTLED.into();
        let Some(prior) = &change.prior else { return Ok(()) };
        if prior.phase == WAITING.into() {
            change.planned.status = Value::Unknown;
        }
        if prior.state == change.planned.state {
            return Ok(());
        }
        change.planned.status = Value::Unknown;
        let ran = prior.status.known().is_some_and(|status| status != "Initialized");
        if change.planned.state == "running".into() && ran {
            cx.warn(
                Diagnostic::warning(
                    "All tables will be copied again",
                    "The mirror ran before and is stopped. Starting it copies every table from the beginning.",
                )
                .at(path!(state)),
            );
        }
        Ok(())
    }

    async fn create(cx: &Context<FabricMirror>, plan: Self) -> Result<Self> {
        let mirror = Mirror::of(cx, &plan)?;
        mirror.reach(cx, plan, |timeouts| &timeouts.create).await
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        let mirror = Mirror::of(cx, &state)?;
        match mirror.fabric.mirroring(mirror.workspace, mirror.item).await {
            Ok(mirroring) => Ok(Some(state.matching(cx, &mirroring.status))),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) if error.is_inactive_capacity() => {
                cx.warn(paused_capacity(mirror.workspace));
                Ok(Some(state))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        if prior.state == plan.state && prior.phase != WAITING.into() {
            // Only how to wait has changed.
            return Ok(plan);
        }
        let mirror = Mirror::of(cx, &plan)?;
        mirror.reach(cx, plan, |timeouts| &timeouts.update).await
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        if state.phase == WAITING.into() {
            // The wait is taken up by the object that comes in its place; a stop would throw away what was copied.
            return Ok(());
        }
        let mirror = Mirror::of(cx, &state)?;
        match mirror.stop(cx, state.limit(|timeouts| &timeouts.delete, STOP_LIMIT)).await {
            Err(error) if error.fabric().is_some_and(fabric_api::Error::is_gone) => return Ok(()),
            result => result?,
        };
        mirror.warn_of_change_feed(cx).await;
        Ok(())
    }

    async fn import(_cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let (workspace, item) = import_id::workspace_and_item(id)?;
        Ok(Self {
            workspace_id: Text(workspace).into(),
            mirrored_database_id: Text(item).into(),
            state: "running".into(),
            wait_for: "replicating".into(),
            on_table_error: "fail".into(),
            timeouts: Value::Null,
            status: Value::Null,
            phase: SETTLED.into(),
        })
    }
}

impl Replication {
    fn limit(&self, which: fn(&Timeouts) -> &Value<Text<Timeout>>, default: Duration) -> Duration {
        let timeouts = self.timeouts.known();
        timeouts.and_then(|timeouts| which(timeouts).known()).map_or(default, |timeout| timeout.duration())
    }

    /// This object with the mirror's status. One that says neither running nor stopped keeps what was known.
    fn matching(mut self, cx: &Context<FabricMirror>, status: &MirroringStatus) -> Self {
        use MirroringStatus as S;
        let advice = match status {
            S::Starting | S::Running => {
                self.state = "running".into();
                None
            }
            S::Initialized | S::Stopping | S::Stopped => {
                self.state = "stopped".into();
                None
            }
            S::Initializing => Some("Its SQL endpoint is still being made. Run again in a minute.".to_owned()),
            S::Paused => Some(
                "Its capacity was paused; nothing continues by itself. Press \"Resume replication\" in the portal. To \
                 start over instead, copying every table again, set `state = \"stopped\"`, apply, and set it back."
                    .to_owned(),
            ),
            S::Other(status) => {
                Some(format!("`{status}` is a status that this version of the provider does not know."))
            }
        };
        if let Some(advice) = advice {
            let summary = format!("The mirror is {status}, neither running nor stopped");
            cx.warn(Diagnostic::warning(summary, advice).at(path!(mirrored_database_id)));
        }
        self.status = status.to_string().into();
        self
    }
}

/// The mirror behind the resource.
struct Mirror {
    fabric: Client,
    workspace: WorkspaceId,
    item: ItemId,
}

impl Mirror {
    fn of(cx: &Context<FabricMirror>, model: &Replication) -> Result<Self> {
        let (Some(workspace), Some(item)) = (model.workspace_id.known(), model.mirrored_database_id.known()) else {
            return Err(incomplete(Replication::NAME));
        };
        Ok(Self { fabric: cx.provider.fabric()?, workspace: **workspace, item: **item })
    }

    async fn status(&self) -> Result<MirroringStatus> {
        Ok(self.fabric.mirroring(self.workspace, self.item).await?.status)
    }

    /// Brings the mirror into the planned state, and waits.
    async fn reach(
        &self,
        cx: &Context<FabricMirror>,
        mut plan: Replication,
        which: fn(&Timeouts) -> &Value<Text<Timeout>>,
    ) -> Result<Replication> {
        let limit = plan.limit(which, START_LIMIT);
        let status = if plan.state == "running".into() {
            self.start(cx, &mut plan, limit).await?
        } else {
            self.stop(cx, limit).await?
        };
        plan.phase = SETTLED.into();
        plan.status = status.to_string().into();
        Ok(plan)
    }

    /// Starts the mirror, unless it is on its way, and waits for what the plan says.
    async fn start(
        &self,
        cx: &Context<FabricMirror>,
        plan: &mut Replication,
        limit: Duration,
    ) -> Result<MirroringStatus> {
        let mut pace = Pace::new(limit);
        let resting = self.at_rest(cx, &mut pace).await?;
        let surroundings = Surroundings::read(&cx.provider, &self.fabric, self.workspace, self.item).await?;
        if resting {
            // Before the start: a failure is quicker to find here than in a mirror that does not come up.
            let missing = surroundings.missing();
            if !missing.is_empty() {
                return Err(Diagnostics(missing).into());
            }
            match self.fabric.start_mirroring(self.workspace, self.item).await {
                // Lost on the way back: the wait shows whether it was heard.
                Ok(()) | Err(fabric_api::Error::AnswerLost { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // From here on a repeated apply has to go on waiting, whatever happens to this one.
        plan.phase = WAITING.into();
        plan.status = MirroringStatus::Starting.to_string().into();
        cx.keep(plan);
        if plan.wait_for == "none".into() {
            return self.status().await;
        }
        self.wait(cx, plan, &surroundings, &mut pace).await
    }

    /// Waits until a start is possible. `false`: the mirror runs already, or starts.
    async fn at_rest(&self, cx: &Context<FabricMirror>, pace: &mut Pace) -> Result<bool> {
        loop {
            let status = self.status().await?;
            match status {
                MirroringStatus::Initialized | MirroringStatus::Stopped => return Ok(true),
                MirroringStatus::Starting | MirroringStatus::Running => return Ok(false),
                MirroringStatus::Paused => {
                    return Err(Diagnostic::error(
                        "The mirror is paused",
                        "Its capacity was paused, and nothing continues by itself. Press \"Resume replication\" in the \
                         portal, then apply again. To start over instead, copying every table again, stop the mirror \
                         first: set `state = \"stopped\"` and apply.",
                    )
                    .at(path!(state))
                    .into());
                }
                MirroringStatus::Initializing | MirroringStatus::Stopping | MirroringStatus::Other(_) => {}
            }
            if pace.pause(cx).await != Pause::Over {
                return Err(unfinished(&format!("the mirror is still {status} and cannot be started"), pace));
            }
        }
    }

    /// Waits until the mirror runs and, where wanted, its tables replicate.
    async fn wait(
        &self,
        cx: &Context<FabricMirror>,
        plan: &Replication,
        surroundings: &Surroundings,
        pace: &mut Pace,
    ) -> Result<MirroringStatus> {
        let required = self.required(cx, surroundings).await?;
        let mut before: Option<BTreeSet<(String, String)>> = None;
        let mut failed_before = BTreeSet::new();
        loop {
            let mirroring = self.fabric.mirroring(self.workspace, self.item).await?;
            let running = mirroring.status == MirroringStatus::Running && mirroring.error.is_none();
            if let Some(error) = &mirroring.error
                && !matches!(mirroring.status, MirroringStatus::Starting)
            {
                let text = format!("Its status is {}, and it says: {}", mirroring.status, error.describe());
                return Err(self.explain(cx, "The mirror does not run", &text).await);
            }
            if matches!(mirroring.status, MirroringStatus::Stopped | MirroringStatus::Initialized)
                && pace.elapsed() > ACCEPTED_LIMIT
            {
                let text = format!("Its status is {}, without a word why.", mirroring.status);
                return Err(self.explain(cx, "The mirror does not start", &text).await);
            }
            if running && plan.wait_for == "running".into() {
                return Ok(mirroring.status);
            }
            let mut waits_for = format!("the mirror is {}", mirroring.status);
            if running {
                let tables = self.fabric.mirrored_tables(self.workspace, self.item).await?;
                let names: BTreeSet<_> = tables.iter().map(name_of).collect();
                let wanted = required.as_ref().unwrap_or(&names);
                let failed: BTreeSet<_> =
                    tables.iter().filter(|table| table.status == TableStatus::Failed).map(name_of).collect();
                // Seen twice: what heals by itself, such as a role that is still spreading, is not worth an error.
                let lasting: BTreeSet<_> = failed.intersection(&failed_before).cloned().collect();
                let lasting: Vec<_> = tables
                    .iter()
                    .filter(|it| lasting.contains(&name_of(it)) && wanted.contains(&name_of(it)))
                    .collect();
                let tolerated = plan.on_table_error == "warn".into();
                if !lasting.is_empty() && !tolerated {
                    let text = format!("These do not:\n{}", lines(&lasting));
                    return Err(self.explain(cx, "Tables of the mirror fail", &text).await);
                }
                let replicating = |name: &(String, String)| {
                    tables.iter().any(|table| name_of(table) == *name && table.status == TableStatus::Replicating)
                        || (tolerated && failed_before.contains(name) && failed.contains(name))
                };
                let missing: Vec<_> = wanted.iter().filter(|name| !replicating(name)).collect();
                if missing.is_empty() && !names.is_empty() && before.as_ref() == Some(&names) {
                    if !lasting.is_empty() {
                        let text = format!("The rest replicates. These do not:\n{}", lines(&lasting));
                        cx.warn(Diagnostic::warning("Tables of the mirror fail", text).at(path!(on_table_error)));
                    }
                    return Ok(mirroring.status);
                }
                waits_for = match missing.first() {
                    Some((schema, name)) => format!(
                        "{} of {} tables are not replicating, {schema}.{name} first",
                        missing.len(),
                        wanted.len()
                    ),
                    None => "the set of tables is not settled".to_owned(),
                };
                before = Some(names);
                failed_before = failed;
            }
            if pace.pause(cx).await != Pause::Over {
                return Err(unfinished(&waits_for, pace));
            }
        }
    }

    /// The tables that have to replicate: those that the mirror lists, else all that mirroring takes. `None` where the
    /// source cannot be seen: then those that the service lists.
    async fn required(
        &self,
        cx: &Context<FabricMirror>,
        surroundings: &Surroundings,
    ) -> Result<Option<BTreeSet<(String, String)>>> {
        let definition = self.fabric.definition(self.workspace, self.item).await?;
        if let Some(listed) = definition.tables() {
            let names = listed.into_iter().map(|table| (table.schema_name.clone(), table.table_name.clone()));
            return Ok(Some(names.collect()));
        }
        let Some(source) = surroundings.source_tables() else { return Ok(None) };
        let (taken, left): (Vec<_>, Vec<_>) = source.tables.iter().partition(|table| table.eligibility().is_mirrored());
        if taken.is_empty() {
            return Err(Diagnostic::error(
                "No table of the database can be mirrored",
                "There is none, or each of them breaks a rule: mirroring takes no table with a clustered columnstore \
                 index.",
            )
            .at(path!(mirrored_database_id))
            .into());
        }
        if !left.is_empty() {
            let reasons = left.iter().map(|table| {
                let reasons: Vec<_> = table.eligibility().findings.into_iter().map(|finding| finding.reason).collect();
                format!("- {}.{}: {}", table.schema, table.name, reasons.join("; "))
            });
            cx.warn(
                Diagnostic::warning(
                    "Some tables cannot be mirrored",
                    format!("The others are. These are left out:\n{}", reasons.collect::<Vec<_>>().join("\n")),
                )
                .at(path!(mirrored_database_id)),
            );
        }
        Ok(Some(taken.into_iter().map(|table| (table.schema.clone(), table.name.clone())).collect()))
    }

    /// Stops the mirror and waits until it has.
    async fn stop(&self, cx: &Context<FabricMirror>, limit: Duration) -> Result<MirroringStatus> {
        super::mirrored_database::stop(cx, &self.fabric, self.workspace, self.item, limit).await
    }

    /// An error, with what may be missing: read anew, since it was not seen before the start.
    async fn explain(&self, cx: &Context<FabricMirror>, summary: &str, text: &str) -> Error {
        let mut detail = text.trim_end().to_owned();
        let surroundings = Surroundings::read(&cx.provider, &self.fabric, self.workspace, self.item).await;
        let hints = surroundings.map(|it| it.hints()).unwrap_or_default();
        if !hints.is_empty() {
            detail += &format!("\n\nWhat was found in the set-up:\n\n{}", hints.join("\n\n"));
        }
        detail += "\n\nThe mirror is left as it is. Once the cause is mended, apply again: the wait goes on, and nothing \
                   that was copied is copied again. Should the same come back, the service does not try again by \
                   itself: set `state = \"stopped\"`, apply, and set it back, which copies every table anew.";
        Diagnostic::error(summary, detail).at(path!(mirrored_database_id)).into()
    }

    /// A change feed that is left on keeps the source's log from being truncated.
    async fn warn_of_change_feed(&self, cx: &Context<FabricMirror>) {
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
                    "The mirror is stopped, but the source still keeps its log for it. If that stays so, let a DBA run, \
                     in database {database}:\n\n{}",
                    mssql_admin::advice::DISABLE_CHANGE_FEED
                ),
            ));
        }
    }
}

fn name_of(table: &MirroredTable) -> (String, String) {
    (table.source_schema_name.clone().unwrap_or_default(), table.source_table_name.clone().unwrap_or_default())
}

fn lines(tables: &[&MirroredTable]) -> String {
    let line = |table: &&MirroredTable| {
        let (schema, name) = name_of(table);
        let why = table.error.as_ref().map_or_else(|| "no reason is given".to_owned(), |error| error.describe());
        format!("- {schema}.{name}: {why}")
    };
    tables.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A wait that ended before what it waited for.
fn unfinished(waits_for: &str, pace: &Pace) -> Error {
    let (summary, why) = if pace.elapsed() >= pace.limit() {
        ("The mirror was not there in time", format!("After {} s ", pace.limit().as_secs()))
    } else {
        ("The wait was interrupted", format!("After {} s ", pace.elapsed().as_secs()))
    };
    Diagnostic::error(
        summary,
        format!(
            "{why}{waits_for}. The mirror goes on by itself. Apply again to go on waiting: nothing is stopped, and nothing \
             is copied a second time. `timeouts` sets how long a wait may take."
        ),
    )
    .at(path!(timeouts))
    .into()
}
