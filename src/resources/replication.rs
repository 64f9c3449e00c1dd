//! `fabricmirror_replication`: whether a mirror runs – started, and waited for until its tables replicate.

use fabric_api::mirrored_databases::{Mirroring, MirroringStatus};
use fabric_api::{ItemId, WorkspaceId};
use mssql_admin::Identifier;
use tfplugin::{Change, Context, Diagnostic, Diagnostics, Model, Resource, Text, Value, Word, path};

use crate::duration::{Timeout, limit};
use crate::error::{Error, Result};
use crate::import_id;
use crate::ledger::Key;
use crate::mirror::{Asks, Mirror, Name, Required, START_LIMIT, STOP_LIMIT};
use crate::pace::Pace;
use crate::provider::FabricMirror;
use crate::surroundings::Surroundings;

/// Whether a mirror runs. Creating it starts the mirror and waits until its tables replicate; destroying it stops the
/// mirror. OneLake keeps the copied tables then.
///
/// A wait that fails, times out or is interrupted loses nothing: the mirror goes on, and the next apply waits for it
/// again, without stopping it or copying anything a second time. A mirror that died later shows as a difference of
/// `healthy`, and apply waits for it again.
///
/// Let `principal` refer to the grants of whom the connection logs in as, and let the resource depend on the role of the
/// instance's identity.
///
/// Of the rules that decide which tables are mirrored, the service has the last word: a table that could be mirrored by
/// the rules this provider knows, but that the service does not list, is a warning, never a wait.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Replication {
    /// The workspace.
    #[attr(required, replace)]
    workspace_id: Text<WorkspaceId>,

    /// The mirrored database.
    #[attr(required, replace)]
    mirrored_database_id: Text<ItemId>,

    /// User of the source database that the connection logs in as: `fabricmirror_database_grants.….principal`. Exactly
    /// its effective permissions are checked before a start then. Left out, nobody can tell who it is, and a shortfall of
    /// every possible one is a warning.
    #[attr(optional)]
    principal: Value<Text<Identifier>>,

    /// Whether the mirror is to run. A stopped mirror that is started again copies every table from the beginning.
    #[attr(optional, computed, default = "running", one_of = ["running", "stopped"])]
    state: Value<Word>,

    /// What a start waits for: `replicating` – every required table replicates –, `running` – the mirror runs –, or
    /// `none`. Required are the tables that the mirror lists, or all that mirroring takes.
    #[attr(optional, computed, default = "replicating", one_of = ["replicating", "running", "none"])]
    wait_for: Value<Word>,

    /// A required table that fails: `fail` ends the wait with an error, `warn` with a warning.
    #[attr(optional, computed, default = "fail", one_of = ["fail", "warn"])]
    on_table_error: Value<Word>,

    /// How long to wait.
    #[attr(optional)]
    timeouts: Value<Timeouts>,

    /// The mirror's status as the service says it.
    #[attr(computed)]
    status: Value<String>,

    /// Whether the mirror does what `wait_for` and `on_table_error` ask: neither it nor, with `replicating` and `fail`, a
    /// table of it is in error. While `state` is `running`, `false` is a difference, and apply waits for the mirror again;
    /// with `wait_for = "none"` it only informs.
    #[attr(computed)]
    healthy: Value<bool>,

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

    /// For a change of `state`, and for a mirror that is not healthy; 60 minutes when left out.
    #[attr(optional)]
    update: Value<Text<Timeout>>,

    /// For the stop; 20 minutes when left out.
    #[attr(optional)]
    delete: Value<Text<Timeout>>,
}

// Kept in the state, not in private state: the CLIs hand a tainted object's private state to Read only, and the delete
// of a replacement has to know.
const WAITING: &str = "waiting";
const SETTLED: &str = "settled";

impl Resource for Replication {
    const NAME: &'static str = "replication";
    type Provider = FabricMirror;

