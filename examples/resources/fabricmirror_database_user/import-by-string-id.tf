# [server/]database/name, each part percent-encoded.
import {
  to = fabricmirror_database_user.fabric
  id = "Sales/fabric_user"
}
