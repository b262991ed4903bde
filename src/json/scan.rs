//! The grammar: is this text a JSON document to CPython 3.11, and if not, what does it say and where?
//!
//! The scanner goes through the text once, keeps a stack of open containers and nothing else.

use super::write::plain_length;

/// Most containers that may be open at once. CPython raises `RecursionError` beyond it; the number is what
/// the `uvicorn` command leaves of Python's recursion limit of 1,000 when a request body is parsed.
const DEPTH_MAX: usize = 967;
/// Beyond this depth CPython has no frames left to build an error that its C code words.
const DEPTH_MAX_WORDED: usize = DEPTH_MAX - 3;
/// Beyond this depth CPython has no frame left to look up `NaN` and the infinities.
const DEPTH_MAX_CONSTANT: usize = DEPTH_MAX - 1;
/// Longest integer, in digits, that CPython converts (`sys.get_int_max_str_digits()`).
const INTEGER_DIGITS_MAX: usize = 4300;

/// `json.JSONDecodeError`: what is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// CPython's message, without the position.
    pub message: &'static str,
    /// Where, in code points from the start.
    pub position: usize,
    /// Line of the position, from 1; lines end at `\n` alone.
    pub line: usize,
    /// Column of the position in code points, from 1.
    pub column: usize,
}

impl std::fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { message, position, line, column } = self;
        write!(f, "{message}: line {line} column {column} (char {position})")
    }
}

/// Why CPython refuses a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The text is not JSON.
    #[error("{0}")]
    Syntax(SyntaxError),
    /// Containers are nested more deeply than CPython's recursion limit allows.
    #[error("containers are nested too deeply")]
    TooDeep,
    /// An integer has more digits than CPython converts.
    #[error("an integer has more than 4300 digits")]
    IntegerTooLong,
}

/// Checks that `text`, generalised UTF-8, is one JSON document. The first fault in reading order is the answer.
pub fn check(text: &[u8]) -> Result<(), Fault> {
    let mut scanner = Scanner { text, at: 0, open: Vec::new() };
    scanner.skip_space();
    scanner.document()?;
    scanner.skip_space();
    if scanner.at == text.len() { Ok(()) } else { Err(scanner.fault("Extra data", scanner.at)) }
}

#[derive(Clone, Copy, PartialEq)]
enum Container {
    Array,
    Object,
}

struct Scanner<'a> {
    text: &'a [u8],
    /// Offset of the next byte to read.
    at: usize,
    /// The containers around the next byte, outermost first.
    open: Vec<Container>,
}

