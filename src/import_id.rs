//! Import ids: parts joined by `/`, each percent-encoded, so that a name may hold anything.

use std::str::FromStr;

use fabric_api::{ItemId, NoId, WorkspaceId};
use mssql_admin::{Identifier, ServerName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tfplugin::{Diagnostic, Text, Value};

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
    let [workspace, item] = split(id, ["workspace", "item"])?;
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
        Some(text) => Value::from(
            text.parse::<ServerName>()
                .map_err(|error| Diagnostic::error("The import id is wrong", format!("{error}.")))?,
        ),
        None => Value::Null,
    };
    // Also checks that there is one.
    let named = clients.sql(&server)?;
    Ok(if server.is_null() { named.canonical() } else { server })
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
    fn another_form_is_shown_the_right_one() {
        for id in ["", "a", "a/b/c/d", "a//b", "%ff/b"] {
            assert!(split_with_server(id, ["database", "name"]).is_err(), "{id}");
        }
        assert!(split("a", ["workspace", "item"]).unwrap_err().detail.contains("`workspace/item`"));
    }
}
