//! `GET /openapi.json`: the API's description for programs, in OpenAPI 3.1.
//!
//! It is made of what serves: its paths are the rows of the route table, its limits the settings', its types the
//! model's, and its examples are answers that the routes themselves have written.

mod operations;
mod schemas;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;

use bytes::Bytes;
use hyper::header::HeaderValue;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::docs::Kept;
use crate::limits::Limits;
use crate::pipeline::Pipeline;
use crate::wire::route::{Offer, ROUTES};

/// The description of the API that one worker serves, made when it is first asked for.
#[derive(Debug)]
pub struct Description {
    title: String,
    purpose: String,
    kept: OnceCell<Kept>,
}

impl Description {
    /// A description under this title; `purpose` says in Markdown what the API is for.
    pub fn new(title: &str, purpose: &str) -> Self {
        Self { title: title.to_owned(), purpose: purpose.to_owned(), kept: OnceCell::new() }
    }

    /// The description as it is sent: the same bytes from every worker of a fleet. `offer` is what is offered where it is
    /// asked for: the same wherever this worker offers the description at all.
    pub fn kept(&self, offer: Offer, limits: &Limits, pipeline: &mut Pipeline<'static>) -> &Kept {
        self.kept.get_or_init(|| {
            let (title, purpose) = (&*self.title, &*self.purpose);
            let about = document(&mut About { title, purpose, offer, limits, pipeline }).to_string();
            let etag = entity_tag(about.as_bytes());
            Kept {
                content_type: HeaderValue::from_static("application/json"),
                body: Bytes::from(about),
                etag,
            }
        })
    }
}

/// A strong entity tag: the first half of the SHA-256 of `bytes`.
fn entity_tag(bytes: &[u8]) -> HeaderValue {
    let tag = Sha256::digest(bytes).iter().take(16).fold(0, |tag, byte| tag << 8 | u128::from(*byte));
    HeaderValue::try_from(format!("\"{tag:032x}\"")).expect("hexadecimal digits can stand in a header")
}

/// What a description is made of.
struct About<'a> {
    title: &'a str,
    purpose: &'a str,
    offer: Offer,
    limits: &'a Limits,
    pipeline: &'a mut Pipeline<'static>,
}

fn document(about: &mut About<'_>) -> Value {
    let (mut paths, mut used) = (Map::new(), Vec::new());
    let offer = about.offer;
    for route in ROUTES.iter().filter(|route| offer.has(route)) {
        let Some(operation) = operations::of(route.endpoint, about) else { continue };
        used.push(operation["tags"][0].clone());
        let path = paths.entry(route.template()).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation;
    }
    let tags = operations::TAGS.iter().filter(|(name, _)| used.iter().any(|tag| tag == name));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": about.title,
            "description": about.purpose,
            "version": about.pipeline.model().version(),
        },
        "servers": [{"url": "/"}],
        "tags": tags.map(|(name, about)| json!({"name": name, "description": about})).collect::<Value>(),
        "paths": paths,
        "components": {"schemas": schemas::all(about)},
    })
}
