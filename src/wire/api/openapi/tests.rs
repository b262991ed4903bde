//! The description against the route table, and within itself. `tests/openapi` holds it to what the server answers.

use std::collections::BTreeSet;
use std::path::Path;

use hyper::Method;

use super::*;
use crate::model::{Model, build_image};
use crate::wire::route::{Decision, Endpoint, decide};

fn pipeline() -> Pipeline<'static> {
    let image = build_image(Path::new("artifacts/tagifai/1")).unwrap();
    let image: &'static [u8] = Box::leak(Box::new(image)).as_bytes();
    Pipeline::new(Model::from_image(image).unwrap())
}

fn document_for(offer: Offer) -> Value {
    let limits = Limits::default();
    let (title, purpose) = ("A title", "Some *words*.");
    document(&mut About { title, purpose, offer, limits: &limits, pipeline: &mut pipeline() })
}

/// Method and path of each operation.
fn operations_of(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| (method.to_ascii_uppercase(), path.clone()))
    });
    operations.collect()
}

#[test]
fn every_route_is_described_but_for_the_description_itself() {
    for offer in [Offer::EVERYTHING, Offer::PUBLIC, Offer::METRICS] {
        let described = operations_of(&document_for(offer));
        let is_documentation = |endpoint| matches!(endpoint, Endpoint::OpenApi | Endpoint::Page(_));
        let offered = ROUTES.iter().filter(|route| offer.has(route) && !is_documentation(route.endpoint));
        let expected = offered.map(|route| (route.method.to_owned(), route.template())).collect();
        assert_eq!(described, expected);
        for (method, path) in described {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert!(matches!(decide(&method, &path, offer), Decision::Answer { .. }), "{method} {path}");
        }
    }
}

#[test]
fn references_lead_somewhere_and_names_are_unique() {
    let document = document_for(Offer::EVERYTHING);
    let text = document.to_string();
    let mut referred = BTreeSet::new();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
        referred.insert(pointer.rsplit('/').next().unwrap().to_owned());
    }
    let named: BTreeSet<_> = document["components"]["schemas"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(referred, named);
    let ids: Vec<_> =
        text.split("\"operationId\":\"").skip(1).map(|id| id.split('"').next().unwrap()).collect();
    assert_eq!(ids.len(), operations_of(&document).len());
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[test]
fn examples_are_what_the_routes_answer() {
    let document = document_for(Offer::EVERYTHING);
    let shown = |method: &str, path: &str, status: &str, name: &str| {
        let response = &document["paths"][path][method]["responses"][status];
        response["content"]["application/json"]["examples"][name]["value"].clone()
    };
    let predicted = shown("post", "/predict", "200", "predictions");
    assert_eq!(predicted["timestamp"], "2021-02-08T13:19:11.343801");
    let first = &predicted["data"]["predictions"][0];
    assert_eq!(first["predicted_tag"], "natural-language-processing");
    assert_eq!(
        shown("post", "/predict", "200", "top_k")["data"]["predictions"][0]["probabilities"][0]["tag"],
        first["predicted_tag"]
    );
    let types = |name| shown("post", "/predict", "422", name)["detail"][0]["type"].clone();
    assert_eq!(types("no_texts"), "value_error");
    assert_eq!(types("empty_text"), "value_error.any_str.min_length");
    assert_eq!(types("no_text"), "value_error.missing");
    assert_eq!(types("no_json"), "value_error.jsondecode");
    assert_eq!(
        shown("post", "/predict", "400", "no_unicode")["detail"],
        "There was an error parsing the body"
    );
    assert_eq!(shown("get", "/args/{arg}", "200", "arg")["data"]["learning_rate"], 0.146_880_876_801_187_94);
    assert_eq!(shown("get", "/health/ready", "503", "draining")["status"], "draining");
}

#[test]
fn showing_counts_for_nothing_and_is_always_the_same() {
    let mut pipeline = pipeline();
    let limits = Limits::default();
    let (first, second) = (Description::new("a", "b"), Description::new("a", "b"));
    let (first, second) = (
        first.kept(Offer::PUBLIC, &limits, &mut pipeline),
        second.kept(Offer::PUBLIC, &limits, &mut pipeline),
    );
    assert_eq!((&first.body, &first.etag), (&second.body, &second.etag));
    assert_eq!(pipeline.predicted().iter().sum::<u64>(), 0);
}
