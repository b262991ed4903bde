//! What answers a request: the routes over the pipeline.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};
use tokio::sync::Semaphore;

use super::access_log::{AccessLog, Exchange};
use super::api::health::{self, Readiness};
use super::api::openapi::Description;
use super::api::{docs, lesson};
use super::body::{self, BodyError};
use super::in_flight::{InFlight, Ticket};
use super::moments::Calendar;
use super::route::{self, Decision, Endpoint, Offer};
use super::target::{self, Said};
use crate::config::{Settings, TrustedPeers};
use crate::limits::Limits;
use crate::model::Model;
use crate::pipeline::{Pipeline, PredictJob, Progress};
use crate::request::{PredictRequest, Refusal};
use crate::response::envelope::Envelope;
use crate::response::metrics;
use crate::scoreboard::{self, CLASS_PLACES, ErrorKind, SlotHandle};

/// Bytes of text that are predicted before others get a turn: some 50 µs of work.
const SLICE_BYTES: usize = 1_024;

/// Requests whose buffers are kept for the next ones.
const KEPT_REQUESTS: usize = 8;

/// How seldom a text is looked at for what the model knows of it: at 4 KiB a text it costs less than 1 % of the time.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The body of an answer: whole, in memory.
pub type Answer = Response<Full<Bytes>>;

/// The routes of one worker and all that they need; one per process, on one thread.
pub struct App {
    pipeline: RefCell<Pipeline<'static>>,
    /// Requests that wait to be used again, and a string for the URL of the one that is being answered.
    #[expect(clippy::vec_box, reason = "they are handed on, and a box is cheaper to move")]
    kept: RefCell<Vec<Box<PredictRequest>>>,
    url: RefCell<String>,
    calendar: Calendar,
    /// When a text was last looked at, for what the model knows of it.
    looked: Cell<Option<Instant>>,
    /// One long batch at a time: the others would only get in each other's way.
    long_batch: Semaphore,
    /// The model's classes, each with its place on the scoreboard.
    classes: Vec<(String, usize)>,
    limits: Limits,
    trusted_proxies: TrustedPeers,
    /// What the documentation says; `None` where it is not offered.
    description: Option<Description>,
    in_flight: InFlight,
    slot: SlotHandle,
    access_log: Option<Rc<AccessLog>>,
}

/// What an address serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// All routes.
    #[default]
    Everything,
    /// All but the metrics, which have an address of their own.
    Public,
    /// The metrics and the state of health.
    Metrics,
}

impl Door {
    fn offer(self) -> Offer {
        match self {
            Self::Everything => Offer::EVERYTHING,
            Self::Public => Offer::PUBLIC,
            Self::Metrics => Offer::METRICS,
        }
    }
}

/// What a connection knows of itself that an answer may need.
#[derive(Clone, Copy, Debug, Default)]
pub struct Connection {
    /// This end's address; `None` for a Unix socket.
    pub local: Option<SocketAddr>,
    /// The client's address; `None` for a Unix socket.
    pub peer: Option<SocketAddr>,
    /// What is served here.
    pub door: Door,
}

impl App {
    /// An app that serves `model` under `settings`; `slot` is this worker's place on the scoreboard.
    pub fn new(model: Model<'static>, settings: &Settings, slot: SlotHandle) -> Self {
        let keys = &slot.fleet().scoreboard().fleet().classes;
        let classes =
            model.classes().iter().map(|class| (class.text.clone(), keys.place(&class.text))).collect();
        Self {
            classes,
            pipeline: RefCell::new(Pipeline::new(model)),
            kept: RefCell::default(),
            url: RefCell::default(),
            calendar: Calendar::new(),
            looked: Cell::new(None),
            long_batch: Semaphore::new(1),
            limits: settings.limits,
            trusted_proxies: settings.forwarded_allow_ips.clone(),
            description: settings.docs.then(|| Description::new(&settings.title, &settings.description)),
            in_flight: InFlight::new(slot),
            slot,
            access_log: AccessLog::open(settings, slot),
        }
    }

