//! The provider's functions, as the CLIs call them; and the script of `setup_sql` as a DBA runs it.

use emulator_tsql::lexer::tokens;
use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::{GRANTS, HEAD, LOGIN, USER, edited};
use crate::world::{changes, now};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(functions_answer),
        case!(a_wrong_argument_is_named_with_its_right_form),
        case!(what_is_not_known_yet_makes_an_answer_that_is_not),
        case!(the_script_of_a_dba_is_what_apply_sends),
    ]
}

/// The outputs that a plan promises.
async fn outputs(run: &mut Run, expressions: &[(&str, &str)]) -> Result<Value> {
    let output =
        |(name, value): &(&str, &str)| format!("output \"{name}\" {{\n  value = provider::fabricmirror::{value}\n}}\n");
    let blocks: String = expressions.iter().map(output).collect();
    run.write("main.tf", &format!("{HEAD}{blocks}"))?;
    let plan = run.plan().await?;
    if plan.said.code == 1 {
        fail!("the plan failed: {}", plan.said.explain());
    }
    Ok(plan.changes["planned_values"]["outputs"].clone())
}

async fn functions_answer(run: &mut Run) -> Result<()> {
    let mi = json!({
        "host": "mi.public.abc123.database.windows.net", "port": 3342, "name": "mi", "zone": "abc123",
        "public": true, "canonical": "mi.abc123.database.windows.net",
    });
    let elsewhere = json!({
        "host": "::1", "port": 1444, "name": null, "zone": null, "public": false, "canonical": "::1,1444",
    });
    let expected = [
        ("pasted", "parse_server(\"Server=tcp:MI.public.abc123.database.windows.net,3342;Encrypt=True\")", mi.clone()),
        ("jdbc", "parse_server(\"jdbc:sqlserver://mi.public.abc123.database.windows.net:3342;encrypt=true\")", mi),
        ("other", "parse_server(\"[::1]:1444\")", elsewhere),
        (
            "endpoint",
            "public_endpoint(\"mi.abc123.database.windows.net\")",
            json!("mi.public.abc123.database.windows.net,3342"),
        ),
        ("user", "import_id(\"database_user\", [\"Sales\", \"fabric_user\"])", json!("Sales/fabric_user")),
        (
            "on_server",
            "import_id(\"login\", [\"tcp:mi.public.abc123.database.windows.net\", \"a/b\"])",
            json!("mi.abc123.database.windows.net/a%2Fb"),
        ),
        (
            "may",
            "mirroring_permissions(\"2025-05\")",
            json!(["ALTER ANY EXTERNAL MIRROR", "SELECT", "VIEW PERFORMANCE DEFINITION",]),
        ),
    ];
    let calls: Vec<_> = expected.iter().map(|(name, call, _)| (*name, *call)).collect();
    let outputs = outputs(run, &calls).await?;
    for (name, call, value) in expected {
        if outputs[name]["value"] != value {
            fail!("{call} is {}, not {value}", outputs[name]["value"]);
        }
    }
    Ok(())
}

async fn a_wrong_argument_is_named_with_its_right_form(run: &mut Run) -> Result<()> {
    for (call, argument, says) in [
        ("import_id(\"fabricmirror_login\", [\"a\"])", "type", "without the provider's prefix"),
        ("import_id(\"database_user\", [\"Sales\"])", "parts", "`[server/]database/name`"),
        ("import_id(\"connection\", [\"mine\"])", "parts", "`parts[0]`"),
        ("public_endpoint(\"localhost\")", "host", "NAME.ZONE.database.windows.net"),
        ("parse_server(\"host\\\\SQLEXPRESS\")", "text", "no named instances"),
        ("parse_server(\"Server=mi;Pwd=x\")", "text", "a user name or a password"),
        ("mirroring_permissions(\"2024\")", "generation", "\"2025-12\""),
        (
            "setup_sql({ login = \"l\", user = \"u\", database = \"d\", generation = \"2024\" })",
            "setup",
            "`setup.generation`: There is no generation",
        ),
        (
            "setup_sql({ login = \"$(x)\", user = \"u\", database = \"d\", generation = \"2025-12\" })",
            "setup",
            "`setup.login`: The name holds `$(`",
        ),
        // What is required, the CLI itself asks for.
        ("setup_sql({ login = \"l\", user = \"u\", database = \"d\" })", "setup", "\"generation\""),
    ] {
        run.write("main.tf", &format!("{HEAD}output \"x\" {{\n  value = provider::fabricmirror::{call}\n}}\n"))?;
        // Where the lines break is the CLI's matter.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let said = run.plan().await?.said;
        let errors = said.diagnostics();
        let error = errors.iter().find(|it| it.severity == "error").ok_or_else(|| format!("{call} has an answer"))?;
        let detail = words(&error.detail);
        if !detail.contains(says) || !detail.contains(&format!("\"{argument}\"")) {
            fail!("{call}: {}", said.explain());
        }
    }
    Ok(())
}

async fn what_is_not_known_yet_makes_an_answer_that_is_not(run: &mut Run) -> Result<()> {
    let text = format!(
        "{HEAD}resource \"terraform_data\" \"name\" {{\n  input = \"fabric_login\"\n}}\noutput \"script\" {{\n  value = \
         provider::fabricmirror::setup_sql({{ login = terraform_data.name.output, user = \"u\", database = \"d\", generation = \
         \"2025-12\" }})\n}}\n"
    );
    run.write("main.tf", &text)?;
    let plan = run.plan().await?;
    if plan.changes["output_changes"]["script"]["after_unknown"] != true {
        fail!("the script is known before the name is: {}", plan.said.explain());
    }
    run.apply().await?.success()?;
    let script = script(run).await?;
    if !script.contains("CREATE LOGIN [fabric_login]") {
        fail!("{script}");
    }
    Ok(())
}

