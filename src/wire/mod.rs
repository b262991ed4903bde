//! The wire: HTTP over hyper. Accepts a connection, routes its requests, runs the pipeline, writes the answers.

pub mod access_log;
mod activity;
pub mod api;
pub mod app;
pub mod body;
pub mod connection;
pub mod forwarded;
pub mod gate;
mod in_flight;
pub mod io;
mod moments;
pub mod negotiation;
pub mod proxy_protocol;
mod read_into;
pub mod route;
pub mod target;
mod watch;
