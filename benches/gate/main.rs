//! What the gate costs for a usual request: `cargo bench --bench gate`. For instructions instead of time:
//! `valgrind --tool=callgrind --toggle-collect='*timed_pass*' target/release/deps/gate-… --bench`, then divide by the
//! passes that it names.

#![allow(clippy::print_stdout, reason = "a benchmark talks on standard output")]

use std::hint::black_box;
use std::time::Instant;

use linnet::limits::Limits;
use linnet::wire::gate::Gate;

/// Requests judged in one pass.
const PASSES: u32 = 100_000;

/// What a load balancer or a Python client sends: a head of some 200 bytes, and its body.
const USUAL: &str = "POST /predict HTTP/1.1\r\nHost: linnet.example.com:8000\r\nUser-Agent: python-requests/2.32.5\r\n\
     Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n\
     Content-Length: 68\r\n\r\n{\"texts\":[{\"text\":\"Transfer learning with transformers for text.\"}]}";

/// As little as HTTP/1.1 allows.
const SHORT: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// Judges `request` over and over, as one connection brings it.
#[inline(never)]
fn timed_pass(gate: &mut Gate, request: &[u8]) {
    for _ in 0..PASSES {
        let verdict = gate.judge(black_box(request));
        assert!(verdict.pass == request.len() && verdict.refusal.is_none());
    }
}

fn main() {
    for (name, request) in [("usual", USUAL), ("short", SHORT)] {
        let mut gate = Gate::new(Limits::default());
        timed_pass(&mut gate, request.as_bytes());
        let best = (0..7).map(|_| {
            let began = Instant::now();
            timed_pass(&mut gate, request.as_bytes());
            began.elapsed()
        });
        let best = best.min().unwrap_or_default() / PASSES;
        println!("{name}: {} bytes, {best:?} a request (the best of 7 passes over {PASSES})", request.len());
    }
}
