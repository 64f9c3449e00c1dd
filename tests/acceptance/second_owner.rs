//! Two who want one thing: what exists is shown with its import block, and nobody takes it over or drops it in passing.

use fabricmirror_tests::run::{Run, Said};
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::{GRANTS, HEAD, LOGIN, PRINCIPALS, USER, edited, tutorial_with};
use crate::tutorial::values;
use crate::world::{generic_connection, holds, import, import_id, is_as, is_untouched, login, now};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(a_second_team_takes_nothing_over),
        case!(two_blocks_for_one_thing_are_one_too_many),
        case!(what_is_of_another_kind_is_never_replaced),
        case!(a_creation_that_is_refused_takes_nobody_over),
        case!(a_replacement_is_no_second_owner),
        case!(a_renamed_login_is_replaced_with_its_sid),
        case!(a_role_is_a_principal_of_grants),
        case!(a_role_of_a_users_name_is_called_that),
    ]
}

/// The same login, user and grants, as another team writes them: with another password and other permissions, and without
/// references, so that each is tried whatever becomes of the others.
const THEIRS: &str = r#"
terraform {
  required_providers {
    fabricmirror = { source = "fabricmirror/fabricmirror" }
  }
}

resource "fabricmirror_login" "fabric" {
  name                = "fabric_login"
  password_wo         = "Another-Horse-8"
  password_wo_version = 1
}

resource "fabricmirror_database_user" "fabric" {
  database   = "Sales"
  name       = "fabric_user"
  login_name = "fabric_login"
}

resource "fabricmirror_database_grants" "fabric" {
  database    = "Sales"
  principal   = "fabric_user"
  permissions = ["INSERT"]
}
"#;

async fn a_second_team_takes_nothing_over(run: &mut Run) -> Result<()> {
    // They plan while nobody has the names; then we come first.
    run.write("main.tf", THEIRS)?;
    run.plan().await?.does(LOGIN, &["create"])?.does(USER, &["create"])?.does(GRANTS, &["create"])?;
    let theirs = std::fs::read(run.folder.join("plan.bin"))?;
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    let ours = std::fs::read(run.folder.join("terraform.tfstate"))?;
    let world = run.emulator.state().await?;

    run.forget_state()?;
    run.write("main.tf", THEIRS)?;
    std::fs::write(run.folder.join("plan.bin"), theirs)?;
    let since = now(run).await?;
    let late = run.apply_planned().await?;
    for (says, address, id) in [
        ("The login fabric_login exists", LOGIN, "fabric_login"),
        ("fabric_user", USER, "Sales/fabric_user"),
        ("fabric_user holds other permissions already", GRANTS, "Sales/fabric_user"),
    ] {
        let (summary, detail) = at(&late, address)?;
        if !format!("{summary} {detail}").contains(says) || !import_id(&detail)?.ends_with(id) {
            fail!("{address}: {summary}\n{detail}");
        }
    }
    is_untouched(run, since).await?;
    // Whose password it is was tried with theirs, once: more could lock the login.
    let entries = run.emulator.requests().await?.split_off(since);
    let tries = entries.iter().filter(|it| it["channel"] == "sql" && it["text"].is_null() && is_refused(it)).count();
    if tries != 1 {
        fail!("{tries} attempts to log in with the other password");
    }

    // A plan that can look says all of it before anything is done.
    let since = now(run).await?;
    let plan = run.plan().await?;
    for address in [LOGIN, USER, GRANTS] {
        import_id(&at(&plan.said, address)?.1)?;
    }
    is_untouched(run, since).await?;
    // They own nothing, so they destroy nothing.
    let owned = run.state().await?["values"]["root_module"]["resources"].clone();
    if owned.as_array().is_some_and(|owned| !owned.is_empty()) {
        fail!("they own {owned}");
    }
    run.destroy_without_refresh().await?.success()?;
    is_as(run, &world).await?;
    run.emulator.sql_as("fabric_login", "Correct-Horse-7", "Sales", "SELECT 1").await?;

    std::fs::write(run.folder.join("terraform.tfstate"), ours)?;
    run.write("main.tf", PRINCIPALS)?;
    run.plan().await?.is_empty()
}

