variable "password_seed" {
  type      = string
  ephemeral = true
}

# Same seed, context, version and length: same password, on every run and machine.
ephemeral "fabricmirror_password" "fabric" {
  length = 32
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
