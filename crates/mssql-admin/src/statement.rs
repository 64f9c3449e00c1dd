//! T-SQL text, and the only ways into it: fixed words, identifiers, literals.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

/// Limit of `sysname`, in UTF-16 units.
const SYSNAME: usize = 128;

/// A name of something on the server: 1 to 128 UTF-16 units, without U+0000. Written in brackets.
///
/// Names are equal as they are for an instance's usual collation, see [`same_name`]; the spelling is kept.
#[derive(Clone, Debug)]
pub struct Identifier(String);

/// Whether two names are one under `SQL_Latin1_General_CP1_CI_AS`, an instance's usual collation: case and trailing
/// blanks do not count. Where a server compares otherwise, the server itself has the last word in every statement.
pub fn same_name(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

fn folded(name: &str) -> String {
    name.trim_end_matches(' ').to_lowercase()
}

impl PartialEq for Identifier {
    fn eq(&self, other: &Self) -> bool {
        same_name(&self.0, &other.0)
    }
}

impl Eq for Identifier {}

impl PartialOrd for Identifier {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Identifier {
    fn cmp(&self, other: &Self) -> Ordering {
        folded(&self.0).cmp(&folded(&other.0))
    }
}

impl Hash for Identifier {
    fn hash<H: Hasher>(&self, state: &mut H) {
        folded(&self.0).hash(state);
    }
}

/// A text that cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoIdentifier {
    #[error("the name is empty")]
    Empty,
    #[error("the name has {0} UTF-16 units; a name has at most 128")]
    TooLong(usize),
    #[error("the name holds the character U+0000, which no name can")]
    Nul,
}

impl FromStr for Identifier {
    type Err = NoIdentifier;
    fn from_str(name: &str) -> Result<Self, NoIdentifier> {
        match name.encode_utf16().count() {
            0 => Err(NoIdentifier::Empty),
            length if length > SYSNAME => Err(NoIdentifier::TooLong(length)),
            _ if name.contains('\0') => Err(NoIdentifier::Nul),
            _ => Ok(Self(name.to_owned())),
        }
    }
}

impl Identifier {
    /// As it is spelled.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Spelled exactly so.
    pub fn is_exactly(&self, name: &str) -> bool {
        self.0 == name
    }

    /// Spelled so, but for what the usual collation passes over.
    pub fn is(&self, name: &str) -> bool {
        same_name(&self.0, name)
    }
}

/// The first that is called exactly so, else the first whose name is the same for the usual collation.
pub(crate) fn named<'a, T>(
    name: &str,
    items: &'a [T],
    of: impl Fn(&T) -> &str,
    fits: impl Fn(&T) -> bool,
) -> Option<&'a T> {
    let mut fitting = items.iter().filter(|item| fits(item));
    let exact = fitting.clone().find(|item| of(item) == name);
    exact.or_else(|| fitting.find(|item| same_name(of(item), name)))
}

/// The name as it is. In a statement it is bracketed.
impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What can fill a hole of a statement.
pub trait Part: Send + Sync {
    fn write(&self, statement: &mut String);
}

impl Part for Identifier {
    fn write(&self, statement: &mut String) {
        let _ = write!(statement, "[{}]", self.0.replace(']', "]]"));
    }
}

/// A text constant.
#[derive(Clone, Copy, Debug)]
pub struct Literal<'a>(pub &'a str);

impl Part for Literal<'_> {
    fn write(&self, statement: &mut String) {
        let _ = write!(statement, "N'{}'", self.0.replace('\'', "''"));
    }
}

/// A whole number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(pub i64);

impl Part for Number {
    fn write(&self, statement: &mut String) {
        let _ = write!(statement, "{}", self.0);
    }
}

/// A text constant that is a secret.
#[derive(Clone, Copy, Debug)]
pub struct SecretLiteral<'a>(pub &'a SecretString);

impl Part for SecretLiteral<'_> {
    fn write(&self, statement: &mut String) {
        Literal(self.0.expose_secret()).write(statement);
    }
}

/// Statements of one batch. What they say is shown to nobody: they may hold a password.
#[derive(Default)]
pub struct Statement(String);

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Statement(…)")
    }
}

impl Statement {
    /// `words` with each `{}` filled by a part. The words are fixed: nothing of a user is in them.
    ///
    /// # Panics
    /// When there are more or fewer holes than parts: a defect of the caller that its tests find.
    pub fn new(words: &'static str, parts: &[&dyn Part]) -> Self {
        let mut statement = Self::default();
        statement.add(words, parts);
        statement
    }

