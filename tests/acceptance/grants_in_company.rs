//! Permissions that others gave, passed on and denied: every one that apply takes away was in a plan.

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::json;

use crate::hcl::{GRANTS, HEAD, LOGIN, PRINCIPALS, USER, edited, without_block};
use crate::principals::pointed_at;
use crate::tutorial::values;
use crate::world::{changes, holds, import_id, is_untouched, now};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(what_is_held_already_is_imported_and_then_shown),
        case!(what_others_granted_is_revoked_in_their_name),
        case!(what_is_denied_by_the_configuration_is_no_surprise),
        case!(that_a_user_may_connect_lifts_no_deny),
        case!(whoever_was_kept_out_stays_so),
        case!(the_switch_to_exclusive_revokes_nothing),
        case!(a_deny_takes_nothing_unsaid),
        case!(a_deletion_names_a_deny_that_came_since),
        case!(what_leaves_the_list_otherwise_than_planned_is_named),
        case!(whoever_loses_something_with_it_is_named_before),
        case!(connect_of_a_role_is_a_permission_like_any_other),
        case!(null_is_no_set_of_permissions),
    ]
}

const CONNECT: &str = "GRANT CONNECT by dbo";
const SELECT: &str = "GRANT SELECT by dbo";

/// A user made by a DBA, with these permissions.
async fn by_hand(run: &Run, permissions: &str) -> Result<()> {
    run.emulator.sql("master", "CREATE LOGIN fabric_login WITH PASSWORD = 'Set-By-Hand-1'").await?;
    let text = format!("CREATE USER fabric_user FOR LOGIN fabric_login; GRANT {permissions} TO fabric_user;");
    run.emulator.sql("Sales", &text).await.map(drop)
}

/// The grants alone, of a principal that somebody else made.
fn grants(principal: &str, body: &str) -> String {
    format!(
        "{HEAD}resource \"fabricmirror_database_grants\" \"fabric\" {{\n  database = \"Sales\"\n  principal = \
         \"{principal}\"\n  {body}\n}}\n"
    )
}

/// Login, user and grants with this in the place of the permissions.
fn principals_with(body: &str) -> Result<String> {
    edited(PRINCIPALS, &[("permissions = [\"SELECT\"]", body)])
}

async fn what_is_held_already_is_imported_and_then_shown(run: &mut Run) -> Result<()> {
    by_hand(run, "INSERT, UPDATE, EXECUTE").await?;
    let select = grants("fabric_user", "permissions = [\"SELECT\"]");
    run.write("main.tf", &select)?;
    let since = now(run).await?;
    let plan = run.plan().await?;
    let error = plan.said.fails_with("fabric_user holds other permissions already")?;
    for permission in ["INSERT", "UPDATE", "EXECUTE"] {
        if !error.detail.contains(&format!("- {permission}, granted by dbo")) {
            fail!("{permission} is not named: {}", error.detail);
        }
    }
    is_untouched(run, since).await?;
    // The block that it offers leads to a plan that shows all of it.
    run.run(&["import", "-no-color", "-input=false", GRANTS, &import_id(&error.detail)?]).await?.success()?;
    let held = json!(["EXECUTE", "INSERT", "UPDATE"]);
    run.plan().await?.changes(GRANTS, "permissions", &held, &json!(["SELECT"]))?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    holds(run, "Sales", "fabric_user", &[CONNECT, SELECT]).await?;
    run.destroy().await?.success()?;

    // So does the other offer: with `exclusive = false` it stays. What came after the plan is refused in apply.
    run.write("main.tf", &select)?;
    run.plan().await?.does(GRANTS, &["create"])?;
    run.emulator.sql("Sales", "GRANT INSERT TO fabric_user").await?;
    let since = now(run).await?;
    run.apply_planned().await?.fails_with("fabric_user holds other permissions already")?;
    is_untouched(run, since).await?;
    run.write("main.tf", &grants("fabric_user", "permissions = [\"SELECT\"]\n  exclusive = false"))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    holds(run, "Sales", "fabric_user", &[CONNECT, "GRANT INSERT by dbo", SELECT]).await?;
    run.destroy().await?.success()?;
    holds(run, "Sales", "fabric_user", &[CONNECT, "GRANT INSERT by dbo"]).await?;

    // A database role is a grantee too; it needs no CONNECT.
    run.emulator.sql("Sales", "CREATE ROLE reporting").await?;
    run.write("main.tf", &grants("reporting", "permissions = [\"SELECT\"]"))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    holds(run, "Sales", "reporting", &[SELECT]).await?;
    if !values(&run.state().await?, GRANTS)["connect"].is_null() {
        fail!("a role is said to need CONNECT");
    }
    run.destroy().await?.success()?;
    holds(run, "Sales", "reporting", &[]).await
}

