//! The PROXY protocol, versions 1 and 2: what a proxy says before the first byte of its client about where that comes
//! from. By HAProxy's specification, `proxy-protocol.txt` of 2020/03/05.
//!
//! Whoever sends this is believed, so it must be read only from peers that are trusted. The header must stand whole at
//! the start of the connection; both versions begin with bytes that no HTTP request begins with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// What a version 1 header begins with.
const V1_START: &[u8] = b"PROXY ";
/// Longest version 1 header, in bytes, its CR LF counted in.
const V1_BYTES_MAX: usize = 107;
/// What a version 2 header begins with.
const V2_START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of a version 2 header before its addresses: its start, version and command, family, length.
const V2_FIXED: usize = 16;
/// Longest version 2 header that is taken, in bytes. The addresses need 52; the rest is room for what proxies add (TLS
/// details, an identifier), which is passed over.
pub const HEADER_BYTES_MAX: usize = 4_096;

/// The two ends of a client's connection to its proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The client.
    pub source: SocketAddr,
    /// What the client has connected to.
    pub destination: SocketAddr,
}

/// A header that has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The client's connection; `None` where the proxy speaks for itself (a health check) or for a client without an IP
    /// address: then the connection's own addresses count.
    pub addresses: Option<Addresses>,
    /// Length of the header, in bytes: the client's own begin behind it.
    pub length: usize,
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    /// They begin like neither version.
    #[error("the connection does not begin with a PROXY header")]
    NoHeader,
    /// A line that is no version 1 header.
    #[error(
        "a PROXY header of version 1 must be `PROXY TCP4|TCP6 SOURCE DESTINATION PORT PORT` or `PROXY UNKNOWN`"
    )]
    Line,
    /// Another version, or another command than LOCAL and PROXY.
    #[error("a PROXY header says version and command {0:#04x}; known are 0x20 and 0x21")]
    Command(u8),
    /// Shorter than the addresses of its family.
    #[error("a PROXY header of version 2 has {0} bytes for its addresses, which are more")]
    Short(usize),
    /// Longer than [`HEADER_BYTES_MAX`].
    #[error("a PROXY header of version 2 has {0} bytes; at most {HEADER_BYTES_MAX} are read")]
    Long(usize),
}

/// Reads the header that `bytes` begin with. `None` means that more bytes are needed, of at most [`HEADER_BYTES_MAX`].
pub fn read(bytes: &[u8]) -> Result<Option<Header>, BadHeader> {
    let begins_like = |start: &[u8]| bytes.iter().zip(start).all(|(byte, expected)| byte == expected);
    if begins_like(V2_START) {
        read_v2(bytes)
    } else if begins_like(V1_START) {
        read_v1(bytes)
    } else {
        Err(BadHeader::NoHeader)
    }
}

fn read_v1(bytes: &[u8]) -> Result<Option<Header>, BadHeader> {
    let within = &bytes[..bytes.len().min(V1_BYTES_MAX)];
    let Some(end) = within.windows(2).position(|pair| pair == b"\r\n") else {
        return if within.len() == V1_BYTES_MAX { Err(BadHeader::Line) } else { Ok(None) };
    };
    let line = std::str::from_utf8(&bytes[..end]).map_err(|_| BadHeader::Line)?;
    let addresses = line_addresses(line)?;
    Ok(Some(Header { addresses, length: end + 2 }))
}

/// The addresses of a version 1 line, which may be unknown.
fn line_addresses(line: &str) -> Result<Option<Addresses>, BadHeader> {
    let mut words = line.split(' ').skip(1); // one space stands between two words
    match words.next() {
        Some("UNKNOWN") => Ok(None), // what follows is to be ignored
        Some("TCP4") => tcp_addresses::<Ipv4Addr>(words).map(Some).ok_or(BadHeader::Line),
        Some("TCP6") => tcp_addresses::<Ipv6Addr>(words).map(Some).ok_or(BadHeader::Line),
        _ => Err(BadHeader::Line),
    }
}

