//! Clients that are not ours, against the emulator: what they see is what a server would show them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use fabricmirror_tests::build::{Binaries, root};
use fabricmirror_tests::emulator::{Emulator, Options};
use fabricmirror_tests::proxy::Proxy;
use fabricmirror_tests::{Result, cli, fail};
use libtest_mimic::Trial;

// Versions are pinned so that a new one does not change what is tested.
const PYMSSQL: &str = "pymssql==2.4.6";
const PYTDS: [&str; 2] = ["python-tds==1.17.1", "pyOpenSSL==26.0.0"];
const MSSQL_PYTHON: &str = "mssql-python==1.16.0";
const SQLALCHEMY: &str = "SQLAlchemy==2.0.51";
/// With fabric-cicd, which it depends on.
const FAB: [&str; 2] = ["ms-fabric-cli==1.8.0", "fabric-cicd==1.4.0"];
const TEDIOUS: &str = "tedious@19.2.2";
const JDBC: &str = "com.microsoft.sqlserver:mssql-jdbc:12.8.1.jre11";

/// The clients whose test has run.
pub type Ran = Arc<Mutex<Vec<String>>>;

/// How a client's program is run.
enum Program {
    /// A script, with the folder of its packages.
    Python(&'static str, PathBuf),
    /// The folder of its packages.
    Node(PathBuf),
    /// The folder of a module of its own, built with what `go.sum` pins.
    Go(&'static str),
    /// The driver's archive.
    Java(PathBuf),
}

/// How a client finds the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hosts {
    /// By the ready-file.
    Given,
    /// Under Microsoft's names, through a [`Proxy`].
    Microsofts,
}

/// The tests, and why others cannot be run.
pub fn trials(base: &Path, ran: &Ran) -> (Vec<Trial>, Vec<String>) {
    let python = |script, requirements: &[&str]| Ok(Program::Python(script, cli::python_packages(requirements)?));
    use Hosts::{Given, Microsofts};
    let clients = [
        ("the_tutorial_typed_by_pymssql", Given, PYMSSQL, python("tutorial_pymssql.py", &[PYMSSQL])),
        ("the_tutorial_typed_by_python_tds", Given, PYTDS[0], python("tutorial_pytds.py", &PYTDS)),
        ("the_wire_read_by_pymssql", Given, PYMSSQL, python("wire_pymssql.py", &[PYMSSQL])),
        ("the_wire_read_by_python_tds", Given, PYTDS[0], python("wire_pytds.py", &PYTDS)),
        ("the_tutorial_typed_by_mssql_python", Given, MSSQL_PYTHON, mssql_python()),
        ("the_tutorial_typed_by_go_mssqldb", Given, "go-mssqldb", go("go_mssqldb")),
        ("azidentity_signs_in_and_its_tokens_open_fabric_and_sql", Microsofts, "azidentity", go("go_azidentity")),
        ("the_tutorial_typed_by_tedious", Given, TEDIOUS, cli::node_packages(TEDIOUS).map(Program::Node)),
        ("the_tutorial_typed_by_jdbc", Given, JDBC, cli::java_archive(JDBC).map(Program::Java)),
        ("fab_mirrors_a_database_and_removes_it", Microsofts, FAB[0], python("mirror_fab.py", &FAB)),
        (
            "fabric_cicd_publishes_a_mirror_twice_and_unpublishes_it",
            Microsofts,
            FAB[1],
            python("publish_fabric_cicd.py", &FAB),
        ),
        ("sqlalchemy_reflects_sales", Given, SQLALCHEMY, python("reflection_sqlalchemy.py", &[SQLALCHEMY, PYMSSQL])),
    ];
    let (mut trials, mut absent) = (Vec::new(), Vec::new());
    for (name, hosts, client, program) in clients {
        let program = match program {
            Ok(program) => program,
            Err(error) => {
                absent.push(format!("{client} ({error})"));
                continue;
            }
        };
        let (folder, ran) = (base.join(name), Arc::clone(ran));
        trials.push(Trial::test(format!("third_party::{name}"), move || {
            let mut names = ran.lock().map_err(|error| error.to_string())?;
            if !names.iter().any(|name| name == client) {
                names.push(client.to_owned());
            }
            drop(names);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(told(&folder, &program, hosts)).map_err(|error| error.to_string().into())
        }));
    }
    (trials, absent)
}

/// It comes with an ODBC driver, which wants a library of the system and is loaded by the first connection.
fn mssql_python() -> Result<Program> {
    let packages = cli::python_packages(&[MSSQL_PYTHON])?;
    let loaded = || -> Result<()> {
        // Nobody listens there: that it says so is a sign that the driver was loaded.
        let script = "import mssql_python; mssql_python.connect('Server=127.0.0.1,1;UID=nobody;PWD=none', timeout=5)";
        let output = Command::new("python3").args(["-c", script]).env("PYTHONPATH", &packages).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !said.contains("OperationalError") || said.contains("Failed to load the driver") {
            fail!("it cannot be loaded: {}", said.trim_end().lines().last().unwrap_or("no reason given"));
        }
        Ok(())
    };
    if let Err(error) = loaded() {
        fabricmirror_tests::packages::install(&["libltdl7"]).map_err(|why| format!("{error} ({why})"))?;
        loaded()?;
    }
    Ok(Program::Python("tutorial_mssql_python.py", packages))
}

fn go(module: &'static str) -> Result<Program> {
    let output = Command::new("go")
        .args(["mod", "download"])
        .current_dir(root()?.join("tests/third-party").join(module))
        .output()
        .map_err(|error| format!("go: {error}"))?;
    succeeded(&output)?;
    Ok(Program::Go(module))
}

async fn told(folder: &Path, program: &Program, hosts: Hosts) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let scripts = root()?.join("tests/third-party");
    let mut command = match program {
        Program::Python(script, packages) => {
            let mut command = Command::new("python3");
            command.arg(scripts.join(script)).env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
            command
        }
        Program::Node(packages) => {
            let mut command = Command::new("node");
            command.arg(scripts.join("tutorial_tedious.mjs")).env("NODE_PATH", packages);
            command
        }
        Program::Go(module) => {
            let program = folder.join(module);
            let mut build = Command::new("go");
            build.args(["build", "-o"]).arg(&program).arg(".").current_dir(scripts.join(module));
            succeeded(&build.env("CGO_ENABLED", "0").output()?)?;
            Command::new(program)
        }
        Program::Java(archive) => {
            let mut build = Command::new("javac");
            build.args(["-encoding", "UTF-8", "-d"]).arg(folder).arg("-cp").arg(archive);
            succeeded(&build.arg(scripts.join("TutorialJdbc.java")).output()?)?;
            let mut command = Command::new("java");
            command.arg("-cp").arg(std::env::join_paths([archive.as_path(), folder])?).arg("TutorialJdbc");
            command
        }
    };
    let emulator = Emulator::start(&Binaries::find()?, folder, &Options::default()).await?;
    let proxy = match hosts {
        Hosts::Given => None,
        Hosts::Microsofts => Some(Proxy::start(&emulator, folder).await?),
    };
    command.arg(&emulator.ready_file);
    if let Some(proxy) = &proxy {
        // What they keep for the next run, they keep at home.
        command.envs(proxy.environment()).env("HOME", folder);
    }
    let output = tokio::process::Command::from(command).output().await?;
    succeeded(&output)?;
    if !output.stdout.ends_with(b"ok\n") {
        fail!("it ended early: {}", String::from_utf8_lossy(&output.stdout));
    }
    let missing = emulator.sql("NoSuchDatabase", "SELECT 1").await;
    if !missing.as_ref().is_err_and(|error| error.to_string().contains("4060")) {
        fail!("a missing database is answered {missing:?}");
    }
    if let Some(proxy) = &proxy {
        // Whether there is a newer one of themselves, clients ask elsewhere.
        const MICROSOFTS: [&str; 4] = ["microsoft", "azure", "powerbi", "windows.net"];
        let is_microsofts = |host: &String| MICROSOFTS.iter().any(|name| host.contains(name));
        let elsewhere: Vec<String> = proxy.refused().into_iter().filter(is_microsofts).collect();
        if !elsewhere.is_empty() {
            fail!("it asked {elsewhere:?}, which the emulator is not");
        }
    }
    drop((proxy, emulator));
    crate::conclude(folder)
}

fn succeeded(output: &Output) -> Result<()> {
    if !output.status.success() {
        fail!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
