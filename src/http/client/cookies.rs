//! The cookies of one session's requests: as much of RFC 6265 (and of the draft
//! that is to replace it) as a client needs that asks one host for one path.
//!
//! A cookie that would not be sent with these requests is not kept: one for
//! another path or domain, a `Secure` one without TLS. What is kept is bounded
//! in number and in bytes; the oldest makes room.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::http::Fields;

/// Most cookies that are kept.
const COUNT_MAX: usize = 50;

/// Bytes of names and values: of one cookie, and of all, because servers bound
/// the heads of requests.
const COOKIE_MAX: usize = 4 << 10;
const BYTES_MAX: usize = 8 << 10;

/// Longest attribute that is looked at, in bytes.
const ATTRIBUTE_MAX: usize = 1 << 10;

/// The longest life of a cookie: 400 days.
const AGE_MAX: Duration = Duration::from_secs(400 * 86_400);

/// See the module.
#[derive(Debug)]
pub(crate) struct Cookies {
    host: String,
    secure: bool,
    /// The path of the requests.
    path: String,
    kept: Mutex<Vec<Cookie>>,
}

#[derive(Debug)]
struct Cookie {
    name: String,
    value: String,
    /// The path it is for.
    path: String,
    /// When it ends; `None` for one of the session.
    until: Option<SystemTime>,
}

impl Cookie {
    fn bytes(&self) -> usize {
        self.name.len() + self.value.len()
    }
}

impl Cookies {
    /// None yet, for requests to this path of this host.
    pub fn new(host: &str, secure: bool, path: &str) -> Self {
        let (host, path) = (host.to_ascii_lowercase(), path.to_owned());
        Cookies { host, secure, path, kept: Mutex::default() }
    }

    /// Takes those that an answer sets.
    pub fn take(&self, fields: &Fields) {
        self.take_at(fields.all("set-cookie"), SystemTime::now());
    }

    /// The value of a `Cookie` header; empty without cookies.
    fn value(&self) -> String {
        self.value_at(SystemTime::now())
    }

    /// Adds them to the headers of a request, behind those that it has anyway.
    pub fn join(&self, headers: &mut Vec<(String, String)>) {
        let value = self.value();
        if value.is_empty() {
            return;
        }
        match headers.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case("cookie")) {
            Some((_, given)) => given.extend(["; ", &value]),
            None => headers.push(("Cookie".into(), value)),
        }
    }

    fn take_at<'a>(&self, lines: impl Iterator<Item = &'a str>, now: SystemTime) {
        let mut kept = self.lock();
        for cookie in lines.take(COUNT_MAX).filter_map(|line| self.parse(line, now)) {
            let same = |old: &Cookie| (&old.name, &old.path) == (&cookie.name, &cookie.path);
            let at = kept.iter().position(same);
            let expired = cookie.until.is_some_and(|until| until <= now);
            match at {
                Some(at) if expired => drop(kept.remove(at)),
                // It keeps its place.
                Some(at) => kept[at] = cookie,
                None if expired => {}
                None => kept.push(cookie),
            }
        }
        while kept.len() > COUNT_MAX || kept.iter().map(Cookie::bytes).sum::<usize>() > BYTES_MAX {
            kept.remove(0);
        }
    }

    fn value_at(&self, now: SystemTime) -> String {
        let mut kept = self.lock();
        kept.retain(|cookie| cookie.until.is_none_or(|until| until > now));
        let mut all: Vec<_> = kept.iter().collect();
        // Longer paths first, else as they came.
        all.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs = all.iter().map(|cookie| match cookie.name.as_str() {
            "" => cookie.value.clone(),
            name => format!("{name}={}", cookie.value),
        });
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// A cookie that is to be sent with the requests; `None` for others.
    fn parse(&self, line: &str, now: SystemTime) -> Option<Cookie> {
        let mut parts = line.split(';').map(str::trim);
        let pair = parts.next()?;
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let (name, value) = (name.trim_end(), value.trim_start());
        // What is not ASCII would not come back as the bytes that were sent.
        let legal = |text: &str| text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
        let length = name.len() + value.len();
        if length == 0 || length > COOKIE_MAX || !legal(name) || !legal(value) {
            return None;
        }
        let (mut secure, mut domain, mut path) = (false, None, None);
        let (mut expires, mut max_age) = (None, None);
        for part in parts.filter(|part| part.len() <= ATTRIBUTE_MAX) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim_start();
            match key.trim_end().to_ascii_lowercase().as_str() {
                "secure" => secure = true,
                "domain" => domain = Some(value.trim_start_matches('.').to_ascii_lowercase()),
                "path" => path = Some(value).filter(|path| path.starts_with('/')),
                "expires" => expires = date(value).or(expires),
                "max-age" => max_age = age(value).or(max_age),
                _ => {}
            }
        }
        let path = path.unwrap_or_else(|| parent(&self.path));
        let promised = ["__secure-", "__host-"];
        let promises = |start: &&str| {
            name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
        };
        let needs_tls = secure || promised.iter().any(promises);
        if (needs_tls && !self.secure)
            || !domain.is_none_or(|domain| domain.is_empty() || self.is_in(&domain))
            || !covers(path, &self.path)
        {
            return None;
        }
        let until = max_age.map(|age| now + age.min(AGE_MAX));
        let until = until.or(expires.map(|at| at.min(now + AGE_MAX)));
        let (name, value, path) = (name.to_owned(), value.to_owned(), path.to_owned());
        Some(Cookie { name, value, path, until })
    }

    /// Whether the host is this domain or below it.
    fn is_in(&self, domain: &str) -> bool {
        let below = self.host.strip_suffix(domain).is_some_and(|before| before.ends_with('.'));
        self.host == domain || (below && self.host.parse::<std::net::IpAddr>().is_err())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Cookie>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path that a cookie without one is for.
fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(at @ 1..) => &path[..at],
        _ => "/",
    }
}

