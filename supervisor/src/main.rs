//! The binary `linnet`: the story of a boot. `LIFECYCLE.md` beside this folder tells it in words.

mod fleet;
mod loader;
mod log;
mod os;
mod perform;
mod sockets;
mod supervise;

use std::process::ExitCode;
use std::time::Duration;

use linnet::config::{BindAddress, Settings};
use linnet::limits::Limits;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The start failed, or the supervisor lacks something: one line on standard error says what.
const EXIT_FAILED: u8 = 1;

fn main() -> ExitCode {
    log::start(tracing::Level::INFO);
    match supervise::run(settings_by_hand()) {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::from(EXIT_FAILED),
        Err(error) => {
            tracing::error!("the supervisor cannot go on: {error}");
            ExitCode::from(EXIT_FAILED)
        }
    }
}

/// Settings from the environment alone, for as long as there is no command line.
fn settings_by_hand() -> Settings {
    let variable = |name: &str| std::env::var(format!("LINNET_{name}")).ok();
    let number = |name: &str, default: u64| variable(name).and_then(|v| v.parse().ok()).unwrap_or(default);
    let millis = |name: &str, default: u64| Duration::from_millis(number(name, default));
    let bind = variable("BIND").unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let bind = match bind.strip_prefix("unix:") {
        Some(path) => BindAddress::Unix(path.into()),
        None => BindAddress::Tcp(bind.parse().unwrap_or_else(|_| ([127, 0, 0, 1], 8000).into())),
    };
    let workers = number("WORKERS", 2) as usize;
    Settings {
        bind: vec![bind],
        backlog: 2048,
        workers,
        max_workers: number("MAX_WORKERS", (2 * workers).max(workers + 2) as u64) as usize,
        model: variable("MODEL").unwrap_or_else(|| "artifacts/tagifai/1".to_owned()).into(),
        drain_delay: millis("DRAIN_DELAY_MS", 5_000),
        graceful_timeout: millis("GRACEFUL_TIMEOUT_MS", 20_000),
        keepalive_min: millis("KEEPALIVE_MIN_MS", 10_000),
        boot_timeout: millis("BOOT_TIMEOUT_MS", 30_000),
        limits: Limits::default(),
    }
}
