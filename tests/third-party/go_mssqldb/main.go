// go-mssqldb, which checks the server's certificate. Argument: the emulator's ready-file.
package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

const password = "Strong-Passw0rd-2025"

var ready struct {
	SQL map[string]any
	CA  string `json:"ca_certificate_file"`
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func open(database, user, secret string, encrypt, certificate string) *sql.DB {
	query := url.Values{"database": {database}, "encrypt": {encrypt}, "certificate": {certificate}}
	address := url.URL{Scheme: "sqlserver", User: url.UserPassword(user, secret), RawQuery: query.Encode()}
	address.Host = fmt.Sprintf("%v:%v", ready.SQL["host"], ready.SQL["port"])
	db, err := sql.Open("sqlserver", address.String())
	check(err)
	return db
}

func admin(database string) *sql.DB {
	return open(database, ready.SQL["username"].(string), ready.SQL["password"].(string), "true", ready.CA)
}

type session interface {
	Exec(query string, arguments ...any) (sql.Result, error)
	Query(query string, arguments ...any) (*sql.Rows, error)
}

// The rows' columns, separated by bars.
func rows(db session, query string, arguments ...any) []string {
	found, err := db.Query(query, arguments...)
	check(err)
	columns, err := found.Columns()
	check(err)
	var lines []string
	for found.Next() {
		values, line := make([]any, len(columns)), make([]string, len(columns))
		for i := range values {
			values[i] = new(sql.NullString)
		}
		check(found.Scan(values...))
		for i, value := range values {
			line[i] = value.(*sql.NullString).String
		}
		lines = append(lines, strings.Join(line, "|"))
	}
	check(found.Err())
	return lines
}

func same(got []string, expected ...string) {
	if !slices.Equal(got, expected) {
		panic(fmt.Sprintf("expected %q, got %q", expected, got))
	}
}

func run(db session, statement string, arguments ...any) error {
	_, err := db.Exec(statement, arguments...)
	return err
}

func refused(number int32, text string, err error) {
	var refusal mssql.Error
	if !errors.As(err, &refusal) || refusal.Number != number || !strings.Contains(refusal.Message, text) {
		panic(fmt.Sprintf("expected %d %q, got %v", number, text, err))
	}
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	check(err)
	check(json.Unmarshal(text, &ready))

	master, sales := admin("master"), admin("Sales")
	create := "CREATE LOGIN [tutorial_login] WITH PASSWORD = '" + password + "';"
	check(run(master, create))
	check(run(master, "ALTER SERVER ROLE [##MS_ServerStateReader##] ADD MEMBER [tutorial_login];"))
	same(rows(master, "SELECT name, type_desc FROM sys.server_principals WHERE name = 'tutorial_login'"),
		"tutorial_login|SQL_LOGIN")
	same(rows(master, `SELECT r.name, m.name FROM sys.server_role_members AS rm
		JOIN sys.server_principals AS r ON r.principal_id = rm.role_principal_id
		JOIN sys.server_principals AS m ON m.principal_id = rm.member_principal_id
		WHERE m.name = @p1`, "tutorial_login"), "##MS_ServerStateReader##|tutorial_login")
	refused(15025, "The server principal 'tutorial_login' already exists.", run(master, create))
	refused(15151, "Cannot drop the login 'nobody_of_that_name'", run(master, "DROP LOGIN [nobody_of_that_name];"))

	check(run(sales, "CREATE USER [tutorial_user] FOR LOGIN [tutorial_login];"))
	check(run(sales, "GRANT SELECT, ALTER ANY EXTERNAL MIRROR, VIEW PERFORMANCE DEFINITION TO [tutorial_user];"))
	same(rows(sales, `SELECT dp.name, sp.name FROM sys.database_principals AS dp
		JOIN sys.server_principals AS sp ON sp.sid = dp.sid WHERE dp.name = 'tutorial_user'`), "tutorial_user|tutorial_login")
	same(rows(sales, `SELECT permission_name, state_desc FROM sys.database_permissions
		WHERE grantee_principal_id = DATABASE_PRINCIPAL_ID('tutorial_user') ORDER BY permission_name`),
		"ALTER ANY EXTERNAL MIRROR|GRANT", "CONNECT|GRANT", "SELECT|GRANT", "VIEW PERFORMANCE DEFINITION|GRANT")

	// The new login gets in, over the strict TLS of TDS 8, sees the tables, and may do no more than it was given.
	visitor := open("Sales", "tutorial_login", password, "strict", ready.CA)
	same(rows(visitor, "SELECT SUSER_SNAME(), USER_NAME()"), "tutorial_login|tutorial_user")
	same(rows(visitor, "SELECT Name FROM sales.Regions ORDER BY RegionId"), "North", "South", "West")
	same(rows(visitor, "SELECT CustomerId, Email FROM dbo.Customers WHERE CustomerId = @id", sql.Named("id", 3)), "3|")
	refused(229, "permission was denied on the object 'Customers'", run(visitor, "DELETE FROM dbo.Customers"))
	check(visitor.Close())

	// Parameters, and a transaction that leaves nothing behind.
	transaction, err := sales.Begin()
	check(err)
	name, day := "Zażółć 😀 'quoted'", time.Date(2026, 4, 30, 0, 0, 0, 0, time.UTC)
	check(run(transaction, "INSERT INTO dbo.Orders VALUES (@p1, @p2, @p3, @p4)", 2001, 4, day, "99.95"))
	same(rows(transaction, "SELECT CustomerId, OrderedOn, Total FROM dbo.Orders WHERE OrderId = @p1", 2001),
		"4|2026-04-30T00:00:00Z|99.95")
	check(run(transaction, "INSERT INTO dbo.OrderLines VALUES (2001, 1, @name, 3)", sql.Named("name", name)))
	same(rows(transaction, "SELECT Product FROM dbo.OrderLines WHERE Product = @p1", name), name)
	check(transaction.Rollback())
	same(rows(sales, "SELECT COUNT(*) FROM dbo.Orders"), "5")

	// Of the pair 4060 and 18456 that the server sends, go-mssqldb reports the last and keeps both.
	refused(18456, "Login failed for user", open("master", ready.SQL["username"].(string), "wrong", "true", ready.CA).Ping())
	err = admin("NoSuchDatabase").Ping()
	refused(18456, "Login failed for user", err)
	refused(4060, "Cannot open database", err.(mssql.Error).All[0])
	// Without the authority's certificate nothing is trusted.
	err = open("master", "", "", "true", "").Ping()
	if err == nil || !strings.Contains(err.Error(), "signed by unknown authority") {
		panic(err)
	}

	check(run(sales, "DROP USER [tutorial_user];"))
	check(run(master, "DROP LOGIN [tutorial_login];"))
	fmt.Println("ok")
}
