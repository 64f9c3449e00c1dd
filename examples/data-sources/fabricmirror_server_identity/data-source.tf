variable "workspace_id" {
  type = string
}

data "fabricmirror_server_identity" "instance" {
  lifecycle {
    postcondition {
      condition     = self.primary == true
      error_message = "The system-assigned identity is not the primary one: mirroring fails."
    }
    postcondition {
      condition     = self.update_policy != "SQLServer2022"
      error_message = "The update policy SQL Server 2022 does not include mirroring."
    }
  }
}

resource "fabricmirror_workspace_role_assignment" "instance" {
  workspace_id = var.workspace_id
  principal = {
    id   = data.fabricmirror_server_identity.instance.object_id
    type = "ServicePrincipal"
  }
  role = "Contributor"
}
