//! The log for programs: one JSON object a line.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use linnet::response::timestamp;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes an event as `{"timestamp":…,"level":…,"role":…,"pid":…,"message":…,"fields":{…}}`. What an event tells of
/// itself is a member of `fields`, so that it cannot stand for one of the others.
pub(super) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = Said::default();
        event.record(&mut said);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let line = json!({
            "timestamp": format!("{}Z", String::from_utf8_lossy(&timestamp::format(micros))),
            "level": event.metadata().level().as_str(),
            "role": super::role().name(),
            "pid": std::process::id(),
            "message": said.message,
            "fields": said.fields,
        });
        writeln!(writer, "{line}")
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: Map<String, Value>,
}

impl Said {
    fn put(&mut self, field: &Field, value: Value) {
        self.fields.insert(field.name().to_owned(), value);
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            _ => self.put(field, format!("{value:?}").into()),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            _ => self.put(field, value.into()),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into()); // what is not finite becomes null
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_object_whatever_it_says() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = fmt().event_format(JsonLines).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            let error = io::Error::other("a \"b\"\nc");
            tracing::warn!(pid = 1, why = "x\ny", ratio = 0.5, on = true, ?error, %error, "worker \"{}\"", "é\n");
            tracing::error!(level = f64::NAN);
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["level"], "WARN");
        assert_eq!(lines[0]["message"], "worker \"é\n\"");
        assert_eq!(lines[0]["pid"], std::process::id());
        let fields = json!({ "pid": 1, "why": "x\ny", "ratio": 0.5, "on": true, "error": "a \"b\"\nc" });
        assert_eq!(lines[0]["fields"], fields);
        assert_eq!(lines[1]["fields"], json!({ "level": null }));
        assert!(lines[0]["timestamp"].as_str().unwrap().ends_with('Z'));
    }
}
