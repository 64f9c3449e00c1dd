//! Secrets never reach the journal: values of telling names become `***`, and so do tokens under any name.

use serde_json::Value;

const MASKED: &str = "***";

/// Names whose values are secrets, in requests of Fabric and Entra and in token answers (compared without case).
const SECRETS: [&str; 15] = [
    "password",
    "serviceprincipalsecret",
    "key",
    "token",
    "client_secret",
    "client_assertion",
    "assertion",
    "access_token",
    "refresh_token",
    "id_token",
    "oidctoken",
    "privatekey",
    "passphrase",
    "encryptedcredentials",
    "secret",
];

/// A body as the journal keeps it; `None` when there is none. What cannot be read is described, never copied.
pub fn body(content_type: &str, bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() {
        return None;
    }
    if content_type.starts_with("application/x-www-form-urlencoded") {
        return Some(form(&String::from_utf8_lossy(bytes)));
    }
    Some(match serde_json::from_slice::<Value>(bytes) {
        Ok(mut value) => {
            json(&mut value);
            value.to_string()
        }
        Err(_) => format!("({} bytes that are not JSON)", bytes.len()),
    })
}

fn json(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if is_secret(name) && (member.is_string() || member.is_number()) {
                    *member = Value::from(MASKED);
                } else {
                    json(member);
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(json),
        Value::String(text) if is_token(text) => *text = MASKED.to_owned(),
        _ => {}
    }
}

/// A signed token: a header in base64, which begins like any object, and two more parts.
fn is_token(text: &str) -> bool {
    text.starts_with("eyJ") && text.split('.').count() == 3
}

fn form(text: &str) -> String {
    let pairs: Vec<String> = text
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if is_secret(name) => format!("{name}={MASKED}"),
            Some(_) => pair.to_owned(),
            None => MASKED.to_owned(),
        })
        .collect();
    pairs.join("&")
}

fn is_secret(name: &str) -> bool {
    SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_lie() {
        let json = br#"{"credentialDetails":{"credentials":{"username":"u","password":"p1","passwordReference":{"secretName":"n"}}}}"#;
        let masked = body("application/json", json).unwrap();
        assert!(
            masked.contains(r#""password":"***""#) && masked.contains(r#""secretName":"n""#) && !masked.contains("p1")
        );
        let masked = body("application/x-www-form-urlencoded", b"client_id=a&client_secret=s3&scope=x").unwrap();
        assert_eq!(masked, "client_id=a&client_secret=***&scope=x");
        let masked = body("application/json", br#"{"access_token":"eyJ","expires_in":1}"#).unwrap();
        assert_eq!(masked, r#"{"access_token":"***","expires_in":1}"#);
        let masked =
            body("application/json", br#"{"value":"eyJhbGciOiJ.eyJpc3MiOiJ.c2ln","count":["eyJ","a.b.c"]}"#).unwrap();
        assert_eq!(masked, r#"{"count":["eyJ","a.b.c"],"value":"***"}"#);
    }

    #[test]
    fn what_cannot_be_read_is_not_copied() {
        assert_eq!(body("application/json", b"{\"password\":\"p").unwrap(), "(14 bytes that are not JSON)");
        assert_eq!(body("application/x-www-form-urlencoded", b"loose").unwrap(), "***");
        assert_eq!(body("", b""), None);
    }
}
