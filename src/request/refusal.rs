//! What a client gets instead of predictions: FastAPI's error bodies.

use std::borrow::Cow;

use crate::json::{SyntaxError, escape_json_string};

/// What the client gets instead: a status, and a JSON body in the lesson's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status: 400 or 422.
    pub status: u16,
    /// The JSON body.
    pub body: Vec<u8>,
}

impl Refusal {
    /// The body is no text, or Python could not read it for a reason other than its grammar.
    pub(super) fn unreadable() -> Self {
        Self { status: 400, body: br#"{"detail":"There was an error parsing the body"}"#.to_vec() }
    }

    /// The body, whose text is `document` (generalised UTF-8), is not JSON.
    pub(super) fn not_json(error: &SyntaxError, document: &[u8]) -> Self {
        let mut errors = ErrorList::default();
        let loc = [Loc::Name("body"), Loc::Index(error.position)];
        match std::str::from_utf8(document) {
            Ok(document) => {
                errors.push_raw(&loc, &error.to_string(), "value_error.jsondecode");
                errors.push_syntax_context(error, document);
            }
            // The lesson fails with a 500 here: it cannot send the document back.
            Err(_) => errors.push_raw(&loc, &error.to_string(), "value_error"),
        }
        errors.close()
    }
}

/// One step on the way to the value that is wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loc {
    Name(&'static str),
    Index(usize),
}

/// What is wrong with a value, in pydantic 1's words, or in ours where the lesson has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Missing,
    Null,
    NotAnObject,
    NotAList,
    NotAString,
    NotAnInteger,
    NoTexts,
    /// A text shorter than this many characters.
    TooShort(usize),
    /// An integer below this one.
    TooSmall(usize),
    /// A list that pairs up as an object, with a name that is no string.
    NameNotAString,
    /// An object with a member of the name that pydantic uses for itself.
    NameOfSelf,
    /// More list items than this: Linnet's own limit, in pydantic's words.
    TooManyItems(usize),
    /// A text of more bytes than this: Linnet's own limit.
    TooManyBytes(usize),
    /// A text that is no Unicode text. The lesson fails with a 500.
    LoneSurrogate,
    /// Probabilities wanted from a model that has none.
    NoProbabilities,
}

impl Problem {
    /// `msg`, `type`, and `ctx.limit_value` if there is one.
    fn describe(self) -> (Cow<'static, str>, &'static str, Option<usize>) {
        match self {
            Self::Missing => ("field required".into(), "value_error.missing", None),
            Self::Null => ("none is not an allowed value".into(), "type_error.none.not_allowed", None),
            Self::NotAnObject => ("value is not a valid dict".into(), "type_error.dict", None),
            Self::NotAList => ("value is not a valid list".into(), "type_error.list", None),
            Self::NotAString => ("str type expected".into(), "type_error.str", None),
            Self::NotAnInteger => ("value is not a valid integer".into(), "type_error.integer", None),
            Self::NoTexts => ("List of texts to classify cannot be empty.".into(), "value_error", None),
            Self::TooShort(n) => (
                format!("ensure this value has at least {n} characters").into(),
                "value_error.any_str.min_length",
                Some(n),
            ),
            Self::TooSmall(n) => (
                format!("ensure this value is greater than or equal to {n}").into(),
                "value_error.number.not_ge",
                Some(n),
            ),
            Self::NameNotAString => ("keywords must be strings".into(), "type_error", None),
            Self::NameOfSelf => (
                "__init__() got multiple values for keyword argument '__pydantic_self__'".into(),
                "type_error",
                None,
            ),
            Self::TooManyItems(n) => (
                format!("ensure this value has at most {n} items").into(),
                "value_error.list.max_items",
                Some(n),
            ),
            Self::TooManyBytes(n) => (
                format!("ensure this value has at most {n} bytes").into(),
                "value_error.any_str.max_length",
                Some(n),
            ),
            Self::LoneSurrogate => {
                ("text must not contain lone surrogates".into(), "value_error.unicode", None)
            }
            Self::NoProbabilities => ("the model has no probabilities".into(), "value_error", None),
        }
    }
}

/// The errors of one request, written as they are found. Empty, it owns no memory.
#[derive(Debug, Default)]
pub(super) struct ErrorList {
    /// The items of the `detail` list, without its brackets.
    items: Vec<u8>,
}

impl ErrorList {
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn push(&mut self, loc: &[Loc], problem: Problem) {
        let (message, kind, limit) = problem.describe();
        self.push_raw(loc, &message, kind);
        if let Some(limit) = limit {
            self.reopen();
            self.write(r#","ctx":{"limit_value":"#);
            self.write_number(limit);
            self.write("}}");
        }
    }

    /// The answer with all errors.
    pub(super) fn close(self) -> Refusal {
        Refusal { status: 422, body: [br#"{"detail":["#, self.items.as_slice(), b"]}"].concat() }
    }

    fn push_raw(&mut self, loc: &[Loc], message: &str, kind: &str) {
        if !self.is_empty() {
            self.write(",");
        }
        self.write(r#"{"loc":["#);
        for (i, step) in loc.iter().enumerate() {
            if i > 0 {
                self.write(",");
            }
            match *step {
                Loc::Name(name) => escape_json_string(&mut self.items, name),
                Loc::Index(index) => self.write_number(index),
            }
        }
        self.write(r#"],"msg":"#);
        escape_json_string(&mut self.items, message);
        self.write(r#","type":"#);
        escape_json_string(&mut self.items, kind);
        self.write("}");
    }

    fn push_syntax_context(&mut self, error: &SyntaxError, document: &str) {
        self.reopen();
        self.write(r#","ctx":{"msg":"#);
        escape_json_string(&mut self.items, error.message);
        self.write(r#","doc":"#);
        escape_json_string(&mut self.items, document);
        for (name, number) in
            [(r#","pos":"#, error.position), (r#","lineno":"#, error.line), (r#","colno":"#, error.column)]
        {
            self.write(name);
            self.write_number(number);
        }
        self.write("}}");
    }

    /// Takes the last item's closing brace away, so that more members can follow.
    fn reopen(&mut self) {
        self.items.pop();
    }

    fn write(&mut self, json: &str) {
        self.items.extend_from_slice(json.as_bytes());
    }

    fn write_number(&mut self, number: usize) {
        self.items.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
}
