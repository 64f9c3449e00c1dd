//! The tutorial with a user, a group, an application and a managed identity of Entra: login, user and grants of each,
//! beside the mirror, from nothing to nothing.

use std::fmt::Write as _;

use fabricmirror_tests::run::{Plan, Run};
use fabricmirror_tests::{Result, fail};
use serde_json::json;

use crate::hcl::{EVERYTHING, tutorial_with};
use crate::world::{holds, import, is_as, is_untouched, login, now, user};
use crate::{Case, case};

pub fn cases() -> Vec<Case> {
    vec![case!(the_tutorial_with_every_kind_of_entra_principal)]
}

/// Who is let in.
struct Who {
    label: &'static str,
    name: &'static str,
    entra: &'static str,
    sid: &'static str,
    type_letter: &'static str,
    disable: &'static str,
}

const BOB: Who = Who {
    label: "bob",
    name: "bob@contoso.com",
    entra: "type = \"user\"",
    sid: "0x0000B0B03D2C5F4E8A6B7C8D9E0F1A06",
    type_letter: "E",
    disable: "ALTER LOGIN [bob@contoso.com] DISABLE",
};
const TEAM: Who = Who {
    label: "team",
    name: "Data Team",
    entra: "type = \"group\", object_id = \"da7a7ea1-3d4e-4f5a-8b7c-8d9e0f1a2b07\"",
    sid: "0xA17E7ADA4E3D5A4F8B7C8D9E0F1A2B07",
    type_letter: "X",
    disable: "DENY CONNECT SQL TO [Data Team]",
};
const APPLICATION: Who = Who {
    label: "application",
    name: "runner",
    entra: "type = \"service_principal\", client_id = \"5e1f0b1e-7b8c-4d9e-8f1a-2b3c4d5e6f0b\"",
    sid: "0x1E0B1F5E8C7B9E4D8F1A2B3C4D5E6F0B",
    type_letter: "E",
    disable: "ALTER LOGIN [runner] DISABLE",
};
const IDENTITY: Who = Who {
    label: "identity",
    name: "contoso-mi",
    entra: "type = \"managed_identity\", client_id = \"1de47171-aa01-4b23-9c45-6789abcdef05\"",
    sid: "0x7171E41D01AA234B9C456789ABCDEF05",
    type_letter: "E",
    disable: "ALTER LOGIN [contoso-mi] DISABLE",
};
const ALL: [Who; 4] = [BOB, TEAM, APPLICATION, IDENTITY];
/// Of nobody else here.
const OTHER_SID: [&str; 4] = [
    "0x00112233445566778899AABBCCDDEE00",
    "0x00112233445566778899AABBCCDDEE01",
    "0x00112233445566778899AABBCCDDEE02",
    "0x00112233445566778899AABBCCDDEE03",
];

const KINDS: [&str; 3] = ["login", "database_user", "database_grants"];

impl Who {
    fn address(&self, kind: &str) -> String {
        format!("fabricmirror_{kind}.{}", self.label)
    }

    fn blocks(&self) -> String {
        let Self { label, name, entra, .. } = self;
        format!(
            r#"
resource "fabricmirror_login" "{label}" {{
  name         = "{name}"
  entra        = {{ {entra} }}
  enabled      = true
  server_roles = ["processadmin"]
}}

resource "fabricmirror_database_user" "{label}" {{
  database   = "Sales"
  name       = "{name}"
  login_name = fabricmirror_login.{label}.principal
  roles      = ["db_datareader"]
}}

resource "fabricmirror_database_grants" "{label}" {{
  database    = "Sales"
  principal   = fabricmirror_database_user.{label}.principal
  permissions = ["SELECT"]
  lift_denies = true
}}
"#
        )
    }

    fn id(&self, kind: &str) -> String {
        let name = self.name.replace(' ', "%20");
        if kind == "login" { name } else { format!("Sales/{name}") }
    }

    /// As it is configured.
    async fn is_right(&self, run: &Run) -> Result<()> {
        let (login, user) = (login(run, self.name).await?, user(run, "Sales", self.name).await?);
        let right = json!({
            "name": self.name, "type": self.type_letter, "sid": self.sid, "disabled": false,
            "server_roles": ["processadmin"],
        });
        let user_right = json!({ "name": self.name, "login": self.name, "sid": self.sid, "roles": ["db_datareader"] });
        if login != right || user != user_right {
            fail!("{} is {login} and {user}", self.name);
        }
        holds(run, "Sales", self.name, &["GRANT CONNECT by dbo", "GRANT SELECT by dbo"]).await
    }
}

