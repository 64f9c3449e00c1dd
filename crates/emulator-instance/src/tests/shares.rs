//! How much of Microsoft's corpus is inside the subset, by kind of statement: the table of the emulator's document.

use std::collections::BTreeMap;

use super::corpus::{corpus, is_outside};
use super::{admin, instance, run};
use emulator_ground::engine::Outcome;
use emulator_tsql::parse_batch;
use emulator_tsql::parser::STACK;

const BEGIN: &str = "<!-- shares -->";
const END: &str = "<!-- /shares -->";

/// What the provider's statements are of: nearly all of these must be inside.
const CORE: &[&str] = &[
    "CreateLogin",
    "AlterLogin",
    "DropLogin",
    "CreateUser",
    "AlterUser",
    "DropUser",
    "CreateRole",
    "AlterRole",
    "DropRole",
    "CreateServerRole",
    "AlterServerRole",
    "DropServerRole",
    "Grant",
    "Deny",
    "Revoke",
    "AlterAuthorization",
    "ExecuteAs",
];

/// Kinds in the order of the table; each holds those whose names begin with it, and the first that fits counts.
const KINDS: &[(&str, &[&str])] = &[
    ("logins", &["CreateLogin", "AlterLogin", "DropLogin"]),
    ("users", &["CreateUser", "AlterUser", "DropUser"]),
    ("roles", &["CreateRole", "AlterRole", "DropRole", "CreateServerRole", "AlterServerRole", "DropServerRole"]),
    ("GRANT, DENY, REVOKE", &["Grant", "Deny", "Revoke"]),
    ("ALTER AUTHORIZATION", &["AlterAuthorization"]),
    ("EXECUTE AS", &["ExecuteAs"]),
    ("REVERT", &["Revert"]),
    ("schemas", &["CreateSchema", "DropSchema"]),
    ("CREATE TABLE", &["CreateTable"]),
    ("ALTER TABLE", &["AlterTable"]),
    ("DROP TABLE, TRUNCATE", &["DropTable", "Truncate"]),
    ("indexes", &["CreateIndex", "DropIndex", "CreateColumnStoreIndex"]),
    ("views", &["CreateView", "AlterView", "CreateOrAlterView", "DropView"]),
    ("security policies", &["CreateSecurityPolicy", "AlterSecurityPolicy", "DropSecurityPolicy"]),
    ("sensitivity classifications", &["AddSensitivity", "DropSensitivity"]),
    ("SELECT", &["Select"]),
    ("INSERT, UPDATE, DELETE, MERGE", &["Insert", "Update", "Delete", "Merge"]),
    ("SET", &["Set", "PredicateSet"]),
    ("DECLARE", &["Declare"]),
    ("EXECUTE", &["Execute"]),
    ("transactions", &["BeginTransaction", "CommitTransaction", "RollbackTransaction", "SaveTransaction"]),
    (
        "flow",
        &[
            "If",
            "While",
            "BeginEnd",
            "TryCatch",
            "Break",
            "Continue",
            "Return",
            "Print",
            "RaiseError",
            "Throw",
            "WaitFor",
        ],
    ),
    ("USE, KILL", &["Use", "Kill"]),
];

#[derive(Default)]
struct Share {
    texts: usize,
    inside: usize,
}

#[test]
fn shares_of_the_corpus_by_kind() {
    let Some(rows) = corpus("accepted.jsonl") else { return };
    let instance = instance();
    let mut shares: BTreeMap<String, Share> = BTreeMap::new();
    let mut left_out = Vec::new();
    for row in &rows {
        let (kind, sql) = (row["kind"].as_str().unwrap_or_default(), row["sql"].as_str().unwrap_or_default());
        let parse = || parse_batch(sql, false).is_ok_and(|statements| !is_outside(&statements));
        let parsed = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, parse).expect("a thread");
            thread.join().expect("no panic")
        });
        // What the grammar takes may still be more than the instance does.
        let waits = sql.to_ascii_lowercase().contains("waitfor");
        let inside = parsed && (waits || !run(&mut *admin(&instance, "Sales"), sql).iter().any(is_outside_message));
        let share = shares.entry(kind.to_owned()).or_default();
        share.texts += 1;
        share.inside += usize::from(inside);
        if !inside && CORE.iter().any(|core| kind.starts_with(core)) {
            left_out.push(sql);
        }
    }
    let core: Vec<&Share> =
        shares.iter().filter(|(kind, _)| CORE.iter().any(|core| kind.starts_with(core))).map(|(_, s)| s).collect();
    let (texts, inside) = core.iter().fold((0, 0), |(t, i), share| (t + share.texts, i + share.inside));
    assert!(inside * 100 >= texts * 95, "{inside} of {texts}: {left_out:#?}");
    for (name, prefixes) in KINDS.iter().take(6) {
        let (texts, inside) = sum(&shares, prefixes);
        assert!(inside * 100 >= texts * 95, "{name}: {inside} of {texts}: {left_out:#?}");
    }
    keep(&table(&shares));
}

fn is_outside_message(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Message(message) if message.number == super::super::errors::OUTSIDE)
}

fn sum(shares: &BTreeMap<String, Share>, prefixes: &[&str]) -> (usize, usize) {
    let of = shares.iter().filter(|(kind, _)| name_of(kind) == name_of(prefixes[0]));
    of.fold((0, 0), |(texts, inside), (_, share)| (texts + share.texts, inside + share.inside))
}

/// The row a kind counts in: the longest prefix wins.
fn name_of(kind: &str) -> &'static str {
    let fits = KINDS.iter().flat_map(|(name, prefixes)| prefixes.iter().map(move |prefix| (name, prefix)));
    let best = fits.filter(|(_, prefix)| kind.starts_with(**prefix)).max_by_key(|(_, prefix)| prefix.len());
    best.map_or("all others", |(name, _)| name)
}

fn table(shares: &BTreeMap<String, Share>) -> String {
    let mut text = "| statements | texts | inside the subset | share |\n|---|---|---|---|\n".to_owned();
    let mut all = (0, 0);
    for name in KINDS.iter().map(|(name, _)| *name).chain(["all others"]) {
        let of = shares.iter().filter(|(kind, _)| name_of(kind) == name);
        let (texts, inside) = of.fold((0, 0), |(t, i), (_, share)| (t + share.texts, i + share.inside));
        all = (all.0 + texts, all.1 + inside);
        text.push_str(&row(name, texts, inside));
    }
    text.push_str(&row("all", all.0, all.1));
    text
}

fn row(name: &str, texts: usize, inside: usize) -> String {
    let share = (inside * 100).checked_div(texts).map_or_else(|| "–".to_owned(), |share| format!("{share} %"));
    format!("| {name} | {texts} | {inside} | {share} |\n")
}

/// Compares the table with the document's; with `TSQL_SHARES=write` writes it there.
fn keep(table: &str) {
    let workspace = std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..");
    let path = workspace.join("docs/design/emulator.md");
    let document = std::fs::read_to_string(&path).expect("the emulator's document");
    let start = document.find(BEGIN).map(|at| at + BEGIN.len()).expect("the table's first marker");
    let end = document.find(END).expect("the table's last marker");
    let wanted = format!("\n{table}");
    if std::env::var("TSQL_SHARES").is_ok_and(|value| value == "write") {
        let new = format!("{}{wanted}{}", &document[..start], &document[end..]);
        std::fs::write(&path, new).expect("the document is written");
        return;
    }
    assert_eq!(&document[start..end], wanted, "TSQL_SHARES=write cargo test shares_of writes it anew");
}
