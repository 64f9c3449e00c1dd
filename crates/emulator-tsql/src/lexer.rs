//! Splits T-SQL into tokens without gaps, exactly as Microsoft's parser does.
//!
//! Tokens are slices of the text; nothing is unescaped here (see [`Token::name`] and [`Token::string`]). What does not
//! lex – an open comment, an open string – becomes one last [`Kind::Open`] token that reaches to the end.

/// What a token is. Two-sign operators that compare (`<=`, `!=`) are two tokens: T-SQL allows blanks between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Blank,
    /// `-- …`, without the line end.
    LineComment,
    /// `/* … */`, nested.
    BlockComment,
    /// `'…'`
    String,
    /// `N'…'`
    NationalString,
    /// `"…"`: identifier or string, by QUOTED_IDENTIFIER.
    Quoted,
    /// `[…]`
    Bracketed,
    /// `@x`, `@@x`
    Variable,
    /// `$action` and the like
    Pseudo,
    Integer,
    /// `1.5`, and integers beyond `int`
    Number,
    /// `1e3`
    Real,
    /// `0x…`
    Binary,
    /// `$1.5`, `£1`
    Money,
    /// Identifier or keyword.
    Word,
    /// `name:`
    Label,
    Sign,
    /// A string, name or comment that never ends.
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    /// Byte offsets into the text.
    pub start: usize,
    pub end: usize,
    /// Line of the first character, from 1.
    pub line: u32,
}

impl Token {
    pub fn text<'a>(&self, source: &'a str) -> &'a str {
        source.get(self.start..self.end).unwrap_or("")
    }

    /// Blanks and comments, which mean nothing to the grammar.
    pub fn is_trivia(&self) -> bool {
        matches!(self.kind, Kind::Blank | Kind::LineComment | Kind::BlockComment)
    }

    /// The name a [`Kind::Word`], [`Kind::Bracketed`] or [`Kind::Quoted`] token stands for.
    pub fn name(&self, source: &str) -> String {
        let text = self.text(source);
        match self.kind {
            Kind::Bracketed => inner(text, 1).replace("]]", "]"),
            Kind::Quoted => inner(text, 1).replace("\"\"", "\""),
            _ => text.to_owned(),
        }
    }

    /// The characters a string token stands for.
    pub fn string(&self, source: &str) -> String {
        let text = self.text(source);
        match self.kind {
            Kind::NationalString => inner(text, 2).replace("''", "'"),
            Kind::String => inner(text, 1).replace("''", "'"),
            Kind::Quoted => inner(text, 1).replace("\"\"", "\""),
            _ => text.to_owned(),
        }
    }
}

fn inner(text: &str, opening: usize) -> &str {
    text.get(opening..text.len().saturating_sub(1)).unwrap_or("")
}

