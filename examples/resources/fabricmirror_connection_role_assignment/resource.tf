# A connection that an application makes is seen by nobody else: the team that runs the mirrors gets a role on it.
variable "data_team_object_id" {
  type = string
}

resource "fabricmirror_connection_role_assignment" "data_team" {
  connection_id = "c0ffee00-6a7b-4c8d-9e0f-1a2b3c4d5e10"
  principal = {
    id   = var.data_team_object_id
    type = "Group"
  }
  role = "User"
}
