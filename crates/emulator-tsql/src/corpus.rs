//! Microsoft's corpus, for tests here and of the instance.

/// Rows of one file of Microsoft's corpus, or `None` with a note where it is not at hand.
pub fn corpus(file: &str) -> Option<Vec<serde_json::Value>> {
    let workspace = std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..");
    let folder = std::env::var_os("TSQL_CORPUS_DIR").map_or_else(|| workspace.join("../shared/tsql"), Into::into);
    let Ok(text) = std::fs::read_to_string(folder.join(file)) else {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "not run: no {file} (set TSQL_CORPUS_DIR)");
        return None;
    };
    Some(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// Whether the instance will answer some part of these statements with its own "outside the subset".
pub fn is_outside(statements: &impl std::fmt::Debug) -> bool {
    let shown = format!("{statements:?}");
    shown.contains("Outside(") || shown.contains("utside: Some(") || shown.contains("utside: true")
}
