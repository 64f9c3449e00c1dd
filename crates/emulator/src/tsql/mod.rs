//! T-SQL as text: one [`lexer`], one grammar ([`parser`]) into one typed tree ([`ast`]). Knows no state of any server.
//!
//! The measure is Microsoft's own parser: its tokens of 1,066 scripts and its verdicts on 5,154 texts are replayed by
//! the tests of this module where the corpus is at hand (`TSQL_CORPUS_DIR`).

pub mod ast;
pub mod canonical;
pub mod lexer;
mod mask;
pub mod parser;

pub use mask::mask_secrets;
pub use parser::{SyntaxError, parse_batch};

/// Whether an expression or condition may read the column: whether its name stands in it at all.
pub fn mentions(computed: &impl std::fmt::Debug, column: &str) -> bool {
    format!("{computed:?}").to_lowercase().contains(&format!("name: {:?}", column.to_lowercase()))
}

/// Rows of one file of Microsoft's corpus, or `None` with a note where it is not at hand.
#[cfg(test)]
pub(crate) fn corpus(file: &str) -> Option<Vec<serde_json::Value>> {
    let workspace = std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..");
    let folder = std::env::var_os("TSQL_CORPUS_DIR").map_or_else(|| workspace.join("../shared/tsql"), Into::into);
    let Ok(text) = std::fs::read_to_string(folder.join(file)) else {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "not run: no {file} (set TSQL_CORPUS_DIR)");
        return None;
    };
    Some(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}
