//! Dates and times between `jiff`, [`Value`] and text.

use jiff::Timestamp;

use emulator_ground::value::Value;

pub const TICKS_PER_SECOND: u64 = 10_000_000;
pub const TICKS_PER_DAY: u64 = 86_400 * TICKS_PER_SECOND;
/// Days from 0001-01-01 to 1970-01-01.
const UNIX_EPOCH: i32 = 719_162;

/// UTC, as `datetime2(7)`.
pub fn utc(moment: Timestamp) -> Value {
    let nanoseconds = moment.as_nanosecond();
    let ticks = nanoseconds.div_euclid(100);
    let per_day = i128::from(TICKS_PER_DAY);
    let days = UNIX_EPOCH + i32::try_from(ticks.div_euclid(per_day)).unwrap_or(0);
    Value::DateTime { days, ticks: u64::try_from(ticks.rem_euclid(per_day)).unwrap_or(0) }
}

/// As `datetime`: to 1/300 of a second.
pub fn datetime(moment: Timestamp) -> Value {
    match utc(moment) {
        Value::DateTime { days, ticks } => round_datetime(days, ticks),
        other => other,
    }
}

pub fn round_datetime(days: i32, ticks: u64) -> Value {
    let units = (ticks * 3 + 50_000) / 100_000;
    let (days, units) = if units >= 86_400 * 300 { (days + 1, 0) } else { (days, units) };
    // Shown as milliseconds: .000, .003, .007
    let milliseconds = (units * 10 + 1) / 3;
    Value::DateTime { days, ticks: milliseconds * 10_000 }
}

/// Year, month, day of a day number.
pub fn civil(days: i32) -> (i32, u32, u32) {
    let z = i64::from(days) + 306;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (i32::try_from(year).unwrap_or(1), u32::try_from(month).unwrap_or(1), u32::try_from(day).unwrap_or(1))
}

/// Day number of a date; `None` when there is no such date.
pub fn days(year: i32, month: u32, day: u32) -> Option<i32> {
    // Only for its rules: its moments end a day before the last date.
    jiff::civil::Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    if year < 1 {
        return None;
    }
    // Counted from a 1 March, so that the day that leap years add comes last.
    let (year, month) = if month > 2 { (i64::from(year), month - 3) } else { (i64::from(year) - 1, month + 9) };
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = days + i64::from((153 * month + 2) / 5 + day) - 1 - 306;
    i32::try_from(days).ok()
}

/// `hh:mm:ss[.fffffff]` with `scale` digits.
pub fn show_time(ticks: u64, scale: u8) -> String {
    let seconds = ticks / TICKS_PER_SECOND;
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if scale == 0 {
        return text;
    }
    let fraction = format!("{:07}", ticks % TICKS_PER_SECOND);
    format!("{text}.{}", &fraction[..usize::from(scale.min(7))])
}

pub fn show_date(days: i32) -> String {
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Reads ISO forms: `2024-01-31`, `20240131`, `2024-01-31T12:34:56.789`, `12:34`, with an optional offset.
pub fn parse(text: &str) -> Option<(i32, u64, i16)> {
    let text = text.trim();
    let (main, offset) = split_offset(text);
    let main = main.trim();
    let (date, time) = match main.split_once(['T', ' ']) {
        Some((date, time)) => (date, time.trim()),
        None if main.contains(':') => ("", main),
        None => (main, ""),
    };
    let days = if date.is_empty() { days(1900, 1, 1)? } else { parse_date(date)? };
    let ticks = if time.is_empty() { 0 } else { parse_time(time)? };
    Some((days, ticks, offset))
}

fn split_offset(text: &str) -> (&str, i16) {
    if let Some(main) = text.strip_suffix('Z') {
        return (main, 0);
    }
    let Some(at) = text.rfind(['+', '-']) else { return (text, 0) };
    let (main, zone) = text.split_at(at);
    let Some((hours, minutes)) = zone.get(1..).and_then(|zone| zone.split_once(':')) else { return (text, 0) };
    if !main.contains(':') {
        return (text, 0);
    }
    match (hours.parse::<i16>(), minutes.parse::<i16>()) {
        (Ok(hours), Ok(minutes)) if hours <= 14 && minutes < 60 => {
            let total = hours * 60 + minutes;
            (main, if zone.starts_with('-') { -total } else { total })
        }
        _ => (text, 0),
    }
}

fn parse_date(text: &str) -> Option<i32> {
    let digits = |s: &str| if s.chars().all(|c| c.is_ascii_digit()) { s.parse::<u32>().ok() } else { None };
    if text.len() == 8 && text.chars().all(|c| c.is_ascii_digit()) {
        return days(digits(&text[..4])?.cast_signed(), digits(&text[4..6])?, digits(&text[6..])?);
    }
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    let [first, second, third] = parts[..] else { return None };
    if first.len() == 4 {
        days(digits(first)?.cast_signed(), digits(second)?, digits(third)?)
    } else if third.len() == 4 {
        days(digits(third)?.cast_signed(), digits(first)?, digits(second)?)
    } else {
        None
    }
}

fn parse_time(text: &str) -> Option<u64> {
    let upper = text.to_ascii_uppercase();
    let (clock, half) = match (upper.strip_suffix("AM"), upper.strip_suffix("PM")) {
        (Some(clock), _) => (clock.trim(), Some(0)),
        (_, Some(clock)) => (clock.trim(), Some(12)),
        _ => (upper.as_str(), None),
    };
    let mut parts = clock.split(':');
    let mut hours = parts.next()?.parse::<u64>().ok()?;
    let minutes = parts.next().unwrap_or("0").parse::<u64>().ok()?;
    let seconds = parts.next().unwrap_or("0");
    if parts.next().is_some() {
        return None;
    }
    if let Some(half) = half {
        hours = hours % 12 + half;
    }
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let whole = whole.parse::<u64>().ok()?;
    if hours > 23 || minutes > 59 || whole > 59 || !fraction.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let padded: String = fraction.chars().chain("0000000".chars()).take(7).collect();
    Some(((hours * 60 + minutes) * 60 + whole) * TICKS_PER_SECOND + padded.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_numbers_and_dates_are_each_others_inverse() {
        for (date, number) in [((1, 1, 1), 0), ((1970, 1, 1), UNIX_EPOCH), ((9999, 12, 31), 3_652_058)] {
            assert_eq!(days(date.0, date.1, date.2), Some(number));
        }
        for number in (0..3_652_059).step_by(7) {
            let (year, month, day) = civil(number);
            assert_eq!(days(year, month, day), Some(number));
        }
        assert_eq!((days(2023, 2, 29), days(0, 1, 1)), (None, None));
    }
}
