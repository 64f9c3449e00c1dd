//! An instance that is only what the replicator asks about, and that tests can change at will.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use fabricmirror_emulator::engine::Message;
use fabricmirror_emulator::source::{
    FeedScan, Obstacle, Reader, Restore, Rights, Source, SourceColumn, SourceTable, Writing,
};
use uuid::{Uuid, uuid};

pub const LOGIN: &str = "fabric_login";
/// Client id of the default scenario's application.
const APPLICATION: Uuid = uuid!("a11ce000-52d1-4c7b-b0a9-3e4f5a6b7c03");
pub const PASSWORD: &str = "pass-for-tests";

pub struct Fake(pub Arc<Mutex<State>>);

#[derive(Clone)]
pub struct State {
    pub password: String,
    pub rights: Rights,
    pub tables: Vec<SourceTable>,
    pub feeds: BTreeSet<String>,
    pub obstacle: Option<Obstacle>,
    /// What the replicator told of its looks at the log.
    pub scans: Vec<FeedScan>,
}

impl Default for State {
    fn default() -> Self {
        let all =
            ["SELECT", "ALTER ANY EXTERNAL MIRROR", "VIEW DATABASE PERFORMANCE STATE", "VIEW DATABASE SECURITY STATE"];
        Self {
            password: PASSWORD.to_owned(),
            rights: Rights {
                login_exists: true,
                server_roles: Vec::new(),
                user: Some("fabric_user".to_owned()),
                granted: all.map(str::to_owned).to_vec(),
                effective: all.map(str::to_owned).to_vec(),
            },
            tables: vec![
                table(1, "dbo", "Orders", 5),
                table(2, "dbo", "Customers", 3),
                SourceTable { clustered_columnstore: true, ..table(3, "dbo", "Measurements", 9) },
                with_xml(table(4, "sales", "Documents", 2)),
            ],
            feeds: BTreeSet::new(),
            obstacle: None,
            scans: Vec::new(),
        }
    }
}

pub fn table(object_id: i32, schema: &str, name: &str, rows: u64) -> SourceTable {
    SourceTable {
        object_id,
        schema: schema.to_owned(),
        name: name.to_owned(),
        columns: vec![column("Id", "int")],
        clustered_columnstore: false,
        key: vec!["Id".to_owned()],
        has_primary_key: true,
        memory_optimized: false,
        temporal_history: false,
        ledger_history: false,
        graph: false,
        external: false,
        rows,
        changes: rows,
        bytes: rows * 100,
    }
}

fn with_xml(mut table: SourceTable) -> SourceTable {
    table.columns.push(column("Content", "xml"));
    table
}

pub fn column(name: &str, base_type: &str) -> SourceColumn {
    SourceColumn {
        name: name.to_owned(),
        base_type: base_type.to_owned(),
        max_length: 4,
        scale: 0,
        computed: false,
        always_encrypted: false,
        assembly_type: false,
    }
}

impl Fake {
    pub fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap());
    }
}

impl Source for Fake {
    fn check_login(&self, user: &str, password: &str, database: &str) -> Result<(), Vec<Message>> {
        let refused = Message::new(18456, 14, 1, format!("Login failed for user '{user}'."));
        if user != LOGIN || password != self.0.lock().unwrap().password {
            return Err(vec![refused]);
        }
        if self.database(database).is_none() {
            let text = format!("Cannot open database \"{database}\" requested by the login. The login failed.");
            return Err(vec![Message::new(4060, 11, 1, text), refused]);
        }
        Ok(())
    }
    /// Lets the application in as whatever its rights say it is.
    fn check_application(&self, client_id: Uuid, database: &str) -> Result<(), Vec<Message>> {
        let rights = self.rights(Reader::Application(client_id), database);
        if rights.user.is_some() && self.database(database).is_some() {
            return Ok(());
        }
        Err(vec![Message::new(18456, 14, 1, "Login failed for user '<token-identified principal>'.")])
    }
    fn rights(&self, reader: Reader<'_>, _database: &str) -> Rights {
        match reader {
            Reader::Login(LOGIN) | Reader::Application(APPLICATION) => self.0.lock().unwrap().rights.clone(),
            _ => Rights::default(),
        }
    }
    fn tables(&self, database: &str) -> Vec<SourceTable> {
        if database == "Sales" { self.0.lock().unwrap().tables.clone() } else { Vec::new() }
    }
    fn database(&self, name: &str) -> Option<String> {
        ["Sales", "Inventory", "master"].into_iter().find(|known| known.eq_ignore_ascii_case(name)).map(str::to_owned)
    }
    fn set_change_feed(&self, database: &str, on: bool) {
        let feeds = &mut self.0.lock().unwrap().feeds;
        if on {
            feeds.insert(database.to_owned())
        } else {
            feeds.remove(database)
        };
    }
    fn change_feed(&self, database: &str) -> bool {
        self.0.lock().unwrap().feeds.contains(database)
    }
    fn obstacle(&self, database: &str) -> Option<Obstacle> {
        if database == "master" { Some(Obstacle::SystemDatabase) } else { self.0.lock().unwrap().obstacle }
    }
    fn record_scan(&self, _: &str, _: std::time::Duration, scan: &FeedScan) {
        self.0.lock().unwrap().scans.push(scan.clone());
    }
    fn state(&self) -> serde_json::Value {
        serde_json::json!({ "logins": [{ "name": "<sqladmin>", "type": "S", "sid": "0x01", "disabled": false, "server_roles": ["sysadmin"] }], "databases": [] })
    }
    fn snapshot(&self) -> Result<Restore, String> {
        let (state, kept) = (self.0.clone(), self.0.lock().unwrap().clone());
        Ok(Box::new(move || {
            *state.lock().unwrap() = kept.clone();
            Ok(())
        }))
    }
    fn write_down(&self) -> Result<Writing, String> {
        Err("there is no telling what tests change here".to_owned())
    }
    fn read_back(&self, _: &str) -> Result<(), String> {
        Err("nothing was written down".to_owned())
    }
    fn end_sessions(&self) {}
    fn reset(&self) {
        *self.0.lock().unwrap() = State::default();
    }
}
