//! One test's folder: a configuration, a CLI that runs in it, an emulator for its provider, and what all three said.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use crate::build::{Binaries, root};
use crate::cli::{Cli, Kind};
use crate::emulator::{Emulator, Options};
use crate::{Result, fail};

/// The version the provider is installed as.
const VERSION: &str = "0.1.0";
/// What a command of the tests may take.
const LIMIT: Duration = Duration::from_secs(180);

/// A CLI in a folder.
#[derive(Debug)]
pub struct Run {
    pub cli: Cli,
    pub emulator: Emulator,
    pub folder: PathBuf,
    pub binaries: Binaries,
    /// The longest a CLI may take: a hang is a failure, not a wait.
    pub limit: Duration,
    environment: BTreeMap<String, String>,
    step: usize,
}

/// What a run of the CLI left.
#[derive(Debug, Clone)]
pub struct Said {
    pub command: String,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A diagnostic as the CLI reports it to programs.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    pub severity: String,
    pub summary: String,
    pub detail: String,
    pub address: String,
}

impl Run {
    /// A folder in `base` with an emulator; the configuration is empty.
    pub async fn start(cli: Cli, base: &Path, name: &str, options: &Options) -> Result<Self> {
        let folder = base.join(name);
        std::fs::create_dir_all(&folder)?;
        let folder = std::fs::canonicalize(folder)?;
        let binaries = Binaries::find()?;
        let emulator = Emulator::start(&binaries, &folder, options).await?;
        let mut environment = emulator.environment(&binaries).await?;
        let configuration = folder.join("cli.tfrc");
        environment.insert("TF_CLI_CONFIG_FILE".into(), configuration.display().to_string());
        environment.insert("TF_IN_AUTOMATION".into(), "1".into());
        environment.insert("TF_INPUT".into(), "0".into());
        environment.insert("CHECKPOINT_DISABLE".into(), "1".into());
        let run = Self { cli, emulator, folder, binaries, limit: LIMIT, environment, step: 0 };
        run.install_as_development_build(&configuration)?;
        Ok(run)
    }

    /// No `init`: the CLI takes the binary where it lies.
    fn install_as_development_build(&self, configuration: &Path) -> Result<()> {
        let folder = self.binaries.provider.parent().unwrap_or(Path::new("."));
        std::fs::write(
            configuration,
            format!(
                "provider_installation {{\n  dev_overrides {{\n    \"fabricmirror/fabricmirror\" = {:?}\n  }}\n  direct {{}}\n}}\n",
                folder.display().to_string()
            ),
        )?;
        Ok(())
    }

    /// With `init`, from a mirror in the file system: the way a release is installed.
    pub async fn install_from_mirror(&mut self) -> Result<()> {
        let mirror = self.folder.join("mirror");
        let platform = format!("{}_{}", std::env::consts::OS, architecture());
        let place =
            mirror.join(self.cli.kind.registry()).join("fabricmirror/fabricmirror").join(VERSION).join(platform);
        std::fs::create_dir_all(&place)?;
        let installed = place.join(format!("terraform-provider-fabricmirror_v{VERSION}"));
        // A copy, as a release is: the CLI hashes it and writes the lock file.
        std::fs::copy(&self.binaries.provider, &installed)?;
        std::fs::write(
            self.folder.join("cli.tfrc"),
            format!(
                "provider_installation {{\n  filesystem_mirror {{\n    path = {:?}\n  }}\n}}\n",
                mirror.display().to_string()
            ),
        )?;
        self.run(&["init", "-no-color"]).await?.success()?;
        Ok(())
    }

    /// The configuration of `examples/tutorial`.
    pub fn use_tutorial(&self) -> Result<()> {
        self.write("main.tf", &tutorial()?)
    }

    pub fn write(&self, file: &str, text: &str) -> Result<()> {
        std::fs::write(self.folder.join(file), text)?;
        Ok(())
    }

    pub fn set(&mut self, variable: &str, value: &str) {
        self.environment.insert(variable.to_owned(), value.to_owned());
    }

