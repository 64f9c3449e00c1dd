//! Function calls: aggregates, those whose types depend on their arguments, and the table of all others.

use super::super::errors;
use super::super::functions;
use super::super::types;
use super::binder::{Binder, Bound};
use super::operands::{coerced, converted, unify};
use emulator_ground::engine::Message;
use emulator_ground::value::SqlType;
use emulator_tsql::ast::{self, Call, Comparison, Expr, ObjectName, OrderItem, Over, Predicate, When};

const AGGREGATES: &[&str] = &["COUNT", "COUNT_BIG", "SUM", "MIN", "MAX", "AVG", "STRING_AGG"];
const RANKINGS: &[&str] = &["ROW_NUMBER", "RANK", "DENSE_RANK"];

impl Binder<'_> {
    pub(super) fn call(&mut self, call: &Call) -> Result<Bound, Message> {
        let system = call.name.schema.as_deref().is_none_or(|s| s.eq_ignore_ascii_case("sys"));
        let name = call.name.name.to_ascii_uppercase();
        if !system || call.name.database.is_some() {
            let text = format!(
                "Cannot find either column \"{}\" or the user-defined function or aggregate \"{}\", or the name is ambiguous.",
                call.name.schema.as_deref().unwrap_or(""),
                call.name.written()
            );
            return Err(Message::new(4121, 16, 1, text));
        }
        if !call.within_group.is_empty() && name != "STRING_AGG" {
            let text = format!("The function '{}' may not have a WITHIN GROUP clause.", name.to_ascii_lowercase());
            return Err(Message::new(10757, 15, 1, text));
        }
        if !AGGREGATES.contains(&name.as_str()) && (call.star || call.distinct) {
            return Err(Message::new(
                102,
                15,
                1,
                format!("Incorrect syntax near '{}'.", if call.star { "*" } else { &name }),
            ));
        }
        if name == "STRING_AGG" && call.distinct {
            return Err(Message::new(102, 15, 1, "Incorrect syntax near ','."));
        }
        if let Some(over) = &call.over {
            return self.window(&name, call, over);
        }
        if AGGREGATES.contains(&name.as_str()) {
            return self.aggregate(&name, call);
        }
        if RANKINGS.contains(&name.as_str()) {
            let text = format!("The function '{name}' must have an OVER clause.");
            return Err(Message::new(10753, 15, 1, text));
        }
        if matches!(name.as_str(), "DATEADD" | "DATEDIFF" | "DATEPART" | "DATENAME" | "DATEDIFF_BIG") {
            return self.date_call(&name, call);
        }
        if let ("YEAR" | "MONTH" | "DAY", [value]) = (name.as_str(), call.arguments.as_slice()) {
            let arguments = vec![Expr::Column(ObjectName::plain(name.as_str())), value.clone()];
            return self.date_call("DATEPART", &Call { arguments, ..Call::default() });
        }
        // Functions that are objects of the schema sys are not known without it, and have defaults.
        let object = name.starts_with("FN_");
        if object && call.name.schema.is_none() {
            let text = format!("'{}' is not a recognized built-in function name.", call.name.name);
            return Err(Message::new(195, 15, 10, text));
        }
        let default = |a: &Expr| matches!(a, Expr::Call(call) if object && call.name.name == "DEFAULT");
        let arguments: Vec<Bound> = call
            .arguments
            .iter()
            .map(|a| self.expression(if default(a) { &Expr::Integer(2) } else { a }))
            .collect::<Result<_, _>>()?;
        let bound = self.scalar_call(&name, &arguments)?;
        // A sql_variant; of a moment it is declared, so that styles find one.
        let is_moment = |property: &str| {
            ["PasswordLastSetTime", "BadPasswordTime", "LockoutTime"].iter().any(|p| p.eq_ignore_ascii_case(property))
        };
        match call.arguments.get(1) {
            Some(Expr::Text { value, .. }) if name == "LOGINPROPERTY" && is_moment(value) => {
                Ok(Bound { sql_type: SqlType::DateTime, ..bound })
            }
            _ => Ok(bound),
        }
    }

    fn scalar_call(&mut self, name: &str, arguments: &[Bound]) -> Result<Bound, Message> {
        let count = |wanted: usize| {
            if arguments.len() == wanted {
                return Ok(());
            }
            let text = format!("The {} function requires {wanted} argument(s).", name.to_ascii_lowercase());
            Err(Message::new(174, 15, 1, text))
        };
        match name {
            "ISNULL" => {
                count(2)?;
                let (first, second) = (&arguments[0], &arguments[1]);
                let sql_type = if first.is_null { second.sql_type } else { first.sql_type };
                let second_sql = coerced(&second.sql, second.sql_type, sql_type);
                let mut bound = Bound::new(format!("coalesce({}, {second_sql})", first.sql), sql_type, second.nullable);
                bound.collation = first.collation;
                Ok(bound)
            }
            "COALESCE" => {
                let Some(result) = unify(arguments.iter()) else {
                    return Err(Message::new(
                        4127,
                        16,
                        1,
                        "At least one of the arguments to COALESCE must be an expression that is not the NULL constant.",
                    ));
                };
                let parts: Vec<String> =
                    arguments.iter().map(|a| coerced(&a.sql, a.sql_type, result.sql_type)).collect();
                let nullable = arguments.iter().all(|a| a.nullable);
                Ok(Bound::new(format!("coalesce({}, NULL)", parts.join(", ")), result.sql_type, nullable))
            }
            "NULLIF" => {
                count(2)?;
                let equal = self.compared(Comparison::Equal, &arguments[0], &arguments[1]);
                let first = &arguments[0];
                Ok(Bound::new(format!("CASE WHEN {equal} THEN NULL ELSE {} END", first.sql), first.sql_type, true))
            }
            "CONCAT" => {
                let to = SqlType::NVarChar(Some(4000));
                let parts: Vec<String> =
                    arguments.iter().map(|a| format!("coalesce({}, '')", coerced(&a.sql, a.sql_type, to))).collect();
                if parts.len() < 2 {
                    return Err(Message::new(189, 15, 1, "The concat function requires 2 to 254 arguments."));
                }
                Ok(Bound::new(format!("({})", parts.join(" || ")), to, false))
            }
            // Cut at 8,000 bytes, unless the text has no limit.
            "REPLICATE" => {
                count(2)?;
                let (value, times) = (&arguments[0], &arguments[1]);
                let (sql_type, limit) = match value.sql_type {
                    unlimited @ (SqlType::VarChar(None) | SqlType::NVarChar(None)) => (unlimited, "NULL"),
                    SqlType::VarChar(_) | SqlType::Char(_) => (SqlType::VarChar(Some(8000)), "8000"),
                    _ => (SqlType::NVarChar(Some(4000)), "4000"),
                };
                let text = coerced(&value.sql, value.sql_type, SqlType::NVarChar(None));
                let times = coerced(&times.sql, times.sql_type, SqlType::BigInt);
                Ok(Bound::new(format!("f_replicate({text}, {times}, {limit})"), sql_type, true))
            }
            "CONCAT_WS" => {
                let to = SqlType::NVarChar(Some(4000));
                let parts: Vec<String> = arguments.iter().map(|a| coerced(&a.sql, a.sql_type, to)).collect();
                if parts.len() < 3 {
                    return Err(Message::new(189, 15, 1, "The concat_ws function requires 3 to 254 arguments."));
                }
                Ok(Bound::new(format!("f_concat_ws({})", parts.join(", ")), to, false))
            }
            "LEN" | "DATALENGTH" => {
                count(1)?;
                let argument = &arguments[0];
                let sql = format!(
                    "f_{}({}, '{}')",
                    name.to_ascii_lowercase(),
                    argument.sql,
                    functions::encode(argument.sql_type)
                );
                Ok(Bound::new(sql, SqlType::Int, argument.nullable))
            }
            "CURRENT_DATE" => Ok(Bound::new(
                converted("f_sysdatetime()", SqlType::DateTime2 { scale: 7 }, SqlType::Date, "0", false),
                SqlType::Date,
                false,
            )),
            "SESSION_CONTEXT" if arguments.first().is_some_and(|a| !matches!(a.sql_type, SqlType::NVarChar(_))) => {
                let of = &arguments[0];
                let kind = if of.is_null { "NULL" } else { types::name_of(of.sql_type) };
                let text = format!("Argument data type {kind} is invalid for argument 1 of session_context function.");
                Err(Message::new(8116, 16, 1, text))
            }
            _ => self.table_call(name, arguments),
        }
    }

    fn table_call(&mut self, name: &str, arguments: &[Bound]) -> Result<Bound, Message> {
        let Some(function) = functions::find(name) else {
            if functions::exists_on_server(name) {
                return Err(errors::outside(&format!("the function {name}")));
            }
            return Err(Message::new(
                195,
                15,
                10,
                format!("'{}' is not a recognized built-in function name.", name.to_ascii_lowercase()),
            ));
        };
        if arguments.len() < function.least || arguments.len() > function.most {
            let text = if function.least == function.most {
                format!("The {} function requires {} argument(s).", function.name, function.least)
            } else {
                format!("The {} function requires {} to {} arguments.", function.name, function.least, function.most)
            };
            return Err(Message::new(if function.least == function.most { 174 } else { 189 }, 15, 1, text));
        }
        if let (Some(value), "abs" | "round") = (arguments.first(), function.name)
            && types::is_exact(value.sql_type)
        {
            let rest: Vec<String> = arguments[1..]
                .iter()
                .map(|a| coerced(&a.sql, a.sql_type, SqlType::Int))
                .chain(["0".to_owned(), "0".to_owned()])
                .collect();
            let sql = format!("f_exact_alone('{name}', {}, {}, {})", value.sql, rest[0], rest[1]);
            return Ok(Bound::new(sql, value.sql_type, value.nullable));
        }
        let parts: Vec<String> = arguments
            .iter()
            .enumerate()
            .map(|(i, argument)| match function.text_arguments.contains(&i) {
                true => coerced(&argument.sql, argument.sql_type, SqlType::NVarChar(None)),
                // Functions know numbers, not how SQLite keeps exact ones.
                false if types::is_exact(argument.sql_type) => {
                    coerced(&argument.sql, argument.sql_type, SqlType::Float)
                }
                false => argument.sql.clone(),
            })
            .collect();
        let given: Vec<SqlType> = arguments.iter().map(|a| a.sql_type).collect();
        let sql_type = (function.returns)(&given);
        let nullable = function.nullable || arguments.iter().any(|a| a.nullable);
        let mut bound = Bound::new(format!("f_{}({})", function.name, parts.join(", ")), sql_type, nullable);
        if types::is_text(sql_type) {
            bound.collation = arguments.first().and_then(|a| a.collation);
        }
        Ok(bound)
    }

    /// The first argument of these is a word, not an expression.
    fn date_call(&mut self, name: &str, call: &Call) -> Result<Bound, Message> {
        let Some(Expr::Column(part)) = call.arguments.first() else {
            return Err(Message::new(
                1023,
                15,
                1,
                format!("Invalid parameter 1 specified for {}.", name.to_ascii_lowercase()),
            ));
        };
        let Some(part_name) = functions::date_part(&part.name) else {
            return Err(Message::new(
                155,
                15,
                1,
                format!("'{}' is not a recognized {} option.", part.name, name.to_ascii_lowercase()),
            ));
        };
        let mut arguments = vec![format!("'{part_name}'")];
        let mut last = SqlType::Int;
        for argument in &call.arguments[1..] {
            let bound = self.expression(argument)?;
            last = bound.sql_type;
            arguments.push(match types::is_exact(bound.sql_type) {
                true => coerced(&bound.sql, bound.sql_type, SqlType::BigInt),
                false => bound.sql,
            });
        }
        let wanted = if matches!(name, "DATEPART" | "DATENAME") { 2 } else { 3 };
        if arguments.len() != wanted {
            return Err(Message::new(
                174,
                15,
                1,
                format!("The {} function requires {wanted} argument(s).", name.to_ascii_lowercase()),
            ));
        }
        let sql_type = match name {
            "DATEADD" if types::is_moment(last) => last,
            "DATEADD" => SqlType::DateTime,
            "DATENAME" => SqlType::NVarChar(Some(30)),
            "DATEDIFF_BIG" => SqlType::BigInt,
            _ => SqlType::Int,
        };
        let sql = format!("f_{}({})", name.to_ascii_lowercase().trim_end_matches("_big"), arguments.join(", "));
        Ok(Bound::new(sql, sql_type, true))
    }

    fn aggregate(&mut self, name: &str, call: &Call) -> Result<Bound, Message> {
        if self.in_aggregate {
            return Err(Message::new(
                130,
                16,
                1,
                "Cannot perform an aggregate function on an expression containing an aggregate or a subquery.",
            ));
        }
        self.saw_aggregate = true;
        self.in_aggregate = true;
        let bound = self.aggregate_text(name, call);
        self.in_aggregate = false;
        bound
    }

    fn aggregate_text(&mut self, name: &str, call: &Call) -> Result<Bound, Message> {
        let count_type = if name == "COUNT_BIG" { SqlType::BigInt } else { SqlType::Int };
        if call.star {
            if !name.starts_with("COUNT") {
                return Err(Message::new(102, 15, 1, "Incorrect syntax near '*'."));
            }
            return Ok(Bound::new("COUNT(*)".into(), count_type, false));
        }
        let distinct = if call.distinct { "DISTINCT " } else { "" };
        let Some(first) = call.arguments.first() else {
            return Err(Message::new(
                174,
                15,
                1,
                format!("The {} function requires 1 argument(s).", name.to_ascii_lowercase()),
            ));
        };
        let before = std::mem::take(&mut self.saw_masked);
        let value = self.expression(first)?;
        self.refuse_masked("an aggregate of a masked column")?;
        self.saw_masked = before;
        if name == "STRING_AGG" {
            return self.string_agg(call, &value);
        }
        if call.arguments.len() != 1 {
            return Err(Message::new(
                174,
                15,
                1,
                format!("The {} function requires 1 argument(s).", name.to_ascii_lowercase()),
            ));
        }
        let sorted = value.sorted();
        Ok(match name {
            "COUNT" | "COUNT_BIG" => Bound::new(format!("COUNT({distinct}{sorted})"), count_type, false),
            "MIN" | "MAX" => {
                if value.sql_type == SqlType::Bit {
                    return Err(Message::new(
                        8117,
                        16,
                        1,
                        format!("Operand data type bit is invalid for {} operator.", name.to_ascii_lowercase()),
                    ));
                }
                let mut bound = Bound::new(format!("{name}({sorted})"), value.sql_type, true);
                bound.collation = value.collation;
                bound
            }
            _ => {
                if !types::is_number(value.sql_type) || value.sql_type == SqlType::Bit {
                    let text = format!(
                        "Operand data type {} is invalid for {} operator.",
                        types::name_of(value.sql_type),
                        name.to_ascii_lowercase()
                    );
                    return Err(Message::new(8117, 16, 1, text));
                }
                let sql_type = match value.sql_type {
                    SqlType::TinyInt | SqlType::SmallInt => SqlType::Int,
                    SqlType::Real => SqlType::Float,
                    SqlType::SmallMoney => SqlType::Money,
                    SqlType::Decimal { scale, .. } => {
                        SqlType::Decimal { precision: 38, scale: if name == "AVG" { scale.max(6) } else { scale } }
                    }
                    other => other,
                };
                let sql = if let (Some((precision, scale)), true) =
                    (types::exact(sql_type), types::is_exact(value.sql_type))
                {
                    let sum = format!("f_sum({distinct}{})", value.sql);
                    let count = converted(
                        &format!("COUNT({distinct}{})", value.sql),
                        SqlType::BigInt,
                        SqlType::Decimal { precision: 38, scale: 0 },
                        "0",
                        false,
                    );
                    if name == "SUM" {
                        sum
                    } else {
                        format!(
                            "(CASE WHEN COUNT({}) > 0 THEN f_exact('/', {sum}, {count}, {precision}, {scale}) END)",
                            value.sql
                        )
                    }
                } else if name == "AVG" && types::is_integer(sql_type) {
                    format!("CAST(AVG({distinct}{}) AS INTEGER)", value.sql)
                } else {
                    format!("{name}({distinct}{})", value.sql)
                };
                Bound::new(sql, sql_type, true)
            }
        })
    }

    fn string_agg(&mut self, call: &Call, value: &Bound) -> Result<Bound, Message> {
        let [_, separator] = &call.arguments[..] else {
            return Err(Message::new(174, 15, 1, "The string_agg function requires 2 argument(s)."));
        };
        let separator = self.expression(separator)?;
        let text = SqlType::NVarChar(Some(4000));
        let value_sql = coerced(&value.sql, value.sql_type, text);
        no_constants(&call.within_group)?;
        let order = self.order_list(&call.within_group)?;
        let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {order}") };
        let sql_type = match value.sql_type {
            SqlType::NVarChar(None) => SqlType::NVarChar(None),
            SqlType::VarChar(None) => SqlType::VarChar(None),
            SqlType::VarChar(_) | SqlType::Char(_) => SqlType::VarChar(Some(8000)),
            _ => text,
        };
        Ok(Bound::new(format!("group_concat({value_sql}, {}{order})", separator.sql), sql_type, true))
    }

    fn order_list(&mut self, items: &[OrderItem]) -> Result<String, Message> {
        let parts: Result<Vec<String>, Message> = items
            .iter()
            .map(|item| {
                let bound = self.expression(&item.value)?;
                Ok(format!("{}{}", bound.sorted(), if item.descending { " DESC" } else { "" }))
            })
            .collect();
        Ok(parts?.join(", "))
    }

    fn window(&mut self, name: &str, call: &Call, over: &Over) -> Result<Bound, Message> {
        if over.framed {
            return Err(errors::outside("window frames and named windows"));
        }
        no_constants(&over.order_by)?;
        let function = if RANKINGS.contains(&name) {
            if !call.arguments.is_empty() {
                let text = format!("The {} function requires 0 argument(s).", name.to_ascii_lowercase());
                return Err(Message::new(174, 15, 1, text));
            }
            if over.order_by.is_empty() {
                return Err(Message::new(
                    4112,
                    15,
                    1,
                    format!("The function '{name}' must have an OVER clause with ORDER BY."),
                ));
            }
            Bound::new(format!("{}()", name.to_ascii_lowercase()), SqlType::BigInt, false)
        } else if AGGREGATES.contains(&name) && name != "STRING_AGG" {
            let outer = self.grouped.take();
            let bound = self.aggregate_text(name, call);
            self.grouped = outer;
            let mut bound = bound?;
            if types::is_exact(bound.sql_type) && matches!(name, "SUM" | "AVG") {
                let value = self.expression(call.arguments.first().unwrap_or(&Expr::Null))?;
                if types::exact(value.sql_type).is_none_or(|(precision, _)| precision > 15) {
                    return Err(errors::outside("SUM and AVG with OVER of decimals of more than 15 digits"));
                }
                bound.sql = format!("{name}({})", coerced(&value.sql, value.sql_type, SqlType::Float));
            }
            bound
        } else {
            return Err(errors::outside(&format!("the window function {name}")));
        };
        let partition: Vec<String> =
            over.partition_by.iter().map(|p| self.expression(p).map(|b| b.sorted())).collect::<Result<_, _>>()?;
        let mut window = Vec::new();
        if !partition.is_empty() {
            window.push(format!("PARTITION BY {}", partition.join(", ")));
        }
        if !over.order_by.is_empty() {
            window.push(format!("ORDER BY {}", self.order_list(&over.order_by)?));
        }
        let sql = format!("{} OVER ({})", function.sql, window.join(" "));
        let approximate = types::is_exact(function.sql_type) && matches!(name, "SUM" | "AVG");
        let sql = if approximate { coerced(&sql, SqlType::Float, function.sql_type) } else { sql };
        Ok(Bound { sql, ..function })
    }
}

