//! The slow path: what FastAPI and pydantic 1 make of a body, whatever it holds.
//!
//! The schema is the lesson's: `texts: List[Text]` with a validator against the empty list, and
//! `text: str = Query(None, min_length=1)`. Where the lesson finds nothing wrong, its model may still fail (500)
//! on a text that is missing, null or no Unicode; those, and texts beyond our limits, are refused in its form.

use std::borrow::Cow;

use super::SELF_NAME;
use super::refusal::{ErrorList, Loc, Problem, Refusal};
use super::texts::Texts;
use crate::json::{self, Fault, Kind, Value};
use crate::limits::Limits;

const BODY: Loc = Loc::Name("body");
const TEXTS: Loc = Loc::Name("texts");
const TEXT: Loc = Loc::Name("text");

/// Reads `body` as JSON and its texts into `texts`. What is wrong with them goes to `errors`; a body that cannot
/// be read at all is refused on its own.
pub(super) fn read(
    body: &[u8],
    limits: &Limits,
    texts: &mut Texts,
    errors: &mut ErrorList,
) -> Result<(), Refusal> {
    let document = json::decode(body).map_err(|_| Refusal::unreadable())?;
    json::check(&document).map_err(|fault| match fault {
        Fault::Syntax(error) => Refusal::not_json(&error, &document),
        Fault::TooDeep | Fault::IntegerTooLong => Refusal::unreadable(),
    })?;
    let mut validation = Validation { limits, texts, errors, own_errors: ErrorList::default() };
    validation.payload(Value::of_document(&document));
    let Validation { errors, own_errors, .. } = validation;
    if errors.is_empty() {
        *errors = own_errors;
    }
    Ok(())
}

/// Reports a body that is absent.
pub(super) fn missing(errors: &mut ErrorList) {
    errors.push(&[BODY], Problem::Missing);
}

/// Reports a body that is not JSON by its content type: FastAPI hands it on as bytes.
pub(super) fn not_an_object(errors: &mut ErrorList) {
    errors.push(&[BODY], Problem::NotAnObject);
}

struct Validation<'a> {
    limits: &'a Limits,
    texts: &'a mut Texts,
    /// What the lesson finds wrong, with the request so far.
    errors: &'a mut ErrorList,
    /// What the lesson lets pass and cannot answer, or what is beyond our limits. Reported only if `errors` is empty.
    own_errors: ErrorList,
}

impl Validation<'_> {
    fn payload(&mut self, root: Value<'_>) {
        if root.kind() == Kind::Null {
            return self.errors.push(&[BODY], Problem::Missing);
        }
        let list = match member(root, "texts") {
            Err(problem) => return self.errors.push(&[BODY], problem),
            Ok(None) => return self.errors.push(&[BODY, TEXTS], Problem::Missing),
            Ok(Some(list)) => list,
        };
        match list.kind() {
            Kind::Null => self.errors.push(&[BODY, TEXTS], Problem::Null),
            Kind::Array => self.list(list),
            _ => self.errors.push(&[BODY, TEXTS], Problem::NotAList),
        }
    }

    fn list(&mut self, list: Value<'_>) {
        let most = self.limits.texts;
        match list.elements().take(most.saturating_add(1)).count() {
            0 => self.errors.push(&[BODY, TEXTS], Problem::NoTexts),
            // Nothing is said of the items then, so that an answer has its bound.
            count if count > most => self.errors.push(&[BODY, TEXTS], Problem::TooManyItems(most)),
            _ => list.elements().enumerate().for_each(|(i, item)| self.item(i, item)),
        }
    }

    fn item(&mut self, i: usize, item: Value<'_>) {
        let loc = [BODY, TEXTS, Loc::Index(i)];
        if item.kind() == Kind::Null {
            return self.errors.push(&loc, Problem::Null);
        }
        let loc_text = [BODY, TEXTS, Loc::Index(i), TEXT];
        match member(item, "text") {
            Err(problem) => self.errors.push(&loc, problem),
            Ok(None) => self.own_errors.push(&loc_text, Problem::Missing),
            Ok(Some(text)) => self.text(&loc_text, text),
        }
    }

    fn text(&mut self, loc: &[Loc], value: Value<'_>) {
        let text = match value.kind() {
            Kind::Null => return self.own_errors.push(loc, Problem::Null),
            Kind::Array | Kind::Object => return self.errors.push(loc, Problem::NotAString),
            Kind::String => value.string(),
            _ => scalar_as_text(value),
        };
        if text.is_empty() {
            return self.errors.push(loc, Problem::TooShort(1));
        }
        match std::str::from_utf8(&text) {
            Err(_) => self.own_errors.push(loc, Problem::LoneSurrogate),
            Ok(text) if text.len() > self.limits.text_bytes => {
                self.own_errors.push(loc, Problem::TooManyBytes(self.limits.text_bytes));
            }
            Ok(text) => self.texts.push_copy(text),
        }
    }
}

