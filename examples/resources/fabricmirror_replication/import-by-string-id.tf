# workspace/item
import {
  to = fabricmirror_replication.sales
  id = "3095face-5f6a-4b7c-8d9e-0f1a2b3c4d09/5a1e5000-7b8c-4d9e-8f0a-1b2c3d4e5f11"
}
