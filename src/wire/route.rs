//! The routes, in one table, and which of them a request is for: method and path → route, as the lesson's stack decides.
//!
//! Everything that is fixed about a route follows from its row: the path and method that it answers, the `Allow` of
//! other methods, the label under which it is counted, on which addresses it is offered, and its place in
//! `/openapi.json` (`api/openapi`), where a row without a description does not compile.
//!
//! Starlette tries its routes in order; a path that matches with another method is 405, a path that would match
//! with its slashes at the end taken off (or one put on) is redirected, and everything else is 404.

use hyper::Method;

use super::api::docs::Page;
use crate::scoreboard::Route as Counted;

/// What answers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Classifies texts.
    Predict,
    /// The lesson's health check.
    Index,
    /// The figures of the evaluation.
    Performance,
    /// All arguments of the training run.
    Args,
    /// One argument of the training run.
    Arg,
    /// Whether this process lives.
    Live,
    /// Whether the fleet should get traffic.
    Ready,
    /// What is counted, for Prometheus.
    Metrics,
    /// The API's description for programs.
    OpenApi,
    /// A page for people, or what it loads.
    Page(Page),
}

/// Routes that are offered together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Group {
    Api = 1,
    Health = 2,
    Metrics = 4,
    Docs = 8,
}

/// Which routes an address has; it answers all others with 404.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer(u8);

impl Offer {
    /// What everybody may use: all but the metrics.
    pub const PUBLIC: Self = Self(Group::Api as u8 | Group::Health as u8 | Group::Docs as u8);
    /// All routes.
    pub const EVERYTHING: Self = Self(Self::PUBLIC.0 | Group::Metrics as u8);
    /// The metrics and the state of health.
    pub const METRICS: Self = Self(Group::Metrics as u8 | Group::Health as u8);

    /// The same without the documentation, unless `docs`.
    #[must_use]
    pub const fn with_docs(self, docs: bool) -> Self {
        if docs { self } else { Self(self.0 & !(Group::Docs as u8)) }
    }

    /// Whether `route` is among them.
    pub const fn has(self, route: &Route) -> bool {
        self.0 & route.group as u8 != 0
    }
}

/// One route: a row of [`ROUTES`].
#[derive(Debug)]
pub struct Route {
    /// What answers.
    pub endpoint: Endpoint,
    /// The one method that it answers; `HEAD` goes with `GET`.
    pub method: &'static str,
    /// Its path; where it has a parameter, the path up to that.
    path: &'static str,
    /// The name of the path segment that ends the path.
    parameter: Option<&'static str>,
    /// What its requests are counted as.
    pub counted: Counted,
    group: Group,
}

/// All routes. `/predict` stands first, since most requests are for it.
pub static ROUTES: &[Route] = &[
    Route { method: "POST", ..row(Endpoint::Predict, "/predict", Counted::Predict, Group::Api) },
    row(Endpoint::Index, "/", Counted::Index, Group::Api),
    row(Endpoint::Performance, "/performance", Counted::Performance, Group::Api),
    row(Endpoint::Args, "/args", Counted::Args, Group::Api),
    Route { parameter: Some("arg"), ..row(Endpoint::Arg, "/args/", Counted::Args, Group::Api) },
    row(Endpoint::Live, "/health/live", Counted::Health, Group::Health),
    row(Endpoint::Ready, "/health/ready", Counted::Health, Group::Health),
    row(Endpoint::Metrics, "/metrics", Counted::Metrics, Group::Metrics),
    row(Endpoint::OpenApi, "/openapi.json", Counted::Docs, Group::Docs),
    page(Page::Docs, "/docs"),
    page(Page::DocsStyle, "/docs/swagger-ui.css"),
    page(Page::DocsBundle, "/docs/swagger-ui-bundle.js"),
    page(Page::DocsStart, "/docs/start.js"),
    page(Page::Icon, "/docs/icon.svg"),
    page(Page::Redoc, "/redoc"),
    page(Page::RedocBundle, "/redoc/redoc.standalone.js"),
    page(Page::RedocStart, "/redoc/start.js"),
];

const fn row(endpoint: Endpoint, path: &'static str, counted: Counted, group: Group) -> Route {
    Route { endpoint, method: "GET", path, parameter: None, counted, group }
}

const fn page(page: Page, path: &'static str) -> Route {
    row(Endpoint::Page(page), path, Counted::Docs, Group::Docs)
}

impl Route {
    /// The path as the API's description writes it: `/args/{arg}`.
    pub fn template(&self) -> String {
        let Self { path, parameter, .. } = self;
        parameter.map_or_else(|| (*path).to_owned(), |name| format!("{path}{{{name}}}"))
    }

