use reqwest::Method;

use fabricmirror_emulator::entra::tokens::Proof;
use fabricmirror_emulator::entra::{FABRIC, POWER_BI, SQL, SigningKey, Tokens};
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
        let claims = claims(&answer);
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

fn claims(answer: &Answer) -> serde_json::Value {
    let token = answer.body["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.text));
    let payload = token.split('.').nth(1).unwrap();
    let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

#[tokio::test]
async fn reserved_scopes_are_no_resource() {
    let site = Site::new().await;
    for scope in [
        "https://api.fabric.microsoft.com/.default openid offline_access profile",
        "openid profile https://api.fabric.microsoft.com/.default email",
    ] {
        assert_eq!(claims(&site.ask_token(scope).await)["aud"], FABRIC, "{scope}");
    }
    let alone = site.ask_token("openid offline_access profile").await;
    assert_eq!(alone.body["error_codes"][0], 1_002_012, "{}", alone.text);
}

#[tokio::test]
async fn well_known_resources_exist_and_fabric_takes_two_of_them() {
    let site = Site::new().await;
    for (resource, status) in [
        (FABRIC, 200),
        (POWER_BI, 200),
        ("https://storage.azure.com", 401),
        ("https://management.azure.com", 401),
        ("https://management.core.windows.net/", 401),
        ("https://graph.microsoft.com", 401),
        ("https://vault.azure.net", 401),
        (SQL, 401),
    ] {
        let answer = site.ask_token(&format!("{resource}/.default")).await;
        assert_eq!(claims(&answer)["aud"], resource);
        let token = answer.body["access_token"].as_str().unwrap();
        let called = site.call_as(token, Method::GET, "/workspaces", None).await;
        assert_eq!(called.status, status, "{resource}: {}", called.text);
        if status == 401 {
            called.is(401, "InvalidToken");
        }
        assert_eq!(site.emulator.parts.tokens.verifier().verify(token, SQL).is_ok(), resource == SQL);
    }
    assert_eq!(claims(&site.ask_token(".default").await)["aud"], "https://graph.microsoft.com");
}

#[tokio::test]
async fn version_1_of_the_endpoint_names_a_resource() {
    let site = Site::new().await;
    let tenant = site.ready.entra.tenant_id;
    let client = site.ready.entra.client_id.to_string();
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", client.as_str()),
        ("client_secret", site.ready.entra.client_secret.as_str()),
    ];
    let path = format!("/{tenant}/oauth2/token");
    assert_eq!(site.post_entra(&path, &form).await.body["error_codes"][0], 900_144);
    form.push(("resource", "https://management.core.windows.net/"));
    let answer = site.post_entra(&path, &form).await;
    assert_eq!(claims(&answer)["aud"], "https://management.core.windows.net/");
    for number in ["expires_in", "ext_expires_in", "expires_on", "not_before"] {
        assert!(answer.body[number].as_str().unwrap().parse::<i64>().unwrap() > 0, "{number} is a text");
    }
    form.pop();
    form.push(("resource", "https://nobody.example"));
    assert_eq!(site.post_entra(&path, &form).await.body["error_codes"][0], 500_011);
}

#[tokio::test]
async fn a_secret_may_come_as_basic_authorization() {
    let site = Site::new().await;
    let url = format!("{}/{}/oauth2/v2.0/token", site.ready.entra.authority_host, site.ready.entra.tenant_id);
    let form = [("grant_type", "client_credentials"), ("scope", "https://api.fabric.microsoft.com/.default")];
    let ask = async |secret: &str| {
        let request = site.http.post(&url).basic_auth(site.ready.entra.client_id, Some(secret)).form(&form);
        Answer::read(request.send().await.unwrap()).await
    };
    assert_eq!(claims(&ask(&site.ready.entra.client_secret).await)["aud"], FABRIC);
    assert_eq!(ask("wrong").await.body["error_codes"][0], 7_000_215);
}

#[tokio::test]
async fn nobody_signs_in_with_a_device_code() {
    let site = Site::new().await;
    let tenant = site.ready.entra.tenant_id.to_string();
    let client = site.ready.entra.client_id.to_string();
    let scope = "https://api.fabric.microsoft.com/.default offline_access openid profile";
    let path = format!("/{tenant}/oauth2/v2.0/devicecode");
    let begun = site.post_entra(&path, &[("client_id", &client), ("scope", scope)]).await;
    assert_eq!((begun.status, &begun.body["expires_in"]), (200, &serde_json::json!(900)), "{}", begun.text);
    let poll = async |code: &str, secret: &str| {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", client.as_str()),
            ("device_code", code),
            ("client_secret", secret),
        ];
        site.post_token(&tenant, &form).await.body["error"].as_str().unwrap().to_owned()
    };
    let code = begun.body["device_code"].as_str().unwrap();
    // Without its secret, the application would have to be a public client.
    assert_eq!(poll(code, "").await, "invalid_client");
    assert_eq!(poll(code, &site.ready.entra.client_secret).await, "authorization_pending");
    assert_eq!(poll("of somebody else", &site.ready.entra.client_secret).await, "bad_verification_code");
    let long_ago = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, [0; 24]);
    assert_eq!(poll(&long_ago, &site.ready.entra.client_secret).await, "expired_token");
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
        (&tenant, changed("scope", "https://vault.contoso.example/.default"), 400, "invalid_resource", 500_011),
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
    assert_eq!(site.post_token(&tenant, &assertion).await.body["error_codes"][0], 50_027);
}

