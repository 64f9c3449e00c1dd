# [server/]database/name, each part percent-encoded.
import {
  to = fabricmirror_database_role.reporting
  id = "Sales/reporting"
}
