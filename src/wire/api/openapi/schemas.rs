//! What requests and answers are made of. `PredictPayload`, `Text`, `HTTPValidationError` and `ValidationError` have the
//! names that the lesson's stack gives them.

use serde_json::{Map, Value, json};

use super::About;
use crate::model::{Label, Model};

/// A reference to a schema of [`all`].
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Every schema that has a name.
pub(super) fn all(about: &About<'_>) -> Value {
    let model = about.pipeline.model();
    let mut schemas = Map::new();
    let mut add = |name: &str, schema| schemas.insert(name.to_owned(), schema);
    add("PredictPayload", predict_payload(about));
    add("Text", text(about));
    add("PredictResponse", envelope("POST", &object(&[("predictions", predictions())])));
    add("Prediction", prediction(model));
    if model.outcome().has_probabilities() {
        add("Probability", probability(model));
    }
    add("IndexResponse", envelope("GET", &json!({"type": "object", "maxProperties": 0})));
    add("PerformanceResponse", envelope("GET", &object(&[("performance", performance(model))])));
    add(
        "ArgsResponse",
        envelope("GET", &object(&[("args", json!({"type": "object", "additionalProperties": true}))])),
    );
    add(
        "ArgResponse",
        envelope(
            "GET",
            &json!({
                "type": "object",
                "maxProperties": 1,
                "additionalProperties": true,
                "description": "The argument under its name; an empty string for one that is unknown.",
            }),
        ),
    );
    add("Health", object(&[("status", described("string", "The state, in one word."))]));
    add("Error", object(&[("detail", described("string", "What is wrong, in words."))]));
    let errors = json!({"type": "array", "minItems": 1, "items": reference("ValidationError")});
    add("HTTPValidationError", object(&[("detail", errors)]));
    add("ValidationError", validation_error());
    Value::Object(schemas)
}

/// An object with these members, all of them always there.
fn object(members: &[(&str, Value)]) -> Value {
    let required: Vec<_> = members.iter().map(|(name, _)| *name).collect();
    let properties: Map<_, _> = members.iter().map(|(name, of)| ((*name).to_owned(), of.clone())).collect();
    json!({"type": "object", "required": required, "properties": properties})
}

fn described(kind: &str, description: &str) -> Value {
    json!({"type": kind, "description": description})
}

/// The lesson's envelope around `data`.
fn envelope(method: &str, data: &Value) -> Value {
    const TIMESTAMP: &str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}$";
    object(&[
        ("message", json!({"type": "string", "const": "OK"})),
        ("method", json!({"type": "string", "const": method})),
        ("status-code", json!({"type": "integer", "const": 200})),
        (
            "timestamp",
            json!({
                "type": "string",
                "pattern": TIMESTAMP,
                "description": "When the request was answered: UTC, without a zone.",
            }),
        ),
        ("url", described("string", "The URL as the client used it, its path percent-decoded.")),
        ("data", data.clone()),
    ])
}

fn predict_payload(about: &About<'_>) -> Value {
    let texts = json!({
        "type": "array",
        "minItems": 1,
        "maxItems": about.limits.texts,
        "items": reference("Text"),
        "description": "The texts to classify, answered in this order.",
    });
    object(&[("texts", texts)])
}

fn text(about: &About<'_>) -> Value {
    let most = about.limits.text_bytes;
    let text = json!({
        "anyOf": [
            {"type": "string", "minLength": 1, "maxLength": most},
            {"type": "number"},
            {"type": "boolean"},
        ],
        "description": format!(
            "One text: Unicode without lone surrogates, at most {most} bytes in UTF-8. Numbers and booleans are taken \
             as Python writes them: `1.0`, `True`."
        ),
    });
    object(&[("text", text)])
}

fn predictions() -> Value {
    json!({"type": "array", "minItems": 1, "items": reference("Prediction")})
}

fn prediction(model: &Model<'_>) -> Value {
    let outcome = model.outcome();
    let input = described("string", "The text as it was classified.");
    let mut prediction = if outcome.settings.multilabel {
        let tags = json!({"type": "array", "uniqueItems": true, "items": label(model.classes())});
        object(&[("input_text", input), ("predicted_tags", tags)])
    } else {
        object(&[("input_text", input), ("predicted_tag", label(model.classes()))])
    };
    if outcome.has_probabilities() {
        prediction["properties"]["probabilities"] = json!({
            "type": "array",
            "minItems": 1,
            "maxItems": model.classes().len(),
            "items": reference("Probability"),
            "description": "Only with `top_k`: the most probable classes, best first.",
        });
    }
    prediction
}

fn probability(model: &Model<'_>) -> Value {
    let probability = json!({
        "type": ["number", "null"],
        "minimum": 0,
        "maximum": 1,
        "description": "`null` where the model's probability is not a number.",
    });
    object(&[("tag", label(model.classes())), ("probability", probability)])
}

/// A class label, of the JSON types that the model's labels have. The labels are not enumerated: a client should outlive
/// the model's next version.
fn label(classes: &[Label]) -> Value {
    const SHOWN: usize = 20;
    let mut types = Vec::new();
    for class in classes {
        let kind = match class.json.as_bytes().first() {
            Some(b'"') => "string",
            Some(b't' | b'f') => "boolean",
            _ => "integer",
        };
        if !types.contains(&kind) {
            types.push(kind);
        }
    }
    let shown: Vec<_> = classes.iter().take(SHOWN).map(|class| format!("`{}`", class.json)).collect();
    let more = if classes.len() > SHOWN { ", …" } else { "" };
    let description = format!("One of the model's {} classes: {}{more}.", classes.len(), shown.join(", "));
    let types = if let [one] = types[..] { json!(one) } else { json!(types) };
    json!({"type": types, "description": description})
}

/// The figures, or one part of them: an object if all parts are.
fn performance(model: &Model<'_>) -> Value {
    let whole = serde_json::from_slice::<Map<String, Value>>(model.performance().whole());
    let is_nested = whole.is_ok_and(|whole| whole.values().all(Value::is_object));
    let description = "The figures as the training run wrote them: all, or the part that `filter` names.";
    if is_nested {
        json!({"type": "object", "additionalProperties": true, "description": description})
    } else {
        json!({"description": description})
    }
}

fn validation_error() -> Value {
    let place = json!({
        "type": "array",
        "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "description": "Where: the part of the request, then names and indices, or where its JSON breaks off.",
    });
    let mut error = object(&[
        ("loc", place),
        ("msg", described("string", "What is wrong, in words.")),
        ("type", described("string", "What is wrong, as pydantic 1 names it.")),
    ]);
    error["properties"]["ctx"] = json!({
        "type": "object",
        "description": "What the words are about.",
        "properties": {
            "limit_value": described("integer", "The bound that is not kept."),
            "msg": described("string", "What the JSON parser says."),
            "doc": described("string", "The body."),
            "pos": described("integer", "The character at which it cannot be read."),
            "lineno": described("integer", "Its line."),
            "colno": described("integer", "Its column."),
        },
    });
    error
}
