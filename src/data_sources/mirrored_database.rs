//! `fabricmirror_mirrored_database` and `fabricmirror_mirrored_databases`: the mirrors of a workspace.

use fabric_api::definition::Definition;
use fabric_api::mirrored_databases::{self, ProvisioningStatus};
use fabric_api::{ItemId, WorkspaceId};
use tfplugin::{AttributePath, Context, DataSource, Diagnostic, Model, Text, Value, path};

use super::lookup::{self, Wanted};
use crate::error::Result;
use crate::provider::FabricMirror;

/// A mirrored database, by its id or by its name: of any kind of source.
///
/// What is mirrored stands in its definition, which takes a role that may write: for a reader those attributes are null.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct MirroredDatabase {
    /// The workspace.
    #[attr(required)]
    workspace_id: Text<WorkspaceId>,

    /// Id of the item. This or `display_name`.
    #[attr(optional, computed, exactly_one_of = "display_name")]
    id: Value<Text<ItemId>>,

    /// Its name.
    #[attr(optional, computed)]
    display_name: Value<String>,

    /// Its description; empty when it has none.
    #[attr(computed)]
    description: Value<String>,

    /// Folder that holds it; null in the workspace's root.
    #[attr(computed)]
    folder_id: Value<String>,

    /// Sensitivity label; null when it has none.
    #[attr(computed)]
    sensitivity_label_id: Value<String>,

    /// Kind of the source: `AzureSqlMI` is a SQL Managed Instance.
    #[attr(computed)]
    source_type: Value<String>,

    /// The connection that it reads through; null where its source has none.
    #[attr(computed)]
    connection_id: Value<String>,

    /// Schema of tables without one; null where schemas are folded into table names.
    #[attr(computed)]
    default_schema: Value<String>,

    /// The tables that are listed; null where all are mirrored.
    #[attr(computed)]
    tables: Value<Vec<Table>>,

    /// Days for which files of older versions are kept in OneLake.
    #[attr(computed)]
    retention_in_days: Value<i64>,

    /// Whether Delta's change data feed is on.
    #[attr(computed)]
    delta_change_data_feed: Value<bool>,

    /// Where OneLake holds the tables.
    #[attr(computed)]
    onelake_tables_path: Value<String>,

    /// The SQL analytics endpoint on the mirror; null until it is there.
    #[attr(computed)]
    sql_endpoint: Value<SqlEndpoint>,
}

/// A table of the source.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Table {
    /// Schema.
    #[attr(computed)]
    schema: Value<String>,

    /// Name.
    #[attr(computed)]
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

impl DataSource for MirroredDatabase {
    const NAME: &'static str = "mirrored_database";
    type Provider = FabricMirror;

    async fn read(cx: &Context<FabricMirror>, mut config: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        let workspace = *config.workspace_id.value();
        let wanted = match (config.id.known(), config.display_name.known()) {
            (Some(id), _) => Wanted::Id(*id.value()),
            (None, name) => Wanted::Name(name.cloned().unwrap_or_default()),
        };
        let looked = async {
            let by_id = match &wanted {
                Wanted::Id(id) => fabric.find_mirrored_database(workspace, *id).await?,
                Wanted::Name(_) => None,
            };
            let all = match by_id {
                Some(item) => vec![item],
                None => fabric.mirrored_databases(workspace).await?,
            };
            Ok::<_, fabric_api::Error>(all)
        };
        let all = match looked.await {
            Err(error) if error.is_inactive_capacity() => {
                cx.warn(unknown(workspace, path!(MirroredDatabase: workspace_id)));
                return Ok(config);
            }
            looked => looked?,
        };
        let item = lookup::one("mirrored database", all, &wanted, |it| it.id, |it| Some(&it.display_name))?;
        let definition = match fabric.definition(workspace, item.id).await {
            Err(error) if error.status() == Some(403) => None,
            definition => Some(definition?),
        };
        config.id.default_with(|| item.id.into());
        config.display_name.default_with(|| item.display_name.clone().into());
        let read = Self {
            description: item.description.clone().unwrap_or_default().into(),
            folder_id: item.folder_id.map(|id| id.to_string()).into(),
            sensitivity_label_id: item.sensitivity_label().map(|id| id.to_string()).into(),
            onelake_tables_path: tables_path(&item),
            sql_endpoint: endpoint(&item),
            ..config
        };
        Ok(match definition {
            Some(definition) => read.with(&definition),
            None => read,
        })
    }
}

