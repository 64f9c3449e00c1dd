//! Every step of the tutorial counts: a configuration without it fails before or at the start of replication, and says
//! which one is missing.

use fabricmirror_tests::emulator::Options;
use fabricmirror_tests::run::{Run, tutorial};
use fabricmirror_tests::{Result, fail};
use serde_json::json;

use crate::hcl::{edited, without_block};
use crate::world::generic_connection;
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(without_the_server_role),
        case!(without_the_user),
        case!(without_select),
        case!(without_alter_any_external_mirror),
        case!(without_view_performance_definition),
        case!(with_a_connection_of_another_kind),
        case!(without_the_identitys_role),
        case!(without_an_active_capacity, Options { breaks: vec!["capacity"], ..Options::default() }),
    ]
}

/// The tutorial with a part of its text replaced.
fn without(part: &str, replacement: &str) -> Result<String> {
    let text = tutorial()?;
    if !text.contains(part) {
        fail!("the tutorial does not hold {part:?}");
    }
    Ok(text.replace(part, replacement))
}

/// Applies under the documentation of May 2025; it fails, and names step and fix.
async fn fails(run: &mut Run, configuration: &str, step: &str, fix: &str) -> Result<()> {
    run.emulator.world(json!({ "documentation": "2025-05" })).await?;
    run.write("main.tf", configuration)?;
    let said = run.apply().await?;
    let error = said.fails_with(step)?;
    let whole = format!("{}\n{}", error.summary, error.detail);
    if !whole.contains(fix) {
        fail!("the error does not say {fix:?}:\n{whole}");
    }
    // What was made on the way is in the state, so that it can be destroyed.
    run.destroy().await?.success().map(drop)
}

async fn without_the_server_role(run: &mut Run) -> Result<()> {
    let text = without("server_roles        = [\"##MS_ServerStateReader##\"]", "server_roles = []")?;
    fails(
        run,
        &text,
        "##MS_ServerStateReader##",
        "ALTER SERVER ROLE [##MS_ServerStateReader##] ADD MEMBER [fabric_login]",
    )
    .await
}

async fn without_the_user(run: &mut Run) -> Result<()> {
    let text = without_block(&tutorial()?, "resource \"fabricmirror_database_user\"")?;
    let text = without_block(&text, "resource \"fabricmirror_database_grants\"")?;
    let text = text
        .replace("fabricmirror_database_user.fabric.login_name", "fabricmirror_login.fabric.name")
        .replace("fabricmirror_database_grants.fabric.database", "var.database")
        .replace("fabricmirror_database_grants.fabric.principal", "\"fabric_user\"");
    fails(run, &text, "credentials", "mapped to a user of the database").await
}

async fn without_permission(run: &mut Run, permission: &str) -> Result<()> {
    let text = without(
        "provider::fabricmirror::mirroring_permissions(\"2025-05\")",
        &format!("setsubtract(provider::fabricmirror::mirroring_permissions(\"2025-05\"), [\"{permission}\"])"),
    )?;
    fails(run, &text, &format!("lacks {permission}"), &format!("GRANT {permission} TO [fabric_user]")).await
}

async fn without_select(run: &mut Run) -> Result<()> {
    without_permission(run, "SELECT").await
}

async fn without_alter_any_external_mirror(run: &mut Run) -> Result<()> {
    without_permission(run, "ALTER ANY EXTERNAL MIRROR").await
}

async fn without_view_performance_definition(run: &mut Run) -> Result<()> {
    without_permission(run, "VIEW PERFORMANCE DEFINITION").await
}

async fn with_a_connection_of_another_kind(run: &mut Run) -> Result<()> {
    let id = generic_connection(run).await?;
    let text = without("fabricmirror_connection.source.id", &format!("\"{id}\""))?;
    fails(run, &text, "not of the type \"SQL Managed Instance\"", "fabricmirror_connection").await
}

async fn without_the_identitys_role(run: &mut Run) -> Result<()> {
    let text = without_block(&tutorial()?, "resource \"fabricmirror_workspace_role_assignment\"")?;
    let text = edited(&text, &[("  depends_on           = [fabricmirror_workspace_role_assignment.instance]\n", "")])?;
    fails(run, &text, "managed identity may not write", "fabricmirror_workspace_role_assignment").await
}

async fn without_an_active_capacity(run: &mut Run) -> Result<()> {
    fails(run, &tutorial()?, "capacity is paused", "Resume").await
}