    /// The value of the path's parameter (empty for a route without one), if the path is this route's.
    fn matches<'p>(&self, path: &'p str) -> Option<&'p str> {
        if self.parameter.is_none() {
            return (path == self.path).then_some("");
        }
        path.strip_prefix(self.path).filter(|value| !value.is_empty() && !value.contains('/'))
    }

    fn answers(&self, method: &Method) -> bool {
        method == self.method || (method == Method::HEAD && self.method == "GET")
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'p> {
    /// This endpoint answers it.
    Answer {
        /// What answers.
        endpoint: Endpoint,
        /// The value of the path's parameter; empty where the route has none.
        argument: &'p str,
        /// What the request is counted as.
        counted: Counted,
    },
    /// 405, with the one method that the path has.
    MethodNotAllowed(&'static str),
    /// 307 to this path.
    Redirect(&'p str),
    /// 404.
    NotFound,
}

impl Decision<'_> {
    /// The label under which the request is counted.
    pub fn counted(&self) -> Counted {
        if let Self::Answer { counted, .. } = self { *counted } else { Counted::Other }
    }
}

/// Decides what becomes of a request where `offer` is offered. `path` is percent-decoded.
pub fn decide<'p>(method: &Method, path: &'p str, offer: Offer) -> Decision<'p> {
    if let Some((route, argument)) = find(path, offer) {
        return if route.answers(method) {
            Decision::Answer { endpoint: route.endpoint, argument, counted: route.counted }
        } else {
            Decision::MethodNotAllowed(route.method)
        };
    }
    let other = if path.is_empty() { "/" } else { path.trim_end_matches('/') };
    if other != path && find(other, offer).is_some() { Decision::Redirect(other) } else { Decision::NotFound }
}

/// The route of a percent-decoded path, whatever the method, and the value of the path's parameter.
fn find(path: &str, offer: Offer) -> Option<(&'static Route, &str)> {
    // The lesson's patterns end in `$`, which in Python also matches before a line feed at the end; `[^/]+` takes
    // that line feed, too.
    let ends_before = path.strip_suffix('\n').unwrap_or(path);
    let offered = ROUTES.iter().filter(|route| offer.has(route));
    offered
        .map(|route| (route, route.matches(if route.parameter.is_none() { ends_before } else { path })))
        .find_map(|(route, argument)| Some((route, argument?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(method: &str, path: &'static str, offer: Offer) -> Decision<'static> {
        decide(&Method::from_bytes(method.as_bytes()).unwrap(), path, offer)
    }

    fn answer(endpoint: Endpoint, argument: &'static str) -> Decision<'static> {
        let counted = ROUTES.iter().find(|route| route.endpoint == endpoint).unwrap().counted;
        Decision::Answer { endpoint, argument, counted }
    }

    #[test]
    fn requests_go_where_starlette_sends_them() {
        use Decision::{MethodNotAllowed, NotFound, Redirect};
        let route = |endpoint| answer(endpoint, "");
        for (method, path, expected) in [
            ("GET", "/", route(Endpoint::Index)),
            ("HEAD", "/", route(Endpoint::Index)),
            ("POST", "/", MethodNotAllowed("GET")),
            ("GET", "//", NotFound),
            ("GET", "", Redirect("/")),
            ("POST", "/predict", route(Endpoint::Predict)),
            ("POST", "/predict\n", route(Endpoint::Predict)),
            ("POST", "/predict\n\n", NotFound),
            ("HEAD", "/predict", MethodNotAllowed("POST")),
            ("OPTIONS", "/predict", MethodNotAllowed("POST")),
            ("GET", "/predict/", Redirect("/predict")),
            ("GET", "/predict//", Redirect("/predict")),
            ("GET", "/predict/x", NotFound),
            ("GET", "/args", route(Endpoint::Args)),
            ("GET", "/args/", Redirect("/args")),
            ("GET", "/args/a b", answer(Endpoint::Arg, "a b")),
            ("GET", "/args/a\n", answer(Endpoint::Arg, "a\n")),
            ("GET", "/args/\n", answer(Endpoint::Arg, "\n")),
            ("GET", "/args/a/", Redirect("/args/a")),
            ("GET", "/args/a/b", NotFound),
            ("DELETE", "/args/a", MethodNotAllowed("GET")),
            ("GET", "/health/ready", route(Endpoint::Ready)),
            ("GET", "/metrics", route(Endpoint::Metrics)),
            ("POST", "/metrics", MethodNotAllowed("GET")),
            ("GET", "/docs", route(Endpoint::Page(Page::Docs))),
            ("HEAD", "/openapi.json", route(Endpoint::OpenApi)),
            ("GET", "/docs/", Redirect("/docs")),
            ("POST", "/redoc", MethodNotAllowed("GET")),
            ("GET", "/nowhere", NotFound),
        ] {
            assert_eq!(decided(method, path, Offer::EVERYTHING), expected, "{method} {path:?}");
        }
    }

    #[test]
    fn what_is_not_offered_is_not_found_in_any_way() {
        for (offer, offered, hidden) in [
            (Offer::PUBLIC, "/docs", "/metrics"),
            (Offer::METRICS, "/health/live", "/predict"),
            (Offer::METRICS, "/metrics", "/docs"),
            (Offer::EVERYTHING.with_docs(false), "/metrics", "/docs"),
            (Offer::EVERYTHING.with_docs(false), "/", "/openapi.json"),
            (Offer::EVERYTHING.with_docs(true), "/openapi.json", "/nowhere"),
        ] {
            assert!(matches!(decided("GET", offered, offer), Decision::Answer { .. }), "{offered}");
            for method in ["GET", "HEAD", "DELETE"] {
                assert_eq!(decided(method, hidden, offer), Decision::NotFound, "{hidden}");
                let with_slash: &'static str = format!("{hidden}/").leak();
                assert_eq!(decided(method, with_slash, offer), Decision::NotFound, "{hidden}/");
            }
        }
    }

    #[test]
    fn each_row_is_reached() {
        for route in ROUTES {
            let path: &'static str = route.template().leak();
            let argument = if route.parameter.is_some() { "{arg}" } else { "" };
            let expected = answer(route.endpoint, argument);
            assert_eq!(decided(route.method, path, Offer::EVERYTHING), expected, "{path}");
        }
    }
}