    fn in_state(provider: &FabricMirror, state: &Self) {
        provider.ledger().note(key(*state.workspace_id, *state.mirrored_database_id));
    }

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        if let (Some(workspace), Some(item)) =
            (change.planned.workspace_id.known(), change.planned.mirrored_database_id.known())
            && !cx.provider.ledger().claim(key(**workspace, **item), change)
        {
            return Err(second_owner(**item));
        }
        // Planned settled: a wait that failed in an update is a difference, and so taken up again.
        change.planned.phase = SETTLED.into();
        let asks = change.planned.asks();
        let runs = change.planned.state.is("running");
        let Some(prior) = &change.prior else {
            if runs && asks != Asks::Nothing {
                change.planned.healthy = true.into();
            }
            return Ok(());
        };
        let is_waiting = prior.phase == WAITING.into();
        let changes_state = prior.state != change.planned.state;
        if is_waiting || changes_state {
            change.planned.status = Value::Unknown;
        }
        if runs && changes_state && prior.healthy == false.into() {
            // At rest with an error, which starting again does not mend.
            prior.warn_of_trouble(cx, asks).await;
        }
        if !runs || asks == Asks::Nothing {
            if changes_state || is_waiting {
                change.planned.healthy = Value::Unknown;
            }
        } else {
            change.planned.healthy = true.into();
            // Health was judged by what was asked so far.
            if (prior.healthy == false.into() || asks > prior.asks()) && !changes_state {
                change.planned.status = Value::Unknown;
                prior.warn_of_trouble(cx, asks).await;
            }
        }
        let ran = prior.status.known().is_some_and(|status| status != MirroringStatus::Initialized.as_str());
        if changes_state && runs && ran {
            cx.warn(
                Diagnostic::warning(
                    "All tables will be copied again",
                    "The mirror ran before and is stopped. Starting it copies every table from the beginning.",
                )
                .at(path!(Replication: state)),
            );
        }
        Ok(())
    }

    async fn plan_delete(cx: &Context<FabricMirror>, state: &Self) -> Result<()> {
        state.warn_of_going_on(cx);
        Ok(())
    }

    async fn create(cx: &Context<FabricMirror>, plan: Self) -> Result<Self> {
        let key = key(*plan.workspace_id, *plan.mirrored_database_id);
        if cx.provider.ledger().has(&key) {
            return Err(second_owner(*plan.mirrored_database_id));
        }
        cx.provider.ledger().note(key);
        let limit = limit(&plan.timeouts, |timeouts| &timeouts.create, START_LIMIT);
        plan.reach(cx, Pace::new(limit), true).await
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        let mirror = state.seen(cx)?;
        match mirror.look_if_there().await {
            Ok(Some(mirroring)) => Ok(Some(state.matching(cx, &mirror, &mirroring).await)),
            Ok(None) => {
                cx.provider.ledger().forget(&key(*state.workspace_id, *state.mirrored_database_id));
                Ok(None)
            }
            Err(error) if error.fabric().is_some_and(fabric_api::Error::is_inactive_capacity) => {
                cx.provider.view()?.warn_of_pause(cx, mirror.workspace);
                Ok(Some(state))
            }
            Err(error) => Err(error),
        }
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        // What is asked for anew has to be seen.
        let asks_more = plan.asks() > prior.asks() && plan.state.is("running");
        let is_due = prior.state != plan.state
            || prior.phase == WAITING.into()
            || (prior.healthy == false.into() && plan.healthy == true.into())
            || asks_more;
        if !is_due {
            // Only how long to wait has changed, or whom to check.
            return Ok(plan);
        }
        let limit = limit(&plan.timeouts, |timeouts| &timeouts.update, START_LIMIT);
        plan.reach(cx, Pace::new(limit), prior.phase == WAITING.into()).await
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        cx.provider.ledger().forget(&key(*state.workspace_id, *state.mirrored_database_id));
        if state.phase == WAITING.into() {
            // The wait is taken up by the object that comes in its place; a stop would throw away what was copied.
            state.warn_of_going_on(cx);
            return Ok(());
        }
        let mirror = state.mirror(cx)?;
        if mirror.stop(cx, limit(&state.timeouts, |timeouts| &timeouts.delete, STOP_LIMIT)).await?.is_some() {
            mirror.warn_of_change_feed(cx).await;
        }
        Ok(())
    }

    async fn import(cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let (workspace, item) = import_id::workspace_and_item(id)?;
        let found = Self {
            workspace_id: workspace.into(),
            mirrored_database_id: item.into(),
            principal: Value::Null,
            state: "running".into(),
            wait_for: "replicating".into(),
            on_table_error: "fail".into(),
            timeouts: Value::Null,
            status: Value::Null,
            healthy: true.into(),
            phase: SETTLED.into(),
        };
        let mirror = found.seen(cx)?;
        match mirror.look_if_there().await? {
            Some(mirroring) => Ok(found.matching(cx, &mirror, &mirroring).await),
            None => Err(super::nothing_to_import("mirrored database", item)),
        }
    }
}

