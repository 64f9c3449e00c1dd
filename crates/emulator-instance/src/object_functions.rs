//! Built-in functions about objects, columns, types and indexes.

use super::access::Target;
use super::ambient::Ambient;
use super::functions::values::{int, text};
use super::permissions::Class;
use super::security_functions::seen_object;
use super::state::{Database, IndexKind, Table, TableColumn, Temporal};
use super::types;
use emulator_ground::engine::Message;
use emulator_ground::value::Value;

type Answer = Result<Value, Message>;

fn yes(b: bool) -> Value {
    Value::Int(i64::from(b))
}

/// NULL for an object that is not there, a property that does not exist, and one that has no meaning for the object
/// where the documentation says so; 0 for the rest.
pub fn objectproperty(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let Some((database, id)) = seen_object(ambient, &values[..1]) else { return Ok(Value::Null) };
    let property = text(values.get(1)).unwrap_or_default().trim().to_ascii_lowercase();
    let schema = database.table_of(id).map(|t| t.schema).or_else(|| database.object_schema(id));
    let common = match property.as_str() {
        "istablefunction" | "isinlinefunction" => Some(yes(database.functions.contains_key(&id))),
        "ismsshipped" | "isproc" | "isprocedure" | "istrigger" | "isscalarfunction" | "issystemtable" | "isrule"
        | "isdefault" | "isextendedproc" => Some(yes(false)),
        "ownerid" => {
            let bearer = database.table_of(id).map_or(id, |t| t.id);
            Some(Value::Int(database.object_owner(bearer).into()))
        }
        "schemaid" => Some(schema.map_or(Value::Null, |s| Value::Int(s.into()))),
        "istable" | "isusertable" => Some(yes(database.tables.contains_key(&id))),
        "isview" => Some(yes(database.views.contains_key(&id))),
        _ => None,
    };
    if let Some(value) = common {
        return Ok(value);
    }
    if let Some(table) = database.tables.get(&id) {
        return Ok(table_property(&database, table, &property));
    }
    if database.views.contains_key(&id) || database.functions.contains_key(&id) {
        return Ok(match property.as_str() {
            "isschemabound" => yes(database.functions.get(&id).is_some_and(|f| f.bound.is_some())),
            "isindexable" | "isindexed" | "isconstraint" | "isprimarykey" | "isforeignkey" | "isuniquecnst"
            | "ischeckcnst" | "isdefaultcnst" => yes(false),
            "isansinullson" | "execisansinullson" | "execisquotedidenton" => yes(true),
            _ => Value::Null,
        });
    }
    Ok(database.table_of(id).map_or(Value::Null, |table| constraint_property(table, id, &property)))
}

fn table_property(database: &Database, table: &Table, property: &str) -> Value {
    let index = |kind: fn(IndexKind) -> bool| table.indexes.iter().any(|i| kind(i.kind));
    let is_clustered = |kind| matches!(kind, IndexKind::Clustered | IndexKind::ClusteredColumnstore);
    match property {
        "tablehasprimarykey" => yes(table.indexes.iter().any(|i| i.primary)),
        "tablehasuniquecnst" => yes(table.indexes.iter().any(|i| i.constraint)),
        "tablehasidentity" => yes(table.columns.iter().any(|c| c.identity.is_some())),
        "tablehasindex" | "isindexed" => yes(!table.indexes.is_empty()),
        "tablehasclustindex" => yes(index(is_clustered)),
        "tablehasnonclustindex" => yes(index(|kind| matches!(kind, IndexKind::Nonclustered))),
        "tablehascheckcnst" => yes(!table.checks.is_empty()),
        "tablehasdefaultcnst" => yes(table.columns.iter().any(|c| c.default_constraint.is_some())),
        "tablehasforeignkey" => yes(!table.foreign_keys.is_empty()),
        "tablehasforeignref" => yes(!database.references_to(table.id).is_empty()),
        "tablehasrowguidcol" => yes(table.columns.iter().any(|c| c.rowguidcol)),
        "tablehastimestamp" => yes(table.columns.iter().any(|c| c.column_type.name == "timestamp")),
        "tablehastextimage" => {
            yes(table.columns.iter().any(|c| matches!(c.column_type.name, "text" | "ntext" | "image")))
        }
        "tabletemporaltype" => Value::Int(match table.traits.temporal {
            Temporal::None => 0,
            Temporal::History => 1,
            Temporal::Current => 2,
        }),
        "tableismemoryoptimized" => yes(table.traits.memory_optimized),
        "isindexable" | "isansinullson" => yes(true),
        "isconstraint" | "isprimarykey" | "isforeignkey" | "isuniquecnst" | "ischeckcnst" | "isdefaultcnst"
        | "isschemabound" => yes(false),
        _ => Value::Null,
    }
}

