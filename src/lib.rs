//! The Linnet worker.
