//! One line of a message: a field of a head or of a trailer section.

use super::classes::{self, TOKEN};
use super::refusal::Refusal;

/// What stands at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'b> {
    /// A field, its value still with white space around; its line has `length` bytes, CR LF included.
    Field { name: &'b [u8], value: &'b [u8], length: usize },
    /// The empty line that ends a section: two bytes.
    Empty,
    /// A part of a line.
    Unfinished,
}

/// Reads the line with which `bytes` begins.
#[inline]
pub(super) fn read(bytes: &[u8]) -> Result<Line<'_>, Refusal> {
    let colon = classes::run_end(bytes, 0, TOKEN);
    match bytes.get(colon) {
        Some(b':') if colon > 0 => {}
        None => return Ok(Line::Unfinished),
        Some(b'\r') if colon == 0 => {
            return Ok(if ends_line(bytes, 0)? { Line::Empty } else { Line::Unfinished });
        }
        Some(_) => return Err(defect_of_name(bytes, colon)),
    }
    let end = classes::text_end(bytes, colon + 1);
    match bytes.get(end) {
        None => Ok(Line::Unfinished),
        Some(b'\r') if !ends_line(bytes, end)? => Ok(Line::Unfinished),
        Some(b'\r') => {
            Ok(Line::Field { name: &bytes[..colon], value: &bytes[colon + 1..end], length: end + 2 })
        }
        Some(b'\n') => Err(Refusal::BareLf),
        Some(_) => Err(Refusal::ControlCharacter),
    }
}

/// Whether the CR at `at` ends a line; false where the next byte is not there yet.
pub(super) fn ends_line(bytes: &[u8], at: usize) -> Result<bool, Refusal> {
    match bytes.get(at + 1) {
        None => Ok(false),
        Some(b'\n') => Ok(true),
        Some(_) => Err(Refusal::BareCr),
    }
}

/// What is wrong where a name ends in something else than a colon.
#[cold]
fn defect_of_name(bytes: &[u8], end: usize) -> Refusal {
    match bytes[end] {
        b' ' | b'\t' if end == 0 => Refusal::Folded,
        b' ' | b'\t' => Refusal::SpaceBeforeColon,
        b'\n' => Refusal::BareLf,
        byte if byte.is_ascii_control() && byte != b'\r' => Refusal::ControlCharacter,
        _ => Refusal::FieldName,
    }
}

/// Without the blanks and tabs around it: the optional white space of RFC 9110 §5.6.3.
pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
