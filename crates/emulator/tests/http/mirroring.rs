use fabricmirror_emulator::source::{Rights, SourceTable};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fake::{column, table};
use crate::site::{Site, connection, definition, listed};

async fn world(site: &Site, change: Value) {
    assert_eq!(site.control(Method::POST, "/world", Some(change)).await.status, 200);
}

#[tokio::test]
async fn a_mirror_starts_replicates_and_stops() {
    let site = Site::new().await;
    let mirror = site.start_mirror().await;
    assert_eq!(site.status(&mirror).await, ("Starting".to_owned(), Value::Null));
    site.order(&format!("{mirror}/startMirroring")).await.is(400, "OperationNotAllowedInCurrentStatus");
    site.order(&format!("{mirror}/stopMirroring")).await.is(400, "OperationNotAllowedInCurrentStatus");
    site.pass(31);
    assert_eq!(site.status(&mirror).await, ("Running".to_owned(), Value::Null));
    assert!(site.source.0.lock().unwrap().feeds.contains("Sales"));
    // The columnstore table is left out.
    assert_eq!(
        site.tables(&mirror).await,
        ["dbo.Customers: Initialized -", "dbo.Orders: Initialized -", "sales.Documents: Initialized -"]
    );
    site.pass(6);
    assert_eq!(site.tables(&mirror).await[1], "dbo.Orders: Snapshotting -");
    site.pass(10);
    assert_eq!(
        site.tables(&mirror).await,
        ["dbo.Customers: Replicating 3", "dbo.Orders: Replicating 5", "sales.Documents: Replicating 2"]
    );
    let running = site.order(&format!("{mirror}/startMirroring")).await;
    running.is(400, "OperationNotAllowedInCurrentStatus");
    assert!(running.body["message"].as_str().unwrap().contains("Running"));

    assert_eq!(site.order(&format!("{mirror}/stopMirroring")).await.status, 200);
    assert_eq!(site.status(&mirror).await.0, "Stopping");
    site.pass(36);
    assert_eq!(site.status(&mirror).await, ("Stopped".to_owned(), Value::Null));
    assert_eq!(site.tables(&mirror).await[1], "dbo.Orders: Stopped 5");
    assert!(site.source.0.lock().unwrap().feeds.is_empty());
    // A start copies everything again.
    assert_eq!(site.order(&format!("{mirror}/startMirroring")).await.status, 200);
    site.pass(31);
    assert_eq!(site.tables(&mirror).await[1], "dbo.Orders: Initialized -");
}

#[tokio::test]
async fn one_jump_of_the_clock_passes_through_everything() {
    let site = Site::new().await;
    let mirror = site.start_mirror().await;
    site.pass(600);
    assert_eq!(site.tables(&mirror).await[1], "dbo.Orders: Replicating 5");
}

#[tokio::test]
async fn changes_and_tables_arrive_with_a_poll() {
    let site = Site::new().await;
    let mirror = site.start_mirror().await;
    site.pass(60);
    site.source.change(|state| {
        state.tables[0].rows += 1;
        // An insert and two updates.
        state.tables[0].changes += 3;
        state.tables[0].bytes += 300;
        state.tables.push(table(9, "dbo", "Added", 1));
        state.tables.retain(|table| table.name != "Customers");
    });
    site.pass(16);
    let tables = site.tables(&mirror).await;
    assert_eq!(tables, ["dbo.Added: Initialized -", "dbo.Orders: Replicating 8", "sales.Documents: Replicating 2"]);
    site.pass(20);
    assert_eq!(site.tables(&mirror).await[0], "dbo.Added: Replicating 1");
    let answer = site.order(&format!("{mirror}/getTablesMirroringStatus")).await;
    assert_eq!(answer.body["data"][1]["metrics"]["processedBytes"], 800);
    // What the mirror leaves out is a warning on a table that replicates.
    let documents = &answer.body["data"][2];
    assert!(documents["error"]["message"].as_str().unwrap().contains("Content"));
    assert!(answer.body["data"][1].get("error").is_none());
}

#[tokio::test]
async fn a_changed_column_reseeds_its_table() {
    let site = Site::new().await;
    let mirror = site.start_mirror().await;
    site.pass(60);
    site.source.change(|state| state.tables[0].columns.push(column("Note", "nvarchar")));
    site.pass(15);
    assert_eq!(site.tables(&mirror).await[1], "dbo.Orders: Reseeding 5");
    site.pass(10);
    assert_eq!(site.tables(&mirror).await[1], "dbo.Orders: Replicating 10");
}

