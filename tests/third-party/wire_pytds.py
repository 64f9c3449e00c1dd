"""The wire, read by python-tds, which also cancels what takes too long. Argument: the emulator's ready-file."""

import pytds
import tutorial
import wire

ready = tutorial.ready_file()


def connect(**more):
    return pytds.connect(
        dsn=ready["sql"]["host"],
        port=ready["sql"]["port"],
        user=ready["sql"]["username"],
        password=ready["sql"]["password"],
        database="Sales",
        autocommit=True,
        cafile=ready["ca_certificate_file"],
        **more,
    )


with connect() as connection:
    wire.run(pytds, connection, lambda error: error.number)
    cursor = connection.cursor()
    cursor.execute("SELECT %s, %s, %s", (1, "x", None))
    assert cursor.fetchall() == [(1, "x", None)]
with connect(timeout=1) as connection:
    try:
        connection.cursor().execute("WAITFOR DELAY '20:00:00'")
        raise SystemExit("a query ran beyond its time")
    except pytds.TimeoutError:
        pass
    # The session goes on: the attention was acknowledged.
    cursor = connection.cursor()
    cursor.execute("SELECT 7")
    assert cursor.fetchall() == [(7,)]
print("ok")
