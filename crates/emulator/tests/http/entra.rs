use reqwest::Method;

use fabricmirror_emulator::entra::SQL;
use fabricmirror_emulator::scenario::Scenario;

use crate::site::{Answer, Site};

#[tokio::test]
async fn a_secret_gets_a_token_for_either_resource() {
    let site = Site::new().await;
    for scope in [
        "https://api.fabric.microsoft.com/.default",
        "https://database.windows.net/.default",
        "https://database.windows.net//.default",
    ] {
        let answer = site.ask_token(scope).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.body["token_type"], "Bearer");
        assert!(answer.body["expires_in"].is_u64());
        let payload = answer.body["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
        let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["tid"], site.ready.entra.tenant_id.to_string());
        assert_eq!(claims["appid"], site.ready.entra.client_id.to_string());
        let audience = if scope.contains("database") {
            "https://database.windows.net/"
        } else {
            "https://api.fabric.microsoft.com"
        };
        assert_eq!(claims["aud"], audience);
    }
}

#[tokio::test]
async fn refusals_carry_their_numbers() {
    let site = Site::new().await;
    let tenant = site.ready.entra.tenant_id.to_string();
    let client = site.ready.entra.client_id.to_string();
    let secret = site.ready.entra.client_secret.clone();
    let scope = "https://api.fabric.microsoft.com/.default";
    let good =
        [("grant_type", "client_credentials"), ("client_id", &client), ("client_secret", &secret), ("scope", scope)];
    let changed = |name: &'static str, value: &'static str| {
        let mut form = good.to_vec();
        form.iter_mut().filter(|pair| pair.0 == name).for_each(|pair| pair.1 = value);
        form
    };
    let cases = [
        (tenant.as_str(), changed("client_secret", "wrong"), 401, "invalid_client", 7_000_215),
        (&tenant, changed("client_secret", ""), 401, "invalid_client", 7_000_218),
        (&tenant, changed("client_id", "11111111-1111-4111-8111-111111111111"), 400, "unauthorized_client", 700_016),
        (&tenant, changed("client_id", "no-guid"), 400, "unauthorized_client", 700_016),
        (&tenant, changed("scope", "https://api.fabric.microsoft.com/Item.Read.All"), 400, "invalid_scope", 1_002_012),
        (&tenant, changed("scope", "a/.default b/.default"), 400, "invalid_scope", 70_011),
        (&tenant, changed("scope", "https://vault.azure.net/.default"), 400, "invalid_resource", 500_011),
        (&tenant, changed("scope", ""), 400, "invalid_request", 900_144),
        (&tenant, changed("grant_type", "password"), 400, "unsupported_grant_type", 70_003),
        ("22222222-2222-4222-8222-222222222222", good.to_vec(), 400, "invalid_request", 90_002),
    ];
    for (tenant, form, status, error, number) in cases {
        let answer = site.post_token(tenant, &form).await;
        assert_eq!((answer.status, answer.body["error"].as_str()), (status, Some(error)), "{}", answer.text);
        assert_eq!(answer.body["error_codes"][0], number);
        assert!(answer.body["error_description"].as_str().unwrap().starts_with(&format!("AADSTS{number}: ")));
    }
    let assertion = [
        ("grant_type", "client_credentials"),
        ("client_id", client.as_str()),
        ("client_assertion", "x.y.z"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("scope", scope),
    ];
    assert_eq!(site.post_token(&tenant, &assertion).await.body["error_codes"][0], 700_027);
}

#[tokio::test]
async fn metadata_leads_to_the_key_that_signed() {
    let site = Site::new().await;
    let url = format!(
        "{}/{}/v2.0/.well-known/openid-configuration",
        site.ready.entra.authority_host, site.ready.entra.tenant_id
    );
    let metadata = Answer::read(site.http.get(url).send().await.unwrap()).await;
    let keys = metadata.body["jwks_uri"].as_str().unwrap();
    let keys = Answer::read(site.http.get(keys).send().await.unwrap()).await;
    let header = jsonwebtoken::decode_header(&site.token).unwrap();
    assert_eq!(keys.body["keys"][0]["kid"].as_str(), header.kid.as_deref());
}

#[tokio::test]
async fn fabric_takes_only_its_own_live_tokens() {
    let site = Site::new().await;
    let sql =
        site.ask_token("https://database.windows.net/.default").await.body["access_token"].as_str().unwrap().to_owned();
    site.call_as(&sql, Method::GET, "/workspaces", None).await.is(401, "InvalidToken");
    site.call_as("nonsense", Method::GET, "/workspaces", None).await.is(401, "InvalidToken");
    let other = Site::new().await;
    site.call_as(&other.token, Method::GET, "/workspaces", None).await.is(401, "InvalidToken");
    let url = format!("{}/v1/workspaces", site.ready.fabric.endpoint);
    Answer::read(site.http.get(url).send().await.unwrap()).await.is(401, "TokenIsMissing");
    assert_eq!(site.get("/workspaces").await.status, 200);
    site.pass(3_600);
    site.get("/workspaces").await.is(401, "TokenExpired");
}

#[tokio::test]
async fn an_assertion_signed_with_a_registered_key_is_taken() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let mut scenario = Scenario::default();
    scenario.directory.principals[0].public_keys = vec![key.public_key_pem()];
    let site = Site::with(scenario).await;
    let tenant = site.ready.entra.tenant_id.to_string();
    let client = site.ready.entra.client_id.to_string();
    let endpoint = format!("{}/{tenant}/oauth2/v2.0/token", site.ready.entra.authority_host);
    let now = jiff::Timestamp::now().as_second();
    let sign = |changed: serde_json::Value| {
        let mut claims =
            serde_json::json!({ "aud": endpoint, "iss": client, "sub": client, "exp": now + 300, "nbf": now });
        claims.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        let key = jsonwebtoken::EncodingKey::from_rsa_pem(key.serialize_pem().as_bytes()).unwrap();
        jsonwebtoken::encode(&jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256), &claims, &key).unwrap()
    };
    let ask = async |assertion: String| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client.as_str()),
            ("client_assertion", assertion.as_str()),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("scope", "https://database.windows.net/.default"),
        ];
        site.post_token(&tenant, &form).await
    };
    let answer = ask(sign(serde_json::json!({}))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let caller =
        site.emulator.parts.tokens.verifier().verify(answer.body["access_token"].as_str().unwrap(), SQL).unwrap();
    assert_eq!(caller.app_id, site.ready.entra.client_id);
    for wrong in [
        serde_json::json!({ "exp": now - 1 }),
        serde_json::json!({ "aud": "https://login.example/token" }),
        serde_json::json!({ "sub": "somebody else" }),
    ] {
        assert_eq!(ask(sign(wrong)).await.body["error_codes"][0], 700_027);
    }
}
