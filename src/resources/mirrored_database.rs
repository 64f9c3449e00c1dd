//! `fabricmirror_mirrored_database`: the item in Fabric. Starting it is `replication`.

use std::time::Duration;

use fabric_api::connections::{self, SQL_MANAGED_INSTANCE};
use fabric_api::definition::{Definition, TableName};
use fabric_api::mirrored_databases::{self, MirroringStatus, NewMirroredDatabase, ProvisioningStatus};
use fabric_api::{Client, ConnectionId, ItemId, WorkspaceId};
use tfplugin::{Change, Context, Diagnostic, Diagnostics, Model, Resource, Set, Text, Value, path};

use crate::error::{Error, Result, incomplete};
use crate::import_id;
use crate::pace::{Pace, Pause};
use crate::provider::FabricMirror;

/// A database of a SQL Managed Instance, mirrored into a Fabric workspace.
///
/// This is the item: what is mirrored and how it is laid out. It copies nothing until a `fabricmirror_replication`
/// starts it, so that a start that fails does not make the next apply delete the copy.
///
/// Read compares with the definition that Fabric holds, so a table added in the portal shows as a difference.
#[derive(Clone, Debug, Model)]
pub struct MirroredDatabase {
    /// Id of the item.
    #[attr(computed)]
    id: Value<Text<ItemId>>,

    /// The workspace. It needs an active capacity.
    #[attr(required, replace)]
    workspace_id: Value<Text<WorkspaceId>>,

    /// Name, unique in the workspace, at most 123 characters. The SQL analytics endpoint gets the same.
    #[attr(required)]
    display_name: Value<String>,

    /// Description, at most 256 characters.
    #[attr(optional)]
    description: Value<String>,

    /// Folder of the workspace that holds the item; left out, none.
    #[attr(optional, replace)]
    folder_id: Value<Text<ItemId>>,

    /// A connection to the database, of the type "SQL Managed Instance": `fabricmirror_connection`. Another one is
    /// taken in place – the mirror is stopped, changed and started, and copies every table again – if it leads to the
    /// same database.
    #[attr(required)]
    connection_id: Value<Text<ConnectionId>>,

    /// Given, the source's schemas are kept, and this is the one of tables without; left out, Fabric folds schemas into
    /// table names. Usually `dbo`.
    #[attr(optional, replace)]
    default_schema: Value<String>,

    /// The tables to mirror, exactly these. Left out, all of them, and new ones as they appear.
    #[attr(optional)]
    tables: Value<Set<Table>>,

    /// Days for which files of older versions are kept in OneLake, 1 to 30.
    #[attr(optional, computed, default = 7)]
    retention_in_days: Value<i64>,

    /// Deleting the item skips the tenant's recycle bin, where there is one.
    #[attr(optional, computed, default = false)]
    hard_delete: Value<bool>,

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
    schema: Value<String>,

    /// Name.
    #[attr(required)]
    name: Value<String>,
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
/// Stopping took 37 s where it was recorded (fabric-api facts §11).
const STOP_LIMIT: Duration = Duration::from_secs(20 * 60);

impl Resource for MirroredDatabase {
    const NAME: &'static str = "mirrored_database";
    type Provider = FabricMirror;

    fn validate(config: &Self) -> Diagnostics {
        let mut found = Diagnostics::default();
        let mut refuse = |wrong: bool, summary: &str, detail: &str, path| {
            if wrong {
                found.push(Diagnostic::error(summary, detail).at(path));
            }
        };
        let length = |value: &Value<String>| value.known().map_or(1, |text| text.chars().count());
        refuse(
            !(1..=123).contains(&length(&config.display_name)),
            "The name is too long, or empty",
            "An item's name has 1 to 123 characters.",
            path!(display_name),
        );
        refuse(
            length(&config.description) > 256,
            "The description is too long",
            "It has at most 256 characters.",
            path!(description),
        );
        refuse(
            config.retention_in_days.known().is_some_and(|days| !(1..=30).contains(days)),
            "The retention is out of range",
            "It is 1 to 30 days.",
            path!(retention_in_days),
        );
        refuse(
            config.tables.known().is_some_and(|tables| tables.is_empty()),
            "A mirror of no table",
            "What an empty list means to Fabric is not documented. Leave `tables` out to mirror all tables, or list some.",
            path!(tables),
        );
        found
    }

