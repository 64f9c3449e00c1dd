//! What is there already: imported it is managed, and until then nobody takes it over.

use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};

use crate::hcl::{
    CONNECTION, EVERYTHING, GRANTS, HEAD, LOGIN, MIRROR, PRINCIPALS, REPLICATION, ROLE, USER, edited, tutorial_with,
};
use crate::tutorial::values;
use crate::world::{import, import_id};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(everything_is_imported_with_an_empty_plan),
        case!(an_import_with_the_password_plans_its_rotation),
        case!(a_wrong_import_id_is_shown_the_right_form),
        case!(what_exists_is_refused_with_its_import_block),
        case!(items_made_by_hand_are_refused_with_their_import_block),
    ]
}

const PRINCIPAL: &str =
    "  principal            = fabricmirror_database_grants.fabric.principal # whom the connection logs in as\n";

async fn everything_is_imported_with_an_empty_plan(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    let state = run.state().await?;
    let text = |address: &str, attribute: &str| {
        values(&state, address)[attribute].as_str().map(str::to_owned).unwrap_or_default()
    };
    let workspace = run.emulator.ready.scenario.workspace_id.clone();
    let identity = run.emulator.ready.scenario.instance_identity_object_id.clone();
    let item = format!("{workspace}/{}", text(MIRROR, "id"));
    let ids = [
        (LOGIN, "fabric_login".to_owned()),
        (USER, "Sales/fabric_user".to_owned()),
        (GRANTS, "Sales/fabric_user".to_owned()),
        (CONNECTION, text(CONNECTION, "id")),
        (ROLE, format!("{workspace}/{identity}")),
        (MIRROR, item.clone()),
        (REPLICATION, item),
    ];
    std::fs::remove_file(run.folder.join("terraform.tfstate"))?;
    // Credentials are needed to create, not to import.
    let basic = "  basic = {\n    username            = fabricmirror_database_user.fabric.login_name\n    password_wo         \
                 = ephemeral.fabricmirror_password.fabric.result\n    password_wo_version = local.password_version\n  }\n";
    let without_passwords = edited(
        &tutorial_with(&[(basic, "")])?,
        &[
            ("  password_wo         = ephemeral.fabricmirror_password.fabric.result\n", ""),
            ("  password_wo_version = local.password_version\n", ""),
            // Whom the connection logs in as, no service tells.
            (PRINCIPAL, ""),
        ],
    )?;
    let blocks: String = ids.iter().map(|(to, id)| import(to, id)).collect();
    run.write("main.tf", &format!("{without_passwords}\n{blocks}"))?;
    let plan = run.plan().await?;
    for address in EVERYTHING {
        plan.does(address, &["no-op"])?;
    }
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    run.destroy().await?.success().map(drop)
}

async fn an_import_with_the_password_plans_its_rotation(run: &mut Run) -> Result<()> {
    run.emulator.sql("master", "CREATE LOGIN fabric_login WITH PASSWORD = 'Set-By-Hand-1'").await?;
    run.emulator.sql("Sales", "CREATE USER fabric_user FOR LOGIN fabric_login").await?;
    run.emulator.sql("Sales", "GRANT SELECT TO fabric_user").await?;
    let blocks = [(LOGIN, "fabric_login"), (USER, "Sales/fabric_user"), (GRANTS, "Sales/fabric_user")]
        .map(|(to, id)| import(to, id));
    let blocks = blocks.concat();
    run.write("main.tf", &format!("{PRINCIPALS}{blocks}"))?;
    let plan = run.plan().await?;
    plan.does(LOGIN, &["update"])?.does(USER, &["no-op"])?.does(GRANTS, &["no-op"])?;
    plan.said.warns("password will be replaced")?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    run.emulator.sql_as("fabric_login", "Correct-Horse-7", "Sales", "SELECT 1").await.map(drop)
}

