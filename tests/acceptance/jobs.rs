//! Plans that another job applies, with nothing of the first one but files and the environment; plans that are too old;
//! configurations that point to another server, and operators who see too little.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use fabricmirror_tests::emulator::Options;
use fabricmirror_tests::run::{Diagnostic, Run, Said};
use fabricmirror_tests::{Result, fail};
use serde_json::{Value, json};

use crate::hcl::{EVERYTHING, GRANTS, HEAD, LOGIN, PRINCIPALS, USER, edited};
use crate::servers::{SEVERAL, reached};
use crate::tutorial::{derived_password, values};
use crate::world::{import_id, is_untouched, login, now, replicates};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    let several = Options { scenario: Some(SEVERAL.to_owned()), ..Options::default() };
    vec![
        case!(a_plan_is_applied_by_another_job),
        case!(a_stale_plan_is_refused),
        case!(another_server_is_one_error, several),
        case!(whoever_may_not_see_is_told_the_right_for_every_type),
        case!(what_is_wrong_is_one_diagnostic_within_the_time_out),
    ]
}

/// Everything that a job hands on, in a folder of its own, with the provider and the certificates elsewhere on its machine.
/// What it leaves behind is gone.
async fn next_job(run: &mut Run) -> Result<()> {
    let before = run.folder.clone();
    let next = before.parent().ok_or("a folder of its own")?.join("next job");
    std::fs::create_dir_all(next.join("trusted"))?;
    for file in ["main.tf", "plan.bin", "terraform.tfstate", ".terraform.lock.hcl"] {
        std::fs::rename(before.join(file), next.join(file)).map_err(|error| format!("{file}: {error}"))?;
    }
    let certificates = next.join("trusted/ca.crt");
    std::fs::copy(&run.emulator.ready.ca_certificate_file, &certificates)?;
    run.set("FABRICMIRROR_CA_CERTIFICATE_FILE", &certificates.display().to_string());
    for folder in ["mirror", ".terraform"] {
        std::fs::remove_dir_all(before.join(folder))?;
    }
    std::fs::remove_file(before.join("cli.tfrc"))?;
    run.folder = next;
    run.set("TF_CLI_CONFIG_FILE", &run.folder.join("cli.tfrc").display().to_string());
    run.install_from_mirror().await
}

async fn a_plan_is_applied_by_another_job(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.install_from_mirror().await?;
    // The state is handed on, too.
    let target = format!("-target={LOGIN}");
    run.run(&["apply", "-json", "-input=false", "-auto-approve", &target]).await?.success()?;
    run.plan().await?.does(LOGIN, &["no-op"])?.does(USER, &["create"])?;
    next_job(run).await?;
    run.apply_planned().await?.success()?;
    replicates(run, 5).await?;
    let plan = run.plan().await?;
    plan.is_empty()?;
    for address in EVERYTHING {
        plan.does(address, &["no-op"])?;
    }
    // The password was derived once more: the one that both jobs have got.
    let password = derived_password(run).await?;
    run.emulator.sql_as("fabric_login", &password, "Sales", "SELECT 1").await?;
    run.destroy().await?.success().map(drop)
}

