//! Microsoft's published description of the API (swagger 2.0), as far as answers are concerned: is the status
//! declared, is what is required there, do types, enumerations and formats fit, is nothing there that nobody declared.
//!
//! Found by `FABRIC_SPECS_DIR`, default `../shared/openapi` from the workspace's root. Where it is missing, "not run"
//! is printed and nothing is checked. What was observed on real tenants outranks it: see [`OBSERVED`].

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Map, Value};

/// Answers that real tenants give although the description says otherwise (fabric-api facts §11).
const OBSERVED: [&str; 3] = [
    // The detail of PrincipalNotFound has neither code nor message.
    "moreDetails",
    // Times of operations have no `Z`.
    "createdTimeUtc",
    "lastUpdatedTimeUtc",
];

struct Spec {
    root: PathBuf,
    files: HashMap<PathBuf, Value>,
}

fn spec() -> Option<&'static Spec> {
    static SPEC: OnceLock<Option<Spec>> = OnceLock::new();
    SPEC.get_or_init(Spec::load).as_ref()
}

/// Panics when the answer does not fit.
pub fn check(method: &str, path: &str, status: u16, body: &Value) {
    let Some(spec) = spec() else { return };
    let path = path.split('?').next().unwrap_or_default();
    let Some((file, operation)) = spec.operation(method, path) else {
        // Only errors may come from what is not described.
        assert!(status >= 400, "{method} {path} is not described and answered {status}");
        return;
    };
    let responses = &operation["responses"];
    let response = match responses.get(status.to_string()) {
        Some(response) => response,
        None => {
            assert!(status >= 400, "{method} {path} answered {status}, which is not declared");
            &responses["default"]
        }
    };
    let schema = &response["schema"];
    if schema.is_object() && schema["type"] != "file" {
        let mut faults = Vec::new();
        spec.validate(&file, schema, body, "$", &mut faults);
        assert!(faults.is_empty(), "{method} {path} {status}: {faults:?}\n{body:#}");
    } else if status < 400 {
        let is_file = schema["type"] == "file";
        assert!(is_file || body.is_null(), "{method} {path} {status} has a body nobody declared: {body}");
    }
}

