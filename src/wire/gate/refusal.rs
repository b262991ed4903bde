//! Every way in which the gate refuses a message: status, words, and the kind that it is counted by.

use std::time::{Duration, SystemTime};

use hyper::StatusCode;

use crate::scoreboard::ErrorKind;

/// Why a message is refused. The words are for the client: what is wrong, and what is allowed. They need no escape in
/// JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More than one empty line before a request.
    #[error("A request begins with its request line; one empty line before it is allowed")]
    EmptyLines,
    /// No method, or none that could be one.
    #[error("The method is malformed: letters, digits, - and _ are allowed, at most 20, then one space")]
    Method,
    /// `CONNECT`.
    #[error("CONNECT is not served: this is no proxy")]
    Connect,
    /// No target, or one of no known form.
    #[error(
        "The request target is malformed: expected a path that begins with /, or an http URL with a host"
    )]
    Target,
    /// A byte that has to be percent-encoded.
    #[error("The request target holds a byte that must be percent-encoded there")]
    TargetByte,
    /// A `#`.
    #[error("The request target holds a fragment; a # must be written as %23")]
    Fragment,
    /// The line does not end in a version.
    #[error("The request line must be METHOD, one space, target, one space, and HTTP/1.1 or HTTP/1.0")]
    RequestLine,
    /// A version of HTTP that is not served.
    #[error("This version of HTTP is not served; HTTP/1.1 and HTTP/1.0 are")]
    Version,
    /// The request line is too long.
    #[error("The request line is longer than {0} bytes")]
    LongRequestLine(usize),
    /// A line ends in LF alone.
    #[error("A line must end in CR LF; here is an LF alone")]
    BareLf,
    /// A CR that no LF follows.
    #[error("A CR stands only before the LF that ends a line; here is a CR alone")]
    BareCr,
    /// A control character.
    #[error("A header field holds a control character; tabs alone are allowed")]
    ControlCharacter,
    /// A line that begins with white space.
    #[error("A header field must not begin with white space: folding a field over several lines is obsolete")]
    Folded,
    /// White space before the colon.
    #[error("White space between a field name and its colon is not allowed")]
    SpaceBeforeColon,
    /// Something that is no `name: value`.
    #[error("A header field must be name: value; the name has letters, digits and !#$%&'*+-.^_`|~")]
    FieldName,
    /// One field is too long.
    #[error("A header field is longer than {0} bytes")]
    LongField(usize),
    /// Too many fields.
    #[error("The request has more than {0} header fields")]
    ManyFields(usize),
    /// The whole head is too long.
    #[error("The head of the request is longer than {0} bytes")]
    LongHead(usize),
    /// No `Host` in HTTP/1.1.
    #[error("The request has no Host; HTTP/1.1 requires one")]
    NoHost,
    /// More than one `Host`.
    #[error("The request has more than one Host")]
    TwoHosts,
    /// A `Host` that names no host.
    #[error("Host is malformed: expected a name or an address, and a port if there is one")]
    Host,
    /// A `Content-Length` that is no number.
    #[error("Content-Length is malformed: expected digits, at most 19, and nothing else")]
    Length,
    /// A repeated `Content-Length`.
    #[error("The request has more than one Content-Length")]
    TwoLengths,
    /// Both framings at once.
    #[error("Content-Length and Transfer-Encoding exclude each other")]
    LengthAndCoding,
    /// A transfer coding that is not implemented.
    #[error("This transfer coding is not implemented; the one allowed is chunked")]
    UnknownCoding,
    /// `Transfer-Encoding` that leaves the length of the body unknown or doubtful.
    #[error("Transfer-Encoding must be chunked, given once and alone")]
    Coding,
    /// `Transfer-Encoding` in HTTP/1.0.
    #[error("HTTP/1.0 has no Transfer-Encoding; send Content-Length")]
    CodingInHttp10,
    /// An expectation other than 100-continue.
    #[error("This expectation cannot be met; the one known is 100-continue")]
    Expectation,
    /// The body is, or says that it will be, too large.
    #[error("The request body is larger than {0} bytes")]
    LargeBody(usize),
    /// A chunk's size is malformed.
    #[error(
        "A chunk size is malformed: expected 1 to 16 hexadecimal digits, then CR LF, or an extension behind ;"
    )]
    ChunkSize,
    /// Something else than CR LF behind a chunk's data.
    #[error("The data of a chunk must end in CR LF; the chunk is longer than its size says")]
    ChunkEnd,
    /// Too many bytes of chunk extensions.
    #[error("The chunk extensions of this body are longer than {0} bytes")]
    LongExtensions(usize),
    /// Too many or too long trailer fields.
    #[error("The trailer section is longer than {0} bytes or has more than {1} fields")]
    LongTrailers(usize, usize),
    /// A trailer field that would change what the message is.
    #[error("Content-Length, Transfer-Encoding and Host are not allowed as trailer fields")]
    FramingTrailer,
    /// The client stopped sending in the middle of a head.
    #[error("The request ended before its head was complete")]
    BrokenHead,
    /// The head took too long.
    #[error("The head of the request did not arrive within {} seconds", .0.as_secs_f64())]
    SlowHead(Duration),
    /// The body took too long.
    #[error("The request body arrives too slowly, or not at all")]
    SlowBody,
}

