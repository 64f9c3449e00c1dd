//! [`Source`]: what mirroring and the control interface see.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::access::{Identity, Target};
use super::catalog::principals::state_letter;
use super::entering::by_password;
use super::instance::{Instance, Shared};
use super::permissions::{self, Class};
use super::state::{Database, IndexKind, LedgerKind, PermissionState, PrincipalType, SYS, State, Table, Temporal};
use super::types::TYPES;
use super::waiting::Waiting;
use emulator_ground::engine::Message;
use emulator_ground::source::{
    FeedScan, Obstacle, Reader, Restore, Rights, Source, SourceColumn, SourceTable, Writing,
};

impl Source for Instance {
    fn check_login(&self, user: &str, password: &str, database: &str) -> Result<(), Vec<Message>> {
        let state = self.lock().committed.clone();
        by_password(&state, user, password, Some(database)).map(|_| ())
    }

    fn check_application(&self, client_id: Uuid, database: &str) -> Result<(), Vec<Message>> {
        let state = self.lock().committed.clone();
        self.by_application(&state, client_id, database).map(|_| ())
    }

    fn rights(&self, reader: Reader<'_>, database: &str) -> Rights {
        let state = self.lock().committed.clone();
        let Some(identity) = self.reader(&state, reader, database) else { return Rights::default() };
        let id = state.database_named(database).map_or(super::state::MASTER, |d| d.id);
        let token = state.token(identity, id);
        let server_roles = token
            .server
            .iter()
            .filter_map(|id| state.server_principals.get(id))
            .filter(|p| p.kind == PrincipalType::Role && p.id != super::state::SERVER_PUBLIC)
            .map(|p| p.name.clone())
            .collect();
        let login_exists = matches!(identity, Identity::Login(_));
        let mut rights = Rights { login_exists, server_roles, ..Rights::default() };
        let Some(database) = state.database_named(database) else { return rights };
        let Some(user) = token.user else { return rights };
        rights.user = database.principals.get(&user).map(|u| u.name.clone());
        let own = |state: fn(PermissionState) -> bool| {
            let rows = database
                .permissions
                .iter()
                .filter(move |row| row.permission.class == Class::Database && row.grantee == user && state(row.state));
            rows.map(|row| row.permission.name.to_owned()).collect::<Vec<_>>()
        };
        let denied = own(|state| state == PermissionState::Deny);
        rights.granted =
            own(|state| state != PermissionState::Deny).into_iter().filter(|p| !denied.contains(p)).collect();
        let policy = self.world.facts().update_policy;
        rights.effective = permissions::all()
            .iter()
            .filter(|b| b.class == Class::Database && permissions::exists(b, policy))
            .filter(|b| state.holds(&token, Target::database(database.id), b))
            .map(|b| b.name.to_owned())
            .collect();
        rights
    }

    fn tables(&self, database: &str) -> Vec<SourceTable> {
        let state = self.lock().committed.clone();
        let Some(database) = state.database_named(database) else { return Vec::new() };
        let mut tables: Vec<SourceTable> =
            database.tables.values().map(|table| source_table(database, table)).collect();
        tables.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
        tables
    }

    fn database(&self, name: &str) -> Option<String> {
        self.lock().committed.database_named(name).map(|d| d.name.clone())
    }

    fn set_change_feed(&self, database: &str, on: bool) {
        let mut shared = self.lock();
        let change = |state: &mut Arc<State>| {
            if let Some(id) = state.database_named(database).map(|d| d.id)
                && let Some(database) = Arc::make_mut(state).database_mut(id)
            {
                database.change_feed = on;
            }
        };
        change(&mut shared.committed);
        // What the views of the feed show begins anew with it, and goes with it.
        if let Some(id) = shared.committed.database_named(database).map(|d| d.id) {
            Arc::make_mut(&mut shared.feeds).remove(&id);
        }
        // An open transaction keeps the engine's own change when it commits.
        if let Some((_, state)) = &mut shared.owner {
            change(state);
        }
    }

    fn change_feed(&self, database: &str) -> bool {
        self.lock().committed.database_named(database).is_some_and(|d| d.change_feed)
    }

    fn obstacle(&self, database: &str) -> Option<Obstacle> {
        let state = self.lock().committed.clone();
        let database = state.database_named(database)?;
        if database.id <= 4 {
            Some(Obstacle::SystemDatabase)
        } else if database.cdc {
            Some(Obstacle::ChangeDataCapture)
        } else {
            (database.options.delayed_durability != 0).then_some(Obstacle::DelayedDurability)
        }
    }

    fn record_scan(&self, database: &str, at: Duration, scan: &FeedScan) {
        let ago = self.clock.elapsed().saturating_sub(at);
        let ago = jiff::SignedDuration::try_from(ago).unwrap_or_default();
        let at = self.clock.now().saturating_sub(ago).unwrap_or_default();
        let mut shared = self.lock();
        if let Some(id) = shared.committed.database_named(database).filter(|d| d.change_feed).map(|d| d.id) {
            Arc::make_mut(&mut shared.feeds).entry(id).or_default().record(at, scan);
        }
    }

