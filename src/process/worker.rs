//! A worker from fork to exit: open the model → prove it → say so → serve → retire.

use std::io::{self, Write as _};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::sys::prctl::set_thp_disable;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike as _};
use socket2::SockRef;
use tokio::io::AsyncReadExt as _;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::backtrace::tell_on_abort;
use super::channel::{Order, READY, WORN, failure_report};
use super::clock::monotonic_micros;
use super::image_file::{HUGE_MIN, map_image};
use super::log_file::lead_stderr_to;
use crate::config::Settings;
use crate::model::{Defect, Model};
use crate::scoreboard::{ErrorKind, SlotHandle, WorkerState};
use crate::wire::app::{App, Door};
use crate::wire::connection::{Listener, Patience, Queue, Server, Sharing};

/// Exit status of a worker that has served and was asked to go.
pub const EXIT_DONE: u8 = 0;

/// Exit status of a child that failed to start (as gunicorn's `WORKER_BOOT_ERROR`).
pub const EXIT_BOOT_FAILED: u8 = 3;

/// Exit status of a worker whose supervisor is gone.
pub const EXIT_ORPHANED: u8 = 4;

/// How often the event loop shows on the scoreboard that it turns, at least; see [`heartbeat_interval`].
const HEARTBEAT: Duration = Duration::from_secs(1);

/// All that a worker is born with.
pub struct Worker {
    /// The number of its slot.
    pub slot_number: usize,
    /// The effective settings.
    pub settings: Settings,
    /// The sealed model image.
    pub image: OwnedFd,
    /// What it accepts from.
    pub listeners: Vec<SlotListener>,
    /// Requests after which it says that it is worn out, if ever.
    pub max_requests: Option<u64>,
    /// Its place on the scoreboard.
    pub slot: SlotHandle,
    /// Its end of the channel to the supervisor.
    pub channel: UnixStream,
}

/// A listener as a worker gets it.
#[derive(Debug)]
pub struct SlotListener {
    /// The socket, TCP or Unix; it may not be listening yet.
    pub socket: OwnedFd,
    /// Who else accepts from it.
    pub sharing: Sharing,
    /// Whether it is there for the metrics.
    pub metrics: bool,
}

