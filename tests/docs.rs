//! The API's documentation against the real binary: pages that are whole, the same from every worker, and asked for twice
//! for nothing. `tests/docs/` looks at it with a browser and with tools that read OpenAPI.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use flate2::read::GzDecoder;
use serde_json::Value;

use support::linnet::{Linnet, SOON, Start};

const PAGES: [&str; 2] = ["/docs", "/redoc"];

struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Asks on a connection of its own; `headers` are lines without their ends. The end of the connection ends the body.
fn ask(address: SocketAddr, method: &str, path: &str, headers: &[&str]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let first = format!("{method} {path} HTTP/1.1");
    let lines = [&[&first, "host: test", "connection: close"], headers, &["", ""]].concat();
    stream.write_all(lines.join("\r\n").as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut lines = (&mut reader).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
        .collect();
    let mut body = Vec::new();
    reader.read_to_end(&mut body).unwrap();
    Answer { status, headers, body }
}

fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, "GET", path, &[])
}

fn openapi(linnet: &Linnet) -> Value {
    serde_json::from_slice(&get(linnet.address(), "/openapi.json").body).unwrap()
}

/// What a page's `href` and `src` name.
fn linked(page: &str) -> Vec<&str> {
    let attributes = ["href=\"", "src=\""];
    let found = attributes.iter().flat_map(|attribute| page.split(attribute).skip(1));
    found.map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn pages_are_whole_and_load_nothing_from_elsewhere() {
    let linnet = Start::with_workers(1).ready();
    let address = linnet.address();
    let mut files = BTreeSet::new();
    for page in PAGES {
        let answer = get(address, page);
        assert_eq!((answer.status, answer.header("content-type")), (200, "text/html; charset=utf-8"));
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("http"), "{policy}");
        assert!(!answer.text().contains("://"), "{page} names another host");
        let linked = linked(answer.text());
        assert!(linked.len() >= 4, "{linked:?}");
        // Relative to the page, so that they also work behind a proxy that puts a path in front.
        assert!(linked.iter().all(|link| !link.starts_with('/')), "{linked:?}");
        files.extend(linked.iter().map(|link| format!("/{link}")));
        assert_eq!(get(address, &format!("{page}/")).status, 307);
    }
    for file in &files {
        assert_eq!(get(address, file).status, 200, "{file}");
    }
    let redoc = get(address, "/redoc/redoc.standalone.js");
    assert!(!redoc.text().contains("cdn.redoc.ly"), "Redoc's logo comes from elsewhere");
}

#[test]
fn files_are_compressed_kept_and_recognised() {
    let linnet = Start::with_workers(2).ready();
    let address = linnet.address();
    let files =
        ["/docs", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/icon.svg", "/redoc/start.js"];
    for file in files {
        let plain = get(address, file);
        let packed = ask(address, "GET", file, &["accept-encoding: br;q=1, gzip"]);
        assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), ("", "gzip"));
        let mut unpacked = Vec::new();
        GzDecoder::new(&*packed.body).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == plain.body && packed.body.len() < plain.body.len(), "{file}");
        assert_ne!(plain.header("etag"), packed.header("etag"), "the bytes differ, so must the tags");
        for (accept, answer) in [("accept-encoding: identity", &plain), ("accept-encoding: gzip", &packed)] {
            assert_eq!(
                (answer.header("vary"), answer.header("cache-control")),
                ("accept-encoding", "no-cache")
            );
            assert_eq!(answer.header("content-length"), answer.body.len().to_string());
            let tag = answer.header("etag");
            let again = ask(address, "GET", file, &[accept, &format!("if-none-match: \"x\", {tag}")]);
            assert_eq!((again.status, again.header("etag"), again.body.len()), (304, tag, 0));
            assert_eq!((again.header("vary"), again.header("content-type")), ("accept-encoding", ""));
            let head = ask(address, "HEAD", file, &[accept]);
            assert_eq!((head.status, head.header("etag"), head.body.len()), (200, tag, 0));
            assert_eq!(head.header("content-length"), answer.header("content-length"));
        }
        let stale = ask(address, "GET", file, &["if-none-match: \"0123\""]);
        assert!(stale.status == 200 && stale.body == plain.body);
    }
    let posted = ask(address, "POST", "/docs", &["content-length: 0"]);
    assert_eq!((posted.status, posted.header("allow")), (405, "GET"));
    assert!(get(address, "/metrics").text().contains("{route=\"/docs\",status=\"304\"} 10"));
}

#[test]
fn every_worker_gives_the_same_description() {
    let linnet = Start::with_workers(3).set("TITLE", "My \"API\"").set("DESCRIPTION", "It *does*.").ready();
    let address = linnet.address();
    let first = get(address, "/openapi.json");
    assert_eq!((first.status, first.header("content-type")), (200, "application/json"));
    for _ in 0..20 {
        let other = get(address, "/openapi.json");
        assert!(other.body == first.body && other.header("etag") == first.header("etag"));
    }
    let tag = format!("if-none-match: {}", first.header("etag"));
    assert_eq!(ask(address, "GET", "/openapi.json", &[&tag]).status, 304);
    let info = &openapi(&linnet)["info"];
    assert_eq!((&info["title"], &info["description"]), (&"My \"API\"".into(), &"It *does*.".into()));
    assert_eq!(info["version"], "1");
    assert!(openapi(&linnet)["paths"]["/metrics"].is_object());
}

#[test]
fn limits_and_addresses_show_in_the_description() {
    let linnet = Start::with_workers(1).set("LIMIT_TEXTS", "7").set("METRICS_BIND", "127.0.0.1:0").ready();
    let description = openapi(&linnet);
    assert_eq!(description["components"]["schemas"]["PredictPayload"]["properties"]["texts"]["maxItems"], 7);
    assert!(description["paths"]["/predict"].is_object());
    assert!(description["paths"]["/metrics"].is_null(), "they have an address of their own");
}

#[test]
fn nothing_is_told_where_the_documentation_is_off() {
    let linnet = Start::with_workers(1).set("DOCS", "false").ready();
    let address = linnet.address();
    for path in ["/docs", "/redoc", "/openapi.json", "/docs/", "/docs/swagger-ui.css", "/redoc/start.js"] {
        for method in ["GET", "HEAD", "POST"] {
            assert_eq!(ask(address, method, path, &["content-length: 0"]).status, 404, "{method} {path}");
        }
    }
    assert_eq!(get(address, "/").status, 200);
}
