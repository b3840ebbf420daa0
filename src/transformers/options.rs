//! How the options of a transformer are read: pairs of a name and a value, as
//! the application gives them.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::unheard;

/// What a value should have been.
#[derive(Debug)]
pub(crate) struct Expected(pub &'static str);

/// Longer times are no use, and JavaScript clients cannot count them.
const LONGEST_MS: u64 = 1_000_000_000;

/// The options of one side of a protocol, which begin as those that count when
/// nothing is said.
pub(crate) trait OptionSet: Default {
    /// Takes in one; its name is in lower case. `None`: there is no such option.
    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), Expected>>;

    /// Reads options; of several with one name the last counts. Case does not
    /// matter in names. Returned besides are the names that mean nothing here.
    ///
    /// # Errors
    /// [`Error::Option`] for a value that cannot be used.
    fn parse(given: &[(String, String)]) -> Result<(Self, Vec<&str>)> {
        let mut options = Self::default();
        let unknown = read(given, |name, value| options.set(name, value))?;
        Ok((options, unknown))
    }
}

/// Gives each option to `set`: its name in lower case, its value without space
/// around it. `set` returns `None` for a name that means nothing to it; these
/// are returned.
///
/// # Errors
/// [`Error::Option`] for a value that cannot be used.
pub(crate) fn read(
    given: &[(String, String)],
    mut set: impl FnMut(&str, &str) -> Option<Result<(), Expected>>,
) -> Result<Vec<&str>> {
    let mut unknown = Vec::new();
    for (name, value) in given {
        let value = value.trim();
        match set(&name.to_ascii_lowercase(), value) {
            Some(Ok(())) => {}
            Some(Err(Expected(expected))) => {
                let text = format!("`{name}` is `{value}`; expected {expected}");
                return Err(Error::Option(text));
            }
            None => unknown.push(&**name),
        }
    }
    Ok(unknown)
}

/// Tells of options that a transformer does not know: like Primus, it does
/// without them.
pub(crate) fn warn(transformer: &str, unknown: &[&str]) {
    for option in unknown {
        unheard::warn(&format!("`{transformer}` has no transport option `{option}`"));
    }
}

/// `true` or `false`.
pub(crate) fn truth(value: &str) -> Result<bool, Expected> {
    match &*value.to_ascii_lowercase() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(Expected("`true` or `false`")),
    }
}

/// A time of at least a millisecond.
pub(crate) fn millis(value: &str) -> Result<Duration, Expected> {
    span(value)
        .filter(|span| !span.is_zero())
        .ok_or(Expected("whole milliseconds, from 1 to 1000000000"))
}

/// A time, or none.
pub(crate) fn millis_or_none(value: &str) -> Result<Duration, Expected> {
    span(value).ok_or(Expected("whole milliseconds, from 0 to 1000000000"))
}

fn span(value: &str) -> Option<Duration> {
    value.parse().ok().filter(|ms| *ms <= LONGEST_MS).map(Duration::from_millis)
}

/// The names of a list in lower case, with commas or spaces between them; a
/// JavaScript array will do.
pub(crate) fn list(value: &str) -> impl Iterator<Item = String> {
    let between = |c: char| c == ',' || c.is_whitespace() || "[]\"'".contains(c);
    value.split(between).filter(|name| !name.is_empty()).map(str::to_ascii_lowercase)
}

/// What the names of a list stand for, in its order and each once, if that is something
/// and there is one.
pub(crate) fn choice<T: PartialEq>(value: &str, of: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let mut chosen = Vec::new();
    for name in list(value) {
        let one = of(&name)?;
        if !chosen.contains(&one) {
            chosen.push(one);
        }
    }
    Some(chosen).filter(|chosen| !chosen.is_empty())
}

/// How the tests of each set of options ask.
#[cfg(test)]
pub(crate) mod asked {
    use std::fmt::Debug;

    use super::*;

    pub fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// What comes of these, and the names that mean nothing.
    pub fn of<O: OptionSet>(given: &[(&str, &str)]) -> Result<(O, Vec<String>)> {
        let given = pairs(given);
        let (options, unknown) = O::parse(&given)?;
        Ok((options, unknown.into_iter().map(str::to_owned).collect()))
    }

    /// What comes of one that there is.
    pub fn one<O: OptionSet>(name: &str, value: &str) -> Result<O> {
        of(&[(name, value)]).map(|(options, unknown)| {
            assert!(unknown.is_empty(), "{unknown:?}");
            options
        })
    }

    /// None of these can be used, and it is said which it is.
    pub fn refused<O: OptionSet + Debug>(given: &[(&str, &str)]) {
        for (name, value) in given {
            match one::<O>(name, value) {
                Err(Error::Option(text)) => {
                    let which = format!("`{name}` is `{value}`; expected ");
                    assert!(text.starts_with(&which), "{text}");
                }
                other => panic!("{name}={value}: {other:?}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::asked::pairs;
    use super::*;

    #[test]
    fn names_and_values() {
        let given = pairs(&[("Known", " 1 "), ("Other", "x"), ("kNOWN", "false")]);
        let mut values = Vec::new();
        let unknown = read(&given, |name, value| {
            (name == "known").then(|| truth(value).map(|value| values.push(value)))
        });
        assert_eq!(unknown.unwrap(), ["Other"]);
        assert_eq!(values, [true, false]);
        let wrong = pairs(&[("Known", "perhaps")]);
        let error = read(&wrong, |_, value| Some(truth(value).map(drop))).unwrap_err();
        assert!(error.to_string().ends_with("`Known` is `perhaps`; expected `true` or `false`"));
    }

    #[test]
    fn times() {
        for (value, expected) in [("1", 1), ("1000000000", LONGEST_MS)] {
            assert_eq!(millis(value).unwrap(), Duration::from_millis(expected));
        }
        for value in ["", "0", "-1", "1.5", "1s", "1000000001", "99999999999999999999"] {
            assert!(millis(value).is_err(), "{value}");
        }
    }

    #[test]
    fn lists() {
        for value in ["a,B", "a b", " [\"A\", 'b'] ", "a, ,b,"] {
            assert!(list(value).eq(["a", "b"]), "{value}");
        }
        assert_eq!(list("[ ]").count(), 0);
    }
}