    /// The access log, if there is one.
    pub fn access_log(&self) -> Option<Rc<AccessLog>> {
        self.access_log.clone()
    }

    /// Answers one request. Never fails: what goes wrong has a status. The request stays where it is, since moving it
    /// from function to function costs more than reading it; its map of headers becomes the answer's.
    pub async fn respond(&self, connection: &Connection, request: &mut Request<Incoming>) -> Answer {
        let began = Instant::now();
        let path = target::decoded_path(request.uri());
        let offer = connection.door.offer().with_docs(self.description.is_some());
        let decision = route::decide(request.method(), &path, offer);
        let counted = decision.counted();
        let ticket = self.in_flight.begin(began, counted);
        let answer = match decision {
            Decision::Answer { endpoint: Endpoint::Predict, .. } => {
                drop(path);
                return self.predict(connection, request, &ticket, began).await;
            }
            Decision::Answer { endpoint, argument, .. } => {
                self.get((endpoint, argument), connection, request, &path, began)
            }
            Decision::MethodNotAllowed(allowed) => {
                let answer = refuse(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
                with_header(answer, ALLOW, HeaderValue::from_static(allowed))
            }
            Decision::Redirect(other) => self.redirect(connection, request, other, began),
            Decision::NotFound => refuse(StatusCode::NOT_FOUND, "Not Found"),
        };
        drop(path);
        // hyper closes, without a word before, where a body is left that has not all arrived; what the client sends
        // behind it would be lost.
        let is_read = request.body().is_end_stream()
            || body::pass_over(request.body_mut(), self.limits.body_bytes).await;
        let answer = if is_read { answer } else { closing(answer) };
        self.count(connection, request, counted, &answer, began.elapsed());
        answer
    }

    /// Counts an answer, and notes it in the access log.
    fn count(
        &self,
        connection: &Connection,
        request: &Request<Incoming>,
        route: scoreboard::Route,
        answer: &Answer,
        took: Duration,
    ) {
        self.slot.count_request(route, answer.status().as_u16(), took);
        if let Some(log) = &self.access_log {
            log.note(&Exchange {
                method: request.method(),
                uri: request.uri(),
                version: request.version(),
                headers: request.headers(),
                peer: connection.peer,
                status: answer.status().as_u16(),
                answer_headers: answer.headers(),
                body_bytes: answer.body().size_hint().lower(),
                took,
            });
        }
    }

    fn get(
        &self,
        (endpoint, argument): (Endpoint, &str),
        connection: &Connection,
        request: &Request<Incoming>,
        path: &str,
        began: Instant,
    ) -> Answer {
        match endpoint {
            Endpoint::Live => return fixed(health::live()),
            Endpoint::Ready => return fixed(Readiness::of(self.slot.fleet()).answer()),
            Endpoint::Metrics => return self.metrics(),
            Endpoint::OpenApi => return self.openapi(connection.door.offer(), request),
            Endpoint::Page(page) => return docs::answer(page, request.headers()),
            _ => {}
        }
        let said = Said::new(request.headers());
        self.with_envelope((connection, began), request, &said, path, |envelope| {
            let pipeline = self.pipeline.borrow();
            let model = pipeline.model();
            let body = match endpoint {
                Endpoint::Performance => lesson::performance(envelope, model, request.uri().query()),
                Endpoint::Args => lesson::args(envelope, model),
                Endpoint::Arg => lesson::arg(envelope, model, argument),
                _ => lesson::index(envelope),
            };
            json(StatusCode::OK, body)
        })
    }

    /// `GET /openapi.json`.
    fn openapi(&self, offer: Offer, request: &Request<Incoming>) -> Answer {
        let Some(description) = &self.description else { return refuse(StatusCode::NOT_FOUND, "Not Found") };
        let pipeline = &mut *self.pipeline.borrow_mut();
        description.kept(offer, &self.limits, pipeline).answer(request.headers())
    }

    /// `GET /metrics`.
    fn metrics(&self) -> Answer {
        let pipeline = self.pipeline.borrow();
        let (model_name, model_version) = (pipeline.model().name(), pipeline.model().version());
        let about = metrics::About { model_name, model_version, classes: &self.classes };
        let page = metrics::render(self.slot.fleet().scoreboard(), &about);
        let answer = Response::new(Full::new(page.into()));
        with_header(answer, CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE))
    }

