//! Logins, users and grants that change: in place where it can be, and the next plan is empty.

use fabricmirror_tests::run::{Run, Said};
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::{CONNECTION, EVERYTHING, GRANTS, HEAD, LOGIN, PRINCIPALS, USER, edited, tutorial_with};
use crate::tutorial::values;
use crate::world::changes;
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(a_renamed_user_keeps_its_grants),
        case!(a_replaced_user_gets_its_grants_again),
        case!(another_login_and_an_orphan_are_mapped_in_place),
        case!(a_rotated_password_reaches_login_and_connection_alone),
        case!(roles_left_out_are_not_managed),
        case!(grants_that_are_not_exclusive_leave_others_alone),
        case!(a_misspelled_permission_is_refused_at_its_attribute),
    ]
}

async fn a_renamed_user_keeps_its_grants(run: &mut Run) -> Result<()> {
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    run.write("main.tf", &edited(PRINCIPALS, &[("\"fabric_user\"", "\"renamed\"")])?)?;
    let plan = run.plan().await?;
    plan.changes(USER, "name", &json!("fabric_user"), &json!("renamed"))?;
    plan.changes(GRANTS, "principal", &json!("fabric_user"), &json!("renamed"))?;
    let since = run.emulator.requests().await?.len();
    run.apply().await?.success()?;
    if changes(run, since).await?.iter().any(|text| text.contains("REVOKE") || text.contains("GRANT")) {
        fail!("permissions were taken away in between");
    }
    run.plan().await?.is_empty()?;
    run.destroy().await?.success().map(drop)
}

async fn a_replaced_user_gets_its_grants_again(run: &mut Run) -> Result<()> {
    let before = run.emulator.state().await?;
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    run.write("main.tf", &edited(PRINCIPALS, &[("\"Sales\"", "\"Inventory\"")])?)?;
    run.plan().await?.does(USER, &["delete", "create"])?.does(GRANTS, &["delete", "create"])?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    let state = run.emulator.state().await?;
    let users = |database: usize| state["sql"]["databases"][database]["users"].clone();
    let sales = before["sql"]["databases"].as_array().into_iter().flatten().position(|it| it["name"] == "Sales");
    let sales = sales.ok_or("no Sales")?;
    if users(sales) != before["sql"]["databases"][sales]["users"] {
        fail!("a user is left in Sales: {}", users(sales));
    }
    // The same with only the user replaced.
    run.run(&["plan", "-no-color", "-input=false", &format!("-replace={USER}"), "-out=plan.bin"]).await?.success()?;
    run.run(&["apply", "-no-color", "-input=false", "plan.bin"]).await?.success()?;
    run.plan().await?.is_empty()?;
    run.destroy().await?.success()?;
    if run.emulator.state().await? != before {
        fail!("something is left");
    }
    Ok(())
}

async fn another_login_and_an_orphan_are_mapped_in_place(run: &mut Run) -> Result<()> {
    for name in ["by_hand", "other"] {
        run.emulator.sql("master", &format!("CREATE LOGIN {name} WITH PASSWORD = 'Set-By-Hand-1'")).await?;
    }
    let text = |login: &str| {
        format!(
            "{HEAD}resource \"fabricmirror_database_user\" \"fabric\" {{\n  database = \"Sales\"\n  name = \
             \"fabric_user\"\n  login_name = \"{login}\"\n}}\n"
        )
    };
    run.write("main.tf", &text("by_hand"))?;
    run.apply().await?.success()?;
    run.write("main.tf", &text("other"))?;
    run.plan().await?.changes(USER, "login_name", &json!("by_hand"), &json!("other"))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;

    run.emulator.sql("master", "DROP LOGIN other").await?;
    run.emulator.sql("master", "CREATE LOGIN other WITH PASSWORD = 'Set-By-Hand-2'").await?;
    run.plan().await?.changes(USER, "login_name", &Value::Null, &json!("other"))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    run.emulator.sql_as("other", "Set-By-Hand-2", "Sales", "SELECT 1").await.map(drop)
}

