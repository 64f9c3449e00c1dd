//! Database roles: their life, their members, and what others do to them.

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::{HEAD, PRINCIPALS, USER, edited, without_block};
use crate::tutorial::values;
use crate::world::{changes, holds, import, import_id, is_as, is_untouched, now};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(a_role_is_renamed_and_given_away_in_place),
        case!(a_role_that_exists_is_imported),
        case!(what_is_no_role_of_ours_is_refused_by_its_kind),
        case!(what_a_dba_does_to_a_role_shows),
        case!(a_role_that_was_made_again_is_another_one),
        case!(another_role_under_our_name_is_not_touched),
        case!(two_blocks_for_one_role_are_one_too_many),
        case!(a_lost_answer_to_a_roles_creation_is_made_up_for),
        case!(a_role_is_managed_with_few_rights),
    ]
}

pub const ROLE: &str = "fabricmirror_database_role.reporting";
const GRANTS: &str = "fabricmirror_database_grants.reporting";
const SELECT: &str = "GRANT SELECT by dbo";

/// A block of the role, with this besides.
fn role(body: &str) -> String {
    format!(
        "\nresource \"fabricmirror_database_role\" \"reporting\" {{\n  database = \"Sales\"\n  name     = \"reporting\"\n{body}}}\n"
    )
}

pub fn alone(body: &str) -> String {
    format!("{HEAD}{}", role(body))
}

/// The role, what it may do, and a user in it.
fn company() -> Result<String> {
    let grants = "\nresource \"fabricmirror_database_grants\" \"reporting\" {\n  database    = \
                  fabricmirror_database_role.reporting.database\n  principal   = \
                  fabricmirror_database_role.reporting.principal\n  permissions = [\"SELECT\"]\n}\n";
    let user =
        edited(PRINCIPALS, &[("  roles      = []", "  roles = [fabricmirror_database_role.reporting.principal]")])?;
    Ok(format!("{user}{}{grants}", role("")))
}

/// Owner and members of a role of Sales; `None`: there is none of the name.
async fn found(run: &Run, name: &str) -> Result<Option<(String, Vec<String>)>> {
    let owner = format!(
        "SELECT o.name FROM sys.database_principals AS r JOIN sys.database_principals AS o ON o.principal_id = \
         r.owning_principal_id WHERE r.type = 'R' AND r.name = N'{name}'"
    );
    let Some(owner) = run.emulator.sql("Sales", &owner).await?.concat().pop() else { return Ok(None) };
    let members = format!(
        "SELECT m.name FROM sys.database_role_members AS rm JOIN sys.database_principals AS m ON m.principal_id = \
         rm.member_principal_id JOIN sys.database_principals AS r ON r.principal_id = rm.role_principal_id WHERE r.name = \
         N'{name}' ORDER BY m.name"
    );
    Ok(Some((owner, run.emulator.sql("Sales", &members).await?.concat())))
}

pub async fn is_owned(run: &Run, name: &str, owner: &str, members: &[&str]) -> Result<()> {
    match found(run, name).await? {
        Some((of, within)) if of == owner && within == members => Ok(()),
        other => fail!("role {name} is not {owner}'s with {members:?}: {other:?}"),
    }
}

pub async fn is_gone(run: &Run, name: &str) -> Result<()> {
    match found(run, name).await? {
        None => Ok(()),
        Some(role) => fail!("role {name} is there: {role:?}"),
    }
}

