//! Built-in functions about the server, its objects, principals and permissions.

use super::access::Target;
use super::ambient::Ambient;
use super::functions::values::{int, text};
use super::moments;
use super::passwords::password_matches;
use super::permissions::{self, Class, find};
use super::state::{DBO, Database, PrincipalType, SERVER_PUBLIC};
use super::types;
use emulator_ground::engine::Message;
use emulator_ground::value::Value;
use emulator_ground::world::UpdatePolicy;

type Answer = Result<Value, Message>;

fn some_text(text: Option<impl Into<String>>) -> Answer {
    Ok(text.map_or(Value::Null, |t| Value::Text(t.into())))
}
fn some_int(n: Option<i32>) -> Answer {
    Ok(n.map_or(Value::Null, |n| Value::Int(n.into())))
}
fn yes(b: bool) -> Value {
    Value::Int(i64::from(b))
}
fn id(value: Option<&Value>) -> Option<i32> {
    int(value).and_then(|n| i32::try_from(n).ok())
}

/// The engine calls itself Azure SQL; only EngineEdition tells a Managed Instance (`sql-mi.md` §6.2 of the notes).
pub fn serverproperty(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let name = text(values.first()).unwrap_or_default().to_ascii_lowercase();
    let policy = ambient.facts.update_policy;
    let server = ambient.server_name.to_string();
    Ok(match name.as_str() {
        "engineedition" => Value::Int(8),
        "edition" => Value::Text("SQL Azure".into()),
        "editionid" => Value::Int(1_674_378_470),
        "productversion" => Value::Text("12.0.2000.8".into()),
        "productlevel" => Value::Text("RTM".into()),
        "productupdatetype" => {
            Value::Text(if policy == UpdatePolicy::AlwaysUpToDate { "Continuous" } else { "CU" }.into())
        }
        "productmajorversion" => Value::Text(if policy == UpdatePolicy::SQLServer2022 { "16" } else { "17" }.into()),
        "productminorversion" => Value::Text("0".into()),
        "collation" => Value::Text("SQL_Latin1_General_CP1_CI_AS".into()),
        "collationid" => Value::Int(872_468_488),
        "lcid" => Value::Int(1033),
        "sqlcharset" => Value::Int(1),
        "sqlcharsetname" => Value::Text("iso_1".into()),
        "sqlsortorder" => Value::Int(52),
        "sqlsortordername" => Value::Text("nocase_iso".into()),
        "servername" | "machinename" => Value::Text(server),
        "instancename" | "computernamephysicalnetbios" | "productupdatelevel" | "productupdatereference" => Value::Null,
        "isexternalauthenticationonly"
        | "isclustered"
        | "issingleuser"
        | "isintegratedsecurityonly"
        | "isfulltextinstalled" => Value::Int(0),
        "ishadrenabled" | "isxtpsupported" | "ispolybaseinstalled" | "isadvancedanalyticsinstalled" => Value::Int(1),
        "processid" => Value::Int(4711),
        "buildclrversion" => Value::Text("v4.0.30319".into()),
        _ => Value::Null,
    })
}

pub fn databasepropertyex(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let (Some(name), Some(property)) = (text(values.first()), text(values.get(1))) else { return Ok(Value::Null) };
    let Some(database) = ambient.state.database_named(&name) else { return Ok(Value::Null) };
    if !ambient.state.sees_database(&ambient.token(), ambient.database, database.id) {
        return Ok(Value::Null);
    }
    Ok(match property.to_ascii_lowercase().as_str() {
        "updateability" => Value::Text("READ_WRITE".into()),
        "status" => Value::Text(database.state.description().into()),
        "collation" if database.opens().is_err() => Value::Null,
        "collation" => Value::Text("SQL_Latin1_General_CP1_CI_AS".into()),
        "recovery" => Value::Text("FULL".into()),
        "useraccess" => Value::Text("MULTI_USER".into()),
        "version" => Value::Int(957),
        "isautoclose" | "isautoshrink" | "isinstandby" | "ispublished" | "issubscribed" => Value::Int(0),
        _ => Value::Null,
    })
}

pub fn db_name(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let wanted = if values.is_empty() { Some(ambient.database) } else { id(values.first()) };
    let database = wanted.and_then(|id| ambient.state.database(id));
    some_text(
        database
            .filter(|d| ambient.state.sees_database(&ambient.token(), ambient.database, d.id))
            .map(|d| d.name.clone()),
    )
}

