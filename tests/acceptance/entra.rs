//! Entra principals: users, groups, applications and managed identities, with a login and without.

use fabricmirror_tests::build::root;
use fabricmirror_tests::run::Run;
use fabricmirror_tests::{Result, fail};
use serde_json::json;

use crate::hcl::HEAD;
use crate::tutorial::values;
use crate::world::{changes, import, is_as, is_untouched, login, now, user};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![
        case!(the_example_of_entra_principals),
        case!(every_kind_of_entra_principal),
        case!(an_application_made_again_is_another),
        case!(a_user_follows_its_login_to_another_principal),
        case!(a_user_is_not_renamed_to_somebody_else),
        case!(a_principal_has_one_login_and_one_user),
        case!(another_kind_is_not_offered_for_import),
        case!(a_user_made_again_for_somebody_else_is_made_anew),
        case!(a_user_with_a_login_is_its_principals_too),
        case!(whom_the_directory_means_is_checked),
        case!(a_group_is_kept_out_by_a_deny),
        case!(entra_principals_are_imported_as_they_are),
    ]
}

/// The default scenario's application with a machine of its own.
const CLIENT: &str = "5e1f0b1e-7b8c-4d9e-8f1a-2b3c4d5e6f0b";
const CLIENT_SID: &str = "0x1E0B1F5E8C7B9E4D8F1A2B3C4D5E6F0B";
/// The instance's own identity, as an enterprise application, and its client id.
const IDENTITY: &str = "1de47171-90ab-4cde-8f12-3456789abc04";
const IDENTITY_SID: &str = "0x7171E41D01AA234B9C456789ABCDEF05";
const BOB: &str = "b0b00000-2c3d-4e5f-8a6b-7c8d9e0f1a06";
const BOB_SID: &str = "0x0000B0B03D2C5F4E8A6B7C8D9E0F1A06";
const TEAM: &str = "da7a7ea1-3d4e-4f5a-8b7c-8d9e0f1a2b07";
const TEAM_SID: &str = "0xA17E7ADA4E3D5A4F8B7C8D9E0F1A2B07";

fn login_block(label: &str, name: &str, entra: &str) -> String {
    format!("resource \"fabricmirror_login\" \"{label}\" {{\n  name  = \"{name}\"\n  entra = {{ {entra} }}\n}}\n")
}

fn user_block(label: &str, name: &str, entra: &str) -> String {
    format!(
        "resource \"fabricmirror_database_user\" \"{label}\" {{\n  database = \"Inventory\"\n  name = \"{name}\"\n  entra = \
         {{ {entra} }}\n}}\n"
    )
}

/// `examples/entra`, as it stands.
async fn the_example_of_entra_principals(run: &mut Run) -> Result<()> {
    let text = std::fs::read_to_string(root()?.join("examples/entra/main.tf"))?;
    run.set("TF_VAR_application", &format!("{{ name = \"runner\", client_id = \"{CLIENT}\" }}"));
    let before = run.emulator.state().await?;
    run.write("main.tf", &text)?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    for (name, kind, sid) in
        [("bob@contoso.com", "E", BOB_SID), ("Data Team", "X", TEAM_SID), ("runner", "E", CLIENT_SID)]
    {
        let found = login(run, name).await?;
        if found["type"] != kind || found["sid"] != sid {
            fail!("{name} is {found}");
        }
    }
    run.destroy().await?.success()?;
    is_as(run, &before).await
}

