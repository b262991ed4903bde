//! The binary `linnet`: the story of a boot. `LIFECYCLE.md` beside this folder tells it in words.

mod activation;
mod check;
mod cli;
mod ctl;
mod fleet;
mod identity;
mod loader;
mod log;
mod notify;
mod os;
mod perform;
mod pidfile;
mod predict;
mod sample;
mod settings;
mod sockets;
mod status;
mod supervise;
mod upgrade;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command, SettingsArgs};
use linnet::config::Effective;
use linnet::process::log_file::lead_stderr_to;
use linnet::scoreboard::SEATS_PER_SLOT;
use mimalloc::MiMalloc;
use nix::sys::stat::{Mode, umask};
use settings::SettingsBook;
use upgrade::Origin;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The start failed, or the supervisor lacks something: one line on standard error says what.
const EXIT_FAILED: u8 = 1;

fn main() -> ExitCode {
    match Cli::parse().into_command() {
        Command::Serve(args) => serve(args),
        Command::Check(args) => check::run(args, &mut std::io::stdout(), &mut std::io::stderr()),
        Command::Ctl(args) => ctl::client::command(args),
        Command::Predict(args) => predict::command(&args),
    }
}

/// `linnet serve`: settings, then the working directory, then the log, then the fleet until it is told to stop.
fn serve(args: SettingsArgs) -> ExitCode {
    let invocation = upgrade::Invocation::of_this_process();
    let mut origin = match Origin::from_environment() {
        Ok(origin) => origin,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "cannot start: {error}");
            return ExitCode::from(EXIT_FAILED);
        }
    };
    let loader = args.loader();
    let loaded = match origin.inheritance() {
        Some(left) => settings::load_in_place(&loader, &left.settings, left.layout.seats / SEATS_PER_SLOT),
        None => loader.load().map_err(|problems| problems.to_string()),
    };
    let enter = |effective: Effective| effective.enter_directory().map(|()| effective.settings);
    let settings = match loaded.and_then(|effective| enter(effective).map_err(|p| p.to_string())) {
        Ok(settings) => settings,
        Err(problems) => {
            origin.tell_failure(&problems);
            // A closed standard error must not hide the status.
            let _ = writeln!(std::io::stderr(), "{problems}");
            return ExitCode::from(check::BAD_SETTINGS);
        }
    };
    if let Ok(mask) = u32::from_str_radix(&settings.umask, 8) {
        umask(Mode::from_bits_truncate(mask));
    }
    if !settings.errorlog.is_empty()
        && let Err(error) = lead_stderr_to(Path::new(&settings.errorlog))
    {
        let _ = writeln!(std::io::stderr(), "errorlog = {:?}: {error}", settings.errorlog);
        return ExitCode::from(EXIT_FAILED);
    }
    log::start(settings.loglevel, settings.log_format);
    os::limits::raise_descriptor_limit();
    let book = SettingsBook::new(loader, settings);
    match invocation.and_then(|invocation| supervise::run(book, invocation, origin)) {
        Ok(false) => ExitCode::SUCCESS,
        Ok(true) => ExitCode::from(EXIT_FAILED),
        Err(error) => {
            tracing::error!("the supervisor cannot go on: {error}");
            ExitCode::from(EXIT_FAILED)
        }
    }
}