    /// What the CLI is run with, besides the machine's own variables.
    pub fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn variable(&self, name: &str) -> &str {
        self.environment.get(name).map_or("", String::as_str)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.cli.path);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        // Nothing of the machine's own set-up reaches the test.
        for (name, _) in std::env::vars() {
            if ["TF_", "FABRIC_", "FABRICMIRROR_", "ARM_", "AZURE_"].iter().any(|prefix| name.starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command.envs(&self.environment).kill_on_drop(true);
        command
    }

    /// Runs the CLI to its end. What it said also lies in the folder, numbered.
    pub async fn run(&mut self, arguments: &[&str]) -> Result<Said> {
        let child = self.spawn(arguments)?;
        self.finish(arguments, child).await
    }

    /// Starts the CLI; [`Run::finish`] waits for it.
    pub fn spawn(&self, arguments: &[&str]) -> Result<Child> {
        Ok(self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
    }

    pub async fn finish(&mut self, arguments: &[&str], mut child: Child) -> Result<Said> {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (mut stdout, mut stderr) =
            (child.stdout.take().ok_or("no stdout")?, child.stderr.take().ok_or("no stderr")?);
        let everything =
            async { tokio::try_join!(stdout.read_to_end(&mut out), stderr.read_to_end(&mut err), child.wait()) };
        let status = match tokio::time::timeout(self.limit, everything).await {
            Ok(done) => done?.2,
            Err(_) => fail!("{} {} took longer than {:?}", self.cli.name, arguments.join(" "), self.limit),
        };
        let said = Said {
            command: format!("{} {}", self.cli.name, arguments.join(" ")),
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&out).into_owned(),
            stderr: String::from_utf8_lossy(&err).into_owned(),
        };
        self.step += 1;
        let file = format!("{:02}-{}.txt", self.step, arguments.first().unwrap_or(&"cli"));
        self.write(&file, &format!("$ {}\n{}\n{}\nexit code {}\n", said.command, said.stdout, said.stderr, said.code))?;
        Ok(said)
    }

    /// Plans into `plan.bin`; exit code 2 means that there are changes.
    pub async fn plan(&mut self) -> Result<Plan> {
        let said = self.run(&["plan", "-json", "-input=false", "-detailed-exitcode", "-out=plan.bin"]).await?;
        let changes = if said.code == 1 {
            Value::Null
        } else {
            let shown = self.run(&["show", "-json", "plan.bin"]).await?.success()?;
            serde_json::from_str::<Value>(&shown.stdout)?
        };
        Ok(Plan { said, changes })
    }

    pub async fn apply(&mut self) -> Result<Said> {
        self.run(&["apply", "-json", "-input=false", "-auto-approve"]).await
    }

    /// Applies what [`Run::plan`] has planned, whatever happened since.
    pub async fn apply_planned(&mut self) -> Result<Said> {
        self.run(&["apply", "-json", "-input=false", "plan.bin"]).await
    }

    /// Applies with one more flag, such as `-replace=ADDRESS`.
    pub async fn apply_with(&mut self, flag: &str) -> Result<Said> {
        self.run(&["apply", "-json", "-input=false", "-auto-approve", flag]).await
    }

    pub async fn destroy(&mut self) -> Result<Said> {
        self.run(&["destroy", "-json", "-input=false", "-auto-approve"]).await
    }

    /// The same, without a look at what there is: with one, the CLIs plan what the state does not hold, too.
    pub async fn destroy_without_refresh(&mut self) -> Result<Said> {
        self.run(&["destroy", "-json", "-input=false", "-auto-approve", "-refresh=false"]).await
    }

    /// The state as the CLI shows it to programs.
    pub async fn state(&mut self) -> Result<Value> {
        let shown = self.run(&["show", "-json"]).await?.success()?;
        Ok(serde_json::from_str(&shown.stdout)?)
    }

    /// What the CLI has kept is somebody else's from now on: the next command knows of nothing.
    pub fn forget_state(&self) -> Result<()> {
        for file in ["terraform.tfstate", "terraform.tfstate.backup"] {
            match std::fs::remove_file(self.folder.join(file)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// The providers that run for this folder.
    pub fn providers(&self) -> Vec<u32> {
        providers(&self.binaries.provider, &self.folder)
    }

    /// Ctrl-C, as the CLI gets it.
    pub fn interrupt(&self, child: &Child) -> Result<()> {
        let pid = child.id().ok_or("the CLI has ended already")?;
        let done = std::process::Command::new("kill").args(["-INT", &pid.to_string()]).status()?;
        if done.success() { Ok(()) } else { fail!("the CLI cannot be interrupted") }
    }

    /// Writes down what the emulator holds, for whoever looks into a failure. Its journal lies there already.
    pub async fn write_evidence(&self) -> Result<()> {
        self.write("emulator-state.json", &serde_json::to_string_pretty(&self.emulator.state().await?)?)
    }

    pub fn is_opentofu(&self) -> bool {
        self.cli.kind == Kind::OpenTofu
    }
}

/// The processes of this provider that run in a folder.
pub fn providers(provider: &Path, folder: &Path) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let is_ours = std::fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == provider);
        let is_here = std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == folder);
        if is_ours && is_here {
            found.push(pid);
        }
    }
    found
}

