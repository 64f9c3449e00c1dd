//! The tables of a running mirror: which take part ([`eligibility`]), and how far each has come.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

use super::POLL;
use super::conditions::{Setup, TableName};
use crate::fabric::error::ErrorBody;
use crate::rest::UnsupportedTables;
use emulator_ground::source::{SourceColumn, SourceTable};

/// Mirror-all takes the first tables by schema and name; more in a list are refused (sql-mi facts D7).
pub const MOST_TABLES: usize = 500;

const INITIALIZED: Duration = Duration::from_secs(5);
const SNAPSHOT: Duration = Duration::from_secs(10);
/// What a snapshot copies per second besides.
const ROWS_PER_SECOND: u64 = 50_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableStatus {
    Initialized,
    Snapshotting,
    Replicating,
    Reseeding,
    Stopped,
    Failed,
}

impl TableStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Initialized => "Initialized",
            Self::Snapshotting => "Snapshotting",
            Self::Replicating => "Replicating",
            Self::Reseeding => "Reseeding",
            Self::Stopped => "Stopped",
            Self::Failed => "Failed",
        }
    }
}

/// What keeps every table from replicating.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Blocked {
    /// Tables fail.
    Failed(ErrorBody),
    /// Tables are copied and never get to Replicating.
    NeverReplicating(ErrorBody),
}

