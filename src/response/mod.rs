//! Response: scores → bytes. Pure writers of JSON, in the key order that the lesson's clients know.

pub mod envelope;
pub mod metrics;
pub mod prediction;
pub mod timestamp;
