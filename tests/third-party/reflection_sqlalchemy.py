"""SQLAlchemy's MSSQL dialect, over pymssql, reflects the Sales database as it is, and what it makes itself.

Argument: the emulator's ready-file."""

from decimal import Decimal

import sqlalchemy as sa
import tutorial
from sqlalchemy.dialects import mssql

server = tutorial.ready_file()["sql"]
engine = sa.create_engine(
    sa.URL.create(
        "mssql+pymssql",
        username=server["username"],
        password=server["password"],
        host=server["host"],
        port=server["port"],
        database="Sales",
    )
)
COLLATION = "SQL_Latin1_General_CP1_CI_AS"


def same(found, expected, what):
    assert found == expected, f"{what}: {found!r} instead of {expected!r}"


def columns(inspector, table, schema=None):
    """Name, type as DDL, whether NULL is taken."""
    return [
        (c["name"], c["type"].compile(dialect=engine.dialect).replace(f" COLLATE {COLLATION}", ""), c["nullable"])
        for c in inspector.get_columns(table, schema)
    ]


# What the scenario made.
inspector = sa.inspect(engine)
same(inspector.default_schema_name, "dbo", "default schema")
assert {"dbo", "sales"} <= set(inspector.get_schema_names())
DBO = {
    "Customers": [
        ("CustomerId", "INTEGER", False),
        ("RegionId", "INTEGER", False),
        ("Name", "NVARCHAR(100)", False),
        ("Email", "NVARCHAR(200)", True),
    ],
    "Documents": [("DocumentId", "INTEGER", False), ("Title", "NVARCHAR(100)", False), ("Content", "XML", True)],
    "Measurements": [("MeasurementId", "INTEGER", False), ("Value", "FLOAT(53)", False)],
    "OrderLines": [
        ("OrderId", "INTEGER", False),
        ("LineNumber", "INTEGER", False),
        ("Product", "NVARCHAR(100)", False),
        ("Quantity", "INTEGER", False),
    ],
    "Orders": [
        ("OrderId", "INTEGER", False),
        ("CustomerId", "INTEGER", False),
        ("OrderedOn", "DATE", False),
        ("Total", "DECIMAL(10, 2)", False),
    ],
}
KEYS = {
    "Customers": ("PK_Customers", ["CustomerId"]),
    "Documents": ("PK_Documents", ["DocumentId"]),
    "Measurements": (None, []),
    "OrderLines": ("PK_OrderLines", ["OrderId", "LineNumber"]),
    "Orders": ("PK_Orders", ["OrderId"]),
}
same(sorted(inspector.get_table_names()), sorted(DBO), "tables of dbo")
same(inspector.get_table_names("sales"), ["Regions"], "tables of sales")
same(inspector.get_view_names(), [], "views")
assert inspector.has_table("Orders") and not inspector.has_table("Nothing")
for table, expected in DBO.items():
    same(columns(inspector, table), expected, table)
    key = inspector.get_pk_constraint(table)
    same((key["name"], key["constrained_columns"]), KEYS[table], f"key of {table}")
    same(inspector.get_foreign_keys(table), [], f"foreign keys of {table}")
same(inspector.get_pk_constraint("Orders")["dialect_options"], {"mssql_clustered": 1}, "a clustered key")
same(columns(inspector, "Regions", "sales"), [("RegionId", "INTEGER", False), ("Name", "NVARCHAR(50)", False)], "Regions")
(index,) = inspector.get_indexes("Measurements")
assert index["name"] == "CCI_Measurements" and index["dialect_options"]["mssql_columnstore"]
for table in set(DBO) - {"Measurements"}:
    same(inspector.get_indexes(table), [], f"indexes of {table}")
for schema, names in [("dbo", {f"dbo.{t}" for t in DBO}), ("sales", {"sales.Regions"})]:
    metadata = sa.MetaData()
    metadata.reflect(engine, schema=schema)
    same(set(metadata.tables), names, f"reflected from {schema}")

# What the dialect makes comes back.
made = sa.MetaData()
sa.Table(
    "Suppliers",
    made,
    sa.Column("SupplierId", sa.Integer, sa.Identity(start=100, increment=5), primary_key=True),
    sa.Column("Code", sa.String(8), nullable=False, unique=True),
    sa.Column("Founded", sa.Date),
    sa.Column("Rating", sa.Numeric(38, 10), server_default=sa.text("1.5"), comment="Of ten"),
    sa.Column("Token", mssql.UNIQUEIDENTIFIER),
    sa.Column("Changed", mssql.DATETIME2(3), nullable=False, server_default=sa.text("getdate()")),
    sa.CheckConstraint("Rating > 0", name="CK_Rating"),
    schema="sales",
    comment="Who delivers",
)
sa.Table(
    "Deliveries",
    made,
    sa.Column("SupplierId", sa.Integer, sa.ForeignKey("sales.Suppliers.SupplierId", name="FK_Supplier", ondelete="CASCADE")),
    sa.Column("Number", sa.BigInteger, nullable=False),
    sa.Column("Parent", sa.BigInteger),
    sa.Column("Quantity", sa.SmallInteger, nullable=False),
    sa.Column("Price", mssql.MONEY, nullable=False),
    sa.Column("Cost", mssql.MONEY, sa.Computed("Quantity * Price", persisted=True)),
    sa.Column("Blob", sa.LargeBinary),
    sa.PrimaryKeyConstraint("Number", name="PK_Deliveries", mssql_clustered=False),
    sa.ForeignKeyConstraint(["Parent"], ["sales.Deliveries.Number"], name="FK_Parent"),
    sa.Index("IX_Supplier", "SupplierId", mssql_include=["Price"]),
    sa.Index("UX_Quantity", "Quantity", unique=True, mssql_where=sa.text("Quantity > 5")),
    schema="sales",
)
made.create_all(engine)
with engine.begin() as connection:
    connection.exec_driver_sql("CREATE VIEW sales.Costly AS SELECT Number, Cost FROM sales.Deliveries WHERE Cost > 10")
