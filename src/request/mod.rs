//! Request: body bytes → validated texts, or the refusal that the client gets.
//!
//! Two readers share the work. The fast one (simd-json) accepts the usual body in a microsecond or refuses to
//! say; the slow one has the last word on every body, in the words of the lesson's stack (FastAPI 0.78 and
//! pydantic 1 on CPython 3.11). They agree wherever the fast one accepts.

mod content_type;
mod fast;
mod payload;
pub mod query;
mod refusal;
mod texts;
mod top_k;

use fast::FastReader;
pub use refusal::Refusal;
use refusal::{ErrorList, Loc};
use texts::Texts;

use crate::limits::Limits;

/// Bytes that each buffer may keep from one request to the next. Enough for a batch of a thousand short texts;
/// what a larger request has grown is given back, so that a worker stays as small as its usual traffic.
const KEPT_BYTES: usize = 256 << 10;

/// The member name that no model of pydantic 1 can take: it calls itself that.
const SELF_NAME: &str = "__pydantic_self__";

/// Kept buffers of one request. They are reused: after warm-up the fast path allocates nothing.
pub struct PredictRequest {
    reader: FastReader,
    texts: Texts,
    top_k: Option<usize>,
}

impl PredictRequest {
    /// A request without texts, and without buffers yet.
    pub fn new() -> Self {
        Self { reader: FastReader::new(), texts: Texts::default(), top_k: None }
    }

    /// Parses and validates a `POST /predict`; if that succeeds, the texts can be read.
    ///
    /// `content_type` is the value of the first header of that name, `query` is the raw query string. The model
    /// says whether it `has_probabilities` and how many `classes` it has. What is refused comes back as FastAPI
    /// would word it: JSON that cannot be read on its own, else errors of the query before those of the body.
    pub fn parse(
        &mut self,
        body: &[u8],
        content_type: Option<&[u8]>,
        query: Option<&str>,
        limits: &Limits,
        has_probabilities: bool,
        classes: usize,
    ) -> Result<(), Refusal> {
        self.clear();
        let mut errors = ErrorList::default();
        match top_k::parse(query, has_probabilities, classes) {
            Ok(top_k) => self.top_k = top_k,
            Err(problem) => errors.push(&[Loc::Name("query"), Loc::Name("top_k")], problem),
        }
        let outcome = self.read(body, content_type, limits, &mut errors);
        if outcome.is_ok() && errors.is_empty() {
            return Ok(());
        }
        self.clear();
        outcome.and_then(|()| Err(errors.close()))
    }

    fn read(
        &mut self,
        body: &[u8],
        content_type: Option<&[u8]>,
        limits: &Limits,
        errors: &mut ErrorList,
    ) -> Result<(), Refusal> {
        if body.is_empty() {
            payload::missing(errors);
            return Ok(());
        }
        if !content_type::is_json(content_type) {
            payload::not_an_object(errors);
            return Ok(());
        }
        if self.reader.read(body, limits, &mut self.texts) {
            return Ok(());
        }
        self.texts.clear();
        payload::read(body, limits, &mut self.texts, errors)
    }

    /// Forgets the request, and gives back the memory that only a huge one needs. [`parse`](Self::parse) does so
    /// first; call it when a request has been answered, so that an idle worker stays small.
    pub fn clear(&mut self) {
        self.texts.clear();
        self.texts.shrink(KEPT_BYTES);
        self.reader.shrink();
        self.top_k = None;
    }

    /// Number of texts; at least one after a successful [`parse`](Self::parse).
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is no text: before the first request, or after one that was refused.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text numbered `i`. Panics if there are not so many.
    pub fn text(&self, i: usize) -> &str {
        self.texts.get(i, self.reader.input())
    }

    /// Length of the text numbered `i`, in bytes, without a look at the text. Panics if there are not so many.
    pub fn text_bytes(&self, i: usize) -> usize {
        self.texts.bytes(i)
    }

    /// All texts, in the order of the request.
    pub fn texts(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|i| self.text(i))
    }

    /// How many classes the client wants with their probabilities: at least 1, at most all of them.
    pub fn top_k(&self) -> Option<usize> {
        self.top_k
    }
}

impl Default for PredictRequest {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
