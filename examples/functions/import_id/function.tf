terraform {
  required_providers {
    fabricmirror = {
      source = "fabricmirror/fabricmirror"
    }
  }
}

import {
  to = fabricmirror_database_user.fabric
  id = provider::fabricmirror::import_id("database_user", ["Sales", "fabric_user"])
}

resource "fabricmirror_database_user" "fabric" {
  database   = "Sales"
  name       = "fabric_user"
  login_name = "fabric_login"
}
