//! The whole job, and that nobody learns the password from it.

use std::path::Path;

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::Value;

use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![case!(one_apply_ends_with_tables_replicating), case!(no_password_is_left_anywhere)]
}

/// The values of a data source or resource in the state.
pub fn values(state: &Value, address: &str) -> Value {
    let resources = state["values"]["root_module"]["resources"].as_array().cloned().unwrap_or_default();
    resources.into_iter().find(|it| it["address"] == address).map(|it| it["values"].clone()).unwrap_or_default()
}

async fn one_apply_ends_with_tables_replicating(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    let before = run.emulator.state().await?;
    run.install_from_mirror().await?;
    run.run(&["validate", "-no-color"]).await?.success()?;
    let plan = run.plan().await?;
    plan.does("fabricmirror_replication.source", &["create"])?;
    run.run(&["apply", "-no-color", "-input=false", "plan.bin"]).await?.success()?;

    let state = run.state().await?;
    let status = values(&state, "data.fabricmirror_replication_status.source");
    if status["state"] != "Running" {
        fail!("the mirror is {}", status["state"]);
    }
    let tables = status["tables"].as_array().cloned().unwrap_or_default();
    if tables.len() != 5 || tables.iter().any(|table| table["status"] != "Replicating") {
        fail!("not the five tables that can be mirrored are replicating: {tables:?}");
    }
    let rows = status["metrics"]["rows"].as_i64().unwrap_or_default();
    if rows <= 0 {
        fail!("no row was mirrored");
    }

    run.plan().await?.is_empty()?;
    run.destroy().await?.success()?;
    let after = run.emulator.state().await?;
    if after != before {
        fail!("something is left:\nbefore: {before}\nafter:  {after}");
    }
    Ok(())
}

async fn no_password_is_left_anywhere(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    let password = derived_password(run).await?;
    let trace = run.folder.join("trace.log");
    run.set("TF_LOG", "trace");
    run.set("TF_LOG_PATH", &trace.display().to_string());
    run.plan().await?;
    run.run(&["apply", "-no-color", "-input=false", "plan.bin"]).await?.success()?;
    run.write_evidence().await?;
    let emulator = &run.emulator.ready;
    let secrets = [
        ("the login's password", password.clone()),
        ("the operator's password", emulator.sql.password.clone()),
        ("the application's secret", emulator.entra.client_secret.clone()),
        ("the password seed", run.variable("TF_VAR_password_seed").to_owned()),
    ];
    // The password is right: whoever has it gets in.
    let database = emulator.scenario.database.clone();
    run.emulator.sql_as("fabric_login", &password, &database, "SELECT 1").await?;
    for file in ["terraform.tfstate", "plan.bin", "trace.log", "requests.jsonl", "emulator-state.json", "emulator.log"]
    {
        for (what, secret) in &secrets {
            if secret.len() < 8 {
                fail!("{what} is too short to be searched for");
            }
            if holds(&run.folder.join(file), secret)? {
                fail!("{file} holds {what}");
            }
        }
    }
    // The search finds what is there, also inside a plan.
    for (file, text) in [
        ("terraform.tfstate", "fabric_login"),
        ("plan.bin", "fabricmirror_login"),
        ("trace.log", "fabricmirror_login"),
        ("requests.jsonl", "fabric_login"),
    ] {
        if !holds(&run.folder.join(file), text)? {
            fail!("the search does not find {text} in {file}");
        }
    }
    run.set("TF_LOG", "");
    run.set("TF_LOG_PATH", "");
    run.destroy().await?.success()?;
    Ok(())
}

/// The password, made as the documentation of `fabricmirror_password` says, by other code than the provider's.
pub async fn derived_password(run: &Run) -> Result<String> {
    let script = run.folder.join("derive.py");
    std::fs::write(&script, include_str!("derive.py"))?;
    let output = tokio::process::Command::new("python3")
        .arg(&script)
        .args([run.variable("TF_VAR_password_seed"), "tutorial/fabric_login", "1", "32"])
        .output()
        .await?;
    if !output.status.success() {
        fail!("derive.py: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Whether a file, or anything packed into it, holds the text. A plan is a zip archive.
fn holds(file: &Path, text: &str) -> Result<bool> {
    let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let within = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    if !bytes.starts_with(b"PK") {
        return Ok(within(&bytes));
    }
    let unpack = "import sys, zipfile\nfor name in zipfile.ZipFile(sys.argv[1]).namelist():\n    \
                  sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(name))";
    let output = std::process::Command::new("python3").args(["-c", unpack]).arg(file).output()?;
    if !output.status.success() {
        fail!("{} cannot be unpacked: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(within(&output.stdout))
}
