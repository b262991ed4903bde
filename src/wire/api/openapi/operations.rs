//! What each route takes and answers.
//!
//! The examples are the lesson's requests, and what the routes themselves answer to them.

use std::collections::BTreeMap;

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::About;
use super::schemas::reference;
use crate::response::envelope::Envelope;
use crate::response::metrics;
use crate::wire::api::health::{self, Readiness};
use crate::wire::api::lesson;
use crate::wire::route::Endpoint;

/// The headings under which operations stand, in this order: the lesson's, and one for who runs the service.
pub(super) const TAGS: [(&str, &str); 5] = [
    ("General", "Is it there?"),
    ("Performance", "How good the model is."),
    ("Arguments", "What the model was trained with."),
    ("Prediction", "What the model is for."),
    ("Operations", "For load balancers and monitoring."),
];

/// The texts of the lesson's request.
const LESSON_TEXTS: [&str; 2] = [
    "Transfer learning with transformers for text classification.",
    "Generative adversarial networks in both PyTorch and TensorFlow.",
];

/// When the lesson's answer was given, in microseconds since 1970-01-01 UTC: 2021-02-08T13:19:11.343801.
const LESSON_TIME: u64 = 1_612_790_351_343_801;

/// Any `GET` route's title and what it says of itself.
struct Title {
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    description: &'static str,
}

/// The description of what `endpoint` answers; `None` for the documentation itself, which FastAPI leaves out, too.
pub(super) fn of(endpoint: Endpoint, about: &mut About<'_>) -> Option<Value> {
    Some(match endpoint {
        Endpoint::Index => index(),
        Endpoint::Performance => performance(about),
        Endpoint::Args => args(about),
        Endpoint::Arg => arg(about),
        Endpoint::Predict => predict(about),
        Endpoint::Live => live(),
        Endpoint::Ready => ready(),
        Endpoint::Metrics => metrics(),
        Endpoint::OpenApi | Endpoint::Page(_) => return None,
    })
}

fn index() -> Value {
    let example = lesson::index(&envelope("GET", "http://localhost:8000/"));
    operation(
        &Title { id: "index", tag: "General", summary: "Health check.", description: "" },
        &json!([]),
        &json!({"200": answer("The service answers.", "IndexResponse", &[("index", &example)])}),
    )
}

fn performance(about: &About<'_>) -> Value {
    let model = about.pipeline.model();
    let parts = names(model.performance().whole());
    let part = if parts.iter().any(|name| name == "overall") { "overall" } else { "" };
    let query = format!("filter={part}");
    let url = format!("http://localhost:8000/performance?{query}");
    let example = lesson::performance(&envelope("GET", &url), model, Some(&query));
    let filter = json!({
        "name": "filter",
        "in": "query",
        "description": format!("The part that is wanted. An unknown one is all of them. Known: {}.", listed(&parts)),
        "schema": {"type": "string"},
        "example": part,
    });
    operation(
        &Title {
            id: "get_performance",
            tag: "Performance",
            summary: "Get the performance metrics.",
            description: "",
        },
        &json!([filter]),
        &json!({"200": answer("The figures.", "PerformanceResponse", &[("overall", &example)])}),
    )
}

fn args(about: &About<'_>) -> Value {
    let example = lesson::args(&envelope("GET", "http://localhost:8000/args"), about.pipeline.model());
    operation(
        &Title {
            id: "get_args",
            tag: "Arguments",
            summary: "Get all arguments used for the run.",
            description: "",
        },
        &json!([]),
        &json!({"200": answer("The arguments.", "ArgsResponse", &[("args", &example)])}),
    )
}

fn arg(about: &About<'_>) -> Value {
    let model = about.pipeline.model();
    let known = names(model.args().whole());
    let name = known.iter().find(|name| *name == "learning_rate").or(known.first());
    let name = name.map_or("learning_rate", String::as_str);
    let example = lesson::arg(&envelope("GET", &format!("http://localhost:8000/args/{name}")), model, name);
    let parameter = json!({
        "name": "arg",
        "in": "path",
        "required": true,
        "description": format!("The argument's name. Known: {}.", listed(&known)),
        "schema": {"type": "string", "minLength": 1},
        "example": name,
    });
    let redirect = json!({
        "description": "The name ends in slashes: the same without them.",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "Where that is."}},
    });
    let not_found = br#"{"detail":"Not Found"}"#.as_slice();
    operation(
        &Title {
            id: "get_arg",
            tag: "Arguments",
            summary: "Get a specific parameter's value used for the run.",
            description: "",
        },
        &json!([parameter]),
        &json!({
            "200": answer("The argument.", "ArgResponse", &[("arg", &example)]),
            "307": redirect,
            "404": answer("The name holds a slash.", "Error", &[("not_found", not_found)]),
        }),
    )
}

fn predict(about: &mut About<'_>) -> Value {
    let has_probabilities = about.pipeline.model().outcome().has_probabilities();
    let most = about.limits.body_bytes;
    let payload = json!({"texts": LESSON_TEXTS.map(|text| json!({"text": text}))});
    let parameters = if has_probabilities { json!([top_k(about)]) } else { json!([]) };
    let mut operation = operation(
        &Title {
            id: "predict",
            tag: "Prediction",
            summary: "Predict tags for a list of texts.",
            description: "",
        },
        &parameters,
        &predict_answers(about, payload.to_string().as_bytes(), has_probabilities),
    );
    operation["requestBody"] = json!({
        "required": true,
        "description": format!("At most {most} bytes."),
        "content": {
            "application/json": {
                "schema": reference("PredictPayload"),
                "examples": {"lesson": {"summary": "The lesson's texts", "value": payload}},
            },
        },
    });
    operation
}

