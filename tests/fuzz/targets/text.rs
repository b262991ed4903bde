//! A text: the first byte chooses the model, the rest is what it is asked about.

use std::path::Path;

use linnet::model::artifact::Artifact;
use linnet::model::plain::{PlainModel, PlainScratch};
use linnet::model::{Model, Scratch, build_image};
use linnet::text::cleaner::{Cleaner, CleanerScratch};

use super::root;

/// The model that ships (cleaner, `char_wb`, the fast engine), and one of each analyzer.
const MODELS: [&str; 7] = [
    "artifacts/tagifai/1",
    "tests/golden/char/1",
    "tests/golden/char_case/1",
    "tests/golden/char_wb/1",
    "tests/golden/char_wb_long/1",
    "tests/golden/word/1",
    "tests/golden/word_binary/1",
];

/// A model both ways, with the buffers of both.
struct Pair {
    artifact: &'static Artifact,
    cleaner: Option<Cleaner>,
    cleaning: (CleanerScratch, String, String),
    model: Model<'static>,
    scratch: Scratch,
    plain: PlainModel<'static>,
    plain_scratch: PlainScratch,
    expected: Vec<f64>,
}

thread_local! {
    static PAIRS: std::cell::RefCell<Vec<Pair>> =
        MODELS.iter().map(|model| Pair::open(&root().join(model))).collect::<Vec<_>>().into();
}

/// What runs gives the same decision values as the plain implementation, and the cleaner's one pass the same text as
/// its steps.
pub(super) fn target(data: &[u8]) {
    let Some((model, text)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    PAIRS.with_borrow_mut(|pairs| {
        let model = usize::from(*model) % pairs.len();
        pairs[model].compare(&text);
    });
}

impl Pair {
    fn open(directory: &Path) -> Self {
        let artifact: &Artifact = Box::leak(Box::new(Artifact::open(directory).expect("a golden model")));
        let image = Box::leak(Box::new(build_image(directory).expect("a golden model")));
        let model = Model::from_image(image.as_bytes()).expect("an image just made");
        let plain = PlainModel::new(artifact).expect("a golden model");
        Self {
            artifact,
            cleaner: artifact.cleaner().expect("a golden model"),
            cleaning: Default::default(),
            scratch: model.scratch(),
            model,
            plain_scratch: plain.scratch(),
            plain,
            expected: Vec::new(),
        }
    }

    fn compare(&mut self, text: &str) {
        if let Some(cleaner) = &self.cleaner {
            let (scratch, found, expected) = &mut self.cleaning;
            let characters = self.artifact.characters.view();
            cleaner.clean_into(characters, text, scratch, found);
            cleaner.clean_plainly_into(characters, text, scratch, expected);
            assert_eq!(found, expected, "cleaned {text:?}");
        }
        let decision = self.model.decision(text, &mut self.scratch);
        self.plain.decision(text, &mut self.plain_scratch, &mut self.expected);
        assert_eq!(decision.len(), self.expected.len());
        for (found, expected) in decision.iter().zip(&self.expected) {
            let allowed = 1e-9 * expected.abs().max(1.0);
            assert!((found - expected).abs() <= allowed, "{text:?}: {decision:?}, plain {:?}", self.expected);
        }
    }
}
