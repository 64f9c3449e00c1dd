//! `sp_executesql` and the prepare family: text in disguise, resolved here so that the engine only sees text.

use std::collections::HashMap;

use emulator_ground::engine::{Message, Parameter, Request};
use emulator_ground::value::Value;

use super::request::{Argument, Call, Procedure};

/// Statements a session has prepared.
#[derive(Debug, Default)]
pub struct Prepared {
    statements: HashMap<i32, Statement>,
    last: i32,
}

#[derive(Debug, Clone)]
struct Statement {
    text: String,
    /// Names of the declared parameters, in order.
    names: Vec<String>,
}

/// What is to be done for a call.
#[derive(Debug)]
pub struct Plan {
    /// `None`: nothing but the wire is concerned.
    pub request: Option<Request>,
    /// A handle the client is to be told: where among the arguments it asked for it, and by which name.
    pub handle: Option<(u16, String, i32)>,
    /// Ordinals and names, as the client wrote them, of output parameters.
    pub outputs: Vec<(u16, String)>,
    /// The statement, as the journal and the faults see it.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    ExecuteSql,
    Prepare,
    Execute,
    PrepareExecute,
    Unprepare,
    Cursor,
}

impl Prepared {
    pub fn clear(&mut self) {
        self.statements.clear();
    }

    /// What `call` comes to.
    ///
    /// # Errors
    /// What the server says to a call it cannot make sense of.
    pub fn plan(&mut self, call: Call) -> Result<Plan, Message> {
        let known = match &call.procedure {
            Procedure::Id(id) => Some(by_id(*id).ok_or_else(|| not_found(&format!("#{id}")))?),
            Procedure::Name(name) => by_name(name),
        };
        let Some(known) = known else { return Ok(procedure(call)) };
        let mut arguments = call.arguments.into_iter().enumerate();
        let mut next = || arguments.next().map(|(index, argument)| (index as u16, argument));
        match known {
            Known::Cursor => {
                let name = match &call.procedure {
                    Procedure::Id(id) => CURSORS.get(usize::from(*id).wrapping_sub(1)).copied().unwrap_or("sp_cursor"),
                    Procedure::Name(name) => name,
                };
                Err(not_found(name))
            }
            Known::ExecuteSql => {
                let text = text(next())?;
                let names = next().map(|(_, declaration)| declared_names(&declaration.value)).unwrap_or_default();
                Ok(execute(Statement { text, names }, arguments))
            }
            Known::Prepare => {
                let handle = next().ok_or_else(missing)?;
                let names = next().map(|(_, declaration)| declared_names(&declaration.value)).unwrap_or_default();
                let text = text(next())?;
                let number = self.keep(Statement { text: text.clone(), names });
                Ok(Plan { request: None, handle: Some((handle.0, handle.1.name, number)), outputs: Vec::new(), text })
            }
            Known::PrepareExecute => {
                let handle = next().ok_or_else(missing)?;
                let names = next().map(|(_, declaration)| declared_names(&declaration.value)).unwrap_or_default();
                let statement = Statement { text: text(next())?, names };
                let number = self.keep(statement.clone());
                let mut plan = execute(statement, arguments);
                plan.handle = Some((handle.0, handle.1.name, number));
                Ok(plan)
            }
            Known::Execute => {
                let handle = number(next())?;
                let statement = self.statements.get(&handle).cloned().ok_or_else(|| no_handle(handle))?;
                Ok(execute(statement, arguments))
            }
            Known::Unprepare => {
                let handle = number(next())?;
                self.statements.remove(&handle).ok_or_else(|| no_handle(handle))?;
                let text = format!("EXEC sp_unprepare {handle}");
                Ok(Plan { request: None, handle: None, outputs: Vec::new(), text })
            }
        }
    }

    fn keep(&mut self, statement: Statement) -> i32 {
        self.last = self.last.wrapping_add(1).max(1);
        self.statements.insert(self.last, statement);
        self.last
    }
}

/// Parameters and their values behind the text, for the journal. Texts and binaries may be secrets: only their size.
pub fn describe(request: &Request) -> Option<String> {
    let (Request::Text { parameters, .. } | Request::Procedure { parameters, .. }) = request else { return None };
    let described = parameters.iter().map(|parameter| {
        let value = match &parameter.value {
            Value::Null => "NULL".to_owned(),
            Value::Bit(bit) => u8::from(*bit).to_string(),
            Value::Int(int) => int.to_string(),
            Value::Float(float) => float.to_string(),
            Value::Decimal { unscaled, scale } => format!("{unscaled}e-{scale}"),
            Value::Guid(guid) => guid.to_string(),
            Value::Text(text) => format!("text of {} characters", text.chars().count()),
            Value::Bytes(bytes) => format!("binary of {} bytes", bytes.len()),
            other => format!("{other:?}"),
        };
        format!("{} = {value}", if parameter.name.is_empty() { "?" } else { &parameter.name })
    });
    Some(described.collect::<Vec<_>>().join(", ")).filter(|described| !described.is_empty())
}