pub fn db_id(ambient: &mut Ambient, values: &[Value]) -> Answer {
    if values.is_empty() {
        return Ok(Value::Int(ambient.database.into()));
    }
    let found = text(values.first()).and_then(|name| ambient.state.database_named(&name).map(|d| d.id));
    some_int(found.filter(|id| ambient.state.sees_database(&ambient.token(), ambient.database, *id)))
}

pub fn schema_name(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let Some(database) = ambient.here() else { return Ok(Value::Null) };
    if values.is_empty() {
        let user = ambient.token().user.and_then(|user| database.principals.get(&user));
        return some_text(user.and_then(|u| u.default_schema.clone()).or(Some("dbo".to_owned())));
    }
    some_text(id(values.first()).and_then(|id| database.schemas.get(&id)).map(|s| s.name.clone()))
}

pub fn schema_id(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let Some(database) = ambient.here() else { return Ok(Value::Null) };
    if values.is_empty() {
        return Ok(Value::Int(1));
    }
    some_int(text(values.first()).and_then(|name| database.schema(&name)).map(|s| s.id))
}

/// `[db].[schema].[name]` as text, taken apart as the grammar would.
pub fn parts_of(name: &str) -> Vec<String> {
    let tokens = emulator_tsql::lexer::tokens(name);
    tokens.iter().filter(|t| !t.is_trivia() && t.text(name) != ".").map(|t| t.name(name)).collect()
}

pub fn object_id(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let Some(name) = text(values.first()) else { return Ok(Value::Null) };
    let mut parts = parts_of(&name);
    let Some(name) = parts.pop() else { return Ok(Value::Null) };
    let schema = parts.pop();
    let database = match parts.pop() {
        Some(database) => ambient.state.database_named(&database),
        None => ambient.here(),
    };
    let Some(database) = database else { return Ok(Value::Null) };
    let token = ambient.state.token(ambient.identity, database.id);
    let schemas: Vec<i32> = match schema.filter(|s| !s.is_empty()) {
        Some(schema) => database.schema(&schema).map(|s| s.id).into_iter().collect(),
        None => database.default_schema(token.user).into_iter().chain([1]).collect(),
    };
    let kind = text(values.get(1)).map(|k| k.trim().to_ascii_uppercase());
    let wants = |letter: &str| kind.as_deref().is_none_or(|kind| kind == letter);
    let found = schemas.into_iter().find_map(|schema| {
        let object = database.object_named(schema, &name).filter(|object| wants(object.kind.letter().trim()));
        object.map(|object| (object.id, object.id)).or_else(|| {
            let (table, id) = database.constraint(schema, &name)?;
            let letter = table.constraint_letter(id)?;
            wants(letter.trim()).then_some((table.id, id))
        })
    });
    some_int(found.filter(|(bearer, _)| ambient.state.sees_object(&token, database, *bearer)).map(|(_, id)| id))
}

pub fn seen_object(ambient: &Ambient, values: &[Value]) -> Option<(std::sync::Arc<Database>, i32)> {
    let object = id(values.first())?;
    let database = match values.get(1) {
        Some(other) => ambient.state.database(id(Some(other))?)?,
        None => ambient.here()?,
    };
    let token = ambient.state.token(ambient.identity, database.id);
    // A constraint is seen by who sees its table.
    let bearer = database.table_of(object).map_or(object, |t| t.id);
    ambient.state.sees_object(&token, database, bearer).then(|| (std::sync::Arc::clone(database), object))
}

pub fn object_name(ambient: &mut Ambient, values: &[Value]) -> Answer {
    some_text(seen_object(ambient, values).and_then(|(database, id)| {
        database.object_name(id).or_else(|| database.constraint_name(id)).map(str::to_owned)
    }))
}

pub fn object_schema_name(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let found = seen_object(ambient, values);
    some_text(found.and_then(|(database, id)| {
        let schema = database.object_schema(id).or_else(|| database.table_of(id).map(|t| t.schema));
        schema.map(|s| database.schema_name(s).to_owned())
    }))
}

pub fn col_name(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let found = seen_object(ambient, &values[..1]);
    let column = id(values.get(1));
    some_text(found.zip(column).and_then(|((database, object), column)| {
        let columns = database.columns_of(object)?;
        columns.iter().find(|c| c.id == column).map(|c| c.name.clone())
    }))
}

pub fn type_name(_: &mut Ambient, values: &[Value]) -> Answer {
    some_text(id(values.first()).and_then(|id| types::TYPES.iter().find(|t| t.2 == id)).map(|t| t.0))
}

// --- principals ---

