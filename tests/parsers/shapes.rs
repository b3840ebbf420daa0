//! Types of the application's own.
