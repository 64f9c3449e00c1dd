//! No advice names something that does not exist: every text that the provider can say is read from its sources, and the
//! attributes, types, variables, T-SQL, commands and links in it are looked up.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use emulator_tsql::parse_batch;
use proc_macro2::{TokenStream, TokenTree};
use tfplugin::Description;
use tfplugin::schema::Attribute;

/// Sources whose strings users can read.
const SOURCES: [&str; 4] = ["src", "crates/mssql-admin/src", "crates/fabric-api/src", "crates/tfplugin/src"];
/// Not read: the wire and the CLI that tests play; nobody reads their words.
const NOT_READ: [&str; 5] = ["generated", "testing", "tests", "script.rs", "refusals.rs"];

/// Words of the CLIs' own language and of their command lines.
const CLI_WORDS: [&str; 15] = [
    "terraform init",
    "plugin",
    "import",
    "moved",
    "removed",
    "lifecycle",
    "create_before_destroy",
    "depends_on",
    "-replace=ADDRESS",
    "-target",
    "host",
    "host,port",
    "true",
    "false",
    "null",
];
/// Words of the services, as Microsoft spells them.
const SERVICE_WORDS: [&str; 16] = [
    "Basic",
    "ServicePrincipal",
    "Contributor",
    "AzureSqlMI",
    "PowerBI",
    "DataFactory",
    "master",
    "public",
    "dbo",
    "Running",
    "mirroring.json",
    "mountedTables",
    "is_change_feed_enabled",
    "is_data_lake_replication_enabled",
    "sys.databases",
    "permissions: id-token: write",
];
/// Commands of the Azure CLI (learn.microsoft.com: `az sql mi update`, `az fabric capacity resume`) and of OpenSSL.
const COMMANDS: [&str; 3] =
    ["az sql mi update --database-format AlwaysUpToDate", "az fabric capacity resume", "openssl pkcs8 -topk8 -in KEY"];
/// Examples inside a text, which name nothing.
const EXAMPLES: [&str; 10] = [
    ".pfx",
    "mi.public.ZONE.database.windows.net,3342",
    "mi.public.abc123.database.windows.net,3342",
    "60m",
    "1h30m",
    "0x",
    "%2F",
    "$(",
    "/",
    "00000000-0000-0000-0000-000000000000",
];
/// Hosts that a text may lead to, and what stands in the place of one.
const HOSTS: [&str; 11] = [
    "api.fabric.microsoft.com",
    "api.fabric.microsoft.us",
    "api.fabric.azure.cn",
    "database.windows.net",
    "database.usgovcloudapi.net",
    "database.chinacloudapi.cn",
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.chinacloudapi.cn",
    "learn.microsoft.com",
    "AzureADTokenExchange",
];

/// A string of the sources, and where it stands.
struct Said {
    text: String,
    place: String,
}

fn root() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs its tests"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if NOT_READ.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// Every string literal outside attributes and test modules.
fn strings(tokens: TokenStream, place: &str, found: &mut Vec<Said>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        // `#![…]` and `//!`: of the file or module itself.
        if let (TokenTree::Punct(hash), Some(TokenTree::Punct(inner)), Some(TokenTree::Group(_))) =
            (token, tokens.get(index + 1), tokens.get(index + 2))
            && (hash.as_char(), inner.as_char()) == ('#', '!')
        {
            index += 3;
            continue;
        }
        let next = tokens.get(index + 1);
        match (token, next) {
            (TokenTree::Punct(hash), Some(TokenTree::Group(attribute))) if hash.as_char() == '#' => {
                // `#[cfg(test)] mod …` goes with what it stands before.
                let is_test = attribute.stream().to_string().starts_with("cfg (test)")
                    || attribute.stream().to_string().starts_with("cfg(test)");
                index += 2;
                if is_test {
                    while let Some(token) = tokens.get(index) {
                        index += 1;
                        if matches!(token, TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::Brace)
                            || matches!(token, TokenTree::Punct(end) if end.as_char() == ';')
                        {
                            break;
                        }
                    }
                }
                continue;
            }
            (TokenTree::Group(group), _) => strings(group.stream(), place, found),
            (TokenTree::Literal(literal), _) => {
                if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    found.push(Said { text: text.value(), place: place.to_owned() });
                }
            }
            _ => {}
        }
        index += 1;
    }
}

