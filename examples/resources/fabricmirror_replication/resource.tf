variable "mirrored_database_id" {
  type = string
}

# Starts the mirror, and is done when its tables replicate.
resource "fabricmirror_replication" "sales" {
  workspace_id         = "3095face-5f6a-4b7c-8d9e-0f1a2b3c4d09"
  mirrored_database_id = var.mirrored_database_id
  principal            = fabricmirror_database_grants.fabric.principal # checked before the start, and waited for
  state                = "running"
  timeouts = {
    create = "2h"
  }
}

resource "fabricmirror_database_grants" "fabric" {
  database    = "Sales"
  principal   = "fabric_user"
  permissions = provider::fabricmirror::mirroring_permissions("2025-12")
}
