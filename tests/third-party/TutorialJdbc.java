import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.sql.*;
import java.util.*;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;

/** Microsoft's JDBC driver, which checks the certificate. Argument: the ready-file; a trust store is put beside it. */
final class TutorialJdbc {
    private static final String PASSWORD = "Strong-Passw0rd-2025";
    private static String ready;
    private static Path trustStore;

    /** The first value of that name; those of the instance come first in the file. */
    private static String value(String name) {
        var found = Pattern.compile("\"" + name + "\":\\s*\"?([^\",}\\s]*)").matcher(ready);
        if (!found.find()) throw new AssertionError("the ready-file lacks " + name);
        return found.group(1);
    }

    private static Connection connect(String encrypt, String database, String user, String password) throws Exception {
        var properties = new Properties();
        properties.put("databaseName", database);
        properties.put("user", user);
        properties.put("password", password);
        properties.put("encrypt", encrypt);
        properties.put("connectRetryCount", "0"); // it would try 4060 again after ten seconds
        if (trustStore != null) {
            properties.put("trustStore", trustStore.toString());
            properties.put("trustStorePassword", PASSWORD);
        }
        return DriverManager.getConnection("jdbc:sqlserver://" + value("host") + ":" + value("port"), properties);
    }

    private static Connection admin(String database) throws Exception {
        return connect("true", database, value("username"), value("password"));
    }

    /** The rows' columns, separated by bars. */
    private static List<String> rows(Connection connection, String query, Object... parameters) throws SQLException {
        try (var statement = connection.prepareStatement(query)) {
            for (int i = 0; i < parameters.length; i++) statement.setObject(i + 1, parameters[i]);
            var lines = new ArrayList<String>();
            if (!statement.execute()) return lines;
            var found = statement.getResultSet();
            while (found.next()) {
                var line = new ArrayList<String>();
                for (int i = 1; i <= found.getMetaData().getColumnCount(); i++) line.add(found.getString(i));
                lines.add(String.join("|", line));
            }
            return lines;
        }
    }

    private static boolean run(Connection connection, String text) throws SQLException {
        try (var statement = connection.createStatement()) {
            return statement.execute(text);
        }
    }

    private static void same(Object got, Object expected) {
        if (!expected.equals(got)) throw new AssertionError("expected " + expected + ", got " + got);
    }

    private static void refused(int number, String text, Callable<?> action) throws Exception {
        try {
            action.call();
        } catch (SQLException error) {
            if (error.getErrorCode() == number && error.getMessage().contains(text)) return;
            throw new AssertionError("expected " + number + " " + text + ", got " + error.getErrorCode(), error);
        }
        throw new AssertionError("nothing was refused; expected " + number);
    }

    private interface Described {
        ResultSet rows() throws SQLException;
    }

    /** The named columns of the rows, separated by bars. */
    private static List<String> picked(Described described, String... names) throws SQLException {
        try (var found = described.rows()) {
            var lines = new ArrayList<String>();
            while (found.next()) {
                var line = new ArrayList<String>();
                for (var name : names) line.add(found.getString(name));
                lines.add(String.join("|", line));
            }
            return lines;
        }
    }

    /** DatabaseMetaData, which asks the catalog procedures, some of them through table variables. */
    private static void described() throws Exception {
        try (var sales = admin("Sales")) {
            run(sales, "ALTER TABLE dbo.Orders ADD CONSTRAINT FK_Orders FOREIGN KEY (CustomerId) REFERENCES dbo.Customers (CustomerId)");
            var meta = sales.getMetaData();
            same(picked(() -> meta.getTables(null, null, "Or%", new String[]{"TABLE"}), "TABLE_SCHEM", "TABLE_NAME"),
                List.of("dbo|OrderLines", "dbo|Orders"));
            same(picked(() -> meta.getTables("Inventory", null, "Stock", null), "TABLE_CAT", "TABLE_NAME"),
                List.of("Inventory|Stock"));
            same(picked(() -> meta.getColumns(null, "dbo", "Orders", null),
                    "COLUMN_NAME", "DATA_TYPE", "TYPE_NAME", "COLUMN_SIZE", "DECIMAL_DIGITS", "IS_NULLABLE"),
                List.of("OrderId|4|int|10|0|NO", "CustomerId|4|int|10|0|NO", "OrderedOn|91|date|10|0|NO",
                    "Total|3|decimal|10|2|NO"));
            same(picked(() -> meta.getPrimaryKeys(null, "dbo", "OrderLines"), "COLUMN_NAME", "KEY_SEQ", "PK_NAME"),
                List.of("OrderId|1|PK_OrderLines", "LineNumber|2|PK_OrderLines"));
            var keys = List.of("Customers|CustomerId|Orders|CustomerId|FK_Orders|3");
            var names = new String[]{"PKTABLE_NAME", "PKCOLUMN_NAME", "FKTABLE_NAME", "FKCOLUMN_NAME", "FK_NAME", "DELETE_RULE"};
            same(picked(() -> meta.getImportedKeys(null, "dbo", "Orders"), names), keys);
            same(picked(() -> meta.getExportedKeys(null, "dbo", "Customers"), names), keys);
            same(picked(() -> meta.getIndexInfo(null, "dbo", "Orders", false, false), "TYPE", "INDEX_NAME", "COLUMN_NAME", "CARDINALITY"),
                List.of("0|null|null|5", "1|PK_Orders|OrderId|5"));
            same(picked(() -> meta.getBestRowIdentifier(null, "dbo", "OrderLines", 0, true), "COLUMN_NAME"),
                List.of("OrderId", "LineNumber"));
            same(picked(() -> meta.getVersionColumns(null, "dbo", "OrderLines"), "COLUMN_NAME"), List.of());
            same(picked(() -> meta.getTablePrivileges(null, "dbo", "Orders"), "GRANTEE", "PRIVILEGE").size(), 5);
            same(picked(() -> meta.getColumnPrivileges(null, "dbo", "Orders", "Total"), "GRANTEE", "PRIVILEGE").size(), 4);
            same(picked(() -> meta.getProcedures(null, null, "sp_who"), "PROCEDURE_NAME"), List.of("sp_who;1"));
            same(picked(() -> meta.getProcedureColumns(null, null, "sp_who", "%"), "COLUMN_NAME"), List.of());
            same(picked(meta::getTypeInfo, "TYPE_NAME").size(), 37);
            same(meta.getMaxConnections(), 32767);
            same(picked(meta::getCatalogs, "TABLE_CAT").contains("Sales"), true);
            same(picked(meta::getSchemas, "TABLE_SCHEM").contains("sales"), true);
            run(sales, "ALTER TABLE dbo.Orders DROP CONSTRAINT FK_Orders");
        }
    }

