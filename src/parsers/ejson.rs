//! EJSON, as the `ejson` package has it: JSON in which dates, bytes, regular
//! expressions and the numbers that JSON lacks are wrapped in objects.
//!
//! | value | wrapper |
//! |---|---|
//! | date | `{"$date":ms}` |
//! | bytes | `{"$binary":"base 64"}` |
//! | NaN, Infinity, -Infinity | `{"$InfNaN":0}`, `1`, `-1` |
//! | regular expression | `{"$regexp":"source","$flags":"flags"}` |
//! | an object that looks like a wrapper | `{"$escape":{..}}` |
//! | custom types (`EJSON.addType`) | `{"$type":..,"$value":..}`: not supported, an error |
//!
//! An object is a wrapper only if it has exactly these keys.

use std::borrow::Cow;

use super::text::Lexer;
use crate::base64;
use crate::value::{Date, Fault, RegExp, Value};

/// An object that is not what it seems.
pub(super) enum Wrapper {
    /// It stands for this value and ends there.
    Value(Value, usize),
    /// It is an escaped object, which begins at the first place; the escape
    /// ends at the second.
    Escape(usize, usize),
}

/// The keys of wrappers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    Date,
    Binary,
    InfNaN,
    RegExp,
    Flags,
    Escape,
    Type,
    Value,
}

/// The wrapper key that a key is, if it is one.
pub(super) fn special_key(key: &str) -> Option<Special> {
    Some(match key.strip_prefix('$')? {
        "date" => Special::Date,
        "binary" => Special::Binary,
        "InfNaN" => Special::InfNaN,
        "regexp" => Special::RegExp,
        "flags" => Special::Flags,
        "escape" => Special::Escape,
        "type" => Special::Type,
        "value" => Special::Value,
        _ => return None,
    })
}

/// The wrapper keys of an object, while its entries pass by one after the
/// other. (JavaScript's objects have no key twice; the last one counts.)
#[derive(Clone, Copy, Default)]
pub(super) struct Keys {
    first: Option<Special>,
    second: Option<Special>,
    other: bool,
}

impl Keys {
    #[inline(never)]
    pub fn add(&mut self, key: &str) {
        let special = special_key(key);
        match (special, self.first, self.second) {
            (None, ..) => self.other = true,
            (_, None, _) => self.first = special,
            (_, first, _) if first == special => {}
            (_, _, None) => self.second = special,
            (_, _, second) if second == special => {}
            _ => self.other = true,
        }
    }

    /// Whether an object of exactly these keys is a wrapper.
    pub fn is_wrapper(&self) -> bool {
        use Special::*;
        !self.other
            && matches!(
                (self.first, self.second),
                (Some(Date | Binary | InfNaN | Escape), None)
                    | (Some(RegExp), Some(Flags))
                    | (Some(Flags), Some(RegExp))
                    | (Some(Type), Some(Value))
                    | (Some(Value), Some(Type))
            )
    }
}

/// Looks at the object that is next, without taking it. Adds to `seen` how many
/// bytes it had to look at.
pub(super) fn wrapper(
    lexer: Lexer<'_>,
    depth: usize,
    seen: &mut usize,
) -> Result<Option<Wrapper>, Fault> {
    let mut ahead = lexer;
    let places = look_ahead(&mut ahead, depth);
    *seen += ahead.at - lexer.at;
    places?.map(|places| unwrap(ahead, places)).transpose()
}

/// Where the values of the wrapper keys begin; of a key that comes twice, the
/// last.
type Places = [Option<(Special, usize)>; 2];

/// Skips the object if it is a wrapper.
fn look_ahead(lexer: &mut Lexer<'_>, depth: usize) -> Result<Option<Places>, Fault> {
    lexer.expect(b'{', "expected an object")?;
    let mut keys = Keys::default();
    let mut places: Places = [None; 2];
    loop {
        if lexer.peek() != Some(b'"') {
            return Ok(None);
        }
        let key = lexer.string()?;
        let Some(special) = special_key(&key) else { return Ok(None) };
        keys.add(&key);
        lexer.expect(b':', "expected a colon")?;
        lexer.peek();
        let slot = usize::from(places[0].is_some_and(|(first, _)| first != special));
        places[slot] = Some((special, lexer.at));
        if keys.other {
            return Ok(None);
        }
        lexer.skip_value(depth + 1)?;
        if !lexer.eat(b',') {
            break;
        }
    }
    lexer.expect(b'}', "expected a comma or the end")?;
    Ok(keys.is_wrapper().then_some(places))
}

/// What a wrapper with these keys, at whose end the lexer is, stands for.
fn unwrap(lexer: Lexer<'_>, places: Places) -> Result<Wrapper, Fault> {
    let end = lexer.at;
    let place = |wanted| {
        let (_, at) = places.iter().flatten().find(|(special, _)| *special == wanted)?;
        let mut there = lexer;
        there.at = *at;
        Some(there)
    };
    let value = if let Some(mut there) = place(Special::Escape) {
        return match there.peek() {
            Some(b'{') => Ok(Wrapper::Escape(there.at, end)),
            _ => there.fault("an escape of something that is no object"),
        };
    } else if let Some(there) = place(Special::Date) {
        Value::Date(date(there)?)
    } else if let Some(there) = place(Special::InfNaN) {
        Value::from(infinite(there)?)
    } else if let Some(mut there) = place(Special::Binary) {
        match string(&mut there)?.and_then(|digits| base64::decode(&digits)) {
            Some(bytes) => Value::Binary(bytes),
            None => return there.fault("invalid base 64"),
        }
    } else if let (Some(source), Some(flags)) = (place(Special::RegExp), place(Special::Flags)) {
        regexp(source, flags)?
    } else {
        return lexer.fault("a custom EJSON type that is not defined");
    };
    Ok(Wrapper::Value(value, end))
}

fn string<'de>(lexer: &mut Lexer<'de>) -> Result<Option<Cow<'de, str>>, Fault> {
    if lexer.peek() == Some(b'"') { lexer.string().map(Some) } else { Ok(None) }
}

/// The date that `new Date(..)` makes of what is next.
fn date(mut lexer: Lexer<'_>) -> Result<Date, Fault> {
    Ok(match lexer.peek() {
        Some(b'"') => Date::parse(&lexer.string()?),
        Some(b'-' | b'0'..=b'9') => Date::from_ms(lexer.number()?.as_f64()),
        Some(b'n' | b'f') => Date::from_ms(0.0),
        Some(b't') => Date::from_ms(1.0),
        _ => Date::INVALID,
    })
}

/// What is next divided by zero.
fn infinite(mut lexer: Lexer<'_>) -> Result<f64, Fault> {
    Ok(match lexer.peek() {
        Some(b'-' | b'0'..=b'9') => lexer.number()?.as_f64() / 0.0,
        Some(b't') => f64::INFINITY,
        _ => f64::NAN,
    })
}

fn regexp(mut source: Lexer<'_>, mut flags: Lexer<'_>) -> Result<Value, Fault> {
    let (Some(pattern), Some(letters)) = (string(&mut source)?, string(&mut flags)?) else {
        return source.fault("a regular expression without its text");
    };
    let known: Vec<char> = letters.chars().take(50).filter(|c| "gimuy".contains(*c)).collect();
    let last = |(at, letter): &(usize, &char)| !known[at + 1..].contains(letter);
    let flags = known.iter().enumerate().filter(last).map(|(_, letter)| letter).collect();
    Ok(Value::from(RegExp { source: pattern.into_owned(), flags }))
}