impl MirroredDatabase {
    fn with(self, definition: &Definition) -> Self {
        let target = &definition.target.type_properties;
        let tables = definition.tables().map(|tables| {
            let mut tables: Vec<_> = tables.iter().map(|it| (it.schema_name.clone(), it.table_name.clone())).collect();
            tables.sort();
            let table = |(schema, name): (String, String)| Table { schema: schema.into(), name: name.into() };
            tables.into_iter().map(table).collect::<Vec<_>>()
        });
        Self {
            source_type: definition.source.kind.clone().into(),
            connection_id: definition.source.type_properties.connection.map(|id| id.to_string()).into(),
            default_schema: target.default_schema.clone().into(),
            tables: tables.into(),
            retention_in_days: target.retention_in_days.into(),
            delta_change_data_feed: target.enable_delta_change_data_feed.unwrap_or_default().into(),
            ..self
        }
    }
}

/// The mirrored databases of a workspace, those in its folders among them.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct MirroredDatabases {
    /// The workspace.
    #[attr(required)]
    workspace_id: Text<WorkspaceId>,

    /// The items, by name.
    #[attr(computed)]
    mirrored_databases: Value<Vec<Entry>>,
}

/// A mirrored database.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Entry {
    /// Id of the item.
    #[attr(computed)]
    id: Value<String>,

    /// Its name.
    #[attr(computed)]
    display_name: Value<String>,

    /// Its description; empty when it has none.
    #[attr(computed)]
    description: Value<String>,

    /// Folder that holds it; null in the workspace's root.
    #[attr(computed)]
    folder_id: Value<String>,

    /// Where OneLake holds the tables.
    #[attr(computed)]
    onelake_tables_path: Value<String>,

    /// The SQL analytics endpoint on the mirror; null until it is there.
    #[attr(computed)]
    sql_endpoint: Value<SqlEndpoint>,
}

impl DataSource for MirroredDatabases {
    const NAME: &'static str = "mirrored_databases";
    type Provider = FabricMirror;

    async fn read(cx: &Context<FabricMirror>, config: Self) -> Result<Self> {
        let workspace = *config.workspace_id.value();
        let mut all = match cx.provider.fabric()?.mirrored_databases(workspace).await {
            Err(error) if error.is_inactive_capacity() => {
                cx.warn(unknown(workspace, path!(MirroredDatabases: workspace_id)));
                return Ok(config);
            }
            all => all?,
        };
        all.sort_by(|one, other| (&one.display_name, one.id).cmp(&(&other.display_name, other.id)));
        let entry = |item: &mirrored_databases::MirroredDatabase| Entry {
            id: item.id.to_string().into(),
            display_name: item.display_name.clone().into(),
            description: item.description.clone().unwrap_or_default().into(),
            folder_id: item.folder_id.map(|id| id.to_string()).into(),
            onelake_tables_path: tables_path(item),
            sql_endpoint: endpoint(item),
        };
        Ok(Self { mirrored_databases: all.iter().map(entry).collect::<Vec<_>>().into(), ..config })
    }
}

fn tables_path(item: &mirrored_databases::MirroredDatabase) -> Value<String> {
    item.properties.as_ref().and_then(|it| it.one_lake_tables_path.clone()).into()
}

fn endpoint(item: &mirrored_databases::MirroredDatabase) -> Value<SqlEndpoint> {
    let endpoint = item.properties.as_ref().and_then(|it| it.sql_endpoint_properties.as_ref());
    let there = endpoint.filter(|it| it.provisioning_status == ProvisioningStatus::Success);
    there
        .map(|it| SqlEndpoint { id: it.id.clone().into(), connection_string: it.connection_string.clone().into() })
        .into()
}

/// A plan, and a destroy, must not fail for what cannot be known now.
fn unknown(workspace: WorkspaceId, at: AttributePath) -> Diagnostic {
    Diagnostic::warning(
        "The mirrored databases cannot be known now",
        format!(
            "The capacity of workspace {workspace} is paused, and nothing can be read from it. Every attribute that is computed is \
             null until it is resumed."
        ),
    )
    .at(at)
}
