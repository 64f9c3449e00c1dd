//! Where cargo put the two binaries under test.

use std::path::{Path, PathBuf};

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

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository")
}