    /// Another statement of the same batch.
    pub fn add(&mut self, words: &'static str, parts: &[&dyn Part]) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        let mut between = words.split("{}");
        self.0.push_str(between.next().unwrap_or_default());
        assert_eq!(words.matches("{}").count(), parts.len(), "holes and parts of `{words}`");
        for (part, words) in parts.iter().zip(between) {
            part.write(&mut self.0);
            self.0.push_str(words);
        }
    }

    /// The statements of another batch after these.
    pub(crate) fn append(&mut self, other: &Self) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(&other.0);
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bracketed(name: &str) -> String {
        let mut text = String::new();
        name.parse::<Identifier>().unwrap().write(&mut text);
        text
    }

    #[test]
    fn no_name_leaves_its_brackets() {
        for (name, expected) in [
            ("a]b", "[a]]b]"),
            ("]]", "[]]]]]"),
            ("[x]", "[[x]]]"),
            ("]; DROP LOGIN [sa]--", "[]]; DROP LOGIN [sa]]--]"),
            ("o'brien", "[o'brien]"),
            ("\"quoted\"", "[\"quoted\"]"),
            ("name with space", "[name with space]"),
            ("имя", "[имя]"),
            ("##MS_ServerStateReader##", "[##MS_ServerStateReader##]"),
        ] {
            assert_eq!(bracketed(name), expected);
        }
        assert_eq!(bracketed(&"]".repeat(128)).len(), 258, "the limit is that of the name, not of its spelling");
    }

    #[test]
    fn a_name_is_equal_for_us_when_it_is_for_the_server() {
        let name = |name: &str| name.parse::<Identifier>().unwrap();
        for (one, other, same) in [
            ("Sales", "sales", true),
            ("sales", "sales  ", true),
            ("ИМЯ", "имя", true),
            ("sales", " sales", false),
            ("r\u{e9}sum\u{e9}", "resume", false),
            ("a", "b", false),
        ] {
            assert_eq!(name(one) == name(other), same, "{one} {other}");
            assert_eq!(name(one).cmp(&name(other)).is_eq(), same, "{one} {other}");
            let set = std::collections::HashSet::from([name(one), name(other)]);
            assert_eq!(set.len() == 1, same, "{one} {other}");
            assert_eq!(name(one).is(other), same);
        }
        assert!(name("Sales").is_exactly("Sales") && !name("Sales").is_exactly("sales"));
        assert_eq!(name("Sales ").as_str(), "Sales ", "the spelling is kept");
    }

    #[test]
    fn the_exact_name_comes_first() {
        let names = ["SALES", "sales", "other"];
        let find = |name: &str| named(name, &names, |it| it, |_| true).copied();
        assert_eq!(find("sales"), Some("sales"));
        assert_eq!(find("Sales"), Some("SALES"));
        assert_eq!(find("nobody"), None);
        assert_eq!(named("sales", &names, |it| it, |it| *it != "sales"), Some(&"SALES"));
    }

    #[test]
    fn a_name_is_measured_in_utf_16() {
        assert!("😀".repeat(64).parse::<Identifier>().is_ok());
        assert_eq!("😀".repeat(65).parse::<Identifier>(), Err(NoIdentifier::TooLong(130)));
        assert!("a".repeat(128).parse::<Identifier>().is_ok());
        assert_eq!("a".repeat(129).parse::<Identifier>(), Err(NoIdentifier::TooLong(129)));
        assert_eq!("".parse::<Identifier>(), Err(NoIdentifier::Empty));
        assert_eq!("a\0".parse::<Identifier>(), Err(NoIdentifier::Nul));
    }

    #[test]
    fn no_text_leaves_its_quotes() {
        let statement = Statement::new("SELECT {}, {}", &[&Literal("'';--"), &Literal("p'a''s]s\"")]);
        assert_eq!(statement.text(), "SELECT N''''';--', N'p''a''''s]s\"'");
    }

    #[test]
    fn a_part_is_not_read_for_holes() {
        let statement = Statement::new("SELECT {}, {}", &[&Literal("{}"), &Literal("x")]);
        assert_eq!(statement.text(), "SELECT N'{}', N'x'");
    }

    #[test]
    fn nothing_shows_a_statement() {
        let password = SecretString::from("hunter2hunter2");
        let statement = Statement::new("ALTER LOGIN [x] WITH PASSWORD = {};", &[&SecretLiteral(&password)]);
        assert!(statement.text().contains("N'hunter2hunter2'"));
        assert!(!format!("{statement:?}").contains("hunter2"));
    }
}
