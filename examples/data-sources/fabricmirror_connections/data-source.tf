data "fabricmirror_connections" "instances" {
  type = "AzureSqlMI"
}

output "connections" {
  value = { for connection in data.fabricmirror_connections.instances.connections : connection.display_name => connection.path }
}