#[tokio::test]
async fn metadata_leads_to_the_key_that_signed() {
    let site = Site::new().await;
    let authority = &site.ready.entra.authority_host;
    let tenant = site.ready.entra.tenant_id;
    let header = jsonwebtoken::decode_header(&site.token).unwrap();
    assert_eq!((header.alg, &header.x5t), (jsonwebtoken::Algorithm::RS256, &header.kid));
    for (path, issuer) in [
        (format!("/{tenant}/v2.0"), format!("{authority}/{tenant}/v2.0")),
        (format!("/{tenant}"), format!("https://sts.windows.net/{tenant}/")),
        ("/common/v2.0".to_owned(), format!("{authority}/{{tenantid}}/v2.0")),
        ("/organizations".to_owned(), "https://sts.windows.net/{tenantid}/".to_owned()),
    ] {
        let metadata = site.get_entra(&format!("{path}/.well-known/openid-configuration")).await;
        assert_eq!(metadata.body["issuer"], issuer, "{}", metadata.text);
        let keys = metadata.body["jwks_uri"].as_str().unwrap().strip_prefix(authority).unwrap();
        let keys = site.get_entra(keys).await;
        let key = &keys.body["keys"][0];
        assert_eq!(key["kid"].as_str(), header.kid.as_deref());
        assert_eq!((&key["kty"], &key["x5t"]), (&"RSA".into(), &key["kid"]));
        assert!(key["x5c"][0].is_string());
        // The token's own reader: real time, in an emulator whose clock stands a day ahead.
        site.pass(86_400);
        let key = serde_json::from_value(key.clone()).unwrap();
        let mut validation = jsonwebtoken::Validation::new(header.alg);
        validation.set_audience(&[FABRIC]);
        validation.validate_nbf = true;
        let token = site.ask_token(&format!("{FABRIC}/.default")).await.body["access_token"].clone();
        let key = jsonwebtoken::DecodingKey::from_jwk(&key).unwrap();
        jsonwebtoken::decode::<serde_json::Value>(token.as_str().unwrap(), &key, &validation).unwrap();
    }
    assert_eq!(site.get_entra("/contoso/discovery/v2.0/keys").await.body["error_codes"][0], 90_002);
}

