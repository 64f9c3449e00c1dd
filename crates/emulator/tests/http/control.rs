use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::fake::PASSWORD;
use crate::site::{Answer, Site, connection};

async fn plant(site: &Site, fault: Value) {
    let answer = site.control(Method::POST, "/faults", Some(fault)).await;
    assert_eq!(answer.status, 204, "{}", answer.text);
}

#[tokio::test]
async fn the_journal_has_every_call_and_no_secret() {
    let site = Site::new().await;
    site.create_connection().await;
    let mut wrong = connection("second");
    wrong["credentialDetails"]["credentials"]["password"] = json!("guess-me");
    site.post("/connections", wrong).await;
    let journal = site.control(Method::GET, "/requests", None).await;
    let entries = journal.body.as_array().unwrap();
    assert_eq!(entries.iter().map(|entry| entry["index"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((&entries[0]["channel"], &entries[0]["method"]), (&json!("token"), &json!("POST")));
    assert_eq!((&entries[1]["channel"], &entries[1]["path"]), (&json!("rest"), &json!("/v1/connections")));
    assert_eq!((&entries[1]["status"], &entries[2]["status"]), (&json!(201), &json!(400)));
    assert!(entries[1]["ms"].is_f64() && entries[1]["connection"] == 1);
    assert!(entries[1]["body"].as_str().unwrap().contains(r#""password":"***""#));
    for secret in [PASSWORD, "guess-me", site.ready.entra.client_secret.as_str(), site.token.as_str(), "Bearer "] {
        assert!(!journal.text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_planted_answer_comes_instead_and_nothing_is_done() {
    let site = Site::new().await;
    let fault = json!({
        "match": { "channel": "rest", "method": "POST", "path": "/connections$" },
        "effect": { "status": 429, "headers": { "Retry-After": "35" }, "body": { "errorCode": "RequestBlocked", "message": "later" } },
    });
    plant(&site, fault).await;
    let url = format!("{}/v1/connections", site.ready.fabric.endpoint);
    let send = || site.http.post(&url).bearer_auth(&site.token).json(&connection("c")).send();
    let blocked = send().await.unwrap();
    assert_eq!((blocked.status().as_u16(), blocked.headers()["retry-after"].to_str().unwrap()), (429, "35"));
    assert_eq!(site.get("/connections").await.body["value"], json!([]));
    assert_eq!(send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn a_reset_strikes_before_or_after_the_effect() {
    let site = Site::new().await;
    let url = format!("{}/v1/connections", site.ready.fabric.endpoint);
    for (when, exist) in [("before", 0), ("after", 1)] {
        let index = site.control(Method::GET, "/requests", None).await.body.as_array().unwrap().len();
        plant(&site, json!({ "match": { "index": index }, "effect": { "reset": when } })).await;
        let answer = site.http.post(&url).bearer_auth(&site.token).json(&connection("c")).send().await;
        assert!(answer.is_err(), "{when}");
        let journal = site.control(Method::GET, "/requests", None).await;
        assert!(journal.body[index]["error"].as_str().unwrap().contains("cut"));
        assert_eq!(site.get("/connections").await.body["value"].as_array().unwrap().len(), exist);
    }
}

#[tokio::test]
async fn a_delay_delays_and_faults_can_be_cleared() {
    let site = Site::new().await;
    plant(&site, json!({ "match": { "path": "/workspaces" }, "count": 0, "effect": { "delay_ms": 80 } })).await;
    let started = Instant::now();
    assert_eq!(site.get("/workspaces").await.status, 200);
    assert!(started.elapsed() >= Duration::from_millis(80));
    assert_eq!(site.control(Method::DELETE, "/faults", None).await.status, 204);
    let started = Instant::now();
    site.get("/workspaces").await;
    assert!(started.elapsed() < Duration::from_millis(80));
}

#[tokio::test]
async fn a_token_fault_shows_as_entra_would() {
    let site = Site::new().await;
    plant(&site, json!({ "match": { "channel": "token" }, "effect": { "status": 503 } })).await;
    assert_eq!(site.ask_token("https://api.fabric.microsoft.com/.default").await.status, 503);
    assert_eq!(site.ask_token("https://api.fabric.microsoft.com/.default").await.status, 200);
}

#[tokio::test]
async fn what_is_not_understood_is_refused_with_a_reason() {
    let site = Site::new().await;
    let cases = [
        ("/faults", json!({ "effect": { "explode": true } }), ""),
        ("/faults", json!({ "match": { "path": "(" }, "effect": { "status": 500 } }), "regex"),
        ("/faults", json!({ "match": { "chanel": "rest" }, "effect": { "status": 500 } }), "chanel"),
        (
            "/faults",
            json!({ "match": { "channel": "rest" }, "effect": { "sql_error": { "number": 1205, "severity": 13 } } }),
            "sql_error",
        ),
        ("/faults", json!({ "effect": { "status": 99 } }), "99"),
        (
            "/faults",
            json!({ "match": { "channel": "rest" }, "effect": { "route": { "host": "h", "port": 1 } } }),
            "for logins",
        ),
        ("/faults", json!({ "match": { "sql": "x" }, "effect": { "route": { "host": "h", "port": 1 } } }), "no sql"),
        ("/world", json!({ "capacity_state": "Paused" }), "Inactive"),
        ("/world", json!({ "weather": "rain" }), "weather"),
        ("/world", json!({ "instance": 1, "update_policy": "SQLServer2025" }), "must be the name"),
        ("/world", json!({ "instance": "nobody", "update_policy": "SQLServer2025" }), "there are: contoso-mi"),
        ("/world", json!({ "instance": "contoso-mi", "update_policy": "2025" }), "SQLServer2025"),
        (
            "/world",
            json!({ "instance": "contoso-mi", "capacity_state": "Active" }),
            "`capacity_state`, expected `primary_identity`",
        ),
        ("/world", json!({ "instance": "contoso-mi" }), "nothing that changes"),
        ("/clock", json!({ "advance_s": -1 }), "from 0"),
        ("/clock", json!({ "advance": 1 }), "advance_s"),
    ];
    for (path, body, reason) in cases {
        let answer = site.control(Method::POST, path, Some(body.clone())).await;
        assert_eq!(answer.status, 400, "{path} {body}");
        assert!(answer.body["error"].as_str().unwrap().contains(reason), "{path} {body} {}", answer.text);
    }
}

#[tokio::test]
async fn state_is_the_contract_and_reset_brings_it_back() {
    let site = Site::new().await;
    let before = site.control(Method::GET, "/state", None).await.body;
    assert_eq!(before["fabric"]["mirrored_databases"], json!([]));
    assert_eq!(before["fabric"]["workspaces"][0]["role_assignments"][0]["role"], "Admin");
    site.control(Method::POST, "/world", Some(json!({ "documentation": "2025-05" }))).await;
    site.control(Method::POST, "/world", Some(json!({ "documentation": "either" }))).await;
    let mirror = site.start_mirror().await;
    let clock = site.control(Method::POST, "/clock", Some(json!({ "advance_s": 60 }))).await;
    assert!(clock.body["elapsed_s"].as_f64().unwrap() >= 120.0);
    let state = site.control(Method::GET, "/state", None).await.body;
    let mirrored = &state["fabric"]["mirrored_databases"][0];
    assert_eq!((&mirrored["status"], &mirrored["display_name"]), (&json!("Running"), &json!("Sales")));
    let table = &mirrored["tables"][1];
    assert_eq!((&table["schema"], &table["name"]), (&json!("dbo"), &json!("Orders")));
    assert_eq!((&table["status"], &table["rows"]), (&json!("Replicating"), &json!(5)));
    assert!(table["last_sync"].as_str().unwrap().ends_with('Z') && mirrored["error"].is_null());
    assert_eq!(mirrored["connection_id"], state["fabric"]["connections"][0]["id"]);
    assert_eq!(state["fabric"]["connections"][0]["database"], "Sales");
    assert_eq!(state["fabric"]["capacities"][0]["state"], "Active");
    assert!(state["fabric"]["workspaces"][0]["role_assignments"][0]["principal_name"].is_string());
    assert_eq!(state["fabric"]["connections"][0]["type"], "AzureSqlMI");
    assert_eq!(state["sql"]["logins"][0]["type"], "S");

    site.control(Method::POST, "/world", Some(json!({ "capacity_state": "Inactive" }))).await;
    assert_eq!(site.control(Method::POST, "/reset", None).await.status, 204);
    assert_eq!(site.control(Method::GET, "/state", None).await.body, before);
    assert_eq!(site.control(Method::GET, "/requests", None).await.body, json!([]));
    assert_eq!(site.control(Method::GET, "/world", None).await.body["capacity_state"], "Active");
    site.get(&mirror).await.is(404, "ItemNotFound");
}

#[tokio::test]
async fn the_journal_can_be_read_from_where_one_was() {
    let site = Site::new().await;
    for _ in 0..3 {
        site.get("/workspaces").await;
    }
    let indices = |answer: &Answer| {
        let entries = answer.body.as_array().unwrap();
        entries.iter().map(|entry| entry["index"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    // The token, and three calls.
    for (query, expected) in
        [("", vec![0, 1, 2, 3]), ("?after=1", vec![2, 3]), ("?after=3", vec![]), ("?limit=1&after=0", vec![3])]
    {
        let answer = site.control(Method::GET, &format!("/requests{query}"), None).await;
        assert_eq!(indices(&answer), expected, "{query}");
        assert_eq!(answer.headers["journal-clearings"], "0");
    }
    site.control(Method::POST, "/reset", None).await;
    assert_eq!(site.control(Method::GET, "/requests?after=3", None).await.headers["journal-clearings"], "1");
    for query in ["?after=-1", "?after=x", "?before=1"] {
        let answer = site.control(Method::GET, &format!("/requests{query}"), None).await;
        assert!(answer.status == 400 && answer.body["error"].is_string(), "{query} {}", answer.text);
    }
}

#[tokio::test]
async fn the_monitor_page_asks_nobody_else() {
    let site = Site::new().await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/monitor.css", "text/css; charset=utf-8"),
        ("/monitor.js", "text/javascript; charset=utf-8"),
        ("/monitor.svg", "image/svg+xml"),
    ] {
        let answer = site.control(Method::GET, path, None).await;
        assert_eq!((answer.status, answer.headers["content-type"].to_str().unwrap()), (200, kind), "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        // Nor does it write HTML.
        for word in ["https://", "innerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!answer.text.contains(word), "{path} has {word}");
        }
    }
}

#[tokio::test]
async fn the_ready_file_leads_everywhere() {
    let site = Site::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ready.json");
    site.emulator.write_ready_file(&path).unwrap();
    let ready: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for pointer in [
        "/sql/server",
        "/sql/host",
        "/sql/port",
        "/sql/username",
        "/sql/password",
        "/fabric/endpoint",
        "/entra/authority_host",
        "/entra/tenant_id",
        "/entra/client_id",
        "/entra/client_secret",
        "/scenario/workspace_id",
        "/scenario/capacity_id",
        "/scenario/database",
        "/scenario/instance_identity_object_id",
        "/control/url",
        "/ca_certificate_file",
        "/pid",
    ] {
        assert!(ready.pointer(pointer).is_some(), "{pointer}");
    }
    assert_eq!(ready["sql"]["server"], "localhost,50123");
    let ca = std::fs::read(ready["ca_certificate_file"].as_str().unwrap()).unwrap();
    let ca = reqwest::Certificate::from_pem(&ca).unwrap();
    let port = site.ready.fabric.endpoint.rsplit(':').next().unwrap();
    // Every name of the certificate, over HTTP/1.1 and HTTP/2.
    let has_v6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    for http1 in [true, false] {
        let client = reqwest::Client::builder().tls_certs_only([ca.clone()]).no_proxy();
        let client = if http1 { client.http1_only() } else { client.http2_prior_knowledge() }.build().unwrap();
        for host in ["localhost", "127.0.0.1", "[::1]"].into_iter().filter(|host| has_v6 || *host != "[::1]") {
            let answer = client
                .get(format!("https://{host}:{port}/v1/workspaces"))
                .bearer_auth(&site.token)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 200, "{host}");
        }
    }
}

#[tokio::test]
async fn a_snapshot_brings_everything_back_and_the_clock_goes_on() {
    let site = Site::new().await;
    let mirror = site.start_mirror().await;
    site.control(Method::POST, "/rest", Some(json!({ "page_size": 2 }))).await;
    let before = site.control(Method::GET, "/state", None).await.body;
    let taken = site.control(Method::POST, "/snapshot", None).await;
    assert_eq!((taken.status, &taken.body), (201, &json!({ "id": 1 })));

    // Started, 30 s from Running; here it gets there, and then everything goes away.
    site.pass(600);
    assert_eq!(site.status(&mirror).await.0, "Running");
    site.source.change(|state| state.password = "other".to_owned());
    site.control(Method::POST, "/world", Some(json!({ "update_policy": "SQLServer2022" }))).await;
    site.control(Method::POST, "/rest", Some(json!({ "page_size": 100 }))).await;
    assert_eq!(site.delete(&mirror).await.status, 200);
    let elapsed = site.control(Method::GET, "/clock", None).await.body["elapsed_s"].as_f64().unwrap();

    for _ in 0..2 {
        assert_eq!(site.control(Method::POST, "/restore", Some(json!({ "id": 1 }))).await.status, 204);
        assert_eq!(site.control(Method::GET, "/state", None).await.body, before);
        assert!(site.control(Method::GET, "/clock", None).await.body["elapsed_s"].as_f64().unwrap() >= elapsed);
        assert_eq!(site.control(Method::GET, "/world", None).await.body["update_policy"], "AlwaysUpToDate");
        assert_eq!(site.control(Method::GET, "/rest", None).await.body["page_size"], 2);
        assert_eq!(site.source.0.lock().unwrap().password, PASSWORD);
        // It has still to wait what it had to wait then.
        assert_eq!(site.status(&mirror).await.0, "Starting");
        site.pass(25);
        assert_eq!(site.status(&mirror).await.0, "Starting");
        site.pass(10);
        assert_eq!(site.status(&mirror).await.0, "Running");
        // Times shown are those of the clock, which went on.
        site.pass(60);
        let tables = site.order(&format!("{mirror}/getTablesMirroringStatus")).await;
        let synced: jiff::Timestamp =
            tables.body["data"][0]["metrics"]["lastSyncDateTime"].as_str().unwrap().parse().unwrap();
        let now: jiff::Timestamp =
            site.control(Method::GET, "/clock", None).await.body["now"].as_str().unwrap().parse().unwrap();
        assert!(now.duration_since(synced).as_secs() < 60, "{synced} {now}");
    }
    let unknown = site.control(Method::POST, "/restore", Some(json!({ "id": 2 }))).await;
    assert_eq!((unknown.status, &unknown.body["error"]), (400, &json!("there is no snapshot 2; 1 were taken")));
}

#[tokio::test]
async fn half_an_answer_is_the_head_and_as_many_bytes() {
    let site = Site::new().await;
    plant(&site, json!({ "match": { "path": "/connections" }, "effect": { "partial": 7 } })).await;
    let url = format!("{}/v1/connections", site.ready.fabric.endpoint);
    let answer = site.http.post(&url).bearer_auth(&site.token).json(&connection("c")).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let promised = answer.content_length().unwrap();
    assert!(promised > 100);
    let mut answer = answer;
    assert_eq!(answer.chunk().await.unwrap().unwrap().len(), 7);
    assert!(answer.chunk().await.is_err());
    // It took effect, and the next answer is whole.
    assert_eq!(site.get("/connections").await.body["value"].as_array().unwrap().len(), 1);
    let journal = site.control(Method::GET, "/requests", None).await;
    let errors = journal.body.as_array().unwrap().iter().filter_map(|entry| entry["error"].as_str());
    assert_eq!(errors.collect::<Vec<_>>(), ["connection cut after 7 bytes of the body"]);
}

#[tokio::test]
async fn throttling_answers_as_the_service_was_seen_to() {
    let site = Site::new().await;
    plant(&site, json!({ "match": { "path": "/workspaces" }, "count": 2, "effect": { "throttle_s": 35 } })).await;
    for _ in 0..2 {
        let blocked = site.get("/workspaces").await;
        blocked.is(429, "RequestBlocked");
        assert_eq!(blocked.headers["retry-after"], "35");
        assert_eq!(blocked.body["isRetriable"], true);
        assert!(blocked.body["message"].as_str().unwrap().contains("blocked by the upstream service until: "));
    }
    assert_eq!(site.get("/workspaces").await.status, 200);
    let token = json!({ "match": { "channel": "token" }, "effect": { "throttle_s": 35 } });
    assert_eq!(site.control(Method::POST, "/faults", Some(token)).await.status, 400);
}

#[tokio::test]
async fn a_share_of_the_requests_is_struck_evenly() {
    let site = Site::new().await;
    let share = |percent: u32| json!({ "match": { "path": "/workspaces" }, "count": 0, "percent": percent, "effect": { "throttle_s": 1 } });
    plant(&site, share(30)).await;
    let mut struck = Vec::new();
    for number in 1..=20 {
        site.get("/capacities").await;
        if site.get("/workspaces").await.status == 429 {
            struck.push(number);
        }
    }
    assert_eq!(struck, [4, 7, 10, 14, 17, 20]);
    for percent in [0, 101] {
        assert_eq!(site.control(Method::POST, "/faults", Some(share(percent))).await.status, 400);
    }
}

#[tokio::test]
async fn settings_of_the_rest_api_change_while_it_runs() {
    let site = Site::new().await;
    site.let_identity_write().await;
    let roles = format!("{}/roleAssignments", site.workspace());
    assert_eq!(site.control(Method::POST, "/rest", Some(json!({ "page_size": 1 }))).await.body["page_size"], 1);
    let page = site.get(&roles).await;
    assert_eq!(page.body["value"].as_array().unwrap().len(), 1);
    assert!(page.body["continuationUri"].is_string());
    for wrong in [json!({ "page_size": 0 }), json!({ "pages": 1 }), json!({ "page_size": "1" })] {
        assert_eq!(site.control(Method::POST, "/rest", Some(wrong.clone())).await.status, 400, "{wrong}");
    }
    site.control(Method::POST, "/reset", None).await;
    assert_eq!(site.control(Method::GET, "/rest", None).await.body["page_size"], 100);
}

#[tokio::test]
async fn an_answer_that_no_source_confirms_can_be_another() {
    let site = Site::new().await;
    let unknown = "/workspaces/00000000-0000-0000-0000-000000000009";
    site.get(unknown).await.is(404, "WorkspaceNotFound");
    let set = |body: Value| site.control(Method::POST, "/answers", Some(body));
    let answers = set(json!({ "rest": { "WorkspaceNotFound": { "status": 403, "code": "Hidden" } } })).await;
    assert_eq!(answers.body["rest"]["WorkspaceNotFound"]["status"], 403);
    let other = site.get(unknown).await;
    other.is(403, "Hidden");
    assert_eq!(other.headers["x-ms-public-api-error-code"], "Hidden");
    // Others stay, a status may change alone, and null takes an answer back.
    set(json!({ "rest": { "EntityNotFound": { "status": 400 } }, "sql": { "4613": { "number": 15151 } } })).await;
    site.get(unknown).await.is(403, "Hidden");
    let assignment = format!("{}/roleAssignments/00000000-0000-0000-0000-000000000009", site.workspace());
    site.get(&assignment).await.is(400, "EntityNotFound");
    let answers = set(json!({ "rest": { "WorkspaceNotFound": null } })).await;
    assert_eq!(answers.body["sql"], json!({ "4613": { "number": 15151 } }));
    site.get(unknown).await.is(404, "WorkspaceNotFound");
    for (body, text) in [
        (json!({ "rest": { "A": { "status": 200 } } }), "rest.A.status must be from 400 to 599"),
        (json!({ "rest": { "A b": { "status": 403 } } }), "rest.A b is no error code: letters and digits"),
        (json!({ "rest": { "A": {} } }), "rest.A must have a status or a code"),
        (json!({ "sql": { "50900": { "state": 2 } } }), "sql.50900 is no error of the server"),
        (json!({ "sql": { "208": { "severity": 20 } } }), "sql.208.severity must be from 11 to 19"),
    ] {
        let answer = set(body).await;
        assert_eq!((answer.status, answer.body["error"].as_str().unwrap()), (400, text));
    }
    site.control(Method::POST, "/reset", None).await;
    let answers = site.control(Method::GET, "/answers", None).await;
    assert_eq!(answers.body, json!({ "rest": {}, "sql": {} }));
}