/// All tokens of the text, blanks and comments included, without gaps.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { source, at: 0, line: 1 };
    let mut tokens = Vec::new();
    while lexer.at < source.len() {
        let (start, line) = (lexer.at, lexer.line);
        let kind = lexer.token();
        if lexer.at == start {
            lexer.step();
        }
        let text = &source[start..lexer.at];
        lexer.line += u32::try_from(text.bytes().filter(|b| *b == b'\n').count()).unwrap_or(0);
        tokens.push(Token { kind, start, end: lexer.at, line });
    }
    tokens
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: u32,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.source.get(self.at..).unwrap_or("")
    }
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }
    fn second(&self) -> Option<char> {
        self.rest().chars().nth(1)
    }
    fn step(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }
    fn take_while(&mut self, mut wanted: impl FnMut(char) -> bool) -> usize {
        let from = self.at;
        while self.peek().is_some_and(&mut wanted) {
            self.step();
        }
        self.at - from
    }
    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn token(&mut self) -> Kind {
        let Some(first) = self.peek() else { return Kind::Blank };
        match (first, self.second()) {
            ('\r' | '\n', _) => {
                if !self.eat("\r\n") {
                    self.step();
                }
                Kind::Blank
            }
            (c, _) if is_blank(c) => {
                self.take_while(|c| is_blank(c) && c != '\r' && c != '\n');
                Kind::Blank
            }
            ('-', Some('-')) => {
                self.take_while(|c| c != '\n' && c != '\r');
                Kind::LineComment
            }
            ('/', Some('*')) => self.block_comment(),
            ('\'', _) => self.delimited('\'', Kind::String),
            ('"', _) => self.delimited('"', Kind::Quoted),
            ('[', _) => self.delimited(']', Kind::Bracketed),
            ('N' | 'n', Some('\'')) => {
                self.step();
                self.delimited('\'', Kind::NationalString)
            }
            ('@', _) => {
                self.take_while(is_word_part);
                Kind::Variable
            }
            ('0', Some('x' | 'X')) => {
                self.at += 2;
                self.hexadecimal();
                Kind::Binary
            }
            (c, _) if c.is_ascii_digit() => self.number(),
            ('.', Some(c)) if c.is_ascii_digit() => self.number(),
            ('$', Some('(')) => self.sqlcmd_variable(),
            ('$', Some(c)) if is_word_start(c) && !is_currency(c) => {
                self.take_while(is_word_part);
                Kind::Pseudo
            }
            (c, _) if is_currency(c) => self.money(),
            (c, _) if is_word_start(c) => self.word(),
            _ => self.sign(),
        }
    }

    /// Digits, possibly continued over lines by a backslash.
    fn hexadecimal(&mut self) {
        loop {
            self.take_while(|c| c.is_ascii_hexdigit());
            if !(self.eat("\\\r\n") || self.eat("\\\n")) {
                return;
            }
        }
    }

    fn block_comment(&mut self) -> Kind {
        let mut depth = 0usize;
        while self.at < self.source.len() {
            if self.eat("/*") {
                depth += 1;
            } else if self.eat("*/") {
                depth -= 1;
                if depth == 0 {
                    return Kind::BlockComment;
                }
            } else {
                self.step();
            }
        }
        Kind::Open
    }

    /// From the opening sign to the closing one; a doubled closing sign stands for itself.
    fn delimited(&mut self, closing: char, kind: Kind) -> Kind {
        self.step();
        while let Some(c) = self.peek() {
            self.step();
            if c == closing {
                if self.peek() != Some(closing) {
                    return kind;
                }
                self.step();
            }
        }
        Kind::Open
    }

    fn number(&mut self) -> Kind {
        let start = self.at;
        self.take_while(|c| c.is_ascii_digit());
        let mut kind = Kind::Integer;
        if self.peek() == Some('.') {
            self.step();
            self.take_while(|c| c.is_ascii_digit());
            kind = Kind::Number;
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.step();
            if matches!(self.peek(), Some('+' | '-')) && self.second().is_some_and(|c| c.is_ascii_digit()) {
                self.step();
            }
            self.take_while(|c| c.is_ascii_digit());
            return Kind::Real;
        }
        let text = &self.source[start..self.at];
        if kind == Kind::Integer && text.parse::<i32>().is_err() { Kind::Number } else { kind }
    }

    /// `$(name)`, what sqlcmd would have replaced: an identifier.
    fn sqlcmd_variable(&mut self) -> Kind {
        match self.rest().find(')') {
            Some(end) if !self.rest()[..end].contains(['\n', '\'']) => {
                self.at += end + 1;
                self.take_while(is_word_part);
                Kind::Word
            }
            _ => self.money(),
        }
    }

    fn money(&mut self) -> Kind {
        self.step();
        let after_sign = self.at;
        self.take_while(|c| c == ' ' || c == '\t');
        if matches!(self.peek(), Some('+' | '-')) {
            self.step();
        }
        let digits = self.take_while(|c| c.is_ascii_digit());
        let mut fraction = 0;
        if self.peek() == Some('.') {
            self.step();
            fraction = 1 + self.take_while(|c| c.is_ascii_digit());
        }
        if digits + fraction == 0 {
            self.at = after_sign;
        }
        Kind::Money
    }

    fn word(&mut self) -> Kind {
        self.take_while(is_word_part);
        if self.peek() == Some(':') && self.second() != Some(':') {
            self.step();
            return Kind::Label;
        }
        Kind::Word
    }

    fn sign(&mut self) -> Kind {
        const LONG: [&str; 14] = ["||=", "||", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<", ">>", "::", "=*"];
        for sign in LONG {
            if self.eat(sign) {
                return Kind::Sign;
            }
        }
        self.step();
        Kind::Sign
    }
}