/// Why a worker cannot start.
#[derive(Debug, thiserror::Error)]
enum BootError {
    #[error("cannot map the model image: {0}")]
    Map(io::Error),
    #[error(transparent)]
    Model(#[from] Defect),
    #[error("cannot start the event loop: {0}")]
    Runtime(io::Error),
}

/// Runs a worker in this freshly forked, single-threaded process, and returns its exit status.
pub fn run(worker: Worker) -> u8 {
    let seat = worker.slot.seat();
    seat.pid.store(std::process::id().cast_signed(), Ordering::Relaxed);
    let Ok(mut channel) = worker.channel.try_clone() else { return EXIT_BOOT_FAILED };
    if let Err(error) = tell_on_abort(worker.settings.log_format) {
        tracing::warn!(%error, "a worker that is stuck will not say where");
    }
    match boot(worker) {
        Ok(status) => status,
        Err(error) => {
            // If even this fails, the exit status says that the start failed.
            let _ = channel.write_all(&failure_report(&error.to_string()));
            EXIT_BOOT_FAILED
        }
    }
}

fn boot(worker: Worker) -> Result<u8, BootError> {
    let image = map_image(&worker.image).map_err(BootError::Map)?;
    if image.len() < HUGE_MIN {
        // Huge pages under the heap bring a worker no speed, and take twice the memory: a page of 2 MiB counts whole where
        // a connection uses a part of its buffers. Only a large image needs them. A kernel that refuses keeps them.
        let _ = set_thp_disable(true);
    }
    let model = Model::from_image(image)?;
    model.prove()?;
    // The runtime is built here, after the fork: a runtime does not survive one.
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build_local(LocalOptions::default())
        .map_err(BootError::Runtime)?;
    runtime.block_on(serve(worker, model)).map_err(BootError::Runtime)
}

async fn serve(worker: Worker, model: Model<'static>) -> io::Result<u8> {
    let Worker { slot_number, settings, listeners, slot, channel, max_requests, .. } = worker;
    let patience =
        Patience { graceful_timeout: settings.graceful_timeout, keepalive_min: settings.keepalive_min };
    let app = App::new(model, &settings, slot);
    let access_log = app.access_log();
    let server = Server::new(app, &settings, slot);
    let worn = server.tell_after(max_requests);
    channel.set_nonblocking(true)?;
    let mut channel = tokio::net::UnixStream::from_std(channel)?;
    let mut listeners = Some(listeners);
    spawn_local(beat(slot, heartbeat_interval(settings.timeout)));
    if let Some(log) = &access_log {
        spawn_local(Rc::clone(log).write_regularly());
    }
    tokio::io::AsyncWriteExt::write_all(&mut channel, &[READY]).await?;

    let retired = Rc::new(tokio::sync::Notify::new());
    loop {
        let byte = tokio::select! {
            byte = channel.read_u8() => byte,
            () = retired.notified() => return Ok(EXIT_DONE),
            () = worn.notified() => {
                tokio::io::AsyncWriteExt::write_all(&mut channel, &[WORN]).await?;
                continue;
            }
        };
        let Ok(byte) = byte else { return Ok(EXIT_ORPHANED) };
        let queue = match Order::from_byte(byte) {
            Some(Order::Serve) => {
                if let Some(listeners) = listeners.take() {
                    let has_metrics = listeners.iter().any(|listener| listener.metrics);
                    for SlotListener { socket, sharing, metrics } in listeners {
                        let door = match (metrics, has_metrics) {
                            (true, _) => Door::Metrics,
                            (false, true) => Door::Public,
                            (false, false) => Door::Everything,
                        };
                        server.accept_from(listener(socket)?, sharing, door);
                    }
                    slot.seat().set_state(WorkerState::Ready);
                }
                continue;
            }
            Some(Order::HandOver) => Queue::Leave,
            Some(Order::StandDown) => Queue::EmptyOwn,
            Some(Order::DrainQueue) => Queue::Empty,
            Some(Order::Quit) => return Ok(EXIT_DONE),
            Some(Order::ReopenLogs) => {
                reopen_log(&settings);
                if let Some(log) = &access_log {
                    log.reopen();
                }
                continue;
            }
            None => continue,
        };
        slot.seat().set_state(WorkerState::Retiring);
        let (server, retired) = (server.clone(), Rc::clone(&retired));
        spawn_local(async move {
            let cut = server.retire(queue, patience).await;
            if cut > 0 {
                (0..cut).for_each(|_| slot.count_error(ErrorKind::CutOff));
                let pid = std::process::id();
                tracing::warn!(pid, slot = slot_number, connections = cut, "cut off at graceful_timeout");
            }
            retired.notify_one();
        });
    }
}

/// Opens the log file anew, if the log is one.
fn reopen_log(settings: &Settings) {
    if settings.errorlog.is_empty() {
        return;
    }
    if let Err(error) = lead_stderr_to(Path::new(&settings.errorlog)) {
        tracing::warn!(%error, "cannot open the log file again");
    }
}

fn listener(socket: OwnedFd) -> io::Result<Listener> {
    let is_unix = SockRef::from(&socket).local_addr()?.is_unix();
    Ok(if is_unix {
        Listener::Unix(tokio::net::UnixListener::from_std(UnixListener::from(socket))?)
    } else {
        Listener::Tcp(tokio::net::TcpListener::from_std(TcpListener::from(socket))?)
    })
}

/// How often a worker's event loop shows that it turns: often enough that several beats fit into `timeout`.
pub fn heartbeat_interval(timeout: Duration) -> Duration {
    if timeout.is_zero() { HEARTBEAT } else { HEARTBEAT.min(timeout / 4) }
}

/// Processor time of this process so far, user and system.
fn processor_micros() -> u64 {
    let of = |time: TimeVal| u64::try_from(time.num_microseconds()).unwrap_or(0);
    // The call cannot fail for the process itself.
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |used| of(used.user_time()) + of(used.system_time()))
}

async fn beat(slot: SlotHandle, interval: Duration) {
    let mut due = monotonic_micros();
    loop {
        let now = monotonic_micros();
        slot.seat().lag_micros.store(now.saturating_sub(due), Ordering::Relaxed);
        slot.seat().counters.cpu_micros.store(processor_micros(), Ordering::Relaxed);
        slot.seat().heartbeat_micros.store(now, Ordering::Relaxed);
        due = now.saturating_add(u64::try_from(interval.as_micros()).unwrap_or(u64::MAX));
        sleep(interval).await;
    }
}