async fn a_role_is_renamed_and_given_away_in_place(run: &mut Run) -> Result<()> {
    let before = run.emulator.state().await?;
    let text = company()?;
    run.write("main.tf", &text)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    is_owned(run, "reporting", "dbo", &["fabric_user"]).await?;
    holds(run, "Sales", "reporting", &[SELECT]).await?;

    // Renamed, it keeps both.
    let renamed = edited(&text, &[("\"reporting\"\n}", "\"reports\"\n}")])?;
    run.write("main.tf", &renamed)?;
    let plan = run.plan().await?;
    plan.changes(ROLE, "name", &json!("reporting"), &json!("reports"))?;
    plan.changes(GRANTS, "principal", &json!("reporting"), &json!("reports"))?;
    plan.changes(USER, "roles", &json!(["reporting"]), &json!(["reports"]))?;
    let since = now(run).await?;
    run.apply_planned().await?.success()?;
    let done = changes(run, since).await?;
    if done.len() != 1 || !done[0].contains("ALTER ROLE [reporting] WITH NAME = [reports]") {
        fail!("more than the role was renamed: {done:?}");
    }
    run.plan().await?.is_empty()?;
    is_owned(run, "reports", "dbo", &["fabric_user"]).await?;
    holds(run, "Sales", "reports", &[SELECT]).await?;

    // Given to another owner, which is left alone when it is left out again.
    run.emulator.sql("Sales", "CREATE USER boss WITHOUT LOGIN").await?;
    let owned = edited(&renamed, &[("\"reports\"\n}", "\"reports\"\n  owner = \"boss\"\n}")])?;
    run.write("main.tf", &owned)?;
    let plan = run.plan().await?;
    plan.changes(ROLE, "owner", &json!("dbo"), &json!("boss"))?.does(GRANTS, &["no-op"])?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    is_owned(run, "reports", "boss", &["fabric_user"]).await?;
    run.write("main.tf", &renamed)?;
    run.plan().await?.is_empty()?;
    // An owner that is not there.
    run.write("main.tf", &edited(&owned, &[("\"boss\"", "\"nobody\"")])?)?;
    let error = run.apply().await?.fails_with("15151")?;
    if error.address != ROLE {
        fail!("the error is at {}", error.address);
    }
    is_owned(run, "reports", "boss", &["fabric_user"]).await?;

    run.write("main.tf", &owned)?;
    run.destroy().await?.success()?;
    run.emulator.sql("Sales", "DROP USER boss").await?;
    is_gone(run, "reports").await?;
    is_as(run, &before).await?;

    // Made with an owner, in another database, and moved.
    run.write("main.tf", &alone("  owner    = \"db_securityadmin\"\n"))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    is_owned(run, "reporting", "db_securityadmin", &[]).await?;
    run.write("main.tf", &edited(&alone(""), &[("\"Sales\"", "\"Inventory\"")])?)?;
    run.plan().await?.does(ROLE, &["delete", "create"])?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    is_gone(run, "reporting").await?;
    run.destroy().await?.success().map(drop)
}

async fn a_role_that_exists_is_imported(run: &mut Run) -> Result<()> {
    run.emulator
        .sql("Sales", "CREATE ROLE reporting; CREATE USER u WITHOUT LOGIN; ALTER ROLE reporting ADD MEMBER u")
        .await?;
    run.write("main.tf", &alone(""))?;
    let since = now(run).await?;
    let error = run.plan().await?.said.fails_with("The role reporting exists")?;
    if error.address != ROLE || !error.detail.contains("with one member") {
        fail!("another error: {error:?}");
    }
    let id = import_id(&error.detail)?;
    // Planned while there was none, it is refused at apply.
    run.emulator.sql("Sales", "ALTER ROLE reporting WITH NAME = away").await?;
    run.plan().await?.does(ROLE, &["create"])?;
    run.emulator.sql("Sales", "ALTER ROLE away WITH NAME = reporting").await?;
    let late = now(run).await?;
    run.apply_planned().await?.fails_with("The role reporting exists")?;
    is_untouched(run, late).await?;
    // The block leads to an empty plan; so does the short form, with what is given besides.
    run.write("main.tf", &format!("{}{}", alone(""), import(ROLE, &id)))?;
    run.plan().await?.does(ROLE, &["no-op"])?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    run.run(&["state", "rm", ROLE]).await?.success()?;
    run.write("main.tf", &alone("  owner = \"dbo\"\n  remove_members = true\n"))?;
    run.run(&["import", "-no-color", "-input=false", ROLE, "Sales/reporting"]).await?.success()?;
    let plan = run.plan().await?;
    plan.changes(ROLE, "remove_members", &json!(false), &json!(true))?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    is_owned(run, "reporting", "dbo", &["u"]).await?;
    let done = changes(run, since).await?;
    if done.len() != 2 {
        fail!("the import changed something: {done:?}");
    }
    Ok(())
}

