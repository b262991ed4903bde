//! The texts of the benchmark.

use std::collections::HashSet;
use std::path::Path;

use linnet::text::cleaner::CleanerScratch;

use super::models;

/// Project texts, as they are and cleaned.
pub(super) struct Corpus {
    /// Where they are from.
    pub(super) source: String,
    /// Title and description of each project.
    pub(super) raw: Vec<String>,
    /// The same after the shipped model's cleaner.
    pub(super) cleaned: Vec<String>,
}

/// A small generator of pseudo-random numbers (xorshift), so that every run has the same texts.
pub(super) struct Random(pub(super) u64);

impl Random {
    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    /// A number below `bound`; small ones come more often, as frequent words do.
    #[expect(clippy::cast_sign_loss, reason = "a power of a number above 1 is above 1")]
    fn skewed(&mut self, bound: usize) -> usize {
        let uniform = self.below(1 << 30) as f64 / f64::from(1 << 30);
        ((bound as f64).powf(uniform) - 1.0) as usize % bound
    }
}

impl Corpus {
    /// The texts of the data set, or others of the same kind.
    pub(super) fn load() -> Self {
        let artifact = models::shipped();
        let file = std::env::var_os("LINNET_DATA").map(|folder| Path::new(&folder).join("projects.csv"));
        let csv = file.and_then(|file| std::fs::read_to_string(file).ok());
        let (source, raw) = if let Some(csv) = csv {
            let rows = parse_csv(&csv).into_iter().skip(1).filter(|row| row.len() == 4);
            ("projects.csv".to_owned(), rows.map(|row| format!("{} {}", row[2], row[3])).collect())
        } else {
            let terms = artifact.vocabularies[0].terms().map(String::from_utf8_lossy);
            let whole = terms.filter(|term| term.starts_with(' ') && term.ends_with(' '));
            let words: Vec<String> = whole.map(|term| term.trim().to_owned()).collect();
            ("put together from the model's words (no LINNET_DATA)".to_owned(), zipf_texts(&words, 764))
        };
        let cleaner = artifact.cleaner().expect("the artifact is sound").expect("the shipped model has one");
        let mut scratch = CleanerScratch::default();
        let clean = |text: &String| {
            let mut cleaned = String::new();
            cleaner.clean_into(artifact.characters.view(), text, &mut scratch, &mut cleaned);
            cleaned
        };
        let cleaned = raw.iter().map(clean).collect();
        Self { source, raw, cleaned }
    }

    /// `sets` sets of as many texts in all of which no word comes twice: beginnings of words with ends of others.
    pub(super) fn never_seen(&self, sets: usize) -> Vec<Vec<String>> {
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        let words: Vec<&str> = self.cleaned.iter().flat_map(|text| text.split(' ')).collect();
        let mut used: HashSet<String> = words.iter().map(|&word| word.to_owned()).collect();
        let mut make = |like: &str| loop {
            let (head, tail) = (words[random.below(words.len())], words[random.below(words.len())]);
            let cut = like.len().div_ceil(2);
            let word = [&head[..cut.min(head.len())], &tail[tail.len() - cut.min(tail.len())..]].concat();
            let word = if word.len() < 4 { format!("{word}{}", random.below(10_000)) } else { word };
            if used.insert(word.clone()) {
                return word;
            }
        };
        let mut text = |text: &String| text.split(' ').map(&mut make).collect::<Vec<_>>().join(" ");
        (0..sets).map(|_| self.cleaned.iter().map(&mut text).collect()).collect()
    }

    /// `count` texts of about `bytes` bytes, made of whole cleaned texts.
    pub(super) fn joined(&self, bytes: usize, count: usize) -> Vec<String> {
        let mut texts = self.cleaned.iter().cycle();
        let mut next = || {
            let mut text = String::new();
            while text.len() < bytes {
                text.push_str(texts.next().expect("a cycle does not end"));
                text.push(' ');
            }
            text.truncate(bytes);
            text
        };
        (0..count).map(|_| next()).collect()
    }
}

/// Texts of 5 to 25 of `words`, the first words most often.
pub(super) fn zipf_texts(words: &[String], count: usize) -> Vec<String> {
    let mut random = Random(42);
    let mut text = || {
        let length = 5 + random.below(21);
        (0..length).map(|_| words[random.skewed(words.len())].as_str()).collect::<Vec<_>>().join(" ")
    };
    (0..count).map(|_| text()).collect()
}

/// Rows of a CSV file: quoted fields may hold commas, line ends, and doubled quotes.
fn parse_csv(csv: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = csv.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            other => field.push(other),
        }
    }
    rows
}
