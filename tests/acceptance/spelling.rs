//! What the server takes for equal is equal: another spelling of a name or id is no change, and no statement.

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::{EVERYTHING, HEAD, ROLE, edited, tutorial_with};
use crate::tutorial::values;
use crate::world::{calls, changes, is_untouched, login, now, replicates, user};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(the_tutorial_in_other_spellings),
        case!(a_default_database_in_another_spelling),
        case!(another_spelling_later_is_no_change),
        case!(an_id_that_is_known_only_at_apply),
        case!(a_principal_whose_kind_was_guessed),
    ]
}

/// Everything of the tutorial as somebody spells it who never looked at the server.
fn oddly_spelled() -> Result<String> {
    tutorial_with(&[
        (
            "  server_roles        = [\"##MS_ServerStateReader##\"]\n",
            "  server_roles     = [\"##ms_serverstateREADER##\"]\n  default_database = \"sales\"\n  sid = \
             \"0xaaaaaaaabbbbccccddddeeeeffff0000\"\n",
        ),
        ("  database   = var.database\n", "  database   = upper(var.database)\n"),
        ("  roles      = []\n", "  roles      = [\"DB_DataReader\"]\n  default_schema = \"DBO\"\n"),
        ("  login_name = fabricmirror_login.fabric.name\n", "  login_name = upper(fabricmirror_login.fabric.name)\n"),
        ("principal   = fabricmirror_database_user", "principal   = lower(fabricmirror_database_user"),
        ("fabric.principal\n  permissions", "fabric.principal)\n  permissions"),
        ("  workspace_id = var.workspace_id\n", "  workspace_id = upper(var.workspace_id)\n"),
        ("    id   = var.instance_identity_object_id\n", "    id   = upper(var.instance_identity_object_id)\n"),
        ("  workspace_id   = var.workspace_id\n", "  workspace_id   = upper(var.workspace_id)\n"),
        ("source.id\n  default_schema = \"dbo\"", "source.id)\n  default_schema = \"DBO\""),
        ("  connection_id  = ", "  connection_id  = upper("),
        (
            "  database     = fabricmirror_database_grants.fabric.database\n",
            "  database     = lower(fabricmirror_database_grants.fabric.database)\n",
        ),
        ("  server       = var.server\n", "  server       = upper(var.server)\n"),
        (
            "    username            = fabricmirror_database_user.fabric.login_name\n",
            "    username = upper(fabricmirror_database_user.fabric.login_name)\n",
        ),
        (
            "  workspace_id         = var.workspace_id\n  mirrored_database_id = fabricmirror_mirrored_database.source.id\n",
            "  workspace_id = upper(var.workspace_id)\n  mirrored_database_id = \
             upper(fabricmirror_mirrored_database.source.id)\n",
        ),
        ("depends_on           = [", "depends_on = [fabricmirror_database_grants.fabric, "),
    ])
}

async fn the_tutorial_in_other_spellings(run: &mut Run) -> Result<()> {
    let before = run.emulator.state().await?;
    run.write("main.tf", &oddly_spelled()?)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    replicates(run, 5).await?;
    // Nothing is done a second time, whatever is looked at in between.
    let since = now(run).await?;
    run.run(&["apply", "-refresh-only", "-json", "-input=false", "-auto-approve"]).await?.success()?;
    run.plan().await?.is_empty()?;
    run.apply().await?.success()?;
    is_untouched(run, since).await?;

    // Spelled as the server spells it: still no change.
    let usual = tutorial_with(&[
        ("  roles      = []\n", "  roles      = [\"db_datareader\"]\n"),
        ("  server_roles        = [", "  sid = \"0xAAAAAAAABBBBCCCCDDDDEEEEFFFF0000\"\n  server_roles = ["),
    ])?;
    run.write("main.tf", &usual)?;
    let plan = run.plan().await?;
    for address in EVERYTHING {
        plan.does(address, &["no-op"])?;
    }
    run.apply().await?.success()?;
    is_untouched(run, since).await?;
    for (method, end) in [("POST", "/stopMirroring"), ("POST", "/updateDefinition"), ("PATCH", "")] {
        if calls(run, since, method, end).await? != 0 {
            fail!("{method} {end} was called for a spelling");
        }
    }
    run.destroy().await?.success()?;
    if run.emulator.state().await? != before {
        fail!("something is left");
    }
    Ok(())
}

async fn a_default_database_in_another_spelling(run: &mut Run) -> Result<()> {
    use crate::hcl::PRINCIPALS;
    let text = edited(PRINCIPALS, &[("  server_roles        = []\n", "  default_database = \"sales\"\n")])?;
    run.write("main.tf", &text)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()
}