/// Whether a cookie for `of` is sent to `path`.
fn covers(of: &str, path: &str) -> bool {
    path.strip_prefix(of)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || of.ends_with('/'))
}

/// `Max-Age`: zero for what is to end at once.
fn age(text: &str) -> Option<Duration> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = if digits.len() < text.len() { 0 } else { digits.parse().unwrap_or(u64::MAX) };
    Some(Duration::from_secs(seconds))
}

/// `Expires`, by the tolerant algorithm of RFC 6265 section 5.1.1.
fn date(text: &str) -> Option<SystemTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let separates = |c: char| !(c.is_ascii_alphanumeric() || c == ':' || !c.is_ascii());
    for token in text.split(separates).filter(|token| !token.is_empty()) {
        let number = token.parse::<u32>().ok().filter(|_| token.len() <= 4);
        if time.is_none() && clock(token).is_some() {
            time = clock(token);
        } else if day.is_none() && token.len() <= 2 && number.is_some() {
            day = number;
        } else if month.is_none() && month_of(token).is_some() {
            month = month_of(token);
        } else if year.is_none() && token.len() >= 2 {
            year = number.or(year);
        }
    }
    let year = match year? {
        short @ 70..=99 => short + 1900,
        short @ 0..=69 => short + 2000,
        year => year,
    };
    let day = day.filter(|day| (1..=31).contains(day))?;
    if year < 1601 {
        return None;
    }
    let days = days_before(year, month?) + i64::from(day) - 1;
    match u64::try_from(days * 86_400 + i64::from(time?)) {
        Ok(seconds) => UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
        Err(_) => Some(UNIX_EPOCH),
    }
}