async fn what_is_no_role_of_ours_is_refused_by_its_kind(run: &mut Run) -> Result<()> {
    run.emulator.sql("Sales", "CREATE USER alone WITHOUT LOGIN").await?;
    let block = |name: &str| {
        format!(
            "{HEAD}resource \"fabricmirror_database_role\" \"x\" {{\n  database = \"Sales\"\n  name = \"{name}\"\n}}\n"
        )
    };
    let since = now(run).await?;
    for (name, kind) in [
        ("db_owner", "a role of the server's own"),
        ("Public", "a role of the server's own"),
        ("alone", "a user without login"),
        ("dbo", "a user of a SQL login"),
    ] {
        run.write("main.tf", &block(name))?;
        let said = run.plan().await?.said;
        said.fails_with(&format!("is {kind}")).map_err(|error| format!("{name}: {error}"))?;
        let block = format!("{}{}", block(name), import("fabricmirror_database_role.x", &format!("Sales/{name}")));
        run.write("main.tf", &block)?;
        let said = run.plan().await?.said;
        said.fails_with(&format!("is {kind}")).map_err(|error| format!("import of {name}: {error}"))?;
    }
    run.write("main.tf", &format!("{}{}", block("nobody"), import("fabricmirror_database_role.x", "Sales/nobody")))?;
    run.plan().await?.said.fails_with("There is no role nobody")?;
    is_untouched(run, since).await?;
    // A role gets none of their names either.
    run.write("main.tf", &block("reporting"))?;
    run.apply().await?.success()?;
    for (name, says) in [("db_owner", "db_owner is a role"), ("alone", "cannot be called alone")] {
        run.write("main.tf", &block(name))?;
        run.plan().await?.said.fails_with(says)?;
    }
    is_owned(run, "reporting", "dbo", &[]).await
}

async fn what_a_dba_does_to_a_role_shows(run: &mut Run) -> Result<()> {
    run.write("main.tf", &edited(&company()?, &[("\"reporting\"\n}", "\"reporting\"\n  owner = \"dbo\"\n}")])?)?;
    run.apply().await?.success()?;

    run.emulator.sql("Sales", "ALTER ROLE reporting WITH NAME = moved").await?;
    let plan = run.plan().await?;
    plan.changes(ROLE, "name", &json!("moved"), &json!("reporting"))?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    is_owned(run, "reporting", "dbo", &["fabric_user"]).await?;
    holds(run, "Sales", "reporting", &[SELECT]).await?;

    run.emulator.sql("Sales", "CREATE USER boss WITHOUT LOGIN; ALTER AUTHORIZATION ON ROLE::reporting TO boss").await?;
    run.plan().await?.changes(ROLE, "owner", &json!("boss"), &json!("dbo"))?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    is_owned(run, "reporting", "dbo", &["fabric_user"]).await?;

    // A member is no difference of the role; that a managed user is no member any more is one of the user.
    run.emulator.sql("Sales", "ALTER ROLE reporting ADD MEMBER boss").await?;
    run.plan().await?.is_empty()?;
    run.emulator.sql("Sales", "ALTER ROLE reporting DROP MEMBER fabric_user").await?;
    let plan = run.plan().await?;
    plan.changes(USER, "roles", &json!([]), &json!(["reporting"]))?.does(ROLE, &["no-op"])?;
    run.apply_planned().await?.success()?;
    is_owned(run, "reporting", "dbo", &["boss", "fabric_user"]).await?;

    run.emulator
        .sql(
            "Sales",
            "ALTER ROLE reporting DROP MEMBER boss; ALTER ROLE reporting DROP MEMBER fabric_user; DROP ROLE reporting",
        )
        .await?;
    run.plan().await?.does(ROLE, &["create"])?.does(GRANTS, &["create"])?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    is_owned(run, "reporting", "dbo", &["fabric_user"]).await?;
    holds(run, "Sales", "reporting", &[SELECT]).await
}