/// By each of what it can be known by; what is drift of one is drift of all.
async fn every_kind_of_entra_principal(run: &mut Run) -> Result<()> {
    let principals = [
        ("user_by_name", "bob@contoso.com", "type = \"user\"".to_owned(), BOB_SID),
        ("user_by_id", "bob@contoso.com", format!("type = \"user\", object_id = \"{BOB}\""), BOB_SID),
        ("group_by_name", "Data Team", "type = \"group\"".to_owned(), TEAM_SID),
        ("group_by_id", "Data Team", format!("type = \"group\", object_id = \"{}\"", TEAM.to_uppercase()), TEAM_SID),
        ("app", "runner", format!("type = \"service_principal\", client_id = \"{CLIENT}\""), CLIENT_SID),
        ("identity", "contoso-mi", format!("type = \"managed_identity\", object_id = \"{IDENTITY}\""), IDENTITY_SID),
    ];
    for (label, name, entra, sid) in &principals {
        let of_login = format!("fabricmirror_login.{label}");
        let of_user = format!("fabricmirror_database_user.{label}");
        run.write("main.tf", &format!("{HEAD}{}{}", login_block(label, name, entra), user_block(label, name, entra)))?;
        run.apply().await?.success().map_err(|error| format!("{label}: {error}"))?;
        run.plan().await?.is_empty().map_err(|error| format!("{label}: {error}"))?;
        let found = (login(run, name).await?, user(run, "Inventory", name).await?);
        if found.0["sid"] != *sid || found.1["sid"] != *sid {
            fail!("{label}: {found:?}");
        }
        // Dropped by somebody: made again.
        run.emulator.sql("Inventory", &format!("DROP USER [{name}]")).await?;
        run.emulator.sql("master", &format!("DROP LOGIN [{name}]")).await?;
        let plan = run.plan().await?;
        plan.does(&of_login, &["create"])?.does(&of_user, &["create"])?;
        run.apply_planned().await?.success()?;
        // Disabled, and in a role that nobody manages.
        let disable = if entra.contains("group") {
            format!("DENY CONNECT SQL TO [{name}]")
        } else {
            format!("ALTER LOGIN [{name}] DISABLE")
        };
        run.emulator.sql("master", &disable).await?;
        run.plan().await?.is_empty().map_err(|error| format!("{label}, disabled and not managed: {error}"))?;
        run.emulator.sql("Inventory", &format!("ALTER USER [{name}] WITH NAME = [renamed]")).await?;
        run.plan().await?.changes(&of_user, "name", &json!("renamed"), &json!(name))?;
        run.apply_planned().await?.success()?;
        run.plan().await?.is_empty()?;
        run.destroy().await?.success()?;
        if !login(run, name).await?.is_null() || !user(run, "Inventory", name).await?.is_null() {
            fail!("{label} is left");
        }
    }
    Ok(())
}

async fn an_application_made_again_is_another(run: &mut Run) -> Result<()> {
    let with = |id: &str| {
        let entra = format!("type = \"service_principal\", client_id = \"{id}\"");
        format!("{HEAD}{}", login_block("app", "a deploy bot", &entra))
    };
    const APP: &str = "fabricmirror_login.app";
    run.write("main.tf", &with(CLIENT))?;
    run.apply().await?.success()?;
    // Somebody made the login anew, for the application that has the name by now.
    run.emulator.sql("master", "DROP LOGIN [a deploy bot]").await?;
    let anew =
        "CREATE LOGIN [a deploy bot] FROM EXTERNAL PROVIDER WITH SID = 0x00112233445566778899AABBCCDDEEFF, TYPE = E";
    run.emulator.sql("master", anew).await?;
    let plan = run.plan().await?;
    plan.does(APP, &["delete", "create"])?;
    plan.said.warns("Login a deploy bot was dropped and made again by somebody")?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    if login(run, "a deploy bot").await?["sid"] != CLIENT_SID {
        fail!("the login is somebody else's: {}", login(run, "a deploy bot").await?);
    }
    // The other way round: the configuration has the new id.
    run.write("main.tf", &with("00112233-4455-6677-8899-aabbccddeeff"))?;
    run.plan().await?.does(APP, &["delete", "create"])?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()
}

