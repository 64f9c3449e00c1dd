//! Connections: every kind of credentials, who may use them, and what is said of those that cannot be.

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::{CONNECTION, HEAD, tutorial_with};
use crate::tutorial::values;
use crate::world::{generic_connection, import, import_id, is_as, now, portal};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(an_application_logs_in_with_its_secret),
        case!(credentials_of_another_kind_in_place),
        case!(what_the_service_does_not_offer_is_said_at_plan).once(),
        case!(credentials_that_cannot_be).once(),
        case!(credentials_that_somebody_replaced),
        case!(what_is_not_managed_stays).once(),
        case!(a_test_that_fails_is_told).once(),
        case!(roles_on_a_connection),
        case!(roles_of_a_connection_that_is_gone).once(),
        case!(connections_of_other_kinds_are_not_imported).once(),
    ]
}

const GRANT: &str = "fabricmirror_connection_role_assignment.bob";
const BOB: &str = "b0b00000-2c3d-4e5f-8a6b-7c8d9e0f1a06";
const TEAM: &str = "da7a7ea1-3d4e-4f5a-8b7c-8d9e0f1a2b07";

/// The application of the ready-file, with a login of its own and a connection that logs in as it.
fn application(run: &Run, credentials: &str) -> String {
    let ready = &run.emulator.ready;
    format!(
        r#"{HEAD}
variable "secret" {{
  type      = string
  ephemeral = true
}}

resource "fabricmirror_connection" "source" {{
  display_name = "as an application"
  server       = "{server}"
  database     = "{database}"
{credentials}
}}
"#,
        server = ready.sql.server,
        database = ready.scenario.database,
    )
}

fn service_principal(run: &Run, version: i64) -> String {
    let entra = &run.emulator.ready.entra;
    format!(
        "  service_principal = {{\n    tenant_id = \"{}\"\n    client_id = \"{}\"\n    client_secret_wo = var.secret\n    \
         client_secret_wo_version = {version}\n  }}",
        entra.tenant_id, entra.client_id
    )
}

fn basic(run: &Run, version: i64) -> String {
    let sql = &run.emulator.ready.sql;
    format!(
        "  basic = {{\n    username = \"{}\"\n    password_wo = \"{}\"\n    password_wo_version = {version}\n  }}",
        sql.username, sql.password
    )
}

/// What Fabric holds of the connection.
async fn held(run: &mut Run) -> Result<Value> {
    let id = values(&run.state().await?, CONNECTION)["id"].as_str().ok_or("no connection")?.to_owned();
    portal(run, "GET", &format!("/connections/{id}"), None).await
}

fn set_secret(run: &mut Run) {
    let secret = run.emulator.ready.entra.client_secret.clone();
    run.set("TF_VAR_secret", &secret);
}

async fn an_application_logs_in_with_its_secret(run: &mut Run) -> Result<()> {
    set_secret(run);
    let before = run.emulator.state().await?;
    run.write("main.tf", &application(run, &service_principal(run, 1)))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    let made = held(run).await?;
    if made["credentialDetails"]["credentialType"] != "ServicePrincipal" {
        fail!("the connection logs in otherwise: {made}");
    }
    // A wrong secret is refused when it is rotated to, and what was there stays.
    run.set("TF_VAR_secret", "not-the-secret-at-all");
    run.write("main.tf", &application(run, &service_principal(run, 2)))?;
    let refused = run.apply().await?.fails_with("The source refuses the connection's credentials")?;
    if format!("{refused:?}").contains("not-the-secret-at-all") {
        fail!("the secret is shown: {refused:?}");
    }
    set_secret(run);
    run.plan().await?.does(CONNECTION, &["update"])?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    if held(run).await?["id"] != made["id"] {
        fail!("the rotation made another connection");
    }
    let secret = run.emulator.ready.entra.client_secret.clone();
    for file in ["terraform.tfstate", "plan.bin"] {
        let bytes = std::fs::read(run.folder.join(file))?;
        if bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) {
            fail!("{file} holds the secret");
        }
    }
    run.destroy().await?.success()?;
    is_as(run, &before).await
}

