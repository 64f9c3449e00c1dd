# Made in the portal with an organizational account, which no application can make.
data "fabricmirror_connection" "sales" {
  display_name = "sales-mi"
}

resource "fabricmirror_mirrored_database" "sales" {
  workspace_id  = "3095face-5f6a-4b7c-8d9e-0f1a2b3c4d09"
  display_name  = "Sales"
  connection_id = data.fabricmirror_connection.sales.id
}