async fn what_others_granted_is_revoked_in_their_name(run: &mut Run) -> Result<()> {
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    run.emulator.sql("master", "CREATE LOGIN boss WITH PASSWORD = 'Head-Of-All-1'").await?;
    let boss = "CREATE USER boss FOR LOGIN boss; GRANT INSERT, SELECT TO boss WITH GRANT OPTION;";
    run.emulator.sql("Sales", boss).await?;
    run.emulator.sql_as("boss", "Head-Of-All-1", "Sales", "GRANT INSERT TO fabric_user").await?;
    // Granted twice is no difference.
    run.emulator.sql_as("boss", "Head-Of-All-1", "Sales", "GRANT SELECT TO fabric_user").await?;
    let all = [CONNECT, "GRANT INSERT by boss", "GRANT SELECT by boss", SELECT];
    holds(run, "Sales", "fabric_user", &all).await?;
    let plan = run.plan().await?;
    plan.changes(GRANTS, "permissions", &json!(["INSERT", "SELECT"]), &json!(["SELECT"]))?;
    let since = now(run).await?;
    run.apply_planned().await?.success()?;
    let done = changes(run, since).await?;
    if done.len() != 1 || !done[0].contains("REVOKE INSERT FROM [fabric_user]") || !done[0].contains("AS [boss]") {
        fail!("this was done: {done:?}");
    }
    run.plan().await?.is_empty()?;
    holds(run, "Sales", "fabric_user", &[CONNECT, "GRANT SELECT by boss", SELECT]).await?;
    // What a plan shows goes whoever gave it; boss keeps what boss has.
    run.write("main.tf", &principals_with("permissions = []")?)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    holds(run, "Sales", "fabric_user", &[CONNECT]).await?;
    let boss = [CONNECT, "GRANT_WITH_GRANT_OPTION INSERT by dbo", "GRANT_WITH_GRANT_OPTION SELECT by dbo"];
    holds(run, "Sales", "boss", &boss).await
}

async fn what_is_denied_by_the_configuration_is_no_surprise(run: &mut Run) -> Result<()> {
    // Denied by the configuration itself, it is simply that.
    let denying = principals_with("permissions = [\"SELECT\"]\n  denied = [\"CONNECT\"]")?;
    run.write("main.tf", &denying)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    holds(run, "Sales", "fabric_user", &["DENY CONNECT by dbo", SELECT]).await?;
    run.destroy().await?.success().map(drop)
}

async fn that_a_user_may_connect_lifts_no_deny(run: &mut Run) -> Result<()> {
    // Denied by a DBA, while only SELECT is looked at: that the user may connect is no licence to lift it.
    let open = principals_with("permissions = [\"SELECT\"]\n  exclusive = false")?;
    run.write("main.tf", &open)?;
    run.apply().await?.success()?;
    run.emulator.sql("Sales", "DENY CONNECT TO fabric_user").await?;
    let plan = run.plan().await?;
    plan.changes(GRANTS, "connect", &json!(false), &json!(true))?;
    plan.said.warns("CONNECT is denied to fabric_user, set by dbo")?;
    let since = now(run).await?;
    let refused = run.apply_planned().await?.fails_with("CONNECT is denied to fabric_user")?;
    if refused.address != GRANTS || !refused.detail.contains("lift_denies = true") {
        fail!("the refusal leads nowhere: {refused:?}");
    }
    is_untouched(run, since).await?;
    holds(run, "Sales", "fabric_user", &["DENY CONNECT by dbo", SELECT]).await?;
    // The two ways out that it names, one after the other.
    run.write(
        "main.tf",
        &principals_with("permissions = [\"SELECT\"]\n  exclusive = false\n  denied = [\"CONNECT\"]")?,
    )?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    holds(run, "Sales", "fabric_user", &["DENY CONNECT by dbo", SELECT]).await?;
    let lifting = edited(&open, &[("exclusive = false", "exclusive = false\n  lift_denies = true")])?;
    run.write("main.tf", &lifting)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    holds(run, "Sales", "fabric_user", &[CONNECT, SELECT]).await
}

