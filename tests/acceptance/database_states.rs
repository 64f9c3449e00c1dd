//! A database that nobody opens, since it is being restored or offline: that is said, and nothing in it is taken for gone.

use fabricmirror_tests::emulator::Options;
use fabricmirror_tests::run::{Run, Said};
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::HEAD;
use crate::servers::{SEVERAL, Way};
use crate::world::{is_untouched, now};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    // Behind the name of the first instance stands the second one later: the same databases, in another state.
    let mut scenario: Value = serde_json::from_str(SEVERAL).unwrap_or_default();
    scenario["other_instances"][0]["databases"] =
        json!([{ "name": "Sales", "state": "RESTORING" }, { "name": "Inventory", "state": "OFFLINE" }]);
    let options = Options { scenario: Some(scenario.to_string()), ..Options::default() };
    vec![case!(a_database_that_nobody_opens_is_one_error, options).once()]
}

fn of_database(database: &str) -> String {
    format!(
        r#"
resource "fabricmirror_database_role" "{database}" {{
  database = "{database}"
  name     = "readers"
}}

resource "fabricmirror_database_user" "{database}" {{
  database   = "{database}"
  name       = "somebody"
  login_name = "somebody"
  roles      = [fabricmirror_database_role.{database}.name]
}}

resource "fabricmirror_database_grants" "{database}" {{
  database    = "{database}"
  principal   = fabricmirror_database_user.{database}.principal
  permissions = ["SELECT"]
}}

resource "fabricmirror_database_grants" "role_{database}" {{
  database    = "{database}"
  principal   = fabricmirror_database_role.{database}.principal
  permissions = ["INSERT"]
}}
"#
    )
}

/// One error for each of the two databases, and nothing else.
fn says_so(said: &Said) -> Result<()> {
    for (database, state, next) in
        [("Sales", "RESTORING", "once that has ended"), ("Inventory", "OFFLINE", "once it is back")]
    {
        let error = said.fails_with(&format!("Database {database} is {state}"))?;
        for text in ["4060", "not taken for gone", "[state_desc]", next] {
            if !error.detail.contains(text) {
                fail!("{database}: {text:?} is not said: {}", error.detail);
            }
        }
    }
    match said.diagnostics().iter().filter(|it| it.severity == "error").count() {
        2 => Ok(()),
        count => fail!("{count} errors: {}", said.explain()),
    }
}

async fn a_database_that_nobody_opens_is_one_error(run: &mut Run) -> Result<()> {
    let [ours, theirs] = run.emulator.ready.instances.clone().try_into().map_err(|_| "not two instances")?;
    let way = Way::to(ours.sql.port).await?;
    run.set("FABRICMIRROR_SQL_SERVER", &format!("localhost,{}", way.port));
    run.emulator.sql("master", "CREATE LOGIN somebody WITH PASSWORD = 'Other-People-0nly'").await?;
    let configuration = format!("{HEAD}{}{}", of_database("Sales"), of_database("Inventory"));
    run.write("main.tf", &configuration)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;

    let since = now(run).await?;
    way.leads_to(theirs.sql.port);
    run.set("FABRICMIRROR_SQL_USERNAME", &theirs.sql.username);
    run.set("FABRICMIRROR_SQL_PASSWORD", &theirs.sql.password);
    let held = run.state().await?;
    says_so(&run.plan().await?.said)?;
    if run.apply().await?.code == 0 || run.destroy().await?.code == 0 || run.state().await? != held {
        fail!("something was done");
    }
    // New objects are not planned either.
    run.forget_state()?;
    says_so(&run.plan().await?.said)?;
    is_untouched(run, since).await
}
