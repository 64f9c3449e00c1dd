# The connection's id.
import {
  to = fabricmirror_connection.sales
  id = "c0ffee00-6a7b-4c8d-9e0f-1a2b3c4d5e10"
}
