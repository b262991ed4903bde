//! A damaged image: the first byte chooses a sound one, then come changes of eleven bytes each: two for the place of a
//! word, a third that says from which end it is counted, and eight to put there.

use std::cell::RefCell;

use linnet::model::{Model, write_image};

use super::TEXTS;
use super::artifact::of_seed;

/// Artifacts whose images are damaged.
const SEEDS: [&[u8]; 4] = [
    include_bytes!("../corpus/artifact/char_wb"),
    include_bytes!("../corpus/artifact/word"),
    include_bytes!("../corpus/artifact/hashing"),
    include_bytes!("../corpus/artifact/calibrated"),
];

/// Bytes of one change.
const CHANGE: usize = 11;

struct Base {
    sound: Vec<u64>,
    /// The image that is damaged, and the places where it is.
    damaged: Vec<u64>,
    places: Vec<usize>,
}

thread_local! {
    static BASES: RefCell<Vec<Base>> = SEEDS.iter().map(|seed| Base::of(seed)).collect::<Vec<_>>().into();
}

/// Opens the image: it is refused, or the model that it holds answers without a panic.
pub(super) fn target(data: &[u8]) {
    let Some((base, changes)) = data.split_first() else { return };
    BASES.with_borrow_mut(|bases| {
        let base = usize::from(*base) % bases.len();
        let image = bases[base].damage(changes);
        let Ok(model) = Model::from_image(bytemuck::cast_slice(image)) else { return };
        let (mut scratch, mut labels, mut probabilities) = (model.scratch(), Vec::new(), Vec::new());
        for text in TEXTS {
            let decision = model.decision(text, &mut scratch);
            model.outcome().labels(decision, &mut probabilities, &mut labels);
            model.outcome().probabilities(decision, &mut probabilities);
            assert!(labels.iter().all(|&label| label < model.classes().len()), "{labels:?}");
        }
    });
}

impl Base {
    fn of(seed: &[u8]) -> Self {
        let image = write_image(&of_seed(seed)).expect("a sound artifact");
        let sound = bytemuck::cast_slice(image.as_bytes()).to_vec();
        Self { damaged: sound.clone(), sound, places: Vec::new() }
    }

    /// The image with these changes and no others.
    fn damage(&mut self, changes: &[u8]) -> &[u64] {
        for place in self.places.drain(..) {
            self.damaged[place] = self.sound[place];
        }
        for change in changes.chunks_exact(CHANGE) {
            let [low, high, end, word @ ..] = change else { continue };
            let distance = usize::from(u16::from_le_bytes([*low, *high])) % self.sound.len();
            let place = if end % 2 == 1 { self.sound.len() - 1 - distance } else { distance };
            self.damaged[place] = u64::from_le_bytes(word.try_into().unwrap_or_default());
            self.places.push(place);
        }
        &self.damaged
    }
}