/// Summary and detail of the error at this address.
fn at(said: &Said, address: &str) -> Result<(String, String)> {
    let error = said.diagnostics().into_iter().find(|it| it.severity == "error" && it.address == address);
    let error = error.ok_or_else(|| format!("no error at {address}: {}", said.explain()))?;
    Ok((error.summary, error.detail))
}

/// One of two blocks, and nothing else. Of the other a plan that has not come to the state's object yet may say that it
/// exists.
fn one_is_refused(said: &Said) -> Result<()> {
    let errors: Vec<_> = said.diagnostics().into_iter().filter(|it| it.severity == "error").collect();
    let says = |words: &str| errors.iter().filter(|it| it.summary.contains(words)).count();
    if says("is managed already") != 1 || errors.len() > 1 + says("exists") {
        fail!("not one of the two blocks was refused: {}", said.explain());
    }
    Ok(())
}

fn is_refused(entry: &Value) -> bool {
    entry["error"].as_str().is_some_and(|error| error.contains("18456"))
}

async fn two_blocks_for_one_thing_are_one_too_many(run: &mut Run) -> Result<()> {
    let before = run.emulator.state().await?;
    // Even with one password, and at the same time: the plan has one too many, whichever it comes to last.
    let twice = |name: &str, label: &str| {
        format!(
            "resource \"fabricmirror_login\" \"{label}\" {{\n  name = \"{name}\"\n  password_wo = \"Correct-Horse-7\"\n  \
             password_wo_version = 1\n}}\n"
        )
    };
    for other in ["fabric_login", "Fabric_Login"] {
        run.write("main.tf", &format!("{HEAD}{}{}", twice("fabric_login", "one"), twice(other, "other")))?;
        one_is_refused(&run.plan().await?.said)?;
        one_is_refused(&run.apply().await?)?;
        is_as(run, &before).await?;
    }
    run.emulator.sql("Sales", "CREATE ROLE keeper").await?;
    let grants = |label: &str| {
        format!(
            "resource \"fabricmirror_database_grants\" \"{label}\" {{\n  database = \"Sales\"\n  principal = \"keeper\"\n  \
             permissions = [\"SELECT\"]\n}}\n"
        )
    };
    run.write("main.tf", &format!("{HEAD}{}{}", grants("one"), grants("other")))?;
    one_is_refused(&run.apply().await?)?;

    // The same of everything in Fabric, and of a user: beside a block that is new, and beside one that has its object.
    let second = [
        "\"fabricmirror_database_user\" \"second\" {\n  database   = var.database\n  name       = \"FABRIC_USER\"\n  \
         login_name = fabricmirror_login.fabric.name\n}\n",
        "\"fabricmirror_workspace_role_assignment\" \"second\" {\n  workspace_id = upper(var.workspace_id)\n  principal    = { \
         id = var.instance_identity_object_id, type = \"ServicePrincipal\" }\n  role         = \"Viewer\"\n}\n",
        "\"fabricmirror_connection\" \"second\" {\n  display_name = \"tutorial-${var.database}\"\n  server       = var.server\n  \
         database     = var.database\n  basic        = { username = \"fabric_login\", password_wo = \
         ephemeral.fabricmirror_password.fabric.result, password_wo_version = 1 }\n}\n",
        "\"fabricmirror_mirrored_database\" \"second\" {\n  workspace_id  = var.workspace_id\n  display_name  = \
         var.database\n  connection_id = fabricmirror_connection.source.id\n}\n",
    ];
    for _ in ["new", "with its object"] {
        for block in second {
            run.write("main.tf", &format!("{}\nresource {block}", tutorial_with(&[])?))?;
            one_is_refused(&run.plan().await?.said).map_err(|error| format!("{block}: {error}"))?;
        }
        // Without the second blocks all is well.
        run.use_tutorial()?;
        run.apply().await?.success()?;
        run.plan().await?.is_empty()?;
    }
    Ok(())
}