/// The server maps no user of Entra to another login: it is made anew, with its grants, in the same run.
async fn a_user_follows_its_login_to_another_principal(run: &mut Run) -> Result<()> {
    const USER: &str = "fabricmirror_database_user.app";
    const OTHER: &str = "00112233-4455-6677-8899-aabbccddeeff";
    let with = |name: &str, id: &str, of: &str| {
        let entra = format!("type = \"service_principal\", client_id = \"{id}\"");
        format!(
            "{HEAD}{}resource \"fabricmirror_database_user\" \"app\" {{\n  database = \"Inventory\"\n  name = \"bot\"\n  \
             login_name = fabricmirror_login.app.{of}\n}}\nresource \"fabricmirror_database_grants\" \"app\" {{\n  database \
             = \"Inventory\"\n  principal = fabricmirror_database_user.app.principal\n  permissions = [\"SELECT\"]\n}}\n",
            login_block("app", name, &entra)
        )
    };
    for of in ["principal", "name"] {
        run.write("main.tf", &with("a bot", CLIENT, of))?;
        run.apply().await?.success()?;
        // The same principal under another name: its user stays.
        run.write("main.tf", &with("another bot", CLIENT, of))?;
        run.plan().await?.does("fabricmirror_login.app", &["delete", "create"])?.does(USER, &["update"])?;
        run.apply_planned().await?.success()?;
        run.plan().await?.is_empty()?;
        for name in ["another bot", "a third bot"] {
            let id = if name == "another bot" { OTHER } else { CLIENT };
            run.write("main.tf", &with(name, id, of))?;
            run.plan()
                .await?
                .does("fabricmirror_login.app", &["delete", "create"])?
                .does(USER, &["delete", "create"])?;
            run.apply_planned().await?.success()?;
            run.plan().await?.is_empty()?;
        }
        if user(run, "Inventory", "bot").await?["sid"] != CLIENT_SID {
            fail!("the user is {}", user(run, "Inventory", "bot").await?);
        }
        run.destroy().await?.success()?;
    }
    Ok(())
}

async fn a_user_is_not_renamed_to_somebody_else(run: &mut Run) -> Result<()> {
    const USER: &str = "fabricmirror_database_user.x";
    let application = format!("type = \"service_principal\", client_id = \"{CLIENT}\"");
    run.write("main.tf", &format!("{HEAD}{}", user_block("x", "runner", &application)))?;
    run.apply().await?.success()?;
    run.write("main.tf", &format!("{HEAD}{}", user_block("x", "bob@contoso.com", "type = \"user\"")))?;
    run.plan().await?.does(USER, &["delete", "create"])?;
    run.apply_planned().await?.success()?;
    if user(run, "Inventory", "bob@contoso.com").await?["sid"] != BOB_SID {
        fail!("the user is somebody else's: {}", user(run, "Inventory", "bob@contoso.com").await?);
    }
    // A name that is somebody's own is only a name where an id says who is meant.
    let by_id = format!("type = \"user\", object_id = \"{BOB}\"");
    run.write("main.tf", &format!("{HEAD}{}", user_block("x", "bob@contoso.com 2", &by_id)))?;
    run.plan().await?.does(USER, &["update"])?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()
}

async fn a_principal_has_one_login_and_one_user(run: &mut Run) -> Result<()> {
    run.emulator
        .sql("master", &format!("CREATE LOGIN theirs FROM EXTERNAL PROVIDER WITH SID = {BOB_SID}, TYPE = E"))
        .await?;
    let theirs = format!("CREATE USER [Data Team of theirs] FROM EXTERNAL PROVIDER WITH OBJECT_ID = '{TEAM}'");
    run.emulator.sql("Inventory", &theirs).await?;
    for (by_name, by_id, named) in [
        (
            login_block("x", "bob@contoso.com", "type = \"user\""),
            login_block("x", "bob@contoso.com", &format!("type = \"user\", object_id = \"{BOB}\"")),
            "/theirs\"",
        ),
        (
            user_block("x", "Data Team", "type = \"group\""),
            user_block("x", "Data Team", &format!("type = \"group\", object_id = \"{TEAM}\"")),
            "/Inventory/Data Team of theirs\"",
        ),
    ] {
        run.write("main.tf", &format!("{HEAD}{by_name}"))?;
        run.apply().await?.fails_with("by the id that is its SID")?;
        run.write("main.tf", &format!("{HEAD}{by_id}"))?;
        let said = run.plan().await?.said;
        if !said.explain().contains(named) {
            fail!("{named:?} is not said: {}", said.explain());
        }
    }
    Ok(())
}

