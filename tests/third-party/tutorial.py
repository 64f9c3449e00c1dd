"""The tutorial's T-SQL, typed into an unmodified DB-API client.

The client's own script says how it connects and where it keeps the server's error number.
"""

import json
import sys
from contextlib import closing
from datetime import date
from decimal import Decimal

PASSWORD = "Strong-Passw0rd-2025"
TEXTS = {
    229: "permission was denied on the object 'Customers'",
    4060: 'Cannot open database "NoSuchDatabase" requested by the login. The login failed.',
    15025: "The server principal 'tutorial_login' already exists.",
    15151: "Cannot drop the login 'nobody_of_that_name', because it does not exist or you do not have permission.",
    18456: "Login failed for user",
}


def ready_file():
    """The emulator's ready-file: the first argument."""
    with open(sys.argv[1], encoding="utf-8") as file:
        return json.load(file)


def rows(cursor, query, *parameters):
    cursor.execute(query, parameters) if parameters else cursor.execute(query)
    return [tuple(row) for row in cursor.fetchall()]


def run(client, connect, number, marker="%s", missing_database=4060):
    """`connect(database, user, password, autocommit)`; `number(error)` is None where the client shows the text only;
    `missing_database` is what the client makes of the pair 4060 and 18456 that the server sends."""
    admin = ready_file()["sql"]

    def session(database, user=admin["username"], password=admin["password"], autocommit=True):
        return closing(connect(database, user, password, autocommit))

    def refused(expected, action):
        try:
            action()
        except client.Error as error:
            shown = number(error)
            right = TEXTS[expected] in str(error) if shown is None else shown == expected
            assert right, f"expected {expected}, got {shown}: {error!r}"
        else:
            raise AssertionError(f"nothing was refused; expected {expected}")

    with session("master") as master:
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

    with session("Sales") as sales:
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
    with session("Sales", "tutorial_login", PASSWORD) as visitor:
        cursor = visitor.cursor()
        assert rows(cursor, "SELECT SUSER_SNAME(), USER_NAME()") == [("tutorial_login", "tutorial_user")]
        assert rows(cursor, "SELECT Name FROM sales.Regions ORDER BY RegionId") == [("North",), ("South",), ("West",)]
        assert rows(cursor, "SELECT CustomerId, Email FROM dbo.Customers WHERE CustomerId = 3") == [(3, None)]
        assert rows(cursor, "SELECT COUNT(*) FROM dbo.OrderLines") == [(7,)]
        refused(229, lambda: cursor.execute("DELETE FROM dbo.Customers"))

    # Parameters, and a transaction that leaves nothing behind.
    order = (2001, 4, date(2026, 4, 30), Decimal("99.95"))
    marked = f"SELECT OrderId, CustomerId, OrderedOn, Total FROM dbo.Orders WHERE OrderId = {marker}"
    with session("Sales", autocommit=False) as sales:
        cursor = sales.cursor()
        cursor.execute(f"INSERT INTO dbo.Orders VALUES ({marker}, {marker}, {marker}, {marker})", order)
        assert rows(cursor, marked, 2001) == [order]
        name, line = "Zażółć 😀 'quoted'", f"VALUES (2001, {marker}, {marker}, {marker})"
        cursor.execute(f"INSERT INTO dbo.OrderLines (OrderId, LineNumber, Product, Quantity) {line}", (1, name, 3))
        assert rows(cursor, f"SELECT Quantity FROM dbo.OrderLines WHERE Product = {marker}", name) == [(3,)]
        assert rows(cursor, "SELECT Product FROM dbo.OrderLines WHERE OrderId = 2001") == [(name,)]
        sales.rollback()
        assert rows(cursor, marked, 2001) == []
        sales.rollback()
    with session("Sales") as sales:
        assert rows(sales.cursor(), "SELECT COUNT(*) FROM dbo.Orders") == [(5,)]

    refused(18456, lambda: connect("master", admin["username"], "wrong", True))
    refused(missing_database, lambda: connect("NoSuchDatabase", admin["username"], admin["password"], True))

    with session("Sales") as sales:
        sales.cursor().execute("DROP USER [tutorial_user];")
    with session("master") as master:
        master.cursor().execute("DROP LOGIN [tutorial_login];")
        assert rows(master.cursor(), "SELECT name FROM sys.server_principals WHERE name = 'tutorial_login'") == []
    print("ok")
