//! What things are counted by: routes, statuses, causes of a worker's end, kinds of error.

/// The routes that requests are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Route {
    /// Anything that matches no route.
    Other = 0,
    /// `GET /`.
    Index = 1,
    /// `GET /performance`.
    Performance = 2,
    /// `GET /args` and `GET /args/{arg}`.
    Args = 3,
    /// `POST /predict`.
    Predict = 4,
    /// `GET /health/live` and `GET /health/ready`.
    Health = 5,
    /// `GET /metrics`.
    Metrics = 6,
    /// `GET /docs`, `GET /redoc`, what these pages load, and `GET /openapi.json`.
    Docs = 7,
}

impl Route {
    /// The name of the route with this number, for a log or a page of metrics.
    pub fn name(number: u32) -> &'static str {
        match number {
            1 => "/",
            2 => "/performance",
            3 => "/args",
            4 => "/predict",
            5 => "/health",
            6 => "/metrics",
            7 => "/docs",
            _ => "other",
        }
    }
}

/// Why a worker is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Cause {
    /// It was asked to go: a stop, a roll, a scale-down.
    Asked = 0,
    /// It had served long enough, by `max_requests`, `max_age` or `max_rss`.
    Recycled = 1,
    /// It did not become ready.
    BootFailed = 2,
    /// It exited by itself.
    Exited = 3,
    /// A signal that the supervisor did not send.
    Signal = 4,
    /// The kernel killed it because the memory of the machine or the control group was used up.
    OutOfMemory = 5,
    /// Its event loop stood still for longer than `timeout`.
    Timeout = 6,
}

/// How many [`Cause`]s have room in a block; more than are named, so that a new cause moves nothing.
pub const CAUSES: usize = 8;

impl Cause {
    /// All causes, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Asked,
        Self::Recycled,
        Self::BootFailed,
        Self::Exited,
        Self::Signal,
        Self::OutOfMemory,
        Self::Timeout,
    ];

    /// Its name, for a log or a page of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Recycled => "recycled",
            Self::BootFailed => "boot_failed",
            Self::Exited => "exited",
            Self::Signal => "signal",
            Self::OutOfMemory => "out_of_memory",
            Self::Timeout => "timeout",
        }
    }
}

/// How many [`Route`]s have room in a block; more than are named, so that a new route moves nothing.
pub const ROUTES: usize = 16;

/// The statuses that are counted by themselves, the usual one first.
pub(super) const STATUSES: [u16; 19] =
    [200, 204, 304, 307, 400, 404, 405, 408, 411, 413, 414, 415, 417, 422, 431, 500, 501, 503, 505];

/// Places for statuses; the last one is for all that have none of their own.
pub const STATUS_PLACES: usize = STATUSES.len() + 1;

/// The status in this place, for a page of metrics.
pub fn status_name(place: usize) -> String {
    STATUSES.get(place).map_or_else(|| "other".to_owned(), u16::to_string)
}

/// What went wrong, where the status alone does not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum ErrorKind {
    /// A request line or a header field that is no HTTP; the connection ends.
    BadHttp = 0,
    /// A body that broke off, or was framed wrongly.
    BrokenBody = 1,
    /// A body beyond `limit_request_body`.
    BodyTooLarge = 2,
    /// A body that asks for no prediction, or for one that is not allowed.
    InvalidRequest = 3,
    /// No descriptor or memory for one more connection; accepting pauses.
    Accept = 4,
    /// A connection cut off at `graceful_timeout`.
    CutOff = 5,
    /// A `Content-Length` or `Transfer-Encoding` that leaves the body's end in doubt.
    BadFraming = 6,
    /// A missing, doubled or malformed `Host`.
    BadHost = 7,
    /// A request line, a header field, or all of them together beyond their limit.
    HeadTooLarge = 8,
    /// A head that did not arrive within `header_timeout`.
    HeaderTimeout = 9,
    /// A body that did not arrive in time, by `body_timeout`.
    BodyTimeout = 10,
    /// An answer that its client did not take, by `write_timeout`.
    WriteTimeout = 11,
    /// A request answered with 503, since `limit_in_flight` others were under way.
    TooManyRequests = 12,
    /// A request answered with 503, since its connection was one too many, by `worker_connections`.
    TooManyConnections = 13,
}

impl ErrorKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::BadHttp,
        Self::BrokenBody,
        Self::BodyTooLarge,
        Self::InvalidRequest,
        Self::Accept,
        Self::CutOff,
        Self::BadFraming,
        Self::BadHost,
        Self::HeadTooLarge,
        Self::HeaderTimeout,
        Self::BodyTimeout,
        Self::WriteTimeout,
        Self::TooManyRequests,
        Self::TooManyConnections,
    ];

    /// Its name, for a page of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadHttp => "bad_http",
            Self::BrokenBody => "broken_body",
            Self::BodyTooLarge => "body_too_large",
            Self::InvalidRequest => "invalid_request",
            Self::Accept => "accept",
            Self::CutOff => "cut_off",
            Self::BadFraming => "bad_framing",
            Self::BadHost => "bad_host",
            Self::HeadTooLarge => "head_too_large",
            Self::HeaderTimeout => "header_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::TooManyRequests => "too_many_requests",
            Self::TooManyConnections => "too_many_connections",
        }
    }
}
