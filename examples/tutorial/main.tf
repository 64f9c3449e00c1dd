# The whole job: the tables of a database of an Azure SQL Managed Instance, mirrored into Microsoft Fabric.
#
# Credentials come from the environment: FABRIC_TENANT_ID, FABRIC_CLIENT_ID and FABRIC_CLIENT_SECRET for Fabric,
# FABRICMIRROR_SQL_USERNAME and FABRICMIRROR_SQL_PASSWORD for the instance.

terraform {
  required_version = ">= 1.11"
  required_providers {
    fabricmirror = {
      source = "fabricmirror/fabricmirror"
    }
  }
}

variable "server" {
  type        = string
  description = "The instance, as in mi.public.abc123.database.windows.net,3342"
}

variable "database" {
  type        = string
  description = "The database to mirror"
}

variable "workspace_id" {
  type        = string
  description = "The Fabric workspace that gets the mirror"
}

variable "instance_identity_object_id" {
  type        = string
  description = "Object id of the instance's system-assigned managed identity"
}

# Needed by plan, apply of a saved plan, and destroy: set TF_VAR_password_seed.
variable "password_seed" {
  type        = string
  ephemeral   = true
  description = "A long random text from which the login's password is derived"
}

locals {
  password_version = 1 # raise it to rotate the password
}

provider "fabricmirror" {
  sql = {
    server = var.server
  }
}

# Same seed, same password, on every run and machine; stored nowhere.
ephemeral "fabricmirror_password" "fabric" {
  length = 32
  derive = {
    seed    = var.password_seed
    context = "tutorial/fabric_login"
    version = local.password_version
  }
}

resource "fabricmirror_login" "fabric" {
  name                = "fabric_login"
  password_wo         = ephemeral.fabricmirror_password.fabric.result
  password_wo_version = local.password_version
  server_roles        = ["##MS_ServerStateReader##"]
}

resource "fabricmirror_database_user" "fabric" {
  database   = var.database
  name       = "fabric_user"
  login_name = fabricmirror_login.fabric.name
  roles      = []
}

resource "fabricmirror_database_grants" "fabric" {
  database    = fabricmirror_database_user.fabric.database
  principal   = fabricmirror_database_user.fabric.principal
  permissions = provider::fabricmirror::mirroring_permissions("2025-05")
}

# The instance's own identity publishes the rows into OneLake.
resource "fabricmirror_workspace_role_assignment" "instance" {
  workspace_id = var.workspace_id
  principal = {
    id   = var.instance_identity_object_id
    type = "ServicePrincipal"
  }
  role = "Contributor"
}

resource "fabricmirror_connection" "source" {
  display_name = "tutorial-${var.database}"
  server       = var.server
  database     = fabricmirror_database_grants.fabric.database
  basic = {
    username            = fabricmirror_database_user.fabric.login_name
    password_wo         = ephemeral.fabricmirror_password.fabric.result
    password_wo_version = local.password_version
  }
}

resource "fabricmirror_mirrored_database" "source" {
  workspace_id   = var.workspace_id
  display_name   = var.database
  connection_id  = fabricmirror_connection.source.id
  default_schema = "dbo"
}

resource "fabricmirror_replication" "source" {
  workspace_id         = var.workspace_id
  mirrored_database_id = fabricmirror_mirrored_database.source.id
  principal            = fabricmirror_database_grants.fabric.principal # whom the connection logs in as
  state                = "running"
  depends_on           = [fabricmirror_workspace_role_assignment.instance]
}

data "fabricmirror_replication_status" "source" {
  workspace_id         = var.workspace_id
  mirrored_database_id = fabricmirror_replication.source.mirrored_database_id
}

output "state" {
  description = "Running, when every table is replicating"
  value       = data.fabricmirror_replication_status.source.state
}
