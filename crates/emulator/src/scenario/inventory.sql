-- Database Inventory of the default scenario.
CREATE TABLE dbo.Products (
    ProductId int NOT NULL CONSTRAINT PK_Products PRIMARY KEY,
    Name      nvarchar(100) NOT NULL,
    Price     decimal(10, 2) NOT NULL
);
CREATE TABLE dbo.Stock (
    ProductId int NOT NULL,
    Warehouse nvarchar(20) NOT NULL,
    Quantity  int NOT NULL,
    CONSTRAINT PK_Stock PRIMARY KEY (ProductId, Warehouse)
);
GO
INSERT INTO dbo.Products (ProductId, Name, Price) VALUES (1, N'Desk lamp', 60.25), (2, N'Office chair', 215.00), (3, N'Paper', 3.05);
INSERT INTO dbo.Stock (ProductId, Warehouse, Quantity) VALUES (1, N'Dublin', 14), (2, N'Dublin', 3), (2, N'Cork', 8), (3, N'Cork', 900);
