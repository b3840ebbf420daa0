/// Which of the two languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::parsers) enum Dialect {
    Json,
    Ejson,
}