fn blocks() -> String {
    ALL.iter().map(Who::blocks).collect()
}

/// Done to each: database and T-SQL, where `{n}` is the name.
async fn act(run: &Run, acts: &[(&str, &str)]) -> Result<()> {
    for who in ALL {
        for (database, text) in acts {
            run.emulator.sql(database, &text.replace("{n}", who.name)).await?;
        }
    }
    Ok(())
}

/// The plan is applied, and then all is as it was.
async fn heals(run: &mut Run, what: &str) -> Result<()> {
    run.apply_planned().await?.success().map_err(|error| format!("{what}: {error}"))?;
    run.plan().await?.is_empty().map_err(|error| format!("{what}: {error}"))?;
    for who in ALL {
        who.is_right(run).await.map_err(|error| format!("{what}: {error}"))?;
    }
    Ok(())
}

async fn the_tutorial_with_every_kind_of_entra_principal(run: &mut Run) -> Result<()> {
    let before = run.emulator.state().await?;
    run.write("main.tf", &format!("{}{}", tutorial_with(&[])?, blocks()))?;
    run.apply().await?.success()?;
    run.plan().await?.is_empty()?;
    for who in ALL {
        who.is_right(run).await?;
    }
    drift_of_logins(run).await?;
    drift_of_users_and_grants(run).await?;
    run.plan().await?.is_empty()?;
    import_into_nothing(run).await?;
    for address in EVERYTHING {
        run.plan().await?.does(address, &["no-op"])?;
    }
    run.destroy().await?.success()?;
    is_as(run, &before).await
}

async fn drift_of_logins(run: &mut Run) -> Result<()> {
    act(run, &[("master", "DROP LOGIN [{n}]")]).await?;
    let plan = run.plan().await?;
    for who in ALL {
        plan.does(&who.address("login"), &["create"])?.does(&who.address("database_grants"), &["no-op"])?;
    }
    heals(run, "logins dropped").await?;

    for who in ALL {
        run.emulator.sql("master", who.disable).await?;
    }
    let plan = run.plan().await?;
    each(&plan, "login", "enabled", &json!(false), &json!(true))?;
    heals(run, "logins disabled").await?;

    let roles = [
        ("master", "ALTER SERVER ROLE processadmin DROP MEMBER [{n}]"),
        ("master", "ALTER SERVER ROLE diskadmin ADD MEMBER [{n}]"),
    ];
    act(run, &roles).await?;
    each(&run.plan().await?, "login", "server_roles", &json!(["diskadmin"]), &json!(["processadmin"]))?;
    heals(run, "server roles taken and added").await?;

    // Somebody made the logins anew, for whoever has the name in the directory by now.
    for (who, sid) in ALL.iter().zip(OTHER_SID) {
        let (name, letter) = (who.name, who.type_letter);
        run.emulator.sql("master", &format!("DROP LOGIN [{name}]")).await?;
        let anew = format!("CREATE LOGIN [{name}] FROM EXTERNAL PROVIDER WITH SID = {sid}, TYPE = {letter}");
        run.emulator.sql("master", &anew).await?;
    }
    let plan = run.plan().await?;
    for who in ALL {
        plan.does(&who.address("login"), &["delete", "create"])?;
        plan.said.warns(&format!("Login {} was dropped and made again by somebody", who.name))?;
    }
    heals(run, "logins of other principals").await?;

    // Users and logins both, of another principal: of those that the configuration knows by an id.
    for (who, sid) in ALL.iter().zip(OTHER_SID).filter(|(who, _)| who.entra.contains("_id")) {
        let (name, letter) = (who.name, who.type_letter);
        run.emulator.sql("Sales", &format!("DROP USER [{name}]")).await?;
        run.emulator.sql("master", &format!("DROP LOGIN [{name}]")).await?;
        let anew = format!("CREATE LOGIN [{name}] FROM EXTERNAL PROVIDER WITH SID = {sid}, TYPE = {letter}");
        run.emulator.sql("master", &anew).await?;
        run.emulator.sql("Sales", &format!("CREATE USER [{name}] FOR LOGIN [{name}]")).await?;
    }
    let plan = run.plan().await?;
    for who in ALL.iter().filter(|who| who.entra.contains("_id")) {
        plan.does(&who.address("login"), &["delete", "create"])?
            .does(&who.address("database_user"), &["delete", "create"])?;
    }
    heals(run, "logins and users of other principals").await
}

