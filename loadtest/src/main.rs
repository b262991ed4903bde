//! The outside view: everything that pushes on Linnet and compares it with others.
fn main() {}
