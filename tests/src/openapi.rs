//! Answers of the emulator against Microsoft's published description of the Fabric REST API (swagger 2.0): is the route
//! described and the status declared, are the declared headers there, is what is required in the body there, do types,
//! enumerations and formats fit, is nothing there that nobody declared.
//!
//! What does not fit comes back as data ([`Deviation`]). The deviations that are meant are listed, with their reasons,
//! in [`deviations::KNOWN`]: what was observed on real tenants outranks the description (fabric-api facts §11).
//!
//! The description is found by `FABRIC_SPECS_DIR`, or as `shared/openapi` beside the workspace. Where it is missing,
//! "not run" is printed and [`spec`] is `None`.

pub mod deviations;
mod journal;
mod schema;

use std::collections::HashMap;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

/// Headers that the description declares for some answer; others are not looked at.
const HEADERS: [&str; 4] = ["Location", "Retry-After", "x-ms-operation-id", "ETag"];
/// Repeats the code of every error (fabric-api facts §11).
const ERROR_CODE: &str = "x-ms-public-api-error-code";
const FILES: [&str; 2] = ["mirroredDatabase/swagger.json", "platform/swagger.json"];

/// The description.
#[derive(Debug)]
pub struct Spec {
    root: PathBuf,
    files: HashMap<PathBuf, Value>,
}

/// One answer of the service.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    pub method: &'a str,
    /// With or without `/v1`, with or without query.
    pub path: &'a str,
    pub status: u16,
    /// `None` where they are not known: then they are not looked at.
    pub headers: Option<&'a [(String, String)]>,
    /// Null where there is none.
    pub body: &'a Value,
}

/// What the description does not say of an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deviation {
    /// Method and path as the description spells it, e.g. `GET /workspaces/{workspaceId}`.
    pub route: String,
    pub status: u16,
    /// A field (`$.value[].id`), a header, or empty.
    pub at: String,
    pub what: What,
    /// For people: what was there.
    pub found: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// The route is not described, and not answered with `EndpointNotFound`.
    Route,
    /// The status is not declared.
    Status,
    /// A declared header is missing.
    HeaderMissing,
    /// A header that other answers declare.
    HeaderUndeclared,
    /// A body where none is declared.
    Body,
    /// An error whose code is in its header alone.
    NoBody,
    /// A required field is missing.
    FieldMissing,
    /// A field nobody declared.
    FieldUndeclared,
    /// A declared field that is null.
    Null,
    /// A type, an enumeration, a format.
    Value,
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?} {} {}", self.route, self.status, self.what, self.at, self.found)
    }
}

/// The description, if it is at hand.
pub fn spec() -> Option<&'static Spec> {
    static SPEC: OnceLock<Option<Spec>> = OnceLock::new();
    SPEC.get_or_init(Spec::load).as_ref()
}

impl Spec {
    fn load() -> Option<Self> {
        let Some(root) = folder() else {
            let _ = writeln!(std::io::stderr(), "validation against the published description: not run, not at hand");
            return None;
        };
        let mut spec = Self { root, files: HashMap::new() };
        for folder in ["common", "mirroredDatabase", "platform", "platform/definitions"] {
            for entry in std::fs::read_dir(spec.root.join(folder)).ok()?.flatten() {
                if entry.path().extension().is_some_and(|extension| extension == "json") {
                    let text = std::fs::read_to_string(entry.path()).ok()?;
                    spec.files.insert(entry.path(), serde_json::from_str(&text).ok()?);
                }
            }
        }
        Some(spec)
    }

    /// Everything the description does not say of this answer, each once.
    pub fn deviations(&self, answer: Answer<'_>) -> Vec<Deviation> {
        let path = answer.path.split('?').next().unwrap_or_default();
        let path = path.strip_prefix("/v1").unwrap_or(path);
        let Some((file, template, operation)) = self.operation(answer.method, path) else {
            let refused = answer.status == 401 || answer.body["errorCode"] == "EndpointNotFound";
            let path = deviations::undescribed_path(answer.method, path).unwrap_or(path);
            let route = format!("{} {path}", answer.method);
            let found =
                Deviation { route, status: answer.status, at: String::new(), what: What::Route, found: String::new() };
            return if refused { Vec::new() } else { vec![found] };
        };
        let mut found = Vec::new();
        let mut report = |what: What, at: &str, text: String| {
            let route = format!("{} {template}", answer.method);
            let deviation = Deviation { route, status: answer.status, at: at.to_owned(), what, found: text };
            if !found.contains(&deviation) {
                found.push(deviation);
            }
        };
        let responses = &operation["responses"];
        let response = responses.get(answer.status.to_string());
        if response.is_none() && answer.status < 400 {
            report(What::Status, "", String::new());
            return found;
        }
        let response = response.unwrap_or(&responses["default"]);
        if let Some(headers) = answer.headers {
            check_headers(response, headers, &mut report);
        }
        let schema = &response["schema"];
        // An error without a body is told apart by its code, which then stands in a header alone.
        let coded = answer.headers.and_then(|headers| headers.iter().find(|(name, _)| name == ERROR_CODE));
        if answer.status >= 400
            && answer.body.is_null()
            && let Some((_, code)) = coded
        {
            report(What::NoBody, code, String::new());
        } else if schema.is_object() && schema["type"] != "file" {
            self.validate(&file, schema, answer.body, "$", &mut report);
        } else if answer.status < 400 && schema["type"] != "file" && !answer.body.is_null() {
            report(What::Body, "$", answer.body.to_string());
        }
        found
    }