async fn a_stale_plan_is_refused(run: &mut Run) -> Result<()> {
    run.write("main.tf", PRINCIPALS)?;
    run.install_from_mirror().await?;
    run.plan().await?.does(LOGIN, &["create"])?;
    let first = std::fs::read(run.folder.join("plan.bin"))?;
    // The name is somebody else's when the other job comes to it.
    run.write("terraform.tfstate", "")?;
    std::fs::remove_file(run.folder.join("terraform.tfstate"))?;
    run.emulator.sql("master", "CREATE LOGIN fabric_login WITH PASSWORD = 'Of-A-Stranger-1'").await?;
    let stranger = login(run, "fabric_login").await?;
    let since = now(run).await?;
    let error = run.apply_planned().await?.fails_with("The login fabric_login exists")?;
    import_id(&error.detail)?;
    is_untouched(run, since).await?;
    if login(run, "fabric_login").await? != stranger || !values(&run.state().await?, LOGIN).is_null() {
        fail!("the stranger's login was taken over");
    }
    run.emulator.sql("master", "DROP LOGIN fabric_login").await?;

    // The state went on since the plan was made.
    run.forget_state()?;
    run.apply().await?.success()?;
    std::fs::write(run.folder.join("plan.bin"), first)?;
    let since = now(run).await?;
    run.apply_planned().await?.fails_with("stale")?;
    is_untouched(run, since).await?;
    // So did the server: the user is gone, and the plan that renames it is not for another one.
    run.write("main.tf", &edited(PRINCIPALS, &[("\"fabric_user\"", "\"renamed\"")])?)?;
    run.plan().await?.does(USER, &["update"])?;
    run.emulator.sql("Sales", "DROP USER fabric_user; CREATE USER fabric_user WITHOUT LOGIN").await?;
    let since = now(run).await?;
    run.apply_planned().await?.fails_with("The user fabric_user is not there any more")?;
    is_untouched(run, since).await
}

fn errors(said: &Said) -> Vec<Diagnostic> {
    said.diagnostics().into_iter().filter(|it| it.severity == "error").collect()
}

/// What a plan announces to do, as the CLI tells programs.
fn announced(said: &Said) -> Vec<Value> {
    let lines = said.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["type"] == "planned_change").collect()
}

/// One error, at one object, which says all of this; and nothing is planned.
fn is_one_error(said: &Said, says: &[&str]) -> Result<()> {
    let errors = errors(said);
    let [error] = errors.as_slice() else { fail!("{} errors: {}", errors.len(), said.explain()) };
    let whole = format!("{}\n{}", error.summary, error.detail);
    if let Some(text) = says.iter().find(|text| !whole.contains(**text)) {
        fail!("{text:?} is not said: {whole}");
    }
    if !error.address.starts_with("fabricmirror_") {
        fail!("the error is at {:?}", error.address);
    }
    match announced(said).first() {
        Some(change) => fail!("this is planned: {change}"),
        None => Ok(()),
    }
}