/// Source, destination, and their ports.
fn tcp_addresses<'w, A: FromStr + Into<IpAddr>>(
    mut words: impl Iterator<Item = &'w str>,
) -> Option<Addresses> {
    let mut address = || words.next()?.parse::<A>().ok().map(Into::into);
    let (source, destination): (IpAddr, IpAddr) = (address()?, address()?);
    let (source_port, destination_port) = (port(words.next()?)?, port(words.next()?)?);
    let ends = words.next().is_none();
    ends.then_some(Addresses {
        source: (source, source_port).into(),
        destination: (destination, destination_port).into(),
    })
}

/// A port in decimal digits, without a sign or a zero in front.
fn port(word: &str) -> Option<u16> {
    let plain = word == "0" || !word.starts_with(['0', '+']);
    word.parse().ok().filter(|_| plain)
}

fn read_v2(bytes: &[u8]) -> Result<Option<Header>, BadHeader> {
    let Some(&[command, family, high, low]) = bytes.get(V2_START.len()..V2_FIXED) else { return Ok(None) };
    if ![0x20, 0x21].contains(&command) {
        return Err(BadHeader::Command(command));
    }
    let length = V2_FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > HEADER_BYTES_MAX {
        return Err(BadHeader::Long(length));
    }
    let Some(body) = bytes.get(V2_FIXED..length) else { return Ok(None) };
    // LOCAL: the proxy itself; the family is to be ignored.
    let addresses = if command == 0x20 { None } else { family_addresses(family, body)? };
    Ok(Some(Header { addresses, length }))
}

/// The addresses of a version 2 header. What follows them (TLVs) is passed over; of a family or transport that has no
/// TCP addresses, or is not known, all is.
fn family_addresses(family: u8, body: &[u8]) -> Result<Option<Addresses>, BadHeader> {
    let short = BadHeader::Short(body.len());
    match family {
        0x11 => body.first_chunk().map(|ends: &[u8; 12]| Some(inet(ends))).ok_or(short),
        0x21 => body.first_chunk().map(|ends: &[u8; 36]| Some(inet6(ends))).ok_or(short),
        _ => Ok(None),
    }
}

fn inet(ends: &[u8; 12]) -> Addresses {
    let address = |at: usize| Ipv4Addr::new(ends[at], ends[at + 1], ends[at + 2], ends[at + 3]);
    let port = |at: usize| u16::from_be_bytes([ends[at], ends[at + 1]]);
    Addresses { source: (address(0), port(8)).into(), destination: (address(4), port(10)).into() }
}

