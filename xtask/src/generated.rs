//! Files that are generated and committed: written, or compared with what is there.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use similar::TextDiff;

pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What one task generates. Paths are relative to the workspace's folder.
#[derive(Default)]
pub struct Generated {
    /// The command that writes them.
    pub task: &'static str,
    /// Folders in which nothing else may be.
    pub folders: Vec<PathBuf>,
    pub files: BTreeMap<PathBuf, String>,
}

impl Generated {
    /// Writes every file, and removes what lies in the folders besides them.
    pub fn write(&self, root: &Path) -> Result<()> {
        for path in self.stale(root)? {
            fs::remove_file(root.join(path))?;
        }
        for (path, text) in &self.files {
            let path = root.join(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(path, text)?;
        }
        Ok(())
    }

    /// # Errors
    /// A file is missing, differs or should not be there; the text shows how.
    pub fn check(&self, root: &Path) -> Result<()> {
        let mut differences = String::new();
        for path in self.stale(root)? {
            let _ = writeln!(differences, "{} is generated from nothing: remove it", path.display());
        }
        for (path, text) in &self.files {
            let committed = match fs::read_to_string(root.join(path)) {
                Ok(committed) => committed,
                Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
                Err(error) => return Err(error.into()),
            };
            if committed != *text {
                let diff = TextDiff::from_lines(&committed, text);
                let name = path.display();
                let diff = diff
                    .unified_diff()
                    .header(&format!("{name} (committed)"), &format!("{name} (generated)"))
                    .to_string();
                differences.push_str(&diff);
            }
        }
        if differences.is_empty() {
            return Ok(());
        }
        Err(format!("generated files differ from what is committed; write them with `{}`\n\n{differences}", self.task)
            .into())
    }

    /// Files in the folders that are not generated.
    fn stale(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let mut stale = Vec::new();
        for folder in &self.folders {
            for path in files_in(&root.join(folder))? {
                let path = folder.join(path.file_name().unwrap_or_default());
                if !self.files.contains_key(&path) {
                    stale.push(path);
                }
            }
        }
        Ok(stale)
    }
}

/// The entries of a folder, sorted; none if there is no such folder.
pub fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("{}: {error}", folder.display()).into()),
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_a_missing_file_and_a_stale_one_are_each_shown_and_put_right() {
        let root = tempfile::tempdir().unwrap();
        let page = |name: &str| PathBuf::from("docs").join(name);
        let generated = Generated {
            task: "make docs",
            folders: vec!["docs".into()],
            files: [(page("a.md"), "one\ntwo\n".to_owned()), (page("b.md"), "b\n".to_owned())].into(),
        };
        fs::create_dir(root.path().join("docs")).unwrap();
        fs::write(root.path().join(page("a.md")), "one\nthree\n").unwrap();
        fs::write(root.path().join(page("c.md")), "").unwrap();

        let shown = generated.check(root.path()).unwrap_err().to_string();
        for part in ["make docs", "-three\n+two\n", "+b\n", "docs/c.md is generated from nothing"] {
            assert!(shown.contains(part), "no {part:?} in {shown}");
        }
        generated.write(root.path()).unwrap();
        generated.check(root.path()).unwrap();
    }
}
