data "fabricmirror_mirrored_databases" "all" {
  workspace_id = "3095face-5f6a-4b7c-8d9e-0f1a2b3c4d09"
}

output "paths" {
  value = { for item in data.fabricmirror_mirrored_databases.all.mirrored_databases : item.display_name => item.onelake_tables_path }
}
