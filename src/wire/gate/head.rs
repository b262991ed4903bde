//! The head of a request: request line and header fields, judged line by line.

use super::classes::{self, METHOD, PATH, QUERY};
use super::line::{self, Line};
use super::refusal::Refusal;
use super::{Framing, host};
use crate::limits::Limits;

/// The longest method.
const METHOD_BYTES: usize = 20;

/// How many bytes a version has.
const VERSION_BYTES: usize = "HTTP/1.1".len();

/// How far the request line has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestLine {
    /// It has not come; `after_empty_line` where an empty line has.
    Awaited { after_empty_line: bool },
    /// It is good, and says HTTP/1.0.
    Http10,
    /// It is good, and says HTTP/1.1.
    Http11,
}

/// What is known of a head so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    request_line: RequestLine,
    /// The method is `HEAD`, whose answer has no body.
    pub(super) wants_no_body: bool,
    fields: usize,
    has_host: bool,
    length: Option<u64>,
    is_chunked: bool,
}

impl Head {
    pub(super) fn new() -> Self {
        Self {
            request_line: RequestLine::Awaited { after_empty_line: false },
            wants_no_body: false,
            fields: 0,
            has_host: false,
            length: None,
            is_chunked: false,
        }
    }

    /// Judges lines of `input` from `at` on, and moves `at` behind them. The message begins at `start`. `None` where
    /// the head goes on beyond the input.
    pub(super) fn advance(
        &mut self,
        input: &[u8],
        start: usize,
        at: &mut usize,
        limits: &Limits,
    ) -> Result<Option<Framing>, Refusal> {
        while let RequestLine::Awaited { after_empty_line } = self.request_line {
            if !self.request_line(after_empty_line, input, at, limits)? {
                return Ok(None);
            }
        }
        loop {
            let line = line::read(&input[*at..])?;
            let length = match line {
                Line::Field { length, .. } => length,
                Line::Empty => 2,
                Line::Unfinished => input.len() - *at,
            };
            if length > limits.field_bytes {
                return Err(Refusal::LongField(limits.field_bytes));
            }
            if *at - start + length > limits.head_bytes {
                return Err(Refusal::LongHead(limits.head_bytes));
            }
            match line {
                Line::Unfinished => return Ok(None),
                Line::Field { name, value, .. } => self.field(name, value, limits)?,
                Line::Empty => {
                    *at += length;
                    return self.framing(limits).map(Some);
                }
            }
            *at += length;
        }
    }

    /// Judges the request line, or an empty line before it, and moves `at` behind it; false where it is unfinished.
    fn request_line(
        &mut self,
        after_empty_line: bool,
        input: &[u8],
        at: &mut usize,
        limits: &Limits,
    ) -> Result<bool, Refusal> {
        let bytes = &input[*at..];
        if bytes.first() == Some(&b'\r') {
            let is_whole = line::ends_line(bytes, 0)?;
            if is_whole && after_empty_line {
                return Err(Refusal::EmptyLines);
            }
            self.request_line = RequestLine::Awaited { after_empty_line: is_whole || after_empty_line };
            *at += if is_whole { 2 } else { 0 };
            return Ok(is_whole);
        }
        let Some(method) = method(bytes)? else { return Ok(false) };
        let target = method.len() + 1;
        let target_end = target_end(bytes, target);
        let most = limits.request_line;
        let version = &bytes[target_end..];
        let request_line = match version.first_chunk() {
            Some(b" HTTP/1.1\r\n") => RequestLine::Http11,
            Some(b" HTTP/1.0\r\n") => RequestLine::Http10,
            None if b" HTTP/1.1\r\n".starts_with(version) || b" HTTP/1.0\r\n".starts_with(version) => {
                let shortest = target_end + 1 + VERSION_BYTES;
                return if shortest > most { Err(Refusal::LongRequestLine(most)) } else { Ok(false) };
            }
            _ => {
                let defect = defect_of_line(bytes, target, target_end, most);
                // More of the line may tell more.
                let goes_on = classes::text_end(bytes, target) == bytes.len();
                return if defect == Refusal::RequestLine && goes_on { Ok(false) } else { Err(defect) };
            }
        };
        let length = target_end + 1 + VERSION_BYTES;
        if length > most {
            return Err(Refusal::LongRequestLine(most));
        }
        check_target(&bytes[target..target_end])?;
        self.wants_no_body = method == b"HEAD";
        self.request_line = request_line;
        *at += length + 2;
        Ok(true)
    }

