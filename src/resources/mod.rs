//! Resources, by their Terraform names, and what they say alike.

mod connection;
mod connection_role_assignment;
mod database_grants;
mod database_role;
mod database_user;
mod entra;
mod login;
mod mirrored_database;
mod replication;
mod role_assignment;
mod workspace_role_assignment;

use std::collections::BTreeSet;
use std::fmt::Display;

use mssql_admin::{DatabasePrincipals, Identifier, Known, Principal, Sid};
use tfplugin::{Context, Diagnostic, Text, Value};

use crate::error::{Error, Result};
use crate::import_id;
use crate::provider::FabricMirror;

pub use connection::Connection;
pub use connection_role_assignment::ConnectionRoleAssignment;
pub use database_grants::DatabaseGrants;
pub use database_role::DatabaseRole;
pub use database_user::DatabaseUser;
pub use login::Login;
pub use mirrored_database::MirroredDatabase;
pub use replication::Replication;
pub use workspace_role_assignment::WorkspaceRoleAssignment;

/// Private state: which principal of a database the object is, as the last look showed it: found again by that, whatever
/// it is called or mapped to by then.
#[derive(Debug, Default)]
struct Noted {
    identity: Option<String>,
    sid: Option<String>,
}

impl Noted {
    const IDENTITY: &str = "identity";
    const SID: &str = "sid";

    fn of(cx: &Context<FabricMirror>) -> Self {
        let private = cx.private();
        let note = |name| private.get(name).map(str::to_owned);
        Self { identity: note(Self::IDENTITY), sid: note(Self::SID) }
    }

    /// The same, with the SID that the state holds, where it holds one.
    fn with_sid(cx: &Context<FabricMirror>, sid: &Value<String>) -> Self {
        let noted = Self::of(cx);
        Self { sid: sid.known().cloned().or(noted.sid), ..noted }
    }

    fn write(cx: &Context<FabricMirror>, principal: &Principal) {
        let mut private = cx.private();
        private.set(Self::IDENTITY, principal.identity());
        private.set(Self::SID, principal.sid.as_str());
    }

    /// Of a principal that was made and not seen: it is found by the SID that it must have.
    fn expect(cx: &Context<FabricMirror>, sid: Sid) {
        cx.private().set(Self::SID, sid.to_string());
    }

    fn forget(cx: &Context<FabricMirror>) {
        let mut private = cx.private();
        private.remove(Self::IDENTITY);
        private.remove(Self::SID);
    }

    fn known<'a>(&'a self, name: &'a Identifier) -> Known<'a> {
        Known { identity: self.identity.as_deref(), sid: self.sid.as_deref(), name: name.as_str() }
    }

    /// Whether this is the principal that was noted, as far as one was.
    fn is(&self, principal: &Principal) -> bool {
        self.identity.as_ref().is_none_or(|identity| *identity == principal.identity())
    }
}

/// The names of a set, without their spelling.
fn names(set: Option<&BTreeSet<Text<Identifier>>>) -> BTreeSet<Identifier> {
    set.into_iter().flatten().map(|name| name.value().clone()).collect()
}

/// Which roles a plan adds and takes away, of those that its object is not in yet, or still in. What came and went since
/// the plan is the next one's to show.
fn role_changes(
    prior: &Value<BTreeSet<Text<Identifier>>>,
    plan: &Value<BTreeSet<Text<Identifier>>>,
    held: &BTreeSet<Identifier>,
) -> (Vec<Identifier>, Vec<Identifier>) {
    let (before, wanted) = (names(prior.known()), names(plan.known()));
    let added = wanted.difference(&before).filter(|role| !held.contains(*role));
    let removed = before.difference(&wanted).filter(|role| held.contains(*role));
    (added.cloned().collect(), removed.cloned().collect())
}

/// A set of names as an attribute.
fn identifiers(names: &BTreeSet<Identifier>) -> Value<BTreeSet<Text<Identifier>>> {
    Value::Known(names.iter().cloned().map(Text::from).collect())
}