async fn another_server_is_one_error(run: &mut Run) -> Result<()> {
    let [ours, theirs] = run.emulator.ready.instances.clone().try_into().map_err(|_| "not two instances")?;
    let many = format!(
        "{HEAD}{}{}",
        "locals {\n  numbers = toset([for number in range(25) : format(\"%02d\", number)])\n}\nresource \"fabricmirror_login\" \
         \"many\" {\n  for_each            = local.numbers\n  name                = \"login${each.key}\"\n  password_wo         = \
         \"Correct-Horse-7\"\n  password_wo_version = 1\n}\n",
        "resource \"fabricmirror_database_role\" \"many\" {\n  for_each = toset([\"a\", \"b\", \"c\", \"d\", \"e\"])\n  database = \
         \"Sales\"\n  name     = \"role_${each.key}\"\n}\n"
    );
    run.write("main.tf", &many)?;
    run.apply().await?.success()?;
    let journal = run.emulator.requests().await?;
    let name = journal.iter().find(|it| it["channel"] == "sql").ok_or("nothing was sent")?["server"].clone();
    let before = run.emulator.state().await?;

    let point = |run: &mut Run, to: &fabricmirror_tests::emulator::Instance| {
        for (variable, value) in
            [("SERVER", &to.sql.server), ("USERNAME", &to.sql.username), ("PASSWORD", &to.sql.password)]
        {
            run.set(&format!("FABRICMIRROR_SQL_{variable}"), value);
        }
    };
    point(run, &theirs);
    let both = [&*ours.sql.server, &*theirs.sql.server];
    let since = now(run).await?;
    let says = [both[0], both[1], "credentials are not meant for this server", "holds for all of them"];
    is_one_error(&run.plan().await?.said, &says)?;
    let said = run.run(&["destroy", "-json", "-input=false", "-auto-approve"]).await?;
    is_one_error(&said, &says)?;
    if reached(run, since, &name).await? != 0 {
        fail!("something was sent to a server that the block does not name");
    }
    // Without a look, and where the old server may be asked: it is the plan that refuses.
    let lies = [both[0], both[1], "The object lies on another server", "holds for all of them"];
    let unread = run.run(&["plan", "-json", "-input=false", "-refresh=false"]).await?;
    is_one_error(&unread, &lies)?;
    let block = format!("provider \"fabricmirror\" {{\n  sql = {{ other_servers = [\"{}\"] }}\n}}\n", ours.sql.server);
    let as_there = format!(
        "CREATE LOGIN {0} WITH PASSWORD = '{1}'; ALTER SERVER ROLE sysadmin ADD MEMBER {0};",
        theirs.sql.username, theirs.sql.password
    );
    run.emulator.sql("master", &as_there).await?;
    run.write("main.tf", &format!("{many}{block}"))?;
    is_one_error(&run.plan().await?.said, &lies)?;
    // What apply does not do, it says of each: a plan that was made before, and applied with another server.
    run.emulator.sql("master", &format!("DROP LOGIN {}", theirs.sql.username)).await?;
    run.write("main.tf", HEAD)?;
    point(run, &ours);
    run.plan().await?.does("fabricmirror_login.many[\"00\"]", &["delete"])?;
    point(run, &theirs);
    let refused = errors(&run.apply_planned().await?).len();
    if refused != 30 {
        fail!("{refused} of 30 deletions say that they were not done");
    }
    if run.emulator.state().await? != before {
        fail!("something was changed");
    }
    point(run, &ours);
    // The objects themselves name the other server: that the rest is planned as it is, against its blocks, the CLIs take.
    let block =
        format!("provider \"fabricmirror\" {{\n  sql = {{ other_servers = [\"{}\"] }}\n}}\n", theirs.sql.server);
    let server = format!("  server = \"{}\"\n  name                = \"login", theirs.sql.server);
    let moved = edited(&many, &[("  name                = \"login", &server)])?;
    run.write("main.tf", &format!("{moved}{block}"))?;
    is_one_error(&run.plan().await?.said, &lies)?;
    run.write("main.tf", &many)?;
    run.plan().await?.is_empty()
}

async fn whoever_may_not_see_is_told_the_right_for_every_type(run: &mut Run) -> Result<()> {
    let role =
        "resource \"fabricmirror_database_role\" \"fabric\" {\n  database = \"Sales\"\n  name     = \"reporting\"\n}\n";
    let identity = "data \"fabricmirror_server_identity\" \"instance\" {}\n";
    run.write("main.tf", &format!("{PRINCIPALS}{role}{identity}"))?;
    run.apply().await?.success()?;
    // Nothing waits for another object: each is asked for.
    let alone = edited(
        PRINCIPALS,
        &[
            ("fabricmirror_login.fabric.name", "\"fabric_login\""),
            ("fabricmirror_database_user.fabric.database", "\"Sales\""),
            ("fabricmirror_database_user.fabric.principal", "\"fabric_user\""),
        ],
    )?;
    run.write("main.tf", &format!("{alone}{role}{identity}"))?;
    run.emulator.sql("master", "CREATE LOGIN operator WITH PASSWORD = 'Weak-Person-1'").await?;
    run.emulator.sql("Sales", "CREATE USER operator FOR LOGIN operator").await?;
    run.set("FABRICMIRROR_SQL_USERNAME", "operator");
    run.set("FABRICMIRROR_SQL_PASSWORD", "Weak-Person-1");
    let plan = run.plan().await?;
    let types = [
        (LOGIN, "VIEW ANY DEFINITION"),
        (USER, "ALTER ANY USER"),
        ("fabricmirror_database_role.fabric", "ALTER ANY ROLE"),
        (GRANTS, "ALTER ANY USER"),
        ("data.fabricmirror_server_identity.instance", "VIEW SERVER SECURITY STATE"),
    ];
    let errors = errors(&plan.said);
    for (address, right) in types {
        let error = errors.iter().find(|it| it.address == address).ok_or_else(|| format!("no error at {address}"))?;
        let says = [right.to_owned(), format!("GRANT {right} TO [OPERATOR];")];
        if let Some(text) = says.iter().find(|text| !error.detail.contains(*text)) {
            fail!("{address}: {text:?} is not said: {}", error.detail);
        }
    }
    if errors.len() != types.len() {
        fail!("{} errors for {} objects: {}", errors.len(), types.len(), plan.said.explain());
    }
    match announced(&plan.said).first() {
        Some(change) => fail!("this is planned: {change}"),
        None => Ok(()),
    }
}

