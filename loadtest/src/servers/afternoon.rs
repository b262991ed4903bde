//! What a good engineer writes in an afternoon: axum, `serde_json`, and a hash map from n-gram to column with a fast
//! hasher and no allocation for an n-gram. The same answers as the lesson's app, without its special cases.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Path as UrlPath, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Args;
use linnet::model::artifact::Artifact;
use linnet::model::plain::{PlainModel, PlainScratch};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// The command line of this server.
#[derive(Args, Clone, Debug)]
pub(crate) struct AfternoonArgs {
    /// Where to listen
    #[arg(long)]
    bind: SocketAddr,
    /// Threads of the runtime
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// The artifact
    #[arg(long)]
    model: PathBuf,
}

/// A model and the documents beside it.
pub(crate) struct Afternoon {
    model: PlainModel<'static>,
    classes: Vec<Box<RawValue>>,
    args: Map<String, Value>,
    performance: Map<String, Value>,
}

#[derive(Deserialize)]
struct Payload {
    texts: Vec<Text>,
}

#[derive(Deserialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Envelope<'a, D> {
    message: &'static str,
    method: &'a str,
    #[serde(rename = "status-code")]
    status_code: u16,
    timestamp: String,
    url: String,
    data: D,
}

#[derive(Serialize)]
struct Predictions<'a> {
    predictions: Vec<Prediction<'a>>,
}

#[derive(Serialize)]
struct Prediction<'a> {
    input_text: &'a str,
    predicted_tag: &'a RawValue,
}

thread_local! {
    /// Buffers of this thread: made once, used for every text.
    static BUFFERS: RefCell<Option<(PlainScratch, Vec<f64>)>> = const { RefCell::new(None) };
}

impl Afternoon {
    /// Reads the artifact in a directory. It is kept until the process ends.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let artifact: &'static Artifact = Box::leak(Box::new(Artifact::open(directory)?));
        let whole = |defect: linnet::model::Defect| Error::Model(defect.of(directory));
        let object = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or_default();
        let classes = artifact.manifest.pipeline.classes.iter();
        Ok(Self {
            model: PlainModel::new(artifact).map_err(whole)?,
            classes: classes.filter_map(|label| RawValue::from_string(label.json.clone()).ok()).collect(),
            args: object(&artifact.args),
            performance: object(&artifact.performance),
        })
    }

    fn tag(&self, text: &str) -> &RawValue {
        let class = BUFFERS.with_borrow_mut(|buffers| {
            let (scratch, decision) = buffers.get_or_insert_with(|| (self.model.scratch(), Vec::new()));
            self.model.decision(text, scratch, decision);
            largest(decision)
        });
        &self.classes[class]
    }

    /// The answer to a request for predictions of `texts`.
    pub(crate) fn predict(&self, texts: &[&str], url: String) -> Vec<u8> {
        let predictions =
            texts.iter().map(|&text| Prediction { input_text: text, predicted_tag: self.tag(text) });
        write("POST", url, Predictions { predictions: predictions.collect() })
    }

    /// The answer to one of the lesson's GET routes; `None` for any other path.
    pub(crate) fn page(&self, path: &str, filter: Option<&str>, url: String) -> Option<Vec<u8>> {
        Some(match path {
            "/" => write("GET", url, json!({})),
            "/performance" => match filter.and_then(|name| self.performance.get(name)) {
                Some(part) => write("GET", url, json!({"performance": part})),
                None => write("GET", url, json!({"performance": &self.performance})),
            },
            "/args" => write("GET", url, json!({"args": &self.args})),
            path => {
                let name = path.strip_prefix("/args/")?;
                write("GET", url, json!({name: self.args.get(name).unwrap_or(&json!(""))}))
            }
        })
    }
}

