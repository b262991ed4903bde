//! The fast path: simd-json over the usual kind of body.
//!
//! It accepts only what it can be certain about, and leaves everything else to [`payload`](super::payload), which
//! judges the original bytes. It never refuses a request.

use simd_json::{Buffers, INPUT_PADDING, Node, Tape};

use super::texts::Texts;
use super::{KEPT_BYTES, SELF_NAME};
use crate::limits::Limits;

/// Largest body for the fast path. A tape may need 24 bytes for each byte pair of the body, so this bounds what
/// one hostile request can make a worker allocate; the slow path needs nothing beyond the body and its texts.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What simd-json works in, kept from request to request.
pub(super) struct FastReader {
    /// The body, padded; parsed in place, so that texts lie in it, unescaped.
    input: Vec<u8>,
    buffers: Buffers,
    /// Empty between two requests; only its memory is kept.
    tape: Tape<'static>,
}

impl FastReader {
    pub(super) fn new() -> Self {
        Self { input: Vec::new(), buffers: Buffers::new(0), tape: Tape(Vec::new()) }
    }

    /// The buffer that the spans of the texts refer to.
    pub(super) fn input(&self) -> &[u8] {
        &self.input
    }

    /// Gives back what one huge request has grown.
    pub(super) fn shrink(&mut self) {
        self.input.clear();
        self.input.shrink_to(KEPT_BYTES);
    }

    /// Bytes of memory held, without simd-json's own buffers.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.input.capacity() + self.tape.0.capacity() * size_of::<Node<'_>>()
    }

    /// Reads the texts of `body`. Returns false, and leaves rubbish in `texts`, if the slow path must judge.
    pub(super) fn read(&mut self, body: &[u8], limits: &Limits, texts: &mut Texts) -> bool {
        if body.len() > BODY_BYTES_MAX {
            return false;
        }
        let Self { input, buffers, tape } = self;
        input.clear();
        input.reserve(body.len() + INPUT_PADDING);
        input.extend_from_slice(body);
        input.resize(body.len() + INPUT_PADDING, b' ');

        let origin = input.as_ptr().addr();
        let mut filled = std::mem::replace(tape, Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape_padded(input, body.len(), buffers, &mut filled).is_ok();
        let accepted = parsed && Payload { origin, limits, texts }.read(&filled.0).is_some();

        *tape = filled.reset();
        tape.0.shrink_to(KEPT_BYTES / size_of::<Node<'_>>());
        if body.len() > KEPT_BYTES {
            *buffers = Buffers::new(0);
        }
        accepted
    }
}

/// Reads a tape. `None` means: not certain.
struct Payload<'a> {
    /// Address of the input's first byte.
    origin: usize,
    limits: &'a Limits,
    texts: &'a mut Texts,
}

impl Payload<'_> {
    fn read(&mut self, tape: &[Node<'_>]) -> Option<()> {
        let mut nodes = tape.iter();
        let Node::Object { len, .. } = nodes.next()? else { return None };
        let mut found = false;
        for _ in 0..*len {
            match nodes.next()? {
                Node::String("texts") => {
                    self.texts.clear(); // of duplicate names, the last one counts
                    self.read_list(&mut nodes)?;
                    found = true;
                }
                Node::String(name) => skip_scalar(name, &mut nodes)?,
                _ => return None,
            }
        }
        found.then_some(())
    }

    fn read_list(&mut self, nodes: &mut std::slice::Iter<'_, Node<'_>>) -> Option<()> {
        let Node::Array { len, .. } = nodes.next()? else { return None };
        if !(1..=self.limits.texts).contains(len) {
            return None;
        }
        for _ in 0..*len {
            let text = read_item(nodes)?;
            if text.is_empty() || text.len() > self.limits.text_bytes {
                return None;
            }
            let start = text.as_ptr().addr() - self.origin;
            self.texts.push_span(start..start + text.len());
        }
        Some(())
    }
}

fn read_item<'a>(nodes: &mut std::slice::Iter<'_, Node<'a>>) -> Option<&'a str> {
    let Node::Object { len, .. } = nodes.next()? else { return None };
    let mut text = None;
    for _ in 0..*len {
        match (nodes.next()?, nodes.as_slice().first()?) {
            (Node::String("text"), Node::String(value)) => {
                text = Some(*value);
                nodes.next();
            }
            (Node::String("text"), _) => return None,
            (Node::String(name), _) => skip_scalar(name, nodes)?,
            _ => return None,
        }
    }
    text
}

/// Skips the value of a member that means nothing here.
fn skip_scalar(name: &str, nodes: &mut std::slice::Iter<'_, Node<'_>>) -> Option<()> {
    match nodes.next()? {
        Node::String(_) | Node::Static(_) if name != SELF_NAME => Some(()),
        _ => None,
    }
}
