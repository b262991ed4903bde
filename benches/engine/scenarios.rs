//! The scenarios of the benchmark.

use linnet::model::artifact::Artifact;
use serde_json::json;

use super::corpus::{self, Corpus};
use super::models;

/// What is read before the clock runs, and what while it runs.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) model: Box<dyn Fn() -> Artifact>,
    pub(super) against: Against,
    pub(super) warm: Vec<String>,
    /// One set of texts a turn; the next turn takes the next one.
    pub(super) timed: Vec<Vec<String>>,
    /// How often the set is read in a turn. The engines use the processor's caches in turn, as no server would.
    pub(super) repeated: usize,
    /// Whether each turn starts with an empty word cache.
    pub(super) afresh: bool,
}

/// What the engine is set against.
pub(super) enum Against {
    /// The plain implementation, on the same texts.
    Plain,
    /// Itself without its word cache.
    WithoutCache,
    /// Itself on other texts.
    Texts(Vec<Vec<String>>),
}

impl Scenario {
    /// Texts whose words have all been read before.
    fn seen(name: &'static str, model: impl Fn() -> Artifact + 'static, texts: Vec<String>) -> Self {
        let warm = [&texts[..], &texts[..]].concat();
        let (model, timed) = (Box::new(model), vec![texts]);
        Self { name, model, against: Against::Plain, warm, timed, repeated: 6, afresh: false }
    }

    /// The second half of some texts, after the first.
    fn middle(name: &'static str, model: impl Fn() -> Artifact + 'static, texts: &[String]) -> Self {
        let (first, second) = texts.split_at(texts.len() / 2);
        let (model, warm, timed) = (Box::new(model), first.to_vec(), vec![second.to_vec()]);
        Self { name, model, against: Against::Plain, warm, timed, repeated: 1, afresh: true }
    }

    /// Sets of texts in which no word comes twice, after some other texts.
    fn unseen(name: &'static str, against: Against, warm: &[String], sets: &[Vec<String>]) -> Self {
        let model = Box::new(models::shipped_without_cleaner);
        Self { name, model, against, warm: warm.to_vec(), timed: sets.to_vec(), repeated: 1, afresh: false }
    }
}

/// All scenarios whose name contains `name`.
pub(super) fn scenarios(corpus: &Corpus, name: &str) -> Vec<Scenario> {
    let mut all = characters(corpus);
    all.extend(words(corpus));
    if name.is_empty() || name.contains("never") || "aaaa…".contains(name) {
        all.extend(bounds(corpus)); // words that were never seen take a while to invent
    }
    if name.contains("large") {
        let words = models::large_words();
        let texts = corpus::zipf_texts(&words[..60_000], 4000);
        all.push(Scenario::middle("large, 1 M × 50, honest middle", || models::large(50), &texts));
    }
    all.retain(|scenario| scenario.name.contains(name));
    all
}

/// The shipped model, and others over the same character n-grams.
fn characters(corpus: &Corpus) -> Vec<Scenario> {
    let Corpus { raw, cleaned, .. } = corpus;
    let shipped = models::shipped_without_cleaner;
    let mostly_zero = |percent| models::mostly_zero(models::shipped_with_classes(300), percent);
    let normalizer = json!([{"sublinear_tf": false, "scale": false, "norm": "l1"}]);
    vec![
        Scenario::seen("cleaned, seen words", shipped, cleaned.clone()),
        Scenario::middle("cleaned, honest middle", shipped, cleaned),
        Scenario::seen("raw, seen words", models::shipped, raw.clone()),
        Scenario::middle("raw, honest middle", models::shipped, raw),
        Scenario::middle("honest middle, 50 classes", || models::shipped_with_classes(50), cleaned),
        Scenario::middle("honest middle, 300 classes", || models::shipped_with_classes(300), cleaned),
        Scenario::middle("300 classes, 90 % of weights 0", move || mostly_zero(90), cleaned),
        Scenario::middle("300 classes, 99 % of weights 0", move || mostly_zero(99), cleaned),
        Scenario::seen("cleaned, 1 kB texts", shipped, corpus.joined(1 << 10, 256)),
        Scenario::seen("cleaned, 1 MB texts", shipped, corpus.joined(1 << 20, 2)),
        Scenario::seen("char", || models::shipped_with("analyzer", &json!("char")), cleaned.clone()),
        Scenario::seen("binary", || models::shipped_with("binary", &json!(true)), cleaned.clone()),
        Scenario::seen(
            "sublinear_tf",
            || models::shipped_with("sublinear_tf", &json!(true)),
            cleaned.clone(),
        ),
        Scenario::seen("normalizer", move || models::shipped_with("then", &normalizer), cleaned.clone()),
    ]
}

/// Models over words of the same texts.
fn words(corpus: &Corpus) -> Vec<Scenario> {
    let Corpus { raw, cleaned, .. } = corpus;
    let of = |most| {
        let cleaned = cleaned.clone();
        move || models::of_words(&cleaned, most)
    };
    vec![
        Scenario::seen("word (1, 1), seen words", of(1), cleaned.clone()),
        Scenario::seen("word (1, 2), seen words", of(2), cleaned.clone()),
        Scenario::seen("word (1, 2), raw", of(2), raw.clone()),
        Scenario::seen("hashing, word (1, 2)", models::hashing, cleaned.clone()),
    ]
}

/// What no text may do to the shipped model.
fn bounds(corpus: &Corpus) -> Vec<Scenario> {
    let (half, _) = corpus.cleaned.split_at(corpus.cleaned.len() / 2);
    let unseen: Vec<Vec<String>> = corpus.never_seen(60).chunks(5).map(<[_]>::concat).collect();
    let hostile = vec![vec!["machinelearning".repeat(1 << 12)]];
    let mut worst =
        Scenario::unseen("never-seen words, other: the worst", Against::Texts(hostile), half, &unseen);
    worst.afresh = true;
    vec![
        Scenario::unseen("never-seen words", Against::Plain, half, &unseen),
        Scenario::unseen("never-seen words, other: no cache", Against::WithoutCache, half, &unseen),
        worst,
        Scenario::seen("aaaa…", models::shipped_without_cleaner, vec!["a".repeat(1 << 16)]),
    ]
}
