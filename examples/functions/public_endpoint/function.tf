terraform {
  required_providers {
    fabricmirror = {
      source = "fabricmirror/fabricmirror"
    }
  }
}

variable "host" {
  type    = string
  default = "mi.abc123.database.windows.net"
}

output "server" {
  value = provider::fabricmirror::public_endpoint(var.host) # mi.public.abc123.database.windows.net,3342
}