async fn credentials_of_another_kind_in_place(run: &mut Run) -> Result<()> {
    set_secret(run);
    run.write("main.tf", &application(run, &basic(run, 1)))?;
    run.apply().await?.success()?;
    let id = held(run).await?["id"].clone();
    run.emulator.choose(json!({ "credential_types_change": true })).await?;
    for (credentials, kind) in [(service_principal(run, 1), "ServicePrincipal"), (basic(run, 1), "Basic")] {
        run.write("main.tf", &application(run, &credentials))?;
        let plan = run.plan().await?;
        plan.does(CONNECTION, &["update"])?.said.warns("The connection gets another kind of credentials")?;
        run.apply_planned().await?.success()?;
        run.plan().await?.is_empty()?;
        let now = held(run).await?;
        if now["id"] != id || now["credentialDetails"]["credentialType"] != kind {
            fail!("it is not the same connection with other credentials: {now}");
        }
    }
    // Where the service does not do that, nothing is replaced unasked.
    run.emulator.choose(json!({ "credential_types_change": false })).await?;
    run.write("main.tf", &application(run, &service_principal(run, 1)))?;
    let refused = run.apply().await?.fails_with("CannotUpdateCredentialType")?;
    if !refused.detail.contains("-replace=ADDRESS") {
        fail!("no way out: {refused:?}");
    }
    let replaced = run.apply_with(&format!("-replace={CONNECTION}")).await?.success()?;
    replaced.does_not_say("CannotUpdateCredentialType")?;
    run.plan().await?.is_empty()?;
    let id = held(run).await?["id"].clone();
    // Taken out of the configuration, they are not managed any more, and stay.
    run.write("main.tf", &application(run, ""))?;
    run.plan().await?.does(CONNECTION, &["update"])?;
    let since = now(run).await?;
    run.apply_planned().await?.success()?;
    if crate::world::calls(run, since, "PATCH", id.as_str().unwrap_or_default()).await? > 0 {
        fail!("what is not managed was changed");
    }
    run.plan().await?.is_empty()
}

async fn what_the_service_does_not_offer_is_said_at_plan(run: &mut Run) -> Result<()> {
    set_secret(run);
    for (credentials, says) in [
        ("  workspace_identity = {}".to_owned(), "Fabric does not offer this kind of credentials"),
        (format!("{}\n  test = false", basic(run, 1)), "The test cannot be left out"),
    ] {
        run.write("main.tf", &application(run, &credentials))?;
        run.plan().await?.said.fails_with(says)?;
    }
    // A service that has changed is noticed; one that does not answer decides nothing.
    let row = |method: &str| {
        json!({ "value": [{
            "type": "AzureSqlMI",
            "creationMethods": [{ "name": method, "parameters": [
                { "name": "server", "dataType": "Text", "required": true },
                { "name": "database", "dataType": "Text", "required": true },
                { "name": "region", "dataType": "Text", "required": true },
            ] }],
            "supportedCredentialTypes": ["Basic"],
            "supportedConnectionEncryptionTypes": ["NotEncrypted"],
            "supportsSkipTestConnection": false,
        }] })
    };
    let answer = |status: u16, body: Value| {
        json!({
            "match": { "channel": "rest", "method": "GET", "path": "supportedConnectionTypes" },
            "effect": { "status": status, "body": body },
        })
    };
    run.write("main.tf", &application(run, &basic(run, 1)))?;
    for (body, says) in [
        (row("AzureSqlMI.Database"), "asks for a parameter `region`"),
        (row("AzureSqlMI"), "no creation method"),
        (json!({ "value": [] }), "Fabric offers no such connection here"),
    ] {
        run.emulator.plant(answer(200, body)).await?;
        run.plan().await?.said.fails_with(says)?;
    }
    run.emulator.plant(answer(403, json!({ "errorCode": "Forbidden", "message": "No." }))).await?;
    run.plan().await?.does(CONNECTION, &["create"]).map(drop)
}