async fn a_rotated_password_reaches_login_and_connection_alone(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    run.write("main.tf", &tutorial_with(&[("password_version = 1", "password_version = 2")])?)?;
    let plan = run.plan().await?;
    for address in EVERYTHING {
        let changed = [LOGIN, CONNECTION].contains(&address);
        plan.does(address, &[if changed { "update" } else { "no-op" }])?;
    }
    run.apply().await?.success()?;
    run.emulator.advance(300).await?;
    run.apply().await?.success()?;
    if values(&run.state().await?, "data.fabricmirror_replication_status.source")["state"] != "Running" {
        fail!("the mirror does not run any more");
    }
    let journal = run.emulator.requests().await?;
    if journal.iter().any(|it| it["path"].as_str().is_some_and(|path| path.ends_with("/stopMirroring"))) {
        fail!("the mirror was stopped");
    }
    run.plan().await?.is_empty()
}

async fn roles_left_out_are_not_managed(run: &mut Run) -> Result<()> {
    let silent = edited(PRINCIPALS, &[("  server_roles        = []\n", ""), ("  roles      = []\n", "")])?;
    run.write("main.tf", &silent)?;
    run.apply().await?.success()?;
    run.emulator.sql("master", "ALTER SERVER ROLE [##MS_ServerStateReader##] ADD MEMBER fabric_login").await?;
    run.emulator.sql("Sales", "ALTER ROLE db_datareader ADD MEMBER fabric_user").await?;
    run.plan().await?.is_empty()?;
    // Another change takes none of them away.
    run.write("main.tf", &edited(&silent, &[("\"fabric_user\"", "\"renamed\"")])?)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    if values(&run.state().await?, USER)["roles"] != json!(["db_datareader"]) {
        fail!("the role is gone");
    }
    // Given, they are exactly that.
    run.write("main.tf", &edited(PRINCIPALS, &[("\"fabric_user\"", "\"renamed\"")])?)?;
    let plan = run.plan().await?;
    plan.changes(LOGIN, "server_roles", &json!(["##MS_ServerStateReader##"]), &json!([]))?;
    plan.changes(USER, "roles", &json!(["db_datareader"]), &json!([]))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()
}

async fn grants_that_are_not_exclusive_leave_others_alone(run: &mut Run) -> Result<()> {
    let two = edited(PRINCIPALS, &[("[\"SELECT\"]", "[\"INSERT\", \"SELECT\"]")])?;
    run.write("main.tf", &two)?;
    run.apply().await?.success()?;
    // The update that switches revokes nothing.
    let one = edited(PRINCIPALS, &[("[\"SELECT\"]", "[\"SELECT\"]\n  exclusive   = false")])?;
    run.write("main.tf", &one)?;
    let since = run.emulator.requests().await?.len();
    run.apply().await?.success()?;
    if let Some(text) = changes(run, since).await?.first() {
        fail!("the switch changed something: {text}");
    }
    run.plan().await?.is_empty()?;
    run.emulator.sql("Sales", "GRANT UPDATE TO fabric_user").await?;
    run.emulator.sql("Sales", "DENY DELETE TO fabric_user").await?;
    run.plan().await?.is_empty()?;
    // One that was listed and is not any more is revoked; the others stay.
    let none = edited(&one, &[("[\"SELECT\"]", "[]")])?;
    run.write("main.tf", &none)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    let held = run.emulator.sql("Sales", "SELECT permission_name FROM sys.database_permissions AS p JOIN sys.database_principals AS u ON u.principal_id = p.grantee_principal_id WHERE u.name = 'fabric_user' ORDER BY permission_name").await?;
    if held.concat() != ["CONNECT", "DELETE", "INSERT", "UPDATE"] {
        fail!("the user holds {held:?}");
    }
    run.destroy().await?.success().map(drop)
}

/// The lines of the configuration that the diagnostics point at.
pub fn pointed_at(said: &Said) -> Vec<String> {
    said.stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| line["diagnostic"]["snippet"]["code"].as_str().map(str::to_owned))
        .collect()
}

async fn a_misspelled_permission_is_refused_at_its_attribute(run: &mut Run) -> Result<()> {
    for (wrong, right) in [("SELCT", "SELECT"), ("alter any externl mirror", "ALTER ANY EXTERNAL MIRROR")] {
        run.write("main.tf", &edited(PRINCIPALS, &[("[\"SELECT\"]", &format!("[\"{wrong}\"]"))])?)?;
        let plan = run.plan().await?;
        plan.said.fails_with(&format!("`{right}`"))?;
        if !pointed_at(&plan.said).iter().any(|code| code.contains(wrong)) {
            fail!("{wrong}: the error points elsewhere: {:?}", pointed_at(&plan.said));
        }
    }
    Ok(())
}
