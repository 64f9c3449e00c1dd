//! What an instance says of itself; and servers as people paste them.

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::{CONNECTION, EVERYTHING, HEAD, PRINCIPALS, edited, tutorial_with};
use crate::tutorial::values;
use crate::world::{changes, now};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(an_instance_says_who_it_is),
        case!(an_identity_that_may_not_be_seen_is_no_absent_one),
        case!(an_instance_that_is_not_known_yet_is_waited_for),
        case!(a_server_as_it_was_pasted),
        case!(a_pasted_password_is_not_repeated),
    ]
}

const IDENTITY: &str = "data \"fabricmirror_server_identity\" \"instance\" {}\n";
const ADDRESS: &str = "data.fabricmirror_server_identity.instance";

/// What the data source says now.
async fn identity(run: &mut Run) -> Result<Value> {
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    Ok(values(&run.state().await?, ADDRESS))
}

fn says(found: &Value, expected: &Value) -> Result<()> {
    for (name, value) in expected.as_object().into_iter().flatten() {
        if found[name] != *value {
            fail!("{name} is {}, not {value}: {found}", found[name]);
        }
    }
    Ok(())
}

async fn an_instance_says_who_it_is(run: &mut Run) -> Result<()> {
    run.write("main.tf", &format!("{HEAD}{IDENTITY}"))?;
    let object_id = run.emulator.ready.scenario.instance_identity_object_id.clone();
    let tenant_id = run.emulator.ready.entra.tenant_id.clone();
    let found = identity(run).await?;
    says(
        &found,
        &json!({
            "server": run.emulator.ready.sql.server, "system_assigned": true, "primary": true, "object_id": object_id,
            "tenant_id": tenant_id, "engine_edition": 8, "update_policy": "AlwaysUpToDate", "entra_only": false,
            "collation": "SQL_Latin1_General_CP1_CI_AS",
        }),
    )?;
    let one = &found["identities"];
    if one.as_array().map(Vec::len) != Some(1) || found["client_id"].as_str().is_none_or(str::is_empty) {
        fail!("{found}");
    }
    says(
        &one[0],
        &json!({
            "type": "System-assigned", "primary": true, "object_id": object_id, "tenant_id": tenant_id,
            "client_id": found["client_id"],
        }),
    )?;
    says(
        &one[0]["columns"],
        &json!({ "identity_type": "System-assigned", "is_primary": "1", "object_id": object_id }),
    )?;

    // A user-assigned identity took its place.
    run.emulator.world(json!({ "primary_identity": "UserAssigned", "update_policy": "SQLServer2025" })).await?;
    let found = identity(run).await?;
    says(
        &found,
        &json!({
            "system_assigned": true, "primary": false, "object_id": object_id, "update_policy": "SQLServer2025",
        }),
    )?;
    let kinds: Vec<_> = (0..2).map(|place| &found["identities"][place]).collect();
    says(kinds[0], &json!({ "type": "System-assigned", "primary": false, "object_id": object_id }))?;
    says(kinds[1], &json!({ "type": "User-assigned", "primary": true }))?;

    // There is none: that is an answer, too.
    run.emulator.world(json!({ "primary_identity": "None", "update_policy": "SQLServer2022" })).await?;
    let found = identity(run).await?;
    says(
        &found,
        &json!({
            "system_assigned": false, "primary": null, "client_id": null, "object_id": null, "tenant_id": null,
            "identities": [], "update_policy": "SQLServer2022",
        }),
    )
}

async fn an_identity_that_may_not_be_seen_is_no_absent_one(run: &mut Run) -> Result<()> {
    run.write("main.tf", &format!("{HEAD}{IDENTITY}"))?;
    run.emulator.sql("master", "CREATE LOGIN operator WITH PASSWORD = 'Weak-Person-1'").await?;
    run.set("FABRICMIRROR_SQL_USERNAME", "operator");
    run.set("FABRICMIRROR_SQL_PASSWORD", "Weak-Person-1");
    // Whether there is one or not.
    for primary in ["SystemAssigned", "None"] {
        run.emulator.world(json!({ "primary_identity": primary })).await?;
        let error = run.plan().await?.said.fails_with("VIEW SERVER SECURITY STATE")?;
        for words in ["VIEW SERVER STATE", "unconfirmed", "GRANT VIEW SERVER SECURITY STATE TO [OPERATOR];"] {
            if !error.detail.contains(words) {
                fail!("{words:?} is not said: {}", error.detail);
            }
        }
        if error.address != ADDRESS {
            fail!("the error is at {}", error.address);
        }
    }
    for right in ["VIEW SERVER SECURITY STATE", "VIEW SERVER STATE"] {
        run.emulator.sql("master", &format!("GRANT {right} TO operator")).await?;
        says(&identity(run).await?, &json!({ "system_assigned": false, "identities": [] }))?;
        run.emulator.sql("master", &format!("REVOKE {right} FROM operator")).await?;
        run.plan().await?.said.fails_with("VIEW SERVER STATE")?;
    }
    Ok(())
}