impl Scanner<'_> {
    /// Reads one value with all that it contains.
    fn document(&mut self) -> Result<(), Fault> {
        loop {
            if self.value_or_open()? && self.closes_all()? {
                return Ok(());
            }
        }
    }

    /// Reads a scalar, an empty container, or the opening of a container up to its first value.
    /// Returns whether a whole value has been read.
    fn value_or_open(&mut self) -> Result<bool, Fault> {
        let (container, close) = match self.peek() {
            Some(b'[') => (Container::Array, b']'),
            Some(b'{') => (Container::Object, b'}'),
            _ => return self.scalar().map(|()| true),
        };
        if self.open.len() == DEPTH_MAX {
            return Err(Fault::TooDeep);
        }
        self.open.push(container);
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(close) {
            self.at += 1;
            self.open.pop();
            return Ok(true);
        }
        if container == Container::Object {
            self.key()?;
        }
        Ok(false)
    }

    /// After a value: reads what closes containers, up to the next value. Returns whether none is left open.
    fn closes_all(&mut self) -> Result<bool, Fault> {
        while let Some(&container) = self.open.last() {
            self.skip_space();
            match (self.peek(), container) {
                (Some(b']'), Container::Array) | (Some(b'}'), Container::Object) => {
                    self.at += 1;
                    self.open.pop();
                }
                (Some(b','), _) => {
                    self.at += 1;
                    self.skip_space();
                    if container == Container::Object {
                        self.key()?;
                    }
                    return Ok(false);
                }
                _ => return Err(self.worded("Expecting ',' delimiter", self.at)),
            }
        }
        Ok(true)
    }

    /// Reads a member's name and its colon, up to the value.
    fn key(&mut self) -> Result<(), Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.worded("Expecting property name enclosed in double quotes", self.at));
        }
        self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.worded("Expecting ':' delimiter", self.at));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    fn scalar(&mut self) -> Result<(), Fault> {
        let rest = &self.text[self.at..];
        for constant in ["null", "true", "false"] {
            if rest.starts_with(constant.as_bytes()) {
                self.at += constant.len();
                return Ok(());
            }
        }
        for constant in ["NaN", "Infinity", "-Infinity"] {
            if rest.starts_with(constant.as_bytes()) {
                if self.open.len() > DEPTH_MAX_CONSTANT {
                    return Err(Fault::TooDeep);
                }
                self.at += constant.len();
                return Ok(());
            }
        }
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.fault("Expecting value", self.at)),
        }
    }

    fn number(&mut self) -> Result<(), Fault> {
        let rest = &self.text[self.at..];
        let sign = usize::from(rest[0] == b'-');
        let digits = match rest.get(sign) {
            Some(b'0') => 1,
            Some(b'1'..=b'9') => digits(&rest[sign..]),
            _ => return Err(self.fault("Expecting value", self.at)),
        };
        let mut end = sign + digits;
        let fraction = match rest.get(end) {
            Some(b'.') => self::digits(&rest[end + 1..]),
            _ => 0,
        };
        if fraction > 0 {
            end += 1 + fraction;
        }
        let exponent = exponent(&rest[end..]);
        if fraction == 0 && exponent == 0 && digits > INTEGER_DIGITS_MAX {
            return Err(Fault::IntegerTooLong);
        }
        self.at += end + exponent;
        Ok(())
    }

    /// Reads a string, from its opening quote to behind its closing one.
    fn string(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        loop {
            self.at += plain_length(&self.text[self.at..]);
            match self.peek() {
                None => return Err(self.worded("Unterminated string starting at", start)),
                Some(b'"') => break,
                Some(b'\\') => self.escape(start)?,
                Some(_) => return Err(self.worded("Invalid control character at", self.at)),
            }
        }
        self.at += 1;
        Ok(())
    }

    /// Reads one escape of the string that began at `start`. Surrogates need no pairing here: each escape of
    /// a pair is judged alike, alone or paired.
    fn escape(&mut self, start: usize) -> Result<(), Fault> {
        match self.text.get(self.at + 1) {
            None => Err(self.worded("Unterminated string starting at", start)),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            // CPython wants one more character behind the four digits, too.
            Some(b'u') => match self.text.get(self.at + 2..self.at + 7) {
                Some([hex @ .., _]) if hex.iter().all(u8::is_ascii_hexdigit) => {
                    self.at += 6;
                    Ok(())
                }
                _ => Err(self.worded("Invalid \\uXXXX escape", self.at + 1)),
            },
            Some(_) => Err(self.worded("Invalid \\escape", self.at)),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// A fault that CPython words inside its C code, which takes stack of its own.
    fn worded(&self, message: &'static str, offset: usize) -> Fault {
        if self.open.len() > DEPTH_MAX_WORDED { Fault::TooDeep } else { self.fault(message, offset) }
    }

    fn fault(&self, message: &'static str, offset: usize) -> Fault {
        let before = &self.text[..offset];
        let mut lines = before.rsplit(|&byte| byte == b'\n');
        Fault::Syntax(SyntaxError {
            message,
            position: code_points(before),
            column: 1 + lines.next().map_or(0, code_points),
            line: 1 + lines.count(),
        })
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Length of the exponent that `bytes` begin with, or 0 if it has no digits.
fn exponent(bytes: &[u8]) -> usize {
    let ([b'e' | b'E', b'+' | b'-', digits @ ..] | [b'e' | b'E', digits @ ..]) = bytes else { return 0 };
    match self::digits(digits) {
        0 => 0,
        count => bytes.len() - digits.len() + count,
    }
}

/// Number of code points in generalised UTF-8.
pub(super) fn code_points(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte & 0xC0 != 0x80).count()
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
