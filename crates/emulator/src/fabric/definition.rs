//! The definition of a mirrored database: the envelope of parts, and `mirroring.json` in it, read strictly.
//! fabric-api facts §2, §11.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::ApiError;
use crate::mirroring::conditions::TableName;
use crate::mirroring::tables::MOST_TABLES;

pub const MIRRORING_FILE: &str = "mirroring.json";
pub const PLATFORM_FILE: &str = ".platform";
const PLATFORM_SCHEMA: &str =
    "https://developer.microsoft.com/json-schemas/fabric/gitIntegration/platformProperties/2.0.0/schema.json";

/// Source types the service knows; the emulator has a source for one of them.
const SOURCE_TYPES: [&str; 13] = [
    "Snowflake",
    "AzureSqlDatabase",
    "AzureSqlMI",
    "AzurePostgreSql",
    "CosmosDb",
    "SqlServer2025",
    "MSSQL",
    "GenericMirror",
    "AzureMySql",
    "GoogleBigQuery",
    "Oracle",
    "SAP",
    "SharePointList",
];

/// A definition that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    pub connection: Uuid,
    /// Optional for this source: the connection carries the database.
    pub database: Option<String>,
    pub default_schema: Option<String>,
    /// `None` mirrors all tables, and new ones as they appear.
    pub tables: Option<Vec<TableName>>,
    /// `mirroring.json` as it is given back.
    text: String,
}

/// The definition in a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    pub format: Option<String>,
    pub parts: Option<Vec<Part>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Part {
    path: String,
    payload: String,
    payload_type: String,
}