/// Cursor procedures, ids 1 to 9 but 3 and 4, which are the cursor's own prepare and execute. No driver in its default
/// settings uses them.
const CURSORS: [&str; 9] = [
    "sp_cursor",
    "sp_cursoropen",
    "sp_cursorprepare",
    "sp_cursorexecute",
    "sp_cursorprepexec",
    "sp_cursorunprepare",
    "sp_cursorfetch",
    "sp_cursoroption",
    "sp_cursorclose",
];

fn by_id(id: u16) -> Option<Known> {
    Some(match id {
        1..=9 => Known::Cursor,
        10 => Known::ExecuteSql,
        11 => Known::Prepare,
        12 => Known::Execute,
        13 => Known::PrepareExecute,
        15 => Known::Unprepare,
        _ => return None,
    })
}

fn by_name(name: &str) -> Option<Known> {
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix("master.").unwrap_or(&name).trim_start_matches('.');
    let name = name.strip_prefix("sys.").or_else(|| name.strip_prefix("dbo.")).unwrap_or(name);
    Some(match name {
        "sp_executesql" => Known::ExecuteSql,
        "sp_prepare" => Known::Prepare,
        "sp_execute" => Known::Execute,
        "sp_prepexec" => Known::PrepareExecute,
        "sp_unprepare" => Known::Unprepare,
        name if CURSORS.contains(&name) => Known::Cursor,
        _ => return None,
    })
}

fn procedure(call: Call) -> Plan {
    let name = match call.procedure {
        Procedure::Name(name) => name,
        Procedure::Id(id) => format!("#{id}"),
    };
    let mut outputs = Vec::new();
    let parameters = call.arguments.into_iter().enumerate().map(|(index, argument)| {
        if argument.output {
            outputs.push((index as u16, argument.name.clone()));
        }
        parameter(argument.name.clone(), argument)
    });
    let request = Request::Procedure { name: name.clone(), parameters: parameters.collect() };
    Plan { request: Some(request), handle: None, outputs, text: format!("EXEC {name}") }
}

/// A text with its values: by name where they have one, else by the order of the declaration.
fn execute(statement: Statement, values: impl Iterator<Item = (usize, Argument)>) -> Plan {
    let mut outputs = Vec::new();
    let parameters = values.enumerate().map(|(position, (index, argument))| {
        let name = if argument.name.is_empty() {
            statement.names.get(position).cloned().unwrap_or_default()
        } else if argument.name.starts_with('@') {
            argument.name.clone()
        } else {
            format!("@{}", argument.name)
        };
        if argument.output {
            outputs.push((index as u16, name.clone()));
        }
        parameter(name, argument)
    });
    let parameters = parameters.collect();
    let text = statement.text;
    Plan { request: Some(Request::Text { text: text.clone(), parameters }), handle: None, outputs, text }
}

fn parameter(name: String, argument: Argument) -> Parameter {
    Parameter { name, sql_type: argument.sql_type, value: argument.value, output: argument.output }
}

/// The names in `@p1 int, @p2 decimal(18, 4) output`.
fn declared_names(declaration: &Value) -> Vec<String> {
    let Value::Text(declaration) = declaration else { return Vec::new() };
    let mut names = Vec::new();
    let mut depth = 0_u32;
    for part in declaration.split_inclusive(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    }) {
        names.extend(part.split_whitespace().next().filter(|name| name.starts_with('@')).map(str::to_owned));
    }
    names
}

fn text(argument: Option<(u16, Argument)>) -> Result<String, Message> {
    match argument.ok_or_else(missing)?.1.value {
        Value::Text(text) => Ok(text),
        Value::Null => Ok(String::new()),
        _ => Err(Message::new(214, 16, 2, "Procedure expects parameter '@statement' of type 'ntext/nchar/nvarchar'.")),
    }
}

fn number(argument: Option<(u16, Argument)>) -> Result<i32, Message> {
    match argument.ok_or_else(missing)?.1.value {
        Value::Int(number) => i32::try_from(number).map_err(|_| no_handle(0)),
        _ => Err(no_handle(0)),
    }
}

fn missing() -> Message {
    Message::new(201, 16, 10, "Procedure or function expects a parameter which was not supplied.")
}

fn no_handle(handle: i32) -> Message {
    Message::new(8179, 16, 4, format!("Could not find prepared statement with handle {handle}."))
}

fn not_found(name: &str) -> Message {
    Message::new(2812, 16, 62, format!("Could not find stored procedure '{name}'."))
}
