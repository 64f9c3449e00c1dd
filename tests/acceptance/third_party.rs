//! Clients that are not ours, against the emulator: what they see is what a server would show them.

use std::path::Path;
use std::process::Command;

use fabricmirror_tests::build::{Binaries, root};
use fabricmirror_tests::emulator::{Emulator, Options};
use fabricmirror_tests::{Result, cli, fail};
use libtest_mimic::Trial;

/// Of the Python package; its version is pinned so that a new one does not change what is tested.
const PYMSSQL: &str = "pymssql==2.4.6";

/// The tests, or why they cannot be run.
pub fn trials(base: &Path) -> (Vec<Trial>, Vec<String>) {
    let name = "third_party::the_tutorial_typed_by_pymssql";
    let packages = match cli::python_packages(PYMSSQL) {
        Ok(packages) => packages,
        Err(error) => return (Vec::new(), vec![format!("{name} ({error})")]),
    };
    let folder = base.join("pymssql");
    let trial = Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(tutorial(&folder, &packages)).map_err(|error| error.to_string().into())
    });
    (vec![trial], Vec::new())
}

async fn tutorial(folder: &Path, packages: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let emulator = Emulator::start(&Binaries::find()?, folder, &Options::default()).await?;
    let output = Command::new("python3")
        .arg(root()?.join("tests/third-party/tutorial_pymssql.py"))
        .arg(&emulator.ready_file)
        .env("PYTHONPATH", packages)
        .output()?;
    if !output.status.success() || !output.stdout.ends_with(b"ok\n") {
        fail!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    let missing = emulator.sql("NoSuchDatabase", "SELECT 1").await;
    if !missing.as_ref().is_err_and(|error| error.to_string().contains("4060")) {
        fail!("a missing database is answered {missing:?}");
    }
    drop(emulator);
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
