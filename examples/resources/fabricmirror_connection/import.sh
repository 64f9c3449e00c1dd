# The connection's id.
terraform import fabricmirror_connection.sales 'c0ffee00-6a7b-4c8d-9e0f-1a2b3c4d5e10'
