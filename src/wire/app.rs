//! What answers a request: the routes over the pipeline.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use crate::config::Settings;
use crate::model::Model;
use crate::scoreboard::SlotHandle;

/// The routes of one worker and all that they need; one per process, on one thread.
pub struct App {
    #[expect(dead_code, reason = "filled in by the routes")]
    model: Model,
}

impl App {
    /// An app that serves `model` under `settings`; `slot` is this worker's place on the scoreboard.
    pub fn new(model: Model, _settings: &Settings, _slot: SlotHandle) -> Self {
        Self { model }
    }

    /// Answers one request. Never fails: what goes wrong has a status.
    #[expect(clippy::unused_async, reason = "bodies are read here")]
    pub async fn respond(&self, _request: Request<Incoming>) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from_static(b"{\"detail\":\"Not Found\"}")));
        *response.status_mut() = StatusCode::NOT_FOUND;
        response
    }
}
