//! Reading the texts of dates.

pub(super) const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
pub(super) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Milliseconds since 1970 of an ISO text: `2020`, `2020-01`, `2020-01-31`,
/// each with an optional `Thh:mm`, seconds, fraction and zone.
pub(super) fn iso(text: &str) -> Option<i64> {
    let mut scan = Scan(text.as_bytes());
    let year = match scan.sign() {
        Some(sign) => sign * scan.digits(6)?,
        None => scan.digits(4)?,
    };
    let month = if scan.eat(b'-') { scan.digits(2)? } else { 1 };
    let day = if scan.eat(b'-') { scan.digits(2)? } else { 1 };
    let time = if scan.eat(b'T') { scan.clock()? } else { 0 };
    scan.done().then(|| assemble(year, month, day, time)).flatten()
}

/// The English texts: `Tue Nov 14 2023 22:13:20 GMT+0000 (...)` of `toString`
/// and `Tue, 14 Nov 2023 22:13:20 GMT` of `toUTCString`.
pub(super) fn english(text: &str) -> Option<i64> {
    let mut words = text.split([' ', ',']).filter(|word| !word.is_empty());
    DAYS.contains(&words.next()?).then_some(())?;
    let (a, b) = (words.next()?, words.next()?);
    let (month, day) = if a.as_bytes().first()?.is_ascii_digit() { (b, a) } else { (a, b) };
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let day = whole(day, 2)?;
    let year = match words.next()? {
        text if text.starts_with('-') => -whole(&text[1..], 6)?,
        text => whole(text, 6)?,
    };
    let mut clock = Scan(words.next()?.as_bytes());
    let time = clock.clock().filter(|_| clock.done())?;
    let mut zone = Scan(words.next()?.strip_prefix("GMT")?.as_bytes());
    let shift = if zone.done() { 0 } else { zone.zone()? };
    zone.done().then(|| assemble(year, month, day, time - shift)).flatten()
}

fn whole(text: &str, max: usize) -> Option<i64> {
    let plain = !text.is_empty() && text.len() <= max && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn assemble(year: i64, month: i64, day: i64, time: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    (1..=last).contains(&day).then(|| days_from_civil(year, month, day) * 86_400_000 + time)
}

/// The bytes still to be read.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn done(&self) -> bool {
        self.0.is_empty()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let hit = self.0.first() == Some(&byte);
        if hit {
            self.0 = &self.0[1..];
        }
        hit
    }

    fn sign(&mut self) -> Option<i64> {
        if self.eat(b'+') { Some(1) } else { self.eat(b'-').then_some(-1) }
    }

    /// Exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
        })
    }

    /// `hh:mm[:ss[.fff]][zone]` in milliseconds of UTC.
    fn clock(&mut self) -> Option<i64> {
        let hour = self.digits(2)?;
        let minute = self.eat(b':').then(|| self.digits(2)).flatten()?;
        let second = if self.eat(b':') { self.digits(2)? } else { 0 };
        let ms = if self.eat(b'.') { self.fraction()? } else { 0 };
        let time = hour * 3_600_000 + minute * 60_000 + second * 1000 + ms;
        let valid = minute < 60 && second < 60 && time <= 86_400_000;
        let shift = if self.done() { 0 } else { self.zone()? };
        valid.then_some(time - shift)
    }

    /// Any number of digits after the point; those after the third don't count.
    fn fraction(&mut self) -> Option<i64> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        let digit = |at: usize| digits.get(at).map_or(0, |byte| i64::from(byte - b'0'));
        (count > 0).then(|| digit(0) * 100 + digit(1) * 10 + digit(2))
    }

    /// `Z`, `+hh:mm` or `+hhmm` in milliseconds east of UTC.
    fn zone(&mut self) -> Option<i64> {
        if self.eat(b'Z') {
            return Some(0);
        }
        let sign = self.sign()?;
        let hour = self.digits(2)?;
        self.eat(b':');
        let minute = self.digits(2)?;
        (hour < 24 && minute < 60).then_some(sign * (hour * 3_600_000 + minute * 60_000))
    }
}

/// The day of a date, counted from the first of 1970.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}
