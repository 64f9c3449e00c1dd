//! System procedures: what is called by name and is neither a statement nor a function.

use super::errors;
use super::work::Work;
use emulator_ground::engine::Message;
use emulator_ground::value::Value;

mod answer;
mod change_data_capture;
mod change_feed;
mod elsewhere;
mod extended_properties;
mod metadata;
mod rename;
mod roles;
mod session_context;
mod sessions;

pub use answer::Answer;
use answer::Procedure;
pub use elsewhere::exists_on_server;

const PROPERTY: &[&str] =
    &["@name", "@value", "@level0type", "@level0name", "@level1type", "@level1name", "@level2type", "@level2name"];
const PROPERTY_NAME: &[&str] =
    &["@name", "@level0type", "@level0name", "@level1type", "@level1name", "@level2type", "@level2name"];

const ALL: &[Procedure] = &[
    Procedure { name: "sp_help_change_feed", parameters: &[], needed: 0, run: |w, _| w.help_change_feed() },
    Procedure {
        name: "sp_help_change_feed_table",
        parameters: &["@table_group_id", "@table_id", "@source_schema", "@source_name"],
        needed: 0,
        run: |w, v| w.help_change_feed_table(v),
    },
    Procedure {
        name: "sp_help_change_feed_table_groups",
        parameters: &[],
        needed: 0,
        run: |w, _| w.help_change_feed_table_groups(),
    },
    Procedure {
        name: "sp_help_change_feed_settings",
        parameters: &[],
        needed: 0,
        run: |w, _| w.help_change_feed_settings(),
    },
    Procedure { name: "sp_change_feed_disable_db", parameters: &[], needed: 0, run: |w, _| w.disable_change_feed() },
    Procedure { name: "sp_addextendedproperty", parameters: PROPERTY, needed: 1, run: |w, v| w.add_property(v) },
    Procedure { name: "sp_updateextendedproperty", parameters: PROPERTY, needed: 1, run: |w, v| w.update_property(v) },
    Procedure { name: "sp_dropextendedproperty", parameters: PROPERTY_NAME, needed: 1, run: |w, v| w.drop_property(v) },
    Procedure { name: "sp_cdc_enable_db", parameters: &[], needed: 0, run: |w, _| w.enable_capture() },
    Procedure { name: "sp_cdc_disable_db", parameters: &[], needed: 0, run: |w, _| w.disable_capture() },
    Procedure {
        name: "sp_addrolemember",
        parameters: &["@rolename", "@membername"],
        needed: 2,
        run: |w, v| w.change_role_member(v, true),
    },
    Procedure {
        name: "sp_droprolemember",
        parameters: &["@rolename", "@membername"],
        needed: 2,
        run: |w, v| w.change_role_member(v, false),
    },
    Procedure {
        name: "sp_addsrvrolemember",
        parameters: &["@loginame", "@rolename"],
        needed: 2,
        run: |w, v| w.change_server_role_member("sp_addsrvrolemember", v, true),
    },
    Procedure {
        name: "sp_dropsrvrolemember",
        parameters: &["@loginame", "@rolename"],
        needed: 2,
        run: |w, v| w.change_server_role_member("sp_dropsrvrolemember", v, false),
    },
    Procedure {
        name: "sp_rename",
        parameters: &["@objname", "@newname", "@objtype"],
        needed: 2,
        run: |w, v| w.rename(v),
    },
    Procedure {
        name: "sp_set_session_context",
        parameters: &["@key", "@value", "@read_only"],
        needed: 2,
        run: |w, v| w.set_session_context(v),
    },
    Procedure {
        name: "sp_stored_procedures",
        parameters: metadata::ROUTINES,
        needed: 0,
        run: |w, v| metadata::routines(w, v, names()),
    },
    Procedure { name: "sp_who", parameters: &["@loginame"], needed: 0, run: |w, v| w.who(v) },
    Procedure { name: "sp_who2", parameters: &["@loginame"], needed: 0, run: |w, v| w.who2(v) },
];

pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|procedure| procedure.name)
}

fn all() -> impl Iterator<Item = &'static Procedure> {
    ALL.iter().chain(metadata::ALL)
}

fn find(name: &str) -> Option<&'static Procedure> {
    all().find(|procedure| procedure.name == name)
}

pub fn is_known(name: &str) -> bool {
    find(name).is_some()
}

/// One value per parameter of the procedure, NULL where none was given.
///
/// # Errors
/// 8144 for too many, 8145 for a name it does not have, 201 for one that must be given.
pub fn bind(procedure: &str, given: &[(Option<String>, Value)]) -> Result<Vec<Value>, Message> {
    let known = find(procedure).map_or(&[][..], |p| p.parameters);
    let mut values = vec![Value::Null; known.len()];
    let mut seen = vec![false; known.len()];
    for (i, (name, value)) in given.iter().enumerate() {
        let at = match name {
            Some(name) => known.iter().position(|k| k.eq_ignore_ascii_case(name)).ok_or_else(|| {
                Message::new(8145, 16, 1, format!("{name} is not a parameter for procedure {procedure}."))
            })?,
            None => i,
        };
        let slot = values.get_mut(at).ok_or_else(|| {
            let text = format!("Procedure or function {procedure} has too many arguments specified.");
            Message::new(8144, 16, 2, text)
        })?;
        *slot = value.clone();
        seen[at] = true;
    }
    let needed = find(procedure).map_or(0, |p| p.needed);
    if let Some(missing) = (0..needed).find(|i| !seen[*i]) {
        let text = format!(
            "Procedure or function '{procedure}' expects parameter '{}', which was not supplied.",
            known[missing]
        );
        return Err(Message::new(201, 16, 4, text));
    }
    Ok(values)
}

impl Work<'_> {
    /// `name` in lower case without its schema, `arguments` as [`bind`] puts them.
    pub fn procedure(&mut self, name: &str, arguments: &[Value]) -> Result<Answer, Message> {
        let procedure = find(name).ok_or_else(|| errors::internal("no such procedure"))?;
        (procedure.run)(self, arguments)
    }
}
