//! Texts to classify: the lesson's own, and as many different ones as a scenario wants, the same on every machine.

/// The text of the lesson's single-text request.
pub(crate) const LESSON_TEXT: &str = "Transfer learning with transformers for text classification.";

/// What project descriptions are made of: words of the field, everyday words, and a few that no model has seen.
const WORDS: &[&str] = &[
    "a",
    "the",
    "of",
    "and",
    "for",
    "in",
    "with",
    "to",
    "on",
    "using",
    "from",
    "is",
    "we",
    "you",
    "your",
    "how",
    "transfer",
    "learning",
    "transformers",
    "text",
    "classification",
    "image",
    "images",
    "deep",
    "neural",
    "network",
    "networks",
    "convolutional",
    "recurrent",
    "generative",
    "adversarial",
    "attention",
    "language",
    "model",
    "models",
    "natural",
    "processing",
    "computer",
    "vision",
    "object",
    "detection",
    "segmentation",
    "video",
    "speech",
    "graph",
    "graphs",
    "reinforcement",
    "training",
    "trained",
    "fine-tuning",
    "BERT",
    "GPT-2",
    "PyTorch",
    "TensorFlow",
    "Keras",
    "scikit-learn",
    "Python",
    "library",
    "framework",
    "toolkit",
    "tutorial",
    "guide",
    "implementation",
    "dataset",
    "data",
    "pipeline",
    "pipelines",
    "production",
    "deployment",
    "serving",
    "monitoring",
    "tracking",
    "experiments",
    "reproducible",
    "MLOps",
    "DevOps",
    "Kubernetes",
    "Docker",
    "API",
    "question",
    "answering",
    "summarization",
    "translation",
    "embeddings",
    "semantic",
    "search",
    "similarity",
    "tokenization",
    "named",
    "entity",
    "recognition",
    "sentiment",
    "analysis",
    "pose",
    "estimation",
    "style",
    "face",
    "medical",
    "satellite",
    "street",
    "scenes",
    "time",
    "series",
    "forecasting",
    "anomaly",
    "clustering",
    "recommendation",
    "visualization",
    "interactive",
    "explained",
    "scratch",
    "state-of-the-art",
    "simple",
    "fast",
    "large-scale",
    "self-supervised",
    "few-shot",
    "https://example.com/project",
    "2020",
    "95%",
    "naïve",
    "zyxqwv",
];

/// A small generator of pseudo-random numbers (xorshift64*), so that every run sees the same load.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator; equal seeds give equal numbers.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next 64 bits.
    pub(crate) fn next_bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number from 0 (included) to 1 (not).
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next_bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number below `bound`, which is not 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next_bits() % bound as u64) as usize
    }
}

/// A sentence of `words` words; the first words of the list come more often, as in any language.
pub(crate) fn sentence(random: &mut Random, words: usize) -> String {
    let mut text = String::with_capacity(words * 8);
    for at in 0..words {
        if at > 0 {
            text.push(' ');
        }
        let bound = 1 + random.below(WORDS.len());
        text.push_str(WORDS[random.below(bound)]);
    }
    text.push('.');
    text
}

/// `count` different texts of 5 to 24 words: titles with descriptions, as the lesson's data set has them.
pub(crate) fn descriptions(seed: u64, count: usize) -> Vec<String> {
    let mut random = Random::new(seed);
    (0..count)
        .map(|_| {
            let words = 5 + random.below(20);
            sentence(&mut random, words)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn texts_repeat_for_a_seed_and_differ_otherwise() {
        let texts = descriptions(1, 500);
        assert_eq!(texts, descriptions(1, 500));
        assert_ne!(texts, descriptions(2, 500));
        assert!(texts.iter().collect::<HashSet<_>>().len() > 490);
        assert!(texts.iter().all(|text| (5..=24).contains(&text.split(' ').count())));
    }

    #[test]
    fn fractions_are_spread_evenly() {
        let mut random = Random::new(7);
        let mean = (0..10_000).map(|_| random.fraction()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
    }
}