inspector = sa.inspect(engine)
same(
    columns(inspector, "Suppliers", "sales"),
    [
        ("SupplierId", "INTEGER", False),
        ("Code", "VARCHAR(8)", False),
        ("Founded", "DATE", True),
        ("Rating", "NUMERIC(38, 10)", True),
        ("Token", "UNIQUEIDENTIFIER", True),
        ("Changed", "DATETIME2", False),
    ],
    "Suppliers",
)
suppliers = {c["name"]: c for c in inspector.get_columns("Suppliers", "sales")}
same(suppliers["SupplierId"]["identity"], {"start": 100, "increment": 5}, "identity")
same(suppliers["Rating"]["default"], "((1.5))", "a number as default")
same(suppliers["Changed"]["default"], "(getdate())", "a function as default")
same(suppliers["Rating"]["comment"], "Of ten", "a column's comment")
same(inspector.get_table_comment("Suppliers", "sales"), {"text": "Who delivers"}, "a table's comment")
unique = [i for i in inspector.get_indexes("Suppliers", "sales") if i["unique"]]
same([i["column_names"] for i in unique], [["Code"]], "a unique constraint's index")
deliveries = {c["name"]: c for c in inspector.get_columns("Deliveries", "sales")}
same(deliveries["Cost"]["computed"], {"sqltext": "([Quantity]*[Price])", "persisted": True}, "a computed column")
same(deliveries["Blob"]["type"].length, None, "varbinary(max)")
key = inspector.get_pk_constraint("Deliveries", "sales")
same((key["constrained_columns"], key["name"]), (["Number"], "PK_Deliveries"), "key of Deliveries")
same(key["dialect_options"], {"mssql_clustered": 0}, "a nonclustered key")
foreign = {k["name"]: k for k in inspector.get_foreign_keys("Deliveries", "sales")}
same(sorted(foreign), ["FK_Parent", "FK_Supplier"], "foreign keys")
for name, mine, table, other, options in [
    ("FK_Parent", ["Parent"], "Deliveries", ["Number"], {}),
    ("FK_Supplier", ["SupplierId"], "Suppliers", ["SupplierId"], {"ondelete": "CASCADE"}),
]:
    k = foreign[name]
    same((k["constrained_columns"], k["referred_schema"], k["referred_table"]), (mine, "sales", table), name)
    same((k["referred_columns"], k["options"]), (other, options), name)
indexes = {i["name"]: i for i in inspector.get_indexes("Deliveries", "sales")}
same(sorted(indexes), ["IX_Supplier", "UX_Quantity"], "indexes")
same(indexes["IX_Supplier"]["column_names"], ["SupplierId"], "an index's columns")
same(indexes["IX_Supplier"]["dialect_options"]["mssql_include"], ["Price"], "included columns")
same(indexes["UX_Quantity"]["dialect_options"]["mssql_where"], "([Quantity]>(5))", "a filter")
same(inspector.get_view_names("sales"), ["Costly"], "views of sales")
same(columns(inspector, "Costly", "sales"), [("Number", "BIGINT", False), ("Cost", "MONEY", True)], "a view's columns")
assert inspector.get_view_definition("Costly", "sales").startswith("CREATE VIEW sales.Costly AS")

# Rows through the reflected tables, exact to the last digit.
metadata = sa.MetaData()
metadata.reflect(engine, schema="sales", views=True)
suppliers, deliveries = metadata.tables["sales.Suppliers"], metadata.tables["sales.Deliveries"]
with engine.begin() as connection:


    rating = Decimal("1234567890123456789012345678.0123456789")
    inserted = connection.execute(suppliers.insert().values(Code="A", Rating=rating))
    same(inserted.inserted_primary_key[0], 100, "the first identity value")
    same(connection.execute(sa.select(suppliers.c.Rating)).scalar(), rating, "38 digits")
    connection.execute(deliveries.insert().values(Number=1, SupplierId=100, Quantity=3, Price=Decimal("2.5")))
    same(connection.execute(sa.select(deliveries.c.Cost)).scalar(), Decimal("7.5"), "a computed value")
for broken in [
    deliveries.insert().values(Number=2, SupplierId=7, Quantity=1, Price=1),
    deliveries.insert().values(Number=2, Parent=7, Quantity=1, Price=1),
    suppliers.insert().values(Code="B", Rating=-1),
]:
    try:
        with engine.begin() as connection:
            connection.execute(broken)
        raise SystemExit(f"taken: {broken}")
    except sa.exc.IntegrityError as error:
        same(error.orig.args[0], 547, str(broken))
with engine.begin() as connection:
    connection.execute(suppliers.delete())
    same(connection.execute(sa.select(sa.func.count()).select_from(deliveries)).scalar(), 0, "what CASCADE left")
print("ok")
