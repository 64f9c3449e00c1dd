variable "password_seed" {
  type      = string
  ephemeral = true
}

locals {
  password_version = 1 # raise it to rotate the password
}

ephemeral "fabricmirror_password" "fabric" {
  derive = {
    seed    = var.password_seed
    context = "sales/fabric_login"
    version = local.password_version
  }
}

resource "fabricmirror_login" "fabric" {
  name                = "fabric_login"
  password_wo         = ephemeral.fabricmirror_password.fabric.result
  password_wo_version = local.password_version
  server_roles        = ["##MS_ServerStateReader##"]
}
