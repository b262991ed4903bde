//! Single exchanges with the real binary: limits, methods, pipelining, broken requests and clients that go away.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::{Value, json};
use support::linnet::{Linnet, SOON, Start};

/// An answer as it came.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// Reads one answer; `head` where it answers a HEAD request, and so has no body.
fn receive(reader: &mut impl BufRead, head: bool) -> Answer {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let status =
        line.split(' ').nth(1).unwrap_or_else(|| panic!("no status line: {line:?}")).parse().unwrap();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut answer = Answer { status, headers, body: String::new() };
    let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; if head { 0 } else { length }];
    reader.read_exact(&mut body).unwrap();
    answer.body = String::from_utf8(body).unwrap();
    answer
}

/// Sends `request` on a new connection and reads one answer.
fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = connect(address);
    stream.write_all(request).unwrap();
    receive(&mut BufReader::new(stream), request.starts_with(b"HEAD"))
}

fn predict(address: SocketAddr, query: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let head = format!("POST /predict{query} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n");
    exchange(address, format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes())
}

fn texts(texts: &[&str]) -> Value {
    json!({ "texts": texts.iter().map(|text| json!({ "text": text })).collect::<Vec<_>>() })
}

/// Panics if the server does not answer a plain request any more.
fn assert_serves(linnet: &Linnet) {
    let answer = predict(linnet.address(), "", &texts(&["Graph neural networks."]));
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn limits_are_settings_and_their_refusals_are_json() {
    let start = Start::with_workers(1).set("LIMIT_REQUEST_BODY", "2 KiB");
    let linnet = start.set("LIMIT_TEXTS", "3").set("LIMIT_TEXT_BYTES", "100").ready();
    let address = linnet.address();

    let answer = predict(address, "", &texts(&["a", "b", "c", "d"]));
    assert_eq!(answer.status, 422);
    assert_eq!(
        answer.json(),
        json!({"detail": [{"loc": ["body", "texts"], "msg": "ensure this value has at most 3 items",
                           "type": "value_error.list.max_items", "ctx": {"limit_value": 3}}]})
    );

    let answer = predict(address, "", &texts(&["a", &"ä".repeat(51)]));
    assert_eq!(answer.status, 422);
    assert_eq!(answer.json()["detail"][0]["loc"], json!(["body", "texts", 1, "text"]));
    assert_eq!(predict(address, "", &texts(&["a", &"ä".repeat(50)])).status, 200);

    let answer = predict(address, "", &texts(&[&"x".repeat(3_000)]));
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert_eq!(answer.json(), json!({"detail": "The request body is larger than 2048 bytes"}));

    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    let head = "POST /predict HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = exchange(address, format!("{head}{}0\r\n\r\n", chunk.repeat(8)).as_bytes());
    assert_eq!(answer.status, 413);
    assert_serves(&linnet);
}

#[test]
fn head_works_on_every_get_route_and_health_is_plain() {
    let linnet = Start::with_workers(1).ready();
    let address = linnet.address();
    for path in ["/", "/performance", "/args", "/args/learning_rate", "/health/live", "/health/ready"] {
        let get = exchange(address, format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n").as_bytes());
        let head = exchange(address, format!("HEAD {path} HTTP/1.1\r\nhost: h\r\n\r\n").as_bytes());
        assert_eq!((get.status, head.status), (200, 200), "{path}");
        assert_eq!(head.header("content-type"), Some("application/json"), "{path}");
        let length = |answer: &Answer| answer.header("content-length").unwrap().parse::<usize>().unwrap();
        assert_eq!(get.body.len(), length(&get), "{path}");
        // The answer to HEAD echoes its own method, one letter longer.
        assert!(length(&head) - length(&get) <= 1, "{path}");
    }
    let ready = exchange(address, b"GET /health/ready HTTP/1.1\r\nhost: h\r\n\r\n");
    assert_eq!(ready.body, r#"{"status":"ready"}"#);
}

#[test]
fn a_multilabel_model_answers_with_a_list_of_tags() {
    /// What scikit-learn says.
    #[derive(serde::Deserialize)]
    struct Expected {
        text: String,
        tags: Value,
        probabilities: BTreeMap<String, f64>,
    }

    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/multilabel");
    let linnet = Start::with_workers(1).set("MODEL", &format!("{folder}/1")).ready();
    let lines = std::fs::read_to_string(format!("{folder}/answers.jsonl")).unwrap();
    // The API has no answer to an empty text.
    let lines = lines.lines().map(|line| serde_json::from_str::<Expected>(line).unwrap());
    let expected: Vec<Expected> = lines.filter(|line| !line.text.is_empty()).collect();
    assert!(expected.iter().any(|line| line.tags == json!([])), "some text has no tag");
    let asked: Vec<&str> = expected.iter().map(|line| line.text.as_str()).collect();
    for query in ["", "?top_k=3"] {
        let answer = predict(linnet.address(), query, &texts(&asked));
        assert_eq!(answer.status, 200, "{}", answer.body);
        let answer = answer.json();
        let predictions = answer["data"]["predictions"].as_array().unwrap();
        assert_eq!(predictions.len(), expected.len());
        for (found, expected) in predictions.iter().zip(&expected) {
            assert_eq!(
                (&found["input_text"], &found["predicted_tags"]),
                (&json!(expected.text), &expected.tags)
            );
            assert_eq!(found.get("predicted_tag"), None);
            let best = found["probabilities"].as_array().map_or(&[][..], Vec::as_slice);
            assert_eq!(best.len(), if query.is_empty() { 0 } else { 3 }, "{found}");
            for one in best {
                let share = expected.probabilities[one["tag"].as_str().unwrap()];
                assert!((one["probability"].as_f64().unwrap() - share).abs() <= 1e-9, "{found}: {share}");
            }
        }
    }
}

#[test]
fn top_k_gives_the_best_classes_best_first() {
    let linnet = Start::with_workers(1).ready();
    let text = texts(&["Transfer learning with transformers for text classification."]);
    let best = |query: &str| {
        let answer = predict(linnet.address(), query, &text).json();
        let best = answer["data"]["predictions"][0]["probabilities"].as_array().unwrap().clone();
        best.iter().map(|one| one["probability"].as_f64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(best("?top_k=1").len(), 1);
    let all = best("?top_k=99");
    assert!(all.len() == 4 && all.is_sorted_by(|a, b| a >= b), "{all:?}");
    assert!((all.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{all:?}");
    for query in ["?top_k=0", "?top_k=x", "?top_k=", "?top_k=1.5"] {
        let answer = predict(linnet.address(), query, &text);
        assert_eq!((answer.status, &answer.json()["detail"][0]["loc"]), (422, &json!(["query", "top_k"])));
    }
    assert_eq!(
        predict(linnet.address(), "", &text).json()["data"]["predictions"][0].get("probabilities"),
        None
    );
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let linnet = Start::with_workers(1).ready();
    let mut stream = connect(linnet.address());
    let requests: Vec<_> = (0..50).map(|at| format!("GET /args/x{at} HTTP/1.1\r\nhost: h\r\n\r\n")).collect();
    stream.write_all(requests.concat().as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    for at in 0..50 {
        let answer = receive(&mut reader, false).json();
        assert_eq!(answer["data"], json!({ format!("x{at}"): "" }));
    }
}

#[test]
fn a_client_that_stops_sending_still_gets_its_answer() {
    let linnet = Start::with_workers(1).ready();
    let mut stream = connect(linnet.address());
    stream.write_all(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(receive(&mut BufReader::new(stream), false).status, 200);
}

#[test]
fn malformed_requests_and_lost_clients_cost_nobody_else() {
    let linnet = Start::with_workers(1).ready();
    let worker = linnet.workers();
    let predict_head = "POST /predict HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\n";
    let garbage: &[&[u8]] = &[
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nhost: h\r\ncontent-length: minus\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nhost: h\r\n\r\n",
        b"GET /args/%ff%00%2f HTTP/1.1\r\nhost: \xff\xfe\r\n\r\n",
    ];
    for bytes in garbage {
        let mut stream = connect(linnet.address());
        stream.write_all(bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // A reset is a quiet close, too.
        let _ = stream.read_to_end(&mut answer);
        let class = answer.get(b"HTTP/1.1 ".len());
        let is_refused = matches!(class, None | Some(b'2'..=b'4')) || answer.starts_with(b"HTTP/1.1 505 ");
        assert!(is_refused, "{}", String::from_utf8_lossy(&answer));
    }
    for _ in 0..20 {
        // Goes away in the middle of a body, and right after a request whose answer it does not wait for.
        connect(linnet.address()).write_all(format!("{predict_head}half").as_bytes()).unwrap();
        connect(linnet.address()).write_all(b"GET /performance HTTP/1.1\r\nhost: h\r\n\r\n").unwrap();
    }
    assert_serves(&linnet);
    assert_eq!(linnet.workers(), worker, "no worker died of it");
}

#[test]
fn a_long_batch_and_short_requests_are_answered_beside_each_other() {
    let linnet = Start::with_workers(1).ready();
    let text = "A library of graph neural networks for molecules and proteins, with benchmarks. ".repeat(8);
    let many = texts(&vec![text.as_str(); 5_000]).to_string();
    let mut long = connect(linnet.address());
    let head = format!("POST /predict HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n\r\n", many.len());
    long.write_all(head.as_bytes()).unwrap();
    long.write_all(many.as_bytes()).unwrap();
    let mut short = 0;
    // The short ones get through while the long one is still at work; it takes some thousand slices.
    long.set_nonblocking(true).unwrap();
    while long.peek(&mut [0]).is_err() {
        assert_serves(&linnet);
        short += 1;
    }
    long.set_nonblocking(false).unwrap();
    let answer = receive(&mut BufReader::new(long), false).json();
    assert_eq!(answer["data"]["predictions"].as_array().unwrap().len(), 5_000);
    assert!(short >= 3, "only {short} short requests were answered meanwhile");
}
