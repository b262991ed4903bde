//! `linnet predict`: one JSON object a line in, one a line out, in order.
//!
//! [`run`] is the frame (lines, errors, the order); what a prediction is comes in as a function, [`Predictor`].

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use linnet::model::{self, Model, Scratch};
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::cli::PredictArgs;

/// Longest line, in bytes: HTTP's limits do not hold here, but memory has an end. A longer line is a bad line.
pub(crate) const LINE_BYTES: usize = 64 << 20;

/// Bytes read and written at once.
const BLOCK_BYTES: usize = 1 << 20;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Lines that were answered, bad ones included.
    pub(crate) lines: u64,
    /// Bad lines among them.
    pub(crate) bad: u64,
}

/// `linnet predict`: standard input to standard output. Exit status 1 if the model cannot be used, if a line was bad,
/// or if reading or writing failed.
pub(crate) fn command(args: &PredictArgs) -> ExitCode {
    let mut errors = io::stderr();
    match predict_all(&args.model, &mut errors) {
        Ok(Summary { bad: 0, .. }) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(reason) => {
            let _ = writeln!(errors, "{reason}");
            ExitCode::FAILURE
        }
    }
}

fn predict_all(directory: &Path, errors: &mut impl Write) -> Result<Summary, String> {
    let image = model::build_image(directory).map_err(|error| error.to_string())?;
    let model = Model::from_image(image.as_bytes()).map_err(|defect| defect.of(directory).to_string())?;
    let mut predictor = Predictor::new(&model);
    let predict = |text: &str, answer: &mut Vec<u8>| predictor.append(text, answer);
    run(io::stdin().lock(), io::stdout().lock(), errors, predict).map_err(|e| format!("linnet predict: {e}"))
}

/// Writes predictions of one model, with buffers that it keeps.
struct Predictor<'m> {
    model: &'m Model<'m>,
    scratch: Scratch,
    probabilities: Vec<f64>,
    labels: Vec<usize>,
    /// `str(label)` of each class as a JSON string: the keys of `scores` and `probabilities`.
    keys: Vec<String>,
}

impl<'m> Predictor<'m> {
    fn new(model: &'m Model<'m>) -> Self {
        let keys =
            model.classes().iter().map(|label| serde_json::Value::from(label.text.as_str()).to_string());
        Self {
            model,
            scratch: model.scratch(),
            probabilities: Vec::new(),
            labels: Vec::new(),
            keys: keys.collect(),
        }
    }

    /// Appends `{"label": …, "scores": {…}, "probabilities": {…}}` for `text`.
    fn append(&mut self, text: &str, answer: &mut Vec<u8>) {
        let outcome = self.model.outcome();
        let decision = self.model.decision(text, &mut self.scratch);
        outcome.labels(decision, &mut self.probabilities, &mut self.labels);
        let labels: Vec<_> = self.labels.iter().map(|&at| self.model.classes()[at].json.as_str()).collect();
        let labels = labels.join(", ");
        if outcome.settings.multilabel {
            answer.extend_from_slice(format!("{{\"labels\": [{labels}]").as_bytes());
        } else {
            answer.extend_from_slice(format!("{{\"label\": {labels}").as_bytes());
        }
        if outcome.settings.decision_function {
            // A binary model has one decision value: that of its positive class, which is the last.
            append_object("scores", &self.keys[self.keys.len() - decision.len()..], decision, answer);
        }
        if outcome.has_probabilities() {
            outcome.probabilities(decision, &mut self.probabilities);
            append_object("probabilities", &self.keys, &self.probabilities, answer);
        }
        answer.push(b'}');
    }
}

/// Appends `, "name": {key: value, …}`; a value that is not finite is `null`.
fn append_object(name: &str, keys: &[String], values: &[f64], answer: &mut Vec<u8>) {
    answer.extend_from_slice(format!(", \"{name}\": {{").as_bytes());
    for (at, (key, value)) in keys.iter().zip(values).enumerate() {
        let separator = if at == 0 { "" } else { ", " };
        answer.extend_from_slice(format!("{separator}{key}: {}", serde_json::Value::from(*value)).as_bytes());
    }
    answer.push(b'}');
}

