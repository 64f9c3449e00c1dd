//! Configurations of many principals, and of as many objects that ask no server. Each object is a block of its own: of one
//! block with `for_each` and references to another one, the CLIs evaluate every instance for every instance.

use std::fmt::Write as _;

/// So many logins, each with a user in one of the databases, and its grants.
pub fn principals(count: usize, databases: &[&str], permission: &str) -> String {
    let mut text =
        "terraform {\n  required_providers {\n    fabricmirror = { source = \"fabricmirror/fabricmirror\" }\n  }\n}\n"
            .to_owned();
    for (name, database) in names(count, databases) {
        let _ = writeln!(
            text,
            "
resource \"fabricmirror_login\" \"{name}\" {{
  name                = \"{name}\"
  password_wo         = \"Correct-Horse-7\"
  password_wo_version = 1
  server_roles        = [\"##MS_ServerStateReader##\"]
  default_database    = \"{database}\"
}}
resource \"fabricmirror_database_user\" \"{name}\" {{
  database   = \"{database}\"
  name       = \"{name}\"
  login_name = fabricmirror_login.{name}.principal
  roles      = [\"db_datareader\"]
}}
resource \"fabricmirror_database_grants\" \"{name}\" {{
  database    = \"{database}\"
  principal   = fabricmirror_database_user.{name}.principal
  permissions = [\"SELECT\", \"{permission}\"]
}}"
        );
    }
    text
}

/// What the CLI takes for as many objects with the same references, without a provider that does anything.
pub fn floor(count: usize, databases: &[&str]) -> String {
    let mut text = String::new();
    for (name, _) in names(count, databases) {
        for (object, input) in [
            ("login", format!("\"{name}\"")),
            ("user", format!("terraform_data.login_{name}.output")),
            ("grants", format!("terraform_data.user_{name}.output")),
        ] {
            let _ = writeln!(text, "resource \"terraform_data\" \"{object}_{name}\" {{\n  input = {input}\n}}");
        }
    }
    text
}

fn names<'a>(count: usize, databases: &'a [&str]) -> impl Iterator<Item = (String, &'a str)> {
    (0..count).zip(databases.iter().cycle()).map(|(index, database)| (format!("app{index:04}"), *database))
}
