//! The gate between socket and hyper: judges every byte of HTTP/1 before hyper sees it.
//!
//! hyper repairs much that it should refuse (bare LF, repeated lengths, `gzip, chunked`) and refuses the rest without a
//! word. The gate refuses both, with a reason, and never repairs. It changes nothing: a message passes as it came or
//! not at all. It is pure (bytes in, verdict out) and stricter than hyper in everything, so that the two cannot
//! disagree where a message ends; a test drives both with the same bytes.
//!
//! A head passes when it is whole, and so do a line with a chunk's size and a line of the trailer section. Data passes
//! as it comes. So hyper never sees a part of a head, and what is slow or broken off in there is the gate's alone.
//!
//! `GATE.md` beside this file lists what is accepted and refused, with the reasons.

#[cfg(test)]
mod agreement;
mod chunks;
mod classes;
mod head;
mod host;
mod line;
mod refusal;
#[cfg(test)]
mod tests;

pub use self::refusal::Refusal;

use self::chunks::{Chunks, Progress};
use self::head::Head;
use crate::limits::Limits;

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// By its length, in bytes; 0 for none.
    Length(u64),
    /// By chunks.
    Chunked,
}

/// What is expected next.
#[derive(Clone, Copy, Debug)]
enum State {
    Head(Head),
    Data(u64),
    Chunks(Chunks),
}

/// Where a client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Between two requests.
    #[default]
    Idle,
    /// In the head of a request.
    Head,
    /// In the body of a request whose head has passed.
    Body,
}

/// What becomes of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Verdict {
    /// The first so many bytes may pass. The others are withheld, and belong before the next bytes.
    pub pass: usize,
    /// Why none of the others will ever pass.
    pub refusal: Option<Refusal>,
}

/// The state of one connection's requests.
#[derive(Clone, Debug)]
pub struct Gate {
    limits: Limits,
    state: State,
    /// So many of the withheld bytes are judged: whole lines of a head that is not whole.
    judged: usize,
    /// Some bytes are withheld that are more than an empty line.
    has_begun: bool,
    heads: u64,
    /// Bytes of data of all bodies that are over.
    data: u64,
}

impl Gate {
    /// A gate for a new connection.
    pub fn new(limits: Limits) -> Self {
        let state = State::Head(Head::new());
        Self { limits, state, judged: 0, has_begun: false, heads: 0, data: 0 }
    }

    /// Judges `input`: what the last verdict withheld, and the bytes that came since then. After a refusal the
    /// connection is over.
    pub fn judge(&mut self, input: &[u8]) -> Verdict {
        let (mut at, mut pass) = (std::mem::take(&mut self.judged), 0);
        while pass < input.len() {
            match self.step(input, pass, &mut at) {
                Ok(true) => pass = at,
                Ok(false) => break,
                Err(refusal) => {
                    self.has_begun = true;
                    return Verdict { pass, refusal: Some(refusal) };
                }
            }
        }
        self.judged = at - pass;
        self.has_begun = !matches!(&input[pass..], b"" | b"\r" | b"\r\n");
        Verdict { pass, refusal: None }
    }

    /// Judges one part of a message, in `input` from `at` on; true if all before `at` may pass then, false if more bytes
    /// are needed. What is withheld begins at `pass`.
    fn step(&mut self, input: &[u8], pass: usize, at: &mut usize) -> Result<bool, Refusal> {
        match &mut self.state {
            State::Head(head) => {
                let Some(framing) = head.advance(input, pass, at, &self.limits)? else { return Ok(false) };
                self.heads += 1;
                match framing {
                    Framing::Length(0) => self.end_message(0),
                    Framing::Length(length) => {
                        self.data += length;
                        self.state = State::Data(length);
                    }
                    Framing::Chunked => self.state = State::Chunks(Chunks::new()),
                }
            }
            State::Data(left) => {
                let here = (*left).min((input.len() - *at) as u64);
                *at += here as usize;
                *left -= here;
                if *left == 0 {
                    self.end_message(0);
                }
            }
            State::Chunks(chunks) => match chunks.advance(input, at, &self.limits)? {
                Progress::Passed => {}
                Progress::Unfinished => return Ok(false),
                Progress::Ended => {
                    let total = chunks.total();
                    self.end_message(total);
                }
            },
        }
        Ok(true)
    }

    fn end_message(&mut self, data: u64) {
        self.data += data;
        self.state = State::Head(Head::new());
    }

    /// Where the client is. An empty line before a request is not yet a request.
    pub fn stage(&self) -> Stage {
        match self.state {
            State::Head(_) if self.has_begun => Stage::Head,
            State::Head(_) => Stage::Idle,
            State::Data(_) | State::Chunks(_) => Stage::Body,
        }
    }

    /// How many heads have passed.
    pub fn heads(&self) -> u64 {
        self.heads
    }

    /// Bytes of data in the bodies whose length is known: those over, and one that is delimited by its length.
    pub fn data(&self) -> u64 {
        self.data
    }

    /// Whether the request that is under way, if any, is a `HEAD`, so that an answer to it has no body.
    pub fn is_head(&self) -> bool {
        matches!(self.state, State::Head(Head { wants_no_body: true, .. }))
    }
}
