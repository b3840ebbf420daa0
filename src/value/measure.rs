//! How large and how deep a value is, told without going down it by calls: an application
//! may hand in one of any depth, and the threads that look at it have small stacks.

use super::Value;

impl Value {
    /// Gives `see` this value and all those inside of it, each with the number of arrays and
    /// objects around it.
    pub(crate) fn walk<'a>(&'a self, mut see: impl FnMut(&'a Value, usize)) {
        let mut open = Vec::new();
        see(self, 0);
        open.extend(self.has_others().then_some((self, 1)));
        while let Some((value, level)) = open.pop() {
            let mut each = |inside: &'a Value| {
                see(inside, level);
                open.extend(inside.has_others().then_some((inside, level + 1)));
            };
            match value {
                Value::Array(list) => list.iter().for_each(&mut each),
                Value::Object(entries) => entries.iter().for_each(|(_, value)| each(value)),
                _ => {}
            }
        }
    }

    fn has_others(&self) -> bool {
        match self {
            Value::Array(list) => !list.is_empty(),
            Value::Object(entries) => !entries.is_empty(),
            _ => false,
        }
    }

    /// About the memory that it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        const EACH: usize = size_of::<Value>();
        let mut sum = 0;
        self.walk(|value, _| {
            sum += EACH
                + match value {
                    Value::String(text) => text.len(),
                    Value::Binary(bytes) => bytes.len(),
                    Value::Object(entries) => {
                        entries.iter().map(|(key, _)| size_of::<String>() + key.len()).sum()
                    }
                    Value::RegExp(it) => it.source.len() + it.flags.len() + 2 * EACH,
                    Value::Error(it) => {
                        it.name.len() + it.message.len() + it.stack.len() + 3 * EACH
                    }
                    Value::Typed(typed) => typed.bytes.len() + EACH,
                    Value::Ext(ext) => ext.data.len() + EACH,
                    _ => 0,
                };
        });
        sum
    }

    /// Its levels: one, and one for each array and object around what most are around.
    pub(crate) fn levels(&self) -> usize {
        let mut most = 0;
        self.walk(|_, level| most = most.max(level));
        most + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arrays inside of each other.
    fn nested(levels: usize) -> Value {
        (0..levels).fold(Value::Null, |value, _| Value::Array(vec![value]))
    }

    /// Takes a value apart from outside, as its own end goes down it by calls.
    fn end(mut value: Value) {
        while let Value::Array(mut list) = value {
            value = list.pop().unwrap_or_default();
        }
    }

    #[test]
    fn each_value_is_seen_once_at_its_level() {
        let value = Value::from([
            ("a", Value::from([Value::from(1), Value::Array(Vec::new()), nested(1)])),
            ("b", Value::Null),
        ]);
        let mut levels = Vec::new();
        value.walk(|_, level| levels.push(level));
        levels.sort_unstable();
        assert_eq!(levels, [0, 1, 1, 2, 2, 2, 3]);
        assert_eq!(value.levels(), 4);
        assert_eq!(Value::Null.levels(), 1);
    }

    #[test]
    fn what_is_in_it_has_its_weight() {
        let each = size_of::<Value>();
        assert_eq!(Value::Null.weight(), each);
        assert_eq!(Value::from("four").weight(), each + 4);
        let entry = size_of::<String>() + 3;
        assert_eq!(Value::from([("key", Value::from("four"))]).weight(), 2 * each + entry + 4);
        let error = crate::value::JsError {
            name: "E".repeat(10),
            message: "m".repeat(1_000),
            stack: "s".repeat(2_000),
        };
        assert!(Value::Error(Box::new(error)).weight() > 3_010);
    }

    #[test]
    fn any_depth_is_looked_at_on_a_small_stack() {
        let look = || {
            let deep = nested(100_000);
            assert_eq!(deep.levels(), 100_001);
            assert_eq!(deep.weight(), 100_001 * size_of::<Value>());
            end(deep);
        };
        std::thread::Builder::new().stack_size(64 << 10).spawn(look).unwrap().join().unwrap();
    }
}
