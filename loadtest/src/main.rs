//! Placeholder of the load-test harness.
fn main() {}
