//! A chunked body: sizes, extensions, data, and the trailer section.

use super::line::{self, Line};
use super::refusal::Refusal;
use crate::limits::Limits;

/// Most bytes of chunk extensions in one body. Nobody sends them but attackers.
const EXTENSION_BYTES: usize = 4_096;
/// Most bytes of a trailer section.
const TRAILER_BYTES: usize = 8_192;
/// Most fields of a trailer section.
const TRAILER_FIELDS: usize = 64;

/// The most digits that a chunk's size may have: they fit into 64 bits.
const SIZE_DIGITS: usize = 16;

/// What of a chunked body is expected next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Size,
    Data(u64),
    DataEnd,
    Trailers,
}

/// What is known of a chunked body so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunks {
    part: Part,
    /// The sizes of all chunks so far.
    total: u64,
    extensions: usize,
    trailer_fields: usize,
    trailer_bytes: usize,
}

/// How far a body has been judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// All before `at` may pass; more is to come, and may be among the bytes at hand.
    Passed,
    /// What is there from the last passed byte on cannot be judged yet.
    Unfinished,
    /// The body ends at `at`.
    Ended,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self { part: Part::Size, total: 0, extensions: 0, trailer_fields: 0, trailer_bytes: 0 }
    }

    /// Bytes of data that the chunks so far have announced.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Judges the next part of the body, in `input` from `at` on, and moves `at` behind it.
    pub(super) fn advance(
        &mut self,
        input: &[u8],
        at: &mut usize,
        limits: &Limits,
    ) -> Result<Progress, Refusal> {
        let bytes = &input[*at..];
        match self.part {
            Part::Data(left) => {
                let here = left.min(bytes.len() as u64);
                *at += here as usize;
                self.part = if here == left { Part::DataEnd } else { Part::Data(left - here) };
                Ok(Progress::Passed)
            }
            Part::DataEnd => match bytes {
                [b'\r', b'\n', ..] => {
                    *at += 2;
                    self.part = Part::Size;
                    Ok(Progress::Passed)
                }
                [b'\r'] | [] => Ok(Progress::Unfinished),
                _ => Err(Refusal::ChunkEnd),
            },
            Part::Size => self.size(bytes, at, limits),
            Part::Trailers => self.trailer(bytes, at),
        }
    }

    /// Judges a line with a chunk's size.
    fn size(&mut self, bytes: &[u8], at: &mut usize, limits: &Limits) -> Result<Progress, Refusal> {
        let digits = bytes.iter().take(SIZE_DIGITS + 1).take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits > SIZE_DIGITS {
            return Err(Refusal::ChunkSize);
        }
        let end = match bytes.get(digits) {
            None => return Ok(Progress::Unfinished),
            Some(_) if digits == 0 => return Err(Refusal::ChunkSize),
            Some(b'\r') => digits,
            Some(b';') => super::classes::text_end(bytes, digits),
            Some(_) => return Err(Refusal::ChunkSize),
        };
        let extensions = self.extensions + end - digits;
        if extensions > EXTENSION_BYTES {
            return Err(Refusal::LongExtensions(EXTENSION_BYTES));
        }
        match bytes.get(end) {
            None => return Ok(Progress::Unfinished),
            Some(b'\r') if !line::ends_line(bytes, end)? => return Ok(Progress::Unfinished),
            Some(b'\r') => {}
            Some(_) => return Err(Refusal::ChunkSize),
        }
        if !bytes[digits..end].iter().all(u8::is_ascii) {
            return Err(Refusal::ChunkSize);
        }
        let size = bytes[..digits].iter().fold(0, |size, digit| size << 4 | u64::from(hex(*digit)));
        self.extensions = extensions;
        self.total = self.total.saturating_add(size);
        if self.total > limits.body_bytes as u64 {
            return Err(Refusal::LargeBody(limits.body_bytes));
        }
        self.part = if size == 0 { Part::Trailers } else { Part::Data(size) };
        *at += end + 2;
        Ok(Progress::Passed)
    }

    /// Judges a line of the trailer section.
    fn trailer(&mut self, bytes: &[u8], at: &mut usize) -> Result<Progress, Refusal> {
        let line = line::read(bytes)?;
        let too_long = Refusal::LongTrailers(TRAILER_BYTES, TRAILER_FIELDS);
        match line {
            Line::Unfinished if self.trailer_bytes + bytes.len() > TRAILER_BYTES => Err(too_long),
            Line::Unfinished => Ok(Progress::Unfinished),
            Line::Empty => {
                *at += 2;
                Ok(Progress::Ended)
            }
            Line::Field { name, length, .. } => {
                let framing = [&b"content-length"[..], b"transfer-encoding", b"host"];
                if framing.iter().any(|field| name.eq_ignore_ascii_case(field)) {
                    return Err(Refusal::FramingTrailer);
                }
                self.trailer_fields += 1;
                self.trailer_bytes += length;
                if self.trailer_bytes > TRAILER_BYTES || self.trailer_fields > TRAILER_FIELDS {
                    return Err(too_long);
                }
                *at += length;
                Ok(Progress::Passed)
            }
        }
    }
}

/// The value of a hexadecimal digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}
