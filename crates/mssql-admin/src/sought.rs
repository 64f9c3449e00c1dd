//! Whom a look is for.

use crate::principals::Known;
use crate::sid::{AnySid, Sid};
use crate::statement::{Identifier, Literal, Number, Part};

/// Principals of a server or of a database: whoever has one of these numbers, SIDs or names. What is asked for is of a size
/// that does not depend on how many others there are.
#[derive(Clone, Debug, Default)]
pub struct Sought {
    ids: Vec<i64>,
    sids: Vec<AnySid>,
    names: Vec<String>,
}

impl Sought {
    /// Whoever has any of what is known.
    pub fn known<'a>(known: impl IntoIterator<Item = Known<'a>>) -> Self {
        let mut sought = Self::default();
        for known in known {
            sought.ids.extend(known.id());
            sought.sids.extend(known.sid.and_then(AnySid::new));
            sought.names.push(known.name.to_owned());
        }
        sought
    }

    /// The principal of a database that was found before, whatever it is called now.
    pub(crate) fn number(id: i64) -> Self {
        Self { ids: vec![id], ..Self::default() }
    }

    pub(crate) fn or_sid(mut self, sid: Option<Sid>) -> Self {
        self.sids.extend(sid.map(AnySid::from));
        self
    }

    pub(crate) fn or_named(mut self, name: &Identifier) -> Self {
        self.names.push(name.as_str().to_owned());
        self
    }
}

/// A condition on `u`, a row of `sys.server_principals` or `sys.database_principals`.
impl Part for Sought {
    fn write(&self, statement: &mut String) {
        let mut before = "(";
        let mut alternative = |column: &str, value: &dyn Part| {
            statement.push_str(before);
            statement.push_str(column);
            value.write(statement);
            before = " OR ";
        };
        self.ids.iter().for_each(|id| alternative("u.principal_id = ", &Number(*id)));
        self.sids.iter().for_each(|sid| alternative("u.sid = ", sid));
        self.names.iter().for_each(|name| alternative("u.name = ", &Literal(name)));
        statement.push_str(if before == "(" { "(1 = 0)" } else { ")" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_has_an_alternative_for_each() {
        let written = |sought: &Sought| {
            let mut text = String::new();
            sought.write(&mut text);
            text
        };
        assert_eq!(written(&Sought::default()), "(1 = 0)");
        let known = Known { identity: Some("5@2026"), sid: Some("0x01ab"), name: "o'b" };
        assert_eq!(written(&Sought::known([known])), "(u.principal_id = 5 OR u.sid = 0x01AB OR u.name = N'o''b')");
        // What is no SID is nobody's.
        let known = Known { identity: None, sid: Some("0x0; DROP"), name: "u" };
        assert_eq!(written(&Sought::known([known])), "(u.name = N'u')");
    }
}
