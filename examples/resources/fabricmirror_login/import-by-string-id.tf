# [server/]name: the server may be left out for the provider's own.
import {
  to = fabricmirror_login.fabric
  id = "fabric_login"
}
