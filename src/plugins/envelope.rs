//! What the messages of plugins have in common: how they are taken apart.

use crate::value::Value;

/// Whether JavaScript takes the value for false.
pub(crate) fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Undefined | Value::Bool(false) => true,
        Value::Number(number) => number.as_f64() == 0.0 || number.as_f64().is_nan(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// Whether it is exactly this whole number: a text of it is not.
pub(crate) fn is_exactly(value: &Value, number: i64) -> bool {
    // `-0` is 0 to JavaScript.
    value.as_f64() == Some(number as f64)
}

/// The fields of an object by name, each `undefined` where it is missing, and all
/// of them where the value is no object.
pub(crate) fn fields<const COUNT: usize>(value: Value, names: [&str; COUNT]) -> [Value; COUNT] {
    let mut found = [const { Value::Undefined }; COUNT];
    let Value::Object(entries) = value else { return found };
    for (name, value) in entries {
        let at = names.iter().position(|wanted| *wanted == name);
        if let Some(place @ Value::Undefined) = at.map(|at| &mut found[at]) {
            *place = value;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falsy_is_what_javascript_says() {
        let falsy: [Value; 7] = [
            Value::Null,
            Value::Undefined,
            false.into(),
            0.into(),
            (-0.0).into(),
            f64::NAN.into(),
            "".into(),
        ];
        assert!(falsy.iter().all(is_falsy));
        let truthy: [Value; 6] = [
            true.into(),
            "0".into(),
            f64::INFINITY.into(),
            (-1.5).into(),
            Value::Array(vec![]),
            Value::Object(vec![]),
        ];
        assert!(!truthy.iter().any(is_falsy));
    }

    #[test]
    fn fields_are_found_by_name_and_missing_ones_are_undefined() {
        let value = Value::from([("b", Value::from(1)), ("x", 2.into()), ("a", Value::Null)]);
        let found = fields(value, ["a", "b", "c"]);
        assert_eq!(found, [Value::Null, 1.into(), Value::Undefined]);
        assert_eq!(fields(Value::from([Value::Null]), ["0"]), [Value::Undefined]);
        let twice = Value::from([("a", Value::from(1)), ("a", 2.into())]);
        assert_eq!(fields(twice, ["a"]), [Value::from(1)]);
        assert!(is_exactly(&Value::from(1.0), 1) && !is_exactly(&"1".into(), 1));
        assert!(is_exactly(&Value::from(-0.0), 0) && !is_exactly(&true.into(), 1));
    }
}
