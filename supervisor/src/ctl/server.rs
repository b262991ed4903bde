//! The supervisor's end of the control socket: never blocks, and costs a bounded amount whatever a client does.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use linnet::config::{BindAddress, ControlSocket};

use super::place;
use super::protocol::{MAX_REQUEST, Request, Response};
use crate::fleet::{Ask, AskId};

/// Clients at a time; the next one is told that there are too many.
const MAX_CLIENTS: usize = 16;

/// How long a client may take to ask, and again to take its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The control socket and its clients.
pub(crate) struct ControlServer {
    listener: UnixListener,
    path: PathBuf,
    /// The directory that was made for it, if one was.
    made: Option<PathBuf>,
    /// Whether the file is this process's, and whoever connects is its client; else they are another supervisor's.
    owned: bool,
    clients: Vec<Client>,
    next_id: u64,
}

/// The control socket, as a supervisor passes it on to its successor.
pub(crate) struct LegacyControl<S> {
    /// Where its file is.
    pub(crate) path: PathBuf,
    /// The listener.
    pub(crate) socket: S,
}

/// One client.
struct Client {
    id: AskId,
    stream: UnixStream,
    stage: Stage,
}

/// Where a client is in its one exchange.
enum Stage {
    /// It asks.
    Asking { line: Vec<u8>, until: Duration },
    /// It waits for the core.
    Waiting,
    /// It is given its answer.
    Answering { line: Vec<u8>, sent: usize, until: Duration },
    /// Done, or gone.
    Over,
}

/// What the core should hear of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A question.
    Asked(AskId, Ask),
    /// Whoever asked this has gone.
    Dropped(AskId),
}

impl ControlServer {
    /// Binds the control socket; none if it is switched off, or if `auto` finds no place. `first` is the first bind
    /// address, its port resolved.
    ///
    /// # Errors
    /// If the path that the operator has set cannot be bound.
    pub(crate) fn bind(setting: &ControlSocket, first: &BindAddress) -> Result<Option<Self>, String> {
        let mut reasons = Vec::new();
        for path in place::candidates(setting, first) {
            match Self::at(setting, &path) {
                Ok(server) => {
                    tracing::info!("control socket {}", path.display());
                    return Ok(Some(server));
                }
                Err(error) => reasons.push(format!("{}: {error}", path.display())),
            }
        }
        match setting {
            ControlSocket::At(_) => Err(format!("cannot bind control_socket {}", reasons.join(", "))),
            ControlSocket::Auto => {
                let reason =
                    if reasons.is_empty() { "no directory for it".into() } else { reasons.join(", ") };
                tracing::warn!("no control socket, so no `linnet ctl`: {reason}");
                Ok(None)
            }
            ControlSocket::Off => Ok(None),
        }
    }

    /// Keeps the socket that another supervisor has bound, which serves it until [`Self::own`]: so there is always one
    /// of the two that answers, and nobody needs to be allowed to make a file where it is.
    pub(crate) fn inherit(legacy: LegacyControl<OwnedFd>) -> Self {
        let listener = UnixListener::from(legacy.socket);
        Self { listener, path: legacy.path, made: None, owned: false, clients: Vec::new(), next_id: 0 }
    }

