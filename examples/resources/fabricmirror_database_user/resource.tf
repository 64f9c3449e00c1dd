resource "fabricmirror_database_user" "fabric" {
  database   = "Sales"
  name       = "fabric_user"
  login_name = fabricmirror_login.fabric.principal # follows its login when that is replaced
  roles      = [] # none, and none is left that somebody else adds
}

variable "password_seed" {
  type      = string
  ephemeral = true
}

ephemeral "fabricmirror_password" "fabric" {
  derive = {
    seed    = var.password_seed
    context = "sales/fabric_login"
    version = 1
  }
}

resource "fabricmirror_login" "fabric" {
  name                = "fabric_login"
  password_wo         = ephemeral.fabricmirror_password.fabric.result
  password_wo_version = 1
}
