//! Connections: accepts them, serves each with hyper, and ends them without losing a request.
//!
//! hyper's own `graceful_shutdown` closes connections whose first request has not been read yet, and
//! `pipeline_flush` loses answers before a close; neither is used. Instead a retiring worker says
//! `Connection: close` on each answer, and ends an idle connection only after one more read of the socket.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_local, yield_now};
use tokio::time::sleep;

use super::activity::Activity;
use super::app::{App, Connection, Door, Overload};
use super::io::Io;
use crate::config::Settings;
use crate::limits::{ConnectionLimits, Limits};
use crate::scoreboard::{ErrorKind, SlotHandle, add};

/// Pause of accepting when the process has no descriptor (or memory) left for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Header fields for which hyper has room on its stack; beyond that it allocates room for the limit, at each request.
const HYPER_FIELDS: usize = 100;

/// How often a retiring worker looks at its connections.
const SWEEP: Duration = Duration::from_millis(20);

/// After new connections are led elsewhere: how long handshakes under way may still reach the queue.
const SETTLE: Duration = Duration::from_millis(200);

/// How often slow and idle clients are looked for, at most and at least; within that, four times in the shortest limit.
const WATCH: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_millis(250);

/// Connections beyond `worker_connections` that are accepted, so that health and metrics are still answered.
const SPARE_CONNECTIONS: usize = 64;

/// At the deadline: how long requests that the last read of an idle connection found may take.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// A listening socket of this worker.
pub enum Listener {
    /// TCP, IPv4 or IPv6.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
}

/// Who else accepts from a listener.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Sharing {
    /// Nobody but the workers of one slot: what waits in its queue is theirs to answer.
    Own,
    /// All workers of the fleet.
    Siblings,
    /// All workers, and whoever has passed the socket on and keeps it when the fleet is gone: systemd, say.
    Foreign,
}

/// What a retiring worker does with the connections that still wait to be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// A successor accepts them.
    Leave,
    /// Siblings accept from the shared ones; nobody else will from this worker's own: accept and answer those.
    EmptyOwn,
    /// Nobody else will: accept and answer them.
    Empty,
}

impl Queue {
    /// Whether to stop accepting from such a listener, `since` the worker began to retire. What waits for foreign ones
    /// can wait for whoever keeps them, so no stream of new connections holds the worker there; but if nobody keeps them,
    /// what waits already should not be lost.
    fn is_left(self, sharing: Sharing, since: Duration) -> bool {
        match (self, sharing) {
            (Self::Leave, _) | (Self::EmptyOwn, Sharing::Siblings | Sharing::Foreign) => true,
            (Self::Empty, Sharing::Foreign) => since >= SETTLE,
            (Self::EmptyOwn | Self::Empty, Sharing::Own) | (Self::Empty, Sharing::Siblings) => false,
        }
    }
}

/// How long a retiring worker waits for its clients.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For requests under way.
    pub graceful_timeout: Duration,
    /// For idle connections, since their last answer.
    pub keepalive_min: Duration,
}

/// All connections of this worker. Cloning makes another handle to the same.
#[derive(Clone)]
pub struct Server {
    shared: Rc<Shared>,
}

struct Shared {
    app: App,
    slot: SlotHandle,
    limits: Limits,
    connections: ConnectionLimits,
    /// How long an idle connection is kept even where there are too many.
    keepalive_min: Duration,
    retiring: Cell<bool>,
    /// Requests that may still be answered before `worn` is told; 0 once it has been, or if it never will be.
    requests_left: Cell<u64>,
    worn: Rc<Notify>,
    next_id: Cell<u64>,
    open: RefCell<HashMap<u64, Rc<Activity>>>,
    acceptors: RefCell<Vec<(Sharing, JoinHandle<()>)>>,
}

impl Server {
    /// A server without listeners yet. Must be made on a local tokio runtime, where it looks after its connections.
    pub fn new(app: App, settings: &Settings, slot: SlotHandle) -> Self {
        let shared = Rc::new(Shared {
            app,
            slot,
            limits: settings.limits,
            connections: settings.connections,
            keepalive_min: settings.keepalive_min,
            retiring: Cell::new(false),
            requests_left: Cell::new(0),
            worn: Rc::default(),
            next_id: Cell::new(0),
            open: RefCell::default(),
            acceptors: RefCell::default(),
        });
        spawn_local(watch(Rc::clone(&shared)));
        Self { shared }
    }

    /// What is notified once, after this many requests from now on; never for `None`.
    pub fn tell_after(&self, requests: Option<u64>) -> Rc<Notify> {
        self.shared.requests_left.set(requests.unwrap_or(0));
        Rc::clone(&self.shared.worn)
    }