/// CONNECT denied by the configuration to a user who had none: when the DENY goes, there is none again.
async fn whoever_was_kept_out_stays_so(run: &mut Run) -> Result<()> {
    run.emulator.sql("Sales", "CREATE USER guarded WITHOUT LOGIN; GRANT SELECT TO guarded;").await?;
    let denied = grants("guarded", "permissions = []\n  exclusive = false\n  denied = [\"CONNECT\"]");
    for (before, after) in [("GRANT", vec![CONNECT, SELECT]), ("REVOKE", vec![SELECT])] {
        run.emulator.sql("Sales", &format!("{before} CONNECT TO guarded")).await?;
        run.write("main.tf", &denied)?;
        run.apply().await?.success()?;
        run.plan().await?.is_empty()?;
        holds(run, "Sales", "guarded", &["DENY CONNECT by dbo", SELECT]).await?;
        run.write("main.tf", HEAD)?;
        run.apply().await?.success()?;
        holds(run, "Sales", "guarded", &after).await?;
    }
    Ok(())
}

async fn the_switch_to_exclusive_revokes_nothing(run: &mut Run) -> Result<()> {
    run.write("main.tf", &principals_with("permissions = [\"SELECT\"]\n  exclusive = false")?)?;
    run.apply().await?.success()?;
    run.emulator.sql("Sales", "GRANT INSERT TO fabric_user").await?;
    run.plan().await?.is_empty()?;
    run.write("main.tf", PRINCIPALS)?;
    let plan = run.plan().await?;
    plan.changes(GRANTS, "exclusive", &json!(false), &json!(true))?;
    plan.changes(GRANTS, "permissions", &json!(["SELECT"]), &json!(["SELECT"]))?;
    let warning = plan.said.warns("fabric_user holds permissions that are not listed")?;
    if !warning.detail.contains("- INSERT, granted by dbo") {
        fail!("what comes into sight is not named: {}", warning.detail);
    }
    let since = now(run).await?;
    run.apply_planned().await?.success()?;
    is_untouched(run, since).await?;
    // Now it is shown, and only now revoked.
    let plan = run.plan().await?;
    plan.changes(GRANTS, "permissions", &json!(["INSERT", "SELECT"]), &json!(["SELECT"]))?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    holds(run, "Sales", "fabric_user", &[CONNECT, SELECT]).await?;

    // And back: what goes out of sight stays, of which the plan speaks for the last time.
    run.emulator.sql("Sales", "GRANT INSERT TO fabric_user").await?;
    run.write("main.tf", &principals_with("permissions = [\"SELECT\"]\n  exclusive = false")?)?;
    let plan = run.plan().await?;
    plan.changes(GRANTS, "exclusive", &json!(true), &json!(false))?;
    let warning = plan.said.warns("fabric_user keeps permissions that are not managed any more")?;
    if !warning.detail.contains("- INSERT, granted by dbo") || warning.detail.contains("SELECT") {
        fail!("what goes out of sight is not named: {}", warning.detail);
    }
    let since = now(run).await?;
    run.apply_planned().await?.success()?;
    is_untouched(run, since).await?;
    run.plan().await?.is_empty()
}

async fn a_deny_takes_nothing_unsaid(run: &mut Run) -> Result<()> {
    run.write("main.tf", &principals_with("permissions = [\"SELECT\"]\n  exclusive = false")?)?;
    run.apply().await?.success()?;
    let denying = |name: &str| {
        principals_with(&format!("permissions = [\"SELECT\"]\n  exclusive = false\n  denied = [{name:?}]"))
    };
    // Granted where nobody looks, after the plan and before it.
    run.write("main.tf", &denying("DELETE")?)?;
    run.plan().await?.said.does_not_say("is taken from")?;
    run.emulator.sql("Sales", "GRANT DELETE TO fabric_user").await?;
    let since = now(run).await?;
    run.apply_planned().await?.fails_with("What fabric_user holds changed since the plan was made")?;
    is_untouched(run, since).await?;
    holds(run, "Sales", "fabric_user", &[CONNECT, "GRANT DELETE by dbo", SELECT]).await?;
    run.plan().await?.said.warns("DELETE is taken from fabric_user")?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    holds(run, "Sales", "fabric_user", &["DENY DELETE by dbo", CONNECT, SELECT]).await?;

    // Whoever granted it: a DENY may take the place of that too.
    run.emulator.sql("Sales", "CREATE USER boss WITHOUT LOGIN; GRANT UPDATE TO boss WITH GRANT OPTION").await?;
    let denying =
        principals_with("permissions = [\"SELECT\"]\n  exclusive = false\n  denied = [\"DELETE\", \"UPDATE\"]")?;
    run.write("main.tf", &denying)?;
    run.plan().await?.said.does_not_say("is taken from")?;
    run.emulator.sql("Sales", "GRANT UPDATE TO fabric_user AS boss").await?;
    let since = now(run).await?;
    run.apply_planned().await?.fails_with("What fabric_user holds changed since the plan was made")?;
    is_untouched(run, since).await?;
    run.plan().await?.said.warns("UPDATE is taken from fabric_user")?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()
}