fn write<D: Serialize>(method: &str, url: String, data: D) -> Vec<u8> {
    let now = jiff::Timestamp::now();
    let envelope = Envelope {
        message: "OK",
        method,
        status_code: 200,
        timestamp: jiff::tz::TimeZone::UTC.to_datetime(now).strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string(),
        url,
        data,
    };
    // Strings, numbers and raw JSON only: none of them can fail to be written.
    serde_json::to_vec(&envelope).unwrap_or_default()
}

fn url(headers: &HeaderMap, uri: &Uri) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    format!("http://{host}{uri}")
}

fn json_body(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn predict(
    State(app): State<Arc<Afternoon>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Json(payload): Json<Payload>,
) -> Response {
    debug_assert_eq!(method, Method::POST);
    let texts: Vec<&str> = payload.texts.iter().map(|text| text.text.as_str()).collect();
    json_body(app.predict(&texts, url(&headers, &uri)))
}

#[derive(Deserialize)]
struct Filter {
    filter: Option<String>,
}

async fn page(
    State(app): State<Arc<Afternoon>>,
    uri: Uri,
    headers: HeaderMap,
    Query(query): Query<Filter>,
) -> Response {
    match app.page(uri.path(), query.filter.as_deref(), url(&headers, &uri)) {
        Some(body) => json_body(body),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn argument(
    state: State<Arc<Afternoon>>,
    UrlPath(_): UrlPath<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    page(state, uri, headers, Query(Filter { filter: None })).await
}

/// Serves until it is killed.
pub(crate) fn run(args: &AfternoonArgs) -> Result<()> {
    let app = Arc::new(Afternoon::open(&args.model)?);
    let router = Router::new()
        .route("/predict", post(predict))
        .route("/", get(page))
        .route("/performance", get(page))
        .route("/args", get(page))
        .route("/args/{name}", get(argument))
        .layer(axum::extract::DefaultBodyLimit::max(16 << 20))
        .with_state(app);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(args.workers).enable_all().build()?;
    runtime.block_on(async {
        let listener = linnet::process::listener::bind_first(args.bind)?;
        listener.listen(2_048)?;
        let listener = tokio::net::TcpListener::from_std(listener.into())?;
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            // Fails only for a connection that is already gone.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await?;
        Ok(())
    })
}

/// The index of the largest decision value, the first of equal ones; of a single one whether it is positive.
fn largest(decision: &[f64]) -> usize {
    match decision {
        [value] => usize::from(*value > 0.0),
        values => (1..values.len()).fold(0, |best, at| if values[at] > values[best] { at } else { best }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> Afternoon {
        Afternoon::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts/tagifai/1")).unwrap()
    }

    #[test]
    fn predictions_stand_in_the_lessons_envelope() {
        let body = app().predict(&[crate::texts::LESSON_TEXT], "http://h/predict".to_owned());
        let answer: Value = serde_json::from_slice(&body).unwrap();
        let keys: Vec<_> = answer.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["message", "method", "status-code", "timestamp", "url", "data"]);
        assert_eq!(answer["timestamp"].as_str().unwrap().len(), 26);
        let tag = "natural-language-processing";
        let expected = json!([{"input_text": crate::texts::LESSON_TEXT, "predicted_tag": tag}]);
        assert_eq!(answer["data"]["predictions"], expected);
    }

    #[test]
    fn pages_are_the_lessons() {
        let app = app();
        let data = |path: &str, filter| {
            let body = app.page(path, filter, "u".to_owned())?;
            Some(serde_json::from_slice::<Value>(&body).unwrap()["data"].clone())
        };
        assert_eq!(data("/", None), Some(json!({})));
        assert_eq!(
            data("/args/learning_rate", None),
            Some(json!({"learning_rate": 0.146_880_876_801_187_94}))
        );
        assert_eq!(data("/args/none", None), Some(json!({"none": ""})));
        let overall = data("/performance", Some("overall")).unwrap();
        assert!(overall["performance"]["f1"].is_f64(), "{overall}");
        assert!(data("/performance", Some("none")).unwrap()["performance"]["class"].is_object());
        assert_eq!(data("/other", None), None);
    }
}
