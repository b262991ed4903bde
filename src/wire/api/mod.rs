//! API dialects, one file each, over the same pipeline; and what describes them to programs and people.

pub mod docs;
pub mod health;
pub mod lesson;
pub mod openapi;
