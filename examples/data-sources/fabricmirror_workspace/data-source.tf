data "fabricmirror_workspace" "mirrors" {
  display_name = "Mirrors"
}

check "capacity" {
  assert {
    condition     = data.fabricmirror_workspace.mirrors.capacity_state != "Inactive"
    error_message = "The workspace's capacity is paused: nothing is mirrored."
  }
}
