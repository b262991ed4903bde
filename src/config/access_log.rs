//! What a line of the access log holds: gunicorn's `access_log_format`, parsed once.

/// gunicorn's default: Apache's combined format.
pub const COMBINED: &str = r#"%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s""#;

/// The name of the format of JSON objects.
const JSON: &str = "json";

/// What a format takes, in words that fit behind "expected".
pub const ALLOWED: &str = "\"json\", or text with %(X)s, X one of h l u t r m U q H s B b f a T M D L p {header}i \
                           {header}o {variable}e; %% for %";

/// A format of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLogFormat {
    /// As it was typed.
    text: String,
    line: Line,
}

/// How a line is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// One JSON object, always with the same keys.
    Json,
    /// These pieces, one behind the other.
    Pieces(Vec<Piece>),
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What stands in the format itself.
    Literal(String),
    /// What stands for something of a request or its answer.
    Atom {
        /// For what.
        atom: Atom,
        /// Whether it stands between quotes; a blank in it ends a field where it does not.
        quoted: bool,
    },
}

/// What can be told of a request and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Atom {
    /// `h`: the client's address.
    Client,
    /// `l`: nothing; Apache has the remote log name here.
    Nothing,
    /// `u`: the user of HTTP Basic authentication.
    User,
    /// `t`: when the line was written.
    Time,
    /// `r`: method, target and protocol.
    RequestLine,
    /// `m`
    Method,
    /// `U`: the path, decoded.
    Path,
    /// `q`: the query, as it came.
    Query,
    /// `H`
    Protocol,
    /// `s`
    Status,
    /// `B` and `b`: bytes of the answer's body.
    BodyBytes,
    /// `T`: how long the answer took, in whole seconds.
    Seconds,
    /// `M`: in whole milliseconds.
    Milliseconds,
    /// `D`: in microseconds.
    Microseconds,
    /// `L`: in seconds with six digits.
    DecimalSeconds,
    /// `p`: the worker's process id.
    ProcessId,
    /// `{name}i`, `f` and `a`: a header of the request, its name in lower case.
    RequestHeader(String),
    /// `{name}o`: a header of the answer, its name in lower case.
    AnswerHeader(String),
    /// `{remote_addr}e`: the address of the other end of the connection.
    PeerAddress,
    /// `{remote_port}e`
    PeerPort,
    /// `{raw_uri}e`: the target, as it came.
    Target,
}

/// Why a text is no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// An atom that does not exist.
    #[error("%({0})s is none of them")]
    Unknown(String),
    /// A percent sign that begins no atom.
    #[error("a lone % at \"{0}\"")]
    Percent(String),
    /// A control character; a line must stay one.
    #[error("a control character")]
    Control,
    /// No text at all.
    #[error("empty")]
    Empty,
}

impl AccessLogFormat {
    /// Reads a format.
    ///
    /// # Errors
    /// If it has an atom that does not exist, a lone percent sign or a control character, or is empty.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        if text == JSON {
            return Ok(Self::json());
        }
        Ok(Self { text: text.to_owned(), line: Line::Pieces(pieces(text)?) })
    }

    /// The format of JSON objects.
    pub fn json() -> Self {
        Self { text: JSON.to_owned(), line: Line::Json }
    }

    /// As it was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How a line is made.
    pub fn line(&self) -> &Line {
        &self.line
    }
}

fn pieces(text: &str) -> Result<Vec<Piece>, FormatError> {
    if text.is_empty() {
        return Err(FormatError::Empty);
    }
    if text.contains(char::is_control) {
        return Err(FormatError::Control);
    }
    let (mut pieces, mut literal, mut quoted) = (Vec::new(), String::new(), false);
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, from) = rest.split_at(at);
        literal.push_str(before);
        if let Some(after) = from.strip_prefix("%%") {
            literal.push('%');
            rest = after;
            continue;
        }
        let (name, after) = from
            .strip_prefix("%(")
            .and_then(|inside| inside.split_once(")s"))
            .ok_or_else(|| FormatError::Percent(from.chars().take(10).collect()))?;
        let atom = Atom::named(name).ok_or_else(|| FormatError::Unknown(name.chars().take(40).collect()))?;
        quoted ^= literal.matches('"').count() % 2 == 1;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Atom { atom, quoted });
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

