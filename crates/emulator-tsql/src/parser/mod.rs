//! Recursive descent over the tokens: a batch is parsed whole before any of it runs, as the server does.
//!
//! What the grammar knows as T-SQL but the emulator does not emulate becomes [`StatementKind::Outside`] (or an
//! `Outside` inside an expression), so that the instance can refuse it in its own words instead of pretending.
//! Everything else that does not fit is a [`SyntaxError`] with the server's numbers 102, 105, 113, 156, 103.

mod alter_table;
mod batch;
mod calls;
mod classifications;
mod databases;
mod definitions;
mod expressions;
mod functions;
mod hints;
mod indexes;
mod keywords;
mod outside;
mod permissions;
mod principals;
mod queries;
mod rows;
mod security_policies;
mod session;
mod table_sources;
mod tables;
mod views;

use super::ast::{ObjectName, Statement, TypeName};
use super::lexer::{Kind, Token, tokens};

/// Deepest nesting of parentheses, blocks and subqueries; the server's own limit is error 191 as well.
///
/// A caller needs [`STACK`] bytes of stack for it in a build without optimisation.
const DEEPEST: usize = 64;

/// Stack that parsing and running the deepest text needs.
pub const STACK: usize = 32 << 20;
/// Most operators in one chain.
const LONGEST_CHAIN: usize = 400;

/// Why a text is not T-SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    pub number: i32,
    pub state: u8,
    pub text: String,
    pub line: u32,
}

type Parsed<T> = Result<T, SyntaxError>;

/// The statements of a batch.
///
/// # Errors
/// The first place that is not T-SQL.
pub fn parse_batch(text: &str, quoted_identifiers: bool) -> Parsed<Vec<Statement>> {
    let mut parser = Parser::new(text, quoted_identifiers)?;
    parser.batch()
}

struct Parser<'a> {
    source: &'a str,
    /// Without blanks and comments.
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    quoted_identifiers: bool,
    /// Within ALTER TABLE … ADD, where a default may be given to the rows that are there.
    adding: bool,
    /// Within WHERE of an index, whose columns are of its table, whatever stands before them.
    filtering: bool,
}

impl<'a> Parser<'a> {
    fn new(source: &'a str, quoted_identifiers: bool) -> Parsed<Self> {
        let tokens: Vec<Token> = tokens(source).into_iter().filter(|t| !t.is_trivia()).collect();
        if let Some(open) = tokens.last().filter(|t| t.kind == Kind::Open) {
            let text = open.text(source);
            let error = |number, text: String| SyntaxError { number, state: 1, text, line: open.line };
            return Err(if text.starts_with("/*") {
                error(113, "Missing end comment mark '*/'.".into())
            } else {
                let shown: String = text.trim_start_matches(['N', 'n']).chars().skip(1).take(128).collect();
                error(105, format!("Unclosed quotation mark after the character string '{shown}'."))
            });
        }
        for token in &tokens {
            let is_name = matches!(token.kind, Kind::Bracketed | Kind::Word)
                || (token.kind == Kind::Quoted && quoted_identifiers);
            let name = if is_name { token.name(source) } else { continue };
            if name.encode_utf16().count() > 128 {
                let start: String = name.chars().take(128).collect();
                let text = format!("The identifier that starts with '{start}' is too long. Maximum length is 128.");
                return Err(SyntaxError { number: 103, state: 4, text, line: token.line });
            }
            if name.is_empty() && token.kind != Kind::Word {
                let text = "An object or column name is missing or empty. For SELECT INTO statements, verify each \
                            column has a name. For other statements, look for empty alias names. Aliases defined as \
                            \"\" or [] are not allowed. Change the alias to a valid name.";
                return Err(SyntaxError { number: 1038, state: 4, text: text.into(), line: token.line });
            }
        }
        Ok(Self { source, tokens, at: 0, depth: 0, quoted_identifiers, adding: false, filtering: false })
    }