/// An import of it could not be what the block describes.
async fn another_kind_is_not_offered_for_import(run: &mut Run) -> Result<()> {
    let other = "FROM EXTERNAL PROVIDER WITH SID = 0x00112233445566778899AABBCCDDEEFF, TYPE = E";
    run.emulator.sql("master", &format!("CREATE LOGIN [Data Team] {other}")).await?;
    run.emulator.sql("master", "CREATE LOGIN runner WITH PASSWORD = 'Other-People-0nly'").await?;
    let taken = format!("CREATE LOGIN sid_taken WITH PASSWORD = 'Other-People-0nly', SID = {BOB_SID}");
    run.emulator.sql("master", &taken).await?;
    run.emulator.sql("Inventory", "CREATE USER [bob@contoso.com] FOR LOGIN runner").await?;
    for (block, says) in [
        (login_block("x", "Data Team", "type = \"group\""), "is not turned into another kind"),
        (
            login_block("x", "runner", &format!("type = \"service_principal\", client_id = \"{CLIENT}\"")),
            "is not turned into another kind",
        ),
        (
            login_block("x", "bob@contoso.com", &format!("type = \"user\", object_id = \"{BOB}\"")),
            "DROP LOGIN [sid_taken];",
        ),
        (user_block("x", "bob@contoso.com", "type = \"user\""), "does not turn one kind into another"),
    ] {
        run.write("main.tf", &format!("{HEAD}{block}"))?;
        let said = run.plan().await?.said;
        if !said.explain().contains(says) || said.explain().contains("import {") {
            fail!("{says:?} is not said alone of {block}: {}", said.explain());
        }
    }
    Ok(())
}

async fn a_user_made_again_for_somebody_else_is_made_anew(run: &mut Run) -> Result<()> {
    const USER: &str = "fabricmirror_database_user.x";
    let by_id = format!("type = \"group\", object_id = \"{TEAM}\"");
    run.write("main.tf", &format!("{HEAD}{}", user_block("x", "Data Team", &by_id)))?;
    run.apply().await?.success()?;
    let somebody =
        "CREATE LOGIN somebody FROM EXTERNAL PROVIDER WITH SID = 0x00112233445566778899AABBCCDDEEFF, TYPE = X";
    run.emulator.sql("master", somebody).await?;
    run.emulator.sql("Inventory", "DROP USER [Data Team]; CREATE USER [Data Team] FOR LOGIN somebody").await?;
    let plan = run.plan().await?;
    plan.does(USER, &["delete", "create"])?;
    plan.said.warns("User Data Team was dropped and made again by somebody")?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    if user(run, "Inventory", "Data Team").await?["sid"] != TEAM_SID {
        fail!("the user is somebody else's: {}", user(run, "Inventory", "Data Team").await?);
    }
    Ok(())
}

/// A user whose principal has a login is imported by that, and is the one that `entra` describes.
async fn a_user_with_a_login_is_its_principals_too(run: &mut Run) -> Result<()> {
    run.emulator
        .sql("master", &format!("CREATE LOGIN bot FROM EXTERNAL PROVIDER WITH SID = {CLIENT_SID}, TYPE = E"))
        .await?;
    run.emulator.sql("Inventory", "CREATE USER runner FOR LOGIN bot").await?;
    let block = user_block("x", "runner", &format!("type = \"service_principal\", client_id = \"{CLIENT}\""));
    run.write("main.tf", &format!("{HEAD}{}{block}", import("fabricmirror_database_user.x", "Inventory/runner")))?;
    let since = now(run).await?;
    run.apply().await?.success()?;
    is_untouched(run, since).await?;
    run.plan().await?.is_empty()
}

