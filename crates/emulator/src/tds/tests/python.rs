//! pymssql (FreeTDS) and pytds against the scripted engine.

use std::process::Stdio;

use super::scripted::{PASSWORD, Server, every_type};

const SCRIPT: &str = r#"
import sys
port, password, ca, columns = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])

import pymssql
def connect(password):
    return pymssql.connect(server="localhost", port=port, user="sa", password=password, autocommit=True)
try:
    connect("wrong")
    sys.exit("a wrong password was taken")
except pymssql.OperationalError as error:
    assert "18456" in str(error), error
cursor = connect(password).cursor()
cursor.execute("types")
rows = cursor.fetchall()
assert len(rows) == 2 and len(rows[0]) == columns, rows
assert rows[1] == (None,) * columns, rows[1]
assert "héllo 😀" in rows[0] and "café" in rows[0], rows[0]
cursor.execute("big")
assert len(cursor.fetchall()) == 2000
cursor.execute("two")
assert cursor.fetchall() == [(1,)] and cursor.nextset() and cursor.fetchall() == [(2,), (2,)]
try:
    cursor.execute("fail")
    while cursor.nextset():
        pass
    sys.exit("an error went unnoticed")
except pymssql.Error as error:
    assert "15151" in str(error), error
cursor.execute("update")
assert cursor.rowcount == 7, cursor.rowcount

import pytds
def open(**more):
    # The CA is checked; the host cannot be: pytds calls what newer pyOpenSSL has no more.
    return pytds.connect("localhost", port=port, user="sa", password=password, cafile=ca, validate_host=False,
                         autocommit=True, **more)
with open() as connection:
    cursor = connection.cursor()
    cursor.execute("types")
    rows = cursor.fetchall()
    assert len(rows) == 2 and rows[1] == (None,) * columns, rows
    cursor.execute("echo %s %s", (1, "x"))
    assert cursor.fetchall() == [(1, "x")]
with open(timeout=1) as connection:
    try:
        connection.cursor().execute("wait")
        sys.exit("a query ran beyond its time")
    except pytds.TimeoutError:
        pass
"#;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs FABRICMIRROR_PYTHON, a Python with pymssql, python-tds and pyOpenSSL"]
async fn python_drivers_log_in_and_read() {
    let python = std::env::var_os("FABRICMIRROR_PYTHON").expect("FABRICMIRROR_PYTHON names a Python");
    let server = Server::start().await;
    let ca = std::env::temp_dir().join(format!("tds-ca-{}.pem", server.port));
    std::fs::write(&ca, &server.ca_pem).unwrap();
    let output = tokio::process::Command::new(python)
        .args(["-c", SCRIPT, &server.port.to_string(), PASSWORD])
        .arg(&ca)
        .arg(every_type().len().to_string())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let _ = std::fs::remove_file(&ca);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