    // --- reading tokens ---

    fn token(&self, ahead: usize) -> Option<Token> {
        self.tokens.get(self.at + ahead).copied()
    }
    fn text(&self, ahead: usize) -> &'a str {
        self.token(ahead).map_or("", |t| t.text(self.source))
    }
    fn kind(&self) -> Option<Kind> {
        self.token(0).map(|t| t.kind)
    }
    fn line(&self) -> u32 {
        self.token(0).or_else(|| self.tokens.last().copied()).map_or(1, |t| t.line)
    }
    fn at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }
    fn advance(&mut self) {
        self.at += 1;
    }

    /// Whether the next tokens are these words (unquoted, in any case) or signs.
    fn sees(&self, words: &str) -> bool {
        words.split(' ').enumerate().all(|(ahead, word)| self.sees_at(ahead, word))
    }
    fn sees_at(&self, ahead: usize, word: &str) -> bool {
        self.token(ahead).is_some_and(|t| {
            matches!(t.kind, Kind::Word | Kind::Sign) && t.text(self.source).eq_ignore_ascii_case(word)
        })
    }
    fn eat(&mut self, words: &str) -> bool {
        let found = self.sees(words);
        if found {
            self.at += words.split(' ').count();
        }
        found
    }
    fn expect(&mut self, words: &str) -> Parsed<()> {
        for word in words.split(' ') {
            if !self.eat(word) {
                return Err(self.unexpected());
            }
        }
        Ok(())
    }
    /// Reads one of the words and returns it.
    fn one_of(&mut self, words: &[&'static str]) -> Option<&'static str> {
        let found = words.iter().copied().find(|word| self.sees_at(0, word))?;
        self.advance();
        Some(found)
    }

    /// An unquoted word that is reserved, in upper case.
    fn reserved(&self, ahead: usize) -> Option<String> {
        let token = self.token(ahead).filter(|t| t.kind == Kind::Word)?;
        let word = token.text(self.source).to_ascii_uppercase();
        keywords::is_reserved(&word).then_some(word)
    }

    fn sees_name(&self) -> bool {
        self.name_at(0)
    }
    fn name_at(&self, ahead: usize) -> bool {
        match self.token(ahead).map(|t| t.kind) {
            Some(Kind::Bracketed) => true,
            Some(Kind::Quoted) => self.quoted_identifiers,
            Some(Kind::Word) => self.reserved(ahead).is_none(),
            _ => false,
        }
    }
    /// An identifier: a word that is not reserved, or a quoted one.
    fn name(&mut self) -> Parsed<String> {
        if !self.sees_name() {
            return Err(self.unexpected());
        }
        let name = self.token(0).map(|t| t.name(self.source)).unwrap_or_default();
        self.advance();
        Ok(name)
    }
    fn names(&mut self) -> Parsed<Vec<String>> {
        self.list(Self::name)
    }
    /// `(name, …)`, or nothing.
    fn optional_names(&mut self) -> Parsed<Vec<String>> {
        if !self.eat("(") {
            return Ok(Vec::new());
        }
        let names = self.names()?;
        self.expect(")")?;
        Ok(names)
    }
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat(",") {
            items.push(item(self)?);
        }
        Ok(items)
    }
    fn in_parentheses<T>(&mut self, mut inside: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.expect("(")?;
        let found = inside(self)?;
        self.expect(")")?;
        Ok(found)
    }

    /// One to four parts with dots; parts before the last may be empty.
    fn object_name(&mut self) -> Parsed<ObjectName> {
        let mut parts: Vec<Option<String>> = Vec::new();
        loop {
            if self.sees(".") && parts.len() < 3 {
                self.advance();
                parts.push(None);
                continue;
            }
            parts.push(Some(self.name()?));
            if parts.len() == 4 || !self.eat(".") {
                break;
            }
        }
        let mut rest = parts.into_iter().rev();
        let name = rest.next().flatten().unwrap_or_default();
        let mut part = || rest.next().flatten();
        Ok(ObjectName { name, schema: part(), database: part(), server: part() })
    }

    /// The name of a table that is made, changed or dropped: on this server, so of three parts at most.
    fn table_name(&mut self) -> Parsed<ObjectName> {
        let start = self.at;
        let name = self.object_name()?;
        if self.dots_since(start) < 3 { Ok(name) } else { Err(self.unexpected_at(start + 1)) }
    }
    /// The name of a view or function that is made or dropped: in this database, else 166.
    fn module_name(&mut self, statement: &str) -> Parsed<ObjectName> {
        let (start, line) = (self.at, self.line());
        let name = self.object_name()?;
        if self.dots_since(start) < 2 {
            return Ok(name);
        }
        let text = format!("'{statement}' does not allow specifying the database name as a prefix to the object name.");
        Err(SyntaxError { number: 166, state: 1, text, line })
    }
    /// Of a column's name that begins at `start` and has just been read, every part may be empty but the table:
    /// `db.dbo..c` and `.c` are none (46016 of Microsoft's parser), while `..t.c` and the function `db..f()` are.
    fn check_table_part(&self, start: usize) -> Parsed<()> {
        let dot = |at: usize| self.tokens.get(at).is_some_and(|t| t.text(self.source) == ".");
        let Some(before) = self.at.checked_sub(2).filter(|at| *at >= start && dot(*at)) else { return Ok(()) };
        if before == start || dot(before - 1) { Err(self.unexpected_at(before)) } else { Ok(()) }
    }
    fn dots_since(&self, start: usize) -> usize {
        self.tokens[start..self.at].iter().filter(|t| t.text(self.source) == ".").count()
    }

    fn sees_string(&self) -> bool {
        match self.kind() {
            Some(Kind::String | Kind::NationalString) => true,
            Some(Kind::Quoted) => !self.quoted_identifiers,
            _ => false,
        }
    }
    fn string(&mut self) -> Parsed<String> {
        if !self.sees_string() {
            return Err(self.unexpected());
        }
        let text = self.token(0).map(|t| t.string(self.source)).unwrap_or_default();
        self.advance();
        Ok(text)
    }
    fn name_or_string(&mut self) -> Parsed<String> {
        if self.sees_string() { self.string() } else { self.name() }
    }
    fn integer(&mut self) -> Parsed<i64> {
        let negative = self.eat("-");
        let value =
            self.text(0).parse::<i64>().ok().filter(|_| matches!(self.kind(), Some(Kind::Integer | Kind::Number)));
        match value {
            Some(value) => {
                self.advance();
                Ok(if negative { -value } else { value })
            }
            None => Err(self.unexpected()),
        }
    }
    fn binary(&mut self) -> Parsed<Vec<u8>> {
        if self.kind() != Some(Kind::Binary) {
            return Err(self.unexpected());
        }
        let bytes = bytes_of(self.text(0));
        self.advance();
        Ok(bytes)
    }
    fn variable(&mut self) -> Parsed<String> {
        if self.kind() != Some(Kind::Variable) || self.text(0).starts_with("@@") {
            return Err(self.unexpected());
        }
        let name = self.text(0).to_owned();
        self.advance();
        Ok(name)
    }
    fn on_or_off(&mut self) -> Parsed<bool> {
        match self.one_of(&["ON", "OFF"]) {
            Some(word) => Ok(word == "ON"),
            None => Err(self.unexpected()),
        }
    }

    /// `nvarchar(100)`, `decimal(10, 2)`, `varbinary(max)`, `sys.sysname`, `double precision`, `national char varying(5)`
    fn type_name(&mut self) -> Parsed<TypeName> {
        let national = self.eat("NATIONAL");
        let mut name = if self.eat("DOUBLE") {
            self.expect("PRECISION")?;
            ObjectName::plain("float")
        } else {
            // `int`, `sys.int`; no part is empty.
            let first = self.name()?;
            match self.eat(".") {
                true => ObjectName { schema: Some(first), ..ObjectName::plain(self.name()?) },
                false => ObjectName::plain(first),
            }
        };
        let varying = self.eat("VARYING");
        if national || varying {
            let base = name.name.to_ascii_lowercase();
            let plain = match (base.as_str(), national, varying) {
                ("char" | "character", false, true) => "varchar",
                ("binary", false, true) => "varbinary",
                ("nchar" | "ncharacter", false, true) => "nvarchar",
                ("char" | "character", true, false) => "nchar",
                ("char" | "character", true, true) => "nvarchar",
                ("text", true, false) => "ntext",
                _ => return Err(self.unexpected()),
            };
            name = ObjectName::plain(plain);
        }
        let mut arguments = Vec::new();
        if name.name.eq_ignore_ascii_case("xml") && self.sees("(") && !self.sees("( MAX") {
            // Typed by a schema collection, which no database here has: shown by a size that xml does not have.
            self.advance();
            _ = self.one_of(&["CONTENT", "DOCUMENT"]);
            self.object_name()?;
            self.expect(")")?;
            return Ok(TypeName { name, arguments: vec![None] });
        }
        if self.eat("(") {
            arguments = self.list(|p| {
                if p.eat("MAX") {
                    return Ok(None);
                }
                let value = p.integer()?;
                u32::try_from(value).map(Some).map_err(|_| p.unexpected())
            })?;
            self.expect(")")?;
        }
        let fixed = matches!(name.name.to_ascii_lowercase().as_str(), "binary" | "char" | "character" | "nchar");
        if arguments.len() > 2 || (arguments.contains(&None) && (fixed || arguments.len() > 1)) {
            return Err(self.unexpected());
        }
        Ok(TypeName { name, arguments })
    }

    // --- errors ---

    /// 102 or 156 at the next token.
    fn unexpected(&self) -> SyntaxError {
        self.unexpected_at(self.at)
    }
    fn unexpected_at(&self, at: usize) -> SyntaxError {
        // At the end of the batch the server names the last token it read.
        let token = self.tokens.get(at).or_else(|| self.tokens.last());
        let Some(token) = token else {
            return SyntaxError { number: 102, state: 1, text: "Incorrect syntax near ''.".into(), line: 1 };
        };
        let text = token.text(self.source);
        let is_keyword = token.kind == Kind::Word && keywords::is_reserved(&text.to_ascii_uppercase());
        let (number, text) = match token.kind {
            _ if is_keyword => (156, format!("Incorrect syntax near the keyword '{text}'.")),
            Kind::String | Kind::NationalString => {
                (102, format!("Incorrect syntax near '{}'.", token.string(self.source)))
            }
            Kind::Bracketed | Kind::Quoted => (102, format!("Incorrect syntax near '{}'.", token.name(self.source))),
            _ => (102, format!("Incorrect syntax near '{text}'.")),
        };
        SyntaxError { number, state: 1, text, line: token.line }
    }
    fn too_deep(&self) -> SyntaxError {
        SyntaxError {
            number: 191,
            state: 1,
            text:
                "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into smaller \
                   queries."
                    .into(),
            line: self.line(),
        }
    }

    /// Runs `inside` one level deeper.
    fn deeper<T>(&mut self, inside: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEEPEST {
            return Err(self.too_deep());
        }
        self.depth += 1;
        let found = inside(self);
        self.depth -= 1;
        found
    }
}

/// Bytes of a `0x…` literal; an odd first digit stands alone, as on the server.
fn bytes_of(literal: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        literal.chars().skip(2).filter_map(|c| c.to_digit(16)).filter_map(|d| u8::try_from(d).ok()).collect();
    let padded: Vec<u8> = if digits.len() % 2 == 1 { std::iter::once(0).chain(digits).collect() } else { digits };
    padded.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[cfg(test)]
mod tests;
