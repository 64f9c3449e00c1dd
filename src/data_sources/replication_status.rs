//! `fabricmirror_replication_status`: how a mirror is doing, in the words of its monitor page and in the service's own.

use fabric_api::mirrored_databases::{MirroredTable, Mirroring, MirroringStatus, TableStatus};
use fabric_api::{ItemId, WorkspaceId};
use tfplugin::{Context, DataSource, Diagnostic, Model, Text, Value, path};

use crate::error::Result;
use crate::provider::FabricMirror;

/// The status of a mirror and of each of its tables.
///
/// What changes by itself all the time – rows, bytes, times, latency – lies apart in `metrics`: a configuration that
/// outputs only the rest has an empty second plan.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct ReplicationStatus {
    /// The workspace.
    #[attr(required)]
    workspace_id: Text<WorkspaceId>,

    /// The mirrored database. Refer to `fabricmirror_replication.….mirrored_database_id` to see it after its start.
    #[attr(required)]
    mirrored_database_id: Text<ItemId>,

    /// `Running`, `Running with warning`, `Stopping`, `Stopped` or `Error`; null for a status that is not known here.
    #[attr(computed)]
    state: Value<String>,

    /// The status as the service says it.
    #[attr(computed)]
    status: Value<String>,

    /// Whether the mirror runs without error and every table replicates.
    #[attr(computed)]
    healthy: Value<bool>,

    /// What is wrong with the mirror, if anything is.
    #[attr(computed)]
    error: Value<String>,

    /// The tables, by schema and name.
    #[attr(computed)]
    tables: Value<Vec<Table>>,

    /// Counters and times.
    #[attr(computed)]
    metrics: Value<Metrics>,
}

/// A table of the mirror.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Table {
    /// Schema in the source.
    #[attr(computed)]
    schema: Value<String>,

    /// Name in the source.
    #[attr(computed)]
    name: Value<String>,

    /// `Running`, `Running with warning`, `Stopped` or `Error`.
    #[attr(computed)]
    state: Value<String>,

    /// The status as the service says it.
    #[attr(computed)]
    status: Value<String>,

    /// What is wrong with the table, if anything is.
    #[attr(computed)]
    error: Value<String>,
}

/// Counters of a mirror since its last start.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Metrics {
    /// The tables, by schema and name.
    #[attr(computed)]
    tables: Value<Vec<TableMetrics>>,

    /// Sum over the tables.
    #[attr(computed)]
    rows: Value<i64>,

    /// Sum over the tables.
    #[attr(computed)]
    bytes: Value<i64>,
}

/// Counters of a table.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct TableMetrics {
    /// Schema in the source.
    #[attr(computed)]
    schema: Value<String>,

    /// Name in the source.
    #[attr(computed)]
    name: Value<String>,

    /// Rows processed: every insert, update and delete counts, so it is not the number of rows in the table.
    #[attr(computed)]
    rows: Value<i64>,

    /// Bytes processed.
    #[attr(computed)]
    bytes: Value<i64>,

    /// When the table was last in step with its source, UTC.
    #[attr(computed)]
    last_sync: Value<String>,

    /// Seconds from a commit at the source to its commit in OneLake; null where it is not known.
    #[attr(computed)]
    latency_seconds: Value<i64>,
}

impl DataSource for ReplicationStatus {
    const NAME: &'static str = "replication_status";
    type Provider = FabricMirror;

