//! Arguments of events: a list of them out, a list of values in.

mod list;
mod shape;

use std::ops::Index;

use serde::de::DeserializeOwned;
use serde::ser::{Serialize, Serializer};

use crate::value::Value;

pub(crate) use list::List;
use shape::Shape;

/// The arguments of a received event.
///
/// They are read as a whole, as a tuple or a struct of one's own, or one by one:
///
/// ```
/// use primus::Value;
/// use primus::plugins::Args;
///
/// let args = Args::from(vec![Value::from("Ann"), 7.into()]);
/// let (name, age): (String, u8) = args.parse()?;
/// assert_eq!((name.as_str(), age), ("Ann", 7));
///
/// // As in JavaScript, what is too much is ignored and what is missing undefined.
/// assert_eq!(args.parse::<String>()?, "Ann");
/// let (_, _, note): (String, u8, Option<String>) = args.parse()?;
/// assert_eq!(note, None);
/// assert!(args[5] == Value::Undefined && args.get(5).is_none());
/// # Ok::<(), primus::Error>(())
/// ```
///
/// # Arguments to send
///
/// What serialises as an array is the list of arguments: a tuple, a `Vec`, an
/// `Args`. `()` is none, and anything else is the one argument. A value that may
/// itself be an array, or `null`, is put into a tuple of one: `(value,)`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Args(Vec<Value>);

static UNDEFINED: Value = Value::Undefined;

impl Args {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One of them, counted from 0.
    pub fn get(&self, at: usize) -> Option<&Value> {
        self.0.get(at)
    }

    /// All of them, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Value> {
        self.0.iter()
    }

    /// As a type of the application's: a tuple, or an array of fixed length, takes as
    /// many arguments as it has places, a `Vec` takes all, `()` takes none, and any
    /// other type the first one.
    ///
    /// # Errors
    /// [`Error::Parser`](crate::Error::Parser) when an argument has another shape, or
    /// is missing where the type must have it.
    pub fn parse<T: DeserializeOwned>(&self) -> crate::Result<T> {
        let argument = |at: usize| self[at].clone();
        let value = match Shape::of::<T>() {
            Shape::Nothing => Value::Null,
            Shape::First => argument(0),
            Shape::All => Value::Array(self.0.clone()),
            Shape::Some(count) => (0..count).map(argument).collect(),
        };
        value.parse()
    }
}

impl Index<usize> for Args {
    type Output = Value;

    /// An argument; [`Value::Undefined`] where there is none.
    fn index(&self, at: usize) -> &Value {
        self.0.get(at).unwrap_or(&UNDEFINED)
    }
}

impl From<Vec<Value>> for Args {
    fn from(list: Vec<Value>) -> Self {
        Args(list)
    }
}

impl From<Args> for Vec<Value> {
    fn from(args: Args) -> Self {
        args.0
    }
}

impl FromIterator<Value> for Args {
    fn from_iter<I: IntoIterator<Item = Value>>(list: I) -> Self {
        Args(list.into_iter().collect())
    }
}

impl IntoIterator for Args {
    type Item = Value;
    type IntoIter = std::vec::IntoIter<Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Args {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
