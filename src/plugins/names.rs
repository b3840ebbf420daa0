//! Names of events that cannot be exchanged with JavaScript. What Primus and the
//! plugins of a side reserve, its `Channel` knows.

/// What every object of JavaScript has. Its Primus takes these names for reserved
/// ones, on both sides, and some of its plugins fail over them.
const INHERITED: [&str; 12] = [
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
];

/// Whether every object of JavaScript has a property of this name.
pub(crate) fn is_inherited(name: &str) -> bool {
    INHERITED.contains(&name)
}

/// Whether a JavaScript side keeps this event for itself: what it raises when
/// somebody listens, or stops to.
pub(crate) fn is_of_listeners(event: &str) -> bool {
    event == "newListener" || event == "removeListener"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_names_are_everybodys_and_nobodys() {
        for name in ["constructor", "__proto__", "toString", "valueOf", "hasOwnProperty"] {
            assert!(is_inherited(name), "{name}");
        }
        for name in ["", "data", "__PROTO__", "constructor ", "prototype", "newListener", "🦀"] {
            assert!(!is_inherited(name), "{name}");
        }
        assert!(is_of_listeners("newListener") && !is_of_listeners("newListeners"));
    }
}
