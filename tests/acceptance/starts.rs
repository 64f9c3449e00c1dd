//! What a start needs, and the advice when it is missing: it names what exists, and following it helps.

use fabricmirror_tests::emulator::Options;
use fabricmirror_tests::run::{Run, tutorial};
use fabricmirror_tests::{Result, fail};
use serde_json::json;

use crate::hcl::{EVERYTHING, GRANTS, REPLICATION, edited, tutorial_with, without_block};
use crate::tutorial::values;
use crate::world::{calls, now, path_of_the_mirror, portal, replicates};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(the_principal_is_checked_by_what_it_may_do),
        case!(what_a_role_is_granted_is_enough),
        case!(a_principal_whom_the_connection_does_not_log_in_as),
        case!(an_instance_with_the_default_policy, Options { breaks: vec!["update_policy"], ..Options::default() }),
        case!(a_change_feed_that_was_left_on),
        case!(tables_that_never_replicate),
        case!(a_graph_table_beside_the_others),
    ]
}

const PERMISSIONS: &str = "provider::fabricmirror::mirroring_permissions(\"2025-05\")";

/// The start is refused before it is sent, and the error says this.
async fn is_refused(run: &mut Run, text: &str, says: &[&str]) -> Result<()> {
    let since = now(run).await?;
    run.write("main.tf", text)?;
    let said = run.apply().await?;
    let error = said.fails_with("The mirroring principal lacks permissions in database Sales")?;
    for part in says {
        if !error.detail.contains(part) {
            fail!("{part:?} is not said: {}", error.detail);
        }
    }
    if error.address != REPLICATION || calls(run, since, "POST", "/startMirroring").await? != 0 {
        fail!("the error is at {}, or the start was sent", error.address);
    }
    Ok(())
}

async fn the_principal_is_checked_by_what_it_may_do(run: &mut Run) -> Result<()> {
    // SELECT alone: that the owner of the database could do everything proves nothing.
    let select = tutorial_with(&[(PERMISSIONS, "[\"SELECT\"]")])?;
    let may = "GRANT ALTER ANY EXTERNAL MIRROR TO [fabric_user]; GRANT VIEW PERFORMANCE DEFINITION TO [fabric_user];";
    // Of this list the server role covers the rest.
    let december =
        "December 2025 it lacks ALTER ANY EXTERNAL MIRROR: GRANT ALTER ANY EXTERNAL MIRROR TO [fabric_user];";
    is_refused(run, &select, &["User fabric_user (login fabric_login)", may, december]).await?;

    run.destroy().await?.success().map(drop)
}

async fn what_a_role_is_granted_is_enough(run: &mut Run) -> Result<()> {
    // Nothing of its own, in a database of somebody ordinary, but a role that somebody ordinary owns, granted all …
    run.emulator.sql("master", "CREATE LOGIN keeper WITH PASSWORD = 'Ordinary-Person-1'").await?;
    run.emulator.sql("master", "ALTER AUTHORIZATION ON DATABASE::Sales TO keeper").await?;
    let role = "CREATE USER owner WITHOUT LOGIN; CREATE ROLE mirrors AUTHORIZATION owner; GRANT SELECT, ALTER ANY EXTERNAL \
                MIRROR, VIEW DATABASE PERFORMANCE STATE, VIEW DATABASE SECURITY STATE TO mirrors;";
    run.emulator.sql("Sales", role).await?;
    let through = edited(
        &without_block(&tutorial()?, "resource \"fabricmirror_database_grants\"")?,
        &[
            ("  roles      = []", "  roles      = [\"mirrors\"]"),
            ("fabricmirror_database_grants.fabric", "fabricmirror_database_user.fabric"),
        ],
    )?;
    run.write("main.tf", &through)?;
    run.apply().await?.success()?;
    run.destroy().await?.success()?;
    run.emulator.advance(600).await?;
    // … unless something denies it, to whomever: a GRANT is no help then, and is not advised.
    run.emulator.sql("Sales", "DENY SELECT TO public").await?;
    is_refused(run, &through, &["SELECT is denied", "public"]).await?;
    run.apply().await?.does_not_say("GRANT SELECT TO")?;
    run.emulator.sql("Sales", "REVOKE SELECT FROM public").await?;
    run.apply().await?.success()?;
    replicates(run, 5).await?;
    run.plan().await?.is_empty()?;

    // A principal that is none is called what it is.
    let wrong = edited(&through, &[("= fabricmirror_database_user.fabric.principal", "= \"mirrors\"")])?;
    run.write("main.tf", &edited(&wrong, &[("\"running\"", "\"stopped\"")])?)?;
    run.apply().await?.success()?;
    run.write("main.tf", &wrong)?;
    let error = run.apply().await?.fails_with("There is no user mirrors in database Sales: it is a database role")?;
    if error.address != REPLICATION {
        fail!("the error is at {}", error.address);
    }
    Ok(())
}

