//! Gone is proven, and what was lost or is not known yet is asked for again: nothing is forgotten, nothing done twice.

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::json;

use crate::hcl::{CONNECTION, EVERYTHING, GRANTS, MIRROR, PRINCIPALS, REPLICATION, ROLE, USER, edited};
use crate::tutorial::values;
use crate::world::{calls, changes, holds, is_as, now, path_of_the_mirror, portal, refusal};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(a_database_that_cannot_be_opened_is_not_gone),
        case!(what_was_removed_in_the_portal_is_gone_whatever_the_code),
        case!(what_may_be_repeated_is_repeated),
    ]
}

async fn a_database_that_cannot_be_opened_is_not_gone(run: &mut Run) -> Result<()> {
    let before = run.emulator.state().await?;
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    // An operator who has no user in the database.
    run.emulator
        .sql("master", "CREATE LOGIN operator WITH PASSWORD = 'Weak-Person-1'; GRANT ALTER ANY LOGIN TO operator;")
        .await?;
    let administrator = run.emulator.ready.sql.clone();
    run.set("FABRICMIRROR_SQL_USERNAME", "operator");
    run.set("FABRICMIRROR_SQL_PASSWORD", "Weak-Person-1");
    run.plan().await?.said.fails_with("needs a user in the database")?;
    run.destroy_without_refresh().await?.fails_with("needs a user in the database")?;
    // All of it is there, and in the state.
    holds(run, "Sales", "fabric_user", &["GRANT CONNECT by dbo", "GRANT SELECT by dbo"]).await?;
    let state = run.state().await?;
    for address in [USER, GRANTS] {
        if values(&state, address).is_null() {
            fail!("{address} was forgotten");
        }
    }
    run.set("FABRICMIRROR_SQL_USERNAME", &administrator.username);
    run.set("FABRICMIRROR_SQL_PASSWORD", &administrator.password);
    run.plan().await?.is_empty()?;
    run.destroy().await?.success()?;
    run.emulator.sql("master", "DROP LOGIN operator").await?;
    is_as(run, &before).await
}

/// The list decides, not the code: nobody has seen which one the service answers with.
async fn what_was_removed_in_the_portal_is_gone_whatever_the_code(run: &mut Run) -> Result<()> {
    let codes = json!({ "rest": {
        "EntityNotFound": { "code": "RoleAssignmentNotFound" },
        "ItemNotFound": { "code": "NobodyKnowsThisCode" },
        "ConnectionNotFound": { "status": 400, "code": "EntityNotFound" },
    }});
    run.emulator.answers(codes).await?;
    run.use_tutorial()?;
    run.apply().await?.success()?;
    // A refusal alone removes nothing: each is still listed.
    for path in ["/roleAssignments/[^/]+$", "/mirroredDatabases/[^/]+$", "/connections/[^/]+$", "/getMirroringStatus$"]
    {
        for code in ["RoleAssignmentNotFound", "NobodyKnowsThisCode"] {
            run.emulator.plant(refusal("GET|POST", path, 404, code)).await?;
            let plan = run.plan().await?;
            if plan.said.code != 1 {
                for address in EVERYTHING {
                    plan.does(address, &["no-op"]).map_err(|error| format!("{path} {code}: {error}"))?;
                }
            }
            run.emulator.clear_faults().await?;
        }
    }
    // What was really removed is planned anew.
    let mirror = path_of_the_mirror(run).await?;
    let state = run.state().await?;
    let id = |address: &str| values(&state, address)["id"].as_str().unwrap_or_default().to_owned();
    let role = format!("/workspaces/{}/roleAssignments/{}", run.emulator.ready.scenario.workspace_id, id(ROLE));
    portal(run, "POST", &format!("{mirror}/stopMirroring"), None).await?;
    run.emulator.advance(60).await?;
    for path in [&mirror, &role, &format!("/connections/{}", id(CONNECTION))] {
        portal(run, "DELETE", path, None).await?;
    }
    let plan = run.plan().await?;
    for address in [ROLE, CONNECTION, MIRROR, REPLICATION] {
        plan.does(address, &["create"])?;
    }
    run.emulator.advance(600).await?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()
}

async fn what_may_be_repeated_is_repeated(run: &mut Run) -> Result<()> {
    let before = run.emulator.state().await?;
    let text = edited(
        &fabricmirror_tests::run::tutorial()?,
        &[
            ("  roles      = []", "  roles      = [\"db_datareader\"]"),
            ("  server_roles ", "  enabled = false\n  server_roles "),
        ],
    )?;
    let since = now(run).await?;
    // The connection is cut once after each of these statements, before its answer; and once before.
    for (statement, when) in [
        ("ALTER SERVER ROLE .* ADD MEMBER", "after"),
        ("ALTER LOGIN .* DISABLE", "after"),
        // A user and its roles are one batch: it did not happen, and is sent again; it did, and is found.
        ("ALTER ROLE .* ADD MEMBER", "before"),
        ("ALTER ROLE .* ADD MEMBER", "after"),
        ("GRANT SELECT", "after"),
    ] {
        let matches = json!({ "channel": "sql", "sql": statement });
        run.emulator.plant(json!({ "match": matches, "effect": { "reset": when } })).await?;
    }
    // The directory hears of a new identity later than we.
    run.emulator.plant(refusal("POST", "/roleAssignments$", 400, "PrincipalNotFound")).await?;
    run.write("main.tf", &text)?;
    let target =
        ["-target=fabricmirror_database_grants.fabric", "-target=fabricmirror_workspace_role_assignment.instance"];
    let arguments = [&["apply", "-json", "-input=false", "-auto-approve"][..], &target].concat();
    run.run(&arguments).await?.success()?;
    let struck = run.emulator.requests().await?.iter().filter(|it| !it["fault"].is_null()).count();
    if struck != 6 {
        fail!("{struck} of 6 faults struck");
    }
    // Nothing is tainted, nothing was dropped and made again.
    let plan = run.plan().await?;
    for address in [crate::hcl::LOGIN, USER, GRANTS, ROLE] {
        plan.does(address, &["no-op"])?;
    }
    if changes(run, since).await?.iter().any(|text| text.contains("DROP "))
        || calls(run, since, "DELETE", "").await? != 0
    {
        fail!("something was dropped");
    }
    run.destroy().await?.success()?;
    is_as(run, &before).await
}