#[tokio::test]
async fn instances_are_discovered_under_the_name_a_client_uses() {
    let site = Site::new().await;
    let own = site.ready.entra.authority_host.strip_prefix("https://").unwrap();
    let tenant = site.ready.entra.tenant_id;
    let ask = async |host: &str| {
        let query = format!("api-version=1.1&authorization_endpoint=https://{host}/{tenant}/oauth2/v2.0/authorize");
        site.get_entra(&format!("/common/discovery/instance?{query}")).await
    };
    for host in [own, "login.microsoftonline.com"] {
        let answer = ask(host).await;
        let expected = format!("https://{host}/{tenant}/v2.0/.well-known/openid-configuration");
        assert_eq!(answer.body["tenant_discovery_endpoint"], expected, "{}", answer.text);
        let known = answer.body["metadata"].as_array().unwrap().iter();
        assert!(known.flat_map(|entry| entry["aliases"].as_array().unwrap()).any(|alias| alias == host));
    }
    assert_eq!(ask("login.contoso.example").await.body["error"], "invalid_instance");
    // Through a proxy that ends TLS for the service's own name.
    let url = format!("{}/{tenant}/v2.0/.well-known/openid-configuration", site.ready.entra.authority_host);
    let http =
        reqwest::Client::builder().tls_danger_accept_invalid_certs(true).http1_only().no_proxy().build().unwrap();
    let request = http.get(url).header("host", "login.microsoftonline.com");
    let metadata = Answer::read(request.send().await.unwrap()).await;
    assert_eq!(metadata.body["issuer"], format!("https://login.microsoftonline.com/{tenant}/v2.0"));
}

#[tokio::test]
async fn fabric_takes_only_its_own_live_tokens() {
    let site = Site::new().await;
    let sql =
        site.ask_token("https://database.windows.net/.default").await.body["access_token"].as_str().unwrap().to_owned();
    site.call_as(&sql, Method::GET, "/workspaces", None).await.is(401, "InvalidToken");
    site.call_as("nonsense", Method::GET, "/workspaces", None).await.is(401, "InvalidToken");
    // Of an emulator with another key, for everything else as this one.
    let parts = &site.emulator.parts;
    let other = Tokens::new(SigningKey::default(), site.ready.entra.tenant_id, parts.clock.clone());
    let caller = parts.tokens.verifier().verify(&site.token, FABRIC).unwrap();
    let (foreign, _) = other.issue(FABRIC, caller.object_id, caller.app_id, Proof::Secret).unwrap();
    site.call_as(&foreign, Method::GET, "/workspaces", None).await.is(401, "InvalidToken");
    let url = format!("{}/v1/workspaces", site.ready.fabric.endpoint);
    Answer::read(site.http.get(url).send().await.unwrap()).await.is(401, "TokenIsMissing");
    assert_eq!(site.get("/workspaces").await.status, 200);
    site.pass(3_600);
    site.get("/workspaces").await.is(401, "TokenExpired");
}

#[tokio::test]
async fn an_assertion_signed_with_a_registered_certificate_is_taken() {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use jsonwebtoken::{Algorithm, Header};

    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["terraform".to_owned()]).unwrap().self_signed(&key).unwrap();
    let mut scenario = Scenario::default();
    scenario.directory.principals[0].certificates = vec![certificate.pem()];
    let site = Site::with(scenario).await;
    let tenant = site.ready.entra.tenant_id.to_string();
    let client = site.ready.entra.client_id.to_string();
    let endpoint = format!("{}/{tenant}/oauth2/v2.0/token", site.ready.entra.authority_host);
    let now = jiff::Timestamp::now().as_second();
    let sign = |header: &Header, changed: serde_json::Value| {
        let mut claims =
            serde_json::json!({ "aud": endpoint, "iss": client, "sub": client, "exp": now + 300, "nbf": now });
        claims.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        let key = jsonwebtoken::EncodingKey::from_rsa_pem(key.serialize_pem().as_bytes()).unwrap();
        jsonwebtoken::encode(header, &claims, &key).unwrap()
    };
    let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate.der());
    let named = |algorithm, name: &dyn Fn(&mut Header)| {
        let mut header = Header::new(algorithm);
        name(&mut header);
        header
    };
    let usual = named(Algorithm::RS256, &|header| header.x5t = Some(URL_SAFE_NO_PAD.encode(sha1)));
    // As the libraries of Go, of .NET, and the provider name it.
    for header in [
        usual.clone(),
        named(Algorithm::RS256, &|header| header.x5t = Some(STANDARD.encode(sha1))),
        named(Algorithm::PS256, &|header| {
            header.x5t_s256 = Some(URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate.der())));
        }),
    ] {
        let answer = ask_with(&site, &sign(&header, serde_json::json!({}))).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let token = answer.body["access_token"].as_str().unwrap();
        let caller = site.emulator.parts.tokens.verifier().verify(token, SQL).unwrap();
        assert_eq!(caller.app_id, site.ready.entra.client_id);
    }
    let other = named(Algorithm::RS256, &|header| header.x5t = Some(URL_SAFE_NO_PAD.encode([7; 20])));
    for (header, changed, number) in [
        (&usual, serde_json::json!({ "exp": now - 1 }), 700_024),
        (&usual, serde_json::json!({ "nbf": now + 3_600 }), 700_024),
        (&usual, serde_json::json!({ "aud": "https://login.example/token" }), 700_023),
        (&usual, serde_json::json!({ "sub": "somebody else" }), 700_027),
        (&other, serde_json::json!({}), 700_027),
        (&Header::new(Algorithm::RS256), serde_json::json!({}), 700_027),
        (&usual, serde_json::json!({ "iss": "https://login.example" }), 700_211),
    ] {
        assert_eq!(ask_with(&site, &sign(header, changed)).await.body["error_codes"][0], number);
    }
    assert_eq!(ask_with(&site, "no token").await.body["error_codes"][0], 50_027);
}

