//! Takes secrets out of T-SQL before it is written down.
//!
//! Reads tokens, not sentences: a secret is whatever literal follows one of the words that introduce secrets, however
//! it is spaced or quoted. Text that does not lex to its end is masked from there on, for the open string may be one.

use super::lexer::{Kind, Token, tokens};

/// The text with the literal after `PASSWORD =`, `OLD_PASSWORD =`, `SECRET =` and the like, and the first argument of
/// `PWDCOMPARE` and `PWDENCRYPT`, replaced by `'***'`.
pub fn mask_secrets(text: &str) -> String {
    let all = tokens(text);
    let mut masked = String::with_capacity(text.len());
    let mut words = Vec::<Token>::new();
    for token in &all {
        if token.kind == Kind::Open {
            masked.push_str("'***'");
            return masked;
        }
        if is_literal(token.kind) && follows_secret_word(&words, text) {
            masked.push_str("'***'");
        } else if matches!(token.kind, Kind::String | Kind::NationalString) && holds_secret(&token.string(text)) {
            // Dynamic SQL: the literal is itself T-SQL with a secret in it.
            let inside = mask_secrets(&token.string(text)).replace('\'', "''");
            masked.push_str(if token.kind == Kind::NationalString { "N'" } else { "'" });
            masked.push_str(&inside);
            masked.push('\'');
        } else {
            masked.push_str(token.text(text));
        }
        if !token.is_trivia() {
            words.push(*token);
        }
    }
    masked
}

fn is_literal(kind: Kind) -> bool {
    matches!(kind, Kind::String | Kind::NationalString | Kind::Quoted | Kind::Binary)
}

fn follows_secret_word(before: &[Token], text: &str) -> bool {
    let word = |back: usize| before.len().checked_sub(back).and_then(|i| before.get(i));
    let Some(sign) = word(1) else { return false };
    let Some(name) = word(2) else { return false };
    let name = name.name(text).trim_start_matches('@').to_ascii_uppercase();
    match sign.text(text) {
        "=" => is_secret_word(&name),
        "(" => matches!(name.as_str(), "PWDCOMPARE" | "PWDENCRYPT"),
        _ => false,
    }
}

fn is_secret_word(name: &str) -> bool {
    name.ends_with("PASSWORD") || name.ends_with("SECRET") || matches!(name, "PASSPHRASE" | "PWD" | "KEY_SOURCE")
}

fn holds_secret(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    ["PASSWORD", "SECRET", "PWDCOMPARE", "PWDENCRYPT"].iter().any(|word| upper.contains(word))
        && tokens(text).iter().any(|t| is_literal(t.kind) || t.kind == Kind::Open)
}

#[cfg(test)]
mod tests {
    use super::mask_secrets;

    #[test]
    fn secrets_are_masked_and_the_rest_is_kept() {
        for (text, masked) in [
            ("CREATE LOGIN a WITH PASSWORD = N'x''y', SID = 0x01", "CREATE LOGIN a WITH PASSWORD = '***', SID = 0x01"),
            (
                "alter login a with password/**/=\n'p' old_password='q'",
                "alter login a with password/**/=\n'***' old_password='***'",
            ),
            ("SELECT PWDCOMPARE(N'p', h), 'kept'", "SELECT PWDCOMPARE('***', h), 'kept'"),
            ("EXEC(N'CREATE LOGIN a WITH PASSWORD = ''p''')", "EXEC(N'CREATE LOGIN a WITH PASSWORD = ''***''')"),
            ("ALTER LOGIN a WITH PASSWORD = 'half", "ALTER LOGIN a WITH PASSWORD = '***'"),
            ("CREATE LOGIN a WITH PASSWORD = 0x0200AA HASHED", "CREATE LOGIN a WITH PASSWORD = '***' HASHED"),
            ("SELECT 'password' AS [PASSWORD]", "SELECT 'password' AS [PASSWORD]"),
        ] {
            assert_eq!(mask_secrets(text), masked);
        }
    }
}
