# [server/]database/principal, each part percent-encoded.
import {
  to = fabricmirror_database_grants.fabric
  id = "Sales/fabric_user"
}
