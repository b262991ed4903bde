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
    description: String,
    kept: OnceCell<Kept>,
}

impl Description {
    /// A description under this title; `description` says in Markdown what the API is for.
    pub fn new(title: &str, description: &str) -> Self {
        Self { title: title.to_owned(), description: description.to_owned(), kept: OnceCell::new() }
    }

    /// The description as it is sent: the same bytes from every worker of a fleet. `offer` is what is offered where it is
    /// asked for: the same wherever this worker offers the description at all.
    pub fn kept(&self, offer: Offer, limits: &Limits, pipeline: &mut Pipeline<'static>) -> &Kept {
        self.kept.get_or_init(|| {
            let (title, description) = (&*self.title, &*self.description);
            let about = document(&mut About { title, description, offer, limits, pipeline }).to_string();
            let digest = Sha256::digest(&about);
            let tag: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            let etag = HeaderValue::try_from(format!("\"{tag}\"")).expect("hexadecimal is a header value");
            Kept {
                content_type: HeaderValue::from_static("application/json"),
                body: Bytes::from(about),
                etag,
            }
        })
    }
}

/// What a description is made of.
struct About<'a> {
    title: &'a str,
    description: &'a str,
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
            "description": about.description,
            "version": about.pipeline.model().version(),
        },
        "servers": [{"url": "/"}],
        "tags": tags.map(|(name, about)| json!({"name": name, "description": about})).collect::<Value>(),
        "paths": paths,
        "components": {"schemas": schemas::all(about)},
    })
}
