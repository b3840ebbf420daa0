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

    #[test]
    fn each_option_is_read_by_its_name() {
        let of = |name: &str, value: &str| {
            let given = [(name.to_owned(), value.to_owned())];
            Options::parse(&given).map(|(options, unknown)| (options, unknown.len()))
        };
        assert_eq!(of("WithCredentials", "false").unwrap(), (Options { credentials: false }, 0));
        assert_eq!(of("transports", "x").unwrap(), (Options::default(), 1));
        assert!(of("withCredentials", "maybe").unwrap_err().to_string().contains("maybe"));
    }
}
