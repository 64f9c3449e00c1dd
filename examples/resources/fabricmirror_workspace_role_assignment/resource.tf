# Object id of the instance's system-assigned identity: "Object (principal) ID" on the instance's page "Identity".
variable "instance_identity_object_id" {
  type = string
}

resource "fabricmirror_workspace_role_assignment" "instance" {
  workspace_id = "3095face-5f6a-4b7c-8d9e-0f1a2b3c4d09"
  principal = {
    id   = var.instance_identity_object_id
    type = "ServicePrincipal"
  }
  role = "Contributor"
}