    /// Shows what the pipeline has counted. A class has one place, but several may share the last.
    fn count_pipeline(&self, texts: u64, took: Duration) {
        self.slot.count_prediction(texts, took);
        let pipeline = self.pipeline.borrow();
        let counters = &self.slot.seat().counters;
        let mut shared = 0;
        for ((_, place), count) in self.classes.iter().zip(pipeline.predicted()) {
            let is_shared = *place == CLASS_PLACES - 1;
            shared += if is_shared { *count } else { 0 };
            counters.predictions[*place].store(if is_shared { shared } else { *count }, Ordering::Relaxed);
        }
        let (hits, lookups) = pipeline.word_cache_hits();
        counters.cache_hits.store(hits, Ordering::Relaxed);
        counters.cache_lookups.store(lookups, Ordering::Relaxed);
    }

    /// Looks at the first text of a request, if none was looked at for a while.
    fn look_at(&self, request: &PredictRequest, now: Instant) {
        if self.looked.get().is_some_and(|last| now.saturating_duration_since(last) < LOOK_AGAIN) {
            return;
        }
        self.looked.set(Some(now));
        let mut pipeline = self.pipeline.borrow_mut();
        pipeline.look_at(request.text(0));
        let seen = pipeline.coverage();
        let counters = &self.slot.seat().counters;
        counters.ngrams.store(seen.ngrams, Ordering::Relaxed);
        counters.unknown_ngrams.store(seen.ngrams - seen.known, Ordering::Relaxed);
    }