    async fn plan(cx: &Context<FabricMirror>, change: &mut Change<Self>) -> Result<()> {
        let Some(prior) = &change.prior else { return Ok(()) };
        if prior.connection_id != change.planned.connection_id {
            cx.warn(
                Diagnostic::warning(
                    "All tables will be copied again",
                    "Another connection is taken by stopping the mirror, changing it and starting it, which copies every \
                     table from the beginning.",
                )
                .at(path!(connection_id)),
            );
        }
        Ok(())
    }

    async fn create(cx: &Context<FabricMirror>, plan: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        let (Some(workspace), Some(name), Some(connection)) =
            (plan.workspace_id.known(), plan.display_name.known(), plan.connection_id.known())
        else {
            return Err(incomplete(Self::NAME));
        };
        check_connection(&fabric, **connection, None).await?;
        let new = NewMirroredDatabase {
            display_name: name.clone(),
            description: plan.description.known().cloned(),
            folder_id: plan.folder_id.known().map(|id| **id),
            definition: plan.definition(**connection),
        };
        let created = match fabric.create_mirrored_database(**workspace, &new).await {
            Ok(created) => created,
            Err(error) => return Err(explain_existing(&fabric, **workspace, name, error).await),
        };
        let workspace = **workspace;
        let mut item = plan.matching(&created);
        item.onelake_tables_path = Value::Null;
        item.sql_endpoint = Value::Null;
        // From here on it exists: whatever happens, the state knows it.
        cx.keep(&item);
        item.await_endpoint(cx, &fabric, workspace, created.id).await
    }