fn key(workspace: WorkspaceId, item: ItemId) -> Key {
    Key::new(Replication::NAME, &[&workspace.to_string(), &item.to_string()])
}

fn second_owner(item: ItemId) -> Error {
    super::second_owner("replication of mirrored database", item).at(path!(Replication: mirrored_database_id))
}

/// What the words ask.
fn asks(wait_for: &Value<Word>, on_table_error: &Value<Word>) -> Asks {
    match (wait_for.is("none"), wait_for.is("running"), on_table_error.is("warn")) {
        (true, ..) => Asks::Nothing,
        (_, true, _) => Asks::Running,
        (.., true) => Asks::MostlyReplicating,
        _ => Asks::Replicating,
    }
}

impl ReplicationDraft {
    fn asks(&self) -> Asks {
        asks(&self.wait_for, &self.on_table_error)
    }
}

impl Replication {
    fn mirror(&self, cx: &Context<FabricMirror>) -> Result<Mirror> {
        Mirror::new(cx, *self.workspace_id, *self.mirrored_database_id)
    }

    /// The mirror as the refresh and the plan see it.
    fn seen(&self, cx: &Context<FabricMirror>) -> Result<Mirror> {
        Mirror::seen(cx, *self.workspace_id, *self.mirrored_database_id)
    }

    fn principal(&self) -> Option<&Identifier> {
        self.principal.known().map(Text::value)
    }

    fn asks(&self) -> Asks {
        asks(&self.wait_for, &self.on_table_error)
    }

    /// The deletion of an object whose wait has not ended is not the end of the mirror.
    fn warn_of_going_on(&self, cx: &Context<FabricMirror>) {
        if self.phase != WAITING.into() {
            return;
        }
        cx.warn(
            Diagnostic::warning(
                "The mirror is not stopped",
                "Its start was accepted, and the wait for its tables has not ended: the object is taken out of the state, the \
                 mirror goes on. To stop it too, press \"Stop replication\" in the portal, destroy the \
                 `fabricmirror_mirrored_database`, or apply until the wait has ended and destroy this object then.",
            )
            .at(path!(Replication: phase)),
        );
    }

    /// Says in a plan why the mirror is not healthy, as a start that failed would.
    async fn warn_of_trouble(&self, cx: &Context<FabricMirror>, asks: Asks) {
        let Ok(mirror) = self.seen(cx) else { return };
        let Ok(mirroring) = mirror.look().await else { return };
        let Ok(Some(text)) = mirror.trouble(cx, &mirroring, asks).await else { return };
        let detail = mirror.explanation(cx, &mirroring.status, &text, self.principal()).await;
        let warning = Diagnostic::warning("The mirror is not healthy", detail).at(path!(Replication: healthy));
        cx.warn(warning);
    }