async fn credentials_that_cannot_be(run: &mut Run) -> Result<()> {
    set_secret(run);
    let reference =
        "{ connection_id = \"c0ffee00-6a7b-4c8d-9e0f-1a2b3c4d5e10\", secret_name = \"sales\", version = \"1\" }";
    for (credentials, says) in [
        (String::new(), "A new connection needs credentials"),
        (format!("{}\n{}", basic(run, 1), service_principal(run, 1)), "A connection has one kind of credentials"),
        ("  basic = { username = \"u\" }".to_owned(), "The credentials have no secret"),
        ("  basic = { username = \"u\", password_wo = \"p\" }".to_owned(), "password_wo_version"),
        (
            format!(
                "  basic = {{ username = \"u\", password_wo = \"p\", password_wo_version = 1, password_reference = \
                 {reference} }}"
            ),
            "password_reference",
        ),
        (
            "  service_principal = { tenant_id = \"contoso\", client_id = \"c\", client_secret_wo = \"s\", \
             client_secret_wo_version = 1 }"
                .to_owned(),
            "is no id",
        ),
    ] {
        run.write("main.tf", &application(run, &credentials))?;
        run.plan().await?.said.fails_with(says)?;
    }
    // No vault is behind the reference: only the service can know.
    run.write(
        "main.tf",
        &application(run, &format!("  basic = {{ username = \"u\", password_reference = {reference} }}")),
    )?;
    run.apply().await?.fails_with("The source refuses the connection's credentials").map(drop)
}

async fn credentials_that_somebody_replaced(run: &mut Run) -> Result<()> {
    set_secret(run);
    run.write("main.tf", &application(run, &basic(run, 1)))?;
    run.apply().await?.success()?;
    let id = held(run).await?["id"].as_str().unwrap_or_default().to_owned();
    let entra = &run.emulator.ready.entra;
    let theirs = json!({
        "connectivityType": "ShareableCloud",
        "credentialDetails": {
            "connectionEncryption": "Encrypted",
            "credentials": {
                "credentialType": "ServicePrincipal",
                "tenantId": entra.tenant_id,
                "servicePrincipalClientId": entra.client_id,
                "servicePrincipalSecret": entra.client_secret,
            },
        },
    });
    run.emulator.choose(json!({ "credential_types_change": true })).await?;
    portal(run, "PATCH", &format!("/connections/{id}"), Some(theirs)).await?;
    let plan = run.plan().await?;
    plan.answers(2)?.does(CONNECTION, &["update"])?;
    plan.said.warns("The connection's credentials will be replaced")?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    if held(run).await?["credentialDetails"]["credentialType"] != "Basic" {
        fail!("the credentials are not those of the configuration");
    }
    Ok(())
}

/// A rename sends the name alone: what the portal set besides stays as it is.
async fn what_is_not_managed_stays(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    let id = held(run).await?["id"].as_str().unwrap_or_default().to_owned();
    let theirs = json!({ "connectivityType": "ShareableCloud", "allowConnectionUsageInGateway": true });
    portal(run, "PATCH", &format!("/connections/{id}"), Some(theirs)).await?;
    run.plan().await?.is_empty()?;
    run.write("main.tf", &tutorial_with(&[("\"tutorial-${var.database}\"", "\"another name\"")])?)?;
    run.plan().await?.does(CONNECTION, &["update"])?;
    run.apply_planned().await?.success()?;
    let now = held(run).await?;
    if now["allowConnectionUsageInGateway"] != true || now["displayName"] != "another name" || now["id"] != id {
        fail!("more was changed than the name: {now}");
    }
    Ok(())
}

/// The connection was made: it stays, whatever a test of it says.
async fn a_test_that_fails_is_told(run: &mut Run) -> Result<()> {
    set_secret(run);
    let failing = json!({
        "match": { "channel": "rest", "method": "POST", "path": "testConnection" },
        "effect": { "status": 200, "body": {
            "status": "Offline",
            "errors": [{ "errorCode": "DM_GWPipeline_Gateway_DataSourceAccessError", "message": "Nobody is at home." }],
        } },
    });
    run.emulator.plant(failing.clone()).await?;
    run.write("main.tf", &application(run, &basic(run, 1)))?;
    let applied = run.apply().await?.success()?;
    let warning = applied.warns("Fabric cannot log in through the connection")?;
    if !warning.detail.contains("Nobody is at home") {
        fail!("the service's words are lost: {warning:?}");
    }
    run.plan().await?.is_empty()?;
    // Asked not to try, nobody tries – which the service can only behind a gateway; the test after a rotation is ours.
    run.emulator.plant(failing).await?;
    run.write("main.tf", &application(run, &basic(run, 2)))?;
    run.apply().await?.success()?.warns("Fabric cannot log in through the connection")?;
    run.plan().await?.is_empty()
}

fn shared(text: &str, role: &str) -> String {
    format!(
        "{text}\nresource \"fabricmirror_connection_role_assignment\" \"bob\" {{\n  connection_id = \
         {CONNECTION}.id\n  principal = {{ id = \"{BOB}\", type = \"User\" }}\n  role = \"{role}\"\n}}\n"
    )
}