async fn an_instance_that_is_not_known_yet_is_waited_for(run: &mut Run) -> Result<()> {
    let server = run.emulator.ready.sql.server.clone();
    let block = format!(
        "resource \"terraform_data\" \"instance\" {{\n  input = \"{server}\"\n}}\nprovider \"fabricmirror\" {{\n  sql = {{ server \
         = terraform_data.instance.output }}\n}}\n"
    );
    run.write("main.tf", &format!("{HEAD}{block}{IDENTITY}"))?;
    let error = run.plan().await?.said.fails_with("depends_on = [")?;
    if error.address != ADDRESS {
        fail!("the error is at {}", error.address);
    }
    let waiting = edited(IDENTITY, &[("{}", "{\n  depends_on = [terraform_data.instance]\n}")])?;
    run.write("main.tf", &format!("{HEAD}{block}{waiting}"))?;
    says(&identity(run).await?, &json!({ "server": server, "system_assigned": true }))
}

async fn a_server_as_it_was_pasted(run: &mut Run) -> Result<()> {
    let sql = run.emulator.ready.sql.clone();
    let pasted = format!("Server=tcp:{},{};Initial Catalog=Sales;Encrypt=True;", sql.host.to_uppercase(), sql.port);
    run.set("FABRICMIRROR_SQL_SERVER", &pasted);
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    // Another spelling of the same server is no change.
    run.set("FABRICMIRROR_SQL_SERVER", &format!("jdbc:sqlserver://{}:{};encrypt=true", sql.host, sql.port));
    let since = now(run).await?;
    run.plan().await?.is_empty()?;
    run.set("FABRICMIRROR_SQL_SERVER", &sql.server);
    run.plan().await?.is_empty()?;
    run.destroy().await?.success()?;
    if changes(run, since).await?.iter().any(|text| text.contains("CREATE")) {
        fail!("something was made anew");
    }

    // A connection keeps it as it is written; Fabric gets what Fabric takes.
    let text = tutorial_with(&[("  server       = var.server\n", &format!("  server = \"{pasted}\"\n"))])?;
    run.write("main.tf", &text)?;
    let since = now(run).await?;
    run.apply().await?.success()?;
    let plan = run.plan().await?;
    plan.is_empty()?;
    for address in EVERYTHING {
        plan.does(address, &["no-op"])?;
    }
    if values(&run.state().await?, CONNECTION)["server"] != pasted.as_str() {
        fail!("the spelling is not kept");
    }
    let bodies: String = run.emulator.requests().await?[since..]
        .iter()
        .filter(|it| it["channel"] == "rest")
        .map(|it| it["body"].to_string())
        .collect();
    if bodies.contains("Initial Catalog") || !bodies.contains(&format!("{},{}", sql.host, sql.port)) {
        fail!("Fabric got the connection string");
    }
    Ok(())
}

async fn a_pasted_password_is_not_repeated(run: &mut Run) -> Result<()> {
    const SECRET: &str = "Correct-Horse-7";
    let server = run.emulator.ready.sql.server.clone();
    run.write("main.tf", PRINCIPALS)?;
    for text in [
        format!("Server=tcp:{server};User ID=sa;Password={SECRET};"),
        format!("jdbc:sqlserver://localhost:1433;user=sa;password={SECRET}"),
        format!("sqlserver://sa:{SECRET}@localhost:1433"),
        format!("Server={server};Passwort={SECRET}"),
        format!("localhost\\{SECRET}"),
    ] {
        run.set("FABRICMIRROR_SQL_SERVER", &text);
        let since = now(run).await?;
        let said = run.plan().await?.said;
        said.fails_with("FABRICMIRROR_SQL_SERVER names no server")?;
        if said.stdout.contains(SECRET) || said.stderr.contains(SECRET) {
            fail!("the secret is repeated: {}", said.explain());
        }
        if now(run).await? != since {
            fail!("something was sent");
        }
    }
    Ok(())
}