async fn whom_the_directory_means_is_checked(run: &mut Run) -> Result<()> {
    let since = now(run).await?;
    for (block, says) in [
        (login_block("x", "runner", "type = \"service_principal\""), "An application is not known by its name"),
        (login_block("x", "runner", "type = \"managed_identity\""), "An application is not known by its name"),
        (user_block("x", "runner", "type = \"service_principal\""), "An application is not known by its name"),
        (
            login_block("x", "bob@contoso.com", &format!("type = \"user\", client_id = \"{CLIENT}\"")),
            "Only an application has a client id",
        ),
        (login_block("x", "x", "type = \"group\", object_id = \"none\""), "is no id of Entra"),
        (login_block("x", "x", "type = \"robot\""), "one of"),
    ] {
        run.write("main.tf", &format!("{HEAD}{block}"))?;
        let said = run.plan().await?.said;
        if !said.explain().contains(says) {
            fail!("{says:?} is not said of {block}: {}", said.explain());
        }
    }
    is_untouched(run, since).await?;
    // Whom the directory knows by the name is another kind, or another application.
    for (block, says) in [
        (login_block("x", "Data Team", "type = \"user\""), "Data Team is not the login of an Entra user"),
        (login_block("x", "bob@contoso.com", "type = \"group\""), "bob@contoso.com is not an Entra group's login"),
        (user_block("x", "bob@contoso.com", "type = \"group\""), "bob@contoso.com is not an Entra group"),
        (
            user_block(
                "x",
                "runner",
                "type = \"service_principal\", client_id = \"00112233-4455-6677-8899-aabbccddeeff\"",
            ),
            "runner is not the application of this client id",
        ),
    ] {
        run.write("main.tf", &format!("{HEAD}{block}"))?;
        run.apply().await?.fails_with(says)?;
        for name in ["Data Team", "bob@contoso.com", "runner"] {
            if !login(run, name).await?.is_null() || !user(run, "Inventory", name).await?.is_null() {
                fail!("{block} has made {name}");
            }
        }
    }
    // A login is not turned into another kind by the configuration.
    run.write("main.tf", &format!("{HEAD}{}", login_block("x", "Data Team", "type = \"group\"")))?;
    run.apply().await?.success()?;
    let password = "resource \"fabricmirror_login\" \"x\" {\n  name = \"Data Team\"\n  password_wo = \"Correct-Horse-7\"\n  \
                    password_wo_version = 1\n}\n";
    run.write("main.tf", &format!("{HEAD}{password}"))?;
    run.plan().await?.said.fails_with("Data Team is an Entra group's login")?;
    // One principal has one login, whatever it is called.
    let second = login_block("y", "Data Team abc", &format!("type = \"group\", object_id = \"{TEAM}\""));
    run.write("main.tf", &format!("{HEAD}{}{second}", login_block("x", "Data Team", "type = \"group\"")))?;
    run.plan().await?.said.fails_with("The principal has a login already").map(drop)
}