/// 5308 and 5309: OVER and WITHIN GROUP do not order by positions or constants.
fn no_constants(order: &[OrderItem]) -> Result<(), Message> {
    for item in order {
        let (number, what) = match item.value {
            Expr::Integer(_) => (5308, "integer indices"),
            Expr::Text { .. } | Expr::Null => (5309, "constants"),
            _ => continue,
        };
        let text = format!(
            "Windowed functions, aggregates and NEXT VALUE FOR functions do not support {what} as ORDER BY clause expressions."
        );
        return Err(Message::new(number, 15, 1, text));
    }
    Ok(())
}

/// Whether an aggregate (not a window) stands in the expression itself, outside its subqueries.
pub(super) fn contains_aggregate(expr: &Expr) -> bool {
    match expr {
        Expr::Call(call) => {
            (call.over.is_none() && AGGREGATES.contains(&call.name.name.to_ascii_uppercase().as_str()))
                || call.arguments.iter().any(contains_aggregate)
        }
        Expr::Negate(inner) | Expr::Complement(inner) => contains_aggregate(inner),
        Expr::Operation { left, right, .. } => contains_aggregate(left) || contains_aggregate(right),
        Expr::Collate { value, .. } | Expr::Convert { value, .. } => contains_aggregate(value),
        Expr::Case { operand, branches, otherwise } => {
            operand.as_deref().is_some_and(contains_aggregate)
                || otherwise.as_deref().is_some_and(contains_aggregate)
                || branches.iter().any(|(when, then)| {
                    contains_aggregate(then)
                        || match when {
                            When::Value(value) => contains_aggregate(value),
                            When::Condition(condition) => condition_has_aggregate(condition),
                        }
                })
        }
        Expr::If { condition, then, otherwise } => {
            condition_has_aggregate(condition) || contains_aggregate(then) || contains_aggregate(otherwise)
        }
        _ => false,
    }
}

fn condition_has_aggregate(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::Compare { left, right, .. } | Predicate::Distinct { left, right, .. } => {
            contains_aggregate(left) || contains_aggregate(right)
        }
        Predicate::IsNull { value, .. } | Predicate::Like { value, .. } | Predicate::InQuery { value, .. } => {
            contains_aggregate(value)
        }
        Predicate::Between { value, low, high, .. } => [value, low, high].into_iter().any(contains_aggregate),
        Predicate::InList { value, list, .. } => contains_aggregate(value) || list.iter().any(contains_aggregate),
        Predicate::Quantified { left, .. } => contains_aggregate(left),
        Predicate::Not(inner) => condition_has_aggregate(inner),
        Predicate::And(all) | Predicate::Or(all) => all.iter().any(condition_has_aggregate),
        Predicate::Exists(_) | Predicate::Outside(_) => false,
    }
}

pub(super) fn has_aggregate(item: &ast::SelectItem) -> bool {
    match item {
        ast::SelectItem::All(_) => false,
        ast::SelectItem::Expr { value, .. } | ast::SelectItem::Assign { value, .. } => contains_aggregate(value),
    }
}