async fn what_is_of_another_kind_is_never_replaced(run: &mut Run) -> Result<()> {
    let ours = edited(PRINCIPALS, &[("\"fabric_login\"", "\"Data Team\"")])?;
    run.write("main.tf", &ours)?;
    run.apply().await?.success()?;
    // A DBA makes a group's login of that name.
    run.emulator.sql("master", "DROP LOGIN [Data Team]").await?;
    run.emulator.sql("master", "CREATE LOGIN [Data Team] FROM EXTERNAL PROVIDER").await?;
    let group = login(run, "Data Team").await?;
    run.plan().await?.said.fails_with("Data Team is an Entra group's login")?;
    let blindly = ["apply", "-json", "-input=false", "-auto-approve", "-refresh=false", &format!("-replace={LOGIN}")];
    let said = run.run(&blindly).await?.fails_with("an Entra group's login")?;
    if said.address != LOGIN || login(run, "Data Team").await? != group || group["type"] != "X" {
        fail!("the group's login was replaced: {said:?}");
    }

    // What cannot be managed cannot be imported either, and is called what it is.
    run.emulator.sql("Sales", "CREATE USER alone WITHOUT LOGIN; CREATE ROLE reporting;").await?;
    let generic = generic_connection(run).await?;
    run.forget_state()?;
    let login_block = "name = \"Data Team\"";
    let user = |name: &str| format!("database = \"Sales\"\n  name = \"{name}\"\n  login_name = \"fabric_login\"");
    let connection = "display_name = \"generic\"\n  server = \"h\"\n  database = \"d\"";
    for (kind, body, id, says) in [
        ("login", login_block, "Data Team", "Data Team is an Entra group's login"),
        ("database_user", &*user("alone"), "Sales/alone", "alone is a user without login"),
        ("database_user", &*user("reporting"), "Sales/reporting", "reporting is a database role"),
        ("connection", connection, &*generic, "The connection is of another type"),
    ] {
        let address = format!("fabricmirror_{kind}.x");
        let block = format!("resource \"fabricmirror_{kind}\" \"x\" {{\n  {body}\n}}\n");
        run.write("main.tf", &format!("{HEAD}{block}{}", import(&address, id)))?;
        run.plan().await?.said.fails_with(says)?;
    }
    Ok(())
}

/// The name went to somebody else since the plan, and the server refuses the creation for another reason.
async fn a_creation_that_is_refused_takes_nobody_over(run: &mut Run) -> Result<()> {
    // Another login comes first: an apply that has changed something looks no more before each creation.
    let first = "resource \"fabricmirror_login\" \"first\" {\n  name = \"first\"\n  password_wo = \"Correct-Horse-7\"\n  \
                 password_wo_version = 1\n}\n";
    let then = "server_roles = [\"processadmin\"]\n  depends_on = [fabricmirror_login.first]";
    run.write("main.tf", &format!("{}{first}", edited(PRINCIPALS, &[("server_roles        = []", then)])?))?;
    run.plan().await?;
    run.emulator.sql("master", "CREATE LOGIN fabric_login WITH PASSWORD = 'Of-A-Stranger-1'").await?;
    let theirs = login(run, "fabric_login").await?;
    let refusal = json!({
        "match": { "channel": "sql", "sql": "CREATE LOGIN .fabric_login" },
        "effect": { "sql_error": { "number": 15118, "severity": 16, "state": 1 } },
    });
    run.emulator.plant(refusal).await?;
    run.apply_planned().await?.fails_with("The server refuses the password")?;
    if !values(&run.state().await?, LOGIN).is_null() {
        fail!("the stranger's login is in the state");
    }
    run.plan().await?.said.fails_with("The login fabric_login exists")?;
    run.destroy().await?;
    if login(run, "fabric_login").await? != theirs {
        fail!("the stranger's login was {theirs} and is {}", login(run, "fabric_login").await?);
    }
    Ok(())
}