fn is_blank(c: char) -> bool {
    c <= ' ' || (!c.is_ascii() && c.is_whitespace()) || matches!(c, '\u{200b}' | '\u{feff}' | '\u{180e}' | '\u{7f}')
}

fn is_currency(c: char) -> bool {
    matches!(c, '$' | '¢' | '£' | '¤' | '¥' | '\u{9f2}' | '\u{9f3}' | '\u{e3f}' | '\u{20a0}'..='\u{20b1}')
}

fn is_word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == '#' || (!c.is_ascii() && !is_blank(c) && !is_currency(c))
}

fn is_word_part(c: char) -> bool {
    is_word_start(c) || c.is_ascii_digit() || matches!(c, '@' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(kind: Kind) -> char {
        match kind {
            Kind::Blank => 'w',
            Kind::LineComment => 'c',
            Kind::BlockComment => 'C',
            Kind::String => 's',
            Kind::NationalString => 'u',
            Kind::Quoted => 'q',
            Kind::Bracketed => 'b',
            Kind::Variable => 'v',
            Kind::Pseudo => 'd',
            Kind::Integer => 'i',
            Kind::Number => 'n',
            Kind::Real => 'r',
            Kind::Binary => 'x',
            Kind::Money => 'm',
            Kind::Word | Kind::Label => 'l',
            Kind::Sign => 'p',
            Kind::Open => '!',
        }
    }

    fn shape(source: &str) -> Vec<(char, usize)> {
        tokens(source).iter().map(|t| (letter(t.kind), t.text(source).encode_utf16().count())).collect()
    }

    #[test]
    fn tokens_equal_those_of_microsofts_parser() {
        let Some(rows) = crate::corpus::corpus("tokens.jsonl") else { return };
        let mut wrong = Vec::new();
        for row in &rows {
            let source = row["sql"].as_str().unwrap_or_default();
            let expected: Vec<(char, usize)> = expected_tokens(&row["tokens"]);
            let found = shape(source);
            if found != expected {
                let at =
                    found.iter().zip(&expected).position(|(f, e)| f != e).unwrap_or(found.len().min(expected.len()));
                wrong.push(format!("{} at {at}: {:?} not {:?}", row["file"], found.get(at), expected.get(at)));
            }
        }
        assert!(wrong.is_empty(), "{} of {}: {:#?}", wrong.len(), rows.len(), &wrong[..wrong.len().min(20)]);
    }

    fn expected_tokens(tokens: &serde_json::Value) -> Vec<(char, usize)> {
        let mut expected: Vec<(char, usize)> = Vec::new();
        for c in tokens.as_str().unwrap_or_default().chars() {
            match (c.to_digit(10), expected.last_mut()) {
                (Some(digit), Some(last)) => last.1 = last.1 * 10 + digit as usize,
                (None, _) if c.is_ascii_alphabetic() => expected.push((if c == 'k' { 'l' } else { c }, 0)),
                _ => {}
            }
        }
        expected
    }

    #[test]
    fn names_and_strings_are_unescaped() {
        let source = "[a]]b] N'it''s' \"x\"\"y\"";
        let all: Vec<Token> = tokens(source).into_iter().filter(|t| !t.is_trivia()).collect();
        assert_eq!(all[0].name(source), "a]b");
        assert_eq!(all[1].string(source), "it's");
        assert_eq!(all[2].name(source), "x\"y");
    }

    #[test]
    fn what_never_ends_is_one_open_token_and_nothing_panics() {
        for source in ["'a", "[a", "\"a", "/* /* */", "N'", "0x", "$", "1e", "@", "é'", "$(x", "😀[", "\\", ""] {
            let all = tokens(source);
            assert_eq!(all.iter().map(|t| t.text(source)).collect::<String>(), source);
        }
        assert_eq!(tokens("SELECT 'a").last().map(|t| t.kind), Some(Kind::Open));
    }
}
