//! What a vectorizer does to a text before it counts: lower case, accents, n-grams.

use super::error::Defect;
use super::image::{Image, Section};
use super::vectorizer::{NgramVectorizer, RUN_PATTERNS, StripAccents};
use crate::text::accents::Accents;
use crate::text::analyzer::{AnalyzerScratch, Tokenizer, Tokens};
use crate::text::characters::Characters;
use crate::text::lower::lower_into;
use crate::text::token_pattern::TokenPattern;

/// A vectorizer's analyzer, ready to run.
#[derive(Debug)]
pub struct Analysis<'i> {
    settings: NgramVectorizer,
    accents: Option<Accents<'i>>,
    tokenizer: Tokenizer<'i>,
}

/// Buffers that an analysis keeps between texts.
#[derive(Debug, Default)]
pub struct AnalysisScratch {
    lowered: String,
    stripped: String,
    analyzer: AnalyzerScratch,
}

impl AnalysisScratch {
    /// Gives back what each buffer has above `bytes`.
    pub(super) fn shrink(&mut self, bytes: usize) {
        for text in [&mut self.lowered, &mut self.stripped] {
            text.clear();
            text.shrink_to(bytes);
        }
        self.analyzer.shrink(bytes);
    }

    /// Bytes of all buffers that grow with a text.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.lowered.capacity() + self.stripped.capacity() + self.analyzer.memory()
    }
}

impl<'i> Analysis<'i> {
    /// The analysis of a vectorizer, with the tables and the program that its settings ask for.
    pub fn new(
        settings: &NgramVectorizer,
        accents: Option<Accents<'i>>,
        program: Option<TokenPattern<'i>>,
    ) -> Self {
        let tokenizer = Tokenizer {
            tokens: tokens_of(settings, program),
            stop_words: settings.stop_words.iter().cloned().collect(),
        };
        Self { settings: settings.clone(), accents, tokenizer }
    }

    /// The analysis of vectorizer number `at`, out of an image.
    pub(super) fn from_image(
        image: Image<'i>,
        at: usize,
        settings: &NgramVectorizer,
    ) -> Result<Self, Defect> {
        let accents = match settings.strip_accents {
            None => None,
            Some(kind) => {
                let (index, ascii) = (kind as usize, kind == StripAccents::Ascii);
                let codes = image.section(Section::AccentCodes, index)?;
                let ends = image.section(Section::AccentEnds, index)?;
                let text = image.section(Section::AccentText, index)?;
                Some(Accents::from_parts(codes, ends, text, ascii).map_err(Defect::Image)?)
            }
        };
        let program = program(image, at, settings)?;
        Ok(Self::new(settings, accents, program))
    }

    /// What the n-grams of a cleaned text are cut from: lower case, accents stripped. A text that is `lowered` already,
    /// and then ASCII, is in lower case as it is.
    pub fn prepare<'t>(
        &self,
        characters: Characters<'_>,
        text: &'t str,
        lowered: bool,
        scratch: &'t mut AnalysisScratch,
    ) -> &'t str {
        prepared(&self.settings, self.accents, characters, text, lowered, scratch).0
    }

    /// Calls `emit` with each n-gram of a cleaned text.
    pub fn ngrams(
        &self,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut AnalysisScratch,
        emit: impl FnMut(&[u8]),
    ) {
        let (text, analyzer) = prepared(&self.settings, self.accents, characters, text, false, scratch);
        let (settings, tokenizer) = (&self.settings, &self.tokenizer);
        analyzer.ngrams(settings.analyzer, tokenizer, settings.range(), characters, text, emit);
    }
}

fn tokens_of<'i>(settings: &NgramVectorizer, program: Option<TokenPattern<'i>>) -> Tokens<'i> {
    let runs = if settings.token_pattern.as_deref() == Some(RUN_PATTERNS[1]) { 1 } else { 2 };
    program.map_or(Tokens::Runs(runs), Tokens::Pattern)
}

/// How vectorizer number `at` of an image finds its tokens.
pub(super) fn tokens<'i>(
    image: Image<'i>,
    at: usize,
    settings: &NgramVectorizer,
) -> Result<Tokens<'i>, Defect> {
    Ok(tokens_of(settings, program(image, at, settings)?))
}

/// The program that finds the tokens of vectorizer number `at` of an image, where there is one.
pub(super) fn program<'i>(
    image: Image<'i>,
    at: usize,
    settings: &NgramVectorizer,
) -> Result<Option<TokenPattern<'i>>, Defect> {
    if !settings.has_program() {
        return Ok(None);
    }
    let program = image.section(Section::PatternProgram, at)?;
    let ranges = image.section(Section::PatternRanges, at)?;
    let ends = image.section(Section::PatternSetEnds, at)?;
    let pattern = TokenPattern::from_parts(program, ranges, ends);
    pattern.map(Some).map_err(|_| Defect::Image("a token pattern is broken"))
}

/// [`Analysis::prepare`], and the buffers that it has left free.
fn prepared<'t>(
    settings: &NgramVectorizer,
    accents: Option<Accents<'_>>,
    characters: Characters<'_>,
    text: &'t str,
    is_lowered: bool,
    scratch: &'t mut AnalysisScratch,
) -> (&'t str, &'t mut AnalyzerScratch) {
    let AnalysisScratch { lowered, stripped, analyzer } = scratch;
    let mut text = text;
    if settings.lowercase && !is_lowered {
        lowered.clear();
        lower_into(characters, text, lowered);
        text = lowered;
    }
    if let Some(accents) = accents {
        accents.strip_into(text, stripped);
        text = stripped;
    }
    (text, analyzer)
}
