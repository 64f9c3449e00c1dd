"""The tutorial's T-SQL, typed into an unmodified pymssql: argument is the emulator's ready-file."""

import json
import sys

import pymssql

ready = json.load(open(sys.argv[1], encoding="utf-8"))["sql"]
PASSWORD = "Strong-Passw0rd-2025"


def connect(database, user=ready["username"], password=ready["password"]):
    return pymssql.connect(
        server=ready["host"], port=str(ready["port"]), user=user, password=password, database=database, autocommit=True
    )


def refused(number, action):
    """The action fails, with this error number of the server."""
    try:
        action()
    except pymssql.Error as error:
        text = str(error.args)
        assert str(number) in text, f"expected {number}, got {text}"
    else:
        raise AssertionError(f"nothing was refused; expected {number}")


def rows(cursor, query):
    cursor.execute(query)
    return cursor.fetchall()


with connect("master") as master:
    cursor = master.cursor()
    cursor.execute(f"CREATE LOGIN [tutorial_login] WITH PASSWORD = '{PASSWORD}';")
    cursor.execute("ALTER SERVER ROLE [##MS_ServerStateReader##] ADD MEMBER [tutorial_login];")
    assert rows(cursor, "SELECT name, type_desc FROM sys.server_principals WHERE name = 'tutorial_login'") == [
        ("tutorial_login", "SQL_LOGIN")
    ]
    assert rows(
        cursor,
        """SELECT r.name, m.name FROM sys.server_role_members AS rm
           JOIN sys.server_principals AS r ON r.principal_id = rm.role_principal_id
           JOIN sys.server_principals AS m ON m.principal_id = rm.member_principal_id
           WHERE m.name = 'tutorial_login'""",
    ) == [("##MS_ServerStateReader##", "tutorial_login")]
    refused(15025, lambda: cursor.execute(f"CREATE LOGIN [tutorial_login] WITH PASSWORD = '{PASSWORD}';"))
    refused(15151, lambda: cursor.execute("DROP LOGIN [nobody_of_that_name];"))

with connect("Sales") as sales:
    cursor = sales.cursor()
    cursor.execute("CREATE USER [tutorial_user] FOR LOGIN [tutorial_login];")
    cursor.execute("GRANT SELECT, ALTER ANY EXTERNAL MIRROR, VIEW PERFORMANCE DEFINITION TO [tutorial_user];")
    assert rows(
        cursor,
        """SELECT dp.name, sp.name FROM sys.database_principals AS dp
           JOIN sys.server_principals AS sp ON sp.sid = dp.sid WHERE dp.name = 'tutorial_user'""",
    ) == [("tutorial_user", "tutorial_login")]
    assert rows(
        cursor,
        """SELECT permission_name, state_desc FROM sys.database_permissions
           WHERE grantee_principal_id = DATABASE_PRINCIPAL_ID('tutorial_user') ORDER BY permission_name""",
    ) == [
        ("ALTER ANY EXTERNAL MIRROR", "GRANT"),
        ("CONNECT", "GRANT"),
        ("SELECT", "GRANT"),
        ("VIEW PERFORMANCE DEFINITION", "GRANT"),
    ]

# The new login gets in, sees the tables, and may do no more than it was given.
with connect("Sales", "tutorial_login", PASSWORD) as visitor:
    cursor = visitor.cursor()
    assert rows(cursor, "SELECT COUNT(*) FROM dbo.Customers")[0][0] > 0
    refused(229, lambda: cursor.execute("DELETE FROM dbo.Customers"))

refused(18456, lambda: connect("master", ready["username"], "wrong"))
# The server sends 4060 and then 18456; pymssql keeps the more severe one. The journal, and other clients, show the first.
refused(18456, lambda: connect("NoSuchDatabase"))

with connect("Sales") as sales:
    sales.cursor().execute("DROP USER [tutorial_user];")
with connect("master") as master:
    master.cursor().execute("DROP LOGIN [tutorial_login];")
print("ok")
