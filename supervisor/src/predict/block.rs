//! A block of whole lines with the answers to them: what passes from thread to thread.

use std::io::{BufRead, Write};

use super::line::{BadLine, LineReader};

/// Bounds on what is read, answered and kept at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Longest line, in bytes.
    pub(super) line_bytes: usize,
    /// Bytes of a block; only a line that is longer makes one grow.
    pub(super) block_bytes: usize,
    /// Most lines of a block, since answers may be much longer than texts. At least 1.
    pub(super) block_lines: usize,
}

/// How much has been done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// Lines that were answered, bad ones included.
    pub(super) lines: u64,
    /// Bad lines among them.
    pub(super) bad: u64,
}

impl std::ops::AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.lines += other.lines;
        self.bad += other.bad;
    }
}

/// Whole lines, and what is answered to them. Its buffers are kept: it goes round and round.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Its place in the order, from 0.
    pub(super) number: u64,
    /// How many lines stand before it.
    pub(super) lines_before: u64,
    /// Where the lines are read to; those of this turn are the first [`Self::length`] bytes.
    pub(super) bytes: Vec<u8>,
    /// Bytes of this turn.
    pub(super) length: usize,
    /// One answer a line, each with its end.
    pub(super) answers: Vec<u8>,
    /// What standard error is told of bad lines, line by line.
    pub(super) complaints: Vec<u8>,
    /// What was done in this turn.
    pub(super) summary: Summary,
}

impl Block {
    /// Answers every line: with what `predict` appends (one JSON object, no line end) for its text, or with
    /// `{"error": "…"}` and a complaint.
    pub(super) fn answer(
        &mut self,
        reader: &mut LineReader,
        bounds: &Bounds,
        mut predict: impl FnMut(&str, &mut Vec<u8>),
    ) {
        let Self { bytes, answers, complaints, summary, .. } = self;
        let mut rest = &bytes[..self.length];
        while let Some(line) = next_line(&mut rest) {
            summary.lines += 1;
            let text = if line.len() > bounds.line_bytes {
                Err(BadLine::TooLong { limit: bounds.line_bytes })
            } else {
                reader.text(line)
            };
            match text {
                Ok(text) => predict(&text, answers),
                Err(reason) => {
                    summary.bad += 1;
                    let number = self.lines_before + summary.lines;
                    let answer = serde_json::Value::from(reason.to_string());
                    // A vector takes every write.
                    let _ = writeln!(complaints, "line {number}: {reason}");
                    let _ = write!(answers, "{{\"error\": {answer}}}");
                }
            }
            answers.push(b'\n');
        }
    }

    /// Makes the block ready for its next turn. What one huge line has grown is given back.
    pub(super) fn clear(&mut self, bounds: &Bounds) {
        self.length = 0;
        self.summary = Summary::default();
        if self.bytes.len() > bounds.block_bytes {
            self.bytes.truncate(bounds.block_bytes);
            self.bytes.shrink_to_fit();
        }
        self.answers.clear();
        self.complaints.clear();
    }
}

/// Takes the next line, without its end, off `rest`. `\n` alone ends a line; the last one may lack it.
fn next_line<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let all = *rest;
    // The standard library's own search for a byte, which is as fast as it gets. A slice cannot fail.
    let taken = rest.skip_until(b'\n').unwrap_or(0);
    let line = &all[..taken];
    (taken > 0).then(|| line.strip_suffix(b"\n").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_line_feeds_alone() {
        for (bytes, expected) in [
            ("", &[][..]),
            ("\n", &[""]),
            ("a", &["a"]),
            ("a\n\nb\r\nc\u{2028}d\u{85}e\u{b}f\n", &["a", "", "b\r", "c\u{2028}d\u{85}e\u{b}f"]),
        ] {
            let mut rest = bytes.as_bytes();
            let lines: Vec<&[u8]> = std::iter::from_fn(|| next_line(&mut rest)).collect();
            assert_eq!(lines, expected.iter().map(|line| line.as_bytes()).collect::<Vec<_>>(), "{bytes:?}");
        }
    }
}
