//! How long a large model takes from exec to the first answer, and what it occupies: the real binary, the artifact in
//! the page cache, everything on one core.
//!
//!     cargo bench -p linnet-supervisor --bench load [-- [--classes N] [--zeros PERCENT] [--rounds N]]
//!
//! The model has 1,000,000 n-grams; its artifact is made once and kept below `target/tmp` (420 MB with 50 classes).
//! `--zeros` makes that share of its weights 0.

#![allow(clippy::print_stdout, reason = "a benchmark talks on standard output")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop where it stands")]

mod artifact;
#[allow(dead_code, reason = "shared with the benchmark of the engine, which uses all of it")]
#[path = "../engine/corpus.rs"]
mod corpus;
#[allow(dead_code, reason = "as above")]
#[path = "../engine/models.rs"]
mod models;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use self::support::linnet::{Linnet, Start};

struct Options {
    classes: usize,
    zeros: usize,
    rounds: usize,
}

fn options() -> Options {
    let mut options = Options { classes: 50, zeros: 0, rounds: 5 };
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        let value = arguments.next().and_then(|value| value.parse().ok());
        match (argument.as_str(), value) {
            ("--classes", Some(classes)) => options.classes = classes,
            ("--zeros", Some(percent)) => options.zeros = percent,
            ("--rounds", Some(rounds)) => options.rounds = rounds,
            _ => panic!("expected --classes N, --zeros PERCENT, --rounds N; got {argument:?}"),
        }
    }
    options
}

fn main() {
    let options = options();
    let directory = kept_artifact(&options);
    let artifact = bytes_in(&directory);
    println!("{}: {:.1} MB", directory.display(), megabytes(artifact));
    stay_on_one_core();
    for round in 0..options.rounds {
        let started = Instant::now();
        let linnet = Start::with_workers(1).set("MODEL", &directory.display().to_string()).spawn();
        let address = linnet.address();
        assert!(answers(address), "the first request was not answered with 200");
        let took = started.elapsed();
        let memory = memory_of(&linnet);
        println!(
            "round {round}: exec to first answer {took:.2?}; supervisor and worker {:.1} MB, {:.2} of the artifact",
            megabytes(memory),
            memory as f64 / artifact as f64
        );
        for line in linnet.log().iter().filter(|line| line.contains("model loaded")) {
            println!("    {line}");
        }
    }
}

/// The artifact, made if it is not there. Reading it once brings it into the page cache.
fn kept_artifact(options: &Options) -> PathBuf {
    let name = format!("load-{}-classes-{}-zeros", options.classes, options.zeros);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if !directory.join("manifest.json").exists() {
        artifact::write(&directory, &models::mostly_zero(models::large(options.classes), options.zeros));
    }
    fs::read(directory.join("model.safetensors")).unwrap();
    directory
}

fn bytes_in(directory: &Path) -> u64 {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Ties this process to one core, and so all that it starts.
fn stay_on_one_core() {
    let mut one = CpuSet::new();
    one.set(0).unwrap();
    sched_setaffinity(Pid::from_raw(0), &one).unwrap();
}

/// Sends one text; whether the answer is a prediction.
fn answers(address: SocketAddr) -> bool {
    let body = r#"{"texts":[{"text":"banana strata"}]}"#;
    let head = "POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.starts_with("HTTP/1.1 200")
}

/// Bytes of memory of all processes, and of the model image, which they share.
fn memory_of(linnet: &Linnet) -> u64 {
    const IMAGE: &str = "/memfd:linnet-model";
    let private = |pid: i32| {
        let (mut is_image, mut kilobytes) = (false, 0);
        for line in fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap().lines() {
            if let Some(pss) = line.strip_prefix("Pss:").filter(|_| !is_image) {
                kilobytes += pss.trim_end_matches("kB").trim().parse::<u64>().unwrap();
            } else if line.contains('-') {
                is_image = line.contains(IMAGE);
            }
        }
        kilobytes * 1024
    };
    let open = fs::read_dir(format!("/proc/{}/fd", linnet.pid())).unwrap().map(|entry| entry.unwrap().path());
    let image =
        open.filter(|path| fs::read_link(path).is_ok_and(|to| to.to_string_lossy().starts_with(IMAGE)));
    let image: u64 = image.map(|path| fs::metadata(path).unwrap().blocks() * 512).sum();
    image + linnet.workers().into_iter().chain([linnet.pid()]).map(private).sum::<u64>()
}