    /// For a successor.
    pub(crate) fn legacy(&self) -> LegacyControl<BorrowedFd<'_>> {
        LegacyControl { path: self.path.clone(), socket: self.listener.as_fd() }
    }

    /// From now on the file, and whoever connects, are this process's.
    pub(crate) fn own(&mut self) {
        self.owned = true;
        tracing::info!("control socket {}", self.path.display());
    }

    /// From now on the file, and whoever connects, are a successor's. Clients that are here are served to their end.
    pub(crate) fn leave(&mut self) {
        self.owned = false;
    }

    fn at(setting: &ControlSocket, path: &Path) -> io::Result<Self> {
        let (socket, made) = place::bind(setting, path)?;
        socket.listen(i32::try_from(MAX_CLIENTS).unwrap_or(i32::MAX))?;
        let listener = UnixListener::from(std::os::fd::OwnedFd::from(socket));
        Ok(Self { listener, path: path.to_owned(), made, owned: true, clients: Vec::new(), next_id: 0 })
    }

    /// What has been made in the file system.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.path), self.made.as_ref()].into_iter().flatten().map(PathBuf::as_path)
    }

    /// Descriptors that tell of something to do: those to read, and those to write.
    pub(crate) fn descriptors(&self) -> (Vec<BorrowedFd<'_>>, Vec<BorrowedFd<'_>>) {
        let mut reading: Vec<_> = self.owned.then(|| self.listener.as_fd()).into_iter().collect();
        let mut writing = Vec::new();
        for client in &self.clients {
            let is_answered = matches!(client.stage, Stage::Answering { .. });
            if is_answered { &mut writing } else { &mut reading }.push(client.stream.as_fd());
        }
        (reading, writing)
    }

    /// When a client has used up its time.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.clients.iter().filter_map(|client| client.stage.deadline()).min()
    }

    /// Does what can be done without waiting.
    pub(crate) fn turn(&mut self, now: Duration) -> Vec<Heard> {
        if self.owned {
            self.accept(now);
        }
        let mut heard = Vec::new();
        for client in &mut self.clients {
            heard.extend(client.turn(now));
        }
        self.forget_ended();
        heard
    }

    /// Answers a question; nobody may be there to hear it any more.
    pub(crate) fn answer(&mut self, now: Duration, id: AskId, response: &Response) {
        if let Some(client) = self.clients.iter_mut().find(|client| client.id == id) {
            client.answer(now, response);
        }
        // The end of the connection is part of the answer; at the next turn, nothing may happen for a second.
        self.forget_ended();
    }

    fn forget_ended(&mut self) {
        self.clients.retain(|client| !matches!(client.stage, Stage::Over));
    }

    /// Removes the socket's file, if it is this process's. The last act.
    pub(crate) fn remove_file(&self) {
        if self.owned {
            // Gone already is just as well.
            let _ = std::fs::remove_file(&self.path);
        }
    }

    fn accept(&mut self, now: Duration) {
        // At most a full house in one turn, so that a crowd of clients cannot keep the loop here.
        for _ in 0..MAX_CLIENTS {
            let Ok((stream, _)) = self.listener.accept() else { return };
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            if self.clients.len() >= MAX_CLIENTS {
                let refusal = Response::of(Err(format!("more than {MAX_CLIENTS} control connections")));
                let _ = (&stream).write(&refusal.to_line());
                continue;
            }
            let stage = Stage::Asking { line: Vec::new(), until: now + PATIENCE };
            self.clients.push(Client { id: AskId(self.next_id), stream, stage });
            self.next_id += 1;
        }
    }
}

impl Stage {
    fn deadline(&self) -> Option<Duration> {
        match *self {
            Self::Asking { until, .. } | Self::Answering { until, .. } => Some(until),
            Self::Waiting | Self::Over => None,
        }
    }
}

impl Client {
    fn turn(&mut self, now: Duration) -> Option<Heard> {
        if self.stage.deadline().is_some_and(|until| until <= now) {
            self.stage = Stage::Over;
        }
        match &mut self.stage {
            Stage::Asking { .. } => self.listen(now),
            Stage::Waiting => {
                // It has nothing to say any more: whatever is there to read is its end, or a mistake.
                if would_block(&(&self.stream).read(&mut [0])) {
                    return None;
                }
                self.stage = Stage::Over;
                Some(Heard::Dropped(self.id))
            }
            Stage::Answering { .. } => {
                self.send();
                None
            }
            Stage::Over => None,
        }
    }

    fn listen(&mut self, now: Duration) -> Option<Heard> {
        let Stage::Asking { line, .. } = &mut self.stage else { return None };
        let mut chunk = [0; MAX_REQUEST];
        let read = (&self.stream).read(&mut chunk);
        match read {
            Ok(count @ 1..) => line.extend_from_slice(&chunk[..count]),
            other if would_block(&other) => return None,
            _ => {
                self.stage = Stage::Over;
                return None;
            }
        }
        let refusal = match line.iter().position(|byte| *byte == b'\n') {
            Some(end) => match Request::from_line(&line[..end]) {
                Ok(request) => {
                    self.stage = Stage::Waiting;
                    return Some(Heard::Asked(self.id, request.ask()));
                }
                Err(reason) => reason,
            },
            None if line.len() < MAX_REQUEST => return None,
            None => format!("not a request: longer than {MAX_REQUEST} bytes"),
        };
        self.answer(now, &Response::of(Err(refusal)));
        None
    }

    fn answer(&mut self, now: Duration, response: &Response) {
        self.stage = Stage::Answering { line: response.to_line(), sent: 0, until: now + PATIENCE };
        self.send();
    }

    fn send(&mut self) {
        let Stage::Answering { line, sent, .. } = &mut self.stage else { return };
        while *sent < line.len() {
            match (&self.stream).write(&line[*sent..]) {
                Ok(count @ 1..) => *sent += count,
                other if would_block(&other) => return,
                _ => break,
            }
        }
        self.stage = Stage::Over;
    }
}