fn constraint_property(table: &Table, id: i32, property: &str) -> Value {
    let key = table.indexes.iter().find(|i| i.object_id == id);
    let foreign = table.foreign_keys.iter().find(|k| k.constraint.object_id == id);
    let check = table.checks.iter().find(|c| c.constraint.object_id == id);
    let default = table.columns.iter().any(|c| c.default_constraint.as_ref().is_some_and(|d| d.object_id == id));
    match property {
        "isconstraint" => yes(true),
        "isprimarykey" => yes(key.is_some_and(|k| k.primary)),
        "isuniquecnst" => yes(key.is_some_and(|k| k.constraint)),
        "isforeignkey" => yes(foreign.is_some()),
        "ischeckcnst" => yes(check.is_some()),
        "isdefaultcnst" => yes(default),
        "cnstisclustkey" => yes(key.is_some_and(|k| k.kind == IndexKind::Clustered)),
        "cnstisnonclustkey" => yes(key.is_some_and(|k| k.kind == IndexKind::Nonclustered)),
        "cnstisdeletecascade" => {
            yes(foreign.is_some_and(|k| k.on_delete == emulator_tsql::ast::ReferentialAction::Cascade))
        }
        "cnstisupdatecascade" => {
            yes(foreign.is_some_and(|k| k.on_update == emulator_tsql::ast::ReferentialAction::Cascade))
        }
        "cnstisdisabled" => yes(foreign.is_some_and(|k| !k.enforced) || check.is_some_and(|c| !c.enforced)),
        "cnstisnottrusted" => yes(foreign.is_some_and(|k| !k.trusted) || check.is_some_and(|c| !c.trusted)),
        "cnstisnotrepl" => {
            yes(foreign.is_some_and(|k| k.not_for_replication) || check.is_some_and(|c| c.not_for_replication))
        }
        "cnstiscolumn" => yes(default || check.is_some_and(|c| c.column > 0)),
        _ => Value::Null,
    }
}

pub fn columnproperty(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let Some((database, id)) = seen_object(ambient, &values[..1]) else { return Ok(Value::Null) };
    let (Some(name), Some(property)) = (text(values.get(1)), text(values.get(2))) else { return Ok(Value::Null) };
    let columns = database.columns_of(id).unwrap_or_default();
    let Some(column) = columns.iter().find(|c| super::state::same_name(&c.name, &name)) else { return Ok(Value::Null) };
    Ok(column_property(column, &property.trim().to_ascii_lowercase()))
}

fn column_property(column: &TableColumn, property: &str) -> Value {
    let of = &column.column_type;
    match property {
        "allowsnull" => yes(column.nullable),
        "columnid" | "ordinal" => Value::Int(column.id.into()),
        "isidentity" => yes(column.identity.is_some()),
        "iscomputed" => yes(column.computed.is_some()),
        "isrowguidcol" => yes(column.rowguidcol),
        "ishidden" => yes(column.hidden),
        "generatedalwaystype" => Value::Int(column.generated_type().into()),
        "isidnotforrepl" => yes(column.not_for_replication),
        "issparse" | "iscolumnset" | "isfulltextindexed" | "isxmlindexable" => yes(false),
        "precision" => match types::text_length(of.sql_type) {
            Some(length) => Value::Int(length.into()),
            None if types::is_text(of.sql_type) || of.max_length == -1 => Value::Int(-1),
            None if types::is_binary(of.sql_type) => Value::Int(of.max_length.into()),
            None => Value::Int(of.precision.into()),
        },
        "scale" if types::is_number(of.sql_type) || types::is_moment(of.sql_type) => Value::Int(of.scale.into()),
        "charmaxlen" => types::text_length(of.sql_type).map_or(Value::Null, |n| Value::Int(n.into())),
        "usesansitrim" if types::is_text(of.sql_type) || types::is_binary(of.sql_type) => yes(true),
        _ => Value::Null,
    }
}

