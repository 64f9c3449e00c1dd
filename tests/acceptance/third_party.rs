//! Clients that are not ours, against the emulator: what they see is what a server would show them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use fabricmirror_tests::build::{Binaries, root};
use fabricmirror_tests::emulator::{Emulator, Options};
use fabricmirror_tests::{Result, cli, fail};
use libtest_mimic::Trial;

// Versions are pinned so that a new one does not change what is tested.
const PYMSSQL: &str = "pymssql==2.4.6";
const PYTDS: [&str; 2] = ["python-tds==1.17.1", "pyOpenSSL==26.0.0"];
const MSSQL_PYTHON: &str = "mssql-python==1.16.0";
const SQLALCHEMY: &str = "SQLAlchemy==2.0.51";
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
    /// A module of its own, built with what `go.sum` pins.
    Go,
    /// The driver's archive.
    Java(PathBuf),
}

/// The tests, and why others cannot be run.
pub fn trials(base: &Path, ran: &Ran) -> (Vec<Trial>, Vec<String>) {
    let python = |script, requirements: &[&str]| Ok(Program::Python(script, cli::python_packages(requirements)?));
    let clients = [
        ("the_tutorial_typed_by_pymssql", PYMSSQL, python("tutorial_pymssql.py", &[PYMSSQL])),
        ("the_tutorial_typed_by_python_tds", PYTDS[0], python("tutorial_pytds.py", &PYTDS)),
        ("the_wire_read_by_pymssql", PYMSSQL, python("wire_pymssql.py", &[PYMSSQL])),
        ("the_wire_read_by_python_tds", PYTDS[0], python("wire_pytds.py", &PYTDS)),
        ("the_tutorial_typed_by_mssql_python", MSSQL_PYTHON, mssql_python()),
        ("the_tutorial_typed_by_go_mssqldb", "go-mssqldb", go()),
        ("the_tutorial_typed_by_tedious", TEDIOUS, cli::node_packages(TEDIOUS).map(Program::Node)),
        ("the_tutorial_typed_by_jdbc", JDBC, cli::java_archive(JDBC).map(Program::Java)),
        ("sqlalchemy_reflects_sales", SQLALCHEMY, python("reflection_sqlalchemy.py", &[SQLALCHEMY, PYMSSQL])),
    ];
    let (mut trials, mut absent) = (Vec::new(), Vec::new());
    for (name, client, program) in clients {
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
            runtime.block_on(told(&folder, &program)).map_err(|error| error.to_string().into())
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

fn go() -> Result<Program> {
    let output = Command::new("go")
        .args(["mod", "download"])
        .current_dir(root()?.join("tests/third-party/go_mssqldb"))
        .output()
        .map_err(|error| format!("go: {error}"))?;
    succeeded(&output)?;
    Ok(Program::Go)
}

async fn told(folder: &Path, program: &Program) -> Result<()> {
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
        Program::Go => {
            let program = folder.join("tutorial");
            let mut build = Command::new("go");
            build.args(["build", "-o"]).arg(&program).arg(".").current_dir(scripts.join("go_mssqldb"));
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
    let output = command.arg(&emulator.ready_file).output()?;
    succeeded(&output)?;
    if !output.stdout.ends_with(b"ok\n") {
        fail!("it ended early: {}", String::from_utf8_lossy(&output.stdout));
    }
    let missing = emulator.sql("NoSuchDatabase", "SELECT 1").await;
    if !missing.as_ref().is_err_and(|error| error.to_string().contains("4060")) {
        fail!("a missing database is answered {missing:?}");
    }
    drop(emulator);
    crate::conclude(folder)
}

fn succeeded(output: &Output) -> Result<()> {
    if !output.status.success() {
        fail!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