fn would_block(result: &io::Result<usize>) -> bool {
    matches!(result, Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};

    use super::*;

    const START: Duration = Duration::from_secs(100);

    fn server() -> (tempfile::TempDir, ControlServer) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.sock");
        let server = ControlServer::at(&ControlSocket::At(path.clone()), &path).unwrap();
        (folder, server)
    }

    fn client(server: &ControlServer, says: &str) -> UnixStream {
        let mut stream = UnixStream::connect(&server.path).unwrap();
        stream.write_all(says.as_bytes()).unwrap();
        stream
    }

    fn line(stream: &UnixStream) -> String {
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    }

    #[test]
    fn a_question_is_heard_when_its_line_is_whole_and_answered_once() {
        let (_folder, mut server) = server();
        let mut asker = client(&server, r#"{"command":"rel"#);
        assert_eq!(server.turn(START), []);
        asker.write_all(b"oad\"}\n").unwrap();
        assert_eq!(server.turn(START), [Heard::Asked(AskId(0), Ask::Reload)]);
        // No deadline while the core works on it.
        assert_eq!((server.turn(START + 100 * PATIENCE), server.next_deadline()), (vec![], None));
        server.answer(START, AskId(0), &Response::of(Ok("done".to_owned())));
        let mut answer = String::new();
        asker.set_read_timeout(Some(PATIENCE)).unwrap();
        asker.read_to_string(&mut answer).expect("no further turn is needed for the end");
        assert_eq!(answer, "{\"ok\":true,\"message\":\"done\"}\n");
        assert!(server.clients.is_empty());
    }

    #[test]
    fn who_says_nothing_sensible_is_told_or_cut_off() {
        let (_folder, mut server) = server();
        let (silent, wrong) = (client(&server, ""), client(&server, "stop\n"));
        let long = client(&server, &"x".repeat(MAX_REQUEST));
        assert_eq!(server.turn(START), []);
        assert!(line(&wrong).contains("not a request") && line(&long).contains("longer than"));
        assert_eq!(server.next_deadline(), Some(START + PATIENCE));
        server.turn(START + PATIENCE);
        assert!(server.clients.is_empty() && line(&silent).is_empty());
    }

    #[test]
    fn two_hold_it_and_one_of_them_serves() {
        let (_folder, mut old) = server();
        let socket = old.legacy().socket.try_clone_to_owned().unwrap();
        let mut new = ControlServer::inherit(LegacyControl { path: old.path.clone(), socket });
        let before = client(&old, "{\"command\":\"drain\"}\n");
        assert_eq!((new.turn(START), new.descriptors().0.len()), (vec![], 0));
        assert_eq!(old.turn(START), [Heard::Asked(AskId(0), Ask::Drain)]);
        old.leave();
        new.own();
        let _after = client(&old, "{\"command\":\"stop\"}\n");
        assert_eq!((old.turn(START), new.turn(START)), (vec![], vec![Heard::Asked(AskId(0), Ask::Stop)]));
        old.answer(START, AskId(0), &Response::of(Ok("done".to_owned())));
        assert!(line(&before).contains("done"));
        old.remove_file();
        assert!(new.path.exists(), "it is the other one's");
        new.remove_file();
        assert!(!new.path.exists());
    }

    #[test]
    fn who_goes_away_is_forgotten_and_an_answer_for_nobody_is_no_error() {
        let (_folder, mut server) = server();
        let asker = client(&server, "{\"command\":\"drain\"}\n");
        assert_eq!(server.turn(START), [Heard::Asked(AskId(0), Ask::Drain)]);
        drop(asker);
        assert_eq!(server.turn(START), [Heard::Dropped(AskId(0))]);
        server.answer(START, AskId(0), &Response::of(Ok(String::new())));
        assert!(server.clients.is_empty());
    }

    #[test]
    fn a_crowd_is_bounded_and_a_client_that_does_not_read_is_dropped_in_time() {
        let (_folder, mut server) = server();
        let crowd: Vec<_> = (0..MAX_CLIENTS).map(|_| client(&server, "{\"command\":\"status\"}\n")).collect();
        assert_eq!(server.turn(START).len(), MAX_CLIENTS);
        let late = client(&server, "");
        server.turn(START);
        assert!(line(&late).contains("more than 16"));
        // More than a socket's buffer holds.
        let response = Response::of(Ok("x".repeat(10 << 20)));
        server.answer(START, AskId(3), &response);
        assert_eq!(server.descriptors().1.len(), 1);
        server.turn(START + PATIENCE);
        assert_eq!(server.clients.len(), MAX_CLIENTS - 1);
        drop(crowd);
        assert_eq!(server.turn(START).len(), MAX_CLIENTS - 1);
    }
}
