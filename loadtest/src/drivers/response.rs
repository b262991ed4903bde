//! The little of HTTP/1.1 that a load generator reads: status, length, whether the connection ends.

/// An answer that has arrived whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    /// Its status code.
    pub(crate) status: u16,
    /// The server says that it closes the connection.
    pub(crate) close: bool,
}

/// Bytes that are no HTTP answer with a declared length.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an HTTP/1.1 answer with a Content-Length")]
pub(crate) struct Malformed;

/// Longest head that is waited for.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Takes the bytes of one connection in any pieces, and tells where answers end.
#[derive(Debug, Default)]
pub(crate) struct ResponseParser {
    /// A head that has not arrived whole.
    head: Vec<u8>,
    /// The answer whose body is arriving, and how much of it is missing.
    body: Option<(Answered, usize)>,
}

impl ResponseParser {
    /// Forgets what has arrived; for a new connection.
    pub(crate) fn reset(&mut self) {
        self.head.clear();
        self.body = None;
    }

    /// Takes `bytes` and calls `each` for every answer that they complete.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(Answered)) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            let Some((answered, missing)) = self.body.take() else {
                bytes = self.feed_head(bytes)?;
                // An answer without a body is complete with its head.
                if let Some((answered, 0)) = self.body {
                    self.body = None;
                    each(answered);
                }
                continue;
            };
            if bytes.len() < missing {
                self.body = Some((answered, missing - bytes.len()));
                return Ok(());
            }
            bytes = &bytes[missing..];
            each(answered);
        }
        Ok(())
    }

    /// Takes what belongs to the head, and gives the rest back.
    fn feed_head<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Malformed> {
        if self.head.is_empty()
            && let Some(end) = head_end(bytes)
        {
            self.body = Some(parse_head(&bytes[..end])?);
            return Ok(&bytes[end..]);
        }
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        match head_end(&self.head) {
            Some(end) => {
                self.body = Some(parse_head(&self.head[..end])?);
                self.head.clear();
                Ok(&bytes[end - before..])
            }
            None if self.head.len() > HEAD_BYTES_MAX => Err(Malformed),
            None => Ok(&[]),
        }
    }
}

/// Where the head ends, the empty line included.
fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

fn parse_head(head: &[u8]) -> Result<(Answered, usize), Malformed> {
    let text = std::str::from_utf8(head).map_err(|_| Malformed)?;
    let mut lines = text.split("\r\n");
    let status_line = lines.next().ok_or(Malformed)?;
    let status = status_line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).ok_or(Malformed)?;
    let status = status.parse().map_err(|_| Malformed)?;
    let (mut length, mut close) = (None, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse().map_err(|_| Malformed)?);
        } else if name.eq_ignore_ascii_case("connection") {
            close = value.trim().eq_ignore_ascii_case("close");
        }
    }
    Ok((Answered { status, close }, length.ok_or(Malformed)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 503 X\r\nconnection: close\r\ncontent-length:0\r\n\r\n";

    fn answers(pieces: &[&[u8]]) -> Result<Vec<(u16, bool)>, Malformed> {
        let (mut parser, mut found) = (ResponseParser::default(), Vec::new());
        for piece in pieces {
            parser.feed(piece, |answered| found.push((answered.status, answered.close)))?;
        }
        Ok(found)
    }

    #[test]
    fn answers_are_found_however_the_bytes_are_cut() {
        let expected = Ok(vec![(200, false), (503, true)]);
        assert_eq!(answers(&[TWO]), expected);
        for cut in 0..TWO.len() {
            assert_eq!(answers(&[&TWO[..cut], &TWO[cut..]]), expected, "cut at {cut}");
        }
        let bytes: Vec<_> = TWO.chunks(1).collect();
        assert_eq!(answers(&bytes), expected);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for bytes in [
            &b"SSH-2.0-x\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 abc\r\ncontent-length: 0\r\n\r\n",
        ] {
            assert_eq!(answers(&[bytes]), Err(Malformed));
        }
        assert_eq!(answers(&[&vec![b'x'; HEAD_BYTES_MAX + 1]]), Err(Malformed));
    }
}
