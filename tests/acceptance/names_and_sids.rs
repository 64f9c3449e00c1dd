//! Names change hands, identifiers do not: objects are found by what they are, and follow each other.

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::{GRANTS, LOGIN, PRINCIPALS, USER, edited};
use crate::tutorial::values;
use crate::world::{changes, holds, login, now, user};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(users_follow_their_login_to_another_sid),
        case!(a_login_is_renamed_without_a_word_to_its_user),
        case!(a_stranger_under_our_name_is_not_touched),
        case!(a_stranger_under_our_name_is_not_taken_for_ours),
        case!(what_came_since_the_plan_stays),
        case!(another_user_of_the_same_login_is_not_ours),
        case!(a_login_of_a_former_name_needs_another_sid),
        case!(a_password_that_somebody_else_set_is_said),
    ]
}

async fn users_follow_their_login_to_another_sid(run: &mut Run) -> Result<()> {
    // Whether the user refers to the login's `principal` or, as in older configurations, to its name.
    for reference in ["fabricmirror_login.fabric.principal", "fabricmirror_login.fabric.name"] {
        let with = |sid: &str| {
            edited(
                PRINCIPALS,
                &[
                    ("fabricmirror_login.fabric.name", reference),
                    ("  server_roles        = []\n", &format!("  server_roles = []\n  sid = \"{sid}\"\n")),
                ],
            )
        };
        run.write("main.tf", &with("0x11111111222233334444555566667777")?)?;
        run.apply().await?.success()?;
        run.plan().await?.is_empty()?;
        run.write("main.tf", &with("0xAAAAAAAABBBBCCCCDDDDEEEEFFFF0000")?)?;
        let plan = run.plan().await?;
        plan.does(LOGIN, &["delete", "create"])?.does(USER, &["update"])?.does(GRANTS, &["no-op"])?;
        run.apply_planned().await?.success().map_err(|error| format!("{reference}: {error}"))?;
        run.emulator.sql_as("fabric_login", "Correct-Horse-7", "Sales", "SELECT 1").await?;
        let (login, user) = (login(run, "fabric_login").await?, user(run, "Sales", "fabric_user").await?);
        if login["sid"] != "0xAAAAAAAABBBBCCCCDDDDEEEEFFFF0000" || user["sid"] != login["sid"] {
            fail!("{reference}: the login has {}, its user {}", login["sid"], user["sid"]);
        }
        run.plan().await?.is_empty().map_err(|error| format!("{reference}: {error}"))?;
        run.destroy().await?.success()?;
    }
    Ok(())
}

/// The operator of docs/guides/least-privilege.md: mapping a user needs CONTROL, which it has not.
async fn a_login_is_renamed_without_a_word_to_its_user(run: &mut Run) -> Result<()> {
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    let master = "CREATE LOGIN operator WITH PASSWORD = 'Weak-Person-1'; ALTER SERVER ROLE [##MS_LoginManager##] ADD MEMBER \
                  operator;";
    run.emulator.sql("master", master).await?;
    let sales =
        "CREATE USER operator FOR LOGIN operator; GRANT ALTER ANY USER TO operator; GRANT VIEW DEFINITION TO operator;";
    run.emulator.sql("Sales", sales).await?;
    run.set("FABRICMIRROR_SQL_USERNAME", "operator");
    run.set("FABRICMIRROR_SQL_PASSWORD", "Weak-Person-1");
    run.write("main.tf", &edited(PRINCIPALS, &[("\"fabric_login\"", "\"renamed\"")])?)?;
    let plan = run.plan().await?;
    plan.changes(LOGIN, "name", &json!("fabric_login"), &json!("renamed"))?;
    plan.changes(USER, "login_name", &json!("fabric_login"), &json!("renamed"))?;
    let since = now(run).await?;
    run.apply_planned().await?.success()?;
    let done = changes(run, since).await?;
    if done.len() != 1 || !done[0].contains("ALTER LOGIN [fabric_login] WITH NAME = [renamed]") {
        fail!("more than the login was renamed: {done:?}");
    }
    run.plan().await?.is_empty()?;
    run.emulator.sql_as("renamed", "Correct-Horse-7", "Sales", "SELECT 1").await.map(drop)
}

