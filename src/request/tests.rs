use proptest::prelude::*;

use super::*;

const JSON: Option<&[u8]> = Some(b"application/json");
const TWO_TEXTS: &str = r#"{"texts": [
  {"text": "Transfer learning with transformers for text classification."},
  {"text": "Generative adversarial networks for image generation."}
]}"#;

/// The texts of a body that is sent as JSON, or the refusal's status and body.
fn parse(body: &[u8], query: Option<&str>, limits: &Limits) -> Result<Vec<String>, (u16, String)> {
    let mut request = PredictRequest::new();
    match request.parse(body, JSON, query, limits, true, 4) {
        Ok(()) => Ok(request.texts().map(String::from).collect()),
        Err(refusal) => {
            assert!(request.is_empty(), "a refused request keeps no texts");
            Err((refusal.status, String::from_utf8(refusal.body).unwrap()))
        }
    }
}

fn detail(errors: &str) -> (u16, String) {
    (422, format!(r#"{{"detail":[{errors}]}}"#))
}

/// Bodies and their texts, read by the lesson's stack.
#[test]
fn reads_texts_as_the_lesson_does() {
    let cases: &[(&[u8], &[&str])] = &[
        (br#"{"texts":[{"text":"a"}]}"#, &["a"]),
        (br#" {"texts" : [ {"text":"a","id":7}, {"id":null,"text":"b"} ], "x":"y"} "#, &["a", "b"]),
        (br#"{"texts":[{"text":"a\n\u00e9\ud83d\ude00"}]}"#, &["a\né😀"]),
        (br#"{"texts":5,"texts":[{"text":"a","text":"b"}]}"#, &["b"]),
        (br#"{"texts":[{"text":"a"}],"texts":[{"text":"b"}]}"#, &["b"]),
        (br#"{"\u0074exts":[{"te\u0078t":"a"}]}"#, &["a"]),
        (br#"{"x":[{"y":[]}],"texts":[{"text":"a","z":{}}]}"#, &["a"]),
        (br#"{"texts":[{"text":5},{"text":-0},{"text":true},{"text":false}]}"#, &["5", "0", "True", "False"]),
        (br#"{"texts":[{"text":1.50},{"text":1e16},{"text":-0.0}]}"#, &["1.5", "1e+16", "-0.0"]),
        (br#"{"texts":[{"text":NaN},{"text":-Infinity},{"text":1e400}]}"#, &["nan", "-inf", "inf"]),
        (br#"[["texts",[[["text","a"]]]]]"#, &["a"]),
        (br#"[["x",1],"ab",["texts",[{"text":"b"}]],{"c":1,"d":2}]"#, &["b"]),
        (br#"{"texts":[[{"text":0,"a":0,"text":0}]]}"#, &["a"]),
        (b"\xef\xbb\xbf{\"texts\":[{\"text\":\"a\"}]}", &["a"]),
        (br#"{"texts":[{"text":"a"}],"x":"\ud800"}"#, &["a"]),
    ];
    for (body, texts) in cases {
        let found = parse(body, None, &Limits::default());
        assert_eq!(found.as_deref(), Ok(texts.map_owned().as_slice()), "{}", body.escape_ascii());
    }
    let utf16: Vec<u8> = r#"{"texts":[{"text":"é"}]}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(parse(&utf16, None, &Limits::default()), Ok(vec!["é".into()]));
}

trait MapOwned {
    fn map_owned(&self) -> Vec<String>;
}

impl MapOwned for &[&str] {
    fn map_owned(&self) -> Vec<String> {
        self.iter().map(|&text| text.into()).collect()
    }
}

/// Bodies and the errors that the lesson's stack finds in them.
#[test]
fn refuses_as_the_lesson_does() {
    let dict = |loc: &str| {
        format!(r#"{{"loc":[{loc}],"msg":"value is not a valid dict","type":"type_error.dict"}}"#)
    };
    let missing =
        |loc: &str| format!(r#"{{"loc":[{loc}],"msg":"field required","type":"value_error.missing"}}"#);
    let null = |loc: &str| {
        format!(
            r#"{{"loc":[{loc}],"msg":"none is not an allowed value","type":"type_error.none.not_allowed"}}"#
        )
    };
    let list = r#"{"loc":["body","texts"],"msg":"value is not a valid list","type":"type_error.list"}"#;
    let empty =
        r#"{"loc":["body","texts"],"msg":"List of texts to classify cannot be empty.","type":"value_error"}"#;
    let names = r#"{"loc":["body"],"msg":"keywords must be strings","type":"type_error"}"#;
    let selves = r#"{"loc":["body"],"msg":"__init__() got multiple values for keyword argument '__pydantic_self__'","type":"type_error"}"#;
    let text = |i: usize, message: &str| format!(r#"{{"loc":["body","texts",{i},"text"],{message}}}"#);
    let string = r#""msg":"str type expected","type":"type_error.str""#;
    let short = r#""msg":"ensure this value has at least 1 characters","type":"value_error.any_str.min_length","ctx":{"limit_value":1}"#;
    let (body, texts) = (r#""body""#, r#""body","texts""#);
    let cases: &[(&str, String)] = &[
        ("", missing(body)),
        ("null", missing(body)),
        ("[]", missing(texts)),
        ("\"\"", missing(texts)),
        ("{}", missing(texts)),
        (r#"["\ud800a"]"#, missing(texts)),
        (r#"[{"a":1,"b":2,"a":3}]"#, missing(texts)),
        ("\"ab\"", dict(body)),
        ("5", dict(body)),
        ("[[1,2],3]", dict(body)),
        (r#"[["a",1,2]]"#, dict(body)),
        ("[[[],2]]", dict(body)),
        (r#"[{"a":1,"b":2,"c":3}]"#, dict(body)),
        ("[[1,2]]", names.into()),
        (r#"[["__pydantic_self__",1],[null,2]]"#, names.into()),
        (r#"{"__pydantic_self__":1,"texts":[{"text":"a"}]}"#, selves.into()),
        (r#"{"texts":null}"#, null(texts)),
        (r#"{"texts":{}}"#, list.into()),
        (r#"[{"texts":1,"b":2}]"#, list.into()),
        (r#"{"texts":[]}"#, empty.into()),
        (r#"{"texts":[null]}"#, null(r#""body","texts",0"#)),
        (r#"{"texts":[{"text":""}]}"#, text(0, short)),
        (
            r#"{"texts":[{"text":[]},7,{"text":null},{"text":"ok"},{},{"text":""},{"text":{}}]}"#,
            [text(0, string), dict(r#""body","texts",1"#), text(5, short), text(6, string)].join(","),
        ),
    ];
    for (body, errors) in cases {
        assert_eq!(parse(body.as_bytes(), None, &Limits::default()), Err(detail(errors)), "{body}");
    }
}

#[test]
fn refuses_what_is_not_json_as_the_lesson_does() {
    let expected = detail(
        r#"{"loc":["body",15],"msg":"Expecting ',' delimiter: line 2 column 6 (char 15)","type":"value_error.jsondecode","ctx":{"msg":"Expecting ',' delimiter","doc":"{\"é\": [1,\n\t\"\" ]","pos":15,"lineno":2,"colno":6}}"#,
    );
    let found = parse("{\"é\": [1,\n\t\"\" ]".as_bytes(), None, &Limits::default());
    assert_eq!(found, Err(expected));

    let unreadable = Err((400, r#"{"detail":"There was an error parsing the body"}"#.into()));
    for body in [b"\"\xff\"".to_vec(), vec![b'['; 968], vec![b'1'; 4301]] {
        assert_eq!(parse(&body, None, &Limits::default()), unreadable);
    }
}

/// Where the lesson answers 500.
#[test]
fn refuses_what_the_lesson_cannot_answer() {
    let errors = r#"{"loc":["body","texts",0,"text"],"msg":"none is not an allowed value","type":"type_error.none.not_allowed"},{"loc":["body","texts",2,"text"],"msg":"field required","type":"value_error.missing"},{"loc":["body","texts",3,"text"],"msg":"text must not contain lone surrogates","type":"value_error.unicode"}"#;
    let body = br#"{"texts":[{"text":null},{"text":"a"},{},{"text":"\ud800"}]}"#;
    assert_eq!(parse(body, None, &Limits::default()), Err(detail(errors)));

    let errors = r#"{"loc":["body",0],"msg":"Unterminated string starting at: line 1 column 1 (char 0)","type":"value_error"}"#;
    assert_eq!(parse(b"\"\xed\xa0\x80", None, &Limits::default()), Err(detail(errors)));
}

#[test]
fn holds_its_own_limits() {
    let limits = Limits { texts: 2, text_bytes: 3, ..Limits::default() };
    let fits = br#"{"texts":[{"text":"abc"},{"text":100}]}"#;
    assert_eq!(parse(fits, None, &limits).map(|texts| texts.len()), Ok(2));
    let too_many = r#"{"loc":["body","texts"],"msg":"ensure this value has at most 2 items","type":"value_error.list.max_items","ctx":{"limit_value":2}}"#;
    assert_eq!(parse(br#"{"texts":[{"text":"a"},{"text":""},7]}"#, None, &limits), Err(detail(too_many)));
    let too_long = r#"{"loc":["body","texts",1,"text"],"msg":"ensure this value has at most 3 bytes","type":"value_error.any_str.max_length","ctx":{"limit_value":3}}"#;
    assert_eq!(
        parse("{\"texts\":[{\"text\":\"a\"},{\"text\":\"éé\"}]}".as_bytes(), None, &limits),
        Err(detail(too_long))
    );
}

#[test]
fn lists_errors_of_the_query_first() {
    let below = r#"{"loc":["query","top_k"],"msg":"ensure this value is greater than or equal to 1","type":"value_error.number.not_ge","ctx":{"limit_value":1}}"#;
    let no_integer =
        r#"{"loc":["query","top_k"],"msg":"value is not a valid integer","type":"type_error.integer"}"#;
    let missing = r#"{"loc":["body"],"msg":"field required","type":"value_error.missing"}"#;
    let limits = Limits::default();
    assert_eq!(parse(TWO_TEXTS.as_bytes(), Some("top_k=0"), &limits), Err(detail(below)));
    assert_eq!(parse(b"", Some("top_k=x"), &limits), Err(detail(&format!("{no_integer},{missing}"))));
    assert_eq!(parse(br#"{"texts":[{}]}"#, Some("top_k=x"), &limits), Err(detail(no_integer)));
    let (_, broken) = parse(b"{", Some("top_k=0"), &limits).unwrap_err();
    assert!(broken.contains("value_error.jsondecode") && !broken.contains("top_k"), "{broken}");

    let mut request = PredictRequest::new();
    assert_eq!(request.parse(TWO_TEXTS.as_bytes(), JSON, Some("top_k=9"), &limits, true, 4), Ok(()));
    assert_eq!((request.top_k(), request.len()), (Some(4), 2));
    let refusal = request.parse(TWO_TEXTS.as_bytes(), JSON, Some("top_k=9"), &limits, false, 4).unwrap_err();
    let no_probabilities =
        r#"{"loc":["query","top_k"],"msg":"the model has no probabilities","type":"value_error"}"#;
    assert_eq!((refusal.status, String::from_utf8(refusal.body).unwrap()), detail(no_probabilities));
}

#[test]
fn a_body_of_another_type_is_no_object() {
    let refusal = PredictRequest::new()
        .parse(TWO_TEXTS.as_bytes(), Some(b"text/plain"), None, &Limits::default(), true, 4)
        .unwrap_err();
    let error = r#"{"loc":["body"],"msg":"value is not a valid dict","type":"type_error.dict"}"#;
    assert_eq!((refusal.status, String::from_utf8(refusal.body).unwrap()), detail(error));
}

#[test]
fn gives_back_what_a_huge_request_has_grown() {
    let mut request = PredictRequest::new();
    for item in [r#"{"text":"a"},"#, r#"{"text":1},"#] {
        let many = Limits { texts: usize::MAX, ..Limits::default() };
        let items = item.repeat(80_000);
        let body = format!("{{\"texts\":[{}]}}", items.trim_end_matches(','));
        assert!(body.len() > 3 * KEPT_BYTES);
        assert_eq!(request.parse(body.as_bytes(), JSON, None, &many, true, 4), Ok(()));
        assert_eq!(request.len(), 80_000);
        request.clear();
        assert!(request.texts.memory() + request.reader.memory() < 4 * KEPT_BYTES);
        assert_eq!(request.parse(TWO_TEXTS.as_bytes(), JSON, None, &many, true, 4), Ok(()));
        assert_eq!(request.text(1), "Generative adversarial networks for image generation.");
    }
}

fn by_fast(body: &[u8], limits: &Limits) -> Option<Vec<String>> {
    let (mut reader, mut texts) = (FastReader::new(), Texts::default());
    let accepted = reader.read(body, limits, &mut texts);
    accepted.then(|| (0..texts.len()).map(|i| texts.get(i, reader.input()).to_owned()).collect())
}

fn by_slow(body: &[u8], limits: &Limits) -> Option<Vec<String>> {
    let (mut texts, mut errors) = (Texts::default(), ErrorList::default());
    payload::read(body, limits, &mut texts, &mut errors).ok()?;
    errors.is_empty().then(|| (0..texts.len()).map(|i| texts.get(i, &[]).to_owned()).collect())
}

#[test]
fn the_usual_bodies_take_the_fast_path() {
    let limits = Limits::default();
    for body in [
        TWO_TEXTS,
        r#"{"texts":[{"text":"\u00e9\n"}]}"#,
        r#"{"id":1.5e3,"texts":[{"text":"a","lang":null},{"n":0,"text":"b","text":"c"}],"x":true}"#,
    ] {
        assert!(by_fast(body.as_bytes(), &limits).is_some(), "{body}");
        assert_eq!(by_fast(body.as_bytes(), &limits), by_slow(body.as_bytes(), &limits));
    }
}

const SEEDS: [&str; 5] = [
    r#"{"texts":[{"text":"ab"}]}"#,
    r#" {"texts" : [{"text":"a\u00e9\n","id":12.5e3},{"n":-0,"text":"\ud83d\ude00"}], "k":1e-7} "#,
    r#"{"x":"y","texts":[{"text":"1","text":"é😀"}],"texts":[{"a":null,"text":"b\\"}],"z":false}"#,
    r#"{"n":123456789012345678,"texts":[{"text":"x","m":0.1234567890123456789}]}"#,
    r#"{"t":"\"","texts":[{"text":"ab","__pydantic_self_":1}],"f":1E+22}"#,
];
const FRAGMENTS: [&[u8]; 30] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b" ",
    b"\n",
    b"\t",
    b"\x0b",
    b"\0",
    b"\x1f",
    b"\x7f",
    b"0",
    b"1",
    b".",
    b"e",
    b"E",
    b"-",
    b"+",
    b"\\u",
    b"\\ud83d",
    b"\\udc00",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"NaN",
    b"_",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// What the fast path accepts, the slow path accepts with the same texts.
    #[test]
    fn the_fast_path_agrees_with_the_slow_one(
        seed in 0..SEEDS.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0..3_usize, 0..FRAGMENTS.len()), 0..4),
    ) {
        let mut body = SEEDS[seed].as_bytes().to_vec();
        for (place, removed, fragment) in changes {
            let start = place.index(body.len() + 1);
            let end = (start + removed).min(body.len());
            body.splice(start..end, FRAGMENTS[fragment].iter().copied());
        }
        let limits = Limits::default();
        if let Some(texts) = by_fast(&body, &limits) {
            prop_assert_eq!(Some(texts), by_slow(&body, &limits), "{}", body.escape_ascii());
        }
    }
}
