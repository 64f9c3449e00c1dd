terraform {
  required_providers {
    fabricmirror = {
      source = "fabricmirror/fabricmirror"
    }
  }
}

# What mirroring needs, and nothing else: every other permission shows in the plan.
resource "fabricmirror_database_grants" "fabric" {
  database    = fabricmirror_database_user.fabric.database
  principal   = fabricmirror_database_user.fabric.principal
  permissions = provider::fabricmirror::mirroring_permissions("2025-12")
}

# Of a user that others look after too, only these permissions.
resource "fabricmirror_database_grants" "report_reader" {
  database    = "Sales"
  principal   = "report_reader"
  permissions = ["SELECT"]
  denied      = ["UPDATE"]
  exclusive   = false
}

resource "fabricmirror_database_user" "fabric" {
  database   = "Sales"
  name       = "fabric_user"
  login_name = "fabric_login"
}
