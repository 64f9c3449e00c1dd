//! `import_id`: the id under which an object is imported.

use tfplugin::{Function, FunctionError, Model, path};

use crate::import_id::FORMS;

/// The id under which an object is imported: its parts, each percent-encoded, with `/` between them.
///
/// - `login`: `[server/]name`
/// - `database_user`, `database_role`: `[server/]database/name`
/// - `database_grants`: `[server/]database/principal`
/// - `connection`: `id`
/// - `connection_role_assignment`: `connection/assignment`
/// - `workspace_role_assignment`: `workspace/assignment`
/// - `mirrored_database`, `replication`: `workspace/item`
///
/// A server may come first where it stands in brackets; left out, it is the provider's own.
#[derive(Clone, Debug, PartialEq, Model)]
pub struct ImportId {
    /// Type of the object, without the provider's prefix: `"database_user"`.
    #[attr(required)]
    r#type: String,

    /// The parts, as they are: `["Sales", "fabric_user"]`.
    #[attr(required)]
    parts: Vec<String>,
}

impl Function for ImportId {
    const NAME: &'static str = "import_id";
    const SUMMARY: &'static str = "Id under which an object is imported";
    type Output = String;

    fn call(arguments: Self) -> Result<Self::Output, FunctionError> {
        let Self { r#type: type_name, parts } = arguments;
        let Some(form) = FORMS.iter().find(|form| form.type_name == type_name) else {
            let known: Vec<&str> = FORMS.iter().map(|form| form.type_name).collect();
            let text = format!(
                "There is no type \"{type_name}\" that can be imported: expected one of {}, without the provider's prefix.",
                known.join(", ")
            );
            return Err(FunctionError::at(path!(ImportId: r#type), text));
        };
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        form.id(&parts).map_err(|(place, wrong)| {
            let at = path!(ImportId: parts);
            FunctionError::at(place.map_or(at.clone(), |place| at.index(place)), wrong.detail)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(type_name: &str, parts: &[&str]) -> Result<String, String> {
        let parts = parts.iter().map(|part| (*part).to_owned()).collect();
        ImportId::call(ImportId { r#type: type_name.to_owned(), parts }).map_err(|error| error.to_string())
    }

    #[test]
    fn an_id_or_the_right_form() {
        assert_eq!(called("database_user", &["Sales", "fabric_user"]).unwrap(), "Sales/fabric_user");
        assert_eq!(called("login", &["localhost,50123", "a/b"]).unwrap(), "localhost,50123/a%2Fb");
        for (type_name, parts, expected) in [
            ("fabricmirror_login", &["a"][..], "type: There is no type \"fabricmirror_login\""),
            ("database_user", &["Sales"], "parts: Expected `[server/]database/name`, found 1 parts."),
            ("database_user", &["a", "b", "c", "d"], "parts: Expected `[server/]database/name`, found 4 parts."),
            ("database_user", &["Sales", ""], "parts[1]: "),
            ("connection", &["x"], "parts[0]: "),
        ] {
            let error = called(type_name, parts).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    /// What the page says of forms is what they are.
    #[test]
    fn the_description_lists_every_form() {
        for form in &FORMS {
            let line = ImportId::DESCRIPTION.lines().find(|line| line.contains(&format!("`{}`", form.type_name)));
            assert!(line.is_some_and(|line| line.ends_with(&format!(": `{form}`"))), "{line:?}");
        }
    }
}