/// The text of `examples/tutorial/main.tf`.
pub fn tutorial() -> Result<String> {
    Ok(std::fs::read_to_string(root()?.join("examples/tutorial/main.tf"))?)
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

impl Said {
    /// The same, if the CLI ended with 0.
    pub fn success(self) -> Result<Self> {
        if self.code == 0 { Ok(self) } else { fail!("{} ended with {}:\n{}", self.command, self.code, self.explain()) }
    }

    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        self.stdout
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["type"] == "diagnostic")
            .map(|line| {
                let field = |name: &str| line["diagnostic"][name].as_str().unwrap_or_default().to_owned();
                Diagnostic {
                    severity: field("severity"),
                    summary: field("summary"),
                    detail: field("detail"),
                    address: field("address"),
                }
            })
            .collect()
    }

    /// The CLI failed, and one error says `text` in its summary or detail.
    pub fn fails_with(&self, text: &str) -> Result<Diagnostic> {
        if self.code == 0 {
            fail!("{} succeeded, but should have failed with {text:?}", self.command);
        }
        self.diagnostics()
            .into_iter()
            .find(|it| it.severity == "error" && (it.summary.contains(text) || it.detail.contains(text)))
            .ok_or_else(|| format!("{}: no error says {text:?}:\n{}", self.command, self.explain()).into())
    }

    /// One warning says `text`.
    pub fn warns(&self, text: &str) -> Result<Diagnostic> {
        self.diagnostics()
            .into_iter()
            .find(|it| it.severity == "warning" && (it.summary.contains(text) || it.detail.contains(text)))
            .ok_or_else(|| format!("{}: no warning says {text:?}:\n{}", self.command, self.explain()).into())
    }

    /// No diagnostic says `text`.
    pub fn does_not_say(&self, text: &str) -> Result<()> {
        match self.diagnostics().into_iter().find(|it| it.summary.contains(text) || it.detail.contains(text)) {
            Some(it) => fail!("{}: something says {text:?}: {it:?}", self.command),
            None => Ok(()),
        }
    }

    /// What a reader of a failure wants to see: diagnostics where the output has any, else the output.
    pub fn explain(&self) -> String {
        let diagnostics = self.diagnostics();
        if diagnostics.is_empty() {
            return format!("{}{}", self.stdout, self.stderr);
        }
        diagnostics
            .iter()
            .map(|it| format!("{}: {} [{}]\n{}\n", it.severity, it.summary, it.address, it.detail))
            .collect()
    }
}

/// A plan as `show -json` describes it.
#[derive(Debug, Clone)]
pub struct Plan {
    pub said: Said,
    pub changes: Value,
}

impl Plan {
    /// The plan was made and holds no change.
    pub fn is_empty(&self) -> Result<()> {
        match self.said.code {
            0 => Ok(()),
            2 => fail!("the plan is not empty: {}", self.summary()),
            _ => fail!("{} failed:\n{}", self.said.command, self.said.explain()),
        }
    }

    /// What `-detailed-exitcode` answers: 0 without changes, 2 with.
    pub fn answers(&self, code: i32) -> Result<&Self> {
        if self.said.code == code {
            Ok(self)
        } else {
            fail!("the plan answers {} instead of {code}: {}{}", self.said.code, self.summary(), self.said.explain())
        }
    }

    /// What the plan does with the object at `address`: `["create"]`, `["update"]`, `["delete", "create"]`, ….
    pub fn actions(&self, address: &str) -> Vec<String> {
        let actions = self.change(address)["actions"].as_array().cloned().unwrap_or_default();
        actions.iter().filter_map(|action| action.as_str().map(str::to_owned)).collect()
    }

    /// The object is changed this way.
    pub fn does(&self, address: &str, actions: &[&str]) -> Result<&Self> {
        if self.said.code == 1 {
            fail!("{} failed:\n{}", self.said.command, self.said.explain());
        }
        let found = self.actions(address);
        if found == actions {
            Ok(self)
        } else {
            fail!("{address}: planned {found:?}, not {actions:?}: {}", self.summary())
        }
    }

    /// The attribute goes from one value to another.
    pub fn changes(&self, address: &str, attribute: &str, from: &Value, to: &Value) -> Result<&Self> {
        self.does(address, &["update"])?;
        let change = self.change(address);
        let (before, after) = (&change["before"][attribute], &change["after"][attribute]);
        if before == from && after == to {
            Ok(self)
        } else {
            fail!("{address}: {attribute} goes from {before} to {after}, not from {from} to {to}")
        }
    }

    fn change(&self, address: &str) -> Value {
        let changes = self.changes["resource_changes"].as_array().cloned().unwrap_or_default();
        changes
            .into_iter()
            .find(|change| change["address"] == address)
            .map(|change| change["change"].clone())
            .unwrap_or_default()
    }

    fn summary(&self) -> String {
        let changes = self.changes["resource_changes"].as_array().cloned().unwrap_or_default();
        changes
            .iter()
            .filter(|change| change["change"]["actions"] != serde_json::json!(["no-op"]))
            .map(|change| {
                format!(
                    "{} {}: {} -> {}\n",
                    change["address"],
                    change["change"]["actions"],
                    change["change"]["before"],
                    change["change"]["after"]
                )
            })
            .collect()
    }
}