async fn what_is_wrong_is_one_diagnostic_within_the_time_out(run: &mut Run) -> Result<()> {
    let ours = |name: &str| {
        format!(
            "{HEAD}resource \"fabricmirror_database_role\" \"x\" {{\n  database = \"Sales\"\n  name     = \"{name}\"\n}}\n"
        )
    };
    run.write("main.tf", &ours("reporting"))?;
    run.apply().await?.success()?;
    run.emulator
        .sql("master", "CREATE LOGIN operator WITH PASSWORD = 'Weak-Person-1'; ALTER LOGIN operator DISABLE")
        .await?;
    let elsewhere: PathBuf = run.folder.join("no such folder");
    let nowhere = elsewhere.display().to_string();
    type Variables<'a> = [(&'a str, &'a str)];
    let cases: [(&str, &Variables<'_>, &[&str]); 3] = [
        (
            "a disabled operator",
            &[("FABRICMIRROR_SQL_USERNAME", "operator"), ("FABRICMIRROR_SQL_PASSWORD", "Weak-Person-1")],
            &["The server refuses the operator's login", "18456", "a disabled login"],
        ),
        (
            "a wrong password",
            &[("FABRICMIRROR_SQL_PASSWORD", "Not-The-Password-5")],
            &["The server refuses the operator's login", "18456", "a wrong password"],
        ),
        (
            "a key file that is not there",
            &[
                ("FABRICMIRROR_SQL_USERNAME", ""),
                ("FABRICMIRROR_SQL_PASSWORD", ""),
                ("FABRIC_USE_OIDC", "true"),
                ("FABRIC_OIDC_TOKEN_FILE_PATH", &nowhere),
            ],
            &["The Entra credential cannot be used", "no such folder", "FABRIC_OIDC_TOKEN_FILE_PATH"],
        ),
    ];
    for (what, variables, says) in cases {
        let right: Vec<_> = variables.iter().map(|(name, _)| (*name, run.variable(name).to_owned())).collect();
        for (name, value) in variables {
            run.set(name, value);
        }
        within(run, what, says).await?;
        for (name, value) in right {
            run.set(name, &value);
        }
    }
    // A database that is offline, or being restored: whoever logs in to it is told what one without a user is told.
    // UNCONFIRMED which of the numbers an instance answers with; none of them proves that it is gone.
    for number in [4060, 927, 942] {
        let offline = json!({
            "match": { "channel": "sql" },
            "effect": { "sql_error": { "number": number, "severity": 14, "state": 1 } },
        });
        run.emulator.plant(offline).await?;
        within(run, &format!("{number}"), &["The database cannot be opened", &number.to_string(), "ONLINE"]).await?;
        run.emulator.clear_faults().await?;
    }
    run.plan().await?.is_empty()
}

/// The plan fails with one diagnostic that says all of this, soon.
async fn within(run: &mut Run, what: &str, says: &[&str]) -> Result<()> {
    let began = Instant::now();
    let plan = run.plan().await?;
    let taken = began.elapsed();
    is_one_error(&plan.said, says).map_err(|error| format!("{what}: {error}"))?;
    // Of the configuration's own: the CLI warns of development builds.
    if plan.said.diagnostics().iter().filter(|it| !it.address.is_empty()).count() != 1 {
        fail!("{what}: more than one diagnostic: {}", plan.said.explain());
    }
    if taken > Duration::from_secs(20) {
        fail!("{what}: it took {taken:?}");
    }
    Ok(())
}
