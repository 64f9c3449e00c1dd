terraform {
  required_providers {
    fabricmirror = {
      source = "fabricmirror/fabricmirror"
    }
  }
}

variable "connection_string" {
  type    = string
  default = "Server=tcp:mi.public.abc123.database.windows.net,3342;Initial Catalog=Sales;Encrypt=True;"
}

locals {
  server = provider::fabricmirror::parse_server(var.connection_string)
}

output "zone" {
  value = local.server.zone # abc123
}

output "server" {
  value = "${local.server.host},${local.server.port}" # mi.public.abc123.database.windows.net,3342
}
