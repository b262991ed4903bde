//! A whole connection: the first byte says how the rest is cut, which is then sent to a real server over a Unix socket.

use std::cell::RefCell;
use std::time::Duration;

use linnet::config::Settings;
use linnet::json;
use linnet::model::{Model, build_image};
use linnet::scoreboard::SlotHandle;
use linnet::wire::app::{App, Door};
use linnet::wire::connection::{Listener, Server, Sharing};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

use super::root;

/// A client that has sent all and closed its side is answered, and the connection closed, within this.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on this thread, and where it listens.
struct Running {
    runtime: LocalRuntime,
    folder: TempDir,
    _server: Server,
}

thread_local! {
    static RUNNING: RefCell<Running> = RefCell::new(Running::start());
}

/// Sends the bytes in pieces. What comes back is HTTP, answer after answer, JSON where it says so, with the same
/// statuses as when the bytes are sent at once; and the connection ends. Only what a client gets that breaks off within
/// a head is left open: 400 or nothing.
pub(super) fn target(data: &[u8]) {
    let Some((&cut, bytes)) = data.split_first() else { return };
    let heads_only = bytes.windows(5).any(|word| word == b"HEAD ");
    RUNNING.with_borrow(|running| {
        let statuses = |answers: Vec<u8>| statuses(&answers, heads_only);
        let whole = statuses(running.exchange(bytes, bytes.len()));
        if cut > 0 {
            let cut = statuses(running.exchange(bytes, usize::from(cut)));
            let same = cut == whole || [&*cut, &[400]].concat() == whole || [&*whole, &[400]].concat() == cut;
            assert!(same, "statuses of bytes that were sent in pieces {cut:?}, and at once {whole:?}");
        }
    });
}

impl Running {
    fn start() -> Self {
        let runtime =
            Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default());
        let runtime = runtime.expect("a runtime");
        let folder = TempDir::new().expect("room for a socket");
        let image = build_image(&root().join("artifacts/tagifai/1")).expect("the model that ships");
        let model = Model::from_image(Box::leak(Box::new(image)).as_bytes()).expect("an image just made");
        let mut settings = Settings::defaults(1);
        settings.limits.body_bytes = 4_096;
        settings.limits.text_bytes = 512;
        let slot = SlotHandle::detached();
        let socket = folder.path().join("socket");
        let server = runtime.block_on(async {
            let server = Server::new(App::new(model, &settings, slot), &settings, slot);
            let listener = UnixListener::bind(&socket).expect("a socket");
            server.accept_from(Listener::Unix(listener), Sharing::Own, Door::Everything);
            server
        });
        Self { runtime, folder, _server: server }
    }

    /// What the server answers to `bytes`, sent in pieces of `piece` bytes, with a turn for the server after each.
    fn exchange(&self, bytes: &[u8], piece: usize) -> Vec<u8> {
        let socket = self.folder.path().join("socket");
        let exchange = async {
            let (mut from, mut to) =
                UnixStream::connect(socket).await.expect("the server accepts").into_split();
            let mut answers = Vec::new();
            let send = async {
                for piece in bytes.chunks(piece.max(1)) {
                    if to.write_all(piece).await.is_err() {
                        break; // the server has refused and closed
                    }
                    tokio::task::yield_now().await;
                }
                let _ = to.shutdown().await;
            };
            // A reset after the last answer loses nothing that was read before it.
            let ((), _) = tokio::join!(send, from.read_to_end(&mut answers));
            answers
        };
        let ended = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, exchange).await });
        ended.unwrap_or_else(|_| panic!("the connection hangs after {}", bytes.escape_ascii()))
    }
}

/// The statuses of answers that follow each other; panics where they are not well-formed.
fn statuses(mut answers: &[u8], heads_only: bool) -> Vec<u16> {
    let mut statuses = Vec::new();
    while !answers.is_empty() {
        let shown = || answers.escape_ascii().to_string();
        let end = answers.windows(4).position(|end| end == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no end of the head: {}", shown()));
        let head =
            std::str::from_utf8(&answers[..end]).unwrap_or_else(|_| panic!("a strange head: {}", shown()));
        let mut lines = head.split("\r\n");
        let status =
            lines.next().and_then(|line| line.strip_prefix("HTTP/1.")).and_then(|line| line.get(2..5));
        let status = status.and_then(|status| status.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("no status: {}", shown()));
        let fields: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
        let field =
            |name: &str| fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
        let length = field("content-length").map_or(0, |length| length.parse().expect("a length in digits"));
        answers = &answers[end + 4..];
        // An answer to HEAD tells the length of a body that does not come.
        let bodiless = heads_only && (answers.is_empty() || answers.starts_with(b"HTTP/1."));
        let (body, rest) = answers.split_at_checked(if bodiless { 0 } else { length }).unwrap_or_else(|| {
            panic!("{length} bytes of body announced: {}", shown());
        });
        if field("content-type") == Some("application/json") && !bodiless {
            assert!(!body.is_empty() && json::check(body).is_ok(), "no JSON: {}", body.escape_ascii());
        }
        statuses.push(status);
        answers = rest;
    }
    statuses
}