async fn a_role_that_was_made_again_is_another_one(run: &mut Run) -> Result<()> {
    const AGAIN: &str = "DROP ROLE reporting; CREATE ROLE reporting";
    run.write("main.tf", &alone(""))?;
    run.apply().await?.success()?;
    let text = edited(&company()?, &[("  roles = [fabricmirror_database_role.reporting.principal]", "  roles = []")])?;
    run.write("main.tf", &text)?;
    // Planned without a look: whoever has the name by now gets nothing.
    run.emulator.sql("Sales", AGAIN).await?;
    let said = run.apply_with("-refresh=false").await?;
    said.fails_with("Role reporting of the state changed since the plan was made")?;
    holds(run, "Sales", "reporting", &[]).await?;
    // It is not ours, which the next plan says, with the block that makes it ours.
    let error = run.plan().await?.said.fails_with("The role reporting exists")?;
    let id = import_id(&error.detail)?;
    if !error.detail.contains("-refresh-only") {
        fail!("nobody says that the state has to know: {}", error.detail);
    }
    run.run(&["apply", "-refresh-only", "-json", "-input=false", "-auto-approve"]).await?.success()?;
    run.write("main.tf", &format!("{text}{}", import(ROLE, &id)))?;
    run.apply().await?.success()?;
    run.write("main.tf", &text)?;
    run.plan().await?.is_empty()?;
    holds(run, "Sales", "reporting", &[SELECT]).await?;
    // Changed or dropped is only what the plan saw.
    run.write("main.tf", &edited(&text, &[("\"reporting\"\n}", "\"reports\"\n}")])?)?;
    run.plan().await?.does(ROLE, &["update"])?;
    run.emulator.sql("Sales", AGAIN).await?;
    let since = now(run).await?;
    run.apply_planned().await?.fails_with("The role reporting is not there any more")?;
    is_untouched(run, since).await?;
    run.write(
        "main.tf",
        &without_block(
            &without_block(&text, "resource \"fabricmirror_database_role\"")?,
            "resource \"fabricmirror_database_grants\" \"reporting\"",
        )?,
    )?;
    run.apply().await?.success()?;
    is_owned(run, "reporting", "dbo", &[]).await?;

    // Between plan and apply of the deletion.
    run.emulator.sql("Sales", "DROP ROLE reporting").await?;
    run.write("main.tf", &alone(""))?;
    run.apply().await?.success()?;
    run.write("main.tf", HEAD)?;
    run.plan().await?;
    run.emulator.sql("Sales", AGAIN).await?;
    run.apply_planned().await?.success()?.warns("reporting was left alone")?;
    is_owned(run, "reporting", "dbo", &[]).await
}

async fn another_role_under_our_name_is_not_touched(run: &mut Run) -> Result<()> {
    run.write("main.tf", &company()?)?;
    run.apply().await?.success()?;
    run.emulator
        .sql("Sales", "ALTER ROLE reporting WITH NAME = moved; CREATE ROLE reporting; GRANT INSERT TO reporting")
        .await?;
    let error = run.plan().await?.said.fails_with("The role moved cannot be called reporting")?;
    if error.address != ROLE || !error.detail.contains("ALTER ROLE [reporting] WITH NAME = ") {
        fail!("nobody says whose name that is: {error:?}");
    }
    holds(run, "Sales", "reporting", &["GRANT INSERT by dbo"]).await?;
    is_owned(run, "moved", "dbo", &["fabric_user"]).await?;
    // Destroyed is ours, wherever it is.
    run.destroy_without_refresh().await?.success()?.warns("reporting was left alone")?;
    is_gone(run, "moved").await?;
    holds(run, "Sales", "reporting", &["GRANT INSERT by dbo"]).await
}