async fn a_role_is_a_principal_of_grants(run: &mut Run) -> Result<()> {
    run.emulator.sql("Sales", "CREATE ROLE reporting").await?;
    let block = "database = \"Sales\"\n  principal = \"reporting\"\n  permissions = [\"SELECT\"]";
    run.write("main.tf", &format!("{HEAD}resource \"fabricmirror_database_grants\" \"x\" {{\n  {block}\n}}\n"))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    holds(run, "Sales", "reporting", &["GRANT SELECT by dbo"]).await
}

async fn a_role_of_a_users_name_is_called_that(run: &mut Run) -> Result<()> {
    run.emulator.sql("Sales", "CREATE ROLE reporting").await?;
    let block = "database = \"Sales\"\n  name = \"reporting\"\n  login_name = \"fabric_login\"";
    run.write("main.tf", &format!("{HEAD}resource \"fabricmirror_database_user\" \"x\" {{\n  {block}\n}}\n"))?;
    run.plan().await?.said.fails_with("reporting is a database role").map(drop)
}

async fn a_replacement_is_no_second_owner(run: &mut Run) -> Result<()> {
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    // Without a look at the server: what is in the state is nobody else's.
    for address in [GRANTS, USER, LOGIN] {
        let arguments =
            ["apply", "-json", "-input=false", "-auto-approve", "-refresh=false", &format!("-replace={address}")];
        run.run(&arguments).await?.success()?;
    }
    run.plan().await?.is_empty()?;

    // Made again by hand, and planned without a look: it is there, and not ours.
    run.emulator.sql("master", "DROP LOGIN fabric_login").await?;
    run.emulator.sql("master", "CREATE LOGIN fabric_login WITH PASSWORD = 'Set-By-Hand-1'").await?;
    run.plan().await?.does(LOGIN, &["delete", "create"])?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()
}

/// Renamed, and replaced under the new name: its users still find it.
async fn a_renamed_login_is_replaced_with_its_sid(run: &mut Run) -> Result<()> {
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    let sid = login(run, "fabric_login").await?["sid"].clone();
    let renamed = edited(PRINCIPALS, &[("\"fabric_login\"", "\"svc_login\"")])?;
    run.write("main.tf", &renamed)?;
    run.plan().await?.changes(LOGIN, "name", &json!("fabric_login"), &json!("svc_login"))?;
    run.apply().await?.success()?;
    run.apply_with(&format!("-replace={LOGIN}")).await?.success()?;
    keeps(run, &sid).await?;

    // Marked as damaged, or made again by a DBA: neither is somebody else's.
    run.run(&["taint", "-no-color", LOGIN]).await?.success()?;
    run.plan().await?.does(LOGIN, &["delete", "create"])?;
    run.apply().await?.success()?;
    keeps(run, &sid).await?;
    run.emulator.sql("master", "DROP LOGIN svc_login").await?;
    run.emulator.sql("master", "CREATE LOGIN svc_login WITH PASSWORD = 'Set-By-Hand-1'").await?;
    let plan = run.plan().await?;
    plan.does(LOGIN, &["delete", "create"])?;
    plan.said.warns("svc_login was dropped and made again by somebody")?;
    run.apply_planned().await?.success()?;
    keeps(run, &sid).await?;
    holds(run, "Sales", "fabric_user", &["GRANT CONNECT by dbo", "GRANT SELECT by dbo"]).await
}

/// The login has its SID, its user is its own, and nothing is left to do.
async fn keeps(run: &mut Run, sid: &Value) -> Result<()> {
    let found = login(run, "svc_login").await?["sid"].clone();
    if found != *sid {
        fail!("the login has the SID {found}, not {sid}");
    }
    run.emulator.sql_as("svc_login", "Correct-Horse-7", "Sales", "SELECT 1").await?;
    run.plan().await?.is_empty()
}
