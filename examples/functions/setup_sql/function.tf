terraform {
  required_providers {
    fabricmirror = {
      source = "fabricmirror/fabricmirror"
    }
  }
}

output "setup_sql" {
  value = provider::fabricmirror::setup_sql({
    login      = "fabric_login"
    user       = "fabric_user"
    database   = "Sales"
    generation = "2025-12"
  })
}

# terraform output -raw setup_sql > setup.sql
# read -rs LOGIN_PASSWORD && export LOGIN_PASSWORD
# sqlcmd -S mi.public.abc123.database.windows.net,3342 -G -b -i setup.sql
