//! The end of a database role: with members, with what it owns and has granted.

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};

use crate::hcl::{HEAD, edited};
use crate::roles::{ROLE, alone, is_gone, is_owned};
use crate::world::{holds, is_untouched, now};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(a_role_with_members_is_not_dropped),
        case!(members_that_a_plan_has_named_go),
        case!(members_that_came_since_the_plan_stay),
        case!(a_forced_replacement_takes_no_members_out),
        case!(what_keeps_a_role_from_going_is_listed),
    ]
}

/// Those whom the detail of a diagnostic lists.
fn lists(detail: &str) -> Vec<&str> {
    detail.lines().filter_map(|line| line.strip_prefix("- ")?.split(',').next()).collect()
}

async fn a_role_with_members_is_not_dropped(run: &mut Run) -> Result<()> {
    run.write("main.tf", &alone(""))?;
    run.apply().await?.success()?;
    let members = "CREATE USER u WITHOUT LOGIN; CREATE ROLE [inner]; ALTER ROLE reporting ADD MEMBER u; ALTER ROLE reporting \
                   ADD MEMBER [inner]";
    run.emulator.sql("Sales", members).await?;
    run.plan().await?.is_empty()?;
    run.write("main.tf", HEAD)?;
    let warning = run.plan().await?.said.warns("Role reporting has members")?;
    if lists(&warning.detail) != ["u", "inner"] {
        fail!("not both members are named: {}", warning.detail);
    }
    let since = now(run).await?;
    let error = run.apply_planned().await?.fails_with("Role reporting has members")?;
    if lists(&error.detail) != ["u", "inner"] || !error.detail.contains("remove_members = true") {
        fail!("the error leads nowhere: {error:?}");
    }
    is_untouched(run, since).await?;
    is_owned(run, "reporting", "dbo", &["inner", "u"]).await?;
    // What it offers to a DBA.
    let statements: Vec<&str> = error.detail.lines().filter(|line| line.starts_with("ALTER ROLE ")).collect();
    run.emulator.sql("Sales", &statements.join("\n")).await?;
    let plan = run.plan().await?;
    plan.said.does_not_say("has members")?;
    run.apply_planned().await?.success()?;
    is_gone(run, "reporting").await
}

async fn members_that_a_plan_has_named_go(run: &mut Run) -> Result<()> {
    run.write("main.tf", &alone("  remove_members = true\n"))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    let members = "CREATE USER [o'u] WITHOUT LOGIN; CREATE ROLE [in]]ner]; ALTER ROLE reporting ADD MEMBER [o'u]; ALTER ROLE \
                   reporting ADD MEMBER [in]]ner]";
    run.emulator.sql("Sales", members).await?;
    run.write("main.tf", HEAD)?;
    let warning = run.plan().await?.said.warns("The members of role reporting lose it")?;
    if lists(&warning.detail) != ["o'u", "in]ner"] {
        fail!("not both members are named: {}", warning.detail);
    }
    // Under another name it is the same member; one who has gone is none.
    run.emulator
        .sql("Sales", "ALTER USER [o'u] WITH NAME = renamed; ALTER ROLE reporting DROP MEMBER [in]]ner]")
        .await?;
    run.apply_planned().await?.success()?;
    is_gone(run, "reporting").await?;
    let left = "SELECT name FROM sys.database_principals WHERE name IN (N'renamed', N'in]ner') ORDER BY name";
    let left = run.emulator.sql("Sales", left).await?.concat();
    if left != ["in]ner", "renamed"] {
        fail!("a member went with the role: {left:?}");
    }
    Ok(())
}

