//! Configurations of many principals, and of as many objects that ask no server.

use std::fmt::Write as _;

/// So many logins, each with a user in one of the databases, and its grants.
pub fn principals(count: usize, databases: &[&str], permission: &str) -> String {
    format!(
        "
terraform {{
  required_providers {{
    fabricmirror = {{ source = \"fabricmirror/fabricmirror\" }}
  }}
}}
{}
resource \"fabricmirror_login\" \"app\" {{
  for_each            = local.names
  name                = each.key
  password_wo         = \"Correct-Horse-7\"
  password_wo_version = 1
  server_roles        = [\"##MS_ServerStateReader##\"]
  default_database    = each.value
}}
resource \"fabricmirror_database_user\" \"app\" {{
  for_each   = local.names
  database   = each.value
  name       = each.key
  login_name = fabricmirror_login.app[each.key].principal
  roles      = [\"db_datareader\"]
}}
resource \"fabricmirror_database_grants\" \"app\" {{
  for_each    = local.names
  database    = each.value
  principal   = fabricmirror_database_user.app[each.key].principal
  permissions = [\"SELECT\", \"{permission}\"]
}}
",
        names(count, databases)
    )
}

/// What the CLI takes for as many objects with the same references, without a provider that does anything.
pub fn floor(count: usize, databases: &[&str]) -> String {
    let mut text = names(count, databases);
    for (name, input) in [
        ("login", "each.key".to_owned()),
        ("user", "terraform_data.login[each.key].output".to_owned()),
        ("grants", "terraform_data.user[each.key].output".to_owned()),
    ] {
        let _ = writeln!(
            text,
            "resource \"terraform_data\" \"{name}\" {{\n  for_each = local.names\n  input = {input}\n}}"
        );
    }
    text
}

fn names(count: usize, databases: &[&str]) -> String {
    let databases: Vec<String> = databases.iter().map(|name| format!("{name:?}")).collect();
    format!(
        "
locals {{
  names = {{ for index in range({count}) : format(\"app%04d\", index) => element([{}], index) }}
}}
",
        databases.join(", ")
    )
}
