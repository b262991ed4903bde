//! Linnet's worker: one process that answers prediction requests with a linear text classifier.
//!
//! The modules stand in the order of the layers; a module imports only from lower layers.
//! `ARCHITECTURE.md` beside this file has the drawing, the code map and the invariants.

// Layer 0, ground: what was typed, what it means, and what is counted.
pub mod config;
pub mod limits;
pub mod scoreboard;

// Layer 1, stages: pure and synchronous; no socket, file, clock or thread.
pub mod json;
pub mod model;
pub mod request;
pub mod response;
pub mod text;

// Layer 2, the product on one screen: body bytes → answer bytes.
pub mod pipeline;

// Layer 3, the first place where hyper, tokio and async appear.
pub mod wire;

// Layer 4, one worker process from start to exit.
pub mod process;
