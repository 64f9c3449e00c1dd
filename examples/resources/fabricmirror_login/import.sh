# [server/]name: the server may be left out for the provider's own.
terraform import fabricmirror_login.fabric 'fabric_login'
