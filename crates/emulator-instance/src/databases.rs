//! How an instance begins: server roles, the administrator, the system databases, and what a new database holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::passwords::hash_password;
use super::permissions::{Class, find};
use super::state::{
    Authentication, DATABASE_ROLES, DBO, Database, DatabasePrincipal, GUEST, INFORMATION_SCHEMA, Options, PUBLIC,
    Password, PermissionRow, PermissionState, PrincipalType, SA, SERVER_PUBLIC, SERVER_ROLES, SYS, SYSADMIN, Schema,
    ServerPrincipal, State,
};
use emulator_ground::source::InstanceConfig;
use emulator_ground::world::DatabaseState;

pub fn initial_state(config: &InstanceConfig, now: Timestamp) -> State {
    let mut state = State {
        server_principals: BTreeMap::new(),
        server_members: BTreeSet::new(),
        server_permissions: Vec::new(),
        databases: BTreeMap::new(),
        next_server_principal: 257,
        next_sid: 0,
    };
    let principal = |id: i32, name: &str, sid: Vec<u8>, kind| ServerPrincipal {
        id,
        name: name.to_owned(),
        sid,
        kind,
        disabled: false,
        created: now,
        modified: now,
        password: None,
        default_database: "master".into(),
        default_language: "us_english".into(),
        check_policy: true,
        check_expiration: false,
        owner: None,
        fixed: false,
    };
    // sa exists on a Managed Instance and is disabled: the administrator is a login of its own.
    let sa = ServerPrincipal { disabled: true, ..principal(SA, "sa", vec![1], PrincipalType::Sql) };
    state.server_principals.insert(SA, sa);
    for (id, name, _) in SERVER_ROLES {
        let mut role = principal(*id, name, vec![u8::try_from(*id).unwrap_or(0)], PrincipalType::Role);
        role.fixed = *id != SERVER_PUBLIC;
        role.owner = Some(SA);
        state.server_principals.insert(*id, role);
    }
    grant(&mut state, SERVER_PUBLIC, "VIEW ANY DATABASE");
    let sid = state.new_sid(&format!("{}/{}", config.server_name, config.administrator));
    let mut administrator = principal(0, &config.administrator, sid, PrincipalType::Sql);
    administrator.password =
        Some(Password { hash: hash_password(&config.administrator_password, *b"salt"), set: now, must_change: false });
    let mut admit = |mut login: ServerPrincipal| {
        login.id = state.next_server_principal;
        state.next_server_principal += 1;
        state.server_members.insert((SYSADMIN, login.id));
        let id = login.id;
        state.server_principals.insert(id, login);
        grant(&mut state, id, "CONNECT SQL");
    };
    admit(administrator);
    for (name, client_id) in &config.entra_administrators {
        admit(principal(0, name, client_id.to_bytes_le().to_vec(), PrincipalType::External));
    }
    for (id, name) in [(1, "master"), (2, "tempdb"), (3, "model"), (4, "msdb")] {
        let mut database = new_database(id, name, vec![1], now);
        if id != 3 {
            grant_connect(&mut database, GUEST);
        }
        state.databases.insert(id, Arc::new(database));
    }
    state
}

fn grant(state: &mut State, grantee: i32, permission: &str) {
    if let Some(permission) = find(Class::Server, permission) {
        let row = PermissionRow { major: 0, minor: 0, grantee, grantor: SA, permission, state: PermissionState::Grant };
        state.server_permissions.push(row);
    }
}

fn grant_connect(database: &mut Database, grantee: i32) {
    if let Some(permission) = find(Class::Database, "CONNECT") {
        let row =
            PermissionRow { major: 0, minor: 0, grantee, grantor: DBO, permission, state: PermissionState::Grant };
        database.permissions.push(row);
    }
}

pub fn new_database(id: i32, name: &str, owner_sid: Vec<u8>, now: Timestamp) -> Database {
    let mut database = Database {
        id,
        name: name.to_owned(),
        state: DatabaseState::Online,
        owner_sid: owner_sid.clone(),
        created: now,
        principals: BTreeMap::new(),
        members: BTreeSet::new(),
        permissions: Vec::new(),
        schemas: BTreeMap::new(),
        tables: BTreeMap::new(),
        views: BTreeMap::new(),
        functions: BTreeMap::new(),
        policies: BTreeMap::new(),
        column_master_keys: Vec::new(),
        column_keys: Vec::new(),
        extended_properties: Vec::new(),
        classifications: Vec::new(),
        change_feed: false,
        cdc: false,
        options: Options { delayed_durability: 0, compatibility_level: 160, snapshot_isolation: id > 4 },
        next_principal: 5,
        next_object: 885_578_193,
    };
    let mut add = |id: i32, name: &str, kind, sid: Option<Vec<u8>>, schema: Option<&str>, authentication, fixed| {
        let owner = (kind == PrincipalType::Role).then_some(DBO);
        let default_schema = schema.map(str::to_owned);
        let (name, created, modified) = (name.to_owned(), now, now);
        database.principals.insert(
            id,
            DatabasePrincipal { id, name, sid, kind, authentication, default_schema, owner, created, modified, fixed },
        );
    };
    let role_sid = |id: i32| Some([&[1u8, 5, 0, 0, 0, 0, 0, 9, 4][..], &id.to_be_bytes()].concat());
    add(PUBLIC, "public", PrincipalType::Role, role_sid(0), None, Authentication::None, false);
    add(DBO, "dbo", PrincipalType::Sql, Some(owner_sid), Some("dbo"), Authentication::Instance, false);
    add(GUEST, "guest", PrincipalType::Sql, Some(vec![0]), Some("guest"), Authentication::None, false);
    add(INFORMATION_SCHEMA, "INFORMATION_SCHEMA", PrincipalType::Sql, None, None, Authentication::None, false);
    add(SYS, "sys", PrincipalType::Sql, None, None, Authentication::None, false);
    for (id, name, _) in DATABASE_ROLES {
        add(*id, name, PrincipalType::Role, role_sid(*id), None, Authentication::None, true);
    }
    let mut schema =
        |id: i32, name: &str, owner: i32| database.schemas.insert(id, Schema { id, name: name.to_owned(), owner });
    schema(1, "dbo", DBO);
    schema(2, "guest", GUEST);
    schema(3, "INFORMATION_SCHEMA", INFORMATION_SCHEMA);
    schema(4, "sys", SYS);
    for (id, name, _) in DATABASE_ROLES {
        schema(*id, name, *id);
    }
    grant_connect(&mut database, DBO);
    database
}
