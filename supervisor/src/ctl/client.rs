//! `linnet ctl`: asks a running supervisor, says what it answers, and ends with a status that scripts can use.

use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use linnet::config::{BindAddress, ControlSocket};

use super::protocol::{Request, Response, Status};
use super::{place, table, top};
use crate::cli::{CtlArgs, CtlCommand};

/// What was asked for could not be done; standard error says why.
const FAILED: u8 = 1;
/// Wrong settings or usage.
const USAGE: u8 = 2;
/// No supervisor answers.
const NOBODY: u8 = 3;

/// How long the state may take, which needs no waiting.
const PROMPT: Duration = Duration::from_secs(5);

/// Longest answer, in bytes: some hundreds for each of at most 4,096 slots.
const MAX_RESPONSE: u64 = 16 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CtlError {
    /// The settings that should say where the socket is are wrong, or leave it open.
    #[error("{0}")]
    Settings(String),
    /// Nobody listens.
    #[error("no supervisor answers at {}", .0.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(" or "))]
    Nobody(Vec<PathBuf>),
    /// The connection ended before the answer, or the terminal cannot be used.
    #[error("{0}")]
    Broken(#[from] io::Error),
    /// The answer is none.
    #[error("the supervisor's answer cannot be read: {0}")]
    Answer(#[from] serde_json::Error),
    /// The supervisor says no.
    #[error("{0}")]
    Refused(String),
}

impl CtlError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) => USAGE,
            Self::Nobody(_) | Self::Broken(_) | Self::Answer(_) => NOBODY,
            Self::Refused(_) => FAILED,
        }
    }
}

/// Runs one `linnet ctl` command.
pub(crate) fn command(args: CtlArgs) -> ExitCode {
    let mut out = io::stdout();
    match run(args, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed standard error must not hide the status.
            let _ = writeln!(io::stderr(), "linnet ctl: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(args: CtlArgs, out: &mut impl io::Write) -> Result<(), CtlError> {
    let command = args.command;
    let paths = args.paths()?;
    let request = match command {
        CtlCommand::Status { json } => {
            let status = fetch_status(&paths)?;
            let text =
                if json { serde_json::to_string_pretty(&status)? + "\n" } else { table::text(&status) };
            return ignore_closed(out.write_all(text.as_bytes()));
        }
        CtlCommand::Top if !io::stdout().is_terminal() => {
            return Err(CtlError::Settings("top needs a terminal; `status` needs none".to_owned()));
        }
        CtlCommand::Top => return top::run(|| fetch_status(&paths)),
        CtlCommand::Reload => Request::Reload,
        CtlCommand::Scale { workers } => Request::Scale { workers },
        CtlCommand::Drain => Request::Drain,
        CtlCommand::Stop => Request::Stop,
    };
    let response = exchange(&paths, request, None)?;
    if !response.ok {
        return Err(CtlError::Refused(response.message));
    }
    ignore_closed(writeln!(out, "{}", response.message))
}

/// Whoever closes our output has read enough.
fn ignore_closed(result: io::Result<()>) -> Result<(), CtlError> {
    match result {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e.into()),
        _ => Ok(()),
    }
}

fn fetch_status(paths: &[PathBuf]) -> Result<Status, CtlError> {
    let response = exchange(paths, Request::Status, Some(PROMPT))?;
    response.status.ok_or(CtlError::Refused(response.message))
}

/// Asks, and waits for the answer and for the end of the connection: when a supervisor stops, its ports are closed then.
fn exchange(paths: &[PathBuf], request: Request, patience: Option<Duration>) -> Result<Response, CtlError> {
    let connect = |path: &PathBuf| UnixStream::connect(path).ok();
    let mut stream = paths.iter().find_map(connect).ok_or_else(|| CtlError::Nobody(paths.to_vec()))?;
    stream.set_read_timeout(patience)?;
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    let mut reader = BufReader::new(stream.take(MAX_RESPONSE));
    if reader.read_line(&mut answer)? == 0 {
        return Err(io::Error::other("the supervisor ended without an answer").into());
    }
    let response = serde_json::from_str(&answer)?;
    // Nothing follows but the end; an error here cannot make the answer wrong.
    let _ = reader.read_line(&mut answer);
    Ok(response)
}

impl CtlArgs {
    /// Where the supervisor may be, the likeliest place first.
    fn paths(self) -> Result<Vec<PathBuf>, CtlError> {
        if let Some(path) = self.socket {
            return Ok(vec![path]);
        }
        let effective = self.settings.loader().load().map_err(|p| CtlError::Settings(p.to_string()))?;
        let settings = &effective.settings;
        match (&settings.control_socket, &settings.bind[0]) {
            (ControlSocket::Off, _) => {
                Err(CtlError::Settings("control_socket is off in these settings".to_owned()))
            }
            (ControlSocket::Auto, BindAddress::Tcp(address)) if address.port() == 0 => {
                Err(CtlError::Settings(
                    "the system has chosen the port: --socket names the control socket, as the log does"
                        .to_owned(),
                ))
            }
            (socket, first) => {
                // Relative paths start where the supervisor's do.
                let directory = Path::new(&settings.chdir);
                let first = match first {
                    BindAddress::Unix(path) => BindAddress::Unix(directory.join(path)),
                    BindAddress::Tcp(_) => first.clone(),
                };
                let places = place::candidates(socket, &first);
                Ok(places.into_iter().map(|path| directory.join(path)).collect())
            }
        }
    }
}