async fn a_deletion_names_a_deny_that_came_since(run: &mut Run) -> Result<()> {
    let text = principals_with("permissions = [\"SELECT\", \"INSERT\"]")?;
    run.write("main.tf", &text)?;
    run.apply().await?.success()?;
    run.write("main.tf", &without_block(&text, "resource \"fabricmirror_database_grants\"")?)?;
    run.plan().await?.said.does_not_say("stays denied")?;
    run.emulator.sql("Sales", "DENY INSERT TO fabric_user").await?;
    let warning =
        run.apply_planned().await?.success()?.warns("fabric_user keeps permissions that came since the plan")?;
    if !warning.detail.contains("- INSERT, denied by dbo") {
        fail!("the DENY is not named: {}", warning.detail);
    }
    holds(run, "Sales", "fabric_user", &["DENY INSERT by dbo", CONNECT]).await
}

async fn what_leaves_the_list_otherwise_than_planned_is_named(run: &mut Run) -> Result<()> {
    run.write("main.tf", &principals_with("permissions = [\"SELECT\", \"INSERT\"]\n  exclusive = false")?)?;
    run.apply().await?.success()?;
    run.write("main.tf", &principals_with("permissions = [\"SELECT\"]\n  exclusive = false")?)?;
    run.plan().await?;
    run.emulator.sql("Sales", "GRANT INSERT TO fabric_user WITH GRANT OPTION").await?;
    let warning =
        run.apply_planned().await?.success()?.warns("fabric_user keeps permissions that came since the plan")?;
    if !warning.detail.contains("- INSERT, granted with grant option by dbo") {
        fail!("what stays is not named: {}", warning.detail);
    }
    run.plan().await?.is_empty()?;
    holds(run, "Sales", "fabric_user", &[CONNECT, SELECT, "GRANT_WITH_GRANT_OPTION INSERT by dbo"]).await
}

async fn whoever_loses_something_with_it_is_named_before(run: &mut Run) -> Result<()> {
    run.write("main.tf", &principals_with("permissions = []\n  permissions_with_grant_option = [\"INSERT\"]")?)?;
    run.apply().await?.success()?;
    run.emulator.sql("Sales", "CREATE USER friend WITHOUT LOGIN; CREATE USER late WITHOUT LOGIN;").await?;
    let pass_on = |to: &str| format!("GRANT INSERT TO {to}");
    run.emulator.sql_as("fabric_login", "Correct-Horse-7", "Sales", &pass_on("friend")).await?;

    run.write("main.tf", &principals_with("permissions = [\"INSERT\"]")?)?;
    let plan = run.plan().await?;
    plan.changes(GRANTS, "permissions_with_grant_option", &json!(["INSERT"]), &json!([]))?;
    let warning = plan.said.warns("Others lose what fabric_user granted to them")?;
    if !warning.detail.contains("- INSERT of friend, from fabric_user") {
        fail!("the friend is not named: {}", warning.detail);
    }
    // Since then it was passed on once more: nobody has been told of that.
    run.emulator.sql_as("fabric_login", "Correct-Horse-7", "Sales", &pass_on("late")).await?;
    let since = now(run).await?;
    let refused = run.apply_planned().await?.fails_with("Others would lose what fabric_user granted to them")?;
    if !refused.detail.contains("of late") || refused.detail.contains("of friend") {
        fail!("not the one who was not named: {}", refused.detail);
    }
    is_untouched(run, since).await?;
    for name in ["friend", "late"] {
        holds(run, "Sales", name, &[CONNECT, "GRANT INSERT by fabric_user"]).await?;
    }
    // A new plan names both, and then both lose it; the user itself keeps the permission.
    run.plan().await?.said.warns("of late, from fabric_user")?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    holds(run, "Sales", "fabric_user", &[CONNECT, "GRANT INSERT by dbo"]).await?;
    for name in ["friend", "late"] {
        holds(run, "Sales", name, &[CONNECT]).await?;
    }
    Ok(())
}

