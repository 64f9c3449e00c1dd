//! Quotas of calls, and the race of a role with an item: what the service does to clients in a hurry.

use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{Answer, Site, definition};

async fn choose(site: &Site, choice: Value) {
    let answer = site.control(Method::POST, "/rest", Some(choice)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

fn is_blocked(answer: &Answer, least: u64, most: u64) {
    answer.is(429, "RequestBlocked");
    let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((least..=most).contains(&wait), "{wait}");
    assert_eq!(answer.body["isRetriable"], true);
    assert!(answer.body["message"].as_str().unwrap().contains("blocked by the upstream service until: "));
    assert!(answer.headers["access-control-expose-headers"].to_str().unwrap().contains("Retry-After"));
}

#[tokio::test]
async fn a_principal_has_so_many_calls_a_minute() {
    let site = Site::new().await;
    choose(&site, json!({ "calls_per_minute": 500 })).await;
    let stranger = site.token_of(site.identity());
    for _ in 0..500 {
        assert_eq!(site.get("/workspaces").await.status, 200);
    }
    is_blocked(&site.get(&site.workspace()).await, 59, 60);
    site.pass(20);
    is_blocked(&site.get("/capacities").await, 39, 40);
    // Everybody has quotas of their own, and a minute later they are whole again.
    assert_eq!(site.call_as(&stranger, Method::GET, "/workspaces", None).await.status, 200);
    site.pass(41);
    assert_eq!(site.get("/workspaces").await.status, 200);
    choose(&site, json!({ "calls_per_minute": 1 })).await;
    is_blocked(&site.get("/workspaces").await, 59, 60);
    choose(&site, json!({ "calls_per_minute": null })).await;
    assert_eq!(site.get("/workspaces").await.status, 200);
}

#[tokio::test]
async fn each_kind_of_change_has_a_quota() {
    let site = Site::new().await;
    choose(&site, json!({ "changes_per_minute": 2 })).await;
    let workspace = site.workspace();
    let list = format!("{workspace}/mirroredDatabases");
    let make = async |name: &str| site.post(&list, json!({ "displayName": name })).await;
    let first = format!("{list}/{}", make("A").await.id());
    assert_eq!(make("B").await.status, 201);
    is_blocked(&make("C").await, 59, 60);
    // The same by the other way, changes and deletes each count for themselves, and reads do not.
    let item = json!({ "type": "MirroredDatabase", "displayName": "D" });
    assert_eq!(site.post(&format!("{workspace}/items"), item).await.status, 201);
    for text in ["1", "2"] {
        assert_eq!(site.patch(&first, json!({ "description": text })).await.status, 200);
    }
    is_blocked(&site.patch(&first, json!({ "description": "3" })).await, 59, 60);
    for _ in 0..5 {
        assert_eq!(site.order(&format!("{first}/getMirroringStatus")).await.status, 200);
        assert_eq!(site.get(&first).await.status, 200);
    }
    assert_eq!(site.delete(&first).await.status, 200);
    site.pass(61);
    assert_eq!(make("C").await.status, 201);
    // The scenario's own come back with a reset, and nobody has used anything.
    site.control(Method::POST, "/reset", None).await;
    for name in ["A", "B", "C"] {
        assert_eq!(make(name).await.status, 201);
    }
}

#[tokio::test]
async fn quotas_and_races_have_bounds() {
    let site = Site::new().await;
    for (choice, reason) in [
        (json!({ "calls_per_minute": 0 }), "calls_per_minute must be at least 1, or null"),
        (json!({ "changes_per_minute": 0 }), "changes_per_minute must be at least 1, or null"),
        (json!({ "item_recovery_days": 6 }), "item_recovery_days must be from 7 to 90"),
        (json!({ "item_recovery_days": 91 }), "item_recovery_days must be from 7 to 90"),
        (json!({ "role_race_ms": 60_001 }), "role_race_ms must be at most 60000"),
    ] {
        let answer = site.control(Method::POST, "/rest", Some(choice)).await;
        assert_eq!(answer.status, 400);
        assert!(answer.text.contains(reason), "{}", answer.text);
    }
    let answer = site.control(Method::POST, "/world", Some(json!({ "item_recovery": "Sometimes" }))).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
}

#[tokio::test]
async fn a_role_given_beside_a_create_does_not_see_the_item() {
    let site = Site::new().await;
    choose(&site, json!({ "role_race_ms": 1500 })).await;
    let connection = site.create_connection().await;
    let (list, roles) =
        (format!("{}/mirroredDatabases", site.workspace()), format!("{}/roleAssignments", site.workspace()));
    let item = |name: &str| json!({ "displayName": name, "definition": definition(&connection, &json!({})) });
    let role = json!({ "principal": { "id": site.identity(), "type": "ServicePrincipal" }, "role": "Contributor" });
    let (made, given) = tokio::join!(site.post(&list, item("Sales")), site.post(&roles, role.clone()));
    assert_eq!((made.status, given.status), (201, 201), "{}{}", made.text, given.text);
    let mirror = format!("{list}/{}", made.id());
    choose(&site, json!({ "role_race_ms": 1 })).await;
    let other = format!("{list}/{}", site.post(&list, item("Other")).await.id());
    let identity = site.token_of(site.identity());
    let see = async |path: &str| site.call_as(&identity, Method::GET, path, None).await;
    // For good, by either way, while whoever was there before sees both.
    site.pass(2000);
    for path in [mirror.clone(), mirror.replace("mirroredDatabases", "items")] {
        see(&path).await.is(404, "ItemNotFound");
        assert_eq!(site.get(&path).await.status, 200);
    }
    assert_eq!(see(&other).await.status, 200);
    for list in [list.clone(), format!("{}/items?type=MirroredDatabase", site.workspace())] {
        assert_eq!(see(&list).await.body["value"].as_array().unwrap().len(), 1);
    }
    // Nor can the mirror write, whose item the instance's identity cannot see.
    assert_eq!(site.order(&format!("{mirror}/startMirroring")).await.status, 200);
    site.pass(60);
    assert!(site.tables(&mirror).await.iter().all(|table| table.contains(": Failed")));
    // Made again, the assignment heals it; one after the other there is no race.
    assert_eq!(site.delete(&format!("{roles}/{}", site.identity())).await.status, 200);
    assert_eq!(site.post(&roles, role).await.status, 201);
    assert_eq!(see(&mirror).await.status, 200);
    site.pass(60);
    assert!(site.tables(&mirror).await.iter().any(|table| table.contains(": Replicating")));
}

#[tokio::test]
async fn a_mirror_may_be_listed_twice() {
    let site = Site::new().await;
    let mirror = site.create_mirror(&site.create_connection().await).await;
    let item = mirror.replace("mirroredDatabases", "items");
    choose(&site, json!({ "mirrored_warehouse": true })).await;
    let kinds = async |query: &str| -> Vec<String> {
        let list = site.get(&format!("{}/items{query}", site.workspace())).await.body;
        list["value"].as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds("").await, ["MirroredDatabase", "MirroredWarehouse"]);
    assert_eq!(kinds("?type=MirroredDatabase").await, ["MirroredDatabase"]);
    assert_eq!(kinds("?type=MirroredWarehouse").await, ["MirroredWarehouse"]);
    assert_eq!(site.get(&item).await.body["type"], "MirroredDatabase");
    choose(&site, json!({ "mirrored_warehouse": false })).await;
    assert_eq!(kinds("").await, ["MirroredDatabase"]);
}