async fn a_stranger_under_our_name_is_not_touched(run: &mut Run) -> Result<()> {
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    // The user is an imported one: nothing but its SID says that it is ours.
    run.run(&["state", "rm", USER]).await?.success()?;
    run.run(&["import", "-no-color", "-input=false", USER, "Sales/fabric_user"]).await?.success()?;
    let (our_login, our_user) = (login(run, "fabric_login").await?, user(run, "Sales", "fabric_user").await?);

    // A DBA renames both, and once the plan is made, gives their names to somebody else.
    run.emulator.sql("master", "ALTER LOGIN fabric_login WITH NAME = old_login").await?;
    run.emulator.sql("Sales", "ALTER USER fabric_user WITH NAME = old_user").await?;
    let plan = run.plan().await?;
    plan.changes(LOGIN, "name", &json!("old_login"), &json!("fabric_login"))?;
    plan.changes(USER, "name", &json!("old_user"), &json!("fabric_user"))?;
    run.emulator.sql("master", "CREATE LOGIN fabric_login WITH PASSWORD = 'Of-A-Stranger-1'").await?;
    run.emulator.sql("Sales", "CREATE USER fabric_user FOR LOGIN fabric_login").await?;
    let strangers = (login(run, "fabric_login").await?, user(run, "Sales", "fabric_user").await?);
    run.apply_planned().await?.fails_with("cannot be called fabric_login")?;
    // Said by the plan: what depends on the names, such as the grants, is not taken apart first.
    plan_says_the_name_is_taken(run, LOGIN, "fabric_login").await?;
    run.apply().await?.fails_with("cannot be called fabric_login")?;
    holds(run, "Sales", "old_user", &["GRANT CONNECT by dbo", "GRANT SELECT by dbo"]).await?;
    let sid_in_state = values(&run.state().await?, USER)["sid"].clone();
    if sid_in_state != our_user["sid"] {
        fail!("the state took the stranger's SID: {sid_in_state}");
    }
    if (login(run, "fabric_login").await?, user(run, "Sales", "fabric_user").await?) != strangers {
        fail!("the stranger was touched");
    }
    run.emulator.sql_as("fabric_login", "Of-A-Stranger-1", "Sales", "SELECT 1").await?;
    holds(run, "Sales", "fabric_user", &["GRANT CONNECT by dbo"]).await?;

    // The login's name is free again, and the user's is not: Terraform asks about the user only now.
    run.emulator.sql("master", "ALTER LOGIN fabric_login WITH NAME = stranger").await?;
    let stranger = user(run, "Sales", "fabric_user").await?;
    plan_says_the_name_is_taken(run, USER, "fabric_user").await?;
    run.apply().await?.fails_with("cannot be called fabric_user")?;
    holds(run, "Sales", "old_user", &["GRANT CONNECT by dbo", "GRANT SELECT by dbo"]).await?;
    if user(run, "Sales", "fabric_user").await? != stranger || stranger["sid"] != strangers.1["sid"] {
        fail!("the stranger was touched");
    }

    // Once both names are free, ours get them back.
    run.emulator.sql("Sales", "ALTER USER fabric_user WITH NAME = stranger").await?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    let (login, user) = (login(run, "fabric_login").await?, user(run, "Sales", "fabric_user").await?);
    if login["sid"] != our_login["sid"] || user["sid"] != our_user["sid"] {
        fail!("others have the names: {login}, {user}");
    }
    holds(run, "Sales", "fabric_user", &["GRANT CONNECT by dbo", "GRANT SELECT by dbo"]).await?;
    // Destroyed is what is ours, and only that.
    run.destroy().await?.success()?;
    run.emulator.sql_as("stranger", "Of-A-Stranger-1", "Sales", "SELECT 1").await.map(drop)
}

/// There before the plan is made, and whether ours was made or imported.
async fn a_stranger_under_our_name_is_not_taken_for_ours(run: &mut Run) -> Result<()> {
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    let ours = user(run, "Sales", "fabric_user").await?;
    run.emulator.sql("master", "CREATE LOGIN stranger WITH PASSWORD = 'Somebody-Else-1'").await?;
    for imported in [false, true] {
        if imported {
            run.run(&["state", "rm", USER]).await?.success()?;
            run.run(&["import", "-no-color", "-input=false", USER, "Sales/fabric_user"]).await?.success()?;
        }
        run.emulator.sql("Sales", "ALTER USER fabric_user WITH NAME = old_user").await?;
        run.emulator.sql("Sales", "CREATE USER fabric_user FOR LOGIN stranger").await?;
        let stranger = user(run, "Sales", "fabric_user").await?;
        run.run(&["apply", "-refresh-only", "-json", "-input=false", "-auto-approve"]).await?;
        run.apply().await?;
        let in_state = values(&run.state().await?, USER)["sid"].clone();
        if in_state != ours["sid"] {
            fail!("imported: {imported}: the state took the stranger's SID: {in_state}");
        }
        if user(run, "Sales", "fabric_user").await? != stranger {
            fail!("imported: {imported}: the stranger was touched");
        }
        run.emulator.sql("Sales", "DROP USER fabric_user").await?;
        run.apply().await?.success()?;
        run.plan().await?.is_empty()?;
    }
    Ok(())
}

