//! A JSON document: the grammar, the walk over it, and what is written again.

use linnet::json::{self, Fault, Kind, Value};

/// Checks and walks the document. What is accepted is written again, reads back, and is then written the same. What
/// `serde_json` accepts, the grammar accepts, but for the bounds that CPython has.
pub(super) fn target(data: &[u8]) {
    let _ = walk(Value::of_document(data)); // on a text that was not checked the walk still ends
    let Ok(text) = json::decode(data) else { return };
    let checked = json::check(&text);
    match checked {
        Ok(()) => assert!(walk(Value::of_document(&text)) <= text.len()),
        Err(Fault::Syntax(error)) => {
            assert!(error.position <= text.len() && error.line >= 1 && error.column >= 1, "{error:?}");
        }
        Err(Fault::TooDeep | Fault::IntegerTooLong) => {}
    }
    let compacted = json::compact(data);
    assert!(checked.is_ok() || compacted.is_err(), "what is no JSON was written again");
    if let Ok(compacted) = compacted {
        assert_eq!(json::compact(&compacted).as_ref(), Ok(&compacted), "{}", compacted.escape_ascii());
        if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&compacted) {
            assert!(is_a_bound(&error), "{error}: {}", compacted.escape_ascii());
        }
    }
    if serde_json::from_slice::<serde::de::IgnoredAny>(data).is_ok() {
        let bounded = matches!(checked, Err(Fault::TooDeep | Fault::IntegerTooLong));
        assert!(checked.is_ok() || bounded, "serde_json accepts it: {checked:?}");
    }
}

/// Whether `serde_json` refuses for a bound of its own: depth, or the range of a number.
fn is_a_bound(error: &serde_json::Error) -> bool {
    let message = error.to_string();
    message.starts_with("recursion limit") || message.starts_with("number out of range")
}

/// Looks at every value, and returns how many there are.
fn walk(root: Value<'_>) -> usize {
    let (mut left, mut seen) = (vec![root], 0);
    while let Some(value) = left.pop() {
        seen += 1;
        match value.kind() {
            Kind::Array => left.extend(value.elements()),
            Kind::Object => value.members().for_each(|(name, value)| {
                let _ = name.string();
                left.push(value);
            }),
            Kind::String => drop(value.string()),
            Kind::Float => drop(value.float().to_string()),
            Kind::Integer => assert!(!value.integer().is_empty()),
            Kind::Null | Kind::Boolean => {}
        }
        if seen > 1 << 16 {
            break; // of a text that was not checked, containers may be met again and again
        }
    }
    seen
}