impl Refusal {
    /// The status that the client gets.
    pub fn status(self) -> StatusCode {
        match self {
            Self::SlowHead(_) | Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::LargeBody(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::LongRequestLine(_) => StatusCode::URI_TOO_LONG,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::LongField(_) | Self::ManyFields(_) | Self::LongHead(_) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::Connect | Self::UnknownCoding => StatusCode::NOT_IMPLEMENTED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The kind that it is counted by.
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::NoHost | Self::TwoHosts | Self::Host => ErrorKind::BadHost,
            Self::Length
            | Self::TwoLengths
            | Self::LengthAndCoding
            | Self::UnknownCoding
            | Self::Coding
            | Self::CodingInHttp10 => ErrorKind::BadFraming,
            Self::LongRequestLine(_) | Self::LongField(_) | Self::ManyFields(_) | Self::LongHead(_) => {
                ErrorKind::HeadTooLarge
            }
            Self::LargeBody(_) => ErrorKind::BodyTooLarge,
            Self::ChunkSize
            | Self::ChunkEnd
            | Self::LongExtensions(_)
            | Self::LongTrailers(..)
            | Self::FramingTrailer => ErrorKind::BrokenBody,
            Self::SlowHead(_) => ErrorKind::HeaderTimeout,
            Self::SlowBody => ErrorKind::BodyTimeout,
            _ => ErrorKind::BadHttp,
        }
    }

    /// The whole answer, for a connection that ends with it. `HEAD` gets no body.
    pub fn answer(self, to_head: bool, now: SystemTime) -> Vec<u8> {
        let status = self.status();
        let body = format!("{{\"detail\":\"{self}\"}}");
        let head = format!(
            "HTTP/1.1 {} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\ndate: {}\r\n\r\n",
            status.as_str(),
            status.canonical_reason().unwrap_or_default(),
            body.len(),
            httpdate::fmt_http_date(now),
        );
        [head.as_bytes(), if to_head { b"" } else { body.as_bytes() }].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_and_its_words_need_no_escape() {
        let epoch = SystemTime::UNIX_EPOCH;
        let refusals = [
            Refusal::TargetByte,
            Refusal::Fragment,
            Refusal::FieldName,
            Refusal::LongHead(5),
            Refusal::LongTrailers(1, 2),
            Refusal::SlowHead(Duration::from_millis(1_500)),
        ];
        for refusal in refusals {
            let answer = String::from_utf8(refusal.answer(false, epoch)).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let detail: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(detail["detail"], refusal.to_string());
            assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{head}");
            assert!(head.ends_with("\r\nconnection: close\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT"), "{head}");
            let headless = String::from_utf8(refusal.answer(true, epoch)).unwrap();
            assert_eq!(headless, format!("{head}\r\n\r\n"));
        }
        assert!(Refusal::SlowHead(Duration::from_millis(1_500)).to_string().contains("1.5 seconds"));
    }
}
