//! Where cargo put the two binaries under test.

use std::path::PathBuf;

use crate::Result;

/// The provider and the emulator, of the same build as this process.
#[derive(Debug, Clone)]
pub struct Binaries {
    pub provider: PathBuf,
    pub emulator: PathBuf,
}

impl Binaries {
    /// Beside this executable, or one folder up for a test.
    pub fn find() -> Result<Self> {
        let here = std::env::current_exe()?;
        let find = |name: &str| {
            here.ancestors()
                .skip(1)
                .take(2)
                .map(|folder| folder.join(name))
                .find(|path| path.is_file())
                .ok_or_else(|| format!("{name} is not built: run `make build` or `make test`, not cargo alone"))
        };
        Ok(Self { provider: find("terraform-provider-fabricmirror")?, emulator: find("fabricmirror-emulator")? })
    }
}

/// The root of the repository: this folder, or the nearest above it that holds the tutorial. Not the folder this was
/// built in, which may be another clone that shares its target directory.
pub fn root() -> Result<PathBuf> {
    let here = std::env::current_dir()?;
    let root = here.ancestors().find(|folder| folder.join("examples/tutorial/main.tf").is_file());
    Ok(root.ok_or("run this inside the repository")?.to_owned())
}