impl Spec {
    fn load() -> Option<Self> {
        let default =
            || Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../../shared/openapi");
        let root = std::env::var_os("FABRIC_SPECS_DIR").map_or_else(default, PathBuf::from);
        let Ok(root) = root.canonicalize() else {
            let _ = writeln!(std::io::stderr(), "validation against the specification: not run, it is not at hand");
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

    fn operation(&self, method: &str, path: &str) -> Option<(PathBuf, &Value)> {
        let method = method.to_ascii_lowercase();
        ["mirroredDatabase/swagger.json", "platform/swagger.json"].into_iter().find_map(|name| {
            let file = self.root.join(name);
            let paths = self.files.get(&file)?["paths"].as_object()?;
            // A literal segment wins over a parameter: supportedConnectionTypes is no connection's id.
            let (_, operations) = paths
                .iter()
                .filter(|(template, _)| fits(template, path))
                .min_by_key(|(template, _)| template.matches('{').count())?;
            Some((file, operations.get(&method)?))
        })
    }

    fn validate(&self, file: &Path, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        if let Some(reference) = schema["$ref"].as_str() {
            let (file, schema) = self.resolve(file, reference);
            return self.validate(&file, schema, value, at, faults);
        }
        if let Some(known) = schema["enum"].as_array()
            && !known.contains(value)
        {
            faults.push(format!("{at}: {value} is none of {known:?}"));
        }
        match schema["type"].as_str() {
            Some("string") => self.validate_text(schema, value, at, faults),
            Some("integer") if !value.is_i64() && !value.is_u64() => {
                faults.push(format!("{at}: {value} is no integer"))
            }
            Some("boolean") if !value.is_boolean() => faults.push(format!("{at}: {value} is no boolean")),
            Some("array") => match value.as_array() {
                Some(elements) => {
                    for (index, element) in elements.iter().enumerate() {
                        self.validate(file, &schema["items"], element, &format!("{at}[{index}]"), faults);
                    }
                }
                None => faults.push(format!("{at}: {value} is no array")),
            },
            Some("object") => match value.as_object() {
                Some(members) => self.validate_object(file, schema, members, at, faults),
                None => faults.push(format!("{at}: {value} is no object")),
            },
            _ if schema["properties"].is_object() || schema["allOf"].is_array() => match value.as_object() {
                Some(members) => self.validate_object(file, schema, members, at, faults),
                None => faults.push(format!("{at}: {value} is no object")),
            },
            _ => {}
        }
    }

    fn validate_text(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let Some(text) = value.as_str() else { return faults.push(format!("{at}: {value} is no text")) };
        let fits = match schema["format"].as_str() {
            Some("uuid") => uuid::Uuid::try_parse(text).is_ok(),
            Some("date-time") => text.parse::<jiff::Timestamp>().is_ok(),
            _ => true,
        };
        if !fits {
            faults.push(format!("{at}: '{text}' is no {}", schema["format"]));
        }
    }

    fn validate_object(
        &self,
        file: &Path,
        schema: &Value,
        members: &Map<String, Value>,
        at: &str,
        faults: &mut Vec<String>,
    ) {
        let mut declared = HashMap::new();
        let mut required = Vec::new();
        let mut open = false;
        self.collect(file, schema, &mut declared, &mut required, &mut open);
        // The kind of a polymorphic object is told by its discriminator.
        if open && let Some((file, kind)) = self.kind(file, schema, members) {
            self.collect(&file, kind, &mut declared, &mut required, &mut open);
        }
        for name in required {
            if members.get(&name).is_none_or(Value::is_null) {
                faults.push(format!("{at}.{name} is required"));
            }
        }
        for (name, value) in members {
            if OBSERVED.contains(&name.as_str()) {
                continue;
            }
            match declared.get(name) {
                Some(_) if value.is_null() => {}
                Some((file, schema)) => self.validate(file, schema, value, &format!("{at}.{name}"), faults),
                None => faults.push(format!("{at}.{name} is not declared")),
            }
        }
    }

    /// Properties and required names of a schema and of everything it builds on.
    fn collect<'s>(
        &'s self,
        file: &Path,
        schema: &'s Value,
        declared: &mut HashMap<String, (PathBuf, &'s Value)>,
        required: &mut Vec<String>,
        open: &mut bool,
    ) {
        if let Some(reference) = schema["$ref"].as_str() {
            let (file, schema) = self.resolve(file, reference);
            return self.collect(&file, schema, declared, required, open);
        }
        for base in schema["allOf"].as_array().into_iter().flatten() {
            self.collect(file, base, declared, required, open);
        }
        *open |= schema["discriminator"].is_string();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            declared.insert(name.clone(), (file.to_owned(), property));
        }
        required
            .extend(schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    }

    fn kind(&self, file: &Path, schema: &Value, members: &Map<String, Value>) -> Option<(PathBuf, &Value)> {
        let discriminator = schema["discriminator"].as_str()?;
        let wanted = members.get(discriminator)?.as_str()?;
        let definitions = self.files.get(file)?["definitions"].as_object()?;
        // Requests and answers have kinds of the same names: only those that build on this schema count.
        let (base, _) = definitions.iter().find(|(_, definition)| std::ptr::eq(*definition, schema))?;
        let base = format!("#/definitions/{base}");
        let builds_on =
            |kind: &&Value| kind["allOf"].as_array().is_some_and(|bases| bases.iter().any(|of| of["$ref"] == base));
        let kind = definitions.values().filter(builds_on).find(|kind| kind["x-ms-discriminator-value"] == wanted)?;
        Some((file.to_owned(), kind))
    }

    fn resolve(&self, file: &Path, reference: &str) -> (PathBuf, &Value) {
        let (target, pointer) = reference.split_once('#').unwrap();
        let target = if target.is_empty() {
            file.to_owned()
        } else {
            // Parts of the description that mirroring does not touch are not at hand: nothing is demanded there.
            let Ok(target) = file.parent().unwrap().join(target).canonicalize() else {
                return (file.to_owned(), &Value::Null);
            };
            target
        };
        let found = self.files.get(&target).and_then(|file| file.pointer(pointer));
        (target, found.unwrap_or_else(|| panic!("{reference} leads nowhere")))
    }
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

#[test]
fn the_validator_can_say_no() {
    let Some(spec) = spec() else { return };
    let (file, operation) = spec.operation("POST", "/workspaces/x/mirroredDatabases/y/getMirroringStatus").unwrap();
    let schema = &operation["responses"]["200"]["schema"];
    let mut faults = Vec::new();
    spec.validate(&file, schema, &serde_json::json!({ "status": "Failed", "extra": 1 }), "$", &mut faults);
    assert_eq!(faults.len(), 2, "{faults:?}");
    faults.clear();
    spec.validate(&file, schema, &serde_json::json!({}), "$", &mut faults);
    assert_eq!(faults, ["$.status is required"]);
}