async fn members_that_came_since_the_plan_stay(run: &mut Run) -> Result<()> {
    run.write("main.tf", &alone("  remove_members = true\n"))?;
    run.apply().await?.success()?;
    run.emulator
        .sql("Sales", "CREATE USER u WITHOUT LOGIN; CREATE USER late WITHOUT LOGIN; ALTER ROLE reporting ADD MEMBER u")
        .await?;
    run.write("main.tf", HEAD)?;
    // One more; or another one of the same name.
    for came in [
        "ALTER ROLE reporting ADD MEMBER late",
        "ALTER ROLE reporting DROP MEMBER late; DROP USER late; CREATE USER late WITHOUT LOGIN; ALTER ROLE reporting ADD MEMBER late",
    ] {
        run.plan().await?.said.warns("The members of role reporting lose it")?;
        run.emulator.sql("Sales", came).await?;
        let since = now(run).await?;
        let error =
            run.apply_planned().await?.fails_with("Who is in role reporting changed since the plan was made")?;
        if lists(&error.detail) != ["late"] {
            fail!("not the one who came is named: {error:?}");
        }
        is_untouched(run, since).await?;
        is_owned(run, "reporting", "dbo", &["late", "u"]).await?;
    }
    run.plan().await?.said.warns("The members of role reporting lose it")?;
    run.apply_planned().await?.success()?;
    is_gone(run, "reporting").await
}

/// The CLIs show no warning of such a plan, and nothing unsaid goes.
async fn a_forced_replacement_takes_no_members_out(run: &mut Run) -> Result<()> {
    run.write("main.tf", &alone("  remove_members = true\n"))?;
    run.apply().await?.success()?;
    let replace = format!("-replace={ROLE}");
    run.apply_with(&replace).await?.success()?;
    run.plan().await?.is_empty()?;
    run.emulator.sql("Sales", "CREATE USER u WITHOUT LOGIN; ALTER ROLE reporting ADD MEMBER u").await?;
    for forced in [true, false] {
        if !forced {
            run.run(&["taint", "-no-color", ROLE]).await?.success()?;
        }
        let since = now(run).await?;
        let said = if forced { run.apply_with(&replace).await? } else { run.apply().await? };
        let error = said.fails_with("Role reporting has members")?;
        if lists(&error.detail) != ["u"] || !error.detail.contains("no plan can name them") {
            fail!("nobody says why: {}", error.detail);
        }
        is_untouched(run, since).await?;
    }
    run.run(&["untaint", "-no-color", ROLE]).await?.success()?;
    run.plan().await?.is_empty()?;
    // A replacement that the plan decides on names them.
    run.write("main.tf", &edited(&alone("  remove_members = true\n"), &[("\"Sales\"", "\"Inventory\"")])?)?;
    let warning = run.plan().await?.said.warns("The members of role reporting lose it")?;
    if lists(&warning.detail) != ["u"] {
        fail!("the member is not named: {}", warning.detail);
    }
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    is_gone(run, "reporting").await
}

async fn what_keeps_a_role_from_going_is_listed(run: &mut Run) -> Result<()> {
    run.write("main.tf", &alone(""))?;
    run.apply().await?.success()?;
    run.write("main.tf", HEAD)?;
    for (act, words) in [
        ("CREATE SCHEMA [s]]x] AUTHORIZATION reporting", "ALTER AUTHORIZATION ON SCHEMA::[s]]x] TO [dbo];"),
        ("CREATE ROLE [owned] AUTHORIZATION reporting", "ALTER AUTHORIZATION ON ROLE::[owned] TO [dbo];"),
        (
            "CREATE USER friend WITHOUT LOGIN; GRANT INSERT TO reporting WITH GRANT OPTION; GRANT INSERT TO friend AS reporting",
            "REVOKE INSERT FROM [friend] CASCADE AS [reporting];",
        ),
    ] {
        run.emulator.sql("Sales", act).await?;
        let plan = run.plan().await?;
        if act.contains("GRANT") {
            plan.said.warns("Role reporting has granted permissions to others")?;
        }
        run.apply_planned().await?.fails_with(words)?;
        is_owned(run, "reporting", "dbo", &[]).await?;
        run.emulator.sql("Sales", words).await?;
    }
    run.apply().await?.success()?;
    is_gone(run, "reporting").await?;
    holds(run, "Sales", "friend", &["GRANT CONNECT by dbo"]).await
}
