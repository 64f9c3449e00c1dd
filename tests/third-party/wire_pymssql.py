"""The wire, read by pymssql (FreeTDS inside). Argument: the emulator's ready-file."""

import pymssql
import tutorial
import wire

server = tutorial.ready_file()["sql"]
connection = pymssql.connect(
    server=server["host"],
    port=str(server["port"]),
    user=server["username"],
    password=server["password"],
    database="Sales",
    autocommit=True,
    encryption="require",
)
wire.run(pymssql, connection, lambda error: error.args[0])
print("ok")
