# Entra principals in the place of a SQL login: a user by name, a group by name or object id, an application by client id.
# Server and credentials come from the environment. Who makes an Entra login is an Entra principal, or a member of sysadmin.

terraform {
  required_providers {
    fabricmirror = { source = "fabricmirror/fabricmirror" }
  }
}

variable "database" {
  type    = string
  default = "Sales"
}

variable "application" {
  type = object({ name = string, client_id = string })
}

# The tutorial's second form: CREATE LOGIN [bob@contoso.com] FROM EXTERNAL PROVIDER.
resource "fabricmirror_login" "bob" {
  name  = "bob@contoso.com"
  entra = { type = "user" }
}

resource "fabricmirror_database_user" "bob" {
  database   = var.database
  name       = fabricmirror_login.bob.name # EXECUTE AS USER wants one name
  login_name = fabricmirror_login.bob.principal
}

resource "fabricmirror_database_grants" "bob" {
  database    = fabricmirror_database_user.bob.database
  principal   = fabricmirror_database_user.bob.principal
  permissions = provider::fabricmirror::mirroring_permissions("2025-12")
}

# Whoever is in the group logs in by it.
resource "fabricmirror_login" "team" {
  name         = "Data Team"
  entra        = { type = "group" }
  server_roles = ["##MS_ServerStateReader##"]
}

# An application, by its client id: nobody is asked for it, so it may be newer than the directory knows.
resource "fabricmirror_login" "application" {
  name  = var.application.name
  entra = { type = "service_principal", client_id = var.application.client_id }
}

# Without a login: it enters this database alone.
resource "fabricmirror_database_user" "application" {
  database = "Inventory"
  name     = var.application.name
  entra    = { type = "service_principal", client_id = var.application.client_id }
  roles    = ["db_datareader"]
}
