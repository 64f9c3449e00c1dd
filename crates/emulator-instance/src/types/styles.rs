//! Styles of CONVERT: how moments are written ("CAST and CONVERT", date and time styles), and which styles there are.

use super::super::errors;
use super::super::moments;
use super::kinds::{is_binary, is_moment, is_text};
use emulator_ground::engine::Message;
use emulator_ground::value::{SqlType, Value};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Refuses a style whose effect the emulator does not have. Where the server heeds none, any is good.
pub fn check_style(from: SqlType, to: SqlType, style: i64) -> Result<(), Message> {
    let known: &[i64] = match (from, to) {
        (SqlType::Xml, _) | (_, SqlType::Xml) => &[0],
        (from, to) if is_text(from) && is_moment(to) => &[0, 20, 21, 23, 25, 101, 110, 112, 120, 121, 126, 127],
        (from, to) if is_text(from) && is_binary(to) || is_binary(from) && is_text(to) => &[0, 1, 2],
        (SqlType::Money | SqlType::SmallMoney, to) if is_text(to) => &[0, 2, 126],
        (SqlType::Real | SqlType::Float, to) if is_text(to) => &[0, 1, 2, 3],
        _ => return Ok(()),
    };
    if known.contains(&style) { Ok(()) } else { Err(errors::outside(&format!("style {style} of CONVERT"))) }
}

/// A moment as text; `None` for what is no moment.
pub fn written(value: &Value, from: SqlType, style: i64) -> Result<Option<String>, Message> {
    let (days, ticks, offset) = match value {
        Value::Date(days) => (Some(*days), None, None),
        Value::Time(ticks) => (None, Some(*ticks), None),
        Value::DateTime { days, ticks } => (Some(*days), Some(*ticks), None),
        Value::DateTimeOffset { days, ticks, offset_minutes } => (Some(*days), Some(*ticks), Some(*offset_minutes)),
        _ => return Ok(None),
    };
    let old = matches!(from, SqlType::DateTime | SqlType::SmallDateTime);
    let scale = match from {
        SqlType::Time { scale } | SqlType::DateTime2 { scale } | SqlType::DateTimeOffset { scale } => scale,
        _ => 3,
    };
    // "0" of the types that came with SQL Server 2008 is 121.
    let style = if style == 0 && !old { 121 } else { style };
    let outside = || errors::outside(&format!("style {style} of CONVERT"));
    let date = days.map(|days| date_text(days, style).ok_or_else(outside)).transpose()?;
    let time = ticks.map(|ticks| time_text(ticks, style, scale).ok_or_else(outside)).transpose()?;
    let zone = offset.map(|minutes| {
        let sign = if minutes < 0 { '-' } else { '+' };
        format!("{sign}{:02}:{:02}", minutes.unsigned_abs() / 60, minutes.unsigned_abs() % 60)
    });
    if zone.is_some() && !matches!(style, 20 | 21 | 25 | 120 | 121) {
        return Err(outside());
    }
    // A style of dates shows no time, and one of times no date.
    let between = if style == 126 || style == 127 { "T" } else { " " };
    let (date, time) = (date.filter(|text| !text.is_empty()), time.filter(|text| !text.is_empty()));
    let text = match (date, time) {
        (Some(date), Some(time)) => format!("{date}{between}{time}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return Err(outside()),
    };
    Ok(Some(zone.map_or(text.clone(), |zone| format!("{text} {zone}"))))
}

fn date_text(days: i32, style: i64) -> Option<String> {
    let (year, month, day) = moments::civil(days);
    Some(match style {
        0 | 100 => format!("{} {day:>2} {year:04}", MONTHS.get(usize::try_from(month).ok()?.checked_sub(1)?)?),
        101 => format!("{month:02}/{day:02}/{year:04}"),
        102 => format!("{year:04}.{month:02}.{day:02}"),
        103 => format!("{day:02}/{month:02}/{year:04}"),
        104 => format!("{day:02}.{month:02}.{year:04}"),
        105 => format!("{day:02}-{month:02}-{year:04}"),
        110 => format!("{month:02}-{day:02}-{year:04}"),
        111 => format!("{year:04}/{month:02}/{day:02}"),
        112 => format!("{year:04}{month:02}{day:02}"),
        20 | 21 | 23 | 25 | 120 | 121 | 126 | 127 => moments::show_date(days),
        8 | 14 | 24 | 108 | 114 => String::new(),
        _ => return None,
    })
}

fn time_text(ticks: u64, style: i64, scale: u8) -> Option<String> {
    let minutes = ticks / moments::TICKS_PER_SECOND / 60;
    let (hour, minute) = (minutes / 60, minutes % 60);
    Some(match style {
        0 | 100 => {
            let half = if hour < 12 { "AM" } else { "PM" };
            format!("{:>2}:{minute:02}{half}", if hour % 12 == 0 { 12 } else { hour % 12 })
        }
        8 | 20 | 24 | 108 | 120 => moments::show_time(ticks, 0),
        21 | 25 | 121 => moments::show_time(ticks, scale),
        // "When the value for milliseconds is 0, the fraction isn't displayed."
        126 | 127 if ticks.is_multiple_of(moments::TICKS_PER_SECOND) => moments::show_time(ticks, 0),
        126 | 127 => moments::show_time(ticks, scale),
        23 | 101..=105 | 110..=112 => String::new(),
        _ => return None,
    })
}