#[tokio::test]
async fn a_listed_table_that_cannot_be_mirrored_says_why() {
    let site = Site::new().await;
    site.let_identity_write().await;
    let connection = site.create_connection().await;
    let tables = listed(&[("dbo", "Orders"), ("dbo", "Measurements"), ("dbo", "Gone")]);
    let body = json!({ "displayName": "Sales", "definition": definition(&connection, &tables) });
    let list = format!("{}/mirroredDatabases", site.workspace());
    let mirror = format!("{list}/{}", site.post(&list, body).await.id());
    site.pass(60);
    site.order(&format!("{mirror}/startMirroring")).await;
    site.pass(60);
    assert_eq!(
        site.tables(&mirror).await,
        ["dbo.Gone: Failed -", "dbo.Measurements: Failed -", "dbo.Orders: Replicating 5"]
    );
    let answer = site.order(&format!("{mirror}/getTablesMirroringStatus")).await;
    assert_eq!(answer.body["data"][0]["error"]["message"], "The source table does not exist");
    assert!(answer.body["data"][1]["error"]["message"].as_str().unwrap().contains("clustered columnstore"));
    // A list is fixed: new tables do not join. It may be changed while running.
    let update = json!({ "definition": definition(&connection, &listed(&[("dbo", "Customers")])) });
    assert_eq!(site.post(&format!("{mirror}/updateDefinition"), update).await.status, 200);
    site.pass(40);
    assert_eq!(site.tables(&mirror).await, ["dbo.Customers: Replicating 3"]);
}

#[tokio::test]
async fn a_source_that_is_not_ready_shows_as_stopped_with_an_error() {
    type Prepare = fn(&Site);
    let cases: [(Prepare, &str, &str); 5] = [
        (|site| site.source.change(|state| state.password = "changed".to_owned()), "SourceLoginFailed", "18456"),
        (|site| site.source.change(|state| state.rights = Rights::default()), "SourcePermissionDenied", "22702"),
        (
            |site| site.source.change(|state| state.rights.effective.retain(|held| held != "SELECT")),
            "SourcePermissionDenied",
            "SELECT",
        ),
        (
            |site| {
                site.source.change(|state| state.rights.effective.retain(|held| held != "VIEW DATABASE SECURITY STATE"))
            },
            "SourcePermissionDenied",
            "VIEW DATABASE SECURITY STATE",
        ),
        (
            |site| {
                site.source.change(|state| {
                    state.feeds.insert("Sales".to_owned());
                });
            },
            "DatabaseAlreadyMirrored",
            "Sales",
        ),
    ];
    for (prepare, code, text) in cases {
        let site = Site::new().await;
        let mirror = site.start_mirror().await;
        prepare(&site);
        assert_eq!(site.status(&mirror).await, ("Starting".to_owned(), Value::Null));
        site.pass(31);
        let (status, error) = site.status(&mirror).await;
        assert_eq!((status.as_str(), error["errorCode"].as_str()), ("Stopped", Some(code)), "{error}");
        assert!(error["message"].as_str().unwrap().contains(text), "{error}");
        assert!(site.tables(&mirror).await.is_empty());
    }
    let worlds = [
        (json!({ "update_policy": "SQLServer2022" }), "UnsupportedUpdatePolicy"),
        (json!({ "primary_identity": "UserAssigned" }), "ManagedIdentityNotPrimary"),
        (json!({ "primary_identity": "None" }), "ManagedIdentityNotPrimary"),
        (json!({ "network": "Unreachable" }), "SourceUnreachable"),
    ];
    for (change, code) in worlds {
        let site = Site::new().await;
        let mirror = site.start_mirror().await;
        world(&site, change).await;
        site.pass(31);
        let (status, error) = site.status(&mirror).await;
        assert_eq!((status.as_str(), error["errorCode"].as_str()), ("Stopped", Some(code)));
        // Mended, it starts.
        world(
            &site,
            json!({ "update_policy": "SQLServer2025", "primary_identity": "SystemAssigned", "network": "Reachable" }),
        )
        .await;
        assert_eq!(site.order(&format!("{mirror}/startMirroring")).await.status, 200);
        site.pass(31);
        assert_eq!(site.status(&mirror).await, ("Running".to_owned(), Value::Null));
    }
}