/// Answers each line of `input` on `output`: with what `predict` appends (one JSON object, no line end) for its text,
/// or with `{"error": "…"}` if it is bad, and then a line on `errors` gives its number. An `Err` is a failure to read
/// or write; a reader that has gone away (`linnet predict | head`) is none.
pub(crate) fn run(
    input: impl Read,
    output: impl Write,
    errors: &mut impl Write,
    predict: impl FnMut(&str, &mut Vec<u8>),
) -> io::Result<Summary> {
    run_limited(input, output, errors, predict, LINE_BYTES)
}

fn run_limited(
    input: impl Read,
    output: impl Write,
    errors: &mut impl Write,
    mut predict: impl FnMut(&str, &mut Vec<u8>),
    limit: usize,
) -> io::Result<Summary> {
    let mut input = BufReader::with_capacity(BLOCK_BYTES, input);
    let mut output = BufWriter::with_capacity(BLOCK_BYTES, output);
    let (mut line, mut answer) = (Vec::new(), Vec::new());
    let mut summary = Summary { lines: 0, bad: 0 };
    loop {
        // Before a read that may wait, say what is known: someone may be typing.
        if !input.buffer().contains(&b'\n') && reader_is_gone(output.flush())? {
            break;
        }
        let text = match read_line(&mut input, &mut line, limit)? {
            Line::End => break,
            Line::TooLong => Err(format!("longer than {limit} bytes")),
            Line::Whole => text_of(&line),
        };
        summary.lines += 1;
        answer.clear();
        match text {
            Ok(text) => predict(&text, &mut answer),
            Err(reason) => {
                summary.bad += 1;
                // A closed standard error must not end the work.
                let _ = writeln!(errors, "line {}: {reason}", summary.lines);
                let reason = serde_json::Value::from(reason);
                answer.extend_from_slice(format!("{{\"error\": {reason}}}").as_bytes());
            }
        }
        answer.push(b'\n');
        if reader_is_gone(output.write_all(&answer))? {
            break;
        }
    }
    // What is still kept goes out here, where a failure is seen, and not in a destructor, where it is not.
    reader_is_gone(output.flush())?;
    Ok(summary)
}

/// True if the write failed because nobody reads any more.
fn reader_is_gone(written: io::Result<()>) -> io::Result<bool> {
    match written {
        Ok(()) => Ok(false),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        Err(e) => Err(e),
    }
}

enum Line {
    /// `line` holds one, without its end.
    Whole,
    /// It was longer than allowed; it has been skipped.
    TooLong,
    /// There are no more.
    End,
}

/// Reads up to the next `\n`, which alone ends a line; the last line may lack it. Keeps at most `limit` bytes.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>, limit: usize) -> io::Result<Line> {
    line.clear();
    // One more byte than the limit tells a line that just fits from one that does not; the `\n` is the second.
    let read = input.by_ref().take(limit as u64 + 1).read_until(b'\n', line)?;
    if read == 0 {
        return Ok(Line::End);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if read > limit {
        input.skip_until(b'\n')?;
        return Ok(Line::TooLong);
    }
    Ok(Line::Whole)
}

/// The text of a good line, or what is wrong with a bad one (without a word of its text).
fn text_of(line: &[u8]) -> Result<String, String> {
    let line = std::str::from_utf8(line).map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to() + 1))?;
    let mut json = serde_json::Deserializer::from_str(line);
    let found = json.deserialize_any(Object).and_then(|found| json.end().map(|()| found));
    match found {
        Ok(Found::Text(text)) => Ok(text),
        Ok(Found::NoText) => Err("no \"text\"".to_owned()),
        Ok(Found::OtherText) => Err("\"text\" is not a string".to_owned()),
        Err(error) if error.is_data() => Err("not a JSON object".to_owned()),
        Err(error) => {
            // serde_json knows only of line 1.
            let (message, place) = (error.to_string(), format!(" at line 1 column {}", error.column()));
            let message = message.strip_suffix(&place).unwrap_or(&message);
            Err(format!("not JSON: {message} at byte {}", error.column()))
        }
    }
}

