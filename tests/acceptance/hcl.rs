//! Configurations for the tests: the tutorial with changes, and its SQL half alone.

use fabricmirror_tests::run::tutorial;
use fabricmirror_tests::{Result, fail};

/// Server and credentials come from the environment.
pub const HEAD: &str = r#"
terraform {
  required_providers {
    fabricmirror = { source = "fabricmirror/fabricmirror" }
  }
}
"#;

pub const LOGIN: &str = "fabricmirror_login.fabric";
pub const USER: &str = "fabricmirror_database_user.fabric";
pub const GRANTS: &str = "fabricmirror_database_grants.fabric";
pub const CONNECTION: &str = "fabricmirror_connection.source";
pub const ROLE: &str = "fabricmirror_workspace_role_assignment.instance";
pub const MIRROR: &str = "fabricmirror_mirrored_database.source";
pub const REPLICATION: &str = "fabricmirror_replication.source";
pub const EVERYTHING: [&str; 7] = [LOGIN, USER, GRANTS, CONNECTION, ROLE, MIRROR, REPLICATION];

/// Login, user and grants.
pub const PRINCIPALS: &str = r#"
terraform {
  required_providers {
    fabricmirror = { source = "fabricmirror/fabricmirror" }
  }
}

resource "fabricmirror_login" "fabric" {
  name                = "fabric_login"
  password_wo         = "Correct-Horse-7"
  password_wo_version = 1
  server_roles        = []
}

resource "fabricmirror_database_user" "fabric" {
  database   = "Sales"
  name       = "fabric_user"
  login_name = fabricmirror_login.fabric.name
  roles      = []
}

resource "fabricmirror_database_grants" "fabric" {
  database    = fabricmirror_database_user.fabric.database
  principal   = fabricmirror_database_user.fabric.principal
  permissions = ["SELECT"]
}
"#;

/// The text with each part replaced, all of which it must hold.
pub fn edited(text: &str, parts: &[(&str, &str)]) -> Result<String> {
    let mut text = text.to_owned();
    for (part, replacement) in parts {
        if !text.contains(part) {
            fail!("the configuration does not hold {part:?}");
        }
        text = text.replace(part, replacement);
    }
    Ok(text)
}

/// The tutorial with each part replaced.
pub fn tutorial_with(parts: &[(&str, &str)]) -> Result<String> {
    edited(&tutorial()?, parts)
}

/// The tutorial with these tables alone.
pub fn listing(tables: &[(&str, &str)]) -> Result<String> {
    let list: Vec<String> =
        tables.iter().map(|(schema, name)| format!("{{ schema = \"{schema}\", name = \"{name}\" }}")).collect();
    let list = format!("default_schema = \"dbo\"\n  tables = [{}]", list.join(", "));
    tutorial_with(&[("default_schema = \"dbo\"", &list)])
}

/// The text without a whole block.
pub fn without_block(text: &str, start: &str) -> Result<String> {
    let from = text.find(start).ok_or_else(|| format!("there is no block {start:?}"))?;
    let to = text[from..].find("\n}\n").ok_or("the block does not end")? + from + 3;
    Ok(format!("{}{}", &text[..from], &text[to..]))
}
