variable "password_seed" {
  type      = string
  ephemeral = true
}

locals {
  password_version = 1 # raise it to rotate the password, of the login too
}

# The same seed, context and version as for the login: the same password.
ephemeral "fabricmirror_password" "fabric" {
  derive = {
    seed    = var.password_seed
    context = "sales/fabric_login"
    version = local.password_version
  }
}

resource "fabricmirror_database_user" "fabric" {
  database   = "Sales"
  name       = "fabric_user"
  login_name = "fabric_login"
}

resource "fabricmirror_connection" "sales" {
  display_name = "sales-mi"
  server       = "mi.public.abc123.database.windows.net,3342"
  database     = "Sales"
  basic = {
    username            = fabricmirror_database_user.fabric.login_name
    password_wo         = ephemeral.fabricmirror_password.fabric.result
    password_wo_version = local.password_version
  }
}
