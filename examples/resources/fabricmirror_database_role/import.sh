# [server/]database/name, each part percent-encoded.
terraform import fabricmirror_database_role.reporting 'Sales/reporting'
