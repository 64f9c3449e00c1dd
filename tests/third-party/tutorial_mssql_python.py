"""Microsoft's mssql-python, which has its ODBC driver with it. Argument: the emulator's ready-file.

It shows the text of a refusal without its number. TLS is the strict one of TDS 8: there, and only there, its driver
takes a certificate to compare with (otherwise an authority has to be in the system's store).
"""

import os
import ssl
import tempfile

import mssql_python
import tutorial

mssql_python.pooling(enabled=False)  # a login cannot be dropped while a pool keeps its connection open
ready = tutorial.ready_file()
server = ready["sql"]
# The server's own certificate, checked against the authority's.
pem = ssl.get_server_certificate((server["host"], server["port"]), ca_certs=ready["ca_certificate_file"])


def connect(database, user, password, autocommit, encryption=None):
    encryption = encryption or f"Encrypt=strict;ServerCertificate={certificate};"
    return mssql_python.connect(
        f"Server={server['host']},{server['port']};Database={database};UID={user};PWD={{{password}}};{encryption}",
        autocommit=autocommit,
    )


with tempfile.TemporaryDirectory() as folder:
    certificate = os.path.join(folder, "server.pem")
    with open(certificate, "w", encoding="ascii") as file:
        file.write(pem)
    admin = ("master", server["username"], server["password"], True)
    # TLS inside TDS: refused for an authority nobody knows, and there when the certificate is not to be checked.
    try:
        connect(*admin, "Encrypt=yes;")
        raise SystemExit("a certificate of a strange authority was accepted")
    except mssql_python.Error as error:
        assert "certificate verify failed" in str(error), repr(error)
    connect(*admin, "Encrypt=yes;TrustServerCertificate=yes;").close()
    # Of 4060 and 18456 it reports the last.
    tutorial.run(mssql_python, connect, lambda error: None, marker="?", missing_database=18456)

    # ODBC's catalog functions, which ask the catalog procedures.
    cursor = connect("Sales", *admin[1:]).cursor()

    def described(names, call):
        call()
        columns = [column[0] for column in cursor.description]
        return [tuple(row[columns.index(name)] for name in names) for row in cursor.fetchall()]

    found = described(["TABLE_SCHEM", "TABLE_NAME"], lambda: cursor.tables(table="Or%", tableType="TABLE"))
    assert found == [("dbo", "OrderLines"), ("dbo", "Orders")], found
    names = ["COLUMN_NAME", "DATA_TYPE", "TYPE_NAME", "COLUMN_SIZE", "DECIMAL_DIGITS"]
    found = described(names, lambda: cursor.columns(table="Orders"))
    assert found[2:] == [("OrderedOn", 91, "date", 10, 0), ("Total", 3, "decimal", 10, 2)], found
    found = described(["COLUMN_NAME", "KEY_SEQ"], lambda: cursor.primaryKeys("OrderLines"))
    assert found == [("OrderId", 1), ("LineNumber", 2)], found
    assert described(["FK_NAME"], lambda: cursor.foreignKeys(table="Orders")) == []
    found = described(["TYPE", "INDEX_NAME", "COLUMN_NAME"], lambda: cursor.statistics("Orders"))
    assert found == [(0, None, None), (1, "PK_Orders", "OrderId")], found
    found = described(["COLUMN_NAME"], lambda: cursor.rowIdColumns("OrderLines"))
    assert found == [("OrderId",), ("LineNumber",)], found
    assert described(["COLUMN_NAME"], lambda: cursor.rowVerColumns("OrderLines")) == []
    assert ("sp_who;1",) in described(["PROCEDURE_NAME"], cursor.procedures)
    assert len(described(["TYPE_NAME"], cursor.getTypeInfo)) == 37
    cursor.close()
