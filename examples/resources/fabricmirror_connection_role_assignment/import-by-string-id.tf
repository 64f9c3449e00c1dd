# connection/assignment
import {
  to = fabricmirror_connection_role_assignment.data_team
  id = "c0ffee00-6a7b-4c8d-9e0f-1a2b3c4d5e10/da7a7ea1-3d4e-4f5a-8b7c-8d9e0f1a2b07"
}
