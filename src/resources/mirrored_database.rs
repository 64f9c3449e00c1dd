//! `fabricmirror_mirrored_database`: the item in Fabric. Starting it is `replication`.

mod source;

use std::collections::BTreeSet;
use std::time::Duration;

use fabric_api::connections::SQL_MANAGED_INSTANCE;
use fabric_api::definition::{Definition, TableName};
use fabric_api::mirrored_databases::{self, MirroringStatus, NewMirroredDatabase, ProvisioningStatus};
use fabric_api::{Client, ConnectionId, FolderId, ItemId, LabelId, WorkspaceId};
use mssql_admin::{Identifier, SourceTables};
use tfplugin::{Change, Context, Diagnostic, Diagnostics, Draft, Model, Resource, Set, Text, Value, path};

use super::{changed_since, not_there_any_more};
use crate::duration::{Timeout, limit};
use crate::error::{Error, Result};
use crate::import_id;
use crate::ledger::Key;
use crate::mirror::{Asks, Mirror, Name, Required, START_LIMIT, STOP_LIMIT, source_tables};
use crate::pace::{Pace, Pause};
use crate::provider::FabricMirror;
use crate::view::View;

/// A database of a SQL Managed Instance, mirrored into a Fabric workspace.
///
/// This is the item: what is mirrored and how it is laid out. It copies nothing until a `fabricmirror_replication`
/// starts it, so that a start that fails does not make the next apply delete the copy. A change of `tables` or
/// `connection_id` of a mirror that runs is waited for until what was changed replicates.
///
/// Read compares with the definition that Fabric holds, so a table added in the portal shows as a difference.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct MirroredDatabase {
    /// Id of the item.
    #[attr(computed)]
    id: Value<Text<ItemId>>,

    /// The workspace. It needs an active capacity.
    #[attr(required, replace)]
    workspace_id: Text<WorkspaceId>,

    /// Name, unique in the workspace. The SQL analytics endpoint gets the same.
    #[attr(required, length = 1..=123)]
    display_name: String,

    /// Description. Left out: not managed.
    #[attr(optional, computed, length = 0..=256)]
    description: Value<String>,

    /// Folder of the workspace that holds the item; a change moves it. Left out: not managed.
    #[attr(optional, computed)]
    folder_id: Value<Text<FolderId>>,

    /// A connection to the database, of the type "SQL Managed Instance": `fabricmirror_connection`. Another one is
    /// taken in place – the mirror is stopped, changed and started, and copies every table again – if it leads to the
    /// same database.
    #[attr(required)]
    connection_id: Text<ConnectionId>,

    /// Given, the source's schemas are kept, and this is the one of tables without; left out, Fabric folds schemas into
    /// table names. Usually `dbo`.
    #[attr(optional, replace)]
    default_schema: Value<Text<Identifier>>,

    /// The tables to mirror, exactly these. Left out, all of them, and new ones as they appear.
    #[attr(optional)]
    tables: Value<Set<Table>>,

    /// Days for which files of older versions are kept in OneLake. Left out, what is there stays.
    #[attr(optional, computed, initial = 7, range = 1..=30)]
    retention_in_days: Value<i64>,

    /// Delta's change data feed of the tables in OneLake: what changed, row by row, for those who read them. Billed extra. Left
    /// out: not managed.
    #[attr(optional, computed)]
    delta_change_data_feed: Value<bool>,

    /// Sensitivity label, by its id. Fabric gives one to an item that is made; how it is changed later is not for an
    /// application to say: a person does it in the portal. Left out: not managed.
    #[attr(optional, computed)]
    sensitivity_label_id: Value<Text<LabelId>>,

    /// Whether deleting the item skips the tenant's recycle bin, for which the provider's identity needs the workspace role
    /// Admin. It matters only where a Fabric administrator has turned *Item Recovery* on: there a deleted item stays for 7 to 90
    /// days, counts towards the workspace's items, keeps its folder from being deleted, and can be recovered by a
    /// Contributor – with its tables, without what was shared with anybody. Its name is free meanwhile.
    #[attr(optional, computed, default = false)]
    hard_delete: Value<bool>,

    /// How long to wait.
    #[attr(optional)]
    timeouts: Value<Timeouts>,

    /// Where OneLake holds the tables.
    #[attr(computed)]
    onelake_tables_path: Value<String>,

    /// The SQL analytics endpoint on the mirror.
    #[attr(computed)]
    sql_endpoint: Value<SqlEndpoint>,
}

