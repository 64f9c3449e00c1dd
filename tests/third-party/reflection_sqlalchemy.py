"""SQLAlchemy's MSSQL dialect, over pymssql, reflects the Sales database. Argument: the emulator's ready-file."""

import sqlalchemy
import tutorial

server = tutorial.ready_file()["sql"]
engine = sqlalchemy.create_engine(
    sqlalchemy.URL.create(
        "mssql+pymssql",
        username=server["username"],
        password=server["password"],
        host=server["host"],
        port=server["port"],
        database="Sales",
    )
)

inspector = sqlalchemy.inspect(engine)
assert inspector.default_schema_name == "dbo"
assert {"dbo", "sales"} <= set(inspector.get_schema_names())
assert sorted(inspector.get_table_names()) == ["Customers", "Documents", "Measurements", "OrderLines", "Orders"]
assert inspector.get_table_names("sales") == ["Regions"]
assert inspector.get_view_names() == []
assert inspector.has_table("Orders") and not inspector.has_table("Nothing")
(index,) = inspector.get_indexes("Measurements")
assert index["name"] == "CCI_Measurements" and index["dialect_options"]["mssql_columnstore"]
# Columns and primary keys are not asserted: the emulator lacks views that SQLAlchemy reads for them
# (sys.default_constraints, INFORMATION_SCHEMA.KEY_COLUMN_USAGE).
print("ok")