pub fn suser_sid(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let login = match values.first() {
        Some(name) => text(Some(name)).and_then(|name| ambient.state.server_principal(&name)),
        None => ambient.login(),
    };
    Ok(login.map_or(Value::Null, |login| Value::Bytes(login.sid.clone())))
}

pub fn suser_id(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let login = match values.first() {
        Some(name) => text(Some(name)).and_then(|name| ambient.state.server_principal(&name)),
        None => ambient.login(),
    };
    some_int(login.map(|l| l.id))
}

pub fn suser_name(ambient: &mut Ambient, values: &[Value]) -> Answer {
    match values.first() {
        Some(wanted) => {
            some_text(id(Some(wanted)).and_then(|id| ambient.state.server_principals.get(&id)).map(|p| p.name.clone()))
        }
        None => some_text(ambient.login_name()),
    }
}

pub fn suser_sname(ambient: &mut Ambient, values: &[Value]) -> Answer {
    match values.first() {
        Some(Value::Bytes(sid)) => {
            some_text(ambient.state.server_principals.values().find(|p| p.sid == *sid).map(|p| p.name.clone()))
        }
        Some(_) => Ok(Value::Null),
        None => some_text(ambient.login_name()),
    }
}

pub fn original_login(ambient: &mut Ambient, _: &[Value]) -> Answer {
    some_text(ambient.original_login())
}

pub fn user_name(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let wanted = if values.is_empty() { ambient.token().user } else { id(values.first()) };
    some_text(wanted.and_then(|id| ambient.here()?.principals.get(&id)).map(|p| p.name.clone()))
}

pub fn database_principal_id(ambient: &mut Ambient, values: &[Value]) -> Answer {
    if values.is_empty() {
        return some_int(ambient.token().user);
    }
    some_int(text(values.first()).and_then(|name| ambient.here()?.principal(&name).map(|p| p.id)))
}

// --- permissions ---

/// 1, 0, or NULL when the class or the permission's name is not valid.
pub fn has_perms_by_name(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let (securable, class) = (text(values.first()), text(values.get(1)));
    let Some(permission) = text(values.get(2)) else { return Ok(Value::Null) };
    let class = match class.as_deref() {
        None => Class::Server,
        Some(word) => match Class::named(word) {
            Some(class) => class,
            None => return Ok(Value::Null),
        },
    };
    let target = match target_of(ambient, class, securable.as_deref()) {
        Ok(target) => target,
        Err(answer) => return Ok(answer),
    };
    let token =
        ambient.state.token(ambient.identity, if target.database == 0 { ambient.database } else { target.database });
    let permission = permission.trim();
    if permission.eq_ignore_ascii_case("ANY") {
        let any =
            permissions::all().iter().filter(|b| b.class == class).any(|b| ambient.state.holds(&token, target, b));
        return Ok(yes(any));
    }
    let Some(builtin) = find(class, permission).filter(|b| permissions::exists(b, ambient.facts.update_policy)) else {
        return Ok(Value::Null);
    };
    Ok(yes(ambient.state.holds(&token, target, builtin)))
}

/// Whether the caller may enable a change feed to that destination: 0 and 1 Synapse Link, 2 Fabric mirroring, for which it
/// takes all four of the permissions that the engine itself asks for (sql-mi facts §12, the function as it is shipped; its
/// page has 0 for success, at variance with all that call it). Everybody may ask.
pub fn has_change_feed_permissions(ambient: &mut Ambient, values: &[Value]) -> Value {
    const MIRROR: &[&str] =
        &["ALTER ANY EXTERNAL MIRROR", "SELECT", "VIEW DATABASE PERFORMANCE STATE", "VIEW DATABASE SECURITY STATE"];
    let needed = match int(values.first()) {
        Some(0 | 1) => &["CONTROL"][..],
        Some(2) => MIRROR,
        _ => return Value::Bit(false),
    };
    let token = ambient.state.token(ambient.identity, ambient.database);
    let target = Target::database(ambient.database);
    let holds = |permission: &&str| {
        find(Class::Database, permission).is_some_and(|known| {
            permissions::exists(known, ambient.facts.update_policy) && ambient.state.holds(&token, target, known)
        })
    };
    Value::Bit(needed.iter().all(holds))
}

