//! The log: lines on standard error, one per event, for people or for programs.

mod json;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use linnet::config::{LogFormat, LogLevel};
use tracing::level_filters::LevelFilter;
use tracing::{debug, error, info, warn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt, reload};

use self::json::JsonLines;
use crate::fleet::Notice;

/// What a process is to the fleet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role {
    /// The parent of all.
    Supervisor,
    /// It answers requests.
    Worker,
    /// It reads a model.
    Loader,
}

/// The [`Role`] of this process.
static ROLE: AtomicU8 = AtomicU8::new(Role::Supervisor as u8);

/// Where the level of this process's log is kept.
static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Starts logging. Workers inherit it.
pub(crate) fn start(level: LogLevel, format: LogFormat) {
    let (filter, handle) = reload::Layer::new(LevelFilter::from_level(level.tracing()));
    let lines = fmt::layer().with_target(false).with_ansi(false).with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => {
            std::panic::set_hook(Box::new(|panic| error!("{panic}")));
            lines.event_format(JsonLines).boxed()
        }
    };
    tracing_subscriber::registry().with(filter).with(lines).init();
    // Only a second start could find it set.
    let _ = LEVEL.set(handle);
}

/// Logs from now on what `level` asks for, in this process.
pub(crate) fn set_level(level: LogLevel) {
    if let Some(handle) = LEVEL.get() {
        // Fails only once the log itself is gone.
        let _ = handle.reload(LevelFilter::from_level(level.tracing()));
    }
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::Worker => "worker",
            Self::Loader => "loader",
        }
    }
}

/// From now on this process, a child that was just forked, has this role.
pub(crate) fn enter(role: Role) {
    ROLE.store(role as u8, Ordering::Relaxed);
}

fn role() -> Role {
    let roles = [Role::Supervisor, Role::Worker, Role::Loader];
    roles[usize::from(ROLE.load(Ordering::Relaxed))]
}

/// Words one notice.
pub(crate) fn write(notice: &Notice) {
    match notice {
        Notice::Listening(addresses) => {
            for address in addresses {
                info!("listening on {address}");
            }
        }
        Notice::FleetReady { workers } => info!(workers, "fleet ready"),
        Notice::WorkerReady { slot, pid, generation } => info!(slot, pid, generation, "worker ready"),
        Notice::WorkerRetiring { slot, pid } => info!(slot, pid, "worker retiring"),
        Notice::WorkerRetired { slot, pid, exit } => info!(slot, pid, %exit, "worker gone"),
        Notice::WorkerWorn { slot, pid, why } => info!(slot, pid, why, "worker to be recycled"),
        Notice::WorkerKilled { slot, pid, why } => warn!(slot, pid, "worker killed: {why}"),
        Notice::WorkerStuck { slot, pid, silent } => {
            error!(slot, pid, ?silent, "worker stuck: steered around and aborted");
        }
        Notice::WorkerDied { slot, pid, cause, exit, reason, respawn_in } => {
            let cause = cause.name();
            error!(slot, pid, cause, %exit, ?respawn_in, "worker died: {reason}");
        }
        Notice::WorkerDiedAgain { slot, pid, cause, exit, reason, respawn_in } => {
            let cause = cause.name();
            debug!(slot, pid, cause, %exit, ?respawn_in, "worker died: {reason}");
        }
        Notice::SlotFailing { slot, deaths } => {
            error!(
                slot,
                deaths, "workers of this slot keep dying: backing off, its next deaths are not logged"
            );
        }
        Notice::SlotRecovered { slot } => info!(slot, "slot recovered"),
        Notice::Draining { delay } => {
            info!(?delay, "draining: readiness is off, everything is answered still");
        }
        Notice::Retiring { timeout } => info!(?timeout, "draining: workers finish"),
        Notice::StoppingFast => info!("stopping now"),
        Notice::Stopped => info!("stopped"),
        Notice::StartFailed { reason } => error!("cannot start: {reason}"),
        Notice::Reloading { generation } => info!(generation, "reloading"),
        Notice::Reloaded { generation } => info!(generation, "reloaded"),
        Notice::ReloadFailed { generation, reason } => {
            error!(generation, "reload failed, the old generation stays: {reason}");
        }
        Notice::Upgrading { in_place: false } => {
            info!("upgrading: starting the program on disk beside this one");
        }
        Notice::Upgrading { in_place: true } => {
            info!("upgrading: the program on disk is to prove itself, and then to take this one's place");
        }
        Notice::Replaced => info!("replaced by the new supervisor: workers finish"),
        Notice::UpgradeFailed { reason } => error!("upgrade failed, this supervisor stays: {reason}"),
        Notice::TookOver { workers } => info!(workers, "took over from the old supervisor"),
        Notice::TookOverInPlace { workers } => {
            let version = env!("CARGO_PKG_VERSION");
            info!(workers, version, "took the place of the program before, and rolls its workers");
        }
        Notice::Parked => info!("parked: workers finish, connections wait until HUP or TTIN"),
        Notice::Unparked { workers } => info!(workers, "unparked"),
        Notice::Scaled { workers } => info!(workers, "scaled"),
        Notice::ScaleRefused { workers, max_workers } => {
            warn!(workers, max_workers, "cannot scale beyond 1 to max_workers");
        }
    }
}