async fn a_wrong_import_id_is_shown_the_right_form(run: &mut Run) -> Result<()> {
    let role = "workspace_id = \"3095face-5f6a-4b7c-8d9e-0f1a2b3c4d09\"\n  principal = { id = \
                \"b0b00000-2c3d-4e5f-8a6b-7c8d9e0f1a06\", type = \"User\" }\n  role = \"Viewer\"";
    let user = "database = \"Sales\"\n  name = \"u\"\n  login_name = \"l\"";
    let id = "3095face-5f6a-4b7c-8d9e-0f1a2b3c4d09";
    let mirror = format!("workspace_id = \"{id}\"\n  display_name = \"m\"\n  connection_id = \"{id}\"");
    let replication = format!("workspace_id = \"{id}\"\n  mirrored_database_id = \"{id}\"\n  state = \"running\"");
    let cases = [
        ("login", "name = \"l\"", "a/b/c", "`[server/]name`"),
        ("login", "name = \"l\"", "not a server!/l", "server"),
        ("database_user", user, "fabric_user", "`[server/]database/name`"),
        ("database_user", user, "Sales//u", "empty"),
        ("database_role", "database = \"Sales\"\n  name = \"r\"", "r", "`[server/]database/name`"),
        (
            "database_grants",
            "database = \"Sales\"\n  principal = \"u\"\n  permissions = []",
            "u",
            "`[server/]database/principal`",
        ),
        ("connection", "display_name = \"c\"\n  server = \"h\"\n  database = \"d\"", "sales-mi", "sales-mi"),
        ("workspace_role_assignment", role, "Data Team", "`workspace/assignment`"),
        ("workspace_role_assignment", role, "3095face-5f6a-4b7c-8d9e-0f1a2b3c4d09/bob", "bob"),
        ("mirrored_database", &mirror, "Sales", "`workspace/item`"),
        ("mirrored_database", &mirror, "3095face-5f6a-4b7c-8d9e-0f1a2b3c4d09/Sales", "Sales"),
        ("replication", &replication, id, "`workspace/item`"),
        ("replication", &replication, "a/b/c", "`workspace/item`"),
    ];
    for (kind, body, id, says) in cases {
        run.write(
            "main.tf",
            &format!(
                "{HEAD}resource \"fabricmirror_{kind}\" \"x\" {{\n  {body}\n}}\nimport {{\n  to = fabricmirror_{kind}.x\n  \
                 id = \"{id}\"\n}}\n"
            ),
        )?;
        let said = run.plan().await?.said;
        let error = said.fails_with(says).map_err(|error| format!("{kind} {id}: {error}"))?;
        let errors = said.diagnostics().into_iter().filter(|it| it.severity == "error").count();
        if !error.summary.contains("import id") || errors != 1 {
            fail!("{kind} {id}: another error, or more: {}", said.explain());
        }
    }
    Ok(())
}

async fn what_exists_is_refused_with_its_import_block(run: &mut Run) -> Result<()> {
    run.emulator.sql("master", "CREATE LOGIN fabric_login WITH PASSWORD = 'Set-By-Hand-1'").await?;
    run.emulator.sql("Sales", "CREATE USER fabric_user FOR LOGIN fabric_login").await?;
    run.write("main.tf", PRINCIPALS)?;
    let before = run.emulator.state().await?;
    let plan = run.plan().await?;
    let login = plan.said.fails_with("The login fabric_login exists")?;
    // A user whose login is not planned is not looked at: it is seen once the login is imported.
    let id = import_id(&login.detail)?;
    if !id.ends_with("/fabric_login") || run.emulator.state().await? != before {
        fail!("the import id is {id}, or something was changed");
    }
    let login = import(LOGIN, &id);
    run.write("main.tf", &format!("{PRINCIPALS}{login}"))?;
    let user = run.plan().await?.said.fails_with("The user fabric_user exists")?;
    let user = import(USER, &import_id(&user.detail)?);
    // The blocks are right: with both pasted, everything is managed.
    run.write("main.tf", &format!("{PRINCIPALS}{login}{user}"))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()
}

async fn items_made_by_hand_are_refused_with_their_import_block(run: &mut Run) -> Result<()> {
    run.use_tutorial()?;
    run.apply().await?.success()?;
    let made = run.state().await?;
    let (workspace, identity) = {
        let scenario = &run.emulator.ready.scenario;
        (scenario.workspace_id.clone(), scenario.instance_identity_object_id.clone())
    };
    // As if others had made them.
    for address in [REPLICATION, MIRROR, CONNECTION, ROLE] {
        run.run(&["state", "rm", address]).await?.success()?;
    }
    let before = run.emulator.state().await?;
    let said = run.apply().await?;
    let id = |address: &str| values(&made, address)["id"].as_str().unwrap_or_default().to_owned();
    let role = said.fails_with("has a role in the workspace")?;
    if import_id(&role.detail)? != format!("{workspace}/{identity}") {
        fail!("the import block of the role is wrong: {}", role.detail);
    }
    let connection = said.fails_with("A connection of this name exists")?;
    if import_id(&connection.detail)? != id(CONNECTION) {
        fail!("the import block of the connection is wrong: {}", connection.detail);
    }
    run.run(&["import", "-no-color", "-input=false", CONNECTION, &id(CONNECTION)]).await?.success()?;
    let said = run.apply().await?;
    let mirror = said.fails_with("A mirrored database of this name exists")?;
    if import_id(&mirror.detail)? != format!("{workspace}/{}", id(MIRROR)) {
        fail!("the import block of the mirror is wrong: {}", mirror.detail);
    }
    if said.code == 0 || run.emulator.state().await?["fabric"]["connections"] != before["fabric"]["connections"] {
        fail!("something was changed");
    }
    Ok(())
}