/// Seconds of `hh:mm:ss`.
fn clock(token: &str) -> Option<u32> {
    let mut parts = token.split(':').map(|part| part.parse::<u32>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let legal = hours < 24 && minutes < 60 && seconds < 60 && parts.next().is_none();
    legal.then_some(hours * 3600 + minutes * 60 + seconds)
}

/// The number of a month, from 0.
fn month_of(token: &str) -> Option<u32> {
    const NAMES: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let name = token.get(..3)?.to_ascii_lowercase();
    NAMES.iter().position(|known| *known == name).and_then(|at| u32::try_from(at).ok())
}

/// Days from 1970 to the first of a month, by the Gregorian calendar.
fn days_before(year: u32, month: u32) -> i64 {
    // Years that begin in March have their leap day at the end.
    let year = i64::from(year) - i64::from(month < 2);
    let month = i64::from((month + 10) % 12);
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar() -> Cookies {
        Cookies::new("Live.example.org", false, "/primus/")
    }

    /// What is sent after these answers.
    fn after(cookies: &Cookies, lines: &[&str], now: u64) -> String {
        let now = UNIX_EPOCH + Duration::from_secs(now);
        cookies.take_at(lines.iter().copied(), now);
        cookies.value_at(now)
    }

    #[test]
    fn what_is_set_is_sent() {
        let value = |lines: &[&str]| after(&jar(), lines, 0);
        assert_eq!(value(&["a=b"]), "a=b");
        assert_eq!(value(&["a=b; HttpOnly; SameSite=Lax", " c = d=e ;x"]), "a=b; c=d=e");
        assert_eq!(value(&["a=1", "b=2", "a=3"]), "a=3; b=2");
        assert_eq!(value(&["SRV=\"x y\"; path=/; domain=.EXAMPLE.org"]), "SRV=\"x y\"");
        assert_eq!(value(&["nameless", "=too"]), "too");
        assert_eq!(value(&["a=/; Path=/", "b=long; Path=/primus/", "c=x"]), "b=long; c=x; a=/");
    }

    #[test]
    fn what_is_for_others_is_not_kept() {
        for line in [
            "",
            "=",
            "a=b; Secure",
            "__Host-a=b; Path=/",
            "__secure-a=b",
            "a=b; Path=/other",
            "a=b; Path=/primus/x",
            "a=b; Path=/prim",
            "a=b; Domain=example.com",
            "a=b; Domain=ive.example.org",
            "a=b; Domain=x.live.example.org",
            "a=\u{e9}",
            "a=\u{1}",
        ] {
            assert_eq!(after(&jar(), &[line], 0), "", "{line}");
        }
        let secure = Cookies::new("h", true, "/primus/");
        assert_eq!(after(&secure, &["__Host-a=b; Secure; Path=/"], 0), "__Host-a=b");
        let address = Cookies::new("127.0.0.1", false, "/primus/");
        assert_eq!(after(&address, &["a=b; Domain=0.0.1"], 0), "");
        assert_eq!(after(&address, &["a=b; Domain=127.0.0.1"], 0), "a=b");
    }

    #[test]
    fn cookies_end() {
        let cookies = jar();
        let lines = [
            "age=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "date=1; Expires=Thu, 01 Jan 1970 00:00:20 GMT",
            "session=1; Max-Age=soon; Expires=never",
        ];
        assert_eq!(after(&cookies, &lines, 0), "age=1; date=1; session=1");
        assert_eq!(after(&cookies, &[], 9), "age=1; date=1; session=1");
        assert_eq!(after(&cookies, &[], 10), "date=1; session=1");
        assert_eq!(after(&cookies, &["session=; Max-Age=0"], 10), "date=1");
        assert_eq!(after(&cookies, &["date=; Expires=Thu, 01-Jan-70 00:00:01 GMT"], 10), "");
        assert_eq!(after(&cookies, &["gone=1; Max-Age=-5"], 10), "");
        let ages =
            ["a=1; Max-Age=99999999999999999999999", "b=1; Expires=Fri, 31 Dec 9999 23:59:59"];
        assert_eq!(after(&jar(), &ages, 0), "a=1; b=1");
        assert_eq!(after(&jar(), &[], u64::from(u32::MAX)), "");
    }

    #[test]
    fn dates_of_every_form() {
        let at = |text| date(text).map(|at| at.duration_since(UNIX_EPOCH).unwrap().as_secs());
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "6 november 1994 8:49:37",
        ] {
            assert_eq!(at(text), Some(784_111_777), "{text}");
        }
        assert_eq!(at("29 Feb 2024 00:00:00"), Some(1_709_164_800));
        assert_eq!(at("1 Jan 1601 00:00:00"), Some(0));
        for text in [
            "",
            "soon",
            "Sun, 06 Nov 1994",
            "32 Jan 2000 0:0:0",
            "1 Jan 1600 0:0:0",
            "1 Jan 2000 24:0:0",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn a_server_cannot_fill_the_memory() {
        let cookies = jar();
        for round in 0..100 {
            let lines: Vec<_> = (0..100).map(|n| format!("c{round}-{n}={n}")).collect();
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            assert_eq!(after(&cookies, &lines, 0).split("; ").count(), COUNT_MAX);
        }
        let long = format!("a={}", "x".repeat(COOKIE_MAX - 1));
        assert_eq!(
            after(&cookies, &[&long, &long.replace('a', "b"), &long.replace('a', "c")], 0).len(),
            2 * (COOKIE_MAX + 1) + 2
        );
        assert!(!after(&cookies, &[&format!("{long}x")], 0).contains("xx=x"));
        let value = after(&cookies, &[&format!("d={}", "y".repeat(COOKIE_MAX))], 0);
        assert!(!value.contains('y'));
    }
}