#[tokio::test]
async fn which_permissions_are_enough_depends_on_the_documentation() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let may = ["SELECT", "ALTER ANY EXTERNAL MIRROR", "VIEW PERFORMANCE DEFINITION"];
    let december =
        ["SELECT", "ALTER ANY EXTERNAL MIRROR", "VIEW DATABASE PERFORMANCE STATE", "VIEW DATABASE SECURITY STATE"];
    let rights = |roles: &[&str], granted: &[&str], effective: &[&str]| Rights {
        login_exists: true,
        server_roles: names(roles),
        user: Some("fabric_user".to_owned()),
        granted: names(granted),
        effective: names(effective),
    };
    let all: Vec<&str> = may.into_iter().chain(december).collect();
    let reader = ["##MS_ServerStateReader##"];
    let cases = [
        // (rights, 2025-05, 2025-12, either)
        (rights(&reader, &may, &all), true, true, true),
        (rights(&[], &may, &may), false, false, false),
        (rights(&reader, &may[..2], &december), false, true, true),
        (rights(&[], &december, &december), false, true, true),
        (rights(&[], &december[..3], &december[..3]), false, false, false),
        // Direct grants are what the tutorial of May lists; holding them in another way is not enough then.
        (rights(&reader, &[], &all), false, true, true),
        (rights(&[], &[], &["CONTROL"]), true, true, true),
    ];
    for (rights, may, december, either) in cases {
        for (documentation, enough) in [("2025-05", may), ("2025-12", december), ("either", either)] {
            let site = Site::new().await;
            world(&site, json!({ "documentation": documentation })).await;
            site.source.change(|state| state.rights = rights.clone());
            let mirror = site.start_mirror().await;
            site.pass(31);
            let expected = if enough { "Running" } else { "Stopped" };
            assert_eq!(site.status(&mirror).await.0, expected, "{documentation} {rights:?}");
        }
    }
}

#[tokio::test]
async fn an_identity_without_a_role_fails_every_table_and_the_mirror_runs() {
    let site = Site::new().await;
    let mirror = site.create_mirror(&site.create_connection().await).await;
    site.pass(60);
    assert_eq!(site.order(&format!("{mirror}/startMirroring")).await.status, 200);
    site.pass(60);
    assert_eq!(site.status(&mirror).await, ("Running".to_owned(), Value::Null));
    assert_eq!(
        site.tables(&mirror).await,
        ["dbo.Customers: Failed -", "dbo.Orders: Failed -", "sales.Documents: Failed -"]
    );
    let answer = site.order(&format!("{mirror}/getTablesMirroringStatus")).await;
    assert_eq!(answer.body["data"][0]["error"]["errorCode"], "OneLakePermissionDenied");
    // Viewer is too little.
    let roles = format!("{}/roleAssignments", site.workspace());
    let body = json!({ "principal": { "id": site.identity(), "type": "ServicePrincipal" }, "role": "Viewer" });
    site.post(&roles, body).await;
    site.pass(30);
    assert_eq!(site.tables(&mirror).await[0], "dbo.Customers: Failed -");
    site.patch(&format!("{roles}/{}", site.identity()), json!({ "role": "Contributor" })).await;
    site.pass(40);
    assert_eq!(site.tables(&mirror).await[0], "dbo.Customers: Replicating 3");
    site.delete(&format!("{roles}/{}", site.identity())).await;
    site.pass(16);
    assert_eq!(site.tables(&mirror).await[0], "dbo.Customers: Failed 3");
}

