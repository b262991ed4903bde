//! The wire: HTTP over hyper. Routes a request, runs the pipeline, writes the answer.

pub mod app;
pub mod connection;
pub mod io;
