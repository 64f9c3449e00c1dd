//! The conformance table of `docs/design/emulator.md` against the emulator: every row names where the fact comes from
//! and a test that is there, and nothing is answered that has no row.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::instance::offered;

/// The root of the clone that is tested. (The one it was built in may be another.)
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    Path::new(&package).join("../..").canonicalize().expect("the package is in the workspace")
}

/// Rust sources below a folder of the repository.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

fn document() -> String {
    std::fs::read_to_string(root().join("docs/design/emulator.md")).unwrap()
}

/// The cells of each row below the heading "Conformance", of the tables that end with source and test.
fn rows(document: &str) -> Vec<[String; 3]> {
    let section = document.split_once("\n## Conformance\n").expect("the section is there").1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let tables =
        section.split("\n\n").filter(|block| block.lines().next().is_some_and(|it| it.ends_with("| source | test |")));
    let cells = |line: &str| {
        let line = line
            .strip_prefix("| ")
            .and_then(|line| line.strip_suffix(" |"))
            .unwrap_or_else(|| panic!("no row: {line}"));
        let cells: Vec<String> = line.split(" | ").map(str::to_owned).collect();
        cells.try_into().unwrap_or_else(|cells| panic!("a row has three cells: {cells:?}"))
    };
    tables.flat_map(|table| table.lines().skip(2)).map(cells).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_row_names_its_source_and_a_test_that_exists() {
    let mut tests = sources("crates");
    tests.extend(sources("tests"));
    let exists = |test: &str| match test.split_once("::") {
        Some((module, function)) => tests.iter().any(|(path, text)| {
            let file = path.file_stem().is_some_and(|stem| stem == module);
            let folder = path.parent().and_then(Path::file_name).is_some_and(|folder| folder == module);
            // Tests of clients and scripts are told by their names.
            let there = text.contains(&format!("fn {function}(")) || text.contains(&format!("\"{function}\""));
            (file || folder) && there
        }),
        None => test.contains('/') && root().join(test).is_file(),
    };
    let rows = rows(&document());
    let mut wrong = Vec::new();
    for [behaviour, source, test] in &rows {
        if source.is_empty() {
            wrong.push(format!("{behaviour}: no source"));
        }
        if quoted(test).next().is_none() {
            wrong.push(format!("{behaviour}: no test"));
        }
        wrong.extend(quoted(test).filter(|test| !exists(test)).map(|test| format!("{behaviour}: no test {test}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(rows.len() > 100, "the table was not read: {} rows", rows.len());
}

/// The statements that the grammar knows, in their words.
fn statements() -> Vec<String> {
    let source = include_str!("tsql/ast/mod.rs");
    let kinds = source.split_once("pub enum StatementKind {\n").unwrap().1.split("\n}\n").next().unwrap();
    let variants = kinds.lines().filter_map(|line| {
        let line = line.strip_prefix("    ").filter(|line| line.starts_with(char::is_uppercase))?;
        line.split(|c: char| !c.is_alphanumeric()).next()
    });
    let words = |variant: &str| match variant {
        "Permission" => "GRANT".to_owned(),
        "Block" => "BEGIN … END".to_owned(),
        "Try" => "BEGIN TRY".to_owned(),
        "SetVariable" => "SET @variable".to_owned(),
        "Begin" => "BEGIN TRANSACTION".to_owned(),
        "Save" => "SAVE TRANSACTION".to_owned(),
        "ExecuteText" => "EXECUTE (text)".to_owned(),
        "ExecuteProcedure" => "EXECUTE".to_owned(),
        "Truncate" => "TRUNCATE TABLE".to_owned(),
        "WaitForDelay" => "WAITFOR DELAY".to_owned(),
        "RaisError" => "RAISERROR".to_owned(),
        other => {
            let spaced = other.char_indices().fold(String::new(), |mut text, (place, c)| {
                if place > 0 && c.is_uppercase() {
                    text.push(' ');
                }
                text.push(c);
                text
            });
            spaced.to_uppercase()
        }
    };
    variants.filter(|variant| !matches!(*variant, "Outside" | "Empty")).map(words).collect()
}

#[test]
fn nothing_is_offered_that_has_no_row() {
    let rows = rows(&document());
    let traced: BTreeSet<String> =
        rows.iter().flat_map(|[behaviour, ..]| quoted(behaviour)).map(str::to_lowercase).collect();
    let offered = offered().into_iter().chain(statements());
    let missing: Vec<String> = offered.filter(|name| !traced.contains(&name.to_lowercase())).collect();
    assert!(missing.is_empty(), "no row of the conformance table has {missing:#?}");
}

/// A choice that no source confirms is marked in the code, and its file stands in the lists of "Where sources are
/// silent".
#[test]
fn whatever_no_source_confirms_is_listed() {
    let document = document();
    let section = document.split_once("\n## Where sources are silent\n").expect("the section is there").1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let here = root().join("crates/emulator/src");
    let mut unlisted = Vec::new();
    for (path, text) in sources("crates/emulator/src") {
        let name = path.strip_prefix(&here).unwrap().display().to_string();
        if text.contains("UNCONFIRMED") && name != "conformance.rs" && !quoted(section).any(|place| place == name) {
            unlisted.push(name);
        }
    }
    assert!(unlisted.is_empty(), "marked, and not in the lists: {unlisted:#?}");
}
