//! Import ids: parts joined by `/`, each percent-encoded, so that a name may hold anything.

use std::fmt;
use std::str::FromStr;

use fabric_api::{ItemId, NoId, WorkspaceId};
use mssql_admin::{Identifier, ServerName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tfplugin::{Diagnostic, Text, Value, sentence};

use crate::clients::Clients;
use crate::error::Error;

/// What needs no encoding to be read back, and is found in names and servers.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b',')
    .remove(b'@')
    .remove(b'#')
    .remove(b' ');

pub const LOGIN: [&str; 1] = ["name"];
pub const DATABASE_USER: [&str; 2] = ["database", "name"];
pub const DATABASE_ROLE: [&str; 2] = ["database", "name"];
pub const DATABASE_GRANTS: [&str; 2] = ["database", "principal"];
pub const CONNECTION: [&str; 1] = ["id"];
pub const CONNECTION_ROLE_ASSIGNMENT: [&str; 2] = ["connection", "assignment"];
pub const WORKSPACE_ROLE_ASSIGNMENT: [&str; 2] = ["workspace", "assignment"];
pub const ITEM: [&str; 2] = ["workspace", "item"];

/// The form of every type's id.
pub const FORMS: [Form; 9] = [
    Form::on_server("login", &LOGIN),
    Form::on_server("database_user", &DATABASE_USER),
    Form::on_server("database_role", &DATABASE_ROLE),
    Form::on_server("database_grants", &DATABASE_GRANTS),
    Form::in_fabric("connection", &CONNECTION),
    Form::in_fabric("connection_role_assignment", &CONNECTION_ROLE_ASSIGNMENT),
    Form::in_fabric("workspace_role_assignment", &WORKSPACE_ROLE_ASSIGNMENT),
    Form::in_fabric("mirrored_database", &ITEM),
    Form::in_fabric("replication", &ITEM),
];

/// What a type's id consists of.
#[derive(Debug)]
pub struct Form {
    /// Without the provider's prefix.
    pub type_name: &'static str,
    parts: &'static [&'static str],
    /// The parts are names on a server, which may come first; else they are ids of Fabric.
    is_on_server: bool,
}

impl Form {
    const fn on_server(type_name: &'static str, parts: &'static [&'static str]) -> Self {
        Self { type_name, parts, is_on_server: true }
    }

    const fn in_fabric(type_name: &'static str, parts: &'static [&'static str]) -> Self {
        Self { type_name, parts, is_on_server: false }
    }

    /// The id of these parts, as the import reads it.
    ///
    /// # Errors
    /// A diagnostic for another number of parts; or that of a part which the import would refuse, with its position.
    pub fn id(&self, parts: &[&str]) -> Result<String, (Option<usize>, Diagnostic)> {
        let (server, named) = match parts {
            [server, named @ ..] if self.is_on_server && named.len() == self.parts.len() => (Some(*server), named),
            named if named.len() == self.parts.len() => (None, named),
            _ => {
                let detail = format!("Expected `{self}`, found {} parts.", parts.len());
                return Err((None, Diagnostic::error("The import id has another form", detail)));
            }
        };
        let at = |place: usize| move |diagnostic: Diagnostic| (Some(place), diagnostic);
        let server = server.map(server_name).transpose().map_err(at(0))?;
        for (place, part) in named.iter().enumerate() {
            let checked = if self.is_on_server { name(part).map(drop) } else { parse::<ItemId>(part).map(drop) };
            checked.map_err(at(place + parts.len() - named.len()))?;
        }
        Ok(join(
            &server
                .map(|server| server.canonical())
                .as_deref()
                .into_iter()
                .chain(named.iter().copied())
                .collect::<Vec<_>>(),
        ))
    }
}

/// `[server/]database/name`
impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_on_server {
            f.write_str("[server/]")?;
        }
        f.write_str(&self.parts.join("/"))
    }
}

/// The id of these parts.
pub fn join(parts: &[&str]) -> String {
    parts.iter().map(|part| utf8_percent_encode(part, ENCODED).to_string()).collect::<Vec<_>>().join("/")
}

/// An id's parts: as many as `form` names, or one more where a server may come first.
///
/// # Errors
/// A diagnostic that shows the expected form.
pub fn split<const N: usize>(id: &str, form: [&str; N]) -> Result<[String; N], Diagnostic> {
    let parts = decode(id)?;
    <[String; N]>::try_from(parts).map_err(|parts| wrong_form(id, &form.join("/"), parts.len()))
}

/// The same for a type whose id may begin with its server.
pub fn split_with_server<const N: usize>(
    id: &str,
    form: [&str; N],
) -> Result<(Option<String>, [String; N]), Diagnostic> {
    let mut parts = decode(id)?;
    let server = if parts.len() == N + 1 { Some(parts.remove(0)) } else { None };
    match <[String; N]>::try_from(parts) {
        Ok(parts) => Ok((server, parts)),
        Err(parts) => Err(wrong_form(id, &format!("[server/]{}", form.join("/")), parts.len())),
    }
}

/// The id of an item: `workspace/item`.
///
/// # Errors
/// Another form, or parts that are no ids.
pub fn workspace_and_item(id: &str) -> Result<(WorkspaceId, ItemId), Diagnostic> {
    let [workspace, item] = split(id, ITEM)?;
    Ok((parse(&workspace)?, parse(&item)?))
}

/// A part that is an id of the service.
///
/// # Errors
/// It is none.
pub fn parse<T: FromStr<Err = NoId>>(part: &str) -> Result<T, Diagnostic> {
    part.parse().map_err(|error: NoId| Diagnostic::error("The import id is wrong", format!("{error}.")))
}

