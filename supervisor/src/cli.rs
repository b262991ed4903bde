//! The command line: what can be typed, and what it stands for.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use linnet::config::{DEFAULT_FILE, Flag, Given, Loader};

/// Serves scikit-learn linear text classifiers from a supervised fleet of workers.
#[derive(Debug, Parser)]
#[command(name = "linnet", version, args_conflicts_with_subcommands = true, after_help = STATUSES)]
pub(crate) struct Cli {
    /// What to do; nothing typed means `serve`.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The flags of `serve`, which may stand without its name.
    #[command(flatten)]
    pub(crate) serve: SettingsArgs,
}

const SET: &str = "Any setting, as in --set drain_delay=2s (repeatable; the flags above count more)";

const STATUSES: &str = "\
Exit status: 0 all went well; 1 the model cannot be served, or the work failed; 2 wrong settings or usage.
Settings: config/linnet.toml lists them all. The strongest source counts: flag, environment (LINNET_ and the name in
upper case; also PORT and WEB_CONCURRENCY), file, default.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the fleet and keep it running (what `linnet` does when no command is named).
    Serve(SettingsArgs),
    /// Check settings and model without binding anything.
    ///
    /// Says `config OK` and `model OK` on standard error, or everything that is wrong, one line each.
    ///
    /// Exit status: 0 both are good; 1 the model is bad; 2 the settings are bad.
    Check(CheckArgs),
    /// Ask a running fleet for its state, or tell it what to do; each command ends when that is done.
    ///
    /// The supervisor is found by its settings (`control_socket` of -c FILE and of the flags it was started with), or
    /// by --socket. `linnet ctl` needs to be the user that the supervisor runs as, or root.
    ///
    /// Exit status: 0 done; 1 refused or failed, and standard error says why; 2 wrong settings or usage; 3 no supervisor
    /// answers.
    Ctl(CtlArgs),
    /// Predict for texts from standard input, one JSON object a line: {"text": "…"}.
    ///
    /// Writes one JSON object a line, in the same order. A bad line is reported with its number on standard error and
    /// answered with {"error": "…"}. All processors take part. Where standard error is a terminal and the others are
    /// not, it shows how far the work is.
    ///
    /// Exit status: 0 every line was answered; 1 a line was bad, or the model cannot be used; 2 wrong usage.
    Predict(PredictArgs),
}

/// Where the settings come from; the same for `serve`, `check` and `ctl`.
#[derive(Args, Clone, Debug)]
pub(crate) struct SettingsArgs {
    #[arg(short, long, value_name = "FILE", help = format!("The settings file; {DEFAULT_FILE} if it is there"))]
    config: Option<PathBuf>,
    #[arg(
        long,
        value_name = "ADDR",
        help = "Address to listen on: 127.0.0.1:80, :80, [::1]:80, unix:/path (repeatable)"
    )]
    bind: Vec<String>,
    /// Worker processes: a number, or auto for what affinity mask and cgroup allow
    #[arg(long, value_name = "N|auto")]
    workers: Option<String>,
    /// The directory that holds the model's manifest.json
    #[arg(long, value_name = "DIR")]
    model: Option<String>,
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value, help = SET)]
    set: Vec<(String, String)>,
}

/// The arguments of `linnet check`.
#[derive(Args, Clone, Debug)]
pub(crate) struct CheckArgs {
    /// Where the settings come from.
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    /// Print the settings that count as TOML on standard output, each with where it is from
    #[arg(long)]
    pub(crate) print: bool,
}

/// The arguments of `linnet ctl`.
#[derive(Args, Clone, Debug)]
pub(crate) struct CtlArgs {
    #[arg(
        long,
        value_name = "PATH",
        global = true,
        help = "The control socket, as the supervisor's log names it"
    )]
    pub(crate) socket: Option<PathBuf>,
    /// Where the settings come from.
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: CtlCommand,
}

/// What can be asked of a running fleet.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum CtlCommand {
    /// Show the fleet: addresses, workers, requests, latencies, last exits
    Status {
        /// As JSON, for programs: times in seconds, latencies in milliseconds, sizes in bytes
        #[arg(long)]
        json: bool,
    },
    /// Show the same live, once a second, until q
    Top,
    /// Read the settings and the model again and roll the workers; done when all of them serve the new ones
    Reload,
    /// Run N workers, within 1 and `max_workers`; done when exactly these serve
    Scale {
        #[arg(value_name = "N", help = "How many workers")]
        workers: usize,
    },
    /// Stop as TERM does: answer everything for `drain_delay`, then finish; fails if workers had to be killed
    Drain,
    /// Stop as INT does: at once
    Stop,
}

/// The arguments of `linnet predict`.
#[derive(Args, Clone, Debug)]
pub(crate) struct PredictArgs {
    /// The directory that holds the model's manifest.json
    #[arg(long, value_name = "DIR")]
    pub(crate) model: PathBuf,
    /// Threads that predict [default: as many as affinity mask and cgroup allow]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
}

impl Cli {
    /// The command that was typed, or the one that was meant when none was.
    pub(crate) fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }
}

impl SettingsArgs {
    /// A loader of these settings; make it before the working directory changes.
    pub(crate) fn loader(self) -> Loader {
        let text = |flag, key: &str, value| Flag { flag, key: key.to_owned(), given: Given::Text(value) };
        let mut flags: Vec<Flag> =
            self.set.into_iter().map(|(key, value)| text("--set", &key, value)).collect();
        if !self.bind.is_empty() {
            let given = Given::List(
                self.bind.iter().flat_map(|addresses| addresses.split(',')).map(str::to_owned).collect(),
            );
            flags.push(Flag { flag: "--bind", key: "bind".to_owned(), given });
        }
        flags.extend(self.workers.map(|workers| text("--workers", "workers", workers)));
        flags.extend(self.model.map(|model| text("--model", "model", model)));
        Loader::new(self.config.as_deref(), flags)
    }
}

fn key_and_value(typed: &str) -> Result<(String, String), String> {
    let (key, value) = typed.split_once('=').ok_or("expected KEY=VALUE, such as drain_delay=2s")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use linnet::config::SETTINGS;

    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(line.split_whitespace()).map(Cli::into_command)
    }

    #[test]
    fn the_commands_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_means_serve() {
        for line in
            ["linnet", "linnet serve", "linnet --workers 4", "linnet -c f --bind :1 --bind :2 --set a=b=c"]
        {
            assert!(matches!(parse(line), Ok(Command::Serve(_))), "{line}");
        }
        assert!(matches!(parse("linnet check --print --workers 4"), Ok(Command::Check(_))));
        assert!(matches!(parse("linnet predict --model d"), Ok(Command::Predict(_))));
        for line in ["linnet ctl status --json", "linnet ctl -c f scale 3", "linnet ctl top --socket s"] {
            assert!(matches!(parse(line), Ok(Command::Ctl(_))), "{line}");
        }
        for line in ["linnet ctl", "linnet ctl scale", "linnet ctl scale -1", "linnet ctl restart"] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(matches!(parse("linnet predict --model d --threads 3"), Ok(Command::Predict(_))));
        assert!(parse("linnet predict --model d --threads 0").is_err());
        for line in ["linnet srve", "linnet --workers", "linnet --set a", "linnet predict", "linnet --print"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_flags_of_the_table_exist() {
        let command = Cli::command();
        for setting in SETTINGS {
            let Some(flag) = setting.flag else { continue };
            assert!(command.get_arguments().any(|arg| arg.get_long() == flag.strip_prefix("--")), "{flag}");
        }
    }
}