    /// Brings the mirror into the planned state, and waits. `was_started`: a wait of ours goes on.
    async fn reach(mut self, cx: &Context<FabricMirror>, mut pace: Pace, was_started: bool) -> Result<Self> {
        let mirror = self.mirror(cx)?;
        if self.state.is("stopped") {
            let limit = pace.limit();
            let status = mirror.stop(cx, limit).await?;
            let status = status.ok_or_else(|| super::not_there_any_more("mirrored database", mirror.item))?;
            self.status = status.to_string().into();
            self.healthy.default_with(|| true.into());
            self.phase = SETTLED.into();
            return Ok(self);
        }
        let resting = mirror.at_rest(cx, &mut pace).await?;
        let surroundings = mirror.surroundings(cx, self.principal()).await?;
        if resting {
            // Before the start: a failure is quicker to find here than in a mirror that does not come up.
            let missing = surroundings.missing();
            if !missing.is_empty() {
                return Err(Diagnostics(missing).into());
            }
            if let Some(doubts) = surroundings.doubts() {
                cx.warn(doubts);
            }
            match mirror.fabric.start_mirroring(mirror.workspace, mirror.item).await {
                // Lost on the way back: the wait shows whether it was heard.
                Ok(()) | Err(fabric_api::Error::AnswerLost { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if resting || was_started {
            // From here on a repeated apply has to go on waiting, whatever happens to this one.
            self.phase = WAITING.into();
        }
        let planned = self.clone();
        self.status = MirroringStatus::Starting.to_string().into();
        self.healthy = if resting { Value::Null } else { false.into() };
        cx.keep(&self);
        let asks = self.asks();
        if asks == Asks::Nothing {
            let mirroring = mirror.look().await?;
            let healthy = mirroring.error.is_none();
            let status = mirroring.status.to_string().into();
            return Ok(Self { status, healthy: healthy.into(), phase: SETTLED.into(), ..planned });
        }
        let required = required(cx, &mirror, &surroundings).await?;
        let status = mirror.wait(cx, asks, &required, self.principal(), &mut pace).await?;
        Ok(Self { status: status.to_string().into(), healthy: true.into(), phase: SETTLED.into(), ..planned })
    }

    /// This object with the mirror's status. One that says neither running nor stopped keeps what was known.
    async fn matching(mut self, cx: &Context<FabricMirror>, mirror: &Mirror, mirroring: &Mirroring) -> Self {
        use MirroringStatus as S;
        let status = &mirroring.status;
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
            cx.warn(Diagnostic::warning(summary, advice).at(path!(Replication: mirrored_database_id)));
        }
        self.status = status.to_string().into();
        if let Ok(trouble) = mirror.trouble(cx, mirroring, self.asks()).await {
            self.healthy = trouble.is_none().into();
        }
        self
    }
}

/// The tables that have to replicate: those that the mirror lists, else all that mirroring takes.
async fn required(cx: &Context<FabricMirror>, mirror: &Mirror, surroundings: &Surroundings) -> Result<Required> {
    let definition = mirror.fabric.definition(mirror.workspace, mirror.item).await?;
    if let Some(listed) = definition.tables() {
        let names = listed.into_iter().map(|table| Name::new(&table.schema_name, &table.table_name));
        return Ok(Required::Listed(names.collect()));
    }
    let Some(source) = surroundings.source_tables() else { return Ok(Required::Any) };
    let (taken, left): (Vec<_>, Vec<_>) = source.tables.iter().partition(|table| table.eligibility().is_mirrored());
    let reasons = left.iter().map(|table| {
        let reasons: Vec<_> = table.eligibility().findings.into_iter().map(|finding| finding.reason).collect();
        format!("- {}.{}: {}", table.schema, table.name, reasons.join("; "))
    });
    let reasons = reasons.collect::<Vec<_>>().join("\n");
    if taken.is_empty() {
        let why = if left.is_empty() { "There is none.".to_owned() } else { format!("Each breaks a rule:\n{reasons}") };
        return Err(Diagnostic::error("No table of the database can be mirrored", why)
            .at(path!(Replication: mirrored_database_id))
            .into());
    }
    if !left.is_empty() {
        cx.warn(
            Diagnostic::warning(
                "Some tables cannot be mirrored",
                format!("The others are. These are left out:\n{reasons}"),
            )
            .at(path!(Replication: mirrored_database_id)),
        );
    }
    Ok(Required::Eligible(taken.into_iter().map(|table| Name::new(&table.schema, &table.name)).collect()))
}
