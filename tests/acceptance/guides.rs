//! The tables of the guides and the tests that show their rows hold together: none without the other.

use std::collections::BTreeSet;

use fabricmirror_tests::build::root;
use fabricmirror_tests::{Result, fail};
use libtest_mimic::Trial;

use crate::{Case, drift_rows, least_privilege};

/// A row of a guide, by its first column, and the cases that show it.
pub type Shown = (&'static str, &'static [&'static str]);

/// Checks that need neither CLI nor emulator.
pub fn trials(cases: &[Case]) -> Vec<Trial> {
    let names: BTreeSet<String> = cases.iter().map(|case| case.name.to_owned()).collect();
    let check = |name: &str, guide: &'static str, sections: &'static [&'static str], shown: Vec<Shown>| {
        let names = names.clone();
        Trial::test(name, move || tied(guide, sections, &shown, &names).map_err(|error| error.to_string().into()))
    };
    vec![
        check("every_row_of_the_guide_to_drift_is_shown", "drift", &["Drift"], drift_rows::shown()),
        check(
            "every_row_of_the_guide_to_least_privilege_is_shown",
            "least-privilege",
            &["On the instance", "In the database"],
            least_privilege::shown(),
        ),
    ]
}

fn tied(guide: &str, sections: &[&str], shown: &[Shown], cases: &BTreeSet<String>) -> Result<()> {
    let rows = rows(guide, sections)?;
    let carried: BTreeSet<String> = shown.iter().map(|(row, _)| (*row).to_owned()).collect();
    let missing: Vec<_> = rows.difference(&carried).collect();
    let unknown: Vec<_> = carried.difference(&rows).collect();
    if !missing.is_empty() || !unknown.is_empty() {
        fail!("docs/guides/{guide}.md: rows without a test: {missing:#?}; tests without a row: {unknown:#?}");
    }
    for (row, by) in shown {
        match by.iter().find(|name| !cases.contains(**name)) {
            Some(name) => fail!("{row}: there is no case {name}"),
            None if by.is_empty() => fail!("{row}: no case shows it"),
            None => {}
        }
    }
    Ok(())
}

/// The first column of each row under these headings. A row that begins with `…` goes on with the type of the one before.
fn rows(guide: &str, sections: &[&str]) -> Result<BTreeSet<String>> {
    let text = std::fs::read_to_string(root()?.join(format!("docs/guides/{guide}.md")))?;
    let (mut rows, mut section, mut of) = (BTreeSet::new(), "", String::new());
    let mut count = 0;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix('#') {
            section = heading.trim_start_matches('#').trim();
        }
        let Some(cells) = line.strip_prefix("| ").filter(|_| sections.contains(&section)) else { continue };
        let first = cells.split(" | ").next().unwrap_or_default();
        if ["somebody", "for"].contains(&first) {
            continue;
        }
        let row = match first.strip_prefix("… ") {
            Some(rest) => format!("{of}: {rest}"),
            None => first.to_owned(),
        };
        of = first.split(':').next().filter(|_| !first.starts_with('…')).unwrap_or(&of).to_owned();
        count += 1;
        rows.insert(row);
    }
    if count == 0 || count != rows.len() {
        fail!("docs/guides/{guide}.md: {count} rows, {} of them different", rows.len());
    }
    Ok(rows)
}
