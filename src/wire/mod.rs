//! The wire: HTTP over hyper. Routes a request, runs the pipeline, writes the answer.

pub mod api;
pub mod app;
pub mod body;
pub mod route;
pub mod target;