async fn two_blocks_for_one_role_are_one_too_many(run: &mut Run) -> Result<()> {
    let second = edited(&role(""), &[("\"reporting\" {", "\"second\" {"), ("= \"reporting\"", "= \"Reporting\"")])?;
    run.write("main.tf", &format!("{}{second}", alone("")))?;
    let before = run.emulator.state().await?;
    run.plan().await?.said.fails_with("is managed already")?;
    is_as(run, &before).await?;
    run.write("main.tf", &alone(""))?;
    run.apply().await?.success()?;
    run.write("main.tf", &format!("{}{second}", alone("")))?;
    let said = run.plan().await?.said;
    let errors: Vec<_> = said.diagnostics().into_iter().filter(|it| it.severity == "error").collect();
    if errors.is_empty() || errors.iter().any(|it| it.address == ROLE && !it.summary.contains("is managed already")) {
        fail!("not the second block was refused: {}", said.explain());
    }
    // A second team, with a state of its own.
    run.forget_state()?;
    run.write("main.tf", &alone(""))?;
    let said = run.plan().await?.said;
    import_id(&said.fails_with("The role reporting exists")?.detail)?;
    run.destroy_without_refresh().await?.success()?;
    is_owned(run, "reporting", "dbo", &[]).await
}

async fn a_lost_answer_to_a_roles_creation_is_made_up_for(run: &mut Run) -> Result<()> {
    run.write("main.tf", &alone("  owner = \"dbo\"\n"))?;
    for statement in ["CREATE ROLE", "DROP ROLE", "CREATE ROLE"] {
        let lost =
            json!({ "match": { "channel": "sql", "sql": format!("{statement} ") }, "effect": { "reset": "after" } });
        run.emulator.plant(lost).await?;
        let making = statement == "CREATE ROLE";
        let said = if making { run.apply().await? } else { run.destroy().await? };
        said.success().map_err(|error| format!("{statement}: {error}"))?;
        match making {
            true => run.plan().await?.is_empty()?,
            false => is_gone(run, "reporting").await?,
        }
    }
    let renamed = edited(&alone("  owner = \"dbo\"\n"), &[("= \"reporting\"", "= \"reports\"")])?;
    run.write("main.tf", &renamed)?;
    let lost = json!({ "match": { "channel": "sql", "sql": "ALTER ROLE " }, "effect": { "reset": "after" } });
    run.emulator.plant(lost).await?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    if values(&run.state().await?, ROLE)["sid"] == Value::Null {
        fail!("the state does not know the role's SID");
    }
    is_owned(run, "reports", "dbo", &[]).await
}

/// The operator of docs/guides/least-privilege.md.
async fn a_role_is_managed_with_few_rights(run: &mut Run) -> Result<()> {
    run.emulator.sql("master", "CREATE LOGIN operator WITH PASSWORD = 'Weak-Person-1'").await?;
    run.emulator.sql("Sales", "CREATE USER operator FOR LOGIN operator; GRANT ALTER ANY ROLE TO operator").await?;
    let (user, password) = ("FABRICMIRROR_SQL_USERNAME", "FABRICMIRROR_SQL_PASSWORD");
    let administrator = (run.variable(user).to_owned(), run.variable(password).to_owned());
    run.set(user, "operator");
    run.set(password, "Weak-Person-1");
    run.write("main.tf", &alone(""))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    is_owned(run, "reporting", "operator", &[]).await?;
    run.write("main.tf", &edited(&alone(""), &[("= \"reporting\"", "= \"reports\"")])?)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    run.destroy().await?.success()?;
    is_gone(run, "reports").await?;

    // What it may not see is not gone.
    run.set(user, &administrator.0);
    run.set(password, &administrator.1);
    run.write("main.tf", &alone(""))?;
    run.apply().await?.success()?;
    run.set(user, "operator");
    run.set(password, "Weak-Person-1");
    run.plan().await?.is_empty()?;
    run.emulator.sql("Sales", "REVOKE ALTER ANY ROLE FROM operator").await?;
    let error = run.plan().await?.said.fails_with("cannot be seen")?;
    if error.address != ROLE || !error.detail.contains("GRANT ALTER ANY ROLE TO [OPERATOR];") {
        fail!("another error: {error:?}");
    }
    Ok(())
}
