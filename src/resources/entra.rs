//! `entra`: which Entra principal a login or a user stands for.

use mssql_admin::{EntraId, KnownBy, Sid};
use tfplugin::{AttributePath, Diagnostic, Diagnostics, Model, Text, Value, Word};

/// An Entra principal.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct Entra {
    /// Client id of an application or managed identity, which is its SID on an instance: a login needs no look-up in the
    /// directory with it.
    #[attr(optional, conflicts = "object_id")]
    client_id: Value<Text<EntraId>>,

    /// Object id. Of an application or managed identity it is that of the *enterprise application* (service principal), never
    /// that of its registration. Of a user or group it may be left out: the name then has to be the one in the directory, of a
    /// user its user principal name.
    #[attr(optional)]
    object_id: Value<Text<EntraId>>,

    /// What it is.
    #[attr(required, one_of = ["user", "group", "service_principal", "managed_identity"])]
    r#type: Word,
}

impl Entra {
    /// What an import makes of a principal that the catalog shows: an application's name is no user principal name, and its SID
    /// the client id.
    pub fn of(name: &str, sid: Option<Sid>, is_group: bool) -> Self {
        let id = || Value::from(sid.map(|sid| Text::from(EntraId::from(sid))));
        let (client_id, object_id, kind) = match (is_group, name.contains('@')) {
            (true, _) => (Value::Null, id(), "group"),
            (false, true) => (Value::Null, id(), "user"),
            (false, false) => (id(), Value::Null, "service_principal"),
        };
        Self { client_id, object_id, r#type: Word::from(kind) }
    }

    fn is(&self, kind: &str) -> bool {
        self.r#type == Word::from(kind)
    }

    pub fn is_group(&self) -> bool {
        self.is("group")
    }

    fn is_application(&self) -> bool {
        self.is("service_principal") || self.is("managed_identity")
    }

    pub fn meant(&self) -> mssql_admin::Entra {
        let known_by = match (self.client_id.known(), self.object_id.known()) {
            (Some(id), _) => KnownBy::ClientId(*id.value()),
            (None, Some(id)) => KnownBy::ObjectId(*id.value()),
            (None, None) => KnownBy::Name,
        };
        mssql_admin::Entra { known_by, is_group: self.is_group() }
    }

    /// What to do when the principal has one already, under a name that nobody can tell.
    pub fn has_another(&self, what: &str) -> String {
        format!(
            "An Entra principal has one {what}, and this one's has another name. Say whose it is in `entra` by the id that is \
             its SID, of an application `client_id`, else `object_id`: the next plan then names that {what}, to be imported."
        )
    }

    /// The SID that follows from the block, where one does.
    pub fn sid(&self) -> Option<Sid> {
        self.meant().sid(self.is_application())
    }

    /// Whom a block in the place of this one means: what an object of `sid` was made of.
    fn compared(&self, new: &Self, sid: Option<Sid>) -> Meant {
        if new.client_id.is_unknown() || new.object_id.is_unknown() {
            // It is made in this run.
            return Meant::Another;
        }
        let is = |same: bool| if same { Meant::Same } else { Meant::Another };
        match (new.sid(), sid) {
            (Some(wanted), Some(sid)) => is(sid == wanted),
            (Some(_), None) => Meant::Same,
            (None, _) if new.object_id.is_known() && self.object_id.is_known() => is(self.object_id == new.object_id),
            // An id that was not there before only says more of whoever has the name.
            (None, _) => Meant::ByName,
        }
    }
}

/// What a principal may be called when its own name is somebody else's.
pub const ANOTHER_NAME: &str = "Under another name an Entra principal is meant by its `object_id`, and the name begins with the \
                                one of the directory; a login by `client_id` may have any.";

/// Whom a configuration means, against what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    Same,
    Another,
    /// Whoever has the name in the directory: the same as long as the name is.
    ByName,
}

/// Whom a configuration means, against what is there, which was made of `prior` and has this SID.
///
/// # Errors
/// It means another kind: nothing is turned into that.
pub fn meant(prior: &Value<Entra>, configured: &Value<Entra>, sid: Option<Sid>) -> Result<Meant, &'static str> {
    match (prior.known(), configured) {
        (None, Value::Null) => Ok(Meant::Same),
        (None, _) => Err("no Entra principal's"),
        (Some(prior), Value::Null) if prior.is_group() => Err("an Entra group's"),
        (Some(_), Value::Null) => Err("an Entra user's or application's"),
        (Some(prior), Value::Known(new)) if prior.is_group() && !new.is_group() => Err("an Entra group's"),
        (Some(prior), Value::Known(new)) if !prior.is_group() && new.is_group() => Err("no Entra group's"),
        (Some(prior), Value::Known(new)) => Ok(prior.compared(new, sid)),
        // It is made in this run.
        (Some(_), _) => Ok(Meant::Another),
    }
}

/// What a block cannot be: found without asking anybody.
pub fn validate(entra: &Value<Entra>, path: AttributePath) -> Diagnostics {
    let mut found = Diagnostics::default();
    let Some(entra) = entra.known() else { return found };
    let is_application = entra.is_application();
    if is_application && entra.client_id.is_null() && entra.object_id.is_null() {
        found.push(
            Diagnostic::error(
                "An application is not known by its name",
                "Display names of applications are not unique, and anybody may register one. Give `client_id`, or `object_id` of \
                 the enterprise application.",
            )
            .at(path.clone()),
        );
    }
    if !is_application && !entra.client_id.is_null() {
        found.push(
            Diagnostic::error(
                "Only an application has a client id",
                "Of a user or group give `object_id`, or leave it out: then the name is looked up.",
            )
            .at(path.attribute("client_id")),
        );
    }
    found
}