async fn drift_of_users_and_grants(run: &mut Run) -> Result<()> {
    act(run, &[("Sales", "DROP USER [{n}]")]).await?;
    let plan = run.plan().await?;
    for who in ALL {
        plan.does(&who.address("database_user"), &["create"])?.does(&who.address("database_grants"), &["create"])?;
    }
    heals(run, "users dropped").await?;

    act(run, &[("Sales", "DROP USER [{n}]"), ("master", "DROP LOGIN [{n}]")]).await?;
    let plan = run.plan().await?;
    for who in ALL {
        for kind in KINDS {
            plan.does(&who.address(kind), &["create"])?;
        }
    }
    heals(run, "all of them dropped").await?;

    act(run, &[("Sales", "ALTER USER [{n}] WITH NAME = [{n} of old]")]).await?;
    let plan = run.plan().await?;
    for who in ALL {
        let renamed = json!(format!("{} of old", who.name));
        plan.changes(&who.address("database_user"), "name", &renamed, &json!(who.name))?;
    }
    heals(run, "users renamed").await?;

    let roles = [
        ("Sales", "ALTER ROLE db_datareader DROP MEMBER [{n}]"),
        ("Sales", "ALTER ROLE db_datawriter ADD MEMBER [{n}]"),
    ];
    act(run, &roles).await?;
    each(&run.plan().await?, "database_user", "roles", &json!(["db_datawriter"]), &json!(["db_datareader"]))?;
    heals(run, "roles taken and added").await?;

    const GRANTS: &str = "database_grants";
    let select = json!(["SELECT"]);
    act(run, &[("Sales", "REVOKE SELECT FROM [{n}]"), ("Sales", "GRANT INSERT TO [{n}]")]).await?;
    each(&run.plan().await?, GRANTS, "permissions", &json!(["INSERT"]), &select)?;
    heals(run, "a grant missing, another one extra").await?;

    act(run, &[("Sales", "GRANT SELECT TO [{n}] WITH GRANT OPTION")]).await?;
    each(&run.plan().await?, GRANTS, "permissions_with_grant_option", &select, &json!([]))?;
    heals(run, "granted with the grant option").await?;

    act(run, &[("Sales", "DENY SELECT TO [{n}]"), ("Sales", "DENY CONNECT TO [{n}]")]).await?;
    let plan = run.plan().await?;
    each(&plan, GRANTS, "denied", &json!(["CONNECT", "SELECT"]), &json!([]))?;
    each(&plan, GRANTS, "connect", &json!(false), &json!(true))?;
    heals(run, "denied").await
}

fn each(plan: &Plan, kind: &str, attribute: &str, from: &serde_json::Value, to: &serde_json::Value) -> Result<()> {
    for who in ALL {
        plan.changes(&who.address(kind), attribute, from, to)?;
    }
    Ok(())
}

/// Forgotten and imported: as they are written, and as the CLI writes them.
async fn import_into_nothing(run: &mut Run) -> Result<()> {
    let addresses: Vec<(String, String)> =
        ALL.iter().flat_map(|who| KINDS.map(|kind| (who.address(kind), who.id(kind)))).collect();
    let imports = addresses.iter().fold(String::new(), |mut text, (to, id)| {
        let _ = text.write_str(&import(to, id));
        text
    });
    let tutorial = tutorial_with(&[])?;
    for (what, written) in [("as written", blocks()), ("as generated", String::new()), ("as written again", blocks())] {
        for (address, _) in &addresses {
            run.run(&["state", "rm", address]).await?.success()?;
        }
        run.write("main.tf", &format!("{tutorial}{written}{imports}"))?;
        if written.is_empty() {
            let generate = ["plan", "-no-color", "-input=false", "-generate-config-out=generated.tf"];
            run.run(&generate).await?.success()?;
        }
        let plan = run.plan().await?;
        for (address, _) in &addresses {
            // What the configuration alone knows – `type`, by what somebody is known, `lift_denies` – goes into the state.
            let into_state = plan.actions(address) == ["update"] && !written.is_empty();
            plan.does(address, &[if into_state { "update" } else { "no-op" }])
                .map_err(|error| format!("{what}: {error}"))?;
        }
        let since = now(run).await?;
        run.apply().await?.success()?;
        is_untouched(run, since).await?;
        run.plan().await?.is_empty().map_err(|error| format!("{what}: {error}"))?;
        if written.is_empty() {
            std::fs::remove_file(run.folder.join("generated.tf"))?;
        }
    }
    Ok(())
}
