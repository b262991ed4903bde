//! Text: from a client's string to the n-grams that a vectorizer counts, with Python's idea of a character.
//!
//! Everything here follows scikit-learn's `CountVectorizer` and the lesson's cleaner to the letter; the tables that
//! say what is white space, a word character or a lower case letter come with the model, out of the Python that
//! fitted it (Python and Rust know different versions of Unicode).

pub mod accents;
pub mod analyzer;
pub mod characters;
pub mod cleaner;
pub mod head;
pub mod lower;
mod one_pass;
pub mod token_pattern;
pub(crate) mod work;
