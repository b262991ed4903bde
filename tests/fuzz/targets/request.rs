//! A `POST /predict`: `query LF content type LF body`, where an empty line stands for nothing sent.

use std::cell::RefCell;

use linnet::json;
use linnet::limits::Limits;
use linnet::request::{PredictRequest, Refusal};

/// Low enough that short inputs reach them.
fn limits() -> Limits {
    Limits { body_bytes: 1 << 16, texts: 8, text_bytes: 64, ..Limits::default() }
}

const CLASSES: usize = 4;

/// The texts and the `top_k` of a request, or its refusal.
type Verdict = Result<(Vec<String>, Option<usize>), Refusal>;

thread_local! {
    static REQUEST: RefCell<PredictRequest> = RefCell::default();
}

/// Parses and validates. A refusal is JSON in the lesson's form. The same body as UTF-16, which only the slow judge
/// reads, gets the same verdict: so the fast reader never accepts what the judge would not.
pub(super) fn target(data: &[u8]) {
    let mut parts = data.splitn(3, |&byte| byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (query, content_type, body) = (part(), part(), part());
    let query = std::str::from_utf8(query).ok().filter(|query| !query.is_empty());
    let content_type = Some(content_type).filter(|value| !value.is_empty());
    let verdict = parse(body, content_type, query);
    match &verdict {
        Ok((texts, top_k)) => {
            assert!((1..=limits().texts).contains(&texts.len()), "{} texts", texts.len());
            assert!(texts.iter().all(|text| (1..=limits().text_bytes).contains(&text.len())), "{texts:?}");
            assert!(top_k.is_none_or(|count| (1..=CLASSES).contains(&count)), "{top_k:?}");
        }
        Err(refusal) => {
            assert!([400, 422].contains(&refusal.status), "{}", refusal.status);
            assert!(refusal.body.starts_with(b"{\"detail\":"));
            json::check(&refusal.body).expect("a refusal is JSON");
            std::str::from_utf8(&refusal.body).expect("a refusal is UTF-8");
        }
    }
    if let Some(utf16) = as_utf16(body) {
        assert_eq!(parse(&utf16, content_type, query), verdict, "the body as UTF-16");
    }
}

fn parse(body: &[u8], content_type: Option<&[u8]>, query: Option<&str>) -> Verdict {
    REQUEST.with_borrow_mut(|request| {
        request.parse(body, content_type, query, &limits(), true, CLASSES)?;
        Ok((request.texts().map(str::to_owned).collect(), request.top_k()))
    })
}

/// `body` in another encoding, if it is UTF-8 and Python would take it for that.
fn as_utf16(body: &[u8]) -> Option<Vec<u8>> {
    let looks_like_another = body.is_empty() || body.iter().take(4).any(|&byte| byte == 0);
    let text = std::str::from_utf8(body).ok().filter(|_| !looks_like_another)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mark = std::iter::once(0xFEFF);
    Some(mark.chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect())
}