    /// Accepts from `listener` until this server retires, and serves there what `door` says. Must run on a local tokio
    /// runtime.
    pub fn accept_from(&self, listener: Listener, sharing: Sharing, door: Door) {
        let acceptor = spawn_local(accept(Rc::clone(&self.shared), listener, sharing, door));
        self.shared.acceptors.borrow_mut().push((sharing, acceptor));
    }

    /// Ends accepting where that is left to others; says whether there is anything that is not.
    fn leave_queues(&self, queue: Queue, since: Duration) -> bool {
        let mut acceptors = self.shared.acceptors.borrow_mut();
        for (_, acceptor) in acceptors.extract_if(.., |(sharing, _)| queue.is_left(*sharing, since)) {
            acceptor.abort();
        }
        !acceptors.is_empty()
    }

    /// Finishes what clients have outstanding, then returns how many connections were cut off, which is 0
    /// unless `graceful_timeout` ran out. Requests get their answers, with `Connection: close`; idle
    /// connections are kept for `keepalive_min` since their last answer, then ended after one more read.
    pub async fn retire(&self, queue: Queue, patience: Patience) -> usize {
        self.shared.retiring.set(true);
        let began = Instant::now();
        let mut accepted = None;
        loop {
            let now = Instant::now();
            let since = now.duration_since(began);
            let accepts = self.leave_queues(queue, since);
            let late = since >= patience.graceful_timeout;
            self.end_idle(now, if late { Duration::ZERO } else { patience.keepalive_min });
            let quiet = accepted.replace(self.shared.next_id.get()) == Some(self.shared.next_id.get());
            let settled = !accepts || (quiet && since >= SETTLE);
            let open = self.shared.open.borrow().len();
            if open == 0 && settled || since >= patience.graceful_timeout + LAST_ANSWERS {
                // One that only waits for its client to stop sending has had its answer.
                return self.shared.open.borrow().values().filter(|activity| !activity.is_shut()).count();
            }
            sleep(SWEEP).await;
        }
    }

    fn end_idle(&self, now: Instant, keep: Duration) {
        for activity in self.shared.open.borrow().values() {
            if activity.idle_since().is_some_and(|since| now.duration_since(since) >= keep) {
                activity.end_when_dry();
            }
        }
    }
}

/// Looks for clients that take too long, as long as the worker lives.
async fn watch(shared: Rc<Shared>) {
    let limits = shared.connections;
    let times = [limits.header_timeout, limits.body_timeout, limits.write_timeout, limits.keepalive];
    let interval = times.into_iter().min().unwrap_or_default() / 4;
    loop {
        sleep(interval.clamp(*WATCH.start(), *WATCH.end())).await;
        let now = Instant::now();
        shared.open.borrow().values().for_each(|activity| activity.sweep(now, &limits));
    }
}