fn inet6(ends: &[u8; 36]) -> Addresses {
    let address = |at: usize| {
        let mut octets = [0; 16];
        octets.copy_from_slice(&ends[at..at + 16]);
        Ipv6Addr::from(octets)
    };
    let port = |at: usize| u16::from_be_bytes([ends[at], ends[at + 1]]);
    Addresses { source: (address(0), port(32)).into(), destination: (address(16), port(34)).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(source: &str, destination: &str) -> Addresses {
        Addresses { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
    }

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        [V2_START, &[command, family], &(body.len() as u16).to_be_bytes(), body].concat()
    }

    /// Whole headers, and what they say.
    fn good() -> Vec<(Vec<u8>, Option<Addresses>)> {
        let line = |line: &str| [line.as_bytes(), b"\r\n"].concat();
        let four = [192, 0, 2, 1, 198, 51, 100, 2, 0xDC, 0x04, 0x01, 0xBB];
        let six = [&[0x20; 16][..], &[0; 15], &[1], &[0, 80], &[1, 187]].concat();
        let of_four = Some(addresses("192.0.2.1:56324", "198.51.100.2:443"));
        let of_six = Some(addresses("[2020:2020:2020:2020:2020:2020:2020:2020]:80", "[::1]:443"));
        vec![
            (line("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443"), of_four),
            (
                line("PROXY TCP4 255.255.255.255 0.0.0.0 65535 0"),
                Some(addresses("255.255.255.255:65535", "0.0.0.0:0")),
            ),
            (line("PROXY TCP6 2001:db8::1 ::1 1 2"), Some(addresses("[2001:db8::1]:1", "[::1]:2"))),
            (line("PROXY UNKNOWN"), None),
            (line("PROXY UNKNOWN ffff::1 anything at all"), None),
            (v2(0x21, 0x11, &four), of_four),
            (v2(0x21, 0x11, &[&four[..], &[0x03, 0, 4, 1, 2, 3, 4]].concat()), of_four),
            (v2(0x21, 0x21, &six), of_six),
            (v2(0x20, 0x11, &four), None), // LOCAL
            (v2(0x20, 0x00, &[]), None),
            (v2(0x21, 0x00, &[]), None),       // AF_UNSPEC
            (v2(0x21, 0x12, &four), None),     // UDP
            (v2(0x21, 0x31, &[0; 216]), None), // AF_UNIX
            (v2(0x21, 0x11, &[0; HEADER_BYTES_MAX - V2_FIXED]), Some(addresses("0.0.0.0:0", "0.0.0.0:0"))),
        ]
    }

    #[test]
    fn headers_are_read_and_what_follows_is_left() {
        for (header, addresses) in good() {
            let expected = Ok(Some(Header { addresses, length: header.len() }));
            assert_eq!(read(&header), expected, "{}", header.escape_ascii());
            let with_more = [&header[..], b"GET / HTTP/1.1\r\n\r\n"].concat();
            assert_eq!(read(&with_more), expected, "{}", header.escape_ascii());
        }
    }

    #[test]
    fn every_beginning_of_a_header_needs_more() {
        for (header, _) in good() {
            for end in 0..header.len() {
                assert_eq!(read(&header[..end]), Ok(None), "{}", header[..end].escape_ascii());
            }
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let long_line = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 92], b"\r\n"].concat();
        assert_eq!(long_line.len(), V1_BYTES_MAX + 1);
        for (bytes, expected) in [
            (b"GET / HTTP/1.1\r\n".to_vec(), BadHeader::NoHeader),
            (b"proxy ".to_vec(), BadHeader::NoHeader),
            (b"\r\n\r\nGET".to_vec(), BadHeader::NoHeader),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n".to_vec(), BadHeader::Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 \r\n".to_vec(), BadHeader::Line),
            (b"PROXY  TCP4 192.0.2.1 198.51.100.2 56324 443\r\n".to_vec(), BadHeader::Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 65536\r\n".to_vec(), BadHeader::Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 +1 2\r\n".to_vec(), BadHeader::Line),
            (b"PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n".to_vec(), BadHeader::Line),
            (b"PROXY TCP4 ::1 ::1 1 2\r\n".to_vec(), BadHeader::Line),
            (b"PROXY TCP6 1.2.3.4 ::1 1 2\r\n".to_vec(), BadHeader::Line),
            (b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n".to_vec(), BadHeader::Line),
            (b"PROXY \r\n".to_vec(), BadHeader::Line),
            (b"PROXY UNKNOWN \xff\r\n".to_vec(), BadHeader::Line),
            (long_line, BadHeader::Line),
            (v2(0x11, 0x11, &[0; 12]), BadHeader::Command(0x11)),
            (v2(0x22, 0x11, &[0; 12]), BadHeader::Command(0x22)),
            (v2(0x21, 0x11, &[0; 11]), BadHeader::Short(11)),
            (v2(0x21, 0x21, &[0; 35]), BadHeader::Short(35)),
            (v2(0x21, 0x11, &[0; HEADER_BYTES_MAX]), BadHeader::Long(HEADER_BYTES_MAX + V2_FIXED)),
        ] {
            assert_eq!(read(&bytes), Err(expected), "{}", bytes.escape_ascii());
        }
    }
}