fn top_k(about: &About<'_>) -> Value {
    let classes = about.pipeline.model().classes().len();
    json!({
        "name": "top_k",
        "in": "query",
        "description": format!("Adds this many of the {classes} classes with their probabilities, best first."),
        "schema": {"type": "integer", "minimum": 1},
    })
}

/// Every answer of `POST /predict`, with what it says to `payload` and to some bodies that are wrong.
fn predict_answers(about: &mut About<'_>, payload: &[u8], has_probabilities: bool) -> Value {
    let mut show = |query: Option<&str>, body: &[u8]| {
        let query_part = query.map(|query| format!("?{query}")).unwrap_or_default();
        let url = format!("http://localhost:8000/predict{query_part}");
        let shown = about.pipeline.show(body, query, about.limits, &envelope("POST", &url));
        shown.unwrap_or_else(|refusal| refusal.body)
    };
    let predicted = show(None, payload);
    let ranked = show(Some("top_k=2"), payload);
    let mut answers = vec![("predictions", predicted.as_slice())];
    if has_probabilities {
        answers.push(("top_k", &ranked));
    }
    let no_texts = show(None, br#"{"texts":[]}"#);
    let empty_text = show(None, br#"{"texts":[{"text":""}]}"#);
    let no_text = show(None, br#"{"texts":[{}]}"#);
    let no_json = show(None, br#"{"texts":["#);
    let no_unicode = show(None, b"\xff");
    let invalid =
        [("no_texts", &*no_texts), ("empty_text", &empty_text), ("no_text", &no_text), ("no_json", &no_json)];
    let too_large =
        format!(r#"{{"detail":"The request body is larger than {} bytes"}}"#, about.limits.body_bytes);
    let mut overloaded = answer("Too much to do at the moment.", "Error", &[]);
    overloaded["headers"] = json!({
        "Retry-After": {"schema": {"type": "integer", "minimum": 0}, "description": "Seconds until it may be better."},
    });
    json!({
        "200": answer("One prediction for each text.", "PredictResponse", &answers),
        "400": answer("The body cannot be read.", "Error", &[("no_unicode", &no_unicode)]),
        "413": answer("The body is too large.", "Error", &[("too_large", too_large.as_bytes())]),
        "422": answer("The body or the query is not as it must be.", "HTTPValidationError", &invalid),
        "503": overloaded,
    })
}

fn live() -> Value {
    let (status, body) = health::live();
    operation(
        &Title {
            id: "live",
            tag: "Operations",
            summary: "Is this process alive?",
            description: "If this is not answered, start it again.",
        },
        &json!([]),
        &json!({status.as_str(): answer("It is.", "Health", &[("live", body)])}),
    )
}

fn ready() -> Value {
    let mut by_status: BTreeMap<StatusCode, Vec<(String, &[u8])>> = BTreeMap::new();
    for readiness in Readiness::ALL {
        let (status, body) = readiness.answer();
        by_status.entry(status).or_default().push((format!("{readiness:?}").to_ascii_lowercase(), body));
    }
    let answers: Map<_, _> = by_status
        .into_iter()
        .map(|(status, examples)| {
            let examples: Vec<_> = examples.iter().map(|(name, body)| (name.as_str(), *body)).collect();
            let description = if status == StatusCode::OK { "It should." } else { "It should not." };
            (status.as_str().to_owned(), answer(description, "Health", &examples))
        })
        .collect();
    operation(
        &Title {
            id: "ready",
            tag: "Operations",
            summary: "Should the service get traffic?",
            description: "The state of the whole fleet, whichever worker answers.",
        },
        &json!([]),
        &Value::Object(answers),
    )
}

fn metrics() -> Value {
    let media_type = metrics::CONTENT_TYPE.split(';').next().unwrap_or_default();
    operation(
        &Title {
            id: "metrics",
            tag: "Operations",
            summary: "Get what is counted, for Prometheus.",
            description: "Of the whole fleet, whichever worker answers.",
        },
        &json!([]),
        &json!({"200": {
            "description": "Prometheus' text format.",
            "content": {media_type: {"schema": {"type": "string"}}},
        }}),
    )
}

fn operation(title: &Title, parameters: &Value, responses: &Value) -> Value {
    let mut operation = json!({"tags": [title.tag], "summary": title.summary});
    if !title.description.is_empty() {
        operation["description"] = json!(title.description);
    }
    operation["operationId"] = json!(title.id);
    if parameters.as_array().is_some_and(|parameters| !parameters.is_empty()) {
        operation["parameters"] = parameters.clone();
    }
    operation["responses"] = responses.clone();
    operation
}

/// A response of JSON that fits `schema`, with named examples. One that is not JSON (`NaN` in a figure) is left out.
fn answer(description: &str, schema: &str, examples: &[(&str, &[u8])]) -> Value {
    let mut content = json!({"schema": reference(schema)});
    for (name, body) in examples {
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            content["examples"][name] = json!({"value": value});
        }
    }
    json!({"description": description, "content": {"application/json": content}})
}

/// What the answers in the examples say of their request.
fn envelope<'r>(method: &'r str, url: &'r str) -> Envelope<'r> {
    Envelope { method, time: LESSON_TIME, url }
}

/// The names of an object's members, in their order.
fn names(object: &[u8]) -> Vec<String> {
    let members = serde_json::from_slice::<Map<String, Value>>(object).unwrap_or_default();
    members.into_iter().map(|(name, _)| name).collect()
}

/// Names for people; many are cut short.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 50;
    let shown: Vec<_> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => format!("{}, …", shown.join(", ")),
        _ => shown.join(", "),
    }
}
