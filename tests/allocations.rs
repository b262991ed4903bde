//! After warm-up a prediction allocates its answer and nothing else; a line of `linnet predict` and a line of the access
//! log nothing at all.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

// Two files of the binary, which has its own allocator and so cannot count.
#[path = "../supervisor/src/predict/block.rs"]
#[allow(dead_code, reason = "what the threads need is not needed here")]
mod block;
#[path = "../supervisor/src/predict/line.rs"]
mod line;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use hyper::{HeaderMap, Request};
use linnet::config::{AccessLogFormat, AccessLogTarget, Settings};
use linnet::limits::Limits;
use linnet::model::{Model, build_image};
use linnet::pipeline::{Pipeline, Progress};
use linnet::request::PredictRequest;
use linnet::response::envelope::Envelope;
use linnet::scoreboard::SlotHandle;
use linnet::wire::access_log::{AccessLog, Exchange};

thread_local! {
    /// Allocations of this thread, so that the test harness's own do not count.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to the system's allocator unchanged; the count beside it touches no memory of the caller.
#[allow(unsafe_code, reason = "an allocator that counts cannot be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Predicts one body and returns how many allocations that took.
fn allocations_of(
    pipeline: &mut Pipeline<'_>,
    kept: &mut Option<Box<PredictRequest>>,
    body: &[u8],
    query: Option<&str>,
) -> u64 {
    let before = ALLOCATIONS.get();
    let mut request = kept.take().unwrap_or_default();
    let json = Some(&b"application/json"[..]);
    pipeline.parse(&mut request, body, json, query, &Limits::default()).unwrap();
    let envelope = Envelope { method: "POST", time: 0, url: "http://localhost:8000/predict" };
    let mut job = pipeline.begin(request, &envelope);
    while pipeline.advance(&mut job, 1_024) == Progress::More {}
    let (answer, request) = job.finish();
    *kept = Some(request);
    let spent = ALLOCATIONS.get() - before;
    assert!(answer.starts_with(b"{\"message\":\"OK\"") && answer.ends_with(b"]}}"));
    spent
}

#[test]
fn a_line_of_the_access_log_allocates_nothing() {
    let request = Request::builder()
        .uri("/args/a?c=d")
        .header("user-agent", "curl \"x\"")
        .header("authorization", "Basic QWxhZGRpbjpvcGVu")
        .header("x-forwarded-for", "203.0.113.9, 127.0.0.1");
    let (request, ()) = request.body(()).unwrap().into_parts();
    let all = "%(h)s %(l)s %(u)s %(t)s \"%(r)s\" %(m)s %(U)s %(q)s %(H)s %(s)s %(B)s %(f)s %(a)s %(T)s %(M)s %(D)s %(L)s \
               %(p)s %({host}i)s %({etag}o)s %({remote_addr}e)s";
    for format in [all, "json"] {
        let settings = Settings {
            accesslog: AccessLogTarget::File("/dev/null".into()),
            access_log_format: AccessLogFormat::parse(format).unwrap(),
            ..Settings::defaults(1)
        };
        let log = AccessLog::open(&settings, SlotHandle::detached()).unwrap();
        let note = || {
            log.note(&Exchange {
                method: &request.method,
                uri: &request.uri,
                version: request.version,
                headers: &request.headers,
                peer: Some(([127, 0, 0, 1], 4711).into()),
                status: 200,
                answer_headers: &HeaderMap::new(),
                body_bytes: 17,
                took: Duration::from_micros(1_234),
            });
        };
        note();
        let before = ALLOCATIONS.get();
        (0..1_000).for_each(|_| note()); // more than one batch
        assert_eq!(ALLOCATIONS.get() - before, 0, "{format}");
    }
}

#[test]
fn a_prediction_allocates_only_its_answer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let single =
        br#"{"texts":[{"text":"Transfer learning with transformers for text classification."}]}"#.to_vec();
    let many = {
        let texts: Vec<String> = (0..300)
            .map(|at| {
                format!(
                    r#"{{"text":"Text number {at} about \"graphs\" and caf\u00e9s, https://x.org/{at}"}}"#
                )
            })
            .collect();
        format!(r#"{{"texts":[{}]}}"#, texts.join(",")).into_bytes()
    };
    let goldens = ["char", "char_wb", "word", "word_binary", "multilabel"];
    let goldens = goldens.map(|golden| format!("tests/golden/{golden}/1"));
    for model in [&["artifacts/tagifai/1".to_owned()][..], &goldens].concat() {
        let image = build_image(&root.join(&model)).unwrap();
        let mut pipeline = Pipeline::new(Model::from_image(image.as_bytes()).unwrap());
        let mut kept = None;
        let top_k = pipeline.model().outcome().has_probabilities().then_some("top_k=2");
        for query in [None, top_k] {
            for body in [&many, &single] {
                allocations_of(&mut pipeline, &mut kept, body, query);
            }
        }
        for query in [None, top_k] {
            for (body, name) in [(&single, "one text"), (&many, "300 texts")] {
                let spent = allocations_of(&mut pipeline, &mut kept, body, query);
                assert_eq!(spent, 1, "{model}, {name}, {query:?}: allocations beside the answer");
            }
        }
    }
}

#[test]
fn a_line_of_linnet_predict_allocates_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut lines = Vec::new();
    for at in 0..300 {
        let id = format!("{{\"id\": {at}, \"tags\": [\"a\", 1.5, null], ");
        let text = format!(
            "\"text\": \"Text number {at} about \\\"graphs\\\" and caf\\u00e9s, https://x.org/{at}\"}}\n"
        );
        lines.extend_from_slice((id + &text).as_bytes());
    }
    let bounds = block::Bounds { line_bytes: 1 << 20, block_bytes: lines.len(), block_lines: 300 };
    for model in ["artifacts/tagifai/1", "tests/golden/char/1", "tests/golden/word/1"] {
        let image = build_image(&root.join(model)).unwrap();
        let mut pipeline = Pipeline::new(Model::from_image(image.as_bytes()).unwrap());
        let (mut reader, mut block) = (line::LineReader::new(), block::Block::default());
        let mut spent = 0;
        for _ in 0..3 {
            block.clear(&bounds);
            block.bytes.resize(lines.len(), 0);
            block.bytes.copy_from_slice(&lines);
            block.length = lines.len();
            let before = ALLOCATIONS.get();
            block.answer(&mut reader, &bounds, |text, answer| pipeline.predict_line(text, answer));
            spent = ALLOCATIONS.get() - before;
            assert_eq!(block.summary, block::Summary { lines: 300, bad: 0 });
            assert!(
                block.answers.len() <= 300 * pipeline.line_bytes_max(),
                "answers have the length foretold"
            );
        }
        assert_eq!(spent, 0, "{model}: allocations in 300 lines");
    }
}
