//! Whom a message is for.

use crate::server::Spark;

/// Whom a message is for that is [forwarded](super::PrimusForward::forward): made of
/// an id, or of several in an array, a slice or a `Vec`.
///
/// ```
/// use primus::plugins::omega::To;
///
/// assert_eq!(To::from("an id"), To::Spark("an id".into()));
/// assert_eq!(To::from(["one", "another"]), To::Sparks(vec!["one".into(), "another".into()]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// Every spark.
    All,
    /// The spark with this id.
    Spark(String),
    /// The sparks with these ids, each as often as it is named. No id is nobody.
    Sparks(Vec<String>),
}

impl To {
    /// To how many it can be written at most.
    pub(super) fn most(&self) -> usize {
        match self {
            To::All => usize::MAX,
            To::Spark(_) => 1,
            To::Sparks(ids) => ids.len(),
        }
    }
}

impl From<&str> for To {
    fn from(id: &str) -> Self {
        To::Spark(id.to_owned())
    }
}

impl From<String> for To {
    fn from(id: String) -> Self {
        To::Spark(id)
    }
}

impl From<&String> for To {
    fn from(id: &String) -> Self {
        To::Spark(id.clone())
    }
}

impl From<&Spark> for To {
    fn from(spark: &Spark) -> Self {
        To::Spark(spark.id().to_owned())
    }
}

impl<I: Into<String>> From<Vec<I>> for To {
    fn from(ids: Vec<I>) -> Self {
        To::Sparks(ids.into_iter().map(Into::into).collect())
    }
}

impl<I: Into<String>, const N: usize> From<[I; N]> for To {
    fn from(ids: [I; N]) -> Self {
        To::Sparks(ids.into_iter().map(Into::into).collect())
    }
}

impl<I: AsRef<str>> From<&[I]> for To {
    fn from(ids: &[I]) -> Self {
        To::Sparks(ids.iter().map(|id| id.as_ref().to_owned()).collect())
    }
}

impl<I: AsRef<str>> From<&Vec<I>> for To {
    fn from(ids: &Vec<I>) -> Self {
        To::from(ids.as_slice())
    }
}
