//! Dates as C's `strftime` writes them in the C locale, in UTC.
//!
//! The calendar is Howard Hinnant's `civil_from_days` ("chrono-Compatible Low-Level Date
//! Algorithms", 2013).

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

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

const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

const SECONDS_PER_DAY: i64 = 86_400;

/// A moment on the calendar.
#[derive(Debug, Clone, Copy)]
struct Moment {
    year: i64,
    /// 1 to 12.
    month: i64,
    /// 1 to 31.
    day: i64,
    /// 1 to 366.
    day_of_year: i64,
    /// 0 is Sunday.
    weekday: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

/// Writes a time; the error says which directive is unknown.
pub(super) fn format(format: &str, time: SystemTime) -> Result<String, String> {
    let seconds = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(0),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(0),
    };
    let moment = moment(seconds);
    let mut out = String::with_capacity(format.len() * 2);
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        // `%-d` writes a number without leading zeros.
        let mut directive = chars.next().unwrap_or('%');
        let is_padded = directive != '-';
        if !is_padded {
            directive = chars.next().unwrap_or('%');
        }
        write_directive(&moment, directive, is_padded, &mut out)?;
    }
    Ok(out)
}

/// The calendar date and time of seconds since 1970.
fn moment(seconds: i64) -> Moment {
    let days = seconds.div_euclid(SECONDS_PER_DAY);
    let in_day = seconds.rem_euclid(SECONDS_PER_DAY);
    // Eras of 400 years that begin on 1 March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_from_march + 2) / 153;
    let day = day_from_march - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let day_of_year =
        if month > 2 { day_from_march + 60 + i64::from(is_leap) } else { day_from_march - 305 };
    Moment {
        year,
        month,
        day,
        day_of_year,
        weekday: (days + 4).rem_euclid(7),
        hour: in_day / 3_600,
        minute: in_day / 60 % 60,
        second: in_day % 60,
    }
}

fn write_directive(
    moment: &Moment,
    directive: char,
    is_padded: bool,
    out: &mut String,
) -> Result<(), String> {
    let name = |names: &[&'static str], index: i64| -> &'static str {
        usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default()
    };
    let short = |name: &'static str| name.get(..3).unwrap_or(name);
    let hour12 = (moment.hour + 11) % 12 + 1;
    let text = match directive {
        'A' => name(&DAYS, moment.weekday),
        'a' => short(name(&DAYS, moment.weekday)),
        'B' => name(&MONTHS, moment.month - 1),
        'b' | 'h' => short(name(&MONTHS, moment.month - 1)),
        'p' if moment.hour < 12 => "AM",
        'p' => "PM",
        'Z' => "UTC",
        'z' => "+0000",
        'n' => "\n",
        't' => "\t",
        '%' => "%",
        'F' => return write_all(moment, "Y-m-d", out),
        'T' | 'X' => return write_all(moment, "H:M:S", out),
        'R' => return write_all(moment, "H:M", out),
        'D' | 'x' => return write_all(moment, "m/d/y", out),
        _ => "",
    };
    if !text.is_empty() {
        out.push_str(text);
        return Ok(());
    }
    let (number, width) = match directive {
        'Y' => (moment.year, 4),
        'y' => (moment.year.rem_euclid(100), 2),
        'm' => (moment.month, 2),
        'd' | 'e' => (moment.day, 2),
        'j' => (moment.day_of_year, 3),
        'H' => (moment.hour, 2),
        'I' => (hour12, 2),
        'M' => (moment.minute, 2),
        'S' => (moment.second, 2),
        'w' => (moment.weekday, 1),
        'u' => ((moment.weekday + 6) % 7 + 1, 1),
        // The clock's fractions are not shown.
        'f' => (0, 6),
        _ => return Err(format!("strftime_now: unknown directive `%{directive}`")),
    };
    let width = if is_padded { width } else { 0 };
    let written = if directive == 'e' {
        write!(out, "{number:width$}")
    } else {
        write!(out, "{number:0width$}")
    };
    written.map_err(|error| error.to_string())
}

/// Writes directives with signs between them.
fn write_all(moment: &Moment, pattern: &str, out: &mut String) -> Result<(), String> {
    for c in pattern.chars() {
        if c.is_ascii_alphabetic() {
            write_directive(moment, c, true, out)?;
        } else {
            out.push(c);
        }
    }
    Ok(())
}
