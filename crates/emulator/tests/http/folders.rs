//! Folders, and items in them.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::site::{Answer, Site, definition};

async fn folder(site: &Site, name: &str, parent: Option<&str>) -> String {
    let created = make(site, name, parent).await;
    assert_eq!(created.status, 201, "{}", created.text);
    created.id()
}

async fn make(site: &Site, name: &str, parent: Option<&str>) -> Answer {
    let mut body = json!({ "displayName": name });
    if let Some(parent) = parent {
        body["parentFolderId"] = json!(parent);
    }
    site.post(&format!("{}/folders", site.workspace()), body).await
}

fn names(list: &Answer) -> Vec<String> {
    let mut names: Vec<String> = list.body["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["displayName"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn folders_from_post_to_delete() {
    let site = Site::new().await;
    let folders = format!("{}/folders", site.workspace());
    let a = folder(&site, "A", None).await;
    let b = folder(&site, "B", Some(&a)).await;
    let c = folder(&site, "C", Some(&b)).await;
    let other = make(&site, "Located", None).await;
    let path = format!("{folders}/{}", other.id());
    assert_eq!(other.headers["location"].to_str().unwrap(), format!("{}/v1{path}", site.ready.fabric.endpoint));
    assert_eq!(site.delete(&path).await.status, 200);
    assert_eq!(names(&site.get(&folders).await), ["A", "B", "C"]);
    assert_eq!(names(&site.get(&format!("{folders}?recursive=false")).await), ["A"]);
    assert_eq!(names(&site.get(&format!("{folders}?rootFolderId={a}")).await), ["B", "C"]);
    assert_eq!(names(&site.get(&format!("{folders}?rootFolderId={a}&recursive=false")).await), ["B"]);
    site.get(&format!("{folders}?rootFolderId={}", Uuid::new_v4())).await.is(404, "FolderNotFound");
    assert_eq!(site.get(&format!("{folders}/{b}")).await.body["parentFolderId"], a);

    make(&site, "a", None).await.is(409, "FolderDisplayNameAlreadyInUse");
    make(&site, "X", Some(&Uuid::new_v4().to_string())).await.is(404, "FolderNotFound");
    for wrong in ["", " x", "a/b", "a.b", "Recycler", "x\u{7}", &"x".repeat(256)] {
        make(&site, wrong, None).await.is(400, "InvalidFolderDisplayName");
    }
    // The same name elsewhere is another's.
    let other = folder(&site, "A", Some(&c)).await;
    assert_eq!(site.patch(&format!("{folders}/{other}"), json!({ "displayName": "D" })).await.body["displayName"], "D");
    let into = |target: Option<&str>| target.map_or(json!({}), |target| json!({ "targetFolderId": target }));
    site.post(&format!("{folders}/{a}/move"), into(Some(&c))).await.is(400, "InfiniteFolderHierarchyLoop");
    site.post(&format!("{folders}/{a}/move"), into(Some(&a))).await.is(400, "InfiniteFolderHierarchyLoop");
    let moved = site.post(&format!("{folders}/{c}/move"), into(None)).await;
    assert!(moved.status == 200 && moved.body.get("parentFolderId").is_none());
    let refused = site.delete(&format!("{folders}/{a}")).await;
    refused.is(400, "FolderNotEmpty");
    assert_eq!(refused.body["relatedResource"], json!({ "resourceId": a, "resourceType": "Folder" }));
    assert_eq!(site.delete(&format!("{folders}/{b}")).await.status, 200);
    assert_eq!(site.delete(&format!("{folders}/{a}")).await.status, 200);
    site.get(&format!("{folders}/{a}")).await.is(404, "FolderNotFound");
}

#[tokio::test]
async fn ten_levels_are_the_most() {
    let site = Site::new().await;
    let mut parent = folder(&site, "1", None).await;
    for level in 2..=10 {
        parent = folder(&site, &level.to_string(), Some(&parent)).await;
    }
    make(&site, "11", Some(&parent)).await.is(400, "FolderDepthOutOfRange");
    let loose = folder(&site, "loose", None).await;
    let body = json!({ "targetFolderId": parent });
    site.post(&format!("{}/folders/{loose}/move", site.workspace()), body).await.is(400, "FolderDepthOutOfRange");
}

/// As fabric-cicd sends it (recorded), and as null.
#[tokio::test]
async fn an_empty_folder_is_the_root() {
    let site = Site::new().await;
    let (workspace, connection) = (site.workspace(), site.create_connection().await);
    for (name, none) in [("A", json!("")), ("B", Value::Null)] {
        let body = json!({ "displayName": name, "type": "MirroredDatabase", "folderId": none, "definition": definition(&connection, &json!({})) });
        for (list, name) in [("items", name.to_owned()), ("mirroredDatabases", name.repeat(2))] {
            let mut body = body.clone();
            body["displayName"] = json!(name);
            let created = site.post(&format!("{workspace}/{list}"), body).await;
            assert_eq!((created.status, created.body.get("folderId")), (201, None), "{}", created.text);
            let moving = format!("{workspace}/items/{}/move", created.id());
            assert_eq!(site.post(&moving, json!({ "targetFolderId": none })).await.status, 200);
        }
        let folder =
            site.post(&format!("{workspace}/folders"), json!({ "displayName": name, "parentFolderId": none })).await;
        assert_eq!((folder.status, folder.body.get("parentFolderId")), (201, None), "{}", folder.text);
        let moving = format!("{workspace}/folders/{}/move", folder.id());
        assert_eq!(site.post(&moving, json!({ "targetFolderId": none })).await.status, 200);
        // Every other id that may be left out is left out so too.
        let created =
            site.post("/workspaces", json!({ "displayName": name, "capacityId": none, "domainId": none })).await;
        assert_eq!((created.status, created.body.get("capacityId")), (201, None), "{}", created.text);
        let assign = format!("/workspaces/{}/assignToCapacity", created.id());
        site.post(&assign, json!({ "capacityId": none })).await.is(400, "InvalidParameter");
    }
    let below = site.get(&format!("{workspace}/items?type=MirroredDatabase&rootFolderId=&recursive=false")).await;
    assert_eq!(below.body["value"].as_array().unwrap().len(), 4);
    let wrong = json!({ "displayName": "C", "folderId": "root" });
    site.post(&format!("{workspace}/mirroredDatabases"), wrong).await.is(400, "InvalidInput");
}

#[tokio::test]
async fn items_lie_in_folders() {
    let site = Site::new().await;
    let workspace = site.workspace();
    let (outer, connection) = (folder(&site, "Outer", None).await, site.create_connection().await);
    let inner = folder(&site, "Inner", Some(&outer)).await;
    let body = |folder: Value| json!({ "displayName": "Sales", "folderId": folder, "definition": definition(&connection, &json!({})) });
    let mirrors = format!("{workspace}/mirroredDatabases");
    site.post(&mirrors, body(json!(Uuid::new_v4()))).await.is(404, "FolderNotFound");
    let created = site.post(&mirrors, body(json!(inner))).await;
    assert_eq!((created.status, &created.body["folderId"]), (201, &json!(inner)));
    let count =
        async |query: &str| site.get(&format!("{mirrors}{query}")).await.body["value"].as_array().unwrap().len();
    assert_eq!(count("").await, 1);
    assert_eq!(count("?recursive=false").await, 0);
    assert_eq!(count(&format!("?rootFolderId={outer}")).await, 1);
    assert_eq!(count(&format!("?rootFolderId={outer}&recursive=false")).await, 0);
    site.delete(&format!("{workspace}/folders/{inner}")).await.is(400, "FolderNotEmpty");
    let moving = format!("{workspace}/items/{}/move", created.id());
    site.post(&moving, json!({ "targetFolderId": Uuid::new_v4() })).await.is(404, "FolderNotFound");
    let moved = site.post(&moving, json!({ "targetFolderId": outer })).await;
    assert_eq!(moved.body["value"][0]["folderId"], outer);
    assert_eq!(site.post(&moving, json!({})).await.body["value"][0].get("folderId"), None);
    assert_eq!(count("?recursive=false").await, 1);

    // A viewer looks, and changes nothing.
    let viewer = json!({ "principal": { "id": site.identity(), "type": "ServicePrincipal" }, "role": "Viewer" });
    site.post(&format!("{workspace}/roleAssignments"), viewer).await;
    let token = site.token_of(site.identity());
    assert_eq!(site.call_as(&token, Method::GET, &format!("{workspace}/folders/{outer}"), None).await.status, 200);
    for (method, path, body) in [
        (Method::POST, format!("{workspace}/folders"), Some(json!({ "displayName": "X" }))),
        (Method::PATCH, format!("{workspace}/folders/{outer}"), Some(json!({ "displayName": "X" }))),
        (Method::DELETE, format!("{workspace}/folders/{inner}"), None),
        (Method::POST, format!("{workspace}/folders/{inner}/move"), Some(json!({}))),
        (Method::POST, moving.clone(), Some(json!({}))),
    ] {
        site.call_as(&token, method, &path, body).await.is(403, "InsufficientWorkspaceRole");
    }
}
