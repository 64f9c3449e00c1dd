//! Packages of the system that tests need, installed where root of a Debian system runs them.

use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use crate::cli::{on_path, run};
use crate::{Result, fail};

pub fn is_root() -> Result<bool> {
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}

/// Installs them, within ten minutes.
pub fn install(packages: &[&str]) -> Result<()> {
    if !is_root()? || on_path("apt-get").is_none() {
        fail!("{} must be installed, which takes root and apt-get", packages.join(" and "));
    }
    let apt = |arguments: &[&str], packages: &[&str]| {
        let mut command = Command::new("timeout");
        command.args(["300", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]).args(arguments).args(packages);
        run(command.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()))
    };
    let arguments = ["install", "-y", "--no-install-recommends"];
    apt(&arguments, packages).or_else(|_| apt(&["update"], &[]).and_then(|()| apt(&arguments, packages)))
}
