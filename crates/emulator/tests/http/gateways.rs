//! Gateways and their roles, and connections whose credentials are encrypted for the members of a gateway.

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::{hmac, iv::FixedLength};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fabricmirror_emulator::scenario::{Scenario, shipped};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fake::{LOGIN, PASSWORD};
use crate::site::{Answer, Site, connection};

/// Encrypts as a client does: gateway.md §6, written anew.
fn encrypt(key: &Value, text: &str) -> String {
    let number = |name: &str| STANDARD.decode(key[name].as_str().unwrap()).unwrap();
    let (modulus, exponent) = (number("modulus"), number("exponent"));
    let element = |tag: u8, content: Vec<u8>| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let head = if content.len() < 128 { vec![tag, length[1]] } else { vec![tag, 0x82, length[0], length[1]] };
        [head, content].concat()
    };
    let unsigned = |number: &[u8]| element(2, [if number[0] > 127 { &[0][..] } else { &[] }, number].concat());
    let key = element(0x30, [unsigned(&modulus), unsigned(&exponent)].concat());
    let rsa = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0];
    let info = element(0x30, [rsa.to_vec(), element(3, [vec![0], key].concat())].concat());
    let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&info).unwrap()).unwrap();

    let (cipher_key, mac_key, iv) = ([7; 32], [9; 64], [5; 16]);
    let keys = [&[0, 1][..], &cipher_key, &mac_key].concat();
    let mut wrapped = vec![0; key.ciphertext_size()];
    let wrapped = key.encrypt(&OAEP_SHA256_MGF1SHA256, &keys, &mut wrapped, None).unwrap();
    let mut content = text.as_bytes().to_vec();
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, &cipher_key).unwrap()).unwrap();
    cipher.less_safe_encrypt(&mut content, EncryptionContext::Iv128(FixedLength::from(iv))).unwrap();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &mac_key), &[&[0, 0][..], &iv, &content].concat());
    STANDARD.encode(wrapped) + &STANDARD.encode([&[0, 0][..], tag.as_ref(), &iv, &content].concat())
}

pub fn basic(name: &str, password: &str) -> String {
    let data = json!([{ "name": "username", "value": name }, { "name": "password", "value": password }]);
    json!({ "credentialData": data }).to_string()
}

async fn on_premises() -> (Site, Uuid) {
    let scenario = Scenario::parse(shipped::text("on-premises-gateway").unwrap()).unwrap();
    let gateway = scenario.gateways[0].id;
    (Site::with(scenario).await, gateway)
}

/// One entry for each member, encrypted with its key.
pub async fn values(site: &Site, gateway: Uuid, text: &str) -> Value {
    let members = site.get(&format!("/gateways/{gateway}/members")).await;
    let members = members.body["value"].as_array().unwrap().clone();
    let entry = |member: &Value| json!({ "gatewayId": member["id"], "encryptedCredentials": encrypt(&member["publicKey"], text) });
    members.iter().map(entry).collect()
}

fn through(gateway: Uuid, values: Value) -> Value {
    let mut body = connection("on-premises");
    body["connectivityType"] = json!("OnPremisesGateway");
    body["gatewayId"] = json!(gateway);
    body["credentialDetails"] = json!({ "credentials": { "credentialType": "Basic", "values": values } });
    body
}

