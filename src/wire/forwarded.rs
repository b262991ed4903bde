//! Whose request it is, as far as proxies can be believed.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HeaderMap, HeaderName};

use crate::config::TrustedPeers;

/// The addresses that a request has come by: its client first, then each proxy but the last.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address: that of the peer, and if the peer is trusted, the nearest in `X-Forwarded-For` that is not.
/// Each proxy appends whom it has heard, so only what trusted ones have appended can be believed, and the rest is read
/// from the right; it ends where something stands that is no address.
pub fn client(headers: &HeaderMap, peer: Option<IpAddr>, trusted: &TrustedPeers) -> Option<IpAddr> {
    let mut client = peer;
    let lists = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let mut hops = lists.flat_map(|list| list.as_bytes().rsplit(|byte| *byte == b','));
    while trusted.contains(client) {
        let Some(hop) = hops.next().and_then(address) else { break };
        client = Some(hop);
    }
    client
}

/// An address, with or without a port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bare = text.parse().ok();
    bare.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_trusted_proxies_have_appended_counts() {
        let these = || TrustedPeers::These(vec![[127, 0, 0, 1].into(), [10, 0, 0, 1].into()]);
        for (trusted, peer, lists, expected) in [
            (these(), Some("192.0.2.1"), &["203.0.113.9"][..], Some("192.0.2.1")),
            (these(), Some("127.0.0.1"), &[], Some("127.0.0.1")),
            (these(), Some("127.0.0.1"), &["203.0.113.9"], Some("203.0.113.9")),
            (these(), Some("127.0.0.1"), &["1.1.1.1, 203.0.113.9 ,10.0.0.1"], Some("203.0.113.9")),
            (these(), Some("127.0.0.1"), &["1.1.1.1", "203.0.113.9", "10.0.0.1"], Some("203.0.113.9")),
            (these(), Some("127.0.0.1"), &["10.0.0.1"], Some("10.0.0.1")),
            (these(), Some("127.0.0.1"), &["1.1.1.1, unknown"], Some("127.0.0.1")),
            (these(), Some("127.0.0.1"), &["1.1.1.1, x\", 10.0.0.1"], Some("10.0.0.1")),
            (these(), Some("127.0.0.1"), &["203.0.113.9:4711"], Some("203.0.113.9")),
            (these(), Some("127.0.0.1"), &["[2001:db8::1]:4711"], Some("2001:db8::1")),
            (these(), Some("127.0.0.1"), &["::ffff:203.0.113.9"], Some("203.0.113.9")),
            (these(), None, &["203.0.113.9"], None),
            (TrustedPeers::Any, None, &["203.0.113.9, 10.0.0.1"], Some("203.0.113.9")),
            (TrustedPeers::Any, None, &[""], None),
        ] {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append(X_FORWARDED_FOR, list.parse().unwrap());
            }
            let peer = peer.map(|peer| peer.parse().unwrap());
            let expected = expected.map(|address: &str| address.parse().unwrap());
            assert_eq!(client(&headers, peer, &trusted), expected, "{lists:?} from {peer:?}");
        }
    }
}
