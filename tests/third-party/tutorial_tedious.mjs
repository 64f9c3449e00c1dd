// tedious, which checks the server's certificate. Argument: the emulator's ready-file. NODE_PATH: where tedious is.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Connection, Request, TYPES } = createRequire(`${process.env.NODE_PATH}/`)("tedious");
const ready = JSON.parse(readFileSync(process.argv[2], "utf8"));
const PASSWORD = "Strong-Passw0rd-2025";
const ca = readFileSync(ready.ca_certificate_file, "utf8");

function connect(database, userName = ready.sql.username, password = ready.sql.password, options = {}) {
  const connection = new Connection({
    server: ready.sql.host,
    authentication: { type: "default", options: { userName, password } },
    options: { port: ready.sql.port, database, encrypt: true, cryptoCredentialsDetails: { ca }, ...options },
  });
  return new Promise((done, failed) => connection.connect((error) => (error ? failed(error) : done(connection))));
}

// A batch as it is typed, or, with parameters ([name, type, value, options]), a call of sp_executesql.
function rows(connection, text, ...parameters) {
  return new Promise((done, failed) => {
    const found = [];
    const request = new Request(text, (error) => (error ? failed(error) : done(found)));
    request.on("row", (columns) => found.push(columns.map((column) => column.value)));
    for (const [name, type, value, options] of parameters) request.addParameter(name, type, value, options);
    parameters.length ? connection.execSql(request) : connection.execSqlBatch(request);
  });
}

const transaction = (connection, verb) =>
  new Promise((done, failed) => connection[verb]((error) => (error ? failed(error) : done())));

const refused = (number, text, action) =>
  assert.rejects(action, (error) => {
    assert.equal(error.number, number, String(error));
    assert.ok(error.message.includes(text), error.message);
    return true;
  });

async function session(work, ...target) {
  const connection = await connect(...target);
  await work(connection);
  await new Promise((done) => connection.on("end", done).close());
}

await session(async (master) => {
  await rows(master, `CREATE LOGIN [tutorial_login] WITH PASSWORD = '${PASSWORD}';`);
  await rows(master, "ALTER SERVER ROLE [##MS_ServerStateReader##] ADD MEMBER [tutorial_login];");
  assert.deepEqual(
    await rows(master, "SELECT name, type_desc FROM sys.server_principals WHERE name = 'tutorial_login'"),
    [["tutorial_login", "SQL_LOGIN"]],
  );
  assert.deepEqual(
    await rows(
      master,
      `SELECT r.name, m.name FROM sys.server_role_members AS rm
       JOIN sys.server_principals AS r ON r.principal_id = rm.role_principal_id
       JOIN sys.server_principals AS m ON m.principal_id = rm.member_principal_id
       WHERE m.name = 'tutorial_login'`,
    ),
    [["##MS_ServerStateReader##", "tutorial_login"]],
  );
  await refused(15025, "The server principal 'tutorial_login' already exists.", () =>
    rows(master, `CREATE LOGIN [tutorial_login] WITH PASSWORD = '${PASSWORD}';`));
  await refused(15151, "Cannot drop the login 'nobody_of_that_name'", () =>
    rows(master, "DROP LOGIN [nobody_of_that_name];"));
}, "master");

await session(async (sales) => {
  await rows(sales, "CREATE USER [tutorial_user] FOR LOGIN [tutorial_login];");
  await rows(sales, "GRANT SELECT, ALTER ANY EXTERNAL MIRROR, VIEW PERFORMANCE DEFINITION TO [tutorial_user];");
  assert.deepEqual(
    await rows(
      sales,
      `SELECT dp.name, sp.name FROM sys.database_principals AS dp
       JOIN sys.server_principals AS sp ON sp.sid = dp.sid WHERE dp.name = 'tutorial_user'`,
    ),
    [["tutorial_user", "tutorial_login"]],
  );
  assert.deepEqual(
    await rows(
      sales,
      `SELECT permission_name, state_desc FROM sys.database_permissions
       WHERE grantee_principal_id = DATABASE_PRINCIPAL_ID('tutorial_user') ORDER BY permission_name`,
    ),
    ["ALTER ANY EXTERNAL MIRROR", "CONNECT", "SELECT", "VIEW PERFORMANCE DEFINITION"].map((name) => [name, "GRANT"]),
  );
}, "Sales");

// The new login gets in, over the strict TLS of TDS 8, sees the tables, and may do no more than it was given.
await session(
  async (visitor) => {
    assert.deepEqual(await rows(visitor, "SELECT SUSER_SNAME(), USER_NAME()"), [["tutorial_login", "tutorial_user"]]);
    assert.deepEqual(await rows(visitor, "SELECT Name FROM sales.Regions ORDER BY RegionId"), [
      ["North"], ["South"], ["West"],
    ]);
    assert.deepEqual(await rows(visitor, "SELECT Name, Email FROM dbo.Customers WHERE CustomerId = 3"), [
      ["Graphic Design Institute", null],
    ]);
    await refused(229, "permission was denied on the object 'Customers'", () =>
      rows(visitor, "DELETE FROM dbo.Customers"));
  },
  "Sales", "tutorial_login", PASSWORD, { encrypt: "strict" },
);

// Parameters, and a transaction that leaves nothing behind.
await session(async (sales) => {
  const id = ["id", TYPES.Int, 2001];
  const name = "Zażółć 😀 'quoted'";
  const day = new Date(Date.UTC(2026, 3, 30));
  await transaction(sales, "beginTransaction");
  await rows(sales, "INSERT INTO dbo.Orders VALUES (@id, @customer, @day, @total)", id, ["customer", TYPES.Int, 4],
    ["day", TYPES.Date, day], ["total", TYPES.Decimal, 99.95, { precision: 10, scale: 2 }]);
  assert.deepEqual(await rows(sales, "SELECT CustomerId, OrderedOn, Total FROM dbo.Orders WHERE OrderId = @id", id), [
    [4, day, 99.95],
  ]);
  await rows(sales, "INSERT INTO dbo.OrderLines VALUES (@id, 1, @name, 3)", id, ["name", TYPES.NVarChar, name]);
  assert.deepEqual(await rows(sales, "SELECT Product FROM dbo.OrderLines WHERE Product = @name",
    ["name", TYPES.NVarChar, name]), [[name]]);
  await transaction(sales, "rollbackTransaction");
  assert.deepEqual(await rows(sales, "SELECT COUNT(*) FROM dbo.Orders"), [[5]]);
}, "Sales");

// Of the pair 4060 and 18456 that the server sends, tedious reports the last.
const failed = { code: "ELOGIN", message: /^Login failed for user/ };
await assert.rejects(connect("master", ready.sql.username, "wrong"), failed);
await assert.rejects(connect("NoSuchDatabase"), failed);
// Without the authority's certificate nothing is trusted.
await assert.rejects(connect("master", undefined, undefined, { cryptoCredentialsDetails: {} }), { code: "ESOCKET" });

await session((sales) => rows(sales, "DROP USER [tutorial_user];"), "Sales");
await session((master) => rows(master, "DROP LOGIN [tutorial_login];"), "master");
console.log("ok");
