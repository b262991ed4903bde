//! JSON documents of a model, re-serialised as the lesson's server sends them after `json.load`.

use std::collections::HashMap;

use super::{BadEncoding, Fault, Kind, Value, check, decode, escape_json_string, python_float_repr};

/// Why a document cannot be sent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Not text.
    #[error(transparent)]
    Encoding(#[from] BadEncoding),
    /// Not JSON, or beyond what Python reads.
    #[error(transparent)]
    Grammar(#[from] Fault),
    /// JSON knows no such number.
    #[error("NaN and infinite numbers cannot be sent as JSON")]
    NotFinite,
    /// UTF-8 knows no such character.
    #[error("a string holds a lone surrogate, which cannot be sent as UTF-8")]
    LoneSurrogate,
    /// The top level is not an object.
    #[error("the top level is not an object")]
    NotAnObject,
}

/// Re-serialises a document: no white space, no escape that is not needed, floats as Python's `repr` writes them,
/// of duplicate names the last value in the first one's place. FastAPI drops members whose name begins with
/// `_sa`, so they are left out here.
pub fn compact(document: &[u8]) -> Result<Vec<u8>, DocumentError> {
    let text = decode(document)?;
    check(&text)?;
    let mut out = Vec::with_capacity(text.len());
    write_value(&mut out, Value::of_document(&text))?;
    Ok(out)
}

/// The members of a document that is an object, in order: names, and values as [`compact`] writes them.
/// Members whose name begins with `_sa` are listed too.
pub fn members(document: &[u8]) -> Result<Vec<(String, Vec<u8>)>, DocumentError> {
    let text = decode(document)?;
    check(&text)?;
    let root = Value::of_document(&text);
    if root.kind() != Kind::Object {
        return Err(DocumentError::NotAnObject);
    }
    let write = |(name, value)| {
        let mut out = Vec::new();
        write_value(&mut out, value)?;
        Ok((name, out))
    };
    unique_members(root, |_| true)?.into_iter().map(write).collect()
}

/// An object's members as a Python `dict` keeps them, those whose names `are_kept`.
fn unique_members(
    object: Value<'_>,
    are_kept: impl Fn(&[u8]) -> bool,
) -> Result<Vec<(String, Value<'_>)>, DocumentError> {
    let mut members: Vec<(String, Value<'_>)> = Vec::new();
    let mut places = HashMap::new();
    for (name, value) in object.members().filter(|(name, _)| are_kept(&name.string())) {
        let name = string(name)?;
        let place = *places.entry(name.clone()).or_insert(members.len());
        match members.get_mut(place) {
            Some(member) => member.1 = value,
            None => members.push((name, value)),
        }
    }
    Ok(members)
}

fn string(value: Value<'_>) -> Result<String, DocumentError> {
    String::from_utf8(value.string().into_owned()).map_err(|_| DocumentError::LoneSurrogate)
}

/// Recurses no deeper than the grammar lets containers nest.
fn write_value(out: &mut Vec<u8>, value: Value<'_>) -> Result<(), DocumentError> {
    match value.kind() {
        Kind::Null | Kind::Boolean => out.extend_from_slice(value.raw()),
        Kind::Integer => out.extend_from_slice(value.integer()),
        Kind::Float if !value.float().is_finite() => return Err(DocumentError::NotFinite),
        Kind::Float => python_float_repr(out, value.float()),
        Kind::String => escape_json_string(out, &string(value)?),
        Kind::Array => {
            out.push(b'[');
            for (i, element) in value.elements().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_value(out, element)?;
            }
            out.push(b']');
        }
        Kind::Object => {
            out.push(b'{');
            let members = unique_members(value, |name| !name.starts_with(b"_sa"))?;
            for (i, (name, value)) in members.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                escape_json_string(out, &name);
                out.push(b':');
                write_value(out, value)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn re_serialises_as_the_lesson_does() {
        for (document, expected) in [
            (
                r#"{"a": 1, "b": [true, null, {}], "c": "\u00e9\u2028\n"}"#,
                "{\"a\":1,\"b\":[true,null,{}],\"c\":\"é\u{2028}\\n\"}",
            ),
            (
                "[1.50, 1E5, -0, -0.0, 1e16, 0.00001, 12345678901234567890]",
                "[1.5,100000.0,0,-0.0,1e+16,1e-05,12345678901234567890]",
            ),
            (r#"{"a": 1, "b": 2, "\u0061": 3}"#, r#"{"a":3,"b":2}"#),
            (r#"{"_sa_x": 1, "x": {"_sa": 2, "_s": 3}, "_sa\udc00": NaN}"#, r#"{"x":{"_s":3}}"#),
            ("\u{feff} [ ] ", "[]"),
        ] {
            let compacted = compact(document.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!(compacted.as_deref(), Ok(expected));
        }
    }

    #[test]
    fn refuses_what_cannot_be_sent() {
        assert_eq!(compact(b"[NaN]"), Err(DocumentError::NotFinite));
        assert_eq!(compact(b"[1e400]"), Err(DocumentError::NotFinite));
        assert_eq!(compact(br#""\ud800""#), Err(DocumentError::LoneSurrogate));
        assert_eq!(compact(b"\"\xff\""), Err(DocumentError::Encoding(BadEncoding)));
        assert_eq!(compact(b"[1,]").unwrap_err().to_string(), "Expecting value: line 1 column 4 (char 3)");
        assert_eq!(members(b"[]"), Err(DocumentError::NotAnObject));
    }

    #[test]
    fn lists_members_as_a_dict_keeps_them() {
        let listed = members(br#"{"b": [1, 2], "a": 0.5, "b": "x", "_sa": null}"#).unwrap();
        let listed: Vec<_> =
            listed.iter().map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap())).collect();
        assert_eq!(listed, [("b", "\"x\""), ("a", "0.5"), ("_sa", "null")]);
    }
}