fn texts() -> Vec<Said> {
    let mut files = Vec::new();
    for folder in SOURCES {
        sources(&root().join(folder), &mut files);
    }
    let mut found = Vec::new();
    for file in files {
        let source = std::fs::read_to_string(&file).expect("a source file");
        let place = file.strip_prefix(root()).unwrap_or(&file).display().to_string();
        strings(source.parse().expect("Rust"), &place, &mut found);
    }
    found
}

/// What exists: paths of attributes, of whichever type, and their last parts.
struct Known {
    types: BTreeSet<String>,
    attributes: BTreeSet<String>,
    functions: BTreeSet<String>,
}

impl Known {
    fn of(description: &Description) -> Self {
        let mut known = Self { types: BTreeSet::new(), attributes: BTreeSet::new(), functions: BTreeSet::new() };
        known.add("", &description.attributes);
        for described in &description.types {
            known.types.insert(format!("{}_{}", description.name, described.name));
            known.add("", &described.attributes);
        }
        known.functions.extend(description.functions.iter().map(|function| function.name.to_owned()));
        known
    }

    fn add(&mut self, parent: &str, attributes: &[Attribute]) {
        for attribute in attributes {
            let path =
                if parent.is_empty() { attribute.name.to_owned() } else { format!("{parent}.{}", attribute.name) };
            self.attributes.insert(attribute.name.to_owned());
            if let Some((_, nested)) = attribute.ty.nested() {
                self.add(&path, nested);
            }
            self.attributes.insert(path);
        }
    }

    /// Whether a word in backticks names something.
    fn names(&self, word: &str) -> bool {
        // The name of what is set: `sql = { … }`, `lift_denies = true`.
        let name = word.split([' ', '=']).next().unwrap_or(word);
        if self.attributes.contains(name) && (name == word || word[name.len()..].trim_start().starts_with('=')) {
            return true;
        }
        // A reference: `fabricmirror_database_grants.….principal`, as a value too.
        let reference = word.rsplit(' ').next().unwrap_or(word);
        if let Some((type_name, attribute)) = reference.split_once(".….") {
            return self.types.contains(type_name) && self.attributes.contains(attribute);
        }
        self.types.contains(word)
            || self.functions.contains(word)
            || CLI_WORDS.contains(&name)
            || CLI_WORDS.contains(&word)
            || SERVICE_WORDS.contains(&word)
            || COMMANDS.contains(&word)
            || EXAMPLES.contains(&word)
            || word.starts_with("-----BEGIN CERTIFICATE")
            || word.starts_with("-----END CERTIFICATE")
    }
}

/// What stands in backticks, without what is filled in at run time.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|word| !word.contains('{') || word.contains("{ "))
}

/// A text for users: a sentence, not a name or a format.
fn is_prose(text: &str) -> bool {
    text.contains(' ') && !text.trim_start().starts_with("SELECT") && !text.trim_start().starts_with("SET ")
}

fn report(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} texts name what does not exist:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_attribute_type_and_command_in_a_text_exists() {
    let known = Known::of(&fabricmirror::provider().describe());
    let texts = texts();
    let words: Vec<(&str, &Said)> = texts
        .iter()
        .filter(|said| is_prose(&said.text))
        .flat_map(|said| quoted(&said.text).map(move |word| (word, said)))
        .collect();
    assert!(words.len() > 60, "only {} words were found: the search is broken", words.len());
    let is_permission = |word: &str| word.chars().all(|letter| letter.is_ascii_uppercase() || letter == ' ');
    let wrong: Vec<String> = words
        .iter()
        .filter(|(word, _)| !known.names(word) && !is_permission(word))
        .map(|(word, said)| format!("{}: `{word}` in {:?}", said.place, said.text))
        .collect();
    report(&wrong);
}

#[test]
fn every_type_of_the_provider_in_a_text_exists() {
    let known = Known::of(&fabricmirror::provider().describe());
    let mut wrong = Vec::new();
    for said in texts() {
        for (start, _) in said.text.match_indices("fabricmirror_") {
            let rest = &said.text[start..];
            let end = rest.find(|letter: char| !(letter.is_ascii_lowercase() || letter == '_')).unwrap_or(rest.len());
            // `fabricmirror_{type_name}`: filled in.
            if !known.types.contains(&rest[..end]) && rest[..end] != *"fabricmirror_" {
                wrong.push(format!("{}: {}", said.place, &rest[..end]));
            }
        }
    }
    report(&wrong);
}