/// A table of the source.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Table {
    /// Schema.
    #[attr(required)]
    schema: Text<Identifier>,

    /// Name.
    #[attr(required)]
    name: Text<Identifier>,
}

/// Durations such as `60m` or `1h30m`.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Timeouts {
    /// For a change of a mirror that runs, until what was changed replicates; 60 minutes when left out.
    #[attr(optional)]
    update: Value<Text<Timeout>>,

    /// For the stop before the deletion; 20 minutes when left out.
    #[attr(optional)]
    delete: Value<Text<Timeout>>,
}

/// A SQL analytics endpoint.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct SqlEndpoint {
    /// Id of its item.
    #[attr(computed)]
    id: Value<String>,

    /// Host to connect to.
    #[attr(computed)]
    connection_string: Value<String>,
}

/// The SQL endpoint is made within a minute or so of the item.
const ENDPOINT_LIMIT: Duration = Duration::from_secs(10 * 60);

impl Resource for MirroredDatabase {
    const NAME: &'static str = "mirrored_database";
    type Provider = FabricMirror;

    fn validate(config: &MirroredDatabaseDraft) -> Diagnostics {
        if config.tables.known().is_none_or(|tables| !tables.is_empty()) {
            return Diagnostics::default();
        }
        let detail = "What an empty list means to Fabric is not documented. Leave `tables` out to mirror all tables, or list some.";
        Diagnostic::error("A mirror of no table", detail).at(path!(MirroredDatabase: tables)).into()
    }