/// A name that the server sent.
fn identifier(name: &str) -> Result<Identifier> {
    name.parse().map_err(|error| Diagnostic::error("The server sent an impossible name", format!("{error}.")).into())
}

/// What others have from a principal that is to go, and the statements that take it from them, in their order.
fn granted_to_others(database: &Identifier, principals: &DatabasePrincipals, principal: &Principal) -> Option<String> {
    let grantor = identifier(&principal.name).ok()?;
    let statements: Vec<String> = principals
        .granted_by(principal)
        .iter()
        .filter_map(|it| Some(mssql_admin::advice::revoke_as(&it.name, &it.grantee.parse().ok()?, &grantor)))
        .collect();
    if statements.is_empty() {
        return None;
    }
    Some(format!(
        "On the database itself it has granted or denied, which a DBA ends in database {database}:\n\n{}",
        statements.join("\n")
    ))
}

/// What an error about something that exists goes on with.
fn import_text(type_name: &str, id: &str) -> String {
    let import = import_id::block(type_name, id);
    format!("It was not made by this configuration, and is not taken over. To manage it, import it:\n\n{import}")
}

/// An object that the state has, or this run has just made, under another address.
fn second_owner(what: &str, name: impl Display) -> Error {
    Diagnostic::error(
        format!("The {what} {name} is managed already"),
        "Another block of this configuration has it: in the state, or made by this very run. Remove one of the two blocks, \
         or give them different names. If this is the new object of a replacement, take `create_before_destroy` out of \
         its `lifecycle`: the old one has to go first.",
    )
    .into()
}

/// A name that an object is to get, and somebody else has.
fn taken(what: &str, name: impl Display, other: &str, fix: &str) -> Error {
    Diagnostic::error(
        format!("The {what} {name} cannot be called {other}"),
        format!(
            "Somebody else has that name: it is another SID. Nothing of it is touched. Give this {what} another `name`, or let a \
             DBA rename the other one:\n\n{fix}"
        ),
    )
    .into()
}

/// An object that was made as planned, where the look at it failed: no error, which would taint it.
fn unseen(what: &str, name: impl Display, error: &Error) -> Diagnostic {
    Diagnostic::warning(
        format!("The {what} {name} was made and not seen"),
        format!(
            "It is as planned; a look at what the server made of the rest failed: {error}. The next plan looks again."
        ),
    )
}

/// Whoever has the name of an object that is gone by its SID.
fn left_alone(what: &str, name: impl Display) -> Diagnostic {
    Diagnostic::warning(
        format!("{name} was left alone"),
        format!(
            "The {what} of the state is gone. Somebody made another one in its place, or mapped it to another login. It is \
             not this configuration's any more; what it holds is a DBA's to take away."
        ),
    )
}

/// An object that was there when the plan was made.
fn not_there_any_more(what: &str, name: impl Display) -> Error {
    Diagnostic::error(
        format!("The {what} {name} is not there any more"),
        "Somebody dropped or replaced it since the plan was made. Nothing was changed. Run again: a new plan shows what is \
         there now.",
    )
    .into()
}

/// Something that a change relies on is not as the plan saw it.
fn changed_since(what: impl Display, advice: impl Display) -> Error {
    Diagnostic::error(
        format!("{what} changed since the plan was made"),
        format!("{advice} Nothing was changed. Run again: a new plan shows what is there now."),
    )
    .into()
}

/// An object of a kind that the resource does not manage: never replaced by one of another kind.
fn other_kind(name: impl Display, kind: &str, manages: &str) -> Error {
    Diagnostic::error(
        format!("{name} is {kind}"),
        format!(
            "This resource manages {manages}, and does not turn one kind into another. Nothing was changed. Take the object out \
             of the state with a `removed` block, or choose another name."
        ),
    )
    .into()
}

fn nothing_to_import(what: &str, name: impl Display) -> Error {
    Diagnostic::error(format!("There is no {what} {name}"), "Check the import id, and the server it is looked for on.")
        .into()
}