/// What a request brings: the definition, and names for the item where they are given in `.platform`.
#[derive(Debug)]
pub struct Given {
    pub definition: Definition,
    pub platform: Option<PlatformMetadata>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MirroringFile {
    properties: Properties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Properties {
    source: Source,
    target: Target,
    mounted_tables: Option<Vec<MountedTable>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Source {
    #[serde(rename = "type")]
    kind: String,
    type_properties: serde_json::Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SourceProperties {
    connection: Uuid,
    database: Option<String>,
    /// What Microsoft's command line sends for this source (facts §2). No document names it here: nothing depends on it.
    #[serde(rename = "landingZone")]
    _landing_zone: Option<LandingZone>,
}

/// That of SAP, with a lakehouse, is another: it is not this source's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LandingZone {
    #[serde(rename = "type")]
    _kind: LandingZoneKind,
}

#[derive(Debug, Deserialize)]
enum LandingZoneKind {
    MountedRelationalDatabase,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Target {
    #[serde(rename = "type")]
    kind: String,
    type_properties: TargetProperties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TargetProperties {
    format: String,
    default_schema: Option<String>,
    retention_in_days: Option<i64>,
    #[serde(rename = "enableDeltaChangeDataFeed")]
    _enable_delta_change_data_feed: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MountedTable {
    source: MountedSource,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MountedSource {
    type_properties: MountedProperties,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MountedProperties {
    schema_name: String,
    table_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Platform {
    #[serde(rename = "$schema")]
    _schema: Option<String>,
    metadata: PlatformMetadata,
    #[serde(rename = "config")]
    _config: Option<PlatformConfig>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlatformMetadata {
    #[serde(rename = "type")]
    kind: String,
    pub display_name: String,
    pub description: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PlatformConfig {
    #[serde(rename = "version")]
    _version: String,
    #[serde(rename = "logicalId")]
    _logical_id: Uuid,
}

impl Envelope {
    /// # Errors
    /// 400 with the code for what is wrong.
    pub fn read(self) -> Result<Given, ApiError> {
        check_format(self.format.as_deref())?;
        let parts = self
            .parts
            .filter(|parts| !parts.is_empty())
            .ok_or_else(|| ApiError::bad_request("MissingDefinitionParts", "The definition has no parts"))?;
        let mut mirroring = None;
        let mut platform = None;
        for part in parts {
            let text = part.decode()?;
            let given_before = match part.path.as_str() {
                MIRRORING_FILE => mirroring.replace(text).is_some(),
                PLATFORM_FILE => platform.replace(text).is_some(),
                other => return Err(invalid(format!("The part '{other}' is not part of a mirrored database"))),
            };
            if given_before {
                return Err(invalid(format!("The part '{}' is given twice", part.path)));
            }
        }
        let mirroring = mirroring.ok_or_else(|| invalid(format!("The part '{MIRRORING_FILE}' is missing")))?;
        let platform = platform.map(|text| read_platform(&text)).transpose()?;
        Ok(Given { definition: Definition::read(&mirroring)?, platform })
    }
}

/// # Errors
/// 400 `InvalidDefinitionFormat`. That `Default` is accepted besides no format is UNCONFIRMED.
pub fn check_format(format: Option<&str>) -> Result<(), ApiError> {
    match format {
        None | Some("" | "Default") => Ok(()),
        Some(other) => {
            let text = format!("The definition format '{other}' is not supported for a mirrored database");
            Err(ApiError::bad_request("InvalidDefinitionFormat", text))
        }
    }
}

impl Part {
    fn decode(&self) -> Result<String, ApiError> {
        if self.payload_type != "InlineBase64" {
            let text = format!("The payload type '{}' is not supported", self.payload_type);
            return Err(ApiError::bad_request("UnsupportedPayloadType", text));
        }
        STANDARD
            .decode(&self.payload)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .map(|text| text.trim_start_matches('\u{feff}').to_owned())
            .ok_or_else(|| {
                let text = format!("The payload of '{}' is not base64 of a UTF-8 text", self.path);
                ApiError::bad_request("CorruptedPayload", text)
            })
    }

    fn encode(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), payload: STANDARD.encode(text), payload_type: "InlineBase64".to_owned() }
    }
}

fn invalid(text: impl Into<String>) -> ApiError {
    ApiError::bad_request("InvalidDefinitionParts", text)
}

fn read_platform(text: &str) -> Result<PlatformMetadata, ApiError> {
    let platform: Platform = serde_json::from_str(text)
        .map_err(|error| ApiError::bad_request("InvalidPlatformFile", format!("{PLATFORM_FILE}: {error}")))?;
    if platform.metadata.kind != "MirroredDatabase" {
        let text = format!("{PLATFORM_FILE} is of a {}, not of a MirroredDatabase", platform.metadata.kind);
        return Err(ApiError::bad_request("InvalidPlatformFile", text));
    }
    Ok(platform.metadata)
}

impl Definition {
    fn read(text: &str) -> Result<Self, ApiError> {
        let file: MirroringFile =
            serde_json::from_str(text).map_err(|error| invalid(format!("{MIRRORING_FILE}: {error}")))?;
        let Properties { source, target, mounted_tables } = file.properties;
        if source.kind != "AzureSqlMI" {
            return Err(invalid(if SOURCE_TYPES.contains(&source.kind.as_str()) {
                format!("The emulator has no source of the type '{}', only AzureSqlMI", source.kind)
            } else {
                format!("The source type '{}' is not known", source.kind)
            }));
        }
        let source: SourceProperties = serde_json::from_value(source.type_properties)
            .map_err(|error| invalid(format!("{MIRRORING_FILE}: source.typeProperties: {error}")))?;
        if target.kind != "MountedRelationalDatabase" {
            return Err(invalid(format!("The target type '{}' is not MountedRelationalDatabase", target.kind)));
        }
        let target = target.type_properties;
        if target.format != "Delta" {
            return Err(invalid(format!("The target format '{}' is not Delta", target.format)));
        }
        if let Some(days) = target.retention_in_days
            && !(1..=30).contains(&days)
        {
            return Err(invalid(format!("retentionInDays must be from 1 to 30 and is {days}")));
        }
        if target.default_schema.as_deref().is_some_and(|schema| schema.trim().is_empty()) {
            return Err(invalid("defaultSchema must not be empty"));
        }
        Ok(Self {
            connection: source.connection,
            database: source.database,
            default_schema: target.default_schema,
            tables: mounted_tables.map(read_tables).transpose()?,
            text: reformat(text),
        })
    }

    /// `mirroring.json` and `.platform`; the latter is always there, its logical id all zeros (§11).
    pub fn parts(&self, display_name: &str, description: &str) -> Vec<Part> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Metadata<'a> {
            #[serde(rename = "type")]
            kind: &'static str,
            display_name: &'a str,
            #[serde(skip_serializing_if = "str::is_empty")]
            description: &'a str,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Config {
            version: &'static str,
            logical_id: Uuid,
        }
        #[derive(Serialize)]
        struct File<'a> {
            #[serde(rename = "$schema")]
            schema: &'static str,
            metadata: Metadata<'a>,
            config: Config,
        }
        let file = File {
            schema: PLATFORM_SCHEMA,
            metadata: Metadata { kind: "MirroredDatabase", display_name, description },
            config: Config { version: "2.0", logical_id: Uuid::nil() },
        };
        let platform = serde_json::to_string(&file).unwrap_or_default();
        vec![Part::encode(MIRRORING_FILE, &self.text), Part::encode(PLATFORM_FILE, &reformat(&platform))]
    }

    /// Whether the other one reads from, or writes to, another place: allowed at rest only.
    pub fn moves(&self, other: &Self) -> bool {
        self.connection != other.connection
            || self.database != other.database
            || self.default_schema != other.default_schema
    }
}

fn read_tables(mounted: Vec<MountedTable>) -> Result<Vec<TableName>, ApiError> {
    // What an empty list means is UNCONFIRMED, so it is refused.
    if mounted.is_empty() {
        return Err(invalid("mountedTables must not be empty; leave it out to mirror all tables"));
    }
    if mounted.len() > MOST_TABLES {
        return Err(invalid(format!(
            "mountedTables has {} tables; at most {MOST_TABLES} can be mirrored",
            mounted.len()
        )));
    }
    let mut tables: Vec<TableName> = Vec::with_capacity(mounted.len());
    for MountedTable { source: MountedSource { type_properties: names } } in mounted {
        if names.schema_name.is_empty() || names.table_name.is_empty() {
            return Err(invalid("schemaName and tableName must not be empty"));
        }
        let table = TableName { schema: names.schema_name, name: names.table_name };
        if tables.contains(&table) {
            return Err(invalid(format!("The table [{}].[{}] is mounted twice", table.schema, table.name)));
        }
        tables.push(table);
    }
    Ok(tables)
}

/// Valid JSON laid out anew as the service does: CRLF, two spaces, the order of keys kept, empty objects as `{}`
/// (§11). Works on the text, because a parsed object would forget the order.
fn reformat(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let break_line = |out: &mut String, depth: usize| {
        out.push_str("\r\n");
        out.extend(std::iter::repeat_n("  ", depth));
    };
    let mut characters = text
        .chars()
        .filter({
            let (mut quoted, mut escaped) = (false, false);
            move |character| {
                let keep = quoted || !character.is_ascii_whitespace();
                match character {
                    '\\' if quoted && !escaped => escaped = true,
                    '"' if !escaped => quoted = !quoted,
                    _ => escaped = false,
                }
                keep
            }
        })
        .peekable();
    let (mut quoted, mut escaped) = (false, false);
    while let Some(character) = characters.next() {
        if quoted {
            out.push(character);
            match character {
                '\\' if !escaped => escaped = true,
                '"' if !escaped => quoted = false,
                _ => escaped = false,
            }
            continue;
        }
        match character {
            '"' => {
                quoted = true;
                out.push(character);
            }
            '{' | '[' => {
                out.push(character);
                if let Some(&close @ ('}' | ']')) = characters.peek() {
                    characters.next();
                    out.push(close);
                } else {
                    depth += 1;
                    break_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(character);
                break_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTION: &str = "6b1f0e4e-9d53-4f6c-8d4f-0a1b2c3d4e5f";

    fn file(source: &str, target: &str, rest: &str) -> String {
        format!(r#"{{"properties":{{"source":{source},"target":{target}{rest}}}}}"#)
    }

    fn good_source() -> String {
        format!(r#"{{"type":"AzureSqlMI","typeProperties":{{"connection":"{CONNECTION}"}}}}"#)
    }

    fn with_landing_zone(zone: &str) -> String {
        good_source().replace("}}", &format!(r#","landingZone":{zone}}}}}"#))
    }

    const GOOD_TARGET: &str = r#"{"type":"MountedRelationalDatabase","typeProperties":{"format":"Delta"}}"#;

    #[test]
    fn a_definition_is_read_and_given_back() {
        let tables = r#","mountedTables":[{"source":{"typeProperties":{"schemaName":"dbo","tableName":"A b"}}}]"#;
        let definition = Definition::read(&file(&good_source(), GOOD_TARGET, tables)).unwrap();
        assert_eq!(definition.connection.to_string(), CONNECTION);
        assert_eq!(definition.tables.as_ref().unwrap()[0].name, "A b");
        let text = definition.parts("Sales", "")[0].decode().unwrap();
        assert!(
            text.starts_with("{\r\n  \"properties\": {\r\n    \"source\": {\r\n      \"type\": \"AzureSqlMI\""),
            "{text}"
        );
        assert!(text.contains("\"A b\""));
    }

    #[test]
    fn laying_out_anew_keeps_strings_and_order() {
        assert_eq!(
            reformat(r#"{ "b" : { } , "a":[1,"x,\" {y"] }"#),
            "{\r\n  \"b\": {},\r\n  \"a\": [\r\n    1,\r\n    \"x,\\\" {y\"\r\n  ]\r\n}"
        );
    }

    #[test]
    fn what_no_source_describes_is_refused() {
        let mounted = |tables: &str| format!(r#","mountedTables":{tables}"#);
        let table = r#"{"source":{"typeProperties":{"schemaName":"dbo","tableName":"A"}}}"#;
        let target =
            |properties: &str| format!(r#"{{"type":"MountedRelationalDatabase","typeProperties":{properties}}}"#);
        let cases = [
            (file(&good_source().replace("AzureSqlMI", "AzureSqlMi"), GOOD_TARGET, ""), "not known"),
            (file(&good_source().replace("AzureSqlMI", "Snowflake"), GOOD_TARGET, ""), "only AzureSqlMI"),
            (file(r#"{"type":"AzureSqlMI","typeProperties":{}}"#, GOOD_TARGET, ""), "connection"),
            (file(&with_landing_zone(r#"{"type":"Lakehouse"}"#), GOOD_TARGET, ""), "unknown variant `Lakehouse`"),
            (
                file(
                    &with_landing_zone(r#"{"type":"MountedRelationalDatabase","typeProperties":{}}"#),
                    GOOD_TARGET,
                    "",
                ),
                "unknown field `typeProperties`",
            ),
            (file(&good_source(), &GOOD_TARGET.replace("Mounted", "Other"), ""), "target type"),
            (file(&good_source(), &target(r#"{"format":"Parquet"}"#), ""), "not Delta"),
            (file(&good_source(), &target(r#"{"format":"Delta","retentionInDays":0}"#), ""), "from 1 to 30"),
            (file(&good_source(), &target(r#"{"format":"Delta","retentionInDays":31}"#), ""), "from 1 to 30"),
            (file(&good_source(), &target(r#"{"format":"Delta","deafultSchema":"dbo"}"#), ""), "deafultSchema"),
            (file(&good_source(), GOOD_TARGET, &mounted("[]")), "must not be empty"),
            (file(&good_source(), GOOD_TARGET, &mounted(&format!("[{table},{table}]"))), "twice"),
            (r#"{"source":{}}"#.to_owned(), "properties"),
            ("{".to_owned(), "EOF"),
        ];
        for (text, reason) in cases {
            let error = Definition::read(&text).unwrap_err();
            assert_eq!(error.body.error_code, "InvalidDefinitionParts", "{text}");
            assert!(error.body.message.contains(reason), "{text}: {}", error.body.message);
        }
    }
}