fn table_by_name(ambient: &mut Ambient, values: &[Value]) -> Option<std::sync::Arc<Table>> {
    let id = super::security_functions::object_id(ambient, &values[..1]).ok()?;
    let (database, id) = seen_object(ambient, &[id])?;
    database.tables.get(&id).cloned()
}

fn identity(ambient: &mut Ambient, values: &[Value], of: fn(&Table, (i64, i64)) -> i64) -> Answer {
    let table = table_by_name(ambient, values);
    let value = table.and_then(|t| {
        let seed = t.columns.iter().find_map(|c| c.identity)?;
        Some(of(&t, seed))
    });
    Ok(value.map_or(Value::Null, |n| Value::Decimal { unscaled: n.into(), scale: 0 }))
}

pub fn ident_seed(ambient: &mut Ambient, values: &[Value]) -> Answer {
    identity(ambient, values, |_, (seed, _)| seed)
}
pub fn ident_incr(ambient: &mut Ambient, values: &[Value]) -> Answer {
    identity(ambient, values, |_, (_, step)| step)
}
/// The seed as long as no row was inserted.
pub fn ident_current(ambient: &mut Ambient, values: &[Value]) -> Answer {
    identity(ambient, values, |table, (seed, _)| table.identity.unwrap_or(seed))
}

pub fn object_definition(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let Some((database, id)) = seen_object(ambient, &values[..1]) else { return Ok(Value::Null) };
    // "… any one of the following permissions: ALTER, CONTROL, TAKE OWNERSHIP, or VIEW DEFINITION".
    let bearer = database.table_of(id).map_or(id, |table| table.id);
    let target = Target::in_database(Class::Object, database.id, bearer);
    let token = ambient.state.token(ambient.identity, database.id);
    let may = |permission| ambient.state.may(&token, target, permission);
    if !["ALTER", "TAKE OWNERSHIP", "VIEW DEFINITION"].into_iter().any(may) {
        return Ok(Value::Null);
    }
    let function = || database.functions.get(&id).map(|f| f.text.clone());
    let module = database.views.get(&id).map(|v| v.text.clone()).or_else(function);
    let constraint = || {
        let table = database.table_of(id)?;
        let found = table.constraints().find(|(_, _, c, _)| c.object_id == id && !c.definition.is_empty());
        found.map(|(_, _, c, _)| c.definition.clone())
    };
    Ok(module.or_else(constraint).map_or(Value::Null, Value::Text))
}

pub fn type_id(_: &mut Ambient, values: &[Value]) -> Answer {
    let name = text(values.first()).unwrap_or_default();
    let parts = super::security_functions::parts_of(&name);
    let known = parts.last().and_then(|name| types::TYPES.iter().find(|t| t.0.eq_ignore_ascii_case(name)));
    Ok(known.map_or(Value::Null, |t| Value::Int(t.2.into())))
}

/// The name of the n-th column of an index's key.
pub fn index_col(ambient: &mut Ambient, values: &[Value]) -> Answer {
    let table = table_by_name(ambient, values);
    let (index, key) = (int(values.get(1)), int(values.get(2)));
    let name = table.and_then(|t| {
        let index = t.indexes.iter().find(|i| Some(i64::from(i.id)) == index)?;
        let at = usize::try_from(key? - 1).ok()?;
        let column = index.columns.iter().filter(|c| !c.included).nth(at)?.column;
        t.column_by_id(column).map(|c| c.name.clone())
    });
    Ok(name.map_or(Value::Null, Value::Text))
}