/// What a securable's name means; `Err` is the answer when there is no such thing.
fn target_of(ambient: &Ambient, class: Class, name: Option<&str>) -> Result<Target, Value> {
    let absent = || yes(false);
    let parts = name.map(parts_of).unwrap_or_default();
    let last = parts.last().map(String::as_str);
    let database = ambient.database;
    let Some(here) = ambient.here() else { return Err(Value::Null) };
    Ok(match class {
        Class::Server => Target::SERVER,
        Class::Database => match last {
            Some(name) => Target::database(ambient.state.database_named(name).ok_or_else(absent)?.id),
            None => Target::database(database),
        },
        Class::Login => Target::on_server(class, ambient.state.login(last.unwrap_or("")).ok_or_else(absent)?.id),
        Class::ServerRole => {
            Target::on_server(class, ambient.state.server_role(last.unwrap_or("")).ok_or_else(absent)?.id)
        }
        Class::Schema => Target::in_database(class, database, here.schema(last.unwrap_or("")).ok_or_else(absent)?.id),
        Class::User => Target::in_database(class, database, here.user(last.unwrap_or("")).ok_or_else(absent)?.id),
        Class::Role => Target::in_database(class, database, here.role(last.unwrap_or("")).ok_or_else(absent)?.id),
        Class::Object => {
            let schema = parts
                .len()
                .checked_sub(2)
                .map_or(Some(1), |i| here.schema(&parts[i]).map(|s| s.id))
                .ok_or_else(absent)?;
            let name = last.unwrap_or("");
            let object = here.object_named(schema, name).ok_or_else(absent)?;
            Target::in_database(class, database, object.id)
        }
    })
}

pub fn has_dbaccess(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let Some(database) = text(values.first()).and_then(|name| ambient.state.database_named(&name).cloned()) else {
        return Ok(Value::Null);
    };
    Ok(yes(database.opens().is_ok() && ambient.state.token(ambient.identity, database.id).user.is_some()))
}

pub fn is_srvrolemember(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let Some(role) = text(values.first()).and_then(|name| ambient.state.server_role(&name).map(|r| r.id)) else {
        return Ok(Value::Null);
    };
    if values.len() > 1 {
        let token = ambient.token();
        let login = text(values.get(1)).and_then(|name| ambient.state.login(&name).map(|l| l.id));
        let Some(login) = login.filter(|id| ambient.state.sees_login(&token, *id)) else { return Ok(Value::Null) };
        return Ok(yes(ambient.state.server_token(login).contains(&role)));
    }
    let token = ambient.token();
    Ok(yes(token.server.contains(&role) || (token.sysadmin && role != SERVER_PUBLIC)))
}

pub fn is_rolemember(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let Some(here) = ambient.here() else { return Ok(Value::Null) };
    let Some(role) = text(values.first()).and_then(|name| here.role(&name).map(|r| r.id)) else {
        return Ok(Value::Null);
    };
    if values.len() > 1 {
        let Some(member) = text(values.get(1)).and_then(|name| here.principal(&name).map(|p| p.id)) else {
            return Ok(Value::Null);
        };
        return Ok(yes(here.token(member).contains(&role)));
    }
    let token = ambient.token();
    Ok(yes(token.principals.contains(&role) || (token.user == Some(DBO) && role == super::state::DB_OWNER)))
}

/// NULL for a login that is no SQL login, or not visible.
pub fn loginproperty(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let (Some(name), Some(property)) = (text(values.first()), text(values.get(1))) else { return Ok(Value::Null) };
    let token = ambient.token();
    let Some(login) = ambient.state.login(&name).filter(|l| l.kind == PrincipalType::Sql) else {
        return Ok(Value::Null);
    };
    if !ambient.state.sees_login(&token, login.id) {
        return Ok(Value::Null);
    }
    let password = login.password.as_ref();
    Ok(match property.to_ascii_lowercase().as_str() {
        "passwordlastsettime" => password.map_or(Value::Null, |p| moments::datetime(p.set)),
        "passwordhash" if ambient.state.may(&token, Target::SERVER, "CONTROL SERVER") => {
            password.map_or(Value::Null, |p| Value::Bytes(p.hash.clone()))
        }
        "defaultdatabase" => Value::Text(login.default_database.clone()),
        "defaultlanguage" => Value::Text(login.default_language.clone()),
        "islocked" | "isexpired" | "badpasswordcount" | "historylength" => Value::Int(0),
        "ismustchange" => yes(password.is_some_and(|p| p.must_change)),
        "passwordhashalgorithm" => Value::Int(2),
        _ => Value::Null,
    })
}

pub fn pwdcompare(_: &mut Ambient, values: &[Value]) -> Answer {
    let (Some(clear), Some(Value::Bytes(hash))) = (text(values.first()), values.get(1)) else { return Ok(Value::Null) };
    Ok(yes(password_matches(&clear, hash)))
}
