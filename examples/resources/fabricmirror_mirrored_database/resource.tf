variable "connection_id" {
  type        = string
  description = "A connection to the database, such as fabricmirror_connection makes"
}

# Every table, and new ones as they appear.
resource "fabricmirror_mirrored_database" "sales" {
  workspace_id   = "3095face-5f6a-4b7c-8d9e-0f1a2b3c4d09"
  display_name   = "Sales"
  connection_id  = var.connection_id
  default_schema = "dbo" # keeps the source's schemas
}
