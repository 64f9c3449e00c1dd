//! The tables of a mirror during a wait: which of them have to replicate, and whether they do.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use fabric_api::mirrored_databases::{MirroredTable, TableStatus};
use tfplugin::{Diagnostic, path};

use crate::resources::Replication;

/// A table of the source, compared as the source's usual collation does.
#[derive(Clone, Debug)]
pub struct Name {
    pub schema: String,
    pub name: String,
}

impl Name {
    pub fn new(schema: &str, name: &str) -> Self {
        Self { schema: schema.to_owned(), name: name.to_owned() }
    }

    pub(super) fn of(table: &MirroredTable) -> Self {
        Self {
            schema: table.source_schema_name.clone().unwrap_or_default(),
            name: table.source_table_name.clone().unwrap_or_default(),
        }
    }

    fn folded(&self) -> (String, String) {
        let fold = |text: &str| text.trim_end_matches(' ').to_lowercase();
        (fold(&self.schema), fold(&self.name))
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(&other.folded())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// Which tables have to replicate.
#[derive(Clone, Debug)]
pub enum Required {
    /// Exactly these, because they are listed.
    Listed(BTreeSet<Name>),
    /// These, as far as the service lists them: the rules that decide are the service's own in the end.
    Eligible(BTreeSet<Name>),
    /// Whatever the service lists: the source cannot be seen.
    Any,
}

/// A set of tables in which nothing changes any more is looked at this often before it is taken for settled.
const SETTLED: usize = 4;

/// What was seen so far.
#[derive(Debug, Default)]
pub struct Progress {
    names: BTreeSet<Name>,
    failed: BTreeSet<Name>,
    unchanged: usize,
}

/// What a look at the tables means for the wait.
#[derive(Debug)]
pub enum Verdict {
    Done {
        warning: Option<Diagnostic>,
    },
    Failed {
        summary: &'static str,
        text: String,
    },
    /// What is waited for, to be said should the wait end.
    Waits(String),
}

impl Progress {
    /// Judges a look at the tables of a mirror that runs.
    pub fn judge(&mut self, tables: &[MirroredTable], required: &Required, tolerant: bool) -> Verdict {
        let names: BTreeSet<Name> = tables.iter().map(Name::of).collect();
        let failed: BTreeSet<Name> =
            tables.iter().filter(|table| table.status == TableStatus::Failed).map(Name::of).collect();
        // Seen twice: what heals by itself, such as a role that is still spreading, is not worth an error.
        let lasting: BTreeSet<Name> = failed.intersection(&self.failed).cloned().collect();
        let is_same = !names.is_empty() && names == self.names;
        self.unchanged = if is_same { self.unchanged + 1 } else { 0 };
        (self.names, self.failed) = (names.clone(), failed);

        let wanted = match required {
            Required::Listed(wanted) | Required::Eligible(wanted) => wanted,
            Required::Any => &names,
        };
        let in_the_way: Vec<_> =
            tables.iter().filter(|it| lasting.contains(&Name::of(it)) && wanted.contains(&Name::of(it))).collect();
        if !in_the_way.is_empty() && !tolerant {
            let text = format!("These do not replicate:\n{}", describe(&in_the_way));
            return Verdict::Failed { summary: "Tables of the mirror fail", text };
        }
        let arrived = |name: &&Name| {
            let table = tables.iter().find(|table| Name::of(table) == **name);
            table.is_some_and(|it| it.status == TableStatus::Replicating) || (tolerant && lasting.contains(*name))
        };
        let missing: Vec<&Name> = wanted.iter().filter(|name| !arrived(name)).collect();
        let unlisted: Vec<&Name> = missing.iter().copied().filter(|name| !names.contains(*name)).collect();
        if missing.len() == unlisted.len() && is_same {
            if unlisted.is_empty() {
                return Verdict::Done { warning: failing(&in_the_way) };
            }
            if self.unchanged >= SETTLED {
                return unlisted_verdict(required, &unlisted, &in_the_way);
            }
        }
        Verdict::Waits(waiting(tables, &missing, wanted.len()))
    }
}

/// Everything that the service lists replicates, and it lists no more.
fn unlisted_verdict(required: &Required, unlisted: &[&Name], in_the_way: &[&MirroredTable]) -> Verdict {
    let list = unlisted.iter().map(|name| format!("- {name}")).collect::<Vec<_>>().join("\n");
    if let Required::Listed(_) = required {
        let text = format!(
            "The others replicate; these are in `tables`, and the service does not list them:\n{list}\n\nCheck that they are \
             in the source, under these names."
        );
        return Verdict::Failed { summary: "Listed tables are not mirrored", text };
    }
    let mut detail = format!(
        "The others are. By the rules that this provider knows these could be, too, but the service does not list them:\n{list}"
    );
    if !in_the_way.is_empty() {
        detail += &format!("\n\nThese fail:\n{}", describe(in_the_way));
    }
    let warning =
        Diagnostic::warning("Some tables are not mirrored", detail).at(path!(Replication: mirrored_database_id));
    Verdict::Done { warning: Some(warning) }
}

fn failing(tables: &[&MirroredTable]) -> Option<Diagnostic> {
    if tables.is_empty() {
        return None;
    }
    let text = format!("The rest replicates. These do not:\n{}", describe(tables));
    Some(Diagnostic::warning("Tables of the mirror fail", text).at(path!(Replication: on_table_error)))
}

/// Every table that is missing, with its status; and what it means when all of them are stuck alike.
fn waiting(tables: &[MirroredTable], missing: &[&Name], wanted: usize) -> String {
    if missing.is_empty() {
        return "the set of tables was not settled".to_owned();
    }
    let status = |name: &Name| tables.iter().find(|table| Name::of(table) == *name).map(|table| &table.status);
    let lines: Vec<String> = missing
        .iter()
        .map(|name| match status(name) {
            Some(status) => format!("- {name}: {status}"),
            None => format!("- {name}: not listed by the service"),
        })
        .collect();
    let mut text = format!("{} of {wanted} tables were not replicating:\n{}", missing.len(), lines.join("\n"));
    let is_stuck = |name: &&Name| matches!(status(name), Some(TableStatus::Snapshotting | TableStatus::Initialized));
    if missing.len() == wanted && missing.iter().all(is_stuck) {
        text += "\n\nAll of them are stuck in their first copy. The usual cause is the tenant setting \"Users can access data \
                 stored in OneLake with apps external to Fabric\": a Fabric administrator turns it on. Large tables take their \
                 time, too";
    }
    text
}

/// How far a mirror is, in a line: `12 of 14 tables replicating, 1 snapshotting, 1 failed: dbo.Orders`.
pub fn progress(tables: &[MirroredTable]) -> String {
    let count = |status: &TableStatus| tables.iter().filter(|table| table.status == *status).count();
    let mut statuses: Vec<&TableStatus> = tables.iter().map(|table| &table.status).collect();
    statuses.sort();
    statuses.dedup();
    let mut parts = vec![format!("{} of {} tables replicating", count(&TableStatus::Replicating), tables.len())];
    let others = statuses.into_iter().filter(|it| **it != TableStatus::Replicating && **it != TableStatus::Failed);
    parts.extend(others.map(|status| format!("{} {}", count(status), status.as_str().to_lowercase())));
    let failed: Vec<String> =
        tables.iter().filter(|it| it.status == TableStatus::Failed).map(|it| Name::of(it).to_string()).collect();
    if !failed.is_empty() {
        parts.push(format!("{} failed: {}", failed.len(), failed.join(", ")));
    }
    parts.join(", ")
}

/// One line a table.
pub fn describe(tables: &[&MirroredTable]) -> String {
    let line = |table: &&MirroredTable| {
        let why = table.error.as_ref().map_or_else(|| "no reason is given".to_owned(), |error| error.describe());
        format!("- {}: {why}", Name::of(table))
    };
    tables.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(rows: &[(&str, TableStatus)]) -> Vec<MirroredTable> {
        rows.iter()
            .map(|(name, status)| MirroredTable {
                source_schema_name: Some("dbo".into()),
                source_table_name: Some((*name).into()),
                source_object_type: None,
                status: status.clone(),
                metrics: None,
                error: None,
            })
            .collect()
    }

    fn names(names: &[&str]) -> BTreeSet<Name> {
        names.iter().map(|name| Name::new("DBO", name)).collect()
    }

    #[test]
    fn a_wait_is_over_when_everything_replicates_twice_in_the_same_set() {
        let both = tables(&[("A", TableStatus::Replicating), ("B", TableStatus::Replicating)]);
        for required in [Required::Any, Required::Eligible(names(&["a", "b"])), Required::Listed(names(&["a", "b"]))] {
            let mut progress = Progress::default();
            assert!(matches!(progress.judge(&both[..1], &required, false), Verdict::Waits(_)));
            assert!(matches!(progress.judge(&both, &required, false), Verdict::Waits(_)), "the set has changed");
            assert!(matches!(progress.judge(&both, &required, false), Verdict::Done { warning: None }));
        }
        let mut progress = Progress::default();
        for _ in 0..9 {
            assert!(matches!(progress.judge(&[], &Required::Any, false), Verdict::Waits(_)), "nothing is not enough");
        }
    }

    #[test]
    fn a_failure_counts_when_it_is_seen_twice() {
        let failed = tables(&[("A", TableStatus::Replicating), ("B", TableStatus::Failed)]);
        let mut progress = Progress::default();
        assert!(matches!(progress.judge(&failed, &Required::Any, false), Verdict::Waits(_)));
        let Verdict::Failed { text, .. } = progress.judge(&failed, &Required::Any, false) else { panic!("no failure") };
        assert!(text.contains("dbo.B") && !text.contains("dbo.A"), "{text}");
        let mut progress = Progress::default();
        progress.judge(&failed, &Required::Any, true);
        let Verdict::Done { warning: Some(warning) } = progress.judge(&failed, &Required::Any, true) else {
            panic!("tolerated tables end the wait with a warning");
        };
        assert!(warning.detail.contains("dbo.B"));
    }

    #[test]
    fn a_line_says_how_far_a_mirror_is() {
        use TableStatus as S;
        let rows =
            [("A", S::Replicating), ("B", S::Failed), ("C", S::Snapshotting), ("D", S::Replicating), ("E", S::Failed)];
        assert_eq!(progress(&tables(&rows)), "2 of 5 tables replicating, 1 snapshotting, 2 failed: dbo.B, dbo.E");
        assert_eq!(progress(&[]), "0 of 0 tables replicating");
    }

    #[test]
    fn what_the_service_does_not_list_ends_the_wait() {
        let one = tables(&[("A", TableStatus::Replicating)]);
        let wait = |required: &Required| {
            let mut progress = Progress::default();
            (0..20)
                .map(|_| progress.judge(&one, required, false))
                .find(|verdict| !matches!(verdict, Verdict::Waits(_)))
                .expect("the wait ends")
        };
        let Verdict::Done { warning: Some(warning) } = wait(&Required::Eligible(names(&["A", "Node"]))) else {
            panic!("an eligible table that is not listed is a warning");
        };
        assert!(warning.detail.contains("Node"));
        let Verdict::Failed { text, .. } = wait(&Required::Listed(names(&["A", "Mispelt"]))) else {
            panic!("a listed table that is not there is an error");
        };
        assert!(text.contains("Mispelt"));
    }

    #[test]
    fn whoever_waits_is_told_the_status_of_every_table_and_of_the_tenant_setting() {
        let stuck = tables(&[("A", TableStatus::Snapshotting), ("B", TableStatus::Snapshotting)]);
        let Verdict::Waits(text) = Progress::default().judge(&stuck, &Required::Any, false) else { panic!() };
        assert!(text.contains("dbo.A: Snapshotting") && text.contains("apps external to Fabric"), "{text}");
        let mixed = tables(&[("A", TableStatus::Snapshotting), ("B", TableStatus::Replicating)]);
        let Verdict::Waits(text) = Progress::default().judge(&mixed, &Required::Any, false) else { panic!() };
        assert!(!text.contains("apps external") && !text.contains("dbo.B"), "{text}");
    }
}