    fn state(&self) -> serde_json::Value {
        let state = self.lock().committed.clone();
        let hex = |sid: &[u8]| format!("0x{}", sid.iter().map(|b| format!("{b:02X}")).collect::<String>());
        let logins: Vec<serde_json::Value> = state
            .server_principals
            .values()
            .filter(|p| p.kind != PrincipalType::Role && p.id != super::state::SA)
            .map(|p| {
                let direct = state.server_members.iter().filter(|(_, member)| *member == p.id);
                let roles: Vec<&str> = direct.filter_map(|(role, _)| state.server_principals.get(role)).map(|r| r.name.as_str()).collect();
                json!({"name": p.name, "type": p.kind.letter(), "sid": hex(&p.sid), "disabled": p.disabled, "server_roles": roles})
            })
            .collect();
        let databases: Vec<serde_json::Value> =
            state.databases.values().filter(|d| d.id > 4).map(|d| database_state(&state, d, hex)).collect();
        json!({"logins": logins, "databases": databases})
    }

    fn snapshot(&self) -> Result<Restore, String> {
        let shared = self.lock();
        if let Some((session, _)) = &shared.owner {
            return Err(format!("session {session} has a transaction open that has changed something"));
        }
        let (state, next_transaction) = (shared.committed.clone(), shared.next_transaction);
        let feeds = shared.feeds.clone();
        let rows = shared.store.copy().map_err(|message| message.text)?;
        let (rows, instance) = (Mutex::new(rows), self.this.clone());
        Ok(Box::new(move || {
            let Some(instance) = instance.upgrade() else { return Ok(()) };
            let rows = rows.lock().unwrap_or_else(PoisonError::into_inner).copy().map_err(|message| message.text)?;
            let mut shared = instance.lock();
            shared.kill_sessions();
            // Transactions are not numbered anew: clients may still name those of before.
            let next_transaction = next_transaction.max(shared.next_transaction);
            *shared = Shared {
                committed: state.clone(),
                owner: None,
                store: rows,
                sessions: BTreeMap::new(),
                next_transaction,
                waiting: Waiting::default(),
                feeds: feeds.clone(),
            };
            Ok(())
        }))
    }

    fn write_down(&self) -> Result<Writing, String> {
        Self::write_down(self)
    }

    fn read_back(&self, text: &str) -> Result<(), String> {
        Self::read_back(self, text)
    }

    fn end_sessions(&self) {
        self.end_all_sessions();
    }

    fn reset(&self) {
        {
            let mut shared = self.lock();
            shared.kill_sessions();
            match Self::beginning(&self.config, &self.clock) {
                Ok(fresh) => *shared = fresh,
                Err(message) => tracing::error!(number = message.number, "reset: {}", message.text),
            }
        }
        if let Err(error) = self.run_scripts() {
            tracing::error!(%error, "reset");
        }
    }
}

pub(super) fn database_state(state: &State, database: &Database, hex: impl Fn(&[u8]) -> String) -> serde_json::Value {
    let name = |id: i32| database.principals.get(&id).map_or("", |p| p.name.as_str());
    let built_in = |id: i32| id <= SYS || id >= 16384;
    let users: Vec<serde_json::Value> = database
        .principals
        .values()
        .filter(|p| p.kind != PrincipalType::Role && !built_in(p.id))
        .map(|p| {
            let sid = p.sid.as_deref().unwrap_or_default();
            let login = state.login_by_sid(sid).map(|l| l.name.as_str());
            let roles: Vec<&str> =
                database.members.iter().filter(|(_, member)| *member == p.id).map(|(role, _)| name(*role)).collect();
            json!({"name": p.name, "login": login, "sid": hex(sid), "roles": roles})
        })
        .collect();
    let permissions: Vec<serde_json::Value> = database
        .permissions
        .iter()
        .filter(|row| row.permission.class == Class::Database && !built_in(row.grantee))
        .map(|row| {
            let (_, state) = state_letter(row.state);
            json!({"grantee": name(row.grantee), "permission": row.permission.name, "state": state, "grantor": name(row.grantor)})
        })
        .collect();
    json!({"name": database.name, "users": users, "permissions": permissions})
}

fn source_table(database: &Database, table: &Table) -> SourceTable {
    let key_index = table
        .indexes
        .iter()
        .find(|i| i.primary)
        .or_else(|| table.indexes.iter().find(|i| i.kind == IndexKind::Clustered));
    let key = key_index.map(|i| {
        i.columns
            .iter()
            .filter(|c| !c.included)
            .filter_map(|c| table.column_by_id(c.column))
            .map(|c| c.name.clone())
            .collect()
    });
    SourceTable {
        object_id: table.id,
        schema: database.schema_name(table.schema).to_owned(),
        name: table.name.clone(),
        columns: table
            .columns
            .iter()
            .map(|c| SourceColumn {
                name: c.name.clone(),
                base_type: c.column_type.name.to_owned(),
                max_length: c.column_type.max_length,
                scale: c.column_type.scale,
                computed: c.computed.is_some(),
                always_encrypted: c.encryption.is_some(),
                assembly_type: TYPES.iter().any(|t| t.0 == c.column_type.name && t.6),
            })
            .collect(),
        clustered_columnstore: table.indexes.iter().any(|i| i.kind == IndexKind::ClusteredColumnstore),
        key: key.unwrap_or_default(),
        has_primary_key: table.indexes.iter().any(|i| i.primary),
        memory_optimized: table.traits.memory_optimized,
        temporal_history: table.traits.temporal == Temporal::History,
        ledger_history: table.traits.ledger == LedgerKind::History,
        graph: table.traits.graph.is_some(),
        external: false,
        rows: table.rows,
        changes: table.changes,
        bytes: table.bytes,
    }
}
