//! The lesson's routes: `GET /`, `/performance`, `/args`, `/args/{arg}` and `POST /predict`.

use crate::json::escape_json_string;
use crate::model::Model;
use crate::request::query;
use crate::response::envelope::Envelope;

/// `GET /`: the health check of the lesson.
pub fn index(envelope: &Envelope<'_>) -> Vec<u8> {
    answer(envelope, |out| out.extend_from_slice(b"{}"))
}

/// `GET /performance?filter=`: all figures, or one part of them; an unknown part is all of them.
pub fn performance(envelope: &Envelope<'_>, model: &Model<'_>, raw_query: Option<&str>) -> Vec<u8> {
    let document = model.performance();
    let filter = raw_query.and_then(|raw_query| query::last(raw_query, "filter"));
    let part = filter.and_then(|filter| document.member(&filter)).unwrap_or(document.whole());
    answer(envelope, |out| write_member(out, "performance", part))
}

/// `GET /args`: all arguments of the training run.
pub fn args(envelope: &Envelope<'_>, model: &Model<'_>) -> Vec<u8> {
    answer(envelope, |out| write_member(out, "args", model.args().whole()))
}

/// `GET /args/{arg}`: one argument of the training run; an unknown one is an empty string.
pub fn arg(envelope: &Envelope<'_>, model: &Model<'_>, name: &str) -> Vec<u8> {
    if name.starts_with("_sa") {
        return index(envelope); // FastAPI's encoder drops such members, as private ones of SQLAlchemy
    }
    answer(envelope, |out| write_member(out, name, model.args().member(name).unwrap_or(b"\"\"")))
}

fn answer(envelope: &Envelope<'_>, data: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    envelope.write(&mut out, data);
    out
}

/// Appends an object with one member; `value` is JSON.
fn write_member(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.push(b'{');
    escape_json_string(out, name);
    out.push(b':');
    out.extend_from_slice(value);
    out.push(b'}');
}
