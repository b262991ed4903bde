//! The threads together over inputs and outputs that behave as people, pipes and disks do.

use std::io::Cursor;
use std::sync::Condvar;
use std::time::Duration;

use super::*;

const BOUNDS: Bounds = Bounds { line_bytes: 1 << 20, block_bytes: 1 << 10, block_lines: 20 };

/// Answers with the text itself, as a JSON string.
fn echo() -> impl FnMut(&str, &mut Vec<u8>) {
    |text: &str, answer: &mut Vec<u8>| serde_json::to_writer(answer, text).unwrap()
}

fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

fn answers(input: impl Into<Vec<u8>>, workers: usize, bounds: Bounds) -> (Vec<String>, String, Summary) {
    let (input, mut output, mut errors) = (Cursor::new(input.into()), Vec::new(), Vec::new());
    let sizes = (threads(workers), bounds);
    let summary = run(input, &mut output, &mut errors, echo, sizes, &Progress::none()).unwrap();
    let output = String::from_utf8(output).unwrap();
    assert!(output.is_empty() || output.ends_with('\n'));
    let lines = output.split_terminator('\n').map(str::to_owned).collect();
    (lines, String::from_utf8(errors).unwrap(), summary)
}

#[test]
fn good_and_bad_lines_are_answered() {
    let input = "{\"text\": \"a\u{2028}b\u{85}c\"}\r\n\n{\"text\": 7}\n{\"text\": \"last\"}";
    let (lines, errors, summary) = answers(input, 2, BOUNDS);
    assert_eq!(lines[0], "\"a\u{2028}b\u{85}c\"");
    assert_eq!(lines[1], r#"{"error": "not JSON: EOF while parsing a value at byte 0"}"#);
    assert_eq!(lines[2], r#"{"error": "\"text\" is not a string"}"#);
    assert_eq!(lines[3..], [r#""last""#]);
    let expected =
        "line 2: not JSON: EOF while parsing a value at byte 0\nline 3: \"text\" is not a string\n";
    assert_eq!(errors, expected);
    assert_eq!(summary, Summary { lines: 4, bad: 2 });
    assert_eq!(answers("", 2, BOUNDS).2, Summary::default());
}

#[test]
fn the_order_is_kept_and_numbers_count_every_line() {
    let line = |i: u32| if i % 1000 == 7 { "bad\n".to_owned() } else { format!("{{\"text\": \"{i}\"}}\n") };
    let input: String = (0..20_000).map(line).collect();
    for (workers, block_lines) in [(1, 1_000), (2, 20), (7, 1)] {
        let (lines, errors, summary) = answers(input.as_str(), workers, Bounds { block_lines, ..BOUNDS });
        assert_eq!(summary, Summary { lines: 20_000, bad: 20 });
        for (i, line) in lines.iter().enumerate() {
            let good = format!("\"{i}\"");
            assert!(
                if i % 1000 == 7 { line.starts_with("{\"error\"") } else { *line == good },
                "{i}: {line}"
            );
        }
        let numbers: Vec<&str> = errors.lines().map(|line| line.split(':').next().unwrap()).collect();
        let expected: Vec<String> = (0..20).map(|at| format!("line {}", at * 1000 + 8)).collect();
        assert_eq!(numbers, expected);
    }
}

#[test]
fn a_line_that_is_too_long_is_skipped_and_the_next_is_answered() {
    let fits = r#"{"text": "12345"}"#;
    let long = r#"{"text": "123456"}"#;
    let longest = "x".repeat(100_000);
    let input = format!("{fits}\n{long}\n{longest}\n{fits}\n{long}");
    for block_bytes in [4, 17, 18, 19, 30, 1 << 17] {
        let bounds = Bounds { line_bytes: fits.len(), block_bytes, block_lines: 9 };
        let (lines, errors, summary) = answers(input.as_str(), 2, bounds);
        assert_eq!(summary, Summary { lines: 5, bad: 3 }, "blocks of {block_bytes} bytes");
        assert_eq!((lines[0].as_str(), lines[3].as_str()), ("\"12345\"", "\"12345\""));
        assert_eq!(errors.lines().next(), Some("line 2: longer than 17 bytes"));
        assert_eq!(answers(fits, 2, bounds).2.bad, 0, "the last line needs no end");
    }
}

#[test]
fn lines_longer_than_a_block_are_answered_between_short_ones() {
    let text = |i: usize| "é".repeat(if i.is_multiple_of(5) { 10_000 + i } else { i });
    let input: Vec<String> = (0..100).map(|i| format!("{{\"text\": \"{}\"}}\n", text(i))).collect();
    let (lines, _, summary) = answers(input.concat(), 3, BOUNDS);
    assert_eq!(summary, Summary { lines: 100, bad: 0 });
    for (i, line) in lines.iter().enumerate() {
        assert_eq!(*line, format!("\"{}\"", text(i)));
    }
}

/// What was written so far, for whoever waits for it.
#[derive(Clone, Default)]
struct Screen(Arc<(Mutex<usize>, Condvar)>);

impl Screen {
    /// Waits until so many bytes have been written.
    fn wait_for(&self, bytes: usize) {
        let (written, changed) = &*self.0;
        let limit = Duration::from_mins(1);
        let waited = changed.wait_timeout_while(written.lock().unwrap(), limit, |written| *written < bytes);
        assert_eq!(*waited.unwrap().0, bytes, "bytes written before the next read");
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        *self.0.0.lock().unwrap() += bytes.len();
        self.0.1.notify_all();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Types the next line only when it has seen the answers to those before.
struct Typist {
    /// What is typed, after how many bytes of answers.
    lines: std::vec::IntoIter<(usize, &'static [u8])>,
    screen: Screen,
}

impl Read for Typist {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((seen, line)) = self.lines.next() else { return Ok(0) };
        self.screen.wait_for(seen);
        buffer[..line.len()].copy_from_slice(line);
        Ok(line.len())
    }
}

#[test]
fn an_answer_does_not_wait_for_the_next_line() {
    let typed: Vec<(usize, &[u8])> =
        vec![(0, b"{\"text\": \"a\"}\n"), (4, b"{\"text\":"), (4, b" \"b\"}\n"), (8, b"")];
    let mut screen = Screen::default();
    let typist = Typist { lines: typed.into_iter(), screen: screen.clone() };
    let sizes = (threads(2), BOUNDS);
    let summary = run(typist, &mut screen, &mut io::sink(), echo, sizes, &Progress::none()).unwrap();
    assert_eq!(summary, Summary { lines: 2, bad: 0 });
}

/// Fails every write.
struct Closed(io::ErrorKind);

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line, and then nothing for ever.
struct Silence(bool);

impl Read for Silence {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if std::mem::replace(&mut self.0, true) {
            loop {
                thread::park();
            }
        }
        (&b"{\"text\": \"a\"}\n"[..]).read(buffer)
    }
}

#[test]
fn a_reader_that_is_gone_ends_the_work_quietly_and_a_full_disk_does_not() {
    let run_into = |kind| {
        run(Silence(false), &mut Closed(kind), &mut io::sink(), echo, (threads(2), BOUNDS), &Progress::none())
    };
    assert_eq!(run_into(io::ErrorKind::BrokenPipe).unwrap().bad, 0, "though the input has not ended");
    assert_eq!(run_into(io::ErrorKind::StorageFull).unwrap_err().kind(), io::ErrorKind::StorageFull);
}

/// Some lines, and then an error.
struct BadDisk(usize);

impl Read for BadDisk {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::NotConnected)?;
        (&b"{\"text\": \"a\"}\n"[..]).read(buffer)
    }
}

#[test]
fn what_was_read_before_an_error_is_answered() {
    let mut output = Vec::new();
    let sizes = (threads(3), BOUNDS);
    let failed = run(BadDisk(50), &mut output, &mut io::sink(), echo, sizes, &Progress::none()).unwrap_err();
    assert_eq!(failed.kind(), io::ErrorKind::NotConnected);
    assert_eq!(String::from_utf8(output).unwrap(), "\"a\"\n".repeat(50));
}

#[test]
fn a_panic_is_an_error_and_no_silence() {
    let input = Cursor::new("{\"text\": \"a\"}\n".repeat(10_000) + "{\"text\": \"b\"}\n");
    let make = || |text: &str, _: &mut Vec<u8>| assert_ne!(text, "b", "this panic belongs to the test");
    let sizes = (threads(2), BOUNDS);
    let failed = run(input, &mut io::sink(), &mut io::sink(), make, sizes, &Progress::none());
    assert_eq!(failed.unwrap_err().to_string(), "a thread has panicked");
}