impl Atom {
    /// The atom that stands between `%(` and `)s`.
    fn named(name: &str) -> Option<Self> {
        if let Some((inside, kind)) = name.strip_prefix('{').and_then(|inside| inside.rsplit_once('}')) {
            let inside = inside.to_ascii_lowercase();
            return match kind {
                "i" => is_header(&inside).then_some(Self::RequestHeader(inside)),
                "o" => is_header(&inside).then_some(Self::AnswerHeader(inside)),
                "e" => Self::of_variable(&inside),
                _ => None,
            };
        }
        Some(match name {
            "h" => Self::Client,
            "l" => Self::Nothing,
            "u" => Self::User,
            "t" => Self::Time,
            "r" => Self::RequestLine,
            "m" => Self::Method,
            "U" => Self::Path,
            "q" => Self::Query,
            "H" => Self::Protocol,
            "s" => Self::Status,
            "B" | "b" => Self::BodyBytes,
            "f" => Self::RequestHeader("referer".to_owned()),
            "a" => Self::RequestHeader("user-agent".to_owned()),
            "T" => Self::Seconds,
            "M" => Self::Milliseconds,
            "D" => Self::Microseconds,
            "L" => Self::DecimalSeconds,
            "p" => Self::ProcessId,
            _ => return None,
        })
    }

    /// A variable of WSGI's environment (PEP 3333), which is what `{variable}e` names in gunicorn.
    fn of_variable(name: &str) -> Option<Self> {
        Some(match name {
            "remote_addr" => Self::PeerAddress,
            "remote_port" => Self::PeerPort,
            "raw_uri" => Self::Target,
            "request_method" => Self::Method,
            "path_info" => Self::Path,
            "query_string" => Self::Query,
            "server_protocol" => Self::Protocol,
            "content_type" | "content_length" => Self::RequestHeader(name.replace('_', "-")),
            _ => {
                let header = name.strip_prefix("http_")?.replace('_', "-");
                return is_header(&header).then_some(Self::RequestHeader(header));
            }
        })
    }
}

/// Whether this can be the name of a header: a token of RFC 9110.
fn is_header(name: &str) -> bool {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=64).contains(&name.len()) && name.bytes().all(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_becomes_pieces() {
        let atom = |atom, quoted| Piece::Atom { atom, quoted };
        let literal = |text: &str| Piece::Literal(text.to_owned());
        let header = |name: &str| Atom::RequestHeader(name.to_owned());
        for (text, expected) in [
            ("%(h)s", vec![atom(Atom::Client, false)]),
            ("100%% %(s)s", vec![literal("100% "), atom(Atom::Status, false)]),
            (
                "\"%(r)s\" %(b)s%(B)s",
                vec![
                    literal("\""),
                    atom(Atom::RequestLine, true),
                    literal("\" "),
                    atom(Atom::BodyBytes, false),
                    atom(Atom::BodyBytes, false),
                ],
            ),
            ("%({X-Request-ID}i)s", vec![atom(header("x-request-id"), false)]),
            ("%({ETag}o)s", vec![atom(Atom::AnswerHeader("etag".to_owned()), false)]),
            ("%({REMOTE_ADDR}e)s", vec![atom(Atom::PeerAddress, false)]),
            ("%({http_x_a}e)s", vec![atom(header("x-a"), false)]),
            ("no atom", vec![literal("no atom")]),
        ] {
            let format = AccessLogFormat::parse(text).unwrap();
            assert_eq!(*format.line(), Line::Pieces(expected), "{text}");
            assert_eq!(format.text(), text);
        }
        assert_eq!(*AccessLogFormat::parse("json").unwrap().line(), Line::Json);
        let Line::Pieces(pieces) = pieces(COMBINED).map(Line::Pieces).unwrap() else { unreachable!() };
        assert_eq!(
            pieces.iter().filter(|piece| matches!(piece, Piece::Atom { quoted: true, .. })).count(),
            3
        );
    }

    #[test]
    fn every_atom_that_is_said_to_be_allowed_is() {
        let listed = ALLOWED.split("X one of ").nth(1).unwrap().split(';').next().unwrap();
        for name in listed.split(' ') {
            let name = name.replace("{variable}", "{remote_addr}");
            assert!(Atom::named(&name).is_some(), "{name}");
        }
    }

    #[test]
    fn what_is_no_format_is_named() {
        for (text, expected) in [
            ("", "empty"),
            ("%(x)s", "%(x)s is none of them"),
            ("%(h)s %({user}e)s", "%({user}e)s is none of them"),
            ("%({a b}i)s", "%({a b}i)s is none of them"),
            ("%({}i)s", "%({}i)s is none of them"),
            ("50%", "a lone % at \"%\""),
            ("%h %(s)s", "a lone % at \"%h %(s)s\""),
            ("%(D)d", "a lone % at \"%(D)d\""),
            ("a\nb", "a control character"),
        ] {
            assert_eq!(AccessLogFormat::parse(text).unwrap_err().to_string(), expected, "{text}");
        }
    }
}
