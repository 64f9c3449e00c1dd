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

# Messages of severity 10 are no errors to FreeTDS, which knows them as 0.
cursor = connection.cursor()
for informs in [
    "EXEC sp_rename 'dbo.OrderLines', 'Lines'",
    "EXEC sp_rename 'dbo.Lines', 'OrderLines'",
    "RAISERROR (N'said', 10, 1)",
    "PRINT N'said'",
    "USE master",
    "USE Sales",
]:
    cursor.execute(informs)
# One of 16 is one.
try:
    cursor.execute("RAISERROR (N'said', 16, 1)")
    raise SystemExit("an error was not told")
except pymssql.Error as error:
    assert error.args[0] == 50000, repr(error)
print("ok")
