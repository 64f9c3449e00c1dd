# Who reports from this database; the role and what it may do outlive each of them.
resource "fabricmirror_database_role" "reporting" {
  database = "Sales"
  name     = "reporting"
  owner    = "dbo"
}

resource "fabricmirror_database_grants" "reporting" {
  database    = fabricmirror_database_role.reporting.database
  principal   = fabricmirror_database_role.reporting.principal
  permissions = ["SELECT"]
}

resource "fabricmirror_database_user" "report_reader" {
  database   = "Sales"
  name       = "report_reader"
  login_name = "report_reader"
  roles      = [fabricmirror_database_role.reporting.principal]
}
