//! What whole-product tests share: a running Linnet, and clients that count every outcome.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod linnet;
pub(crate) mod load;
