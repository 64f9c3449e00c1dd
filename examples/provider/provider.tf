terraform {
  required_version = ">= 1.11"
  required_providers {
    fabricmirror = {
      source = "fabricmirror/fabricmirror"
    }
  }
}

variable "fabric_client_secret" {
  type      = string
  ephemeral = true
}

# An application calls Fabric; without a user name it logs in to the instance too, with an Entra token.
provider "fabricmirror" {
  tenant_id     = "5c0ffee0-7e2a-4a0e-9a44-0d8f2a3b1c01"
  client_id     = "a11ce000-52d1-4c7b-b0a9-3e4f5a6b7c03"
  client_secret = var.fabric_client_secret

  sql = {
    server = "mi.public.abc123.database.windows.net,3342"
  }
}

# A job of GitHub Actions with `permissions: id-token: write`: no secret, the job itself is the proof.
provider "fabricmirror" {
  alias = "pipeline"

  tenant_id = "5c0ffee0-7e2a-4a0e-9a44-0d8f2a3b1c01"
  client_id = "a11ce000-52d1-4c7b-b0a9-3e4f5a6b7c03"
  use_oidc  = true

  sql = {
    server = "mi.public.abc123.database.windows.net,3342"
  }
}

# An instance behind a private endpoint with a zone of its own; the identity is proved with a certificate.
provider "fabricmirror" {
  alias = "private"

  tenant_id                    = "5c0ffee0-7e2a-4a0e-9a44-0d8f2a3b1c01"
  client_id                    = "a11ce000-52d1-4c7b-b0a9-3e4f5a6b7c03"
  client_certificate_file_path = "/etc/terraform/fabric.pem"

  sql = {
    server                   = "mi.privatelink.contoso.net"
    host_name_in_certificate = "mi.abc123.database.windows.net"
  }
}
