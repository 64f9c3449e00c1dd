# [server/]database/name, each part percent-encoded.
terraform import fabricmirror_database_user.fabric 'Sales/fabric_user'