async fn connect_of_a_role_is_a_permission_like_any_other(run: &mut Run) -> Result<()> {
    run.emulator.sql("Sales", "CREATE ROLE reporting").await?;
    run.write("main.tf", &grants("reporting", "permissions = [\"SELECT\"]"))?;
    run.apply().await?.success()?;
    // No role has it by itself: a DBA gave it, and the plan shows what apply takes.
    run.emulator.sql("Sales", "GRANT CONNECT TO reporting").await?;
    run.plan().await?.changes(GRANTS, "permissions", &json!(["CONNECT", "SELECT"]), &json!(["SELECT"]))?;
    run.apply_planned().await?.success()?;
    holds(run, "Sales", "reporting", &[SELECT]).await?;
    // Listed, it goes with the object; imported, it is in state and goes too.
    let both = grants("reporting", "permissions = [\"CONNECT\", \"SELECT\"]");
    run.write("main.tf", &both)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    holds(run, "Sales", "reporting", &[CONNECT, SELECT]).await?;
    run.run(&["state", "rm", GRANTS]).await?.success()?;
    run.run(&["import", "-no-color", "-input=false", GRANTS, "Sales/reporting"]).await?.success()?;
    run.plan().await?.is_empty()?;
    run.destroy().await?.success()?;
    holds(run, "Sales", "reporting", &[]).await
}

async fn null_is_no_set_of_permissions(run: &mut Run) -> Result<()> {
    let nothing = "\nvariable \"nothing\" {\n  type = set(string)\n  default = null\n}\nvariable \"nobody\" {\n  type = string\n  \
                   default = null\n}\n";
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    let since = now(run).await?;
    let role = "\nresource \"fabricmirror_workspace_role_assignment\" \"x\" {\n  workspace_id = \
                \"3095face-5f6a-4b7c-8d9e-0f1a2b3c4d09\"\n  principal = { id = var.nobody, type = \"User\" }\n  role = \
                \"Viewer\"\n}\n";
    let connection = "\nresource \"fabricmirror_connection\" \"x\" {\n  display_name = \"x\"\n  server = \"h\"\n  database = \
                      \"d\"\n  basic = { username = var.nobody, password_wo = \"Correct-Horse-7\", password_wo_version = 1 }\n}\n";
    let cases = [
        (principals_with("permissions = var.nothing")?, "permissions", GRANTS),
        (edited(PRINCIPALS, &[("= fabricmirror_login.fabric.name", "= var.nobody")])?, "login_name`, `entra", USER),
        (edited(PRINCIPALS, &[("\"fabric_login\"", "var.nobody")])?, "name", LOGIN),
        (format!("{PRINCIPALS}{role}"), "id", "fabricmirror_workspace_role_assignment.x"),
        (format!("{PRINCIPALS}{connection}"), "username", "fabricmirror_connection.x"),
    ];
    for (text, attribute, address) in cases {
        run.write("main.tf", &format!("{text}{nothing}"))?;
        let plan = run.plan().await?;
        let error = plan.said.diagnostics().into_iter().find(|it| it.severity == "error" && it.address == address);
        let error = error.ok_or_else(|| format!("{address}: {attribute} may be null: {}", plan.said.explain()))?;
        // The CLIs show the place of an attribute inside another as that of the block.
        let pointed = pointed_at(&plan.said);
        let shown =
            pointed.iter().any(|code| code.contains("= var.no") || code.contains("\"x\"") || code.contains("_user\""));
        let says = [format!("`{attribute}` is required"), format!("One of `{attribute}` is needed")];
        if !says.contains(&error.summary) || !shown {
            fail!("{address}: the error says and shows something else: {error:?} {pointed:?}");
        }
    }
    is_untouched(run, since).await?;
    run.write("main.tf", PRINCIPALS)?;
    run.plan().await?.is_empty()
}
