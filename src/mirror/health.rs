//! Whether a mirror does what was asked of it.

use fabric_api::mirrored_databases::{MirroredTable, Mirroring, MirroringStatus, TableStatus};

use super::tables::describe;

/// What `wait_for` and `on_table_error` ask of a mirror that is to run: from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asks {
    Nothing,
    /// The mirror runs.
    Running,
    /// Every required table replicates or fails, of which there is a warning.
    MostlyReplicating,
    /// Every required table replicates.
    Replicating,
}

impl Asks {
    /// Tables are waited for.
    pub fn tables(self) -> bool {
        matches!(self, Self::Replicating | Self::MostlyReplicating)
    }

    pub fn tolerates_tables(self) -> bool {
        self == Self::MostlyReplicating
    }
}

/// Whether the tables have a say in what is wrong.
pub fn judges_tables(mirroring: &Mirroring, asks: Asks) -> bool {
    mirroring.status == MirroringStatus::Running && !matches!(asks, Asks::MostlyReplicating | Asks::Running)
}

/// What is wrong with a mirror that is to run, as far as something is asked of it. One that starts, copies or rests is
/// not in trouble for that: its `state` says it.
pub fn trouble(mirroring: &Mirroring, tables: &[MirroredTable], asks: Asks) -> Option<String> {
    if let Some(error) = &mirroring.error {
        return Some(format!("Its status is {}, and it says: {}", mirroring.status, error.describe()));
    }
    if !judges_tables(mirroring, asks) {
        return None;
    }
    let failing: Vec<_> = tables.iter().filter(|table| table.status == TableStatus::Failed).collect();
    if failing.is_empty() { None } else { Some(format!("Tables of it fail:\n{}", describe(&failing))) }
}

#[cfg(test)]
mod tests {
    use fabric_api::ErrorBody;

    use super::*;

    #[test]
    fn trouble_is_what_was_asked_for_and_is_not_there() {
        let failed = || {
            vec![MirroredTable {
                source_schema_name: Some("dbo".into()),
                source_table_name: Some("T".into()),
                source_object_type: None,
                status: TableStatus::Failed,
                metrics: None,
                error: None,
            }]
        };
        let error = || Some(ErrorBody { message: "No.".into(), ..Default::default() });
        for (status, error, tables, asks, is_in_trouble) in [
            ("Running", None, vec![], Asks::Replicating, false),
            ("Running", None, failed(), Asks::Replicating, true),
            ("Running", None, failed(), Asks::MostlyReplicating, false),
            ("Running", None, failed(), Asks::Running, false),
            ("Running", None, failed(), Asks::Nothing, true),
            ("Running", error(), vec![], Asks::Running, true),
            ("Running", error(), vec![], Asks::MostlyReplicating, true),
            ("Stopped", error(), vec![], Asks::Replicating, true),
            ("Stopped", None, failed(), Asks::Replicating, false),
            ("Starting", None, failed(), Asks::Replicating, false),
            // What to do then is a warning, and no difference (sql-mi facts §4.6).
            ("Paused", None, failed(), Asks::Replicating, false),
        ] {
            let mirroring = Mirroring { status: status.into(), error };
            assert_eq!(trouble(&mirroring, &tables, asks).is_some(), is_in_trouble, "{mirroring:?} {asks:?}");
        }
    }
}
