variable "mirrored_database_id" {
  type = string
}

data "fabricmirror_replication_status" "sales" {
  workspace_id         = "3095face-5f6a-4b7c-8d9e-0f1a2b3c4d09"
  mirrored_database_id = var.mirrored_database_id
}

output "state" {
  value = data.fabricmirror_replication_status.sales.state
}

output "tables_with_errors" {
  value = {
    for table in data.fabricmirror_replication_status.sales.tables :
    "${table.schema}.${table.name}" => table.error if table.error != null
  }
}
