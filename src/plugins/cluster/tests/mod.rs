//! The words that servers exchange, and their numbers.

mod numbers;
mod values;
mod words;