#[test]
fn every_variable_of_the_environment_in_a_text_is_read() {
    let texts = texts();
    let is_name = |text: &str| text.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_');
    let read: BTreeSet<&str> = texts
        .iter()
        .filter(|said| ["src/provider.rs", "src/operator.rs"].contains(&&*said.place) && is_name(&said.text))
        .map(|said| said.text.as_str())
        .collect();
    assert!(read.contains("FABRIC_CLIENT_SECRET"), "{read:?}");
    let mut wrong = Vec::new();
    for said in texts.iter().filter(|said| is_prose(&said.text)) {
        for word in said.text.split(|letter: char| !(letter.is_ascii_uppercase() || letter == '_')) {
            if ["FABRIC_", "FABRICMIRROR_"].iter().any(|prefix| word.starts_with(prefix)) && !read.contains(word) {
                wrong.push(format!("{}: {word}", said.place));
            }
        }
    }
    report(&wrong);
}

#[test]
fn every_statement_in_a_text_is_t_sql() {
    const VERBS: [&str; 8] = ["GRANT ", "REVOKE ", "DENY ", "ALTER ", "CREATE ", "DROP ", "EXEC ", "KILL "];
    let mut wrong = Vec::new();
    let mut checked = 0;
    for said in texts() {
        // A statement begins with its verb, after nothing or after a colon or blank line, and ends with a semicolon.
        for verb in VERBS {
            for (start, _) in said.text.match_indices(verb) {
                let before = said.text[..start].trim_end_matches(' ');
                let begins = before.is_empty() || before.ends_with([':', '\n', ';', '.']);
                let Some(length) = said.text[start..].find(';').filter(|_| begins) else { continue };
                // Holes are filled with names, literals or permissions; one right behind another may be empty.
                let statement = said.text[start..=start + length]
                    .replace("{}{}", "{}")
                    .replace(" CASCADE{}", " CASCADE")
                    .replace("GRANT {}", "GRANT SELECT");
                let statement = ["REVOKE {}", "DENY {}", "OPTION FOR {}"]
                    .iter()
                    .fold(statement, |text, words| text.replace(words, &words.replace("{}", "SELECT")));
                let statement = statement
                    .replace("PASSWORD = {}", "PASSWORD = N'x'")
                    .replace("SID = {}", "SID = 0x00")
                    .replace("KILL {}", "KILL 55")
                    .replace("{right}", "VIEW DEFINITION")
                    .replace("{}", "[x]");
                checked += 1;
                if let Err(error) = parse_batch(&statement, true) {
                    wrong.push(format!("{}: {statement}: {error:?}", said.place));
                }
            }
        }
    }
    assert!(checked > 20, "only {checked} statements were found: the search is broken");
    report(&wrong);
}

#[test]
fn every_link_in_a_text_leads_to_a_host_that_is_meant() {
    let mut wrong = Vec::new();
    for said in texts() {
        for (start, _) in said.text.match_indices("://") {
            let rest = &said.text[start + 3..];
            let end = rest.find(|letter: char| !(letter.is_ascii_alphanumeric() || ".-".contains(letter)));
            let host = &rest[..end.unwrap_or(rest.len())];
            if !host.is_empty() && !HOSTS.contains(&host) {
                wrong.push(format!("{}: {host}", said.place));
            }
        }
    }
    report(&wrong);
}

/// Where an error belongs is a list of attributes of which a model has the first that it has: each has to be one of some
/// model.
#[test]
fn every_place_of_an_error_is_an_attribute_of_some_model() {
    let known = Known::of(&fabricmirror::provider().describe());
    let source = std::fs::read_to_string(root().join("src/error.rs")).expect("src/error.rs");
    let mut wrong = Vec::new();
    let mut checked = 0;
    for list in source.split("&[\"").skip(1) {
        let list = list.split(']').next().unwrap_or_default();
        for name in list.split('"').filter(|part| !part.is_empty() && !part.starts_with(',')) {
            checked += 1;
            if !known.attributes.contains(name) {
                wrong.push(format!("src/error.rs: {name}"));
            }
        }
    }
    assert!(checked > 20, "only {checked} places were found: the search is broken");
    report(&wrong);
}