async fn script(run: &mut Run) -> Result<String> {
    let state = run.state().await?;
    Ok(state["values"]["outputs"]["script"]["value"].as_str().ok_or("there is no script")?.to_owned())
}

/// The principals, as the May list has them: every statement that there can be.
const CONFIGURED: &str = r#"
locals {
  setup = {
    login            = "o'brien]"
    user             = "fabric user"
    database         = "Sales"
    generation       = "2025-05"
    sid              = "0xAAAAAAAABBBBCCCCDDDDEEEEFFFF0000"
    default_database = "Inventory"
    default_schema   = "dbo"
  }
}

output "script" {
  value = provider::fabricmirror::setup_sql(local.setup)
}
"#;

const OBJECTS: &str = r###"
resource "fabricmirror_login" "fabric" {
  name                = local.setup.login
  sid                 = local.setup.sid
  default_database    = local.setup.default_database
  server_roles        = ["##MS_ServerStateReader##"]
  password_wo         = "Correct-Horse-7"
  password_wo_version = 1
}

resource "fabricmirror_database_user" "fabric" {
  database       = local.setup.database
  name           = local.setup.user
  login_name     = fabricmirror_login.fabric.name
  default_schema = local.setup.default_schema
  roles          = []
}

resource "fabricmirror_database_grants" "fabric" {
  database    = fabricmirror_database_user.fabric.database
  principal   = fabricmirror_database_user.fabric.principal
  permissions = provider::fabricmirror::mirroring_permissions(local.setup.generation)
}
"###;

/// The tokens of the statements that change something, without the password: what is sent looks around besides.
fn normal(text: &str) -> Vec<String> {
    let changes = |line: &&str| ["ALTER ", "CREATE ", "GRANT "].iter().any(|word| line.starts_with(word));
    let text = &text.lines().filter(changes).collect::<Vec<_>>().join("\n");
    let mut words: Vec<String> =
        tokens(text).iter().filter(|it| !it.is_trivia()).map(|it| it.text(text).to_owned()).collect();
    for place in 2..words.len() {
        if words[place - 2] == "PASSWORD" && words[place - 1] == "=" {
            words[place] = "?".to_owned();
        }
    }
    words
}

async fn the_script_of_a_dba_is_what_apply_sends(run: &mut Run) -> Result<()> {
    let before = run.emulator.state().await?;
    run.write("main.tf", &format!("{HEAD}{CONFIGURED}{OBJECTS}"))?;
    let since = now(run).await?;
    run.apply().await?.success()?;
    let sent: Vec<String> = changes(run, since).await?.iter().flat_map(|text| normal(text)).collect();
    let script = script(run).await?;
    let said = normal(&script);
    if said != sent || said.len() < 50 {
        fail!("apply sends\n{}\nand the script says\n{}", sent.join(" "), said.join(" "));
    }
    if script.contains("Correct-Horse-7") {
        fail!("the script holds the password");
    }
    let applied = run.emulator.state().await?;
    run.destroy().await?.success()?;
    if run.emulator.state().await? != before {
        fail!("something is left");
    }

    // As it is, as a client sends it that knows nothing of sqlcmd's variables.
    let run_it = async |run: &Run, text: &str| run.emulator.sql("master", text).await;
    match run_it(run, &script).await {
        Err(error) if error.to_string().contains("needs sqlcmd") => {}
        other => fail!("the script ran without a password: {other:?}"),
    }
    if run.emulator.state().await? != before {
        fail!("something was done all the same");
    }
    // As sqlcmd sends it: the same is there as after apply.
    let with_password = script.replace("$(LOGIN_PASSWORD)", "Correct-Horse-7");
    run_it(run, &with_password).await?;
    let made = run.emulator.state().await?;
    if made["sql"] != applied["sql"] {
        fail!("the script made\n{}\nand apply\n{}", made["sql"], applied["sql"]);
    }
    run.emulator.sql_as("o'brien]", "Correct-Horse-7", "Sales", "SELECT COUNT(*) FROM dbo.Orders").await?;
    // Nothing is taken over, and nothing of the rest is done then.
    run.emulator.sql("Sales", "DROP USER [fabric user]").await?;
    match run_it(run, &with_password).await {
        Err(error) if error.to_string().contains("already exists") => {}
        other => fail!("the script took a login over: {other:?}"),
    }
    let users = run.emulator.state().await?["sql"]["databases"][0]["users"].to_string();
    if users.contains("fabric user") {
        fail!("the script went on after its error: {users}");
    }
    run.emulator.sql("master", "DROP LOGIN [o'brien]]]").await?;
    run_it(run, &with_password).await?;

    // What it made comes under Terraform's care, without a word to the instance.
    let imports: String = [
        (LOGIN, "login", "[local.setup.login]"),
        (USER, "database_user", "[local.setup.database, local.setup.user]"),
        (GRANTS, "database_grants", "[local.setup.database, local.setup.user]"),
    ]
    .iter()
    .map(|(to, kind, parts)| {
        format!("import {{\n  to = {to}\n  id = provider::fabricmirror::import_id(\"{kind}\", {parts})\n}}\n")
    })
    .collect();
    let objects =
        edited(OBJECTS, &[("  password_wo         = \"Correct-Horse-7\"\n", ""), ("  password_wo_version = 1\n", "")])?;
    run.write("main.tf", &format!("{HEAD}{CONFIGURED}{objects}{imports}"))?;
    let since = now(run).await?;
    run.apply().await?.success()?;
    if let Some(text) = changes(run, since).await?.first() {
        fail!("the import changed something: {text}");
    }
    run.plan().await?.is_empty()
}
