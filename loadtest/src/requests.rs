//! The requests of a load as bytes, in the words of each server's API, and what a right answer to them is.

use serde_json::{Value, json};

use crate::scenario::{Load, Work};
use crate::texts::{self, LESSON_TEXT, Random};

/// Different requests that a load of small requests cycles through.
const SMALL_REQUESTS: usize = 1_000;
/// Different requests that a load of large requests cycles through.
const LARGE_REQUESTS: usize = 20;
/// From how many texts a request is large.
const LARGE_TEXTS: usize = 100;

/// How a server wants to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The lesson's API.
    Lesson,
    /// The lesson's API, answered with a fixed body of the right size.
    Fixed,
    /// The Open Inference Protocol V2, as `MLServer` takes texts.
    OpenInference,
    /// The service in `loadtest/bentoml`.
    Bento,
}

/// The size class of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// One text, a few, or none.
    Small,
    /// One of the batches of a mix.
    Large,
}

/// One request, ready to be written.
#[derive(Clone, Debug)]
pub(crate) struct RawRequest {
    /// Head and body.
    pub(crate) bytes: Vec<u8>,
    /// Small, but for the batches of a mix.
    pub(crate) size: Size,
}

impl Dialect {
    /// Where predictions are asked for.
    pub(crate) fn predict_path(self) -> &'static str {
        match self {
            Self::Lesson | Self::Fixed | Self::Bento => "/predict",
            Self::OpenInference => "/v2/models/tagifai/infer",
        }
    }

    /// The body that asks for predictions of `texts`.
    pub(crate) fn body(self, texts: &[&str]) -> String {
        let body = match self {
            Self::Lesson | Self::Fixed => {
                json!({"texts": texts.iter().map(|text| json!({"text": text})).collect::<Vec<_>>()})
            }
            Self::Bento => json!({"texts": texts}),
            Self::OpenInference => json!({"inputs": [{
                "name": "text", "shape": [texts.len()], "datatype": "BYTES",
                "parameters": {"content_type": "str"}, "data": texts,
            }]}),
        };
        body.to_string()
    }

    /// The labels of an answer to [`Self::body`]; `None` if it has not the form of one. `Fixed` has no labels.
    pub(crate) fn labels(self, answer: &[u8]) -> Option<Vec<Value>> {
        let answer: Value = serde_json::from_slice(answer).ok()?;
        match self {
            Self::Lesson => answer["data"]["predictions"]
                .as_array()?
                .iter()
                .map(|prediction| prediction.get("predicted_tag").cloned())
                .collect(),
            Self::Fixed => Some(Vec::new()),
            Self::Bento => answer.as_array().cloned(),
            Self::OpenInference => answer["outputs"][0]["data"].as_array().cloned(),
        }
    }

    /// The requests of a load, to be sent in this order and over again; `None` if this API has no such route.
    pub(crate) fn requests(self, load: &Load, host: &str) -> Option<Vec<RawRequest>> {
        let post = |texts: &[&str], size| RawRequest {
            bytes: post(host, self.predict_path(), &self.body(texts), load.reconnect),
            size,
        };
        Some(match load.work {
            Work::LessonText => vec![post(&[LESSON_TEXT], Size::Small)],
            Work::Texts(each) => {
                batches(each).iter().map(|batch| post(&borrow(batch), Size::Small)).collect()
            }
            Work::Words(words) => {
                let mut random = Random::new(words as u64);
                let count = (200_000 / words).clamp(LARGE_REQUESTS, SMALL_REQUESTS);
                (0..count).map(|_| post(&[&texts::sentence(&mut random, words)], Size::Small)).collect()
            }
            Work::Mix { texts, one_in } => {
                let single = post(&[LESSON_TEXT], Size::Small);
                let batches = batches(texts);
                let mut random = Random::new(one_in as u64);
                // One batch in each stretch of `one_in` requests, anywhere in it.
                batches
                    .iter()
                    .flat_map(|batch| {
                        let mut stretch = vec![single.clone(); one_in];
                        stretch[random.below(one_in)] = post(&borrow(batch), Size::Large);
                        stretch
                    })
                    .collect()
            }
            Work::Get(path) if matches!(self, Self::Lesson | Self::Fixed) => {
                vec![RawRequest { bytes: get(host, path, load.reconnect), size: Size::Small }]
            }
            Work::Get(_) => return None,
        })
    }
}

/// The bodies' texts of a load of `each` texts a request.
pub(crate) fn batches(each: usize) -> Vec<Vec<String>> {
    let count = if each >= LARGE_TEXTS { LARGE_REQUESTS } else { SMALL_REQUESTS };
    (0..count).map(|at| texts::descriptions((at * 10_007 + each) as u64, each)).collect()
}

/// Borrowed views of texts.
pub(crate) fn borrow(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// A POST request with a JSON body.
pub(crate) fn post(host: &str, path: &str, body: &str, close: bool) -> Vec<u8> {
    let connection = if close { "Connection: close\r\n" } else { "" };
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{connection}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A GET request.
pub(crate) fn get(host: &str, path: &str, close: bool) -> Vec<u8> {
    let connection = if close { "Connection: close\r\n" } else { "" };
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{connection}\r\n").into_bytes()
}

/// The body of a request that [`post`] or [`get`] made.
pub(crate) fn body_of(request: &[u8]) -> &[u8] {
    let end = request.windows(4).position(|four| four == b"\r\n\r\n");
    end.map_or(&[], |end| &request[end + 4..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::SCENARIOS;

    #[test]
    fn every_dialect_reads_labels_back() {
        for (dialect, answer) in [
            (Dialect::Lesson, r#"{"data":{"predictions":[{"input_text":"t","predicted_tag":"mlops"}]}}"#),
            (Dialect::Bento, r#"["mlops"]"#),
            (Dialect::OpenInference, r#"{"outputs":[{"data":["mlops"]}]}"#),
        ] {
            assert_eq!(dialect.labels(answer.as_bytes()), Some(vec![json!("mlops")]), "{dialect:?}");
            assert_eq!(dialect.labels(b"{}"), None, "{dialect:?}");
        }
    }

    #[test]
    fn a_mix_has_its_share_of_batches() {
        let mix = SCENARIOS.iter().find(|s| s.name == "mix").unwrap();
        let requests = Dialect::Lesson.requests(&mix.load, "h").unwrap();
        let large: Vec<_> = requests.iter().filter(|r| r.size == Size::Large).collect();
        assert_eq!(large.len() * 100, requests.len());
        let body: Value = serde_json::from_slice(body_of(&large[0].bytes)).unwrap();
        assert_eq!(body["texts"].as_array().unwrap().len(), 1_000);
    }

    #[test]
    fn servers_without_get_routes_say_so() {
        let index = SCENARIOS.iter().find(|s| s.name == "get-index").unwrap();
        assert!(Dialect::Bento.requests(&index.load, "h").is_none());
        let requests = Dialect::Lesson.requests(&index.load, "h:1").unwrap();
        assert_eq!(requests[0].bytes, b"GET / HTTP/1.1\r\nHost: h:1\r\n\r\n");
    }
}