async fn a_group_is_kept_out_by_a_deny(run: &mut Run) -> Result<()> {
    const TEAM_LOGIN: &str = "fabricmirror_login.team";
    let with = |rest: &str| {
        let block = login_block("team", "Data Team", "type = \"group\"");
        format!("{HEAD}{}", block.replace("  entra", &format!("  {rest}\n  entra")))
    };
    run.write("main.tf", &with("enabled = true"))?;
    run.apply().await?.success()?;
    run.emulator.sql("master", "DENY CONNECT SQL TO [Data Team]").await?;
    run.plan().await?.changes(TEAM_LOGIN, "enabled", &json!(false), &json!(true))?;
    run.apply_planned().await?.success()?;
    run.plan().await?.is_empty()?;
    run.write(
        "main.tf",
        &with("enabled = false\n  default_database = \"Sales\"\n  server_roles = [\"processadmin\"]"),
    )?;
    let since = now(run).await?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    let sent = changes(run, since).await?.join("\n");
    for statement in ["DENY CONNECT SQL TO [Data Team]", "WITH DEFAULT_DATABASE = [Sales]", "[processadmin] ADD MEMBER"]
    {
        if !sent.contains(statement) {
            fail!("{statement} was not sent: {sent}");
        }
    }
    // All of it at once, of a new one.
    run.destroy().await?.success()?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    let held = values(&run.state().await?, TEAM_LOGIN).clone();
    if held["enabled"] != false || held["default_database"] != "Sales" || held["password_last_set"] != json!(null) {
        fail!("the group's login is {held}");
    }
    Ok(())
}

/// With a configuration that the CLI writes itself: nothing of it has to be edited.
async fn entra_principals_are_imported_as_they_are(run: &mut Run) -> Result<()> {
    run.emulator.sql("master", "CREATE LOGIN [bob@contoso.com] FROM EXTERNAL PROVIDER").await?;
    run.emulator.sql("master", "CREATE LOGIN [Data Team] FROM EXTERNAL PROVIDER").await?;
    let app = format!("CREATE LOGIN runner FROM EXTERNAL PROVIDER WITH SID = {CLIENT_SID}, TYPE = E");
    run.emulator.sql("master", &app).await?;
    run.emulator.sql("Sales", "CREATE USER [Data Team] FOR LOGIN [Data Team]").await?;
    run.emulator.sql("Inventory", "CREATE USER [contoso-mi] FROM EXTERNAL PROVIDER").await?;
    let ids = [
        ("fabricmirror_login.bob", "bob@contoso.com"),
        ("fabricmirror_login.team", "Data%20Team"),
        ("fabricmirror_login.app", "runner"),
        ("fabricmirror_database_user.team", "Sales/Data%20Team"),
        ("fabricmirror_database_user.identity", "Inventory/contoso-mi"),
    ];
    let blocks: String = ids.iter().map(|(to, id)| import(to, id)).collect();
    run.write("main.tf", &format!("{HEAD}{blocks}"))?;
    run.run(&["plan", "-no-color", "-input=false", "-generate-config-out=generated.tf"]).await?.success()?;
    let plan = run.plan().await?;
    for (address, _) in ids {
        plan.does(address, &["no-op"])?;
    }
    let since = now(run).await?;
    run.apply().await?.success()?;
    is_untouched(run, since).await?;
    run.plan().await?.is_empty()?;
    // Written by hand, by what it is known by otherwise: the same principals.
    std::fs::remove_file(run.folder.join("generated.tf"))?;
    let by_hand = [
        login_block("bob", "bob@contoso.com", "type = \"user\""),
        login_block("team", "Data Team", &format!("type = \"group\", object_id = \"{TEAM}\"")),
        login_block("app", "runner", &format!("type = \"managed_identity\", client_id = \"{CLIENT}\"")),
        user_block("identity", "contoso-mi", &format!("type = \"managed_identity\", object_id = \"{IDENTITY}\"")),
        "resource \"fabricmirror_database_user\" \"team\" {\n  database = \"Sales\"\n  name = \"Data Team\"\n  login_name = \
         fabricmirror_login.team.principal\n}\n"
            .to_owned(),
    ];
    run.write("main.tf", &format!("{HEAD}{}", by_hand.concat()))?;
    let since = now(run).await?;
    run.apply().await?.success()?;
    is_untouched(run, since).await?;
    run.plan().await?.is_empty()
}
