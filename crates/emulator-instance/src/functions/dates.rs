//! Functions on dates and times.

use super::super::ambient::Ambient;
use super::super::{errors, moments, types};
use super::values::{int, text};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

pub fn date_part(word: &str) -> Option<&'static str> {
    Some(match word.to_ascii_lowercase().as_str() {
        "year" | "yy" | "yyyy" => "year",
        "quarter" | "qq" | "q" => "quarter",
        "month" | "mm" | "m" => "month",
        "dayofyear" | "dy" | "y" => "dayofyear",
        "day" | "dd" | "d" => "day",
        "week" | "wk" | "ww" => "week",
        "weekday" | "dw" | "w" => "weekday",
        "hour" | "hh" => "hour",
        "minute" | "mi" | "n" => "minute",
        "second" | "ss" | "s" => "second",
        "millisecond" | "ms" => "millisecond",
        "microsecond" | "mcs" => "microsecond",
        "nanosecond" | "ns" => "nanosecond",
        _ => return None,
    })
}

fn moment(value: Option<&Value>) -> Result<Option<(i32, u64)>, Message> {
    let Some(value) = value.filter(|v| **v != Value::Null) else { return Ok(None) };
    match types::convert(
        value,
        if matches!(value, Value::Int(_)) { SqlType::DateTime } else { SqlType::DateTime2 { scale: 7 } },
        0,
    )? {
        Value::DateTime { days, ticks } => Ok(Some((days, ticks))),
        _ => Ok(None),
    }
}

/// Length of a part in ticks; `None` for months and what is made of them.
fn part_ticks(part: &str) -> Option<i128> {
    let second = i128::from(moments::TICKS_PER_SECOND);
    Some(match part {
        "day" | "dayofyear" | "weekday" => 86_400 * second,
        "week" => 7 * 86_400 * second,
        "hour" => 3600 * second,
        "minute" => 60 * second,
        "second" => second,
        "millisecond" => second / 1000,
        "microsecond" => 10,
        _ => return None,
    })
}

pub fn dateadd(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let (Some(part), Some(count), Some((days, ticks))) =
        (text(values.first()), int(values.get(1)), moment(values.get(2))?)
    else {
        return Ok(Value::Null);
    };
    let overflow = || Message::new(517, 16, 1, "Adding a value to a 'datetime' column caused an overflow.");
    if part == "nanosecond" {
        return Err(errors::outside("DATEADD of nanoseconds"));
    }
    if let Some(unit) = part_ticks(&part) {
        let per_day = i128::from(moments::TICKS_PER_DAY);
        let total = i128::from(days) * per_day + i128::from(ticks) + unit * i128::from(count);
        let days = i32::try_from(total.div_euclid(per_day))
            .ok()
            .filter(|d| (0..=3_652_058).contains(d))
            .ok_or_else(overflow)?;
        return Ok(Value::DateTime { days, ticks: u64::try_from(total.rem_euclid(per_day)).unwrap_or(0) });
    }
    let months = count
        .checked_mul(match part.as_str() {
            "year" => 12,
            "quarter" => 3,
            _ => 1,
        })
        .ok_or_else(overflow)?;
    let (year, month, day) = moments::civil(days);
    let total = i64::from(year) * 12 + i64::from(month) - 1 + months;
    let (year, month) = (total.div_euclid(12), u32::try_from(total.rem_euclid(12) + 1).unwrap_or(1));
    let year = i32::try_from(year).ok().filter(|y| (1..=9999).contains(y)).ok_or_else(overflow)?;
    let days = (1..=day).rev().find_map(|day| moments::days(year, month, day)).ok_or_else(overflow)?;
    Ok(Value::DateTime { days, ticks })
}

/// Boundaries crossed, not time passed.
pub fn datediff(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let (Some(part), Some(from), Some(to)) = (text(values.first()), moment(values.get(1))?, moment(values.get(2))?)
    else {
        return Ok(Value::Null);
    };
    let months = |days: i32| {
        let (year, month, _) = moments::civil(days);
        i64::from(year) * 12 + i64::from(month) - 1
    };
    let count = match part.as_str() {
        "year" => months(to.0).div_euclid(12) - months(from.0).div_euclid(12),
        "quarter" => months(to.0).div_euclid(3) - months(from.0).div_euclid(3),
        "month" => months(to.0) - months(from.0),
        // Weeks begin on Sunday; day 0 was a Monday.
        "week" => i64::from((to.0 + 1).div_euclid(7)) - i64::from((from.0 + 1).div_euclid(7)),
        "nanosecond" => return Err(errors::outside("DATEDIFF of nanoseconds")),
        part => {
            let unit = part_ticks(part).unwrap_or(1);
            let total = |(days, ticks): (i32, u64)| {
                (i128::from(days) * i128::from(moments::TICKS_PER_DAY) + i128::from(ticks)).div_euclid(unit)
            };
            i64::try_from(total(to) - total(from)).map_err(|_| errors::overflow("int"))?
        }
    };
    Ok(Value::Int(count))
}

pub fn datepart(_: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    let (Some(part), Some((days, ticks))) = (text(values.first()), moment(values.get(1))?) else {
        return Ok(Value::Null);
    };
    let (year, month, day) = moments::civil(days);
    let first = moments::days(year, 1, 1).unwrap_or(days);
    let second = ticks / moments::TICKS_PER_SECOND;
    let small = |n: u64| i64::try_from(n).unwrap_or(0);
    Ok(Value::Int(match part.as_str() {
        "year" => i64::from(year),
        "quarter" => i64::from((month - 1) / 3 + 1),
        "month" => i64::from(month),
        "day" => i64::from(day),
        "dayofyear" => i64::from(days - first + 1),
        "weekday" => i64::from((days + 1).rem_euclid(7) + 1),
        "week" => i64::from((days + 1).div_euclid(7) - (first + 1).div_euclid(7) + 1),
        "hour" => small(second / 3600),
        "minute" => small(second / 60 % 60),
        "second" => small(second % 60),
        "millisecond" => small(ticks % moments::TICKS_PER_SECOND / 10_000),
        "microsecond" => small(ticks % moments::TICKS_PER_SECOND / 10),
        _ => small(ticks % moments::TICKS_PER_SECOND * 100),
    }))
}

/// Months and days of the week have names, in us_english; every other part is its number.
pub fn datename(ambient: &mut Ambient, values: &[Value]) -> Result<Value, Message> {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    let Value::Int(number) = datepart(ambient, values)? else { return Ok(Value::Null) };
    let names: &[&str] = match text(values.first()).as_deref() {
        Some("month") => &MONTHS,
        Some("weekday") => &WEEKDAYS,
        _ => &[],
    };
    let name = usize::try_from(number - 1).ok().and_then(|place| names.get(place));
    Ok(Value::Text(name.map_or_else(|| number.to_string(), |name| (*name).to_owned())))
}