/// `principal` may name anybody: what the service says of the connection's login is explained none the less.
async fn a_principal_whom_the_connection_does_not_log_in_as(run: &mut Run) -> Result<()> {
    run.emulator.sql("master", "CREATE LOGIN other WITH PASSWORD = 'Somebody-Else-1'").await?;
    let other = "CREATE USER other FOR LOGIN other; GRANT SELECT, ALTER ANY EXTERNAL MIRROR, VIEW DATABASE PERFORMANCE STATE, \
                 VIEW DATABASE SECURITY STATE TO other;";
    run.emulator.sql("Sales", other).await?;
    let running = tutorial_with(&[
        (PERMISSIONS, "[\"SELECT\"]"),
        ("= fabricmirror_database_grants.fabric.principal", "= \"other\""),
    ])?;
    run.write("main.tf", &edited(&running, &[("\"running\"", "\"stopped\"")])?)?;
    run.apply().await?.success()?;
    run.write("main.tf", &running)?;
    let error = run.apply().await?.fails_with("The mirror does not run")?;
    let parts = [
        "User other of database Sales, whom `principal` names, holds all",
        "User fabric_user (login fabric_login)",
        "GRANT ALTER ANY EXTERNAL MIRROR",
    ];
    for part in parts {
        if !error.detail.contains(part) {
            fail!("{part:?} is not said: {}", error.detail);
        }
    }
    run.emulator.sql("Sales", "GRANT ALTER ANY EXTERNAL MIRROR, VIEW PERFORMANCE DEFINITION TO fabric_user").await?;
    run.write("main.tf", &tutorial()?)?;
    run.apply().await?.success()?;
    replicates(run, 5).await
}

/// The first message that most users get.
async fn an_instance_with_the_default_policy(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    let said = run.apply().await?;
    let error = said.fails_with("ALTER ANY EXTERNAL MIRROR")?;
    let parts =
        ["update policy", "SQL Server 2022", "Always-up-to-date", "--database-format AlwaysUpToDate", "no way back"];
    for part in parts {
        if !error.detail.contains(part) {
            fail!("{part:?} is not said: {}", error.detail);
        }
    }
    if error.address != GRANTS {
        fail!("the error is at {}", error.address);
    }
    said.does_not_say("did you mean")?;
    run.emulator.world(json!({ "update_policy": "AlwaysUpToDate" })).await?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()
}

async fn a_change_feed_that_was_left_on(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    // Deleted in the portal while it runs.
    let path = path_of_the_mirror(run).await?;
    portal(run, "DELETE", &path, None).await?;
    run.emulator.advance(600).await?;
    let since = now(run).await?;
    let said = run.apply().await?;
    let error = said.fails_with("The mirror does not run")?;
    let flags = ["is_change_feed_enabled", "is_data_lake_replication_enabled", "sp_change_feed_disable_db"];
    for part in ["DatabaseAlreadyMirrored"].iter().chain(&flags) {
        if !error.detail.contains(part) {
            fail!("{part:?} is not said: {}", error.detail);
        }
    }
    if calls(run, since, "POST", "/startMirroring").await? != 1 {
        fail!("the start was not tried once");
    }
    let is_on = "SELECT is_change_feed_enabled FROM sys.databases WHERE name = 'Sales'";
    if run.emulator.sql("master", is_on).await?.concat() != ["1"] {
        fail!("the feed is not on, so there is nothing to mend");
    }
    // The statement that it names is the way out, as it is written there.
    let statement = error.detail.split("EXEC sys.sp_change_feed_disable_db").next().unwrap_or_default();
    let statement = format!(
        "{}EXEC sys.sp_change_feed_disable_db",
        &statement[statement.rfind("USE ").unwrap_or(statement.len())..]
    );
    run.emulator.sql("Sales", &statement).await?;
    run.apply().await?.success()?;
    replicates(run, 5).await?;
    run.plan().await?.is_empty()
}

async fn tables_that_never_replicate(run: &mut Run) -> Result<()> {
    run.emulator.world(json!({ "tenant_setting": "Off" })).await?;
    let text = tutorial_with(&[("= \"running\"", "= \"running\"\n  timeouts = { create = \"2s\" }")])?;
    run.write("main.tf", &text)?;
    let error = run.apply().await?.fails_with("The mirror was not there in time")?;
    let tables = ["dbo.Customers", "dbo.Documents", "dbo.OrderLines", "dbo.Orders", "sales.Regions"];
    let lines = tables.map(|table| format!("- {table}: Snapshotting"));
    let setting = "Users can access data stored in OneLake with apps external to Fabric";
    for part in lines.iter().map(String::as_str).chain([setting, "Fabric administrator"]) {
        if !error.detail.contains(part) {
            fail!("{part:?} is not said: {}", error.detail);
        }
    }
    // Once it is on, the same apply ends well: nothing is started again.
    run.emulator.world(json!({ "tenant_setting": "On" })).await?;
    run.emulator.advance(60).await?;
    run.apply().await?.success()?;
    if calls(run, 0, "POST", "/startMirroring").await? != 1 {
        fail!("the mirror was started again");
    }
    replicates(run, 5).await?;
    run.plan().await?.is_empty()
}

/// What mirroring does not take is said, and not waited for: under mirror-all nobody asked for that table by name.
async fn a_graph_table_beside_the_others(run: &mut Run) -> Result<()> {
    run.emulator.sql("Sales", "CREATE TABLE dbo.Person (Id int NOT NULL PRIMARY KEY) AS NODE").await?;
    run.use_tutorial()?;
    let said = run.apply().await?.success()?;
    let warning = said.warns("dbo.Person")?;
    if warning.address != REPLICATION || !warning.detail.contains("dbo.Measurements") {
        fail!("not one warning that lists both: {warning:?}");
    }
    replicates(run, 5).await?;
    let plan = run.plan().await?;
    plan.is_empty()?;
    plan.said.does_not_say("dbo.Person")?;
    if values(&run.state().await?, REPLICATION)["healthy"] != true {
        fail!("the mirror is said to be ill");
    }
    let since = now(run).await?;
    run.apply().await?.success()?;
    for address in EVERYTHING {
        plan.does(address, &["no-op"])?;
    }
    if calls(run, since, "POST", "/startMirroring").await? != 0 {
        fail!("it was started again");
    }
    Ok(())
}