/// The plan refuses to call what is ours by somebody else's name, and says the statement that frees it.
async fn plan_says_the_name_is_taken(run: &mut Run, address: &str, name: &str) -> Result<()> {
    let said = run.plan().await?.said;
    let frees = format!("[{name}] WITH NAME = ");
    let errors: Vec<_> = said.diagnostics().into_iter().filter(|it| it.severity == "error").collect();
    match errors.as_slice() {
        [it] if it.address == address && it.summary.contains("cannot be called") && it.detail.contains(&frees) => {
            Ok(())
        }
        _ => fail!("{address}: nobody says whose name that is: {}", said.explain()),
    }
}

async fn what_came_since_the_plan_stays(run: &mut Run) -> Result<()> {
    let roles = |database: &'static str, server: &'static str| {
        edited(PRINCIPALS, &[("  server_roles        = []\n", server), ("  roles      = []\n", database)])
    };
    let managed = roles("  roles = [\"db_datareader\"]\n", "  server_roles = []\n  enabled = true\n")?;
    let left_out = roles("", "")?;
    for (name, text, next) in [("left out", &left_out, 0), ("given", &managed, 2)] {
        run.write("main.tf", text)?;
        run.apply().await?.success()?;
        // The plan renames the user, and sets a default database; a DBA is quicker than its apply.
        let changed = edited(
            text,
            &[
                ("\"fabric_user\"", "\"renamed\""),
                ("password_wo_version = 1", "password_wo_version = 1\n  default_database = \"Sales\""),
            ],
        )?;
        run.write("main.tf", &changed)?;
        run.plan().await?.does(LOGIN, &["update"])?.does(USER, &["update"])?;
        run.emulator.sql("master", "ALTER SERVER ROLE [##MS_ServerStateReader##] ADD MEMBER fabric_login").await?;
        run.emulator.sql("Sales", "ALTER ROLE db_datawriter ADD MEMBER fabric_user").await?;
        run.emulator.sql("Sales", "GRANT INSERT TO fabric_user").await?;
        run.apply_planned().await?.success().map_err(|error| format!("{name}: {error}"))?;
        let (login, user) = (login(run, "fabric_login").await?, user(run, "Sales", "renamed").await?);
        if login["server_roles"] != json!(["##MS_ServerStateReader##"]) || !holds_role(&user, "db_datawriter") {
            fail!("{name}: a role that came since the plan was taken away: {login}, {user}");
        }
        // The next plan shows it, where it is managed; the permission always is.
        let plan = run.plan().await?;
        plan.changes(GRANTS, "permissions", &json!(["INSERT", "SELECT"]), &json!(["SELECT"]))?;
        let actions = if next == 0 { ["no-op"] } else { ["update"] };
        plan.does(LOGIN, &actions)?.does(USER, &actions)?;
        run.apply_planned().await?.success()?;
        run.plan().await?.is_empty()?;
        run.destroy().await?.success()?;
    }
    Ok(())
}

