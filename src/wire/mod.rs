//! The wire: HTTP over hyper. Accepts a connection, routes its requests, runs the pipeline, writes the answers.

pub mod api;
pub mod app;
pub mod body;
pub mod connection;
mod in_flight;
pub mod io;
mod moments;
pub mod route;
pub mod target;
