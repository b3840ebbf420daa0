//! Dates, as JavaScript has them.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use super::token;

/// The largest distance from 1970 that a JavaScript date can have: 10^8 days.
const LIMIT_MS: f64 = 8.64e15;
const DAY_MS: i64 = 86_400_000;

/// A point in time: milliseconds since the start of 1970 in UTC, or no date at
/// all ("Invalid Date").
///
/// Use it as a field of your own structs. Under `ejson` and `msgpack` it is a
/// JavaScript `Date` at the other end. `json` has none: it sends the ISO text
/// that `JSON.stringify` makes of a `Date`; `binary` sends its English text,
/// which knows no milliseconds. Both texts are read back into a `Date`.
///
/// ```
/// use primus::value::Date;
///
/// let date = Date::from_ms(1_700_000_000_123.0);
/// assert_eq!(date.to_iso().as_deref(), Some("2023-11-14T22:13:20.123Z"));
/// assert_eq!(Date::parse("2023-11-14T22:13:20.123Z"), date);
/// assert!(!Date::parse("yesterday").is_valid());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Date(f64);

impl Date {
    /// Not a date.
    pub const INVALID: Date = Date(f64::NAN);

    /// The date that many milliseconds after the start of 1970; fractions are
    /// cut off, and what no JavaScript date can hold is invalid.
    pub fn from_ms(ms: f64) -> Self {
        if ms.abs() <= LIMIT_MS { Date(ms.trunc() + 0.0) } else { Date::INVALID }
    }

    /// The present time.
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// Reads the texts that JavaScript itself makes of a date (`toISOString`,
    /// `toJSON`, `toString`, `toUTCString`) and the shorter ISO forms. Any
    /// other text is an invalid date. A text without a zone is taken as UTC.
    pub fn parse(text: &str) -> Self {
        let ms = super::date_text::iso(text).or_else(|| super::date_text::english(text));
        ms.map_or(Date::INVALID, |ms| Date::from_ms(ms as f64))
    }

    /// Milliseconds since the start of 1970; NaN for an invalid date.
    pub fn ms(&self) -> f64 {
        self.0
    }

    /// False for an invalid date.
    pub fn is_valid(&self) -> bool {
        !self.0.is_nan()
    }

    /// The text of `toISOString`; `None` for an invalid date.
    pub fn to_iso(&self) -> Option<String> {
        let c = self.civil()?;
        let year = match c.year {
            0..=9999 => format!("{:04}", c.year),
            _ => format!("{:+07}", c.year),
        };
        Some(format!(
            "{year}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            c.month, c.day, c.hour, c.minute, c.second, c.ms
        ))
    }

    /// The text of JavaScript's `toString` on a machine whose zone is UTC.
    pub(crate) fn to_english(self) -> String {
        let Some(c) = self.civil() else { return "Invalid Date".into() };
        let sign = if c.year < 0 { "-" } else { "" };
        let width = if c.year < 0 { 6 } else { 4 };
        format!(
            "{} {} {:02} {sign}{:0width$} {:02}:{:02}:{:02} GMT+0000 (Coordinated Universal Time)",
            super::date_text::DAYS[c.weekday],
            super::date_text::MONTHS[c.month as usize - 1],
            c.day,
            c.year.abs(),
            c.hour,
            c.minute,
            c.second,
        )
    }

    /// The text of a date in an HTTP header, `Tue, 14 Nov 2023 22:13:20 GMT`;
    /// `None` for an invalid date, or a year that has not four digits.
    pub(crate) fn to_http(self) -> Option<String> {
        String::from_utf8(self.http()?.to_vec()).ok()
    }

    /// The bytes of [`to_http`](Self::to_http).
    pub(crate) fn http(self) -> Option<[u8; 29]> {
        let c = self.civil().filter(|c| (0..=9999).contains(&c.year))?;
        let mut text = *b"Www, 00 Mmm 0000 00:00:00 GMT";
        let mut two = |at: usize, number: i64| {
            let digits = [number / 10, number % 10].map(|digit| b'0' + digit as u8);
            text[at..at + 2].copy_from_slice(&digits);
        };
        two(5, c.day);
        two(12, c.year / 100);
        two(14, c.year % 100);
        two(17, c.hour);
        two(20, c.minute);
        two(23, c.second);
        text[..3].copy_from_slice(super::date_text::DAYS[c.weekday].as_bytes());
        text[8..11].copy_from_slice(super::date_text::MONTHS[c.month as usize - 1].as_bytes());
        Some(text)
    }

    fn civil(&self) -> Option<Civil> {
        let ms = super::number::whole(self.0)?;
        let (days, rest) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
        let (year, month, day) = civil_from_days(days);
        Some(Civil {
            year,
            month,
            day,
            weekday: (days + 4).rem_euclid(7) as usize,
            hour: rest / 3_600_000,
            minute: rest / 60_000 % 60,
            second: rest / 1000 % 60,
            ms: rest % 1000,
        })
    }
}

/// A date taken apart, in UTC.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    weekday: usize,
    hour: i64,
    minute: i64,
    second: i64,
    ms: i64,
}

/// Year, month and day of a day counted from the start of 1970. Years are
/// counted from March here, so that the leap day is the last of its year.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

impl PartialEq for Date {
    /// All invalid dates are equal.
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || !(self.is_valid() || other.is_valid())
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_iso().as_deref().unwrap_or("Invalid Date"))
    }
}

impl From<SystemTime> for Date {
    fn from(time: SystemTime) -> Self {
        let ms = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_millis() as f64,
            Err(before) => -(before.duration().as_millis() as f64),
        };
        Date::from_ms(ms)
    }
}

impl From<Date> for Option<SystemTime> {
    /// `None` for an invalid date, or one that the system's clock can't hold.
    fn from(date: Date) -> Self {
        let ms = super::number::whole(date.0)?;
        let distance = Duration::from_millis(ms.unsigned_abs());
        if ms < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(token::DATE, &Body(*self))
    }
}

/// What formats that do not know dates show of one.
struct Body(Date);

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_f64(self.0.ms());
        }
        match self.0.to_iso() {
            Some(iso) => serializer.serialize_str(&iso),
            None => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(token::DATE, DateVisitor)
    }
}

struct DateVisitor;

impl<'de> Visitor<'de> for DateVisitor {
    type Value = Date;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date, its text, or milliseconds")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Date, D::Error> {
        if inner.is_human_readable() {
            inner.deserialize_any(self)
        } else {
            inner.deserialize_f64(self)
        }
    }

    fn visit_f64<E>(self, ms: f64) -> Result<Date, E> {
        Ok(Date::from_ms(ms))
    }

    fn visit_i64<E>(self, ms: i64) -> Result<Date, E> {
        Ok(Date::from_ms(ms as f64))
    }

    fn visit_u64<E>(self, ms: u64) -> Result<Date, E> {
        Ok(Date::from_ms(ms as f64))
    }

    fn visit_unit<E>(self) -> Result<Date, E> {
        Ok(Date::INVALID)
    }

    fn visit_none<E>(self) -> Result<Date, E> {
        Ok(Date::INVALID)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Date, E> {
        match Date::parse(text) {
            date if date.is_valid() || text == "Invalid Date" => Ok(date),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
}