#[tokio::test]
async fn rights_lost_while_running_surface_with_the_next_poll() {
    let site = Site::new().await;
    let mirror = site.start_mirror().await;
    site.pass(60);
    let before = site.source.0.lock().unwrap().rights.clone();
    site.source.change(|state| state.rights.effective.clear());
    site.pass(16);
    let (status, error) = site.status(&mirror).await;
    assert_eq!((status.as_str(), error["errorCode"].as_str()), ("Running", Some("SourcePermissionDenied")));
    assert_eq!(site.tables(&mirror).await[1], "dbo.Orders: Failed 5");
    site.source.change(|state| {
        state.rights = before;
        state.tables[0].changes += 1;
    });
    site.pass(16);
    assert_eq!(site.status(&mirror).await.1, Value::Null);
    assert_eq!(site.tables(&mirror).await[1], "dbo.Orders: Replicating 6");
    // Somebody ran sp_change_feed_disable_db.
    site.source.change(|state| state.feeds.clear());
    site.pass(16);
    assert_eq!(site.status(&mirror).await.1["errorCode"], "ChangeFeedDisabled");
    // Somebody deleted the connection.
    let connection = site.get("/connections").await.body["value"][0]["id"].as_str().unwrap().to_owned();
    site.delete(&format!("/connections/{connection}")).await;
    site.pass(16);
    assert_eq!(site.status(&mirror).await.1["errorCode"], "ConnectionNotFound");
    assert_eq!(site.tables(&mirror).await[1], "dbo.Orders: Failed 6");
}

#[tokio::test]
async fn an_application_can_be_the_one_who_reads() {
    let site = Site::new().await;
    let mut body = connection("by application");
    let entra = &site.ready.entra;
    body["credentialDetails"]["credentials"] = json!({
        "credentialType": "ServicePrincipal", "tenantId": entra.tenant_id,
        "servicePrincipalClientId": entra.client_id, "servicePrincipalSecret": entra.client_secret,
    });
    let created = site.post("/connections", body.clone()).await;
    assert_eq!(
        (created.status, &created.body["credentialDetails"]["credentialType"]),
        (201, &json!("ServicePrincipal"))
    );
    body["displayName"] = json!("other");
    body["credentialDetails"]["credentials"]["servicePrincipalSecret"] = json!("wrong");
    site.post("/connections", body).await.is(400, "IncorrectCredentials");
    site.let_identity_write().await;
    let mirror = site.create_mirror(&created.id()).await;
    site.pass(60);
    site.order(&format!("{mirror}/startMirroring")).await;
    site.pass(60);
    assert_eq!(site.tables(&mirror).await[1], "dbo.Orders: Replicating 5");
}

#[tokio::test]
async fn with_the_tenant_setting_off_tables_never_get_to_replicating() {
    let site = Site::new().await;
    world(&site, json!({ "tenant_setting": "Off" })).await;
    let mirror = site.start_mirror().await;
    site.pass(600);
    assert_eq!(site.status(&mirror).await.0, "Running");
    assert_eq!(site.tables(&mirror).await[1], "dbo.Orders: Snapshotting -");
}

#[tokio::test]
async fn a_paused_capacity_hides_items_and_nothing_resumes() {
    let site = Site::new().await;
    let mirror = site.start_mirror().await;
    site.pass(60);
    world(&site, json!({ "capacity_state": "Inactive" })).await;
    for path in [mirror.clone(), format!("{}/items", site.workspace())] {
        site.get(&path).await.is(404, "CapacityNotActive");
    }
    site.order(&format!("{mirror}/getMirroringStatus")).await.is(404, "CapacityNotActive");
    assert_eq!(site.get(&site.workspace()).await.status, 200);
    assert_eq!(site.get("/capacities").await.body["value"][0]["state"], "Inactive");
    world(&site, json!({ "capacity_state": "Active" })).await;
    site.pass(600);
    assert_eq!(site.status(&mirror).await.0, "Paused");
    site.order(&format!("{mirror}/startMirroring")).await.is(400, "OperationNotAllowedInCurrentStatus");
    assert_eq!(site.order(&format!("{mirror}/stopMirroring")).await.status, 200);
    site.pass(40);
    assert_eq!(site.order(&format!("{mirror}/startMirroring")).await.status, 200);
    site.pass(60);
    assert_eq!(site.tables(&mirror).await[1], "dbo.Orders: Replicating 5");
}