fn decode(id: &str) -> Result<Vec<String>, Diagnostic> {
    id.split('/')
        .map(|part| match percent_decode_str(part).decode_utf8() {
            Ok(text) if !text.is_empty() => Ok(text.into_owned()),
            _ => Err(Diagnostic::error(
                "The import id cannot be read",
                format!("A part of `{id}` is empty or is no percent-encoded UTF-8."),
            )),
        })
        .collect()
}

fn wrong_form(id: &str, form: &str, found: usize) -> Diagnostic {
    Diagnostic::error(
        "The import id has another form",
        format!("Expected `{form}`, found `{id}` with {found} parts. A `/` inside a part is written `%2F`."),
    )
}

/// The server of an imported object: the one of the id, else the default.
///
/// # Errors
/// Neither is there, or the id's is no server.
pub fn server(clients: &Clients, server: Option<&str>) -> Result<Value<Text<ServerName>>, Error> {
    let server = match server {
        Some(text) => Value::from(server_name(text)?),
        None => Value::Null,
    };
    // Also checks that there is one.
    let named = clients.sql(&server)?;
    Ok(if server.is_null() { named.canonical() } else { server })
}

fn server_name(part: &str) -> Result<ServerName, Diagnostic> {
    part.parse().map_err(|error| Diagnostic::error("The import id is wrong", sentence(&format!("{error}"))))
}

/// A part that is a name on the server.
///
/// # Errors
/// It cannot be one.
pub fn name(part: &str) -> Result<Identifier, Diagnostic> {
    part.parse().map_err(|error| Diagnostic::error("The import id is wrong", format!("`{part}`: {error}.")))
}

/// The id of an object on a server.
pub fn of_server(server: &Value<Text<ServerName>>, parts: &[&str]) -> String {
    let server = server.known().map(|server| server.canonical());
    join(&server.as_deref().into_iter().chain(parts.iter().copied()).collect::<Vec<_>>())
}

/// The block that brings an existing object under Terraform's care.
pub fn block(type_name: &str, id: &str) -> String {
    format!(
        "import {{\n  to = fabricmirror_{type_name}.NAME\n  id = \"{}\"\n}}",
        id.replace('\\', "\\\\").replace('"', "\\\"")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_comes_back() {
        for name in ["Sales", "a/b", "100%", "db.with.dot", "o'brien", "名前", "]; DROP", "bob@contoso.com", "##MS_x##"]
        {
            assert_eq!(split(&join(&[name, "user"]), ["database", "name"]).unwrap(), [name, "user"]);
        }
        assert_eq!(join(&["Sales", "fabric_user"]), "Sales/fabric_user");
    }

    #[test]
    fn a_server_may_come_first() {
        let id = join(&["mi.public.abc.database.windows.net,3342", "Sales", "u"]);
        let (server, parts) = split_with_server(&id, ["database", "name"]).unwrap();
        assert_eq!(server.as_deref(), Some("mi.public.abc.database.windows.net,3342"));
        assert_eq!(parts, ["Sales", "u"]);
        assert_eq!(split_with_server("Sales/u", ["database", "name"]).unwrap().0, None);
    }

    #[test]
    fn every_resource_has_its_form() {
        let mut forms: Vec<&str> = FORMS.iter().map(|form| form.type_name).collect();
        forms.sort_unstable();
        let described = crate::provider().describe();
        let resources: Vec<&str> =
            described.types.iter().filter(|it| it.kind == tfplugin::Kind::Resource).map(|it| it.name).collect();
        assert_eq!(forms, resources);
    }

    #[test]
    fn an_id_that_is_made_is_read() {
        let form = |name: &str| FORMS.iter().find(|form| form.type_name == name).unwrap();
        let id = form("database_user").id(&["tcp:MI.abc.database.windows.net,1433", "Sa/les", "o'brien"]).unwrap();
        assert_eq!(id, "mi.abc.database.windows.net/Sa%2Fles/o%27brien");
        let (server, parts) = split_with_server(&id, DATABASE_USER).unwrap();
        assert_eq!(
            (server.as_deref(), parts),
            (Some("mi.abc.database.windows.net"), ["Sa/les", "o'brien"].map(str::to_owned))
        );
        let item = "5a1e5000-7b8c-4d9e-8f0a-1b2c3d4e5f11";
        let id = form("replication").id(&[item, item]).unwrap();
        assert!(workspace_and_item(&id).is_ok(), "{id}");
        for (name, parts, place, says) in [
            ("login", &[][..], None, "`[server/]name`"),
            ("login", &["a", "b", "c"], None, "`[server/]name`"),
            ("login", &[""], Some(0), "the name is empty"),
            ("login", &["no server", "a"], Some(0), "names no server"),
            ("database_grants", &["s", "a", ""], Some(2), "the name is empty"),
            ("connection", &["server", item], None, "`id`"),
            ("mirrored_database", &[item, "x"], Some(1), "x"),
        ] {
            let (found, diagnostic) = form(name).id(parts).unwrap_err();
            assert_eq!(found, place, "{name} {parts:?}");
            assert!(diagnostic.detail.contains(says), "{diagnostic}");
        }
    }

    #[test]
    fn another_form_is_shown_the_right_one() {
        for id in ["", "a", "a/b/c/d", "a//b", "%ff/b"] {
            assert!(split_with_server(id, ["database", "name"]).is_err(), "{id}");
        }
        assert!(split("a", ["workspace", "item"]).unwrap_err().detail.contains("`workspace/item`"));
    }
}