    fn in_state(provider: &FabricMirror, state: &Self) {
        provider.ledger().note(state.key());
    }

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        if let (Some(workspace), Some(name)) =
            (change.planned.workspace_id.known(), change.planned.display_name.known())
            && !cx.provider.ledger().claim(key(**workspace, name), change)
        {
            return Err(second_owner(name));
        }
        let plan = change.planned.whole();
        let prior = change.prior.as_ref();
        if let Some(plan) = &plan {
            plan.check_tables(cx, prior).await?;
        }
        let connection = change.planned.connection_id.known().map(|id| *id.value());
        if let Some(connection) = connection.filter(|id| prior.is_none_or(|prior| *prior.connection_id.value() != *id))
        {
            source::refuse_visible_types(cx, connection).await?;
        }
        let Some(prior) = prior else {
            return match plan {
                Some(plan) => plan.refuse_existing(cx).await,
                None => Ok(()),
            };
        };
        if change.planned.sensitivity_label_id != prior.sensitivity_label_id {
            return Err(Diagnostic::error(
                "The sensitivity label cannot be changed here",
                "Fabric gives an item a label when it is made, and has no way for an application to give it another. Let somebody \
                 who may do so set it in the portal: the next plan is empty then. Or leave `sensitivity_label_id` out.",
            )
            .at(path!(MirroredDatabase: sensitivity_label_id))
            .into());
        }
        if change.planned.connection_id != Value::Known(prior.connection_id.clone()) {
            cx.warn(
                Diagnostic::warning(
                    "All tables will be copied again",
                    "Another connection is taken by stopping the mirror, changing it and starting it, which copies every \
                     table from the beginning.",
                )
                .at(path!(MirroredDatabase: connection_id)),
            );
        }
        Ok(())
    }

    async fn create(cx: &Context<FabricMirror>, plan: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        if cx.provider.ledger().has(&plan.key()) {
            return Err(second_owner(&plan.display_name));
        }
        let connection = *plan.connection_id.value();
        source::check(&fabric, connection, None).await?;
        let new = NewMirroredDatabase {
            display_name: plan.display_name.clone(),
            description: plan.description.known().cloned(),
            folder_id: plan.folder_id.known().map(|id| *id.value()),
            sensitivity_label: plan.sensitivity_label_id.known().map(|id| *id.value()),
            definition: plan.definition(),
        };
        let created = {
            let _turn = cx.provider.turn(*plan.workspace_id).await;
            fabric.create_mirrored_database(*plan.workspace_id, &new).await
        };
        let created = match created {
            Ok(created) => created,
            Err(error) => return Err(plan.explain_existing(&fabric, error).await),
        };
        cx.provider.ledger().note(plan.key());
        let mut item = plan.matching(&created);
        item.delta_change_data_feed.default_with(|| false.into());
        item.onelake_tables_path = Value::Null;
        item.sql_endpoint = Value::Null;
        // From here on it exists, and nothing taints it: whatever happens, the state knows it.
        cx.keep(&item);
        Ok(item.await_endpoint(cx, &fabric, created.id).await)
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        let view = cx.provider.view()?;
        match look(&view, *state.workspace_id, *state.id.held().value()).await {
            Ok(Some((item, definition))) => Ok(Some(state.matching(&item).matching_definition(&definition))),
            Ok(None) => {
                cx.provider.ledger().forget(&state.key());
                Ok(None)
            }
            // Nothing can be said about items of a paused capacity; they are not gone.
            Err(error) if error.is_inactive_capacity() => {
                view.warn_of_pause(cx, *state.workspace_id);
                Ok(Some(state))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        let id = *plan.id.held().value();
        let mirror = Mirror::new(cx, *plan.workspace_id, id)?;
        let fabric = &mirror.fabric;
        let now = View::of_now(fabric.clone());
        let Some((item, definition)) = look(&now, mirror.workspace, id).await? else {
            return Err(not_there_any_more("mirrored database", &prior.display_name));
        };
        prior.refuse_change_since(&plan, &definition)?;
        let mut done = prior.clone();
        let name = Some(plan.display_name.as_str()).filter(|name| *name != prior.display_name);
        let description = plan.description.known().filter(|_| plan.description != prior.description);
        if name.is_some() || description.is_some() {
            fabric.rename_mirrored_database(mirror.workspace, id, name, description.map(String::as_str)).await?;
            (done.display_name, done.description) = (plan.display_name.clone(), plan.description.clone());
            cx.provider.ledger().forget(&prior.key());
            cx.provider.ledger().note(plan.key());
            cx.keep(&done);
        }
        if plan.folder_id != prior.folder_id {
            let target = plan.folder_id.known().map(|id| *id.value());
            if item.folder_id != target {
                fabric.move_item(mirror.workspace, id, target).await?;
            }
            done.folder_id = plan.folder_id.clone();
            cx.keep(&done);
        }
        (done.hard_delete, done.timeouts) = (plan.hard_delete.clone(), plan.timeouts.clone());
        let has_new_connection = prior.connection_id != plan.connection_id;
        let has_new_tables = prior.tables != plan.tables;
        let has_new_retention = prior.retention_in_days != plan.retention_in_days;
        let has_new_feed = prior.delta_change_data_feed != plan.delta_change_data_feed;
        if !has_new_connection && !has_new_tables && !has_new_retention && !has_new_feed {
            return Ok(plan);
        }
        if has_new_connection {
            source::check(fabric, *plan.connection_id, Some(*prior.connection_id)).await?;
        }
        let mut pace = Pace::new(limit(&plan.timeouts, |timeouts| &timeouts.update, START_LIMIT));
        let runs = matches!(mirror.look().await?.status, MirroringStatus::Running | MirroringStatus::Starting);
        if has_new_connection && mirror.stop(cx, STOP_LIMIT).await?.is_none() {
            return Err(not_there_any_more("mirrored database", &prior.display_name));
        }
        // On top of the definition that is there: what this provider does not know, or does not change, stays.
        let mut definition = definition;
        if has_new_connection {
            definition.source.type_properties.connection = Some(*plan.connection_id);
        }
        if has_new_retention {
            definition.target.type_properties.retention_in_days = plan.retention_in_days.known().copied();
        }
        if has_new_feed {
            let feed = plan.delta_change_data_feed.known().copied();
            definition.target.type_properties.enable_delta_change_data_feed = feed;
        }
        if has_new_tables {
            definition = definition.with_tables(plan.table_names());
        }
        fabric.change_definition(mirror.workspace, id, &definition).await?;
        // Done, as far as the definition goes: a wait that fails is taken up by the replication.
        done.connection_id = plan.connection_id.clone();
        (done.tables, done.retention_in_days) = (plan.tables.clone(), plan.retention_in_days.clone());
        done.delta_change_data_feed = plan.delta_change_data_feed.clone();
        cx.keep(&done);
        if has_new_connection && runs {
            match fabric.start_mirroring(mirror.workspace, id).await {
                // Lost on the way back: the wait shows whether it was heard.
                Ok(()) | Err(fabric_api::Error::AnswerLost { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if runs && (has_new_connection || has_new_tables) {
            let required = plan.required(cx, fabric, if has_new_connection { None } else { Some(&prior) }).await;
            mirror.wait(cx, Asks::Replicating, &required, None, &mut pace).await?;
        }
        Ok(plan)
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        let mirror = Mirror::new(cx, *state.workspace_id, *state.id.held().value())?;
        let hard = state.hard_delete.known().copied().unwrap_or_default();
        // A mirror that is deleted while it runs may leave its change feed behind in the source.
        let limit = limit(&state.timeouts, |timeouts| &timeouts.delete, STOP_LIMIT);
        if mirror.stop(cx, limit).await?.is_some() {
            let deleted = mirror.fabric.delete_mirrored_database(mirror.workspace, mirror.item, hard).await;
            deleted.map_err(|error| refused_deletion(error, hard))?;
        }
        cx.provider.ledger().forget(&state.key());
        Ok(())
    }

    async fn import(cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let (workspace, id) = import_id::workspace_and_item(id)?;
        let view = cx.provider.view()?;
        let (item, definition) =
            look(&view, workspace, id).await?.ok_or_else(|| super::nothing_to_import("mirrored database", id))?;
        let kind = &definition.source.kind;
        let Some(connection) = definition.source.type_properties.connection.filter(|_| kind == SQL_MANAGED_INSTANCE)
        else {
            return Err(Diagnostic::error(
                "The mirrored database is of another kind",
                format!(
                    "Item {id} mirrors a source of the type `{kind}`. This resource manages mirrors of the type \
                     `{SQL_MANAGED_INSTANCE}`."
                ),
            )
            .into());
        };
        let found = Self {
            id: id.into(),
            workspace_id: workspace.into(),
            display_name: String::new(),
            description: Value::Null,
            folder_id: Value::Null,
            connection_id: connection.into(),
            default_schema: Value::Null,
            tables: Value::Null,
            retention_in_days: Value::Null,
            delta_change_data_feed: Value::Null,
            sensitivity_label_id: Value::Null,
            hard_delete: Value::Null,
            timeouts: Value::Null,
            onelake_tables_path: Value::Null,
            sql_endpoint: Value::Null,
        };
        Ok(found.matching(&item).matching_definition(&definition))
    }
}

/// A deletion for good takes another role than one that can be undone.
fn refused_deletion(error: fabric_api::Error, hard: bool) -> Error {
    let refused = hard && error.status() == Some(403);
    let error = Error::from(error);
    if !refused {
        return error;
    }
    error.at(path!(MirroredDatabase: hard_delete)).hint(
        "A deletion that skips the recycle bin takes the workspace role Admin. Give it to the provider's identity, or set \
         `hard_delete = false`, apply, and destroy then.",
    )
}

/// The item and its definition; `None` when it is gone for certain.
async fn look(
    view: &View,
    workspace: WorkspaceId,
    id: ItemId,
) -> fabric_api::Result<Option<(mirrored_databases::MirroredDatabase, Definition)>> {
    let Some(item) = view.mirrored_database(workspace, id).await? else { return Ok(None) };
    Ok(Some((item, view.definition(workspace, id).await?.as_ref().clone())))
}

fn key(workspace: WorkspaceId, display_name: &str) -> Key {
    Key::new(MirroredDatabase::NAME, &[&workspace.to_string(), display_name])
}

fn second_owner(display_name: &str) -> Error {
    super::second_owner("mirrored database", display_name).at(path!(MirroredDatabase: display_name))
}

impl MirroredDatabase {
    fn key(&self) -> Key {
        key(*self.workspace_id, &self.display_name)
    }

    fn definition(&self) -> Definition {
        let mut definition = Definition::new(
            *self.connection_id.value(),
            self.default_schema.known().map(|schema| schema.spelling().to_owned()),
            self.retention_in_days.known().copied().unwrap_or(7),
        )
        .with_tables(self.table_names());
        definition.target.type_properties.enable_delta_change_data_feed = self.delta_change_data_feed.known().copied();
        definition
    }

    fn table_names(&self) -> Option<Vec<TableName>> {
        let name = |table: &Table| TableName {
            schema_name: table.schema.spelling().to_owned(),
            table_name: table.name.spelling().to_owned(),
        };
        Some(self.tables.known()?.iter().map(name).collect())
    }

    /// The tables that a change has to bring to replicating: those that are new since `prior`, or all.
    async fn required(&self, cx: &Context<FabricMirror>, fabric: &Client, prior: Option<&Self>) -> Required {
        let Some(tables) = self.tables.known() else {
            return match source_tables(cx, &View::of_now(fabric.clone()), *self.connection_id).await {
                Some(source) => Required::Eligible(eligible(&source)),
                None => Required::Any,
            };
        };
        let before = prior.and_then(|prior| prior.tables.known());
        let new = tables.iter().filter(|table| before.is_none_or(|before| !before.contains(table)));
        Required::Listed(new.map(Table::place).collect())
    }

    /// Somebody changed what this change replaces: no plan has shown that.
    fn refuse_change_since(&self, plan: &Self, definition: &Definition) -> Result<()> {
        let now = self.clone().matching_definition(definition);
        for (what, planned, changed) in [
            (
                "The mirror's connection",
                plan.connection_id != self.connection_id,
                now.connection_id != self.connection_id,
            ),
            ("The mirror's list of tables", plan.tables != self.tables, now.tables != self.tables),
            (
                "The mirror's retention",
                plan.retention_in_days != self.retention_in_days,
                now.retention_in_days != self.retention_in_days,
            ),
            (
                "The mirror's change data feed",
                plan.delta_change_data_feed != self.delta_change_data_feed,
                now.delta_change_data_feed != self.delta_change_data_feed,
            ),
        ] {
            if planned && changed {
                return Err(changed_since(what, "Somebody else set it."));
            }
        }
        Ok(())
    }

    /// Tables that are listed anew have to be in the source, and such that mirroring takes them – where that can be seen.
    async fn check_tables(&self, cx: &Context<FabricMirror>, prior: Option<&Self>) -> Result<()> {
        let before = prior.and_then(|prior| prior.tables.known());
        let is_new = |table: &&Table| before.is_none_or(|before| !before.contains(table));
        let new: Vec<_> = self.tables.known().into_iter().flat_map(|tables| tables.iter()).filter(is_new).collect();
        if new.is_empty() {
            return Ok(());
        }
        let Ok(view) = cx.provider.view() else { return Ok(()) };
        let Some(source) = source_tables(cx, &view, *self.connection_id).await else { return Ok(()) };
        let mut wrong = Vec::new();
        for table in new {
            let found = source.tables.iter().find(|it| Name::new(&it.schema, &it.name) == table.place());
            match found {
                None => wrong.push(format!("- {} is not there", table.place())),
                Some(found) if !found.eligibility().is_mirrored() => {
                    let reasons: Vec<_> =
                        found.eligibility().findings.into_iter().map(|finding| finding.reason).collect();
                    wrong.push(format!("- {} cannot be mirrored: {}", table.place(), reasons.join("; ")));
                }
                Some(_) => {}
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Diagnostic::error(
            "Listed tables cannot be mirrored",
            format!("The source says:\n{}\n\nCorrect the names, or leave these tables out.", wrong.join("\n")),
        )
        .at(path!(MirroredDatabase: tables))
        .into())
    }

    /// Says at plan time, when it can be seen, that the name is taken.
    async fn refuse_existing(&self, cx: &Context<FabricMirror>) -> Result<()> {
        if cx.provider.ledger().has(&self.key()) {
            return Ok(());
        }
        let Some(view) = cx.provider.view_at_plan() else { return Ok(()) };
        match self.existing(&view).await {
            Some(text) => Err(Diagnostic::error("A mirrored database of this name exists in the workspace", text)
                .at(path!(MirroredDatabase: display_name))
                .into()),
            None => Ok(()),
        }
    }

    /// The block that imports whatever has the name.
    async fn existing(&self, view: &View) -> Option<String> {
        let all = view.mirrored_databases(*self.workspace_id).await.ok()?;
        let item = all.iter().find(|item| item.display_name.to_lowercase() == self.display_name.to_lowercase())?;
        let id = import_id::join(&[&self.workspace_id.value().to_string(), &item.id.to_string()]);
        Some(super::import_text(Self::NAME, &id))
    }

    async fn explain_existing(&self, fabric: &Client, error: fabric_api::Error) -> Error {
        let existing = self.existing(&View::of_now(fabric.clone())).await;
        let error = Error::from(error);
        match existing {
            Some(text) => error.hint(format!("A mirrored database of this name exists. {text}")),
            None => error,
        }
    }

    /// Waits until the SQL endpoint is there, so that the second plan has nothing to add. A failure here is no failure
    /// of the item: it stays, untainted.
    async fn await_endpoint(mut self, cx: &Context<FabricMirror>, fabric: &Client, id: ItemId) -> Self {
        let mut pace = Pace::new(ENDPOINT_LIMIT);
        loop {
            let why = match fabric.mirrored_database(*self.workspace_id, id).await {
                Ok(item) => {
                    let properties = item.properties.as_ref();
                    let endpoint = properties.and_then(|properties| properties.sql_endpoint_properties.as_ref());
                    let provisioning = endpoint.map(|endpoint| endpoint.provisioning_status.clone());
                    self = self.matching(&item);
                    match provisioning {
                        Some(ProvisioningStatus::Success) => return self,
                        Some(ProvisioningStatus::Failed) => Some("Fabric could not provision it.".to_owned()),
                        _ => None,
                    }
                }
                Err(error) => Some(format!("Asking for it failed: {error}.")),
            };
            let why = match why {
                Some(why) => why,
                None => match pace.pause(cx).await {
                    Pause::Over => continue,
                    Pause::TimedOut => "Fabric has not provisioned it so far.".to_owned(),
                    Pause::Stopped => "The run was interrupted before.".to_owned(),
                },
            };
            cx.warn(Diagnostic::warning(
                "The mirrored database has no SQL endpoint yet",
                format!("{why} The item was created; mirroring can be started once the endpoint is there."),
            ));
            return self;
        }
    }

    /// This object with what the service holds of the item.
    fn matching(mut self, item: &mirrored_databases::MirroredDatabase) -> Self {
        self.id = item.id.into();
        self.display_name.clone_from(&item.display_name);
        // Absent, null and empty mean the same.
        self.description = item.description.clone().unwrap_or_default().into();
        self.folder_id = item.folder_id.map(Text::from).into();
        self.sensitivity_label_id = item.sensitivity_label().map(Text::from).into();
        if let Some(properties) = &item.properties {
            self.onelake_tables_path = properties.one_lake_tables_path.clone().into();
            self.sql_endpoint = properties
                .sql_endpoint_properties
                .as_ref()
                .filter(|endpoint| endpoint.provisioning_status == ProvisioningStatus::Success)
                .map(|endpoint| SqlEndpoint {
                    id: endpoint.id.clone().into(),
                    connection_string: endpoint.connection_string.clone().into(),
                })
                .into();
        }
        self
    }

    fn matching_definition(mut self, definition: &Definition) -> Self {
        let name = |text: &str| text.parse::<Identifier>().ok().map(Text::from);
        if let Some(connection) = definition.source.type_properties.connection {
            self.connection_id = connection.into();
        }
        self.default_schema = definition.target.type_properties.default_schema.as_deref().and_then(name).into();
        self.retention_in_days = definition.target.type_properties.retention_in_days.into();
        // Off, where nothing is said of it.
        let feed = definition.target.type_properties.enable_delta_change_data_feed;
        self.delta_change_data_feed = feed.unwrap_or_default().into();
        self.tables = definition
            .tables()
            .map(|tables| {
                let table = |table: &&TableName| {
                    Some(Table { schema: name(&table.schema_name)?, name: name(&table.table_name)? })
                };
                tables.iter().filter_map(table).collect::<Set<Table>>()
            })
            .into();
        self
    }
}

impl Table {
    fn place(&self) -> Name {
        Name::new(self.schema.as_str(), self.name.as_str())
    }
}

fn eligible(source: &SourceTables) -> BTreeSet<Name> {
    let taken = source.tables.iter().filter(|table| table.eligibility().is_mirrored());
    taken.map(|table| Name::new(&table.schema, &table.name)).collect()
}
