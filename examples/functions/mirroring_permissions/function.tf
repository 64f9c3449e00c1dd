terraform {
  required_providers {
    fabricmirror = {
      source = "fabricmirror/fabricmirror"
    }
  }
}

resource "fabricmirror_database_grants" "fabric" {
  database    = "Sales"
  principal   = "fabric_user"
  permissions = provider::fabricmirror::mirroring_permissions("2025-12")
}
