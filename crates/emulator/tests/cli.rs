//! The program from outside: usage, refusals, and the environment it prints.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fabricmirror-emulator")).args(arguments).output().unwrap()
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for arguments in [
        &[][..],
        &["--ready-file", "r", "--break", "weather"],
        &["--ready-file", "r", "--time-scale", "fast"],
        &["env"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
    let steps = complaint(&run(&["--ready-file", "r", "--break", "weather"]));
    for step in ["capacity", "primary_identity", "update_policy", "tenant_setting", "gateway", "network"] {
        assert!(steps.contains(step), "{steps}");
    }
}

#[test]
fn what_cannot_be_started_says_why_and_is_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("scenario.json");
    std::fs::write(&scenario, r#"{"wrold": {}}"#).unwrap();
    let ready = folder.path().join("ready.json");
    let bad_script = folder.path().join("script.json");
    let script = r#"{"instance": {"databases": [{"name": "D", "script": ["SELECT 1;", "GO", "INSERT INTO dbo.Nowhere VALUES (1);"]}]}}"#;
    std::fs::write(&bad_script, script).unwrap();
    let bad_script = bad_script.to_str().unwrap();
    let (scenario, ready) = (scenario.to_str().unwrap(), ready.to_str().unwrap());
    let cases = [
        (vec!["--ready-file", ready, "--data", scenario], "is no state of an emulator, or damaged"),
        (vec!["--ready-file", ready, "--time-scale", "0"], "--time-scale must be"),
        (vec!["--ready-file", ready, "--journal", "none/requests.jsonl"], "none/requests.jsonl cannot be written"),
        (vec!["--ready-file", ready, "--scenario", scenario], "unknown field `wrold`"),
        (
            vec!["--ready-file", ready, "--scenario", bad_script],
            "instance.databases[0].script (database D), line 3, `INSERT INTO dbo.Nowhere VALUES (1);`: error 208",
        ),
        (vec!["--ready-file", ready, "--scenario", "none.json"], "none.json cannot be read"),
        (vec!["--ready-file", ready, "--scenario", "tutorail"], "the shipped scenarios are five-hundred-tables, "),
        (vec!["env", "--ready-file", "none.json"], "none.json cannot be read"),
        (vec!["env", "--ready-file", scenario], "is not a ready-file"),
    ];
    for (arguments, reason) in cases {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(complaint(&output).contains(reason), "{arguments:?} {}", complaint(&output));
        assert!(!std::path::Path::new(ready).exists());
    }
}

#[test]
fn env_prints_what_a_shell_understands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ready.json");
    let ready = serde_json::json!({
        "sql": { "server": "localhost,50123", "host": "localhost", "port": 50123, "username": "sa", "password": "it's $ecret" },
        "fabric": { "endpoint": "https://localhost:1" },
        "entra": { "authority_host": "https://localhost:2", "tenant_id": uuid::Uuid::nil(), "client_id": uuid::Uuid::nil(), "client_secret": "s" },
        "scenario": { "workspace_id": uuid::Uuid::nil(), "capacity_id": uuid::Uuid::nil(), "database": "Sales", "instance_identity_object_id": uuid::Uuid::nil() },
        "control": { "url": "http://127.0.0.1:3" },
        "ca_certificate_file": "/tmp/ca.pem", "pid": 1,
    });
    std::fs::write(&path, ready.to_string()).unwrap();
    let output = run(&["env", "--ready-file", path.to_str().unwrap()]);
    assert!(output.status.success());
    let script = format!(
        "{}printf %s \"$FABRICMIRROR_SQL_PASSWORD|$TF_VAR_server|$TF_VAR_database\"",
        String::from_utf8(output.stdout).unwrap()
    );
    let shell = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8(shell.stdout).unwrap(), "it's $ecret|localhost,50123|Sales");
}