    async fn read(cx: &Context<FabricMirror>, state: Self) -> Result<Option<Self>> {
        let fabric = cx.provider.fabric()?;
        let (Some(workspace), Some(id)) = (state.workspace_id.known(), state.id.known()) else { return Ok(None) };
        let read = async {
            let item = fabric.mirrored_database(**workspace, **id).await?;
            Ok::<_, fabric_api::Error>((item, fabric.definition(**workspace, **id).await?))
        };
        match read.await {
            Ok((item, definition)) => Ok(Some(state.matching(&item).matching_definition(&definition))),
            Err(error) if error.is_gone() => Ok(None),
            // Nothing can be said about items of a paused capacity; they are not gone.
            Err(error) if error.is_inactive_capacity() => {
                cx.warn(paused_capacity(**workspace));
                Ok(Some(state))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn update(cx: &Context<FabricMirror>, prior: Self, plan: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        let (Some(workspace), Some(id), Some(connection)) =
            (plan.workspace_id.known(), plan.id.known(), plan.connection_id.known())
        else {
            return Err(incomplete(Self::NAME));
        };
        let (workspace, id, connection) = (**workspace, **id, **connection);
        let mut done = prior.clone();
        if prior.display_name != plan.display_name || prior.description != plan.description {
            let description = plan.description.known().cloned().unwrap_or_default();
            let name = plan.display_name.known().cloned().unwrap_or_default();
            fabric.rename_mirrored_database(workspace, id, &name, &description).await?;
            (done.display_name, done.description) = (plan.display_name.clone(), plan.description.clone());
            cx.keep(&done);
        }
        if prior.connection_id != plan.connection_id {
            let before = prior.connection_id.known().map(|id| **id);
            check_connection(&fabric, connection, before).await?;
            let ran = fabric.mirroring(workspace, id).await?.status;
            stop(cx, &fabric, workspace, id, STOP_LIMIT).await?;
            plan.send_definition(&fabric, workspace, id, connection).await?;
            (done.connection_id, done.tables) = (plan.connection_id.clone(), plan.tables.clone());
            done.retention_in_days = plan.retention_in_days.clone();
            cx.keep(&done);
            if matches!(ran, MirroringStatus::Running | MirroringStatus::Starting) {
                fabric.start_mirroring(workspace, id).await?;
            }
        } else if prior.tables != plan.tables || prior.retention_in_days != plan.retention_in_days {
            plan.send_definition(&fabric, workspace, id, connection).await?;
        }
        let item = fabric.mirrored_database(workspace, id).await?;
        Ok(plan.matching(&item))
    }

    async fn delete(cx: &Context<FabricMirror>, state: Self) -> Result<()> {
        let fabric = cx.provider.fabric()?;
        let (Some(workspace), Some(id)) = (state.workspace_id.known(), state.id.known()) else { return Ok(()) };
        let hard = state.hard_delete.known().copied().unwrap_or_default();
        // A mirror that is deleted while it runs may leave its change feed behind in the source.
        match stop(cx, &fabric, **workspace, **id, STOP_LIMIT).await {
            Err(error) if error.fabric().is_some_and(fabric_api::Error::is_gone) => return Ok(()),
            result => result?,
        };
        match fabric.delete_mirrored_database(**workspace, **id, hard).await {
            Err(error) if error.is_gone() => Ok(()),
            result => Ok(result?),
        }
    }

    async fn import(_cx: &Context<FabricMirror>, id: &str) -> Result<Self> {
        let (workspace, item) = import_id::workspace_and_item(id)?;
        Ok(Self {
            id: Text(item).into(),
            workspace_id: Text(workspace).into(),
            display_name: Value::Null,
            description: Value::Null,
            folder_id: Value::Null,
            connection_id: Value::Null,
            default_schema: Value::Null,
            tables: Value::Null,
            retention_in_days: Value::Null,
            hard_delete: Value::Known(false),
            onelake_tables_path: Value::Null,
            sql_endpoint: Value::Null,
        })
    }
}

impl MirroredDatabase {
    fn definition(&self, connection: ConnectionId) -> Definition {
        let tables = self.tables.known().map(|tables| tables.iter().filter_map(Table::name_of).collect());
        let retention = self.retention_in_days.known().copied().unwrap_or(7);
        Definition::new(connection, self.default_schema.known().cloned(), retention).with_tables(tables)
    }

    /// Sends the definition on top of the one that is there: what this provider does not know stays.
    async fn send_definition(
        &self,
        fabric: &Client,
        workspace: WorkspaceId,
        id: ItemId,
        connection: ConnectionId,
    ) -> Result<()> {
        let ours = self.definition(connection);
        let mut definition = fabric.definition(workspace, id).await?;
        definition.source.type_properties.connection = Some(connection);
        definition.target.type_properties.retention_in_days = ours.target.type_properties.retention_in_days;
        definition.mounted_tables = ours.mounted_tables;
        Ok(fabric.change_definition(workspace, id, &definition).await?)
    }

    /// Waits until the SQL endpoint is there, so that the second plan has nothing to add. A failure here is no failure
    /// of the item: it stays, untainted.
    async fn await_endpoint(
        mut self,
        cx: &Context<FabricMirror>,
        fabric: &Client,
        workspace: WorkspaceId,
        id: ItemId,
    ) -> Result<Self> {
        let mut pace = Pace::new(ENDPOINT_LIMIT);
        loop {
            let item = fabric.mirrored_database(workspace, id).await?;
            let endpoint = item.properties.as_ref().and_then(|properties| properties.sql_endpoint_properties.as_ref());
            let provisioning = endpoint.map(|endpoint| endpoint.provisioning_status.clone());
            self = self.matching(&item);
            let unfinished = match provisioning {
                Some(ProvisioningStatus::Success) => return Ok(self),
                Some(ProvisioningStatus::Failed) => Some("Fabric could not provision it."),
                _ => match pace.pause(cx).await {
                    Pause::Over => None,
                    Pause::TimedOut => Some("Fabric has not provisioned it so far."),
                    Pause::Stopped => Some("The run was interrupted before."),
                },
            };
            if let Some(why) = unfinished {
                cx.warn(Diagnostic::warning(
                    "The mirrored database has no SQL endpoint yet",
                    format!("{why} The item was created; mirroring can be started once the endpoint is there."),
                ));
                return Ok(self);
            }
        }
    }

    /// This object with what the service holds of the item.
    fn matching(mut self, item: &mirrored_databases::MirroredDatabase) -> Self {
        self.id = Text(item.id).into();
        self.display_name = item.display_name.as_str().into();
        // Absent, null and empty mean the same; a configured empty text stays.
        let description = item.description.clone().filter(|text| !text.is_empty());
        if description.is_some() || self.description.known().is_none_or(|prior| !prior.is_empty()) {
            self.description = description.into();
        }
        self.folder_id = item.folder_id.map(Text).into();
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
        self.connection_id = definition.source.type_properties.connection.map(Text).into();
        self.default_schema = definition.target.type_properties.default_schema.clone().into();
        self.retention_in_days = definition.target.type_properties.retention_in_days.into();
        let tables: Value<Set<Table>> = definition
            .tables()
            .map(|tables| {
                tables
                    .into_iter()
                    .map(|table| Table {
                        schema: table.schema_name.as_str().into(),
                        name: table.table_name.as_str().into(),
                    })
                    .collect::<Set<Table>>()
            })
            .into();
        if self.tables != tables {
            self.tables = tables;
        }
        self
    }
}

impl Table {
    fn name_of(&self) -> Option<TableName> {
        Some(TableName { schema_name: self.schema.known()?.clone(), table_name: self.name.known()?.clone() })
    }
}

/// A connection of another type, or one that leads elsewhere than the one before, is refused before Fabric is asked.
async fn check_connection(fabric: &Client, id: ConnectionId, before: Option<ConnectionId>) -> Result<()> {
    let connection = fabric.connection(id).await.map_err(|error| Error::from(error).at(path!(connection_id)))?;
    let details = &connection.connection_details;
    if details.kind != SQL_MANAGED_INSTANCE {
        return Err(Diagnostic::error(
            "The connection is not of the type \"SQL Managed Instance\"",
            format!(
                "Connection {id} is of the type `{}`. Mirroring a SQL Managed Instance takes only connections of the type \
                 `{SQL_MANAGED_INSTANCE}`, also where another one leads to the same server. Use the id of a \
                 `fabricmirror_connection`.",
                details.kind
            ),
        )
        .at(path!(connection_id))
        .into());
    }
    let Some(before) = before else { return Ok(()) };
    let path_of = |details: &connections::ConnectionDetails| details.path.clone().unwrap_or_default();
    let old = match fabric.connection(before).await {
        Ok(connection) => path_of(&connection.connection_details),
        // The old one is gone or no longer visible: there is nothing to compare with.
        Err(error) if error.is_gone() => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let new = path_of(details);
    if old.eq_ignore_ascii_case(&new) {
        return Ok(());
    }
    Err(Diagnostic::error(
        "The connection leads to another database",
        format!(
            "The mirror holds the tables of `{old}`; the new connection leads to `{new}`. Fabric documents no change of \
             the source in place. Make a new mirror: run again with `-replace=ADDRESS` of this resource."
        ),
    )
    .at(path!(connection_id))
    .into())
}

/// A name that is taken is shown with the block that imports whatever has it.
async fn explain_existing(fabric: &Client, workspace: WorkspaceId, name: &str, error: fabric_api::Error) -> Error {
    let existing = fabric.mirrored_databases(workspace).await.unwrap_or_default();
    let existing = existing.iter().find(|item| item.display_name.eq_ignore_ascii_case(name));
    let error = Error::from(error);
    match existing {
        Some(item) => {
            let id = import_id::join(&[&workspace.to_string(), &item.id.to_string()]);
            let import = import_id::block(MirroredDatabase::NAME, &id);
            error.hint(format!("A mirrored database of this name exists. To manage it, import it:\n\n{import}"))
        }
        None => error,
    }
}

/// Stops a mirror that is not at rest, and waits until it is.
pub(super) async fn stop(
    cx: &Context<FabricMirror>,
    fabric: &Client,
    workspace: WorkspaceId,
    id: ItemId,
    limit: Duration,
) -> Result<MirroringStatus> {
    let mut pace = Pace::new(limit);
    let mut asked = false;
    loop {
        let status = fabric.mirroring(workspace, id).await?.status;
        match status {
            MirroringStatus::Stopped | MirroringStatus::Initialized => return Ok(status),
            // Nothing runs yet, and a stop would be refused.
            MirroringStatus::Initializing if !asked => return Ok(status),
            // Whether a stop is taken while it starts is UNCONFIRMED: it is let run first.
            MirroringStatus::Stopping | MirroringStatus::Starting => {}
            _ if asked => {}
            _ => match fabric.stop_mirroring(workspace, id).await {
                // It changed in between: look again.
                Err(error) if error.code() == Some("OperationNotAllowedInCurrentStatus") => {}
                stopped => {
                    stopped?;
                    asked = true;
                }
            },
        }
        if pace.pause(cx).await != Pause::Over {
            return Err(Diagnostic::error(
                "The mirror has not stopped",
                format!("Its status is {status} after {} s. Run again: stopping goes on.", pace.elapsed().as_secs()),
            )
            .into());
        }
    }
}

/// What is said instead of "gone" while a capacity is paused.
pub(super) fn paused_capacity(workspace: WorkspaceId) -> Diagnostic {
    Diagnostic::warning(
        "The workspace's capacity is paused",
        format!(
            "Nothing can be read from workspace {workspace}, so this object is taken as it was last seen. Resume the \
             capacity; mirroring does not continue by itself then."
        ),
    )
    .at(path!(workspace_id))
}
