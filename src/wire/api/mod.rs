//! API dialects, one file each, over the same pipeline.

pub mod health;
pub mod lesson;
