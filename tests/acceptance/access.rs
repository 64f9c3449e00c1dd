//! The provider's own way to its services: not known yet, without rights, wrong.

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};

use crate::hcl::{CONNECTION, EVERYTHING, GRANTS, HEAD, LOGIN, PRINCIPALS, USER, edited, tutorial_with};
use crate::tutorial::values;
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(a_provider_block_that_is_unknown_at_plan),
        case!(an_operator_without_rights_sees_nothing_as_deleted),
        case!(what_leads_nowhere_is_named_without_its_secret),
        case!(targets_replacements_and_plans_without_refresh),
    ]
}

async fn a_provider_block_that_is_unknown_at_plan(run: &mut Run) -> Result<()> {
    let server = run.emulator.ready.sql.server.clone();
    run.set("FABRICMIRROR_SQL_SERVER", "");
    let text = tutorial_with(&[(
        "provider \"fabricmirror\" {\n  sql = {\n    server = var.server\n  }\n}",
        "resource \"terraform_data\" \"instance\" {\n  input = var.server\n  triggers_replace = local.made\n}\n\nlocals {\n  \
         made = 1\n}\n\nprovider \"fabricmirror\" {\n  sql = {\n    server = terraform_data.instance.output\n  }\n  endpoint \
         = replace(terraform_data.instance.id, \"/.*/\", var.endpoint)\n}\n\nvariable \"endpoint\" {\n  type = string\n}",
    )])?;
    run.set("TF_VAR_endpoint", &run.emulator.ready.fabric.endpoint.clone());
    run.write("main.tf", &text)?;
    let plan = run.plan().await?;
    for address in EVERYTHING {
        plan.does(address, &["create"])?;
    }
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    if values(&run.state().await?, LOGIN)["server"] != server.as_str() {
        fail!("the server is {}, not {server}", values(&run.state().await?, LOGIN)["server"]);
    }

    // The instance is replaced: nothing can be asked, and nothing is gone. The data source says what to do.
    run.write("main.tf", &edited(&text, &[("made = 1", "made = 2")])?)?;
    let plan = run.plan().await?;
    let warnings = plan.said.diagnostics();
    let warnings = warnings.iter().filter(|it| it.summary == "Objects were not refreshed").count();
    if warnings != 1 {
        fail!("{warnings} warnings: {}", plan.said.explain());
    }
    plan.said.fails_with("depends_on = [")?;

    // Told to wait for the instance, it does.
    let waiting = edited(
        &text,
        &[
            ("made = 1", "made = 2"),
            (
                "mirrored_database_id = fabricmirror_replication.source.mirrored_database_id",
                "mirrored_database_id = fabricmirror_replication.source.mirrored_database_id\n  depends_on = \
                 [terraform_data.instance]",
            ),
        ],
    )?;
    run.write("main.tf", &waiting)?;
    let plan = run.plan().await?;
    for address in EVERYTHING {
        plan.does(address, &["no-op"])?;
    }
    run.apply().await?.success()?;
    run.plan().await?.is_empty()
}

async fn an_operator_without_rights_sees_nothing_as_deleted(run: &mut Run) -> Result<()> {
    run.write("main.tf", PRINCIPALS)?;
    run.apply().await?.success()?;
    run.emulator.sql("master", "CREATE LOGIN operator WITH PASSWORD = 'Weak-Person-1'").await?;
    let administrator = run.emulator.ready.sql.clone();
    run.set("FABRICMIRROR_SQL_USERNAME", "operator");
    run.set("FABRICMIRROR_SQL_PASSWORD", "Weak-Person-1");

    // Right by right: each error stands at the first object that needs it.
    let steps = [
        (LOGIN, "lacks VIEW ANY DEFINITION", "master", "GRANT ALTER ANY LOGIN TO operator"),
        (USER, "needs a user in the database", "Sales", "CREATE USER operator FOR LOGIN operator"),
        (USER, "lacks ALTER ANY USER", "Sales", "GRANT ALTER ANY USER TO operator"),
        (GRANTS, "lacks VIEW DEFINITION", "Sales", "GRANT VIEW DEFINITION TO operator"),
    ];
    for (address, says, database, statement) in steps {
        let error = run.plan().await?.said.fails_with(says)?;
        if error.address != address {
            fail!("{says}: the error is at {}", error.address);
        }
        run.emulator.sql(database, statement).await?;
    }
    run.plan().await?.is_empty()?;
    // What may be seen may not yet be changed.
    run.write("main.tf", &edited(PRINCIPALS, &[("[\"SELECT\"]", "[\"INSERT\"]")])?)?;
    let error = run.apply().await?.fails_with("GRANT permission")?;
    if error.address != GRANTS {
        fail!("the error is at {}", error.address);
    }
    run.set("FABRICMIRROR_SQL_USERNAME", &administrator.username);
    run.set("FABRICMIRROR_SQL_PASSWORD", &administrator.password);
    run.apply().await?.success()?;
    run.plan().await?.is_empty()
}

