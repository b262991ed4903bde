//! The texts of one request, kept as spans of a buffer that the request owns.

use std::ops::Range;

/// Where the bytes of a text lie.
type Span = Range<usize>;

/// Texts found so far. Either all of them lie in the parsed input, or all in the arena.
#[derive(Debug, Default)]
pub(super) struct Texts {
    spans: Vec<Span>,
    /// Texts that had to be built: coerced numbers, and all that the slow path reads.
    arena: String,
    in_arena: bool,
}

impl Texts {
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Length of the text numbered `i`, in bytes. Far cheaper than the text, whose bytes are checked to be UTF-8.
    pub(super) fn bytes(&self, i: usize) -> usize {
        self.spans[i].len()
    }

    /// The text numbered `i`; `input` is the buffer that the spans were taken from.
    pub(super) fn get<'a>(&'a self, i: usize, input: &'a [u8]) -> &'a str {
        let span = self.spans[i].clone();
        if self.in_arena {
            return &self.arena[span];
        }
        std::str::from_utf8(&input[span]).expect("spans are cut from valid strings of the same input")
    }

    /// Forgets all texts.
    pub(super) fn clear(&mut self) {
        self.spans.clear();
        self.arena.clear();
        self.in_arena = false;
    }

    /// Gives back what one huge request has grown beyond `kept` bytes a buffer.
    pub(super) fn shrink(&mut self, kept: usize) {
        self.arena.shrink_to(kept);
        self.spans.shrink_to(kept / size_of::<Span>());
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.arena.capacity() + self.spans.capacity() * size_of::<Span>()
    }

    /// Adds a text that lies in the input.
    pub(super) fn push_span(&mut self, span: Span) {
        self.spans.push(span);
    }

    /// Adds a text by copying it.
    pub(super) fn push_copy(&mut self, text: &str) {
        self.in_arena = true;
        let start = self.arena.len();
        self.arena.push_str(text);
        self.spans.push(start..self.arena.len());
    }
}