async fn roles_on_a_connection(run: &mut Run) -> Result<()> {
    set_secret(run);
    let before = run.emulator.state().await?;
    let text = application(run, &basic(run, 1));
    run.write("main.tf", &shared(&text, "User"))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    let id = held(run).await?["id"].as_str().unwrap_or_default().to_owned();
    let roles = format!("/connections/{id}/roleAssignments");

    // Changed in place; what somebody else makes of it is a difference.
    run.write("main.tf", &shared(&text, "UserWithReshare"))?;
    run.plan().await?.does(GRANT, &["update"])?;
    run.apply_planned().await?.success()?;
    portal(run, "PATCH", &format!("{roles}/{BOB}"), Some(json!({ "role": "Owner" }))).await?;
    run.plan().await?.changes(GRANT, "role", &json!("Owner"), &json!("UserWithReshare"))?;
    run.apply_planned().await?.success()?;
    portal(run, "DELETE", &format!("{roles}/{BOB}"), None).await?;
    run.plan().await?.does(GRANT, &["create"])?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;

    // Somebody else gave one: shown with its import block, at plan.
    let theirs = json!({ "principal": { "id": TEAM, "type": "Group" }, "role": "User" });
    portal(run, "POST", &roles, Some(theirs)).await?;
    let second = shared(&text, "UserWithReshare")
        + &shared("", "User").replace("\"bob\"", "\"team\"").replace(BOB, TEAM).replace("\"User\" }", "\"Group\" }");
    run.write("main.tf", &second)?;
    let exists = run.plan().await?.said.fails_with("The principal has a role on the connection")?;
    let team = "fabricmirror_connection_role_assignment.team";
    run.write("import.tf", &import(team, &import_id(&exists.detail)?))?;
    run.plan().await?.does(team, &["no-op"])?.does(GRANT, &["no-op"])?;
    run.apply().await?.success()?;
    std::fs::remove_file(run.folder.join("import.tf"))?;
    run.plan().await?.is_empty()?;

    // Nobody of that id is in the directory: asked for during two minutes, then said.
    let nobody = second.replace(TEAM, "00000000-1111-2222-3333-444444444444");
    run.write("main.tf", &nobody)?;
    run.plan().await?.does(team, &["delete", "create"])?;
    run.write("main.tf", &second)?;
    run.destroy().await?.success()?;
    is_as(run, &before).await
}

/// With the connection its roles went, and no list is left that could prove it.
async fn roles_of_a_connection_that_is_gone(run: &mut Run) -> Result<()> {
    set_secret(run);
    run.write("main.tf", &shared(&application(run, &basic(run, 1)), "User"))?;
    run.apply().await?.success()?;
    let id = held(run).await?["id"].as_str().unwrap_or_default().to_owned();
    portal(run, "DELETE", &format!("/connections/{id}"), None).await?;
    run.plan().await?.does(CONNECTION, &["create"])?.does(GRANT, &["create"])?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    // Deleted while the plan to destroy waits.
    let id = held(run).await?["id"].as_str().unwrap_or_default().to_owned();
    run.run(&["plan", "-destroy", "-out=plan.bin", "-input=false"]).await?.success()?;
    portal(run, "DELETE", &format!("/connections/{id}"), None).await?;
    run.apply_planned().await?.success().map(drop)
}

async fn connections_of_other_kinds_are_not_imported(run: &mut Run) -> Result<()> {
    set_secret(run);
    let generic = generic_connection(run).await?;
    run.write("main.tf", &application(run, ""))?;
    run.write("import.tf", &import(CONNECTION, &generic))?;
    run.plan().await?.said.fails_with("The connection is of another type")?;
    // A personal one of the right type.
    let personal = json!({
        "id": generic,
        "displayName": null,
        "connectivityType": "PersonalCloud",
        "connectionDetails": { "type": "AzureSqlMI", "path": "mi;Sales" },
        "credentialDetails": { "credentialType": "Basic", "connectionEncryption": "Encrypted" },
    });
    let answer = json!({
        "match": { "channel": "rest", "method": "GET", "path": "/connections" },
        "count": 0,
        "effect": { "status": 200, "body": { "value": [personal] } },
    });
    run.emulator.plant(answer).await?;
    run.plan().await?.said.fails_with("The connection is a personal one").map(drop)
}
