//! Which route a request is for: method and path → route, as the lesson's stack decides it.
//!
//! Starlette tries its routes in order; a path that matches with another method is 405, a path that would match
//! with its slashes at the end taken off (or one put on) is redirected, and everything else is 404.

use hyper::Method;

/// A route, with what its path holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route<'p> {
    /// `GET /`
    Index,
    /// `GET /performance`
    Performance,
    /// `GET /args`
    Args,
    /// `GET /args/{arg}`
    Arg(&'p str),
    /// `POST /predict`
    Predict,
    /// `GET /health/live`
    Live,
    /// `GET /health/ready`
    Ready,
    /// `GET /metrics`
    Metrics,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'p> {
    /// This route answers it.
    Route(Route<'p>),
    /// 405, with the one method that the path has.
    MethodNotAllowed(&'static str),
    /// 307 to this path.
    Redirect(&'p str),
    /// 404.
    NotFound,
}

impl<'p> Route<'p> {
    /// The route of a percent-decoded path, whatever the method.
    fn of_path(path: &'p str) -> Option<Self> {
        // The lesson's patterns end in `$`, which in Python also matches before a line feed at the end.
        Some(match path.strip_suffix('\n').unwrap_or(path) {
            "/predict" => Self::Predict,
            "/" => Self::Index,
            "/performance" => Self::Performance,
            "/args" => Self::Args,
            "/health/live" => Self::Live,
            "/health/ready" => Self::Ready,
            "/metrics" => Self::Metrics,
            _ => match path.strip_prefix("/args/") {
                Some(arg) if !arg.is_empty() && !arg.contains('/') => Self::Arg(arg),
                _ => return None,
            },
        })
    }

    /// The method that the route answers; `HEAD` goes with `GET`.
    fn method(self) -> &'static str {
        if self == Self::Predict { "POST" } else { "GET" }
    }
}

/// Decides what becomes of a request. `path` is percent-decoded.
pub fn decide<'p>(method: &Method, path: &'p str) -> Decision<'p> {
    if let Some(route) = Route::of_path(path) {
        let allowed = route.method();
        let is_allowed = method == allowed || (method == Method::HEAD && allowed == "GET");
        return if is_allowed { Decision::Route(route) } else { Decision::MethodNotAllowed(allowed) };
    }
    let other = if path.is_empty() { "/" } else { path.trim_end_matches('/') };
    if other != path && Route::of_path(other).is_some() {
        Decision::Redirect(other)
    } else {
        Decision::NotFound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_go_where_starlette_sends_them() {
        use Decision::{MethodNotAllowed, NotFound, Redirect};
        let route = Decision::Route;
        for (method, path, expected) in [
            ("GET", "/", route(Route::Index)),
            ("HEAD", "/", route(Route::Index)),
            ("POST", "/", MethodNotAllowed("GET")),
            ("GET", "//", NotFound),
            ("GET", "", Redirect("/")),
            ("POST", "/predict", route(Route::Predict)),
            ("POST", "/predict\n", route(Route::Predict)),
            ("POST", "/predict\n\n", NotFound),
            ("HEAD", "/predict", MethodNotAllowed("POST")),
            ("OPTIONS", "/predict", MethodNotAllowed("POST")),
            ("GET", "/predict/", Redirect("/predict")),
            ("GET", "/predict//", Redirect("/predict")),
            ("GET", "/predict/x", NotFound),
            ("GET", "/args", route(Route::Args)),
            ("GET", "/args/", Redirect("/args")),
            ("GET", "/args/a b", route(Route::Arg("a b"))),
            ("GET", "/args/a\n", route(Route::Arg("a\n"))),
            ("GET", "/args/a/", Redirect("/args/a")),
            ("GET", "/args/a/b", NotFound),
            ("DELETE", "/args/a", MethodNotAllowed("GET")),
            ("GET", "/health/ready", route(Route::Ready)),
            ("GET", "/metrics", route(Route::Metrics)),
            ("POST", "/metrics", MethodNotAllowed("GET")),
            ("GET", "/nowhere", NotFound),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(decide(&method, path), expected, "{method} {path:?}");
        }
    }
}
