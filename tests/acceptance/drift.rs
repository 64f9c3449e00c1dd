//! What happens behind Terraform's back shows in the next plan.

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::json;

use crate::tutorial::values;
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(every_change_of_principals_and_permissions_shows_and_is_mended),
        case!(a_deny_set_behind_our_back_is_drift_and_is_not_lifted_silently),
        case!(a_mirror_that_was_stopped_or_deleted_shows),
    ]
}

const LOGIN: &str = "fabricmirror_login.fabric";
const USER: &str = "fabricmirror_database_user.fabric";
const GRANTS: &str = "fabricmirror_database_grants.fabric";

async fn every_change_of_principals_and_permissions_shows_and_is_mended(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    let three = json!(["ALTER ANY EXTERNAL MIRROR", "SELECT", "VIEW PERFORMANCE DEFINITION"]);

    // A role is taken away.
    run.emulator.sql("master", "ALTER SERVER ROLE [##MS_ServerStateReader##] DROP MEMBER [fabric_login]").await?;
    run.plan().await?.changes(LOGIN, "server_roles", &json!([]), &json!(["##MS_ServerStateReader##"]))?;
    mend(run).await?;

    // A permission is revoked.
    run.emulator.sql("Sales", "REVOKE SELECT FROM fabric_user").await?;
    let two = json!(["ALTER ANY EXTERNAL MIRROR", "VIEW PERFORMANCE DEFINITION"]);
    run.plan().await?.changes(GRANTS, "permissions", &two, &three)?;
    mend(run).await?;

    // A permission too many.
    run.emulator.sql("Sales", "GRANT INSERT TO fabric_user").await?;
    let four = json!(["ALTER ANY EXTERNAL MIRROR", "INSERT", "SELECT", "VIEW PERFORMANCE DEFINITION"]);
    run.plan().await?.changes(GRANTS, "permissions", &four, &three)?;
    mend(run).await?;

    // A permission that can be handed on.
    run.emulator.sql("Sales", "GRANT SELECT TO fabric_user WITH GRANT OPTION").await?;
    run.plan().await?.changes(GRANTS, "permissions_with_grant_option", &json!(["SELECT"]), &json!([]))?;
    mend(run).await?;

    // The right to enter at all.
    run.emulator.sql("Sales", "REVOKE CONNECT FROM fabric_user").await?;
    run.plan().await?.changes(GRANTS, "connect", &json!(false), &json!(true))?;
    mend(run).await?;

    // The user is dropped, and its permissions with it.
    run.emulator.sql("Sales", "DROP USER fabric_user").await?;
    run.plan().await?.does(USER, &["create"])?.does(GRANTS, &["create"])?;
    mend(run).await?;

    // The login is dropped: its user is an orphan, until the login comes back with the identifier it had.
    let sid = values(&run.state().await?, LOGIN)["sid"].clone();
    run.emulator.sql("master", "DROP LOGIN fabric_login").await?;
    run.plan().await?.does(LOGIN, &["create"])?.does(GRANTS, &["no-op"])?;
    mend(run).await?;
    let restored = values(&run.state().await?, LOGIN)["sid"].clone();
    if sid != restored || !sid.is_string() {
        fail!("the login came back with SID {restored} instead of {sid}");
    }
    Ok(())
}

/// Applies, and nothing is left to do: once the mirror, which felt the change too, has recovered and been looked at.
async fn mend(run: &mut Run) -> Result<()> {
    run.apply().await?.success()?;
    run.emulator.advance(120).await?;
    run.run(&["apply", "-refresh-only", "-json", "-input=false", "-auto-approve"]).await?.success()?;
    run.plan().await?.is_empty()
}

async fn a_deny_set_behind_our_back_is_drift_and_is_not_lifted_silently(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    run.emulator.sql("Sales", "DENY SELECT TO fabric_user").await?;

    let plan = run.plan().await?;
    plan.changes(GRANTS, "denied", &json!(["SELECT"]), &json!([]))?;
    plan.said.warns("set by dbo")?;

    let seen = run.emulator.requests().await?.len();
    let refused = run.apply().await?.fails_with("SELECT is denied to fabric_user")?;
    if refused.address != GRANTS || !refused.detail.contains("lift_denies = true") {
        fail!("the refusal leads nowhere: {refused:?}");
    }
    let later: Vec<_> = run.emulator.requests().await?.split_off(seen);
    if let Some(entry) = later
        .iter()
        .find(|it| it["text"].as_str().is_some_and(|text| text.contains("GRANT ") && !text.contains("SELECT p.")))
    {
        fail!("a statement was sent all the same: {entry}");
    }

    // Somebody decides that it may go.
    let tutorial = fabricmirror_tests::run::tutorial()?;
    let lifting = tutorial.replace(
        "permissions = provider::fabricmirror::mirroring_permissions(\"2025-05\")",
        "lift_denies = true\n  permissions = provider::fabricmirror::mirroring_permissions(\"2025-05\")",
    );
    run.write("main.tf", &lifting)?;
    mend(run).await
}

async fn a_mirror_that_was_stopped_or_deleted_shows(run: &mut Run) -> Result<()> {
    const REPLICATION: &str = "fabricmirror_replication.source";
    run.use_tutorial()?;
    run.apply().await?.success()?;
    let item = values(&run.state().await?, "fabricmirror_mirrored_database.source")["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let workspace = run.emulator.ready.scenario.workspace_id.clone();
    let path = format!("/workspaces/{workspace}/mirroredDatabases/{item}");

    let (status, _) = run.emulator.rest("POST", &format!("{path}/stopMirroring"), None).await?;
    if status != 200 {
        fail!("the mirror cannot be stopped: {status}");
    }
    run.emulator.advance(120).await?;
    let plan = run.plan().await?;
    plan.changes(REPLICATION, "state", &json!("stopped"), &json!("running"))?;
    plan.said.warns("All tables will be copied again")?;
    mend(run).await?;

    let (status, _) = run.emulator.rest("POST", &format!("{path}/stopMirroring"), None).await?;
    run.emulator.advance(120).await?;
    let (deleted, _) = run.emulator.rest("DELETE", &path, None).await?;
    if (status, deleted) != (200, 200) {
        fail!("the mirror cannot be stopped and deleted: {status}, {deleted}");
    }
    run.plan().await?.does("fabricmirror_mirrored_database.source", &["create"])?.does(REPLICATION, &["create"])?;
    run.emulator.advance(600).await?;
    mend(run).await
}