enum Found {
    Text(String),
    NoText,
    OtherText,
}

/// An object with a `text`; as in Python, the last of several counts.
struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Found;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let mut found = Found::NoText;
        while let Some(key) = map.next_key::<String>()? {
            if key == "text" {
                found = match map.next_value::<serde_json::Value>()? {
                    serde_json::Value::String(text) => Found::Text(text),
                    _ => Found::OtherText,
                };
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with the text itself, as a JSON string.
    fn echo(text: &str, answer: &mut Vec<u8>) {
        serde_json::to_writer(answer, text).unwrap();
    }

    fn answers(input: &[u8], limit: usize) -> (Vec<String>, String, Summary) {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let summary = run_limited(input, &mut output, &mut errors, echo, limit).unwrap();
        let output = String::from_utf8(output).unwrap();
        assert!(output.is_empty() || output.ends_with('\n'));
        let lines = output.split_terminator('\n').map(str::to_owned).collect();
        (lines, String::from_utf8(errors).unwrap(), summary)
    }

    #[test]
    fn every_line_is_answered_by_its_kind() {
        let good: &[(&str, &str)] = &[
            (r#"{"text": "a"}"#, r#""a""#),
            (r#" {"id": [1, {"text": 2}], "text": "", "x": 1e400} "#, r#""""#),
            ("{\"text\":\"a\u{2028}b\u{85}c\"}\r", "\"a\u{2028}b\u{85}c\""),
            (r#"{"text": "\ud83d\ude00 \u0000"}"#, "\"😀 \\u0000\""),
            (r#"{"text": 1, "text": "last"}"#, r#""last""#),
            (r#"{"\u0074ext": "escaped key"}"#, r#""escaped key""#),
        ];
        for (line, answer) in good {
            let (lines, errors, summary) = answers(line.as_bytes(), LINE_BYTES);
            assert_eq!((lines, errors.as_str()), (vec![(*answer).to_owned()], ""), "{line}");
            assert_eq!(summary, Summary { lines: 1, bad: 0 });
        }
        let bad: &[(&[u8], &str)] = &[
            (b"\n", "not JSON: EOF while parsing a value at byte 0"),
            (b"nonsense", "not JSON: expected ident at byte 2"),
            (br#"["text"]"#, "not a JSON object"),
            (br#""text""#, "not a JSON object"),
            (b"null", "not a JSON object"),
            (b"{}", r#"no "text""#),
            (br#"{"Text": "a"}"#, r#"no "text""#),
            (br#"{"text": null}"#, r#""text" is not a string"#),
            (br#"{"text": "a", "text": 1}"#, r#""text" is not a string"#),
            (br#"{"text": NaN}"#, "not JSON: expected value at byte 10"),
            (br#"{"text": "\ud800"}"#, "not JSON: unexpected end of hex escape at byte 17"),
            (br#"{"text": "\udc00"}"#, "not JSON: lone leading surrogate in hex escape at byte 16"),
            (br#"{"text": "a"} {"text": "b"}"#, "not JSON: trailing characters at byte 15"),
            (
                b"{\"text\": \"a\tb\"}",
                "not JSON: control character (\\u0000-\\u001F) found while parsing a string at byte 12",
            ),
            (b"{\"text\": \"\xff\"}", "not UTF-8 at byte 11"),
            ("\u{feff}{\"text\": \"a\"}".as_bytes(), "not JSON: expected value at byte 1"),
        ];
        for (line, reason) in bad {
            let (lines, errors, summary) = answers(line, LINE_BYTES);
            assert_eq!(errors, format!("line 1: {reason}\n"), "{}", line.escape_ascii());
            let answer: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
            assert_eq!(answer, serde_json::json!({ "error": reason }));
            assert_eq!(summary, Summary { lines: 1, bad: 1 });
        }
    }

    #[test]
    fn deep_nesting_is_a_bad_line_and_not_a_crash() {
        let deep = format!("{{\"text\": {}", "[".repeat(1_000_000));
        let ignored = format!("{{\"x\": {}", "{\"x\":".repeat(1_000_000));
        for line in [deep, ignored] {
            let (lines, _, summary) = answers(line.as_bytes(), LINE_BYTES);
            assert_eq!((lines.len(), summary.bad), (1, 1));
        }
    }

    #[test]
    fn the_order_is_kept_and_numbers_count_every_line() {
        let input: String = (0..10_000)
            .map(|i| if i % 1000 == 7 { "bad\n".to_owned() } else { format!("{{\"text\": \"{i}\"}}\n") })
            .collect();
        let (lines, errors, summary) = answers(input.as_bytes(), LINE_BYTES);
        assert_eq!(summary, Summary { lines: 10_000, bad: 10 });
        for (i, line) in lines.iter().enumerate() {
            assert!(if i % 1000 == 7 { line.starts_with("{\"error\"") } else { *line == format!("\"{i}\"") });
        }
        let numbers: Vec<&str> = errors.lines().map(|line| line.split(':').next().unwrap()).collect();
        assert_eq!((numbers[0], numbers[9]), ("line 8", "line 9008"));
        assert_eq!(answers(b"", LINE_BYTES).2, Summary { lines: 0, bad: 0 });
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_is_answered() {
        let fits = r#"{"text": "12345"}"#;
        let limit = fits.len();
        let long = r#"{"text": "123456"}"#;
        let longest = "x".repeat(3 * BLOCK_BYTES);
        let input = format!("{fits}\n{long}\n{longest}\n{fits}\n{long}");
        let (lines, errors, summary) = answers(input.as_bytes(), limit);
        assert_eq!(summary, Summary { lines: 5, bad: 3 });
        assert_eq!((lines[0].as_str(), lines[3].as_str()), ("\"12345\"", "\"12345\""));
        assert_eq!(errors.lines().next(), Some("line 2: longer than 17 bytes"));
        assert_eq!(answers(fits.as_bytes(), limit).2.bad, 0, "the last line needs no end");
    }

    /// Gives one line at a time and notes how much had been written before each read.
    struct Typist<'a> {
        lines: Vec<&'static [u8]>,
        written: &'a std::cell::Cell<usize>,
        seen: Vec<usize>,
    }

    impl Read for &mut Typist<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.seen.push(self.written.get());
            if self.lines.is_empty() {
                return Ok(0);
            }
            let line = self.lines.remove(0);
            buffer[..line.len()].copy_from_slice(line);
            Ok(line.len())
        }
    }

    struct Screen<'a>(&'a std::cell::Cell<usize>);

    impl Write for Screen<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.set(self.0.get() + bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_answer_does_not_wait_for_the_next_line() {
        let written = std::cell::Cell::new(0);
        let lines: Vec<&[u8]> = vec![b"{\"text\": \"a\"}\n", b"{\"text\":", b" \"b\"}\n"];
        let mut typist = Typist { lines, written: &written, seen: Vec::new() };
        run(&mut typist, Screen(&written), &mut io::sink(), echo).unwrap();
        assert_eq!(typist.seen, [0, 4, 4, 8], "bytes written before each read");
    }

    struct Closed(io::ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_is_gone_ends_the_work_quietly_and_a_full_disk_does_not() {
        let input = "{\"text\": \"a\"}\n".repeat(300_000);
        let mut count = 0;
        let mut counted = |text: &str, answer: &mut Vec<u8>| {
            count += 1;
            echo(text, answer);
        };
        let gone = run(input.as_bytes(), Closed(io::ErrorKind::BrokenPipe), &mut io::sink(), &mut counted);
        assert_eq!(gone.unwrap().bad, 0);
        assert!(count < 300_000, "the work went on for nobody");
        for input in [input.as_str(), "{\"text\": \"a\"}"] {
            let full = run(input.as_bytes(), Closed(io::ErrorKind::StorageFull), &mut io::sink(), echo);
            assert_eq!(full.unwrap_err().kind(), io::ErrorKind::StorageFull);
        }
    }
}