    /// The described path that this one is, if the method is described there.
    pub fn describes(&self, method: &str, path: &str) -> Option<&str> {
        self.operation(method, path).map(|(_, template, _)| template)
    }

    /// Method and path of every described operation.
    pub fn routes(&self) -> Vec<(String, String)> {
        let paths =
            FILES.iter().filter_map(|name| self.files.get(&self.root.join(name))?["paths"].as_object()).flatten();
        let methods = paths.flat_map(|(path, operations)| {
            let path = path.split('?').next().unwrap_or_default().to_owned();
            operations
                .as_object()
                .into_iter()
                .flatten()
                .map(move |(method, _)| (method.to_ascii_uppercase(), path.clone()))
        });
        methods.collect()
    }

    fn operation(&self, method: &str, path: &str) -> Option<(PathBuf, &str, &Value)> {
        let method = method.to_ascii_lowercase();
        FILES.into_iter().find_map(|name| {
            let file = self.root.join(name);
            let paths = self.files.get(&file)?["paths"].as_object()?;
            // A literal segment wins over a parameter: supportedConnectionTypes is no connection's id.
            let (template, operations) = paths
                .iter()
                .filter(|(template, operations)| fits(template, path) && operations[&method].is_object())
                .min_by_key(|(template, _)| template.matches('{').count())?;
            Some((file, template.split('?').next().unwrap_or_default(), operations.get(&method)?))
        })
    }
}

fn check_headers(response: &Value, headers: &[(String, String)], report: &mut dyn FnMut(What, &str, String)) {
    let declared = |name: &str| {
        let declared = response["headers"].as_object()?;
        declared.iter().find(|(declared, _)| declared.eq_ignore_ascii_case(name)).map(|(_, schema)| schema)
    };
    for name in HEADERS {
        let value = headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        match (declared(name), value) {
            (Some(_), None) => report(What::HeaderMissing, name, String::new()),
            (None, Some(value)) => report(What::HeaderUndeclared, name, value.clone()),
            (Some(schema), Some(value)) if schema["type"] == "integer" && value.parse::<u64>().is_err() => {
                report(What::Value, name, format!("'{value}' is no number"));
            }
            (Some(schema), Some(value)) if schema["format"] == "uuid" && uuid::Uuid::try_parse(value).is_err() => {
                report(What::Value, name, format!("'{value}' is no uuid"));
            }
            _ => {}
        }
    }
}

/// Where the description lies: looked for from the tested package upwards, so that every clone finds its own.
fn folder() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("FABRIC_SPECS_DIR") {
        return Path::new(&given).canonicalize().ok();
    }
    let from = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| std::env::current_dir().unwrap_or_default(), PathBuf::from);
    let from = from.canonicalize().ok()?;
    // Real paths: references between the files are followed by them.
    from.ancestors().find_map(|folder| folder.join("shared/openapi").canonicalize().ok())
}

fn fits(template: &str, path: &str) -> bool {
    let template = template.split('?').next().unwrap_or_default();
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(path)
            .all(|(wanted, given)| wanted.starts_with('{') || wanted.eq_ignore_ascii_case(given))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn whats(method: &str, path: &str, status: u16, headers: &[(&str, &str)], body: &Value) -> Vec<(What, String)> {
        let Some(spec) = spec() else { return Vec::new() };
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answer = Answer { method, path, status, headers: Some(&headers), body };
        spec.deviations(answer).into_iter().map(|deviation| (deviation.what, deviation.at)).collect()
    }

    #[test]
    fn the_validator_can_say_no() {
        if spec().is_none() {
            return;
        }
        let status = "/v1/workspaces/x/mirroredDatabases/y/getMirroringStatus?a=b";
        let of = |text: &str| text.to_owned();
        assert_eq!(whats("POST", status, 200, &[], &json!({ "status": "Running" })), []);
        assert_eq!(whats("POST", status, 200, &[], &json!({})), [(What::FieldMissing, of("$.status"))]);
        assert_eq!(
            whats("POST", status, 200, &[], &json!({ "status": "Failed", "extra": 1, "error": null })),
            [(What::Null, of("$.error")), (What::FieldUndeclared, of("$.extra")), (What::Value, of("$.status"))]
        );
        assert_eq!(whats("POST", status, 202, &[], &Value::Null), [(What::Status, String::new())]);
        assert_eq!(whats("GET", status, 200, &[], &json!({})), [(What::Route, String::new())]);
        assert_eq!(whats("GET", status, 404, &[], &json!({ "errorCode": "EndpointNotFound" })), []);
        let definition = "/workspaces/x/mirroredDatabases/y/getDefinition";
        let headers = [("location", "u"), ("x-ms-operation-id", "no"), ("ETag", "e")];
        assert_eq!(
            whats("POST", definition, 202, &headers, &Value::Null),
            [
                (What::HeaderMissing, of("Retry-After")),
                (What::Value, of("x-ms-operation-id")),
                (What::HeaderUndeclared, of("ETag"))
            ]
        );
        let stop = "/workspaces/x/mirroredDatabases/y/stopMirroring";
        assert_eq!(whats("POST", stop, 200, &[], &json!({})), [(What::Body, of("$"))]);
    }
}