async fn another_user_of_the_same_login_is_not_ours(run: &mut Run) -> Result<()> {
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    let edits =
        [("  roles      = []\n", "  roles = [\"db_datareader\"]\n"), ("[\"SELECT\"]", "[\"SELECT\", \"INSERT\"]")];
    run.write("main.tf", &edited(PRINCIPALS, &edits)?)?;
    run.plan().await?.does(USER, &["update"])?.does(GRANTS, &["update"])?;
    // It has our user's SID, and is nobody of whom the plan knows.
    run.emulator.sql("Sales", "DROP USER fabric_user; CREATE USER theirs FOR LOGIN fabric_login;").await?;
    run.apply_planned().await?.fails_with("The user fabric_user is not there any more")?;
    let theirs = user(run, "Sales", "theirs").await?;
    if holds_role(&theirs, "db_datareader") {
        fail!("somebody else's user got our role: {theirs}");
    }
    holds(run, "Sales", "theirs", &["GRANT CONNECT by dbo"]).await?;

    // A mapping and a new name do not make another one of it.
    run.write("main.tf", PRINCIPALS)?;
    run.emulator.sql("Sales", "ALTER USER theirs WITH NAME = fabric_user").await?;
    run.apply().await?.success()?;
    run.emulator.sql("master", "CREATE LOGIN stranger WITH PASSWORD = 'Somebody-Else-1'").await?;
    run.emulator.sql("Sales", "ALTER USER fabric_user WITH LOGIN = stranger, NAME = moved").await?;
    let plan = run.plan().await?;
    plan.changes(USER, "name", &json!("moved"), &json!("fabric_user"))?;
    plan.changes(USER, "login_name", &json!("stranger"), &json!("fabric_login"))?.does(GRANTS, &["update"])?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    run.emulator.sql_as("fabric_login", "Correct-Horse-7", "Sales", "SELECT 1").await?;
    holds(run, "Sales", "fabric_user", &["GRANT CONNECT by dbo", "GRANT SELECT by dbo"]).await
}

async fn a_login_of_a_former_name_needs_another_sid(run: &mut Run) -> Result<()> {
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    let renamed = edited(PRINCIPALS, &[("\"fabric_login\"", "\"renamed\"")])?;
    run.write("main.tf", &renamed)?;
    run.apply().await?.success()?;
    let second = |sid: &str| {
        format!(
            "{renamed}\nresource \"fabricmirror_login\" \"second\" {{\n  name = \"fabric_login\"\n  password_wo = \
             \"Correct-Horse-7\"\n  password_wo_version = 1\n{sid}}}\n"
        )
    };
    run.write("main.tf", &second(""))?;
    let said = run.plan().await?.said;
    let error = said.fails_with("The SID is in use")?;
    let Some(offered) = error.detail.lines().find(|line| line.trim().starts_with("sid = ")) else {
        fail!("another one is not named: {}", error.detail);
    };
    run.write("main.tf", &second(&format!("{offered}\n")))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()
}

fn holds_role(user: &Value, role: &str) -> bool {
    user["roles"].as_array().into_iter().flatten().any(|it| it == role)
}

async fn a_password_that_somebody_else_set_is_said(run: &mut Run) -> Result<()> {
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    run.emulator.advance(60).await?;
    run.emulator.sql("master", "ALTER LOGIN fabric_login WITH PASSWORD = 'Changed-By-4nother'").await?;
    let plan = run.plan().await?;
    plan.does(LOGIN, &["update"])?.does(USER, &["no-op"])?;
    plan.said.warns("Somebody else has set the password of login fabric_login")?;
    // Taken note of, and not undone.
    let since = now(run).await?;
    run.apply_planned().await?.success()?;
    if !changes(run, since).await?.is_empty() {
        fail!("the password was set unasked: {:?}", changes(run, since).await?);
    }
    run.emulator.sql_as("fabric_login", "Changed-By-4nother", "Sales", "SELECT 1").await?;
    run.plan().await?.is_empty()?;
    // Set again when the version says so; that is no news to the next plan.
    run.emulator.advance(60).await?;
    run.write("main.tf", &edited(PRINCIPALS, &[("password_wo_version = 1", "password_wo_version = 2")])?)?;
    run.apply().await?.success()?;
    run.emulator.sql_as("fabric_login", "Correct-Horse-7", "Sales", "SELECT 1").await?;
    run.plan().await?.is_empty()?;
    // Nor is it one's business whose password it is that nobody manages here.
    run.run(&["state", "rm", LOGIN]).await?.success()?;
    run.run(&["import", "-no-color", "-input=false", LOGIN, "fabric_login"]).await?.success()?;
    let unmanaged = "  password_wo         = \"Correct-Horse-7\"\n  password_wo_version = 1\n";
    run.write("main.tf", &edited(PRINCIPALS, &[(unmanaged, "")])?)?;
    run.plan().await?.is_empty()?;
    run.emulator.advance(60).await?;
    run.emulator.sql("master", "ALTER LOGIN fabric_login WITH PASSWORD = 'Changed-By-4nother'").await?;
    run.plan().await?.is_empty()
}