    /// Notes a field that decides about the message.
    fn field(&mut self, name: &[u8], value: &[u8], limits: &Limits) -> Result<(), Refusal> {
        self.fields += 1;
        if self.fields > limits.fields {
            return Err(Refusal::ManyFields(limits.fields));
        }
        let value = || line::trim(value);
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                if std::mem::replace(&mut self.has_host, true) {
                    return Err(Refusal::TwoHosts);
                }
                if !host::is_authority(value()) {
                    return Err(Refusal::Host);
                }
            }
            6 if name.eq_ignore_ascii_case(b"expect") => self.expectation(value())?,
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                if self.length.is_some() {
                    return Err(Refusal::TwoLengths);
                }
                self.length = Some(content_length(value())?);
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.coding(value())?,
            _ => {}
        }
        Ok(())
    }

    /// Judges an `Expect`; HTTP/1.0 has none, and a server ignores it there.
    fn expectation(&self, value: &[u8]) -> Result<(), Refusal> {
        let is_known =
            self.request_line == RequestLine::Http10 || value.eq_ignore_ascii_case(b"100-continue");
        if is_known { Ok(()) } else { Err(Refusal::Expectation) }
    }

    /// Judges a `Transfer-Encoding`.
    fn coding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.request_line == RequestLine::Http10 {
            return Err(Refusal::CodingInHttp10);
        }
        if value.eq_ignore_ascii_case(b"chunked") && !std::mem::replace(&mut self.is_chunked, true) {
            return Ok(());
        }
        // Another coding below one final `chunked` has a known framing and no decoder here: 501. Everything else leaves
        // the framing in doubt: 400 (RFC 9112 §6.1 and §6.3).
        let mut codings = value.split(|byte| *byte == b',').rev().map(line::trim);
        let is_framed = codings.next().is_some_and(|last| last.eq_ignore_ascii_case(b"chunked"));
        let mut is_known = false;
        let mut all_tokens = true;
        let mut others = 0;
        for coding in codings {
            others += 1;
            is_known |= coding.eq_ignore_ascii_case(b"chunked") || coding.eq_ignore_ascii_case(b"identity");
            all_tokens &= !coding.is_empty() && classes::all(coding, classes::TOKEN);
        }
        let unknown = is_framed && others > 0 && all_tokens && !is_known && !self.is_chunked;
        Err(if unknown { Refusal::UnknownCoding } else { Refusal::Coding })
    }

    /// How the body is delimited, once all fields are known.
    fn framing(&self, limits: &Limits) -> Result<Framing, Refusal> {
        if self.request_line == RequestLine::Http11 && !self.has_host {
            return Err(Refusal::NoHost);
        }
        match (self.is_chunked, self.length) {
            (true, Some(_)) => Err(Refusal::LengthAndCoding),
            (true, None) => Ok(Framing::Chunked),
            (false, None) => Ok(Framing::Length(0)),
            (false, Some(length)) if length > limits.body_bytes as u64 => {
                Err(Refusal::LargeBody(limits.body_bytes))
            }
            (false, Some(length)) => Ok(Framing::Length(length)),
        }
    }
}

/// The method with which `bytes` begins, and which a blank follows; `None` where it is unfinished.
fn method(bytes: &[u8]) -> Result<Option<&[u8]>, Refusal> {
    let end = classes::run_end(bytes, 0, METHOD);
    match bytes.get(end) {
        _ if end > METHOD_BYTES => Err(Refusal::Method),
        None => Ok(None),
        Some(b' ') if &bytes[..end] == b"CONNECT" => Err(Refusal::Connect),
        Some(b' ') if end > 0 => Ok(Some(&bytes[..end])),
        Some(b'\n') => Err(Refusal::BareLf),
        Some(_) => Err(Refusal::Method),
    }
}

/// Where a target ends: at the first byte that is neither of a path nor of a query behind it.
fn target_end(bytes: &[u8], from: usize) -> usize {
    let end = classes::run_end(bytes, from, PATH);
    if bytes.get(end) == Some(&b'?') { classes::run_end(bytes, end + 1, QUERY) } else { end }
}

/// What is wrong with a request line that is not `METHOD SP target SP version CRLF`, or with the beginning of one.
#[cold]
fn defect_of_line(bytes: &[u8], target: usize, target_end: usize, most: usize) -> Refusal {
    let line_end = classes::text_end(bytes, target);
    if line_end > most {
        return Refusal::LongRequestLine(most);
    }
    match bytes.get(line_end) {
        Some(b'\n') => return Refusal::BareLf,
        Some(b'\r') if bytes.get(line_end + 1).is_some_and(|next| *next != b'\n') => return Refusal::BareCr,
        Some(b'\r') | None => {}
        Some(_) => return Refusal::TargetByte,
    }
    match bytes.get(target_end) {
        Some(b'#') => Refusal::Fragment,
        Some(b' ') if target_end == target => Refusal::Target,
        Some(b' ') => {
            let version = &bytes[target_end + 1..line_end];
            let is_version = matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
                if major.is_ascii_digit() && minor.is_ascii_digit());
            if is_version && line_end < bytes.len() { Refusal::Version } else { Refusal::RequestLine }
        }
        Some(b'\t' | b'\r') | None => Refusal::RequestLine,
        Some(_) => Refusal::TargetByte,
    }
}

/// Judges a target whose bytes are allowed ones.
fn check_target(target: &[u8]) -> Result<(), Refusal> {
    if target.first() == Some(&b'/') || target == b"*" {
        return Ok(());
    }
    let scheme_end = target.iter().position(|byte| *byte == b':').unwrap_or(0);
    let (scheme, rest) = target.split_at(scheme_end);
    let is_http = scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https");
    let Some(rest) = rest.strip_prefix(b"://").filter(|_| is_http) else { return Err(Refusal::Target) };
    let authority_end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    if host::is_authority(&rest[..authority_end]) { Ok(()) } else { Err(Refusal::Target) }
}

/// The value of a `Content-Length`: digits alone, so few that they fit.
fn content_length(value: &[u8]) -> Result<u64, Refusal> {
    if !(1..=19).contains(&value.len()) || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::Length);
    }
    Ok(value.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0')))
}
