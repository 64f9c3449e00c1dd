-- Database Sales of the default scenario: four tables that mirror whole, one that mirrors without a column, and one
-- that cannot be mirrored.
CREATE SCHEMA sales;
GO
CREATE TABLE sales.Regions (
    RegionId int NOT NULL CONSTRAINT PK_Regions PRIMARY KEY,
    Name     nvarchar(50) NOT NULL
);
CREATE TABLE dbo.Customers (
    CustomerId int NOT NULL CONSTRAINT PK_Customers PRIMARY KEY,
    RegionId   int NOT NULL,
    Name       nvarchar(100) NOT NULL,
    Email      nvarchar(200) NULL
);
CREATE TABLE dbo.Orders (
    OrderId    int NOT NULL CONSTRAINT PK_Orders PRIMARY KEY,
    CustomerId int NOT NULL,
    OrderedOn  date NOT NULL,
    Total      decimal(10, 2) NOT NULL
);
CREATE TABLE dbo.OrderLines (
    OrderId    int NOT NULL,
    LineNumber int NOT NULL,
    Product    nvarchar(100) NOT NULL,
    Quantity   int NOT NULL,
    CONSTRAINT PK_OrderLines PRIMARY KEY (OrderId, LineNumber)
);
CREATE TABLE dbo.Documents (
    DocumentId int NOT NULL CONSTRAINT PK_Documents PRIMARY KEY,
    Title      nvarchar(100) NOT NULL,
    Content    xml NULL
);
CREATE TABLE dbo.Measurements (
    MeasurementId int NOT NULL,
    Value         float NOT NULL
);
CREATE CLUSTERED COLUMNSTORE INDEX CCI_Measurements ON dbo.Measurements;
GO
INSERT INTO sales.Regions (RegionId, Name) VALUES (1, N'North'), (2, N'South'), (3, N'West');
INSERT INTO dbo.Customers (CustomerId, RegionId, Name, Email) VALUES
    (1, 1, N'Adatum', N'orders@adatum.example'),
    (2, 2, N'Fourth Coffee', N'office@fourthcoffee.example'),
    (3, 3, N'Graphic Design Institute', NULL),
    (4, 1, N'Wide World Importers', N'sales@wideworld.example');
INSERT INTO dbo.Orders (OrderId, CustomerId, OrderedOn, Total) VALUES
    (1001, 1, '2026-01-15', 120.50),
    (1002, 2, '2026-01-17', 39.90),
    (1003, 1, '2026-02-02', 860.00),
    (1004, 4, '2026-02-11', 15.25),
    (1005, 3, '2026-03-01', 410.00);
INSERT INTO dbo.OrderLines (OrderId, LineNumber, Product, Quantity) VALUES
    (1001, 1, N'Desk lamp', 2), (1001, 2, N'Light bulb', 10),
    (1002, 1, N'Coffee beans', 3),
    (1003, 1, N'Office chair', 4),
    (1004, 1, N'Paper', 5),
    (1005, 1, N'Whiteboard', 1), (1005, 2, N'Marker', 12);
INSERT INTO dbo.Documents (DocumentId, Title, Content) VALUES
    (1, N'Terms', N'<terms version="1"/>'),
    (2, N'Price list', N'<prices currency="EUR"/>');
INSERT INTO dbo.Measurements (MeasurementId, Value) VALUES (1, 20.5), (2, 21.25), (3, 19.75);