#[tokio::test]
async fn credentials_are_encrypted_for_every_member_and_log_in() {
    let (site, gateway) = on_premises().await;
    let good = values(&site, gateway, &basic(LOGIN, PASSWORD)).await;
    assert_eq!(good.as_array().unwrap().len(), 2);
    // The public endpoint is off: without a gateway there is no way.
    site.post("/connections", connection("cloud")).await.is(400, "CreateGatewayConnectionFailed");
    let created = site.post("/connections", through(gateway, good.clone())).await;
    assert_eq!(created.status, 201, "{}", created.text);
    assert_eq!(created.body["connectivityType"], "OnPremisesGateway");
    assert_eq!(created.body["gatewayId"], gateway.to_string());
    let path = format!("/connections/{}", created.id());
    assert_eq!(site.order(&format!("{path}/testConnection")).await.body["status"], "Online");
    // Rotation: only to a password that works.
    site.source.change(|state| state.password = "new".to_owned());
    let rotate = |values: Value| json!({ "connectivityType": "OnPremisesGateway", "credentialDetails": { "credentials": { "credentialType": "Basic", "values": values } } });
    site.patch(&path, rotate(good)).await.is(400, "IncorrectCredentials");
    let new = values(&site, gateway, &basic(LOGIN, "new")).await;
    assert_eq!(site.patch(&path, rotate(new)).await.status, 200);
    assert_eq!(site.order(&format!("{path}/testConnection")).await.body["status"], "Online");
    // No secret reaches the journal, encrypted or not.
    let journal = site.control(Method::GET, "/requests", None).await;
    assert!(journal.text.contains("encryptedCredentials") && !journal.text.contains(PASSWORD));
    assert!(journal.text.contains(r#"\"encryptedCredentials\":\"***\""#));
    // With the gateway gone the connection leads nowhere.
    assert_eq!(site.delete(&format!("/gateways/{gateway}")).await.status, 200);
    assert_eq!(site.order(&format!("{path}/testConnection")).await.body["status"], "Offline");
}

#[tokio::test]
async fn what_encrypted_credentials_cannot_be() {
    let (site, gateway) = on_premises().await;
    let text = basic(LOGIN, PASSWORD);
    let good = values(&site, gateway, &text).await;
    let mut swapped = good.clone();
    let (first, second) = (good[0]["encryptedCredentials"].clone(), good[1]["encryptedCredentials"].clone());
    swapped[0]["encryptedCredentials"] = second;
    swapped[1]["encryptedCredentials"] = first;
    let mut stranger = good.clone();
    stranger[1]["gatewayId"] = json!(Uuid::new_v4());
    let clear = json!({ "credentialType": "Basic", "username": LOGIN, "password": PASSWORD });
    let cases = [
        (json!({ "credentialType": "Basic", "values": [good[0]] }), "InvalidCredentialDetails"),
        (json!({ "credentialType": "Basic", "values": [good[0], good[0], good[1]] }), "InvalidCredentialDetails"),
        (json!({ "credentialType": "Basic", "values": swapped }), "InvalidCredentialDetails"),
        (json!({ "credentialType": "Basic", "values": stranger }), "InvalidCredentialDetails"),
        (json!({ "credentialType": "Basic", "values": good, "username": LOGIN }), "InvalidCredentialDetails"),
        (clear.clone(), "InvalidCredentialDetails"),
        (json!({ "credentialType": "Basic" }), "InvalidParameter"),
        (json!({ "credentialType": "Windows", "values": good }), "UnsupportedCredentialType"),
        (
            json!({ "credentialType": "Basic", "values": values(&site, gateway, &basic(LOGIN, "wrong")).await }),
            "IncorrectCredentials",
        ),
        (
            json!({ "credentialType": "Basic", "values": values(&site, gateway, "{}").await }),
            "InvalidCredentialDetails",
        ),
        (
            json!({ "credentialType": "Basic", "values": values(&site, gateway, r#"{"credentialData":[{"name":"key","value":"k"}]}"#).await }),
            "InvalidCredentialDetails",
        ),
    ];
    for (credentials, code) in cases {
        let mut body = through(gateway, json!([]));
        body["credentialDetails"]["credentials"] = credentials;
        let answer = site.post("/connections", body.clone()).await;
        assert_eq!((answer.status, answer.body["errorCode"].as_str()), (400, Some(code)), "{body:#} {}", answer.text);
    }
    // Of the other kinds of connections none is encrypted, and each kind has its gateways.
    let mut cloud = connection("cloud");
    cloud["credentialDetails"]["credentials"]["values"] = good.clone();
    site.post("/connections", cloud).await.is(400, "InvalidCredentialDetails");
    let mut body = through(gateway, good.clone());
    body["connectivityType"] = json!("VirtualNetworkGateway");
    site.post("/connections", body).await.is(400, "InvalidParameter");
    site.post("/connections", through(Uuid::new_v4(), good)).await.is(404, "EntityNotFound");
}

#[tokio::test]
async fn an_on_premises_gateway_and_its_members() {
    let (site, gateway) = on_premises().await;
    let path = format!("/gateways/{gateway}");
    let one = site.get(&path).await;
    assert_eq!((&one.body["type"], &one.body["numberOfMemberGateways"]), (&json!("OnPremises"), &json!(2)));
    let members = site.get(&format!("{path}/members")).await.body["value"].clone();
    // The gateway shows its primary member's key, and each member has its own.
    assert_eq!(one.body["publicKey"], members[0]["publicKey"]);
    assert_ne!(members[0]["publicKey"], members[1]["publicKey"]);
    let status = site.order(&format!("{path}/checkStatus")).await;
    assert_eq!((&status.body["status"], &status.body["gatewayUpgradeState"]), (&json!("Online"), &json!("UpToDate")));
    let second = format!("{path}/members/{}", members[1]["id"].as_str().unwrap());
    assert_eq!(site.order(&format!("{second}/checkStatus")).await.body["status"], "Online");
    site.order(&format!("{path}/members/{}/checkStatus", Uuid::new_v4())).await.is(404, "EntityNotFound");
    assert_eq!(site.patch(&second, json!({ "enabled": false })).await.body["enabled"], false);
    let change = json!({ "type": "OnPremises", "displayName": "new", "loadBalancingSetting": "DistributeEvenly" });
    let changed = site.patch(&path, change).await;
    assert_eq!(
        (&changed.body["displayName"], &changed.body["loadBalancingSetting"]),
        (&json!("new"), &json!("DistributeEvenly"))
    );
    site.patch(&path, json!({ "type": "OnPremises", "inactivityMinutesBeforeSleep": 30 }))
        .await
        .is(400, "InvalidParameter");
    site.patch(&path, json!({ "type": "VirtualNetwork" })).await.is(400, "InvalidParameter");
    site.delete(&format!("{path}/members/{gateway}")).await.is(400, "CannotDeletePrimaryGatewayIfClusterMemberExists");
    assert_eq!(site.delete(&second).await.status, 200);
    assert_eq!(site.get(&path).await.body["numberOfMemberGateways"], 1);
    site.control(Method::POST, "/reset", None).await;
    let again = site.get(&format!("{path}/members")).await.body["value"].clone();
    assert_eq!(again, members, "keys outlive a reset");
}

fn network_gateway(site: &Site) -> Value {
    json!({
        "type": "VirtualNetwork",
        "displayName": "vnet",
        "capacityId": site.ready.scenario.capacity_id,
        "virtualNetworkAzureResource": {
            "subscriptionId": Uuid::from_u128(1), "resourceGroupName": "g", "virtualNetworkName": "n", "subnetName": "s",
        },
        "inactivityMinutesBeforeSleep": 30,
        "numberOfMemberGateways": 2,
    })
}

#[tokio::test]
async fn a_network_gateway_from_post_to_delete() {
    let site = Site::new().await;
    let body = network_gateway(&site);
    let created = site.post("/gateways", body.clone()).await;
    assert_eq!((created.status, &created.body["numberOfMemberGateways"]), (201, &json!(2)), "{}", created.text);
    let path = format!("/gateways/{}", created.id());
    assert_eq!(created.headers["location"].to_str().unwrap(), format!("{}/v1{path}", site.ready.fabric.endpoint));
    assert_eq!(site.get(&path).await.body, created.body);
    site.post("/gateways", body.clone()).await.is(409, "DuplicateGatewayName");
    let changed = site
        .patch(&path, json!({ "type": "VirtualNetwork", "displayName": "new", "inactivityMinutesBeforeSleep": 60 }))
        .await;
    assert_eq!(
        (&changed.body["displayName"], &changed.body["inactivityMinutesBeforeSleep"]),
        (&json!("new"), &json!(60))
    );
    site.get(&format!("{path}/members")).await.is(400, "UnsupportedGatewayType");
    let with = |pointer: &str, value: Value| {
        let mut body = body.clone();
        body[pointer] = value;
        body
    };
    let cases = [
        (with("type", json!("OnPremises")), "InvalidParameter"),
        (with("type", Value::Null), "InvalidParameter"),
        (with("displayName", json!("x".repeat(201))), "InvalidParameter"),
        (with("inactivityMinutesBeforeSleep", json!(45)), "InvalidParameter"),
        (with("numberOfMemberGateways", json!(10)), "InvalidParameter"),
        (with("minMemberGatewayCount", json!(1)), "ConflictingMemberGatewayCountProperties"),
        (with("virtualNetworkAzureResource", Value::Null), "InvalidParameter"),
        (with("capacityId", Value::Null), "InvalidParameter"),
        (with("loadBalancingSetting", json!("Failover")), "InvalidParameter"),
        (with("virtualNetworkAzureResource", json!({ "subnetName": "s" })), "InvalidInput"),
    ];
    for (body, code) in cases {
        site.post("/gateways", body).await.is(400, code);
    }
    site.post("/gateways", with("capacityId", json!(Uuid::new_v4()))).await.is(404, "CapacityNotFound");
    let stranger = site.token_of(site.identity());
    site.call_as(&stranger, Method::POST, "/gateways", Some(body.clone()))
        .await
        .is(403, "InsufficientPermissionsOverCapacity");
    site.control(Method::POST, "/world", Some(json!({ "capacity_state": "Inactive" }))).await;
    site.post("/gateways", body).await.is(400, "InvalidCapacityState");
    assert_eq!(site.delete(&path).await.status, 200);
    site.get(&path).await.is(404, "EntityNotFound");
}

#[tokio::test]
async fn gateway_roles_are_guarded() {
    let site = Site::new().await;
    let gateway = format!("/gateways/{}", site.post("/gateways", network_gateway(&site)).await.id());
    let roles = format!("{gateway}/roleAssignments");
    let stranger = site.token_of(site.identity());
    site.call_as(&stranger, Method::GET, &gateway, None).await.is(404, "EntityNotFound");
    assert_eq!(site.call_as(&stranger, Method::GET, "/gateways", None).await.body["value"], json!([]));
    let add = |id: Uuid, role: &str| json!({ "principal": { "id": id, "type": "ServicePrincipal" }, "role": role });
    let added = site.post(&roles, add(site.identity(), "ConnectionCreator")).await;
    assert_eq!((added.status, &added.body["id"]), (201, &json!(site.identity())));
    let own = format!("{roles}/{}", site.identity());
    assert_eq!(added.headers["location"].to_str().unwrap(), format!("{}/v1{own}", site.ready.fabric.endpoint));
    site.post(&roles, add(site.identity(), "Admin")).await.is(400, "BadRequest");
    let unknown = site.post(&roles, add(Uuid::new_v4(), "Admin")).await;
    unknown.is(400, "UnknownError");
    let profile = json!({ "principal": { "id": site.identity(), "type": "ServicePrincipalProfile" }, "role": "Admin" });
    site.post(&roles, profile).await.is(400, "GatewayInvalidPrincipalType");

    // A creator of connections sees it and changes nothing.
    let call = async |method: Method, path: &str, body: Value| -> Answer {
        site.call_as(&stranger, method, path, Some(body).filter(|body| !body.is_null())).await
    };
    assert_eq!(call(Method::GET, &gateway, Value::Null).await.status, 200);
    assert_eq!(call(Method::GET, &roles, Value::Null).await.body["value"].as_array().unwrap().len(), 2);
    let managing = "InsufficientPermissionsToManageGateway";
    call(Method::DELETE, &gateway, Value::Null).await.is(403, managing);
    call(Method::PATCH, &gateway, json!({ "type": "VirtualNetwork" })).await.is(403, managing);
    let bob = Scenario::default().directory.principals[2].id;
    call(Method::POST, &roles, add(bob, "ConnectionCreator")).await.is(403, managing);
    let changed = site.patch(&own, json!({ "role": "ConnectionCreatorWithResharing" })).await;
    assert_eq!(changed.body["role"], "ConnectionCreatorWithResharing");
    call(Method::POST, &roles, add(bob, "Admin")).await.is(403, managing);
    assert_eq!(call(Method::POST, &roles, add(bob, "ConnectionCreator")).await.status, 201);
    call(Method::PATCH, &own, json!({ "role": "Admin" })).await.is(403, managing);
    // The last admin stays.
    let admin = format!("{roles}/{}", Scenario::default().application().unwrap().id);
    site.delete(&admin).await.is(400, "BadRequest");
    site.patch(&admin, json!({ "role": "ConnectionCreator" })).await.is(400, "BadRequest");
    assert_eq!(site.get(&own).await.body["principal"]["id"], site.identity().to_string());
    assert_eq!(site.delete(&own).await.status, 200);
    site.get(&own).await.is(404, "EntityNotFound");
}
