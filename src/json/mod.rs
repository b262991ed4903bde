//! JSON as CPython 3.11 reads and writes it: the grammar, the messages and the positions of `json.loads`, and the
//! escapes and number forms of `json.dumps`.
//!
//! A document is read in three steps, none of which builds a tree. [`decode`] turns bytes into text,
//! [`check`] judges the whole text against the grammar, and [`Value`] then walks the text that has passed. Memory
//! beyond the text itself does not grow with the document, whatever it holds.
//!
//! A Python string may hold lone surrogates, which Rust's `str` cannot. Text is therefore *generalised UTF-8*
//! in a `[u8]`: UTF-8 in which a lone surrogate stands as the three bytes that its code point would take.

mod compact;
mod encoding;
mod scan;
mod value;
mod write;

pub use compact::{DocumentError, compact, members};
pub use encoding::{BadEncoding, decode};
pub use scan::{Fault, SyntaxError, check};
pub use value::{Kind, Value};
pub use write::{escape_json_string, python_float_repr};