async fn another_spelling_later_is_no_change(run: &mut Run) -> Result<()> {
    use crate::hcl::{GRANTS, LOGIN, PRINCIPALS, USER};
    let text = edited(
        PRINCIPALS,
        &[("\"fabric_user\"", "\"svc_user\""), ("  roles      = []\n", "  roles      = [\"db_datareader\"]\n")],
    )?;
    run.write("main.tf", &text)?;
    run.apply().await?.success()?;
    let (login_before, user_before) = (login(run, "fabric_login").await?, user(run, "Sales", "svc_user").await?);
    let since = now(run).await?;
    // Of one, of all, and with the blanks that the server passes by.
    let one = edited(&text, &[("\"svc_user\"", "\"Svc_User\"")])?;
    let all = edited(
        &text,
        &[
            ("\"svc_user\"", "\"SVC_USER\""),
            ("\"fabric_login\"", "\"Fabric_Login\""),
            ("\"Sales\"", "\"SALES\""),
            ("\"db_datareader\"", "\"DB_DATAREADER\""),
        ],
    )?;
    let blank = edited(&text, &[("\"svc_user\"", "\"svc_user \"")])?;
    for text in [&one, &all, &blank] {
        run.write("main.tf", text)?;
        let plan = run.plan().await?;
        plan.is_empty()?;
        for address in [LOGIN, USER, GRANTS] {
            plan.does(address, &["no-op"])?;
        }
        run.apply().await?.success()?;
    }
    // A real change beside it changes that alone.
    run.write("main.tf", &edited(&all, &[("[\"SELECT\"]", "[\"INSERT\", \"SELECT\"]")])?)?;
    run.plan().await?.does(LOGIN, &["no-op"])?.does(USER, &["no-op"])?.does(GRANTS, &["update"])?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    let done = changes(run, since).await?;
    if done.len() != 1 || !done[0].contains("GRANT INSERT") {
        fail!("not the grant alone: {done:?}");
    }
    if (login(run, "fabric_login").await?, user(run, "Sales", "svc_user").await?) != (login_before, user_before) {
        fail!("login or user was changed");
    }

    // Nor is it one when a DBA does it.
    run.emulator.sql("Sales", "ALTER USER svc_user WITH NAME = Svc_User").await?;
    run.emulator.sql("master", "ALTER LOGIN fabric_login WITH NAME = FABRIC_LOGIN").await?;
    run.plan().await?.is_empty()?;
    run.destroy().await?.success().map(drop)
}

/// The role of the instance's identity, in a workspace whose id another object of the same run has.
fn known_at_apply(made: u32, workspace: &str, identity: &str, kind: &str) -> String {
    format!(
        r#"{HEAD}
variable "workspace_id" {{
  type = string
}}
variable "instance_identity_object_id" {{
  type = string
}}
resource "terraform_data" "workspace" {{
  input            = {workspace}
  triggers_replace = {made}
}}
resource "fabricmirror_workspace_role_assignment" "instance" {{
  workspace_id = terraform_data.workspace.output
  principal    = {{ id = {identity}, type = "{kind}" }}
  role         = "Contributor"
}}
"#
    )
}

const WORKSPACE: &str = "var.workspace_id";
const IDENTITY: &str = "var.instance_identity_object_id";

async fn an_id_that_is_known_only_at_apply(run: &mut Run) -> Result<()> {
    let (workspace, identity) = (format!("upper({WORKSPACE})"), format!("upper({IDENTITY})"));
    let object_id = run.emulator.ready.scenario.instance_identity_object_id.clone();
    for (made, workspace, identity) in [
        (1, WORKSPACE, IDENTITY),
        // In capitals, which nobody knows while the plan is made.
        (2, &*workspace, IDENTITY),
        (3, &*workspace, &*identity),
    ] {
        run.write("main.tf", &known_at_apply(made, workspace, identity, "ServicePrincipal"))?;
        run.apply().await?.success().map_err(|error| format!("made {made}: {error}"))?;
        run.plan().await?.is_empty().map_err(|error| format!("made {made}: {error}"))?;
        let roles = run.emulator.state().await?["fabric"]["workspaces"][0]["role_assignments"].clone();
        let given = |it: &Value| it["principal_id"] == *object_id && it["role"] == "Contributor";
        if !roles.as_array().is_some_and(|roles| roles.iter().any(given)) {
            fail!("after apply {made} the identity has no role: {roles}");
        }
    }
    run.destroy().await?.success().map(drop)
}

async fn a_principal_whose_kind_was_guessed(run: &mut Run) -> Result<()> {
    let identity = run.emulator.ready.scenario.instance_identity_object_id.clone();
    let text = |kind: &str| known_at_apply(1, WORKSPACE, IDENTITY, kind);
    run.write("main.tf", &text("User"))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    // What was asked for and what the service made of it are two things.
    let state = values(&run.state().await?, ROLE);
    if (&state["principal"]["type"], &state["principal_type"]) != (&json!("User"), &json!("ServicePrincipal")) {
        fail!("the state says {} and {}", state["principal"]["type"], state["principal_type"]);
    }
    // The right word is no reason to do anything.
    let since = now(run).await?;
    run.write("main.tf", &text("ServicePrincipal"))?;
    let plan = run.plan().await?;
    if plan.actions(ROLE).iter().any(|action| action != "update" && action != "no-op") {
        fail!("the word replaces the assignment: {:?}", plan.actions(ROLE));
    }
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    for method in ["POST", "PATCH", "DELETE"] {
        if calls(run, since, method, "/roleAssignments").await? + calls(run, since, method, &identity).await? != 0 {
            fail!("{method} was called for a word");
        }
    }
    run.destroy().await?.success().map(drop)
}