async fn what_leads_nowhere_is_named_without_its_secret(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    let wrong_ca = run.folder.join("wrong.pem");
    let openssl = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=wrong",
        "-keyout",
        "/dev/null",
        "-out",
    ];
    let made = std::process::Command::new("openssl").args(openssl).arg(&wrong_ca).output()?;
    if !made.status.success() {
        fail!("no certificate: {}", String::from_utf8_lossy(&made.stderr));
    }
    let wrong_ca = wrong_ca.display().to_string();
    let host = run.emulator.ready.sql.host.clone();
    // What is wrong, what it is set to, what the errors say, and where they stand.
    let cases: [(&str, &str, &[&str], &str); 5] = [
        ("FABRIC_CLIENT_SECRET", "Not-The-Secret-5", &["Entra gives no token", "FABRIC_CLIENT_SECRET"], CONNECTION),
        ("FABRICMIRROR_SQL_PASSWORD", "Not-The-Password-5", &["refuses the operator's login", "18456"], LOGIN),
        ("FABRIC_ENDPOINT", "http://localhost:9", &["no https URL"], CONNECTION),
        ("FABRICMIRROR_CA_CERTIFICATE_FILE", &wrong_ca, &["FABRICMIRROR_CA_CERTIFICATE_FILE", &host], LOGIN),
        (
            "FABRICMIRROR_CA_CERTIFICATE_FILE",
            &wrong_ca,
            &["Entra's certificate is not trusted", "invalid peer certificate", "`ca_certificate_file`"],
            "fabricmirror_workspace_role_assignment.instance",
        ),
    ];
    for (variable, value, says, address) in cases {
        let right = run.variable(variable).to_owned();
        run.set(variable, value);
        let plan = run.plan().await?;
        run.set(variable, &right);
        for text in says {
            plan.said.fails_with(text).map_err(|error| format!("{variable}: {error}"))?;
        }
        if !plan.said.diagnostics().iter().any(|it| it.address == address) {
            fail!("{variable}: no error at {address}: {}", plan.said.explain());
        }
        for secret in
            [value, right.as_str()].into_iter().filter(|_| variable.contains("SECRET") || variable.contains("PASSWORD"))
        {
            if plan.said.stdout.contains(secret) || plan.said.stderr.contains(secret) {
                fail!("{variable}: the output holds the secret");
            }
        }
    }

    // A server that is not there.
    run.write(
        "main.tf",
        &format!("{HEAD}provider \"fabricmirror\" {{\n  sql = {{ server = \"localhost,9\" }}\n}}\nimport {{\n  to = {LOGIN}\n  id = \"fabric_login\"\n}}\nresource \"fabricmirror_login\" \"fabric\" {{\n  name = \"fabric_login\"\n}}\n"),
    )?;
    std::fs::remove_file(run.folder.join("terraform.tfstate"))?;
    let error = run.plan().await?.said.fails_with("cannot be reached")?;
    if !error.detail.contains("localhost,9") || !error.detail.contains("3342") {
        fail!("the error does not help: {error:?}");
    }
    Ok(())
}

async fn targets_replacements_and_plans_without_refresh(run: &mut Run) -> Result<()> {
    run.write("main.tf", PRINCIPALS)?;
    run.run(&["apply", "-json", "-input=false", "-auto-approve", &format!("-target={USER}")]).await?.success()?;
    run.plan().await?.does(LOGIN, &["no-op"])?.does(USER, &["no-op"])?.does(GRANTS, &["create"])?;
    run.apply().await?.success()?;
    let since = run.emulator.requests().await?.len();
    let said = run.run(&["plan", "-json", "-input=false", "-detailed-exitcode", "-refresh=false"]).await?;
    if said.code != 0 {
        fail!("a plan without refresh holds changes: {}", said.explain());
    }
    let asked = run.emulator.requests().await?.len() - since;
    // Names of permissions are checked against the server's own list.
    if asked > 2 {
        fail!("a plan without refresh asked {asked} times");
    }
    // A login that is replaced keeps its user and the user's grants.
    run.run(&["apply", "-json", "-input=false", "-auto-approve", &format!("-replace={LOGIN}")]).await?.success()?;
    run.plan().await?.is_empty()?;
    run.emulator.sql_as("fabric_login", "Correct-Horse-7", "Sales", "SELECT 1").await?;
    let state = std::fs::read_to_string(run.folder.join("terraform.tfstate"))?;
    if state.contains("Correct-Horse") {
        fail!("the state holds the password");
    }
    Ok(())
}