impl Blocked {
    pub fn error(&self) -> &ErrorBody {
        match self {
            Self::Failed(error) | Self::NeverReplicating(error) => error,
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Tables(#[serde(with = "pairs")] BTreeMap<TableName, Table>);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table {
    object_id: i32,
    /// As the snapshot found them.
    columns: Vec<SourceColumn>,
    stage: Stage,
    blocked: Option<Blocked>,
    warning: Option<ErrorBody>,
    /// Absent until the snapshot is through.
    metrics: Option<Metrics>,
    /// Rows, changes and bytes of the source when the snapshot was taken.
    base: Base,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    Initialized { until: Duration },
    Snapshotting { until: Duration },
    Replicating,
    Reseeding { until: Duration },
    Stopped,
}

/// Cumulative: each copied, inserted, updated and deleted row counts (fabric-api facts §1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    pub rows: u64,
    pub bytes: u64,
    /// [`emulator_ground::clock::Clock::elapsed`] at the last synchronisation.
    pub last_sync: Duration,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Base {
    rows: u64,
    changes: u64,
    bytes: u64,
    snapshot_bytes: u64,
}

impl Table {
    pub fn status(&self) -> TableStatus {
        match self.stage {
            Stage::Stopped => TableStatus::Stopped,
            _ if matches!(self.blocked, Some(Blocked::Failed(_))) => TableStatus::Failed,
            Stage::Initialized { .. } => TableStatus::Initialized,
            Stage::Snapshotting { .. } => TableStatus::Snapshotting,
            Stage::Replicating => TableStatus::Replicating,
            Stage::Reseeding { .. } => TableStatus::Reseeding,
        }
    }

    pub fn error(&self) -> Option<&ErrorBody> {
        self.blocked.as_ref().map(Blocked::error).or(self.warning.as_ref())
    }

    pub fn object_id(&self) -> i32 {
        self.object_id
    }

    pub fn metrics(&self) -> Option<Metrics> {
        self.metrics
    }

    fn new(object_id: i32, at: Duration) -> Self {
        Self {
            object_id,
            columns: Vec::new(),
            stage: Stage::Initialized { until: at + INITIALIZED },
            blocked: None,
            warning: None,
            metrics: None,
            base: Base::default(),
        }
    }

    /// What a poll finds: the table as it is in the source, and what keeps it from getting on.
    fn look(&mut self, at: Duration, found: Option<&SourceTable>, blocked: Option<Blocked>, recovers: bool) {
        if !recovers && blocked.is_none() && matches!(self.blocked, Some(Blocked::Failed(_))) {
            return;
        }
        let was_blocked = self.blocked.is_some();
        self.blocked = blocked;
        match (&self.blocked, self.stage, found) {
            (Some(Blocked::NeverReplicating(_)), stage, _) if stage != Stage::Replicating => {
                self.stage = Stage::Snapshotting { until: at + SNAPSHOT };
            }
            // Columns that come, go or change reseed the table (sql-mi facts §5.3: the two pages contradict each
            // other; a reseed is to be expected).
            (None, Stage::Replicating, Some(found)) if found.columns != self.columns => {
                self.stage = Stage::Reseeding { until: at + SNAPSHOT };
            }
            (None, Stage::Replicating, Some(found)) => self.synchronise(found, at),
            // It could not get on until now: it starts over.
            (None, Stage::Initialized { .. } | Stage::Snapshotting { .. }, _) if was_blocked => {
                self.stage = Stage::Initialized { until: at + INITIALIZED };
            }
            _ => {}
        }
    }

    fn take_snapshot(&mut self, source: &SourceTable, at: Duration) {
        self.stage = Stage::Replicating;
        self.columns.clone_from(&source.columns);
        // Of a reseed: what was processed before counts on.
        let before = self.metrics.map_or((0, 0), |metrics| (metrics.rows, metrics.bytes));
        let snapshot_bytes = source.bytes.checked_div(source.changes).unwrap_or(0).saturating_mul(source.rows);
        self.base = Base {
            rows: before.0 + source.rows,
            changes: source.changes,
            bytes: source.bytes,
            snapshot_bytes: before.1 + snapshot_bytes,
        };
        self.synchronise(source, at);
    }

    fn synchronise(&mut self, source: &SourceTable, at: Duration) {
        self.metrics = Some(Metrics {
            rows: self.base.rows + source.changes.saturating_sub(self.base.changes),
            bytes: self.base.snapshot_bytes + source.bytes.saturating_sub(self.base.bytes),
            last_sync: at,
        });
    }
}

impl Tables {
    pub fn iter(&self) -> impl Iterator<Item = (&TableName, &Table)> {
        self.0.iter()
    }

    /// The next moment at which a table gets further by itself.
    pub fn next_step(&self) -> Option<Duration> {
        self.0
            .values()
            .filter(|table| table.blocked.is_none())
            .filter_map(|table| match table.stage {
                Stage::Initialized { until } | Stage::Snapshotting { until } | Stage::Reseeding { until } => {
                    Some(until)
                }
                Stage::Replicating | Stage::Stopped => None,
            })
            .min()
    }

    /// Takes the steps that are due at `at`.
    pub fn progress(&mut self, at: Duration, setup: &Setup<'_>) {
        let due = |table: &Table| match table.stage {
            Stage::Initialized { until } | Stage::Snapshotting { until } | Stage::Reseeding { until } => until <= at,
            Stage::Replicating | Stage::Stopped => false,
        };
        if !self.0.values().any(due) {
            return;
        }
        let source = setup.source_tables();
        for (name, table) in &mut self.0 {
            if table.blocked.is_some() || !due(table) {
                continue;
            }
            let Some(found) = source.get(name) else {
                // Dropped since the last poll; the next one will tell.
                table.stage = Stage::Initialized { until: at + POLL };
                continue;
            };
            if let Stage::Initialized { until } = table.stage
                && until <= at
            {
                let snapshot = SNAPSHOT + Duration::from_secs(found.rows / ROWS_PER_SECOND);
                table.stage = Stage::Snapshotting { until: until + snapshot };
            }
            if let Stage::Snapshotting { until } | Stage::Reseeding { until } = table.stage
                && until <= at
            {
                table.take_snapshot(found, until);
            }
        }
    }

    /// Looks at the source: tables that came and went, changes, and what blocks.
    pub fn poll(&mut self, at: Duration, setup: &Setup<'_>, blocked: Option<Blocked>) {
        if let (Some(blocked), None) = (&blocked, setup.database()) {
            // There is nothing to look at: what was there stays, and says why it does not get on.
            self.0.values_mut().for_each(|table| table.look(at, None, Some(blocked.clone()), true));
            return;
        }
        let source = setup.source_tables();
        let wanted = setup.wanted_tables(&source);
        self.0.retain(|name, _| wanted.contains_key(name));
        for (name, verdict) in wanted {
            let found = source.get(&name);
            let object_id = found.map_or(0, |table| table.object_id);
            let table = self.0.entry(name).or_insert_with(|| Table::new(object_id, at));
            if found.is_some() && table.object_id != object_id {
                // Dropped and made anew: another table.
                *table = Table::new(object_id, at);
            }
            let blocked = match verdict {
                Verdict::Mirrored { warning } => {
                    table.warning = warning;
                    blocked.clone()
                }
                Verdict::Refused(reason) => Some(Blocked::Failed(reason)),
            };
            table.look(at, found, blocked, setup.rest.failed_tables_recover);
        }
    }

    pub fn stop(&mut self) {
        for table in self.0.values_mut() {
            table.stage = Stage::Stopped;
            table.blocked = None;
            table.warning = None;
        }
    }
}

impl Setup<'_> {
    fn source_tables(&self) -> BTreeMap<TableName, SourceTable> {
        let tables = self.database().map(|database| self.source.tables(&database)).unwrap_or_default();
        tables
            .into_iter()
            .map(|table| (TableName { schema: table.schema.clone(), name: table.name.clone() }, table))
            .collect()
    }

    /// What the mirror shows: under mirror-all the tables that can be mirrored, and the others as the scenario says
    /// ([`UnsupportedTables`]); of a list every table, with why it fails.
    fn wanted_tables(&self, source: &BTreeMap<TableName, SourceTable>) -> BTreeMap<TableName, Verdict> {
        let Some(listed) = &self.listed else {
            let mirrored = source.iter().map(|(name, table)| (name.clone(), eligibility(table)));
            return mirrored
                .filter(|(_, verdict)| {
                    matches!(verdict, Verdict::Mirrored { .. })
                        || self.rest.unsupported_tables == UnsupportedTables::Failed
                })
                .take(MOST_TABLES)
                .collect();
        };
        let verdict = |name: &TableName| match source.get(name) {
            Some(table) => eligibility(table),
            // fabric-api facts §1.7
            None => Verdict::Refused(ErrorBody::new("SourceTableNotFound", "The source table does not exist")),
        };
        listed.iter().map(|name| (name.clone(), verdict(name))).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// With what is lost.
    Mirrored {
        warning: Option<ErrorBody>,
    },
    Refused(ErrorBody),
}

/// The rules of sql-mi facts §5.2 that speak of tables and columns.
pub fn eligibility(table: &SourceTable) -> Verdict {
    let refuse = |reason: &str| {
        let text = format!("The table [{}].[{}] cannot be mirrored: {reason}.", table.schema, table.name);
        Verdict::Refused(ErrorBody::new("UnsupportedTable", text))
    };
    let whole_table = [
        (table.memory_optimized, "it is memory-optimized"),         // T1
        (table.temporal_history, "it is a temporal history table"), // T2
        (table.ledger_history, "it is a ledger history table"),     // T3
        (table.graph, "it is a graph table"),                       // T4
        (table.external, "it is an external table"),                // T5
        (table.columns.iter().any(|column| column.always_encrypted), "it has an Always Encrypted column"), // T6
        (table.clustered_columnstore, "it has a clustered columnstore index"), // T7
        (table.columns.iter().any(|column| column.base_type == "json"), "it has a json column"), // T8
    ];
    if let Some((_, reason)) = whole_table.into_iter().find(|(applies, _)| *applies) {
        return refuse(reason);
    }
    let in_key = |column: &&SourceColumn| table.key.contains(&column.name);
    if let Some(column) = table.columns.iter().filter(in_key).find(|column| bad_in_key(column)) {
        let kind = if table.has_primary_key { "primary key" } else { "clustered index" };
        return refuse(&format!("column '{}' of its {kind} is of an unsupported kind", column.name)); // T9
    }
    let dropped: Vec<&str> =
        table.columns.iter().filter(|column| is_dropped(column)).map(|column| column.name.as_str()).collect();
    let warning = (!dropped.is_empty()).then(|| {
        let text = format!("Columns that are not supported are not mirrored: {}.", dropped.join(", "));
        ErrorBody::new("UnsupportedColumns", text)
    });
    Verdict::Mirrored { warning }
}

/// T9, in the wording of January 2026.
fn bad_in_key(column: &SourceColumn) -> bool {
    column.computed
        || column.assembly_type
        || matches!(
            column.base_type.as_str(),
            "geometry" | "geography" | "hierarchyid" | "sql_variant" | "timestamp" | "rowversion"
        )
        || (column.scale == 7 && matches!(column.base_type.as_str(), "datetime2" | "datetimeoffset" | "time"))
}

/// T13 and T14; hierarchyid outside a key (T15) is undecided in the sources and counts as a CLR type here.
fn is_dropped(column: &SourceColumn) -> bool {
    column.computed
        || column.assembly_type
        || matches!(
            column.base_type.as_str(),
            "image"
                | "text"
                | "ntext"
                | "xml"
                | "timestamp"
                | "rowversion"
                | "sql_variant"
                | "geometry"
                | "geography"
                | "hierarchyid"
        )
}

/// As a list: a name in two parts cannot be a key of JSON.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::{Table, TableName};

    pub fn serialize<S: Serializer>(tables: &BTreeMap<TableName, Table>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(tables)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<TableName, Table>, D::Error> {
        Vec::<(TableName, Table)>::deserialize(deserializer).map(|tables| tables.into_iter().collect())
    }
}