async fn accept(shared: Rc<Shared>, listener: Listener, sharing: Sharing, door: Door) {
    let mut exhausted = false;
    loop {
        // Who waits in the queue beyond this has not been told anything yet.
        while shared.open.borrow().len() >= shared.connections.connections + SPARE_CONNECTIONS {
            sleep(SWEEP).await;
        }
        let accepted = match &listener {
            Listener::Tcp(tcp) => tcp.accept().await.map(|(stream, peer)| {
                // Answers leave at once. Fails only for a connection that is already gone.
                let _ = stream.set_nodelay(true);
                let about = Connection { local: stream.local_addr().ok(), peer: Some(peer), door };
                Shared::serve(&shared, stream, about);
            }),
            Listener::Unix(unix) => unix.accept().await.map(|(stream, _)| {
                Shared::serve(&shared, stream, Connection { door, ..Connection::default() });
            }),
        };
        match accepted {
            Ok(()) => {
                exhausted = false;
                if sharing != Sharing::Own {
                    // One at a time: what else waits is for the siblings, too, who have been woken as this worker has.
                    yield_now().await;
                }
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                shared.slot.count_error(ErrorKind::Accept);
                // Once, not at each try.
                if !std::mem::replace(&mut exhausted, true) {
                    tracing::warn!(%error, pid = std::process::id(), "cannot accept, pausing between tries");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether an error of `accept` concerns that one connection only (`accept(2)`, "Error handling").
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, Interrupted, NetworkDown, NetworkUnreachable,
        TimedOut,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | TimedOut
    )
}

impl Shared {
    fn serve<S>(shared: &Rc<Self>, stream: S, about: Connection)
    where
        S: AsyncRead + AsyncWrite + AsFd + Unpin + 'static,
    {
        let is_surplus = !shared.make_room();
        let activity = Rc::new(Activity::new(shared.slot));
        let io = Io::new(stream, Rc::clone(&activity), shared.limits);
        let entry = Rc::new(Entry::new(Rc::clone(shared), Rc::clone(&activity), about, is_surplus));
        let counted = Rc::clone(shared);
        // What an async function takes by value it stores twice, and every connection keeps room for one exchange: so
        // the request stays in this block, and is lent.
        let service = service_fn(move |mut request: Request<Incoming>| {
            let exchange = Exchange::begin(Rc::clone(&entry));
            async move { Ok::<_, Infallible>(exchange.respond(&mut request).await) }
        });
        let mut builder = http1::Builder::new();
        // Its timers would close idle connections; ours are in `watch.rs`.
        builder.half_close(true).header_read_timeout(None);
        if shared.limits.fields > HYPER_FIELDS {
            builder.max_headers(shared.limits.fields);
        }
        // A panic in an answer ends this task, so this connection, and nothing else.
        spawn_local(async move {
            let mut connection = pin!(builder.serve_connection(io, service));
            let result = poll_fn(|cx| {
                activity.remember_task(cx);
                let result = ready!(connection.as_mut().poll(cx));
                // Where a client has asked for an upgrade, hyper writes all answers and leaves the end to whoever takes
                // over. Polled again it ends the connection itself, and our refusal and the lingering are in that end.
                if result.is_ok() && !activity.is_shut() {
                    connection.as_mut().poll(cx)
                } else {
                    Poll::Ready(result)
                }
            })
            .await;
            if let Err(error) = result {
                if error.is_parse() {
                    counted.slot.count_error(ErrorKind::BadHttp);
                    tracing::warn!(%error, pid = std::process::id(), "hyper refuses what the gate has passed");
                }
                tracing::debug!(%error, "connection ended");
            }
        });
    }

    /// Whether a new connection is within the limit. Where there are too many, the one that has been idle for longest is
    /// ended, unless none has been idle for long.
    fn make_room(&self) -> bool {
        let open = self.open.borrow();
        if open.len() < self.connections.connections {
            return true;
        }
        let idle = |activity: &&Rc<Activity>| activity.idle_since().filter(|_| !activity.is_shut());
        let oldest = open.values().filter(|activity| idle(activity).is_some()).min_by_key(idle);
        let long_idle = oldest.filter(|activity| {
            activity.idle_since().is_some_and(|since| since.elapsed() >= self.keepalive_min)
        });
        long_idle.inspect(|activity| activity.end_when_dry()).is_some()
    }
}

/// A connection's place among the open ones; gives it up when dropped, so also after a panic.
struct Entry {
    shared: Rc<Shared>,
    activity: Rc<Activity>,
    about: Connection,
    /// It is beyond `worker_connections`.
    is_surplus: bool,
    id: u64,
}

impl Entry {
    fn new(shared: Rc<Shared>, activity: Rc<Activity>, about: Connection, is_surplus: bool) -> Self {
        let id = shared.next_id.get();
        shared.next_id.set(id + 1);
        shared.open.borrow_mut().insert(id, Rc::clone(&activity));
        let seat = shared.slot.seat();
        add(&seat.counters.accepted, 1);
        seat.connections.fetch_add(1, Ordering::Relaxed);
        Self { shared, activity, about, is_surplus, id }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shared.open.borrow_mut().remove(&self.id);
        self.shared.slot.seat().connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One request under way; ends when dropped, so also when the client goes away.
struct Exchange {
    entry: Rc<Entry>,
    overload: Option<Overload>,
    /// The answer says that the connection closes.
    is_last: bool,
}

impl Exchange {
    fn begin(entry: Rc<Entry>) -> Self {
        let (activity, seat, limits) = (&entry.activity, entry.shared.slot.seat(), &entry.shared.connections);
        let requests = activity.request_began();
        let others = seat.in_flight.load(Ordering::Relaxed) as usize;
        seat.add_in_flight(1);
        let too_many = limits.in_flight > 0 && others >= limits.in_flight;
        let overload = if entry.is_surplus {
            Some(Overload::Connections(limits.connections))
        } else {
            too_many.then_some(Overload::Requests(limits.in_flight))
        };
        let is_last = entry.is_surplus
            || (limits.requests > 0 && requests >= limits.requests)
            || (!limits.age.is_zero() && activity.age() >= limits.age);
        Self { entry, overload, is_last }
    }

    async fn respond(&self, request: &mut Request<Incoming>) -> Response<Full<Bytes>> {
        let Entry { shared, about, .. } = &*self.entry;
        let mut response = shared.app.respond(about, request, self.overload).await;
        if self.is_last || shared.retiring.get() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let Entry { shared, activity, .. } = &*self.entry;
        activity.request_ended();
        shared.slot.seat().add_in_flight(-1);
        let left = shared.requests_left.get();
        shared.requests_left.set(left.saturating_sub(1));
        if left == 1 {
            shared.worn.notify_one();
        }
    }
}
