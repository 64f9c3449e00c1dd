data "fabricmirror_mirrored_database" "sales" {
  workspace_id = "3095face-5f6a-4b7c-8d9e-0f1a2b3c4d09"
  display_name = "Sales"
}

output "sql_endpoint" {
  value = data.fabricmirror_mirrored_database.sales.sql_endpoint
}
