//! The gate in front of hyper's parser: however its bytes are cut, the same bytes pass, and what is refused is refused. The
//! reason may differ where there are several: the one that has come first is named.

use linnet::limits::Limits;
use linnet::wire::gate::Gate;

/// Low enough that short inputs reach them.
fn limits() -> Limits {
    let (request_line, fields, field_bytes, head_bytes) = (64, 6, 48, 200);
    Limits { request_line, fields, field_bytes, head_bytes, body_bytes: 300, ..Limits::default() }
}

/// How many of `bytes` pass, and whether the next is refused, if they come in pieces of `piece` bytes.
fn judge(bytes: &[u8], piece: usize) -> (usize, bool) {
    let mut gate = Gate::new(limits());
    let (mut passed, mut come) = (0, 0);
    while come < bytes.len() {
        come = (come + piece).min(bytes.len());
        let verdict = gate.judge(&bytes[passed..come]);
        assert!(verdict.pass <= come - passed, "more passes than there is");
        passed += verdict.pass;
        if verdict.refusal.is_some() {
            return (passed, true);
        }
    }
    (passed, false)
}

/// That hyper reads in the same way what has passed is for the gate's own tests (`wire/gate/agreement.rs`).
pub(super) fn target(data: &[u8]) {
    let whole = judge(data, data.len().max(1));
    for piece in [1, 3, 17] {
        assert_eq!(judge(data, piece), whole, "in pieces of {piece}");
    }
}