    async fn read(cx: &Context<FabricMirror>, config: Self) -> Result<Self> {
        let fabric = cx.provider.fabric()?;
        let (workspace, item) = (*config.workspace_id, *config.mirrored_database_id);
        let looked = async {
            let mirroring = fabric.mirroring(workspace, item).await?;
            Ok::<_, fabric_api::Error>((mirroring, fabric.mirrored_tables(workspace, item).await?))
        };
        let (mirroring, mut tables) = match looked.await {
            // A plan, and a destroy, must not fail for what cannot be known now.
            Err(error) if error.is_inactive_capacity() => {
                cx.warn(
                    Diagnostic::warning(
                        "The mirror's status cannot be known now",
                        format!(
                            "The capacity of workspace {workspace} is paused, and nothing can be read from it. Every attribute \
                             that is computed is null until it is resumed."
                        ),
                    )
                    .at(path!(ReplicationStatus: workspace_id)),
                );
                return Ok(config);
            }
            looked => looked?,
        };
        tables.sort_by_key(name_of);
        let state = database_state(&mirroring, &tables);
        let healthy = state == Some("Running")
            && !tables.is_empty()
            && tables.iter().all(|table| table.status == TableStatus::Replicating && table.error.is_none());
        let metrics = |pick: fn(&fabric_api::mirrored_databases::Metrics) -> i64| -> i64 {
            tables.iter().filter_map(|table| table.metrics.as_ref()).map(pick).sum()
        };
        Ok(Self {
            state: state.map(str::to_owned).into(),
            status: mirroring.status.to_string().into(),
            healthy: healthy.into(),
            error: mirroring.error.as_ref().map(|error| error.describe()).into(),
            metrics: Metrics {
                rows: metrics(|metrics| metrics.processed_rows).into(),
                bytes: metrics(|metrics| metrics.processed_bytes).into(),
                tables: tables.iter().filter_map(table_metrics).collect::<Vec<_>>().into(),
            }
            .into(),
            tables: tables.iter().map(table).collect::<Vec<_>>().into(),
            ..config
        })
    }
}

fn name_of(table: &MirroredTable) -> (String, String) {
    (table.source_schema_name.clone().unwrap_or_default(), table.source_table_name.clone().unwrap_or_default())
}

/// The monitor page's word for a mirror.
fn database_state(mirroring: &Mirroring, tables: &[MirroredTable]) -> Option<&'static str> {
    use MirroringStatus as S;
    let failing = || tables.iter().any(|table| table.status == TableStatus::Failed);
    match (&mirroring.status, &mirroring.error) {
        (S::Running, Some(_)) => Some("Running with warning"),
        (S::Running, None) if failing() => Some("Running with warning"),
        (S::Running, None) => Some("Running"),
        (S::Other(_), None) => None,
        (_, Some(_)) => Some("Error"),
        (S::Starting, None) => Some("Running"),
        (S::Stopping, None) => Some("Stopping"),
        (S::Stopped | S::Initialized | S::Initializing | S::Paused, None) => Some("Stopped"),
    }
}

/// The monitor page's word for a table.
fn table_state(table: &MirroredTable) -> &'static str {
    match (&table.status, &table.error) {
        (TableStatus::Failed, _) => "Error",
        (TableStatus::Stopped, _) => "Stopped",
        (_, Some(_)) => "Running with warning",
        (_, None) => "Running",
    }
}

fn table(table: &MirroredTable) -> Table {
    let (schema, name) = name_of(table);
    Table {
        schema: schema.into(),
        name: name.into(),
        state: table_state(table).into(),
        status: table.status.to_string().into(),
        error: table.error.as_ref().map(|error| error.describe()).into(),
    }
}

fn table_metrics(table: &MirroredTable) -> Option<TableMetrics> {
    let metrics = table.metrics.as_ref()?;
    let (schema, name) = name_of(table);
    Some(TableMetrics {
        schema: schema.into(),
        name: name.into(),
        rows: metrics.processed_rows.into(),
        bytes: metrics.processed_bytes.into(),
        last_sync: metrics.last_sync_date_time.clone().into(),
        latency_seconds: metrics.last_sync_latency_in_seconds.into(),
    })
}

#[cfg(test)]
mod tests {
    use fabric_api::ErrorBody;

    use super::*;

    #[test]
    fn the_monitor_pages_words() {
        let failed = MirroredTable {
            source_schema_name: None,
            source_table_name: None,
            source_object_type: None,
            status: TableStatus::Failed,
            metrics: None,
            error: None,
        };
        let error = || Some(ErrorBody::default());
        for (status, error, tables, state) in [
            ("Running", None, vec![], Some("Running")),
            ("Running", error(), vec![], Some("Running with warning")),
            ("Running", None, vec![failed.clone()], Some("Running with warning")),
            ("Starting", None, vec![], Some("Running")),
            ("Stopping", None, vec![], Some("Stopping")),
            ("Stopped", None, vec![], Some("Stopped")),
            ("Stopped", error(), vec![], Some("Error")),
            ("Initialized", None, vec![], Some("Stopped")),
            ("Paused", None, vec![], Some("Stopped")),
            ("Somersaulting", None, vec![], None),
            ("Somersaulting", error(), vec![], Some("Error")),
        ] {
            let mirroring = Mirroring { status: status.into(), error };
            assert_eq!(database_state(&mirroring, &tables), state, "{mirroring:?}");
        }
    }
}