    public static void main(String[] arguments) throws Exception {
        ready = Files.readString(Path.of(arguments[0]));
        // Without the authority's certificate nothing is trusted.
        refused(0, "PKIX path building failed", () -> admin("master"));
        trustStore = Path.of(arguments[0] + ".p12");
        var store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        var pem = Files.newInputStream(Path.of(value("ca_certificate_file")));
        store.setCertificateEntry("emulator", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        store.store(Files.newOutputStream(trustStore), PASSWORD.toCharArray());

        try (var master = admin("master")) {
            var create = "CREATE LOGIN [tutorial_login] WITH PASSWORD = '" + PASSWORD + "';";
            run(master, create);
            run(master, "ALTER SERVER ROLE [##MS_ServerStateReader##] ADD MEMBER [tutorial_login];");
            same(rows(master, "SELECT name, type_desc FROM sys.server_principals WHERE name = 'tutorial_login'"),
                List.of("tutorial_login|SQL_LOGIN"));
            same(rows(master, """
                SELECT r.name, m.name FROM sys.server_role_members AS rm
                JOIN sys.server_principals AS r ON r.principal_id = rm.role_principal_id
                JOIN sys.server_principals AS m ON m.principal_id = rm.member_principal_id
                WHERE m.name = ?""", "tutorial_login"), List.of("##MS_ServerStateReader##|tutorial_login"));
            refused(15025, "The server principal 'tutorial_login' already exists.", () -> run(master, create));
            refused(15151, "Cannot drop the login", () -> run(master, "DROP LOGIN [nobody_of_that_name];"));
        }

        try (var sales = admin("Sales")) {
            run(sales, "CREATE USER [tutorial_user] FOR LOGIN [tutorial_login];");
            run(sales, "GRANT SELECT, ALTER ANY EXTERNAL MIRROR, VIEW PERFORMANCE DEFINITION TO [tutorial_user];");
            same(rows(sales, """
                SELECT dp.name, sp.name FROM sys.database_principals AS dp
                JOIN sys.server_principals AS sp ON sp.sid = dp.sid WHERE dp.name = 'tutorial_user'"""),
                List.of("tutorial_user|tutorial_login"));
            same(rows(sales, """
                SELECT permission_name, state_desc FROM sys.database_permissions
                WHERE grantee_principal_id = DATABASE_PRINCIPAL_ID('tutorial_user') ORDER BY permission_name"""),
                List.of("ALTER ANY EXTERNAL MIRROR|GRANT", "CONNECT|GRANT", "SELECT|GRANT",
                    "VIEW PERFORMANCE DEFINITION|GRANT"));
        }

        // The new login gets in, over the strict TLS of TDS 8, sees the tables, and may do no more than it was given.
        try (var visitor = connect("strict", "Sales", "tutorial_login", PASSWORD)) {
            same(rows(visitor, "SELECT SUSER_SNAME(), USER_NAME()"), List.of("tutorial_login|tutorial_user"));
            same(rows(visitor, "SELECT Name FROM sales.Regions ORDER BY RegionId"), List.of("North", "South", "West"));
            var third = rows(visitor, "SELECT CustomerId, Email FROM dbo.Customers WHERE CustomerId = ?", 3);
            same(third, List.of("3|null"));
            refused(229, "permission was denied", () -> run(visitor, "DELETE FROM dbo.Customers"));
        }

        // Parameters, and a transaction that leaves nothing behind.
        try (var sales = admin("Sales")) {
            sales.setAutoCommit(false);
            var name = "Zażółć 😀 'quoted'";
            var day = java.sql.Date.valueOf("2026-04-30");
            rows(sales, "INSERT INTO dbo.Orders VALUES (?, ?, ?, ?)", 2001, 4, day, new BigDecimal("99.95"));
            same(rows(sales, "SELECT CustomerId, OrderedOn, Total FROM dbo.Orders WHERE OrderId = ?", 2001),
                List.of("4|2026-04-30|99.95"));
            rows(sales, "INSERT INTO dbo.OrderLines VALUES (2001, 1, ?, 3)", name);
            same(rows(sales, "SELECT Product FROM dbo.OrderLines WHERE Product = ?", name), List.of(name));
            sales.rollback();
            same(rows(sales, "SELECT COUNT(*) FROM dbo.Orders"), List.of("5"));
            sales.rollback();
        }

        described();

        refused(18456, "Login failed for user", () -> connect("true", "master", value("username"), "wrong"));
        refused(4060, "Cannot open database \"NoSuchDatabase\"", () -> admin("NoSuchDatabase"));

        try (var sales = admin("Sales"); var master = admin("master")) {
            run(sales, "DROP USER [tutorial_user];");
            run(master, "DROP LOGIN [tutorial_login];");
        }
        System.out.println("ok");
    }
}