    /// `POST /predict`, counted.
    async fn predict(
        &self,
        connection: &Connection,
        request: &mut Request<Incoming>,
        ticket: &Ticket<'_>,
        began: Instant,
    ) -> Answer {
        let counted = scoreboard::Route::Predict;
        let (body, waited) = body::collect_timed(request.body_mut(), self.limits.body_bytes).await;
        let body = match body {
            Ok(body) => body,
            Err(error) => {
                let answer = self.refuse_body(error);
                self.count(connection, request, counted, &answer, began.elapsed());
                return answer;
            }
        };
        ticket.has_bytes(body.len());
        let received = if waited { Instant::now() } else { began };
        let answer = match self.accept(connection, request, body, received) {
            Ok(mut job) => {
                self.run(&mut job).await;
                let (body, predict) = job.finish();
                let texts = predict.len() as u64;
                let ended = Instant::now();
                self.look_at(&predict, ended);
                self.keep(predict);
                self.count_pipeline(texts, ended.saturating_duration_since(received));
                let took = ended.saturating_duration_since(began);
                if self.access_log.is_some() {
                    let answer = json(StatusCode::OK, body);
                    self.count(connection, request, counted, &answer, took);
                    return answer;
                }
                self.slot.count_request(counted, 200, took);
                return json_in(std::mem::take(request.headers_mut()), StatusCode::OK, body);
            }
            Err(refusal) => {
                json(StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST), refusal.body)
            }
        };
        self.count(connection, request, counted, &answer, began.elapsed());
        answer
    }

    /// What a body that cannot be collected is answered.
    fn refuse_body(&self, error: BodyError) -> Answer {
        match error {
            BodyError::TooLarge => {
                self.slot.count_error(ErrorKind::BodyTooLarge);
                let limit = self.limits.body_bytes;
                let detail = format!("The request body is larger than {limit} bytes");
                closing(refuse(StatusCode::PAYLOAD_TOO_LARGE, &detail))
            }
            BodyError::Broken => {
                self.slot.count_error(ErrorKind::BrokenBody);
                let detail = "The request body is broken off or badly framed";
                closing(refuse(StatusCode::BAD_REQUEST, detail))
            }
        }
    }

    /// Parses `body`; a good one becomes a job.
    fn accept(
        &self,
        connection: &Connection,
        request: &Request<Incoming>,
        body: Bytes,
        received: Instant,
    ) -> Result<PredictJob, Refusal> {
        let said = Said::new(request.headers());
        let mut predict = self.kept.borrow_mut().pop().unwrap_or_default();
        let pipeline = self.pipeline.borrow();
        let query = request.uri().query();
        let parsed = pipeline.parse(&mut predict, &body, said.content_type, query, &self.limits);
        drop(body);
        if let Err(refusal) = parsed {
            self.slot.count_error(ErrorKind::InvalidRequest);
            self.keep(predict);
            return Err(refusal);
        }
        let path = target::decoded_path(request.uri());
        let begin = |envelope: &Envelope<'_>| pipeline.begin(predict, envelope);
        Ok(self.with_envelope((connection, received), request, &said, &path, begin))
    }

    /// Drives a job to its end. A job longer than one slice waits for its turn among the long ones, and lets others
    /// in between its slices. Nothing of the pipeline is held across an await.
    async fn run(&self, job: &mut PredictJob) {
        if self.advance(job) == Progress::Done {
            return;
        }
        let _turn = self.long_batch.acquire().await; // the semaphore is never closed; without a turn the job still ends
        while self.advance(job) == Progress::More {
            tokio::task::yield_now().await;
        }
    }

    fn advance(&self, job: &mut PredictJob) -> Progress {
        self.pipeline.borrow_mut().advance(job, SLICE_BYTES)
    }

    fn redirect(
        &self,
        connection: &Connection,
        request: &Request<Incoming>,
        path: &str,
        began: Instant,
    ) -> Answer {
        let said = Said::new(request.headers());
        let location = self.with_envelope((connection, began), request, &said, path, |envelope| {
            target::location(envelope.url)
        });
        let mut answer = Response::new(Full::default());
        *answer.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        match HeaderValue::try_from(location) {
            Ok(location) => with_header(answer, LOCATION, location),
            Err(_) => refuse(StatusCode::NOT_FOUND, "Not Found"), // percent-encoded, so always a header value
        }
    }

    /// Calls `with` with the envelope of this request, answered on `connection` at `now`.
    fn with_envelope<T>(
        &self,
        (connection, now): (&Connection, Instant),
        request: &Request<Incoming>,
        said: &Said<'_>,
        path: &str,
        with: impl FnOnce(&Envelope<'_>) -> T,
    ) -> T {
        let mut url = self.url.borrow_mut();
        let scheme = said.scheme(|| self.trusted_proxies.contains(connection.peer.map(|peer| peer.ip())));
        target::write_url(&mut url, &scheme, request.uri(), said.host, path, connection.local);
        with(&Envelope { method: request.method().as_str(), time: self.calendar.micros(now), url: &url })
    }

    fn keep(&self, request: Box<PredictRequest>) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() < KEPT_REQUESTS {
            kept.push(request);
        }
    }
}

fn json(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    with_header(answer, CONTENT_TYPE, HeaderValue::from_static("application/json"))
}

/// As [`json()`], in a map that has been a request's, so that none is made anew.
fn json_in(mut headers: HeaderMap, status: StatusCode, body: impl Into<Bytes>) -> Answer {
    headers.clear();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

fn fixed((status, body): (StatusCode, &'static [u8])) -> Answer {
    json(status, body)
}

/// An error in the lesson's form: `{"detail": …}`. `detail` needs no escape.
fn refuse(status: StatusCode, detail: &str) -> Answer {
    json(status, format!("{{\"detail\":\"{detail}\"}}"))
}

/// Ends the connection after this answer.
fn closing(answer: Answer) -> Answer {
    with_header(answer, CONNECTION, HeaderValue::from_static("close"))
}

fn with_header(mut answer: Answer, name: HeaderName, value: HeaderValue) -> Answer {
    answer.headers_mut().insert(name, value);
    answer
}
