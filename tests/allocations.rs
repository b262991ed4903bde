//! After warm-up a prediction allocates its answer and nothing else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;

use linnet::limits::Limits;
use linnet::model::{Model, build_image};
use linnet::pipeline::{Pipeline, Progress};
use linnet::request::PredictRequest;
use linnet::response::envelope::Envelope;

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
    for model in
        ["artifacts/tagifai/1", "tests/golden/char/1", "tests/golden/char_wb/1", "tests/golden/word/1"]
    {
        let image = build_image(&root.join(model)).unwrap();
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
