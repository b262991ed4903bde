//! The load is judged before it judges: a server that does everything wrong, and the counts that must come of it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, sleep};
use std::time::Duration;

use socket2::SockRef;

use crate::load::counts::{Counts, LATE};
use crate::load::{Load, Plan};

/// What the server does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Answer,
    AnswerLate,
    AnswerAnother,
    AnswerInPart,
    AnswerAndClose,
    Refuse503,
    Close,
    Reset,
    SayNothing,
}

/// Each deed between right answers; a close once on a connection that was used before, and once on a new one.
const DEEDS: [Deed; 12] = [
    Deed::Answer,
    Deed::AnswerLate,
    Deed::AnswerAndClose,
    Deed::Close,
    Deed::Answer,
    Deed::Close,
    Deed::Answer,
    Deed::AnswerInPart,
    Deed::Refuse503,
    Deed::AnswerAnother,
    Deed::Reset,
    Deed::SayNothing,
];

/// Longer than [`LATE`].
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Fails unless each way to lose a request is seen and counted by its name.
pub(crate) fn run() {
    let expected = Counts {
        answered: 5,
        late: 1,
        server_errors: 1,
        wrong: 1,
        refused: 1,
        unconnected: 0,
        // One in the middle, and the connection that waits in the queue when the port closes.
        reset: 2,
        cut: 3,
        timed_out: 1,
        crossed: 0,
    };
    // Of the two closes without an answer, the one on a used connection may have crossed the request.
    let crossed = Counts { cut: 2, crossed: 1, ..expected.clone() };
    thread::scope(|scope| {
        let promises_nothing = scope.spawn(|| counts_of(Duration::ZERO));
        assert_eq!(
            counts_of(Duration::from_hours(1)),
            expected,
            "of a server that promises to keep connections"
        );
        assert_eq!(promises_nothing.join().unwrap(), crossed, "of a server that promises nothing");
    });
}

/// What a load counts of [`DEEDS`], with one client that stops when it is refused.
fn counts_of(keepalive_min: Duration) -> Counts {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let plan = Plan {
        address: listener.local_addr().unwrap(),
        keep_alive: 1,
        connect: 0,
        pausing: 0,
        pause_max: Duration::ZERO,
        rate: None,
        patience: PATIENCE,
        keepalive_min,
        watch: false,
    };
    let server = thread::spawn(move || misbehave(&listener));
    let mut load = Load::start(&plan);
    server.join().unwrap();
    load.wait_until_refused();
    let slices = load.finish();
    // It is refused again and again until it is told to stop.
    Counts { refused: slices[0].counts.refused.min(1), ..slices[0].counts.clone() }
}

/// Does the deeds one after another, then closes the port.
fn misbehave(listener: &TcpListener) {
    let mut deeds = DEEDS.into_iter().peekable();
    while deeds.peek().is_some() {
        let mut connection = BufReader::new(listener.accept().unwrap().0);
        while deeds.peek().is_some() {
            let Some(number) = read_request(&mut connection) else { break };
            let deed = deeds.next().unwrap();
            let stream = connection.get_mut();
            perform(deed, stream, number);
            if deed == Deed::Reset {
                SockRef::from(&*stream).set_linger(Some(Duration::ZERO)).unwrap();
            }
            if matches!(deed, Deed::AnswerAndClose | Deed::Close | Deed::Reset | Deed::AnswerInPart) {
                break;
            }
        }
    }
}

fn perform(deed: Deed, stream: &mut TcpStream, number: u64) {
    let address = stream.local_addr().unwrap();
    let mut say = |bytes: &str| stream.write_all(bytes.as_bytes()).unwrap();
    match deed {
        Deed::Answer => say(&answer(address, number, "")),
        Deed::AnswerLate => {
            sleep(LATE + Duration::from_millis(100));
            say(&answer(address, number, ""));
        }
        Deed::AnswerAnother => say(&answer(address, number + 1, "")),
        Deed::AnswerInPart => say(answer(address, number, "").split_at(100).0),
        Deed::AnswerAndClose => say(&answer(address, number, "connection: close\r\n")),
        Deed::Refuse503 => say("HTTP/1.1 503 no\r\ncontent-length: 0\r\n\r\n"),
        Deed::Close | Deed::Reset => {}
        Deed::SayNothing => sleep(PATIENCE + Duration::from_secs(1)),
    }
}

/// Reads a request, and returns its number; `None` at the end of the connection.
fn read_request(connection: &mut BufReader<TcpStream>) -> Option<u64> {
    let (mut number, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let line = line.trim_end();
        if let Some(rest) = line.strip_prefix("POST /predict?n=") {
            number = rest.split(' ').next()?.parse().ok();
        } else if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        } else if line.is_empty() {
            connection.read_exact(&mut vec![0; length]).ok()?;
            return number;
        }
    }
}

/// As Linnet answers.
fn answer(address: SocketAddr, number: u64, headers: &str) -> String {
    let body = format!(
        r#"{{"url":"http://{address}/predict?n={number}","predicted_tag":"natural-language-processing"}}"#
    );
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}
