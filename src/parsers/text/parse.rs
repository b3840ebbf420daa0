//! A JSON text to a `Value`, without the detour of serde.

use super::lexer::Lexer;
use crate::value::{Fault, MAX_DEPTH, Value, ValueVisitor, grow, visit_number, without_duplicates};

/// Reads a message.
pub(in crate::parsers) fn parse(text: &str) -> Result<Value, Fault> {
    let mut lexer = Lexer::new(text);
    let value = value(&mut lexer, 0)?;
    lexer.end()?;
    Ok(value)
}

/// Takes a value, inside so many arrays and objects.
fn value(lexer: &mut Lexer<'_>, depth: usize) -> Result<Value, Fault> {
    match lexer.peek() {
        Some(b'"') => Ok(Value::String(lexer.string()?.into_owned())),
        Some(b'{') => object(lexer, depth + 1),
        Some(b'[') => array(lexer, depth + 1),
        Some(b'-' | b'0'..=b'9') => visit_number(lexer.number()?, ValueVisitor),
        Some(b'n') => lexer.word("null").map(|()| Value::Null),
        Some(b't') => lexer.word("true").map(|()| Value::Bool(true)),
        Some(b'f') => lexer.word("false").map(|()| Value::Bool(false)),
        Some(_) => lexer.fault("not a value"),
        None => lexer.fault("unexpected end"),
    }
}

/// Takes a bracket.
fn open(lexer: &mut Lexer<'_>, depth: usize) -> Result<(), Fault> {
    lexer.at += 1;
    if depth > MAX_DEPTH { lexer.fault("nested too deeply") } else { Ok(()) }
}

/// A peer may send many lists of one: for the last there is no more room made than it
/// takes.
#[inline]
fn push<T>(things: &mut Vec<T>, thing: T, lexer: &mut Lexer<'_>, bracket: u8) {
    if things.len() == things.capacity() {
        grow(things, (lexer.peek() == Some(bracket)).then_some(0));
    }
    things.push(thing);
}

fn array(lexer: &mut Lexer<'_>, depth: usize) -> Result<Value, Fault> {
    open(lexer, depth)?;
    let mut elements = Vec::new();
    let mut more = lexer.peek() != Some(b']');
    while more {
        let element = value(lexer, depth)?;
        push(&mut elements, element, lexer, b']');
        more = lexer.eat(b',');
    }
    lexer.expect(b']', "expected the end of the array")?;
    Ok(Value::Array(elements))
}

fn object(lexer: &mut Lexer<'_>, depth: usize) -> Result<Value, Fault> {
    open(lexer, depth)?;
    let mut entries = Vec::new();
    let mut more = lexer.peek() != Some(b'}');
    while more {
        let key = match lexer.peek() {
            Some(b'"') => lexer.string()?.into_owned(),
            _ => return lexer.fault("expected a key"),
        };
        lexer.expect(b':', "expected a colon")?;
        let entry = (key, value(lexer, depth)?);
        push(&mut entries, entry, lexer, b'}');
        more = lexer.eat(b',');
    }
    lexer.expect(b'}', "expected the end of the object")?;
    Ok(Value::Object(without_duplicates(entries)))
}
