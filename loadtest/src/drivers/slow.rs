//! Clients that send their requests a few bytes at a time, beside a load that is measured.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::pin::Pin;

/// Bytes that each client sends at once.
const BYTES: usize = 8;
/// How long it then pauses.
const PAUSE: Duration = Duration::from_millis(100);

/// Slow clients at work; they stop when this is dropped.
pub(crate) struct SlowClients {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl SlowClients {
    /// Starts `count` clients that send `request` to `address` over and again, on the cores of `pin`.
    pub(crate) fn start(address: SocketAddr, request: Vec<u8>, count: usize, pin: Pin) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            pin.apply();
            let mut clients: Vec<_> =
                (0..count).map(|at| (None, at * BYTES % request.len().max(1))).collect();
            while !told.load(Ordering::Relaxed) {
                for (stream, at) in &mut clients {
                    if step(stream, at, address, &request).is_err() {
                        (*stream, *at) = (None, 0);
                    }
                }
                std::thread::sleep(PAUSE);
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

/// One client's turn: connect if need be, send the next bytes, throw away what has come.
fn step(stream: &mut Option<TcpStream>, at: &mut usize, to: SocketAddr, request: &[u8]) -> io::Result<()> {
    let stream = match stream {
        Some(stream) => stream,
        none => {
            let new = TcpStream::connect_timeout(&to, PAUSE)?;
            new.set_nodelay(true)?;
            new.set_nonblocking(true)?;
            *at = 0;
            none.insert(new)
        }
    };
    let piece = &request[*at..(*at + BYTES).min(request.len())];
    stream.write_all(piece)?;
    *at = if *at + piece.len() == request.len() { 0 } else { *at + piece.len() };
    match stream.read(&mut [0; 4096]) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}

impl Drop for SlowClients {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic there was printed already.
            let _ = thread.join();
        }
    }
}