#[tokio::test]
async fn a_mirror_deleted_while_running_leaves_the_feed_on() {
    let site = Site::new().await;
    let mirror = site.start_mirror().await;
    site.pass(60);
    assert_eq!(site.delete(&mirror).await.status, 200);
    assert!(site.source.0.lock().unwrap().feeds.contains("Sales"));
    site.pass(30);
    let connection = site.get("/connections").await.body["value"][0]["id"].as_str().unwrap().to_owned();
    let mirror = site.create_mirror(&connection).await;
    site.pass(60);
    site.order(&format!("{mirror}/startMirroring")).await;
    site.pass(31);
    assert_eq!(site.status(&mirror).await.1["errorCode"], "DatabaseAlreadyMirrored");
    // The rescue procedure was run.
    site.source.change(|state| state.feeds.clear());
    site.order(&format!("{mirror}/startMirroring")).await;
    site.pass(31);
    assert_eq!(site.status(&mirror).await.0, "Running");
}

#[test]
fn the_table_rules() {
    use fabricmirror_emulator::mirroring::tables::{Verdict, eligibility};
    let plain = || table(1, "dbo", "T", 1);
    let with = |name: &str, base: &str| {
        let mut table = plain();
        table.columns.push(column(name, base));
        table
    };
    let key = |base: &str, scale: u8| {
        let mut table = with("K", base);
        table.columns[1].scale = scale;
        table.key = vec!["K".to_owned()];
        table
    };
    let refused = [
        SourceTable { memory_optimized: true, ..plain() },
        SourceTable { temporal_history: true, ..plain() },
        SourceTable { ledger_history: true, ..plain() },
        SourceTable { graph: true, ..plain() },
        SourceTable { external: true, ..plain() },
        SourceTable { clustered_columnstore: true, ..plain() },
        with("J", "json"),
        key("hierarchyid", 0),
        key("datetime2", 7),
        key("time", 7),
    ];
    for table in refused {
        assert!(matches!(eligibility(&table), Verdict::Refused(_)), "{table:?}");
    }
    for table in [
        plain(),
        with("D", "datetime2"),
        key("datetime2", 6),
        SourceTable { has_primary_key: false, key: Vec::new(), ..plain() },
    ] {
        assert_eq!(eligibility(&table), Verdict::Mirrored { warning: None }, "{table:?}");
    }
    for base in ["xml", "sql_variant", "geography", "timestamp", "image"] {
        let Verdict::Mirrored { warning: Some(warning) } = eligibility(&with("X", base)) else { panic!("{base}") };
        assert!(warning.message.contains('X'));
    }
}

#[tokio::test]
async fn the_source_is_told_of_each_scan_and_of_each_error_once() {
    let site = Site::new().await;
    let mirror = site.start_mirror().await;
    site.pass(60);
    assert_eq!(site.status(&mirror).await.0, "Running");
    site.source.change(|state| {
        state.scans.clear();
        state.tables[0].changes += 3;
    });
    site.pass(16);
    site.status(&mirror).await;
    let scans = std::mem::take(&mut site.source.0.lock().unwrap().scans);
    assert_eq!(scans.iter().map(|scan| scan.changes).sum::<u64>(), 3);
    assert!(scans.iter().all(|scan| scan.errors.is_empty()));
    world(&site, json!({ "primary_identity": "UserAssigned" })).await;
    site.pass(60);
    site.status(&mirror).await;
    let scans = std::mem::take(&mut site.source.0.lock().unwrap().scans);
    let errors: Vec<_> = scans.iter().flat_map(|scan| &scan.errors).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!((errors[0].number, errors[0].table), (Some(22739), None));
}

#[tokio::test]
async fn a_database_that_breaks_a_rule_is_not_mirrored() {
    use fabricmirror_emulator::source::Obstacle;
    for (obstacle, code) in [
        (Obstacle::ChangeDataCapture, "ChangeDataCaptureEnabled"),
        (Obstacle::DelayedDurability, "DelayedDurabilityEnabled"),
        (Obstacle::SystemDatabase, "UnsupportedSourceDatabase"),
    ] {
        let site = Site::new().await;
        site.source.change(|state| state.obstacle = Some(obstacle));
        let mirror = site.start_mirror().await;
        site.pass(31);
        let (status, error) = site.status(&mirror).await;
        assert_eq!((status.as_str(), error["errorCode"].as_str()), ("Stopped", Some(code)));
        assert!(site.source.0.lock().unwrap().feeds.is_empty());
        site.source.change(|state| state.obstacle = None);
        assert_eq!(site.order(&format!("{mirror}/startMirroring")).await.status, 200);
        site.pass(31);
        assert_eq!(site.status(&mirror).await.0, "Running");
    }
}
