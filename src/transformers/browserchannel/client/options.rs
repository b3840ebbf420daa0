//! The options of the client's transport.

use crate::error::Result;
use crate::transformers::options::{Expected, OptionSet, truth};

/// What the application may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// `withCredentials`: requests carry the cookies that answers set.
    pub credentials: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { credentials: true }
    }
}

impl OptionSet for Options {
    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), Expected>> {
        match name {
            "withcredentials" => Some(truth(value).map(|on| self.credentials = on)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transformers::options::asked;

    #[test]
    fn each_option_is_read_by_its_name() {
        let options: Options = asked::one("WithCredentials", "false").unwrap();
        assert_eq!(options, Options { credentials: false });
        assert_eq!(
            asked::of(&[("transports", "x")]).unwrap(),
            (Options::default(), vec!["transports".into()])
        );
        asked::refused::<Options>(&[("withCredentials", "maybe")]);
    }
}