/// pydantic 1's coercion of a number or a boolean to `str`.
fn scalar_as_text(value: Value<'_>) -> Cow<'_, [u8]> {
    match value.kind() {
        Kind::Boolean if value.raw() == b"true" => Cow::Borrowed(b"True"),
        Kind::Boolean => Cow::Borrowed(b"False"),
        Kind::Integer => Cow::Borrowed(value.integer()),
        _ => {
            let mut text = Vec::new();
            json::python_float_repr(&mut text, value.float());
            Cow::Owned(text)
        }
    }
}

/// The member called `name` of a value that pydantic takes for an object: what `Model(**dict(value))` sees.
fn member<'a>(value: Value<'a>, name: &str) -> Result<Option<Value<'a>>, Problem> {
    let mut fields = Fields { wanted: name, found: None, has_self: false, has_other_name: false };
    match value.kind() {
        Kind::Object => value.members().for_each(|(name, value)| fields.add(name, value)),
        Kind::Array => {
            for element in value.elements() {
                fields.add_pair(element)?;
            }
        }
        Kind::String if value.string().is_empty() => {}
        _ => return Err(Problem::NotAnObject),
    }
    if fields.has_other_name {
        return Err(Problem::NameNotAString);
    }
    if fields.has_self { Err(Problem::NameOfSelf) } else { Ok(fields.found) }
}

/// The one member that is wanted, and whether the others make the object impossible.
struct Fields<'a, 'n> {
    wanted: &'n str,
    found: Option<Value<'a>>,
    has_self: bool,
    has_other_name: bool,
}

impl<'a> Fields<'a, '_> {
    fn add(&mut self, name: Value<'a>, value: Value<'a>) {
        let name = name.string();
        if *name == *self.wanted.as_bytes() {
            self.found = Some(value);
        }
        self.has_self |= *name == *SELF_NAME.as_bytes();
    }

    /// Adds an element of a list that `dict()` takes for a list of pairs.
    fn add_pair(&mut self, element: Value<'a>) -> Result<(), Problem> {
        match element.kind() {
            // A name of one character, which can be none of those that matter.
            Kind::String if is_two_code_points(&element.string()) => return Ok(()),
            Kind::Array => {
                let mut elements = element.elements();
                let (Some(name), Some(value), None) = (elements.next(), elements.next(), elements.next())
                else {
                    return Err(Problem::NotAnObject);
                };
                match name.kind() {
                    Kind::String => self.add(name, value),
                    Kind::Array | Kind::Object => return Err(Problem::NotAnObject), // no dict has such a name
                    _ => self.has_other_name = true,
                }
            }
            Kind::Object => {
                let (name, value) = two_names(element).ok_or(Problem::NotAnObject)?;
                self.add(name, value);
            }
            _ => return Err(Problem::NotAnObject),
        }
        Ok(())
    }
}

/// The names of an object that has exactly two different ones: iterating a `dict` yields its names.
fn two_names(object: Value<'_>) -> Option<(Value<'_>, Value<'_>)> {
    let mut names = object.members().map(|(name, _)| (name.string(), name));
    // Each name is unescaped once: a long one must not be read again for every other.
    let (first_text, first) = names.next()?;
    let (second_text, second) = names.find(|(text, _)| *text != first_text)?;
    let is_other = |(text, _): (Cow<'_, [u8]>, Value<'_>)| text != first_text && text != second_text;
    (!names.any(is_other)).then_some((first, second))
}

/// Whether generalised UTF-8 holds exactly two code points.
fn is_two_code_points(text: &[u8]) -> bool {
    text.iter().filter(|&&byte| byte & 0xC0 != 0x80).take(3).count() == 2
}