/// Asks for a token of the application with an assertion.
async fn ask_with(site: &Site, assertion: &str) -> Answer {
    let client = site.ready.entra.client_id.to_string();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client.as_str()),
        ("client_assertion", assertion),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("scope", "https://database.windows.net/.default"),
    ];
    site.post_token(&site.ready.entra.tenant_id.to_string(), &form).await
}

#[tokio::test]
async fn tokens_of_other_issuers_are_taken_where_the_application_trusts_them() {
    let entra = |site: &Site| site.ready.entra.clone();
    let site = Site::new().await;
    let ready = entra(&site);
    let ask = async |request: reqwest::RequestBuilder| Answer::read(request.send().await.unwrap()).await;
    let audience = "audience=api%3A%2F%2FAzureADTokenExchange";
    let github = format!("{}&{audience}", ready.github_request_url);
    let devops = format!(
        "{}?api-version=7.1&serviceConnectionId={}",
        ready.azure_devops_request_url, ready.azure_devops_service_connection_id
    );
    let of_github = ask(site.http.get(&github).bearer_auth(&ready.oidc_request_token)).await;
    let of_devops = ask(site.http.post(&devops).bearer_auth(&ready.oidc_request_token)).await;
    let tokens =
        [&of_github.body["value"], &of_devops.body["oidcToken"]].map(|token| token.as_str().unwrap().to_owned());
    for token in &tokens {
        assert_eq!(ask_with(&site, token).await.status, 200);
    }
    // What a job may not ask, and what an application does not trust.
    assert_eq!(ask(site.http.get(&github).bearer_auth("another")).await.status, 401);
    assert_eq!(ask(site.http.post(&devops)).await.status, 401);
    let nobodys = devops.replace("5c0", "5c1");
    assert_eq!(ask(site.http.post(&nobodys).bearer_auth(&ready.oidc_request_token)).await.status, 404);
    let unversioned = devops.replace("7.1", "1.0");
    assert_eq!(ask(site.http.post(&unversioned).bearer_auth(&ready.oidc_request_token)).await.status, 400);
    let usual = ask(site.http.get(&ready.github_request_url).bearer_auth(&ready.oidc_request_token)).await;
    assert_eq!(ask_with(&site, usual.body["value"].as_str().unwrap()).await.body["error_codes"][0], 700_212);

    let mut scenario = Scenario::default();
    let trusted = &mut scenario.directory.principals[0].federated_credentials;
    trusted.remove(1);
    trusted[0].subject = "repo:contoso/mirrors:ref:refs/heads/other".to_owned();
    let other = Site::with(scenario).await;
    assert_eq!(ask_with(&other, &tokens[0]).await.body["error_codes"][0], 700_213);
    assert_eq!(ask_with(&other, &tokens[1]).await.body["error_codes"][0], 700_211);
    // The same words, signed by somebody else.
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(key.serialize_pem().as_bytes()).unwrap();
    let claims: serde_json::Value = jsonwebtoken::dangerous::insecure_decode(&tokens[0]).unwrap().claims;
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    let forged = jsonwebtoken::encode(&header, &claims, &key).unwrap();
    assert_eq!(ask_with(&site, &forged).await.body["error_codes"][0], 50_013);
}
