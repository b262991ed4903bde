//! What whole-product tests share: a running Linnet, and clients that count every outcome.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

pub(crate) mod linnet;
pub(crate) mod load;
