# [server/]database/principal, each part percent-encoded.
terraform import fabricmirror_database_grants.fabric 'Sales/fabric_user'
