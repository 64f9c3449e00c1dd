"""pymssql (FreeTDS inside), which checks no certificate. Argument: the emulator's ready-file."""

import pymssql
import tutorial

server = tutorial.ready_file()["sql"]


def connect(database, user, password, autocommit):
    return pymssql.connect(
        server=server["host"],
        port=str(server["port"]),
        user=user,
        password=password,
        database=database,
        autocommit=autocommit,
        encryption="require",
    )


# Of a failed connection it makes ((number, text),), of a failed statement (number, text).
def number(error):
    first = error.args[0]
    return first[0] if isinstance(first, tuple) else first


# The server sends 4060 and then 18456; pymssql keeps the more severe one.
tutorial.run(pymssql, connect, number, missing_database=18456)
