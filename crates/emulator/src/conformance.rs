//! The conformance table of `docs/design/emulator.md` against the emulator: every row names where the fact comes from
//! and a test that is there, and nothing is answered that has no row.

use std::collections::{BTreeMap, BTreeSet};
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

/// A row of a table that ends with source and test.
struct Row(Vec<String>);

impl Row {
    fn behaviour(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
    fn source(&self) -> &str {
        self.0.iter().rev().nth(1).map_or("", String::as_str)
    }
    fn test(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }
    /// Of the table "Options": what words have become, in three cells.
    fn is_of_options(&self) -> bool {
        self.0.len() == 6
    }
}

/// Each row below the heading "Conformance", of the tables that end with source and test.
fn rows(document: &str) -> Vec<Row> {
    let section = document.split_once("\n## Conformance\n").expect("the section is there").1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let tables =
        section.split("\n\n").filter(|block| block.lines().next().is_some_and(|it| it.ends_with("| source | test |")));
    tables.flat_map(|table| table.lines().skip(2)).map(|line| Row(cells(line))).collect()
}

fn cells(line: &str) -> Vec<String> {
    let inside = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |"));
    let cells: Vec<String> =
        inside.unwrap_or_else(|| panic!("no row: {line}")).split(" | ").map(str::to_owned).collect();
    assert!(matches!(cells.len(), 3 | 6), "a row has three cells, or six: {cells:?}");
    cells
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
    for row in &rows {
        let (behaviour, source, test) = (row.behaviour(), row.source(), row.test());
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
    let source = include_str!("../../emulator-tsql/src/ast/mod.rs");
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
        "DeclareTable" => "DECLARE @table".to_owned(),
        "InsertVariable" => "INSERT INTO @table".to_owned(),
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
    let traced: BTreeSet<String> = rows
        .iter()
        .filter(|row| !row.is_of_options())
        .flat_map(|row| quoted(row.behaviour()))
        .map(str::to_lowercase)
        .collect();
    let offered = offered().into_iter().chain(statements());
    let missing: Vec<String> = offered.filter(|name| !traced.contains(&name.to_lowercase())).collect();
    assert!(missing.is_empty(), "no row of the conformance table has {missing:#?}");
}

/// Words in upper case of a text.
fn words(text: &str) -> impl Iterator<Item = String> {
    let word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '_' | '$');
    let named = |text: &&str| text.len() > 1 && text.starts_with(|c: char| c.is_ascii_uppercase() || c == '$');
    text.split(move |c| !word(c)).filter(named).map(str::to_owned)
}

/// The words that a part of the grammar reads: those of its texts that hold no other letters, as messages do.
fn words_read(source: &str) -> BTreeSet<String> {
    let lines = source.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    let code: String = lines.collect::<Vec<_>>().join("\n").replace("'\"'", "");
    let texts = code.split('"').skip(1).step_by(2);
    let read = texts.filter(|text| !text.chars().any(|c| c.is_lowercase() || c == '\\'));
    read.flat_map(words).collect()
}

/// The words that cells of the table "Options" name, between backticks. `@@OPTIONS` and names in lower case are none.
fn words_named(row: &Row) -> BTreeSet<String> {
    let cells = row.0.iter().take(4).flat_map(|cell| quoted(cell));
    let options = cells.filter(|text| !text.starts_with("@@") && !text.chars().any(char::is_lowercase));
    options.flat_map(words).collect()
}

/// A word of the grammar stands in a row of its file, or in the row of those that join; and no row has words that the
/// grammar of its files does not read.
#[test]
fn every_option_of_the_grammar_is_classified() {
    // What is recognised and refused as a whole, and which words are reserved, are lists of their own.
    let lists = ["tests.rs", "keywords.rs", "outside.rs"];
    let mut read: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in sources("crates/emulator-tsql/src/parser") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !lists.contains(&name.as_str()) {
            read.insert(name, words_read(&text));
        }
    }
    let rows: Vec<Row> = rows(&document()).into_iter().filter(Row::is_of_options).collect();
    let files =
        |row: &Row| quoted(row.behaviour()).filter(|it| it.ends_with(".rs")).map(str::to_owned).collect::<Vec<_>>();
    let (mut wrong, mut named) = (Vec::new(), BTreeMap::<&str, BTreeSet<String>>::new());
    for row in &rows {
        let words = words_named(row);
        let files = files(row);
        for name in read.keys().filter(|name| files.is_empty() || files.contains(name)) {
            named.entry(name).or_default().extend(words.iter().cloned());
        }
        let of: Vec<&BTreeSet<String>> =
            read.iter().filter(|(name, _)| files.is_empty() || files.contains(name)).map(|(_, words)| words).collect();
        wrong.extend(files.iter().filter(|name| !read.contains_key(*name)).map(|name| format!("no file {name}")));
        let stale = words.iter().filter(|word| !of.iter().any(|read| read.contains(*word)));
        wrong.extend(stale.map(|word| format!("{}: {word} is not read", row.behaviour())));
    }
    for (name, words) in &read {
        let known = named.get(name.as_str()).cloned().unwrap_or_default();
        wrong.extend(words.difference(&known).map(|word| format!("{name}: {word} is in no row")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(read.values().map(BTreeSet::len).sum::<usize>() > 500, "the grammar was not read");
}

/// A structure of the scenario: its keys, and the type of each.
type Keys = Vec<(String, String)>;

/// What files are read into: structures, and enumerations with their values.
fn read_into() -> (BTreeMap<String, Keys>, BTreeMap<String, Vec<String>>) {
    let (mut structures, mut enumerations) = (BTreeMap::new(), BTreeMap::new());
    let files = [
        include_str!("scenario.rs"),
        include_str!("../../emulator-fabric/src/tenant.rs"),
        include_str!("../../emulator-fabric/src/rest.rs"),
        include_str!("../../emulator-ground/src/world.rs"),
        include_str!("../../emulator-ground/src/answers.rs"),
        include_str!("../../emulator-fabric/src/entra/directory.rs"),
        include_str!("../../emulator-fabric/src/fabric/roles.rs"),
    ];
    for source in files {
        for item in source.split("\n#[derive(").skip(1).filter(|item| item.lines().next().unwrap().contains("erialize"))
        {
            let item = item.split("\n}").next().unwrap();
            let (head, body) = item.split_once(" {\n").unwrap();
            let mut head = head.rsplit(' ');
            let (name, kind) = (head.next().unwrap().to_owned(), head.next().unwrap());
            let mut renamed = None;
            let (mut keys, mut values) = (Vec::new(), Vec::new());
            for line in body.lines().map(str::trim) {
                if let Some((_, rest)) = line.split_once("rename = \"") {
                    renamed = rest.split('"').next();
                } else if let Some((key, of)) = line.strip_prefix("pub ").and_then(|line| line.split_once(": ")) {
                    keys.push((renamed.take().unwrap_or(key).to_owned(), of.trim_end_matches(',').to_owned()));
                } else if line.starts_with(char::is_uppercase) {
                    values.push(renamed.take().unwrap_or(line.trim_end_matches(',')).to_owned());
                }
            }
            match kind {
                "struct" => _ = structures.insert(name, keys),
                _ => _ = enumerations.insert(name, values),
            }
        }
    }
    (structures, enumerations)
}

/// Every key of scenario files stands in a table of the section "Scenario file", with each of its values where these are
/// an enumeration, and with its default where it is one of `world` or `rest`.
#[test]
fn every_key_of_scenarios_is_described() {
    let document = document();
    let section = document.split_once("\n## Scenario file\n").expect("the section is there").1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let lines: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    let has = |line: &str, word: &str| quoted(line).any(|quoted| quoted.trim_matches('"') == word);
    let (structures, enumerations) = read_into();
    // From the whole on, what its keys hold.
    let (mut reached, mut open) = (BTreeSet::new(), vec!["Scenario"]);
    let mut missing = Vec::new();
    let plain = ["String", "Uuid", "Vec", "Option", "BTreeMap"];
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            let types = structures[name].iter().flat_map(|(_, of)| of.split(|c: char| !c.is_alphanumeric()));
            for of in types.filter(|of| of.starts_with(char::is_uppercase) && !plain.contains(of)) {
                if structures.contains_key(of) {
                    open.push(of);
                } else if !enumerations.contains_key(of) {
                    missing.push(format!("{name}: the source of {of} is not read"));
                }
            }
        }
    }
    for name in &reached {
        for (key, of) in &structures[*name] {
            let values = enumerations.get(of).map_or(&[][..], Vec::as_slice);
            if !lines.iter().any(|line| has(line, key) && values.iter().all(|value| has(line, value))) {
                missing.push(format!("{name}.{key} {values:?}"));
            }
        }
    }
    let world = serde_json::to_value(crate::world::Facts::default()).unwrap();
    let rest = serde_json::to_value(crate::scenario::Rest::default()).unwrap();
    for (key, value) in [world, rest].iter().flat_map(|of| of.as_object().unwrap()) {
        let value = match value {
            serde_json::Value::Array(values) if values.is_empty() => "none".to_owned(),
            serde_json::Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        let described = lines.iter().filter(|line| line.starts_with(&format!("| `{key}` | ")));
        let default =
            |line: &&str| line.split(" | ").nth(1).is_some_and(|cell| words_of(cell).any(|word| word == value));
        if !described.clone().any(default) {
            missing.push(format!("{key} with its default {value}"));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(reached.len() > 10 && enumerations.len() > 10, "the structures were not read");
}

fn words_of(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(|c: char| !c.is_alphanumeric() && c != '-').filter(|word| !word.is_empty())
}

/// A choice that no source confirms is marked in the code, and its file stands in the lists of "Where sources are
/// silent".
#[test]
fn whatever_no_source_confirms_is_listed() {
    let document = document();
    let section = document.split_once("\n## Where sources are silent\n").expect("the section is there").1;
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut unlisted = Vec::new();
    for part in ["", "-ground", "-tds", "-tsql", "-instance", "-fabric"] {
        let here = format!("crates/emulator{part}/src");
        // As the document names them: the file in its crate, below the crate's own name where that is one part.
        let below = match part {
            "-tds" | "-tsql" | "-instance" => &part[1..],
            _ => "",
        };
        for (path, text) in sources(&here) {
            let name = Path::new(below).join(path.strip_prefix(root().join(&here)).unwrap()).display().to_string();
            if text.contains("UNCONFIRMED") && name != "conformance.rs" && !quoted(section).any(|place| place == name) {
                unlisted.push(name);
            }
        }
    }
    assert!(unlisted.is_empty(), "marked, and not in the lists: {unlisted:#?}");
}
