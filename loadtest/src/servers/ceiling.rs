//! The ceiling: bare hyper, set up as Linnet's worker is (`src/process/worker.rs`, `src/wire/connection.rs`). It reads
//! the same body and sends a fixed answer of the same size. Nothing that uses hyper in this way can be faster.
//!
//! When the worker's runtime, socket or hyper settings change, they change here too.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::process::Command;
use std::rc::Rc;

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use linnet::process::listener::bind_further;
use nix::sys::prctl::{set_pdeathsig, set_thp_disable};
use nix::sys::signal::Signal;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;

/// Accept queue of each worker: Linnet's default.
const BACKLOG: i32 = 2_048;

/// The command line of the ceiling.
#[derive(Args, Clone, Debug)]
pub(crate) struct CeilingArgs {
    /// Where to listen
    #[arg(long)]
    bind: SocketAddr,
    /// Processes of one thread each
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// One of several workers, started by the first process
    #[arg(long, hide = true)]
    child: bool,
    /// UPTO:BYTES, the size of the answer to bodies of up to so many bytes; ascending (repeatable)
    #[arg(long, value_parser = answer_size)]
    answer: Vec<(usize, usize)>,
    /// PATH:BYTES, the size of the answer to a GET (repeatable)
    #[arg(long, value_parser = page_size)]
    page: Vec<(String, usize)>,
}

fn answer_size(typed: &str) -> Result<(usize, usize), String> {
    let (up_to, size) = typed.split_once(':').ok_or("expected UPTO:BYTES")?;
    Ok((up_to.parse().map_err(|_| "not a number")?, size.parse().map_err(|_| "not a number")?))
}

fn page_size(typed: &str) -> Result<(String, usize), String> {
    let (path, size) = typed.rsplit_once(':').ok_or("expected PATH:BYTES")?;
    Ok((path.to_owned(), size.parse().map_err(|_| "not a number")?))
}

/// The fixed answers.
struct Answers {
    by_body: Vec<(usize, Bytes)>,
    by_path: Vec<(String, Bytes)>,
}

impl Answers {
    fn new(args: &CeilingArgs) -> Self {
        let filled = |size: usize| Bytes::from(format!("\"{}\"", "x".repeat(size.saturating_sub(2))));
        Self {
            by_body: args.answer.iter().map(|&(up_to, size)| (up_to, filled(size))).collect(),
            by_path: args.page.iter().map(|(path, size)| (path.clone(), filled(*size))).collect(),
        }
    }

    fn to(&self, path: &str, body: usize) -> Bytes {
        let found = if body == 0 {
            self.by_path.iter().find(|(known, _)| known == path).map(|(_, answer)| answer)
        } else {
            let fits = self.by_body.iter().find(|(up_to, _)| body <= *up_to);
            fits.or(self.by_body.last()).map(|(_, answer)| answer)
        };
        found.cloned().unwrap_or(Bytes::from_static(b"\"\""))
    }
}

/// Serves until it is killed. With several workers this process starts them and waits.
pub(crate) fn run(args: &CeilingArgs) -> io::Result<()> {
    if args.child {
        // Ends with the process that started it.
        set_pdeathsig(Signal::SIGTERM)?;
    } else if args.workers > 1 {
        return run_workers(args);
    }
    set_thp_disable(true)?; // as a worker does
    let listener = bind_further(args.bind)?;
    listener.listen(BACKLOG)?;
    let runtime =
        Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default())?;
    runtime.block_on(accept(listener.into(), Rc::new(Answers::new(args))))
}

fn run_workers(args: &CeilingArgs) -> io::Result<()> {
    let mut own = std::env::args_os();
    let program = own.next().unwrap_or_default();
    let arguments: Vec<_> = own.collect();
    let mut children = Vec::new();
    for _ in 0..args.workers {
        children.push(Command::new(&program).args(&arguments).arg("--child").spawn()?);
    }
    for child in &mut children {
        child.wait()?;
    }
    Ok(())
}

async fn accept(listener: std::net::TcpListener, answers: Rc<Answers>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let _ = stream.set_nodelay(true);
        let answers = Rc::clone(&answers);
        let service = service_fn(move |request| {
            let answers = Rc::clone(&answers);
            async move { Ok::<_, Infallible>(respond(&answers, request).await) }
        });
        spawn_local(async move {
            let connection = http1::Builder::new()
                .half_close(true)
                .header_read_timeout(None)
                .serve_connection(TokioIo::new(stream), service);
            // A connection that breaks is the client's affair.
            let _ = connection.await;
        });
    }
}

async fn respond(answers: &Answers, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
    let mut length = 0;
    while let Some(Ok(frame)) = request.body_mut().frame().await {
        length += frame.data_ref().map_or(0, Bytes::len);
    }
    let mut response = Response::new(Full::new(answers.to(request.uri().path(), length)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_the_size_that_was_asked_for() {
        let args = CeilingArgs {
            bind: "127.0.0.1:0".parse().unwrap(),
            workers: 1,
            child: false,
            answer: vec![answer_size("100:300").unwrap(), answer_size("5000:9000").unwrap()],
            page: vec![page_size("/:160").unwrap()],
        };
        let answers = Answers::new(&args);
        let sizes = [("/p", 80), ("/p", 100), ("/p", 101), ("/p", 9_999), ("/", 0), ("/none", 0)]
            .map(|(path, body)| answers.to(path, body).len());
        assert_eq!(sizes, [300, 300, 9_000, 9_000, 160, 2]);
        assert!(answer_size("5").is_err() && page_size("/").is_err());
    }
}
