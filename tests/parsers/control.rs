//! Protocol messages are told from the raw frame.
