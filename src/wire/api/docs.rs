//! `/docs` (Swagger UI) and `/redoc`: pages for people, whole in the binary, so that they need no other server.
//!
//! `assets/pack.rs` has compressed the files and named their contents at build; here they are only chosen. All of it
//! may be kept by a client but must be asked for again, which costs an answer without a body as long as it is the same.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

use crate::wire::app::Answer;
use crate::wire::negotiation::{accepts_gzip, has_already};

/// A page, or a file that a page loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Swagger UI.
    Docs,
    /// Its look.
    DocsStyle,
    /// Its program.
    DocsBundle,
    /// What starts it.
    DocsStart,
    /// The sign of both pages.
    Icon,
    /// Redoc.
    Redoc,
    /// Its program.
    RedocBundle,
    /// What starts it.
    RedocStart,
}

/// A file, packed at build.
struct Asset {
    content_type: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
    /// Entity tags of the two, which differ as the bytes do.
    etag: &'static str,
    gzip_etag: &'static str,
}

macro_rules! asset {
    ($name:literal, $content_type:expr) => {
        &Asset {
            content_type: $content_type,
            plain: include_bytes!(concat!(env!("OUT_DIR"), "/", $name)),
            gzip: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".gz")),
            etag: concat!("\"", include_str!(concat!(env!("OUT_DIR"), "/", $name, ".etag")), "\""),
            gzip_etag: concat!("\"", include_str!(concat!(env!("OUT_DIR"), "/", $name, ".etag")), "-gzip\""),
        }
    };
}

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

impl Page {
    fn asset(self) -> &'static Asset {
        match self {
            Self::Docs => asset!("docs.html", HTML),
            Self::DocsStyle => asset!("swagger-ui.css", STYLE),
            Self::DocsBundle => asset!("swagger-ui-bundle.js", SCRIPT),
            Self::DocsStart => asset!("docs.js", SCRIPT),
            Self::Icon => asset!("icon.svg", "image/svg+xml"),
            Self::Redoc => asset!("redoc.html", HTML),
            Self::RedocBundle => asset!("redoc.standalone.js", SCRIPT),
            Self::RedocStart => asset!("redoc.js", SCRIPT),
        }
    }
}

/// What a page may do: load from and talk to the server that it came from, and nobody else. Both programs write styles
/// into the page; Redoc searches in a worker that it makes of its own text.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src data:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// The answer to a request for `page`.
pub fn answer(page: Page, headers: &HeaderMap) -> Answer {
    let asset = page.asset();
    let gzip = accepts_gzip(headers);
    let (body, etag) = if gzip { (asset.gzip, asset.gzip_etag) } else { (asset.plain, asset.etag) };
    let kept = Kept {
        content_type: HeaderValue::from_static(asset.content_type),
        body: Bytes::from_static(body),
        etag: HeaderValue::from_static(etag),
    };
    let mut answer = kept.answer(headers);
    let fields = answer.headers_mut();
    fields.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if gzip && fields.contains_key(CONTENT_TYPE) {
        fields.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if asset.content_type == HTML {
        fields.insert(CONTENT_SECURITY_POLICY, POLICY);
        fields.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    answer
}

/// Bytes that are always the same, and the tag by which a client recognises them.
#[derive(Debug)]
pub struct Kept {
    /// What they are.
    pub content_type: HeaderValue,
    /// The bytes.
    pub body: Bytes,
    /// Their entity tag, a strong one, quotes included.
    pub etag: HeaderValue,
}

impl Kept {
    /// 200 with the bytes, or 304 without them to a client that has them.
    pub fn answer(&self, headers: &HeaderMap) -> Answer {
        let unchanged = self.etag.to_str().is_ok_and(|etag| has_already(headers, etag));
        let mut answer = if unchanged {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            answer
        } else {
            let mut answer = Response::new(Full::new(self.body.clone()));
            answer.headers_mut().insert(CONTENT_TYPE, self.content_type.clone());
            answer.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            answer
        };
        answer.headers_mut().insert(ETAG, self.etag.clone());
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        answer
    }
}
