use super::*;

type Expected = Option<(&'static str, usize, usize, usize)>;

/// Texts, and what CPython 3.11.7 says of them: message, position, line, column.
#[rustfmt::skip]
const CASES: &[(&str, Expected)] = &[
    ("", Some(("Expecting value", 0, 1, 1))),
    ("  ", Some(("Expecting value", 2, 1, 3))),
    ("x", Some(("Expecting value", 0, 1, 1))),
    ("nul", Some(("Expecting value", 0, 1, 1))),
    ("null", None),
    ("nullx", Some(("Extra data", 4, 1, 5))),
    ("tru", Some(("Expecting value", 0, 1, 1))),
    ("NaN", None),
    ("Infinity", None),
    ("-Infinity", None),
    ("-Infinit", Some(("Expecting value", 0, 1, 1))),
    ("-", Some(("Expecting value", 0, 1, 1))),
    ("-x", Some(("Expecting value", 0, 1, 1))),
    ("01", Some(("Extra data", 1, 1, 2))),
    ("1.", Some(("Extra data", 1, 1, 2))),
    ("1.5", None),
    ("1.e5", Some(("Extra data", 1, 1, 2))),
    ("1e", Some(("Extra data", 1, 1, 2))),
    ("1e+", Some(("Extra data", 1, 1, 2))),
    ("1E-5", None),
    ("1.5.5", Some(("Extra data", 3, 1, 4))),
    ("+1", Some(("Expecting value", 0, 1, 1))),
    (".5", Some(("Expecting value", 0, 1, 1))),
    ("[", Some(("Expecting value", 1, 1, 2))),
    ("[ ", Some(("Expecting value", 2, 1, 3))),
    ("[1", Some(("Expecting ',' delimiter", 2, 1, 3))),
    ("[1 ", Some(("Expecting ',' delimiter", 3, 1, 4))),
    ("[1,", Some(("Expecting value", 3, 1, 4))),
    ("[1, ]", Some(("Expecting value", 4, 1, 5))),
    ("[1 2]", Some(("Expecting ',' delimiter", 3, 1, 4))),
    ("[,", Some(("Expecting value", 1, 1, 2))),
    ("{", Some(("Expecting property name enclosed in double quotes", 1, 1, 2))),
    ("{ ", Some(("Expecting property name enclosed in double quotes", 2, 1, 3))),
    ("{}", None),
    ("{x", Some(("Expecting property name enclosed in double quotes", 1, 1, 2))),
    ("{\"a", Some(("Unterminated string starting at", 1, 1, 2))),
    ("{\"a\"", Some(("Expecting ':' delimiter", 4, 1, 5))),
    ("{\"a\" ", Some(("Expecting ':' delimiter", 5, 1, 6))),
    ("{\"a\" 1", Some(("Expecting ':' delimiter", 5, 1, 6))),
    ("{\"a\":", Some(("Expecting value", 5, 1, 6))),
    ("{\"a\": }", Some(("Expecting value", 6, 1, 7))),
    ("{\"a\":1", Some(("Expecting ',' delimiter", 6, 1, 7))),
    ("{\"a\":1 \"b\"", Some(("Expecting ',' delimiter", 7, 1, 8))),
    ("{\"a\":1,", Some(("Expecting property name enclosed in double quotes", 7, 1, 8))),
    ("{\"a\":1,}", Some(("Expecting property name enclosed in double quotes", 7, 1, 8))),
    ("{\"a\":1,x", Some(("Expecting property name enclosed in double quotes", 7, 1, 8))),
    ("{1:2}", Some(("Expecting property name enclosed in double quotes", 1, 1, 2))),
    ("[}", Some(("Expecting value", 1, 1, 2))),
    ("{]", Some(("Expecting property name enclosed in double quotes", 1, 1, 2))),
    ("[1}", Some(("Expecting ',' delimiter", 2, 1, 3))),
    ("{\"a\":1]", Some(("Expecting ',' delimiter", 6, 1, 7))),
    ("\"", Some(("Unterminated string starting at", 0, 1, 1))),
    ("\"abc", Some(("Unterminated string starting at", 0, 1, 1))),
    ("\"a\\", Some(("Unterminated string starting at", 0, 1, 1))),
    ("\"a\\x\"", Some(("Invalid \\escape", 2, 1, 3))),
    ("\"a\\u", Some(("Invalid \\uXXXX escape", 3, 1, 4))),
    ("\"a\\u12", Some(("Invalid \\uXXXX escape", 3, 1, 4))),
    ("\"a\\u123\"", Some(("Invalid \\uXXXX escape", 3, 1, 4))),
    ("\"a\\u1234", Some(("Invalid \\uXXXX escape", 3, 1, 4))),
    ("\"a\\u1234\"", None),
    ("\"a\\u12G4\"", Some(("Invalid \\uXXXX escape", 3, 1, 4))),
    ("\"\\ud83d\\u", Some(("Invalid \\uXXXX escape", 8, 1, 9))),
    ("\"\\ud83d\\ude0", Some(("Invalid \\uXXXX escape", 8, 1, 9))),
    ("\"\\ud83d\\ude00", Some(("Invalid \\uXXXX escape", 8, 1, 9))),
    ("\"\\ud83d\\ude00\"", None),
    ("\"\\ud83d\\uZZZZ  \"", Some(("Invalid \\uXXXX escape", 8, 1, 9))),
    ("\"\\ud83d\\u00é\"", Some(("Invalid \\uXXXX escape", 8, 1, 9))),
    ("\"\\u00é\"", Some(("Invalid \\uXXXX escape", 2, 1, 3))),
    ("\"\\u00éé", Some(("Invalid \\uXXXX escape", 2, 1, 3))),
    ("\"a\tb\"", Some(("Invalid control character at", 2, 1, 3))),
    ("\"a\nb", Some(("Invalid control character at", 2, 1, 3))),
    ("\"\u{7f}\"", None),
    ("é x", Some(("Expecting value", 0, 1, 1))),
    ("[\"é\", x]", Some(("Expecting value", 6, 1, 7))),
    ("\n\n[\"é\",\n  \"a\" \"b\"]", Some(("Expecting ',' delimiter", 14, 4, 7))),
    ("1 2", Some(("Extra data", 2, 1, 3))),
    ("{} {}", Some(("Extra data", 3, 1, 4))),
    ("[]\n]", Some(("Extra data", 3, 2, 1))),
    ("[\u{feff}1]", Some(("Expecting value", 1, 1, 2))),
    ("[\u{c}]", Some(("Expecting value", 1, 1, 2))),
    ("[\u{a0}1]", Some(("Expecting value", 1, 1, 2))),
    ("\r\n x", Some(("Expecting value", 3, 2, 2))),
    ("\"é\\q\"", Some(("Invalid \\escape", 2, 1, 3))),
    ("{\"é\":1 1}", Some(("Expecting ',' delimiter", 7, 1, 8))),
    ("\u{0}", Some(("Expecting value", 0, 1, 1))),
    ("[1e5,2E+3,-0.0e-1,-0]", None),
    ("false false", Some(("Extra data", 6, 1, 7))),
    ("-01", Some(("Extra data", 2, 1, 3))),
    ("1e5.5", Some(("Extra data", 3, 1, 4))),
    ("\"a\u{0}\"", Some(("Invalid control character at", 2, 1, 3))),
];

#[test]
fn judges_as_python_does() {
    for &(text, expected) in CASES {
        let found = match check(text.as_bytes()) {
            Ok(()) => None,
            Err(Fault::Syntax(e)) => Some((e.message, e.position, e.line, e.column)),
            Err(other) => panic!("{text:?}: {other}"),
        };
        assert_eq!(found, expected, "{text:?}");
    }
}

fn nested(depth: usize, inner: &str) -> Vec<u8> {
    ["[".repeat(depth - 1), "{\"a\":".into(), inner.into(), "}".into(), "]".repeat(depth - 1)].concat().into()
}

#[test]
fn stops_where_python_runs_out_of_stack() {
    let syntax = |text: &[u8]| matches!(check(text), Err(Fault::Syntax(_)));
    assert_eq!(check(&nested(967, "1")), Ok(()));
    assert_eq!(check(&nested(968, "1")), Err(Fault::TooDeep));
    assert_eq!(check(&nested(966, "NaN")), Ok(()));
    assert_eq!(check(&nested(967, "-Infinity")), Err(Fault::TooDeep));
    assert!(syntax(&nested(964, "1 2")));
    assert_eq!(check(&nested(965, "1 2")), Err(Fault::TooDeep));
    assert_eq!(check(&nested(965, "\"\t\"")), Err(Fault::TooDeep));
    assert!(syntax(&nested(967, "x")));
    assert!(syntax(&[&nested(967, "1")[..], b"x"].concat()));
    assert_eq!(check("[".repeat(1_000_000).as_bytes()), Err(Fault::TooDeep));
}

#[test]
fn stops_at_integers_that_python_does_not_convert() {
    let digits = |count: usize| "7".repeat(count);
    assert_eq!(check(digits(4300).as_bytes()), Ok(()));
    assert_eq!(check(format!("-{}", digits(4300)).as_bytes()), Ok(()));
    assert_eq!(check(digits(4301).as_bytes()), Err(Fault::IntegerTooLong));
    assert_eq!(check(format!("{}.0", digits(4301)).as_bytes()), Ok(()));
    assert_eq!(check(format!("{}e1", digits(4301)).as_bytes()), Ok(()));
    assert_eq!(check(format!("[{},", digits(4301)).as_bytes()), Err(Fault::IntegerTooLong));
}
