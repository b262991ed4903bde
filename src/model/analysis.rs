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

impl<'i> Analysis<'i> {
    /// The analysis of a vectorizer, with the tables and the program that its settings ask for.
    pub fn new(
        settings: &NgramVectorizer,
        accents: Option<Accents<'i>>,
        program: Option<TokenPattern<'i>>,
    ) -> Self {
        let runs = if settings.token_pattern.as_deref() == Some(RUN_PATTERNS[1]) { 1 } else { 2 };
        let tokenizer = Tokenizer {
            tokens: program.map_or(Tokens::Runs(runs), Tokens::Pattern),
            stop_words: settings.stop_words.iter().cloned().collect(),
        };
        Self { settings: settings.clone(), accents, tokenizer }
    }

    /// The analysis of vectorizer number `at`, out of an image; `is_lower` says that texts come in lower case.
    pub(super) fn from_image(
        image: Image<'i>,
        at: usize,
        settings: &NgramVectorizer,
        is_lower: bool,
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
        let program = if settings.has_program() {
            let program = image.section(Section::PatternProgram, at)?;
            let ranges = image.section(Section::PatternRanges, at)?;
            let ends = image.section(Section::PatternSetEnds, at)?;
            let broken = |_| Defect::Image("a token pattern is broken");
            Some(TokenPattern::from_parts(program, ranges, ends).map_err(broken)?)
        } else {
            None
        };
        let mut analysis = Self::new(settings, accents, program);
        analysis.settings.lowercase &= !is_lower;
        Ok(analysis)
    }

    /// A cleaned text as it is cut: in lower case, without accents.
    pub fn prepare<'s>(
        &self,
        characters: Characters<'_>,
        text: &'s str,
        scratch: &'s mut AnalysisScratch,
    ) -> &'s str {
        self.prepare_in(characters, text, &mut scratch.lowered, &mut scratch.stripped)
    }

    /// Calls `emit` with each n-gram of a cleaned text.
    pub fn ngrams(
        &self,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut AnalysisScratch,
        emit: impl FnMut(&[u8]),
    ) {
        let AnalysisScratch { lowered, stripped, analyzer } = scratch;
        let text = self.prepare_in(characters, text, lowered, stripped);
        let (cut, range) = (self.settings.analyzer, self.settings.range());
        analyzer.ngrams(cut, &self.tokenizer, range, characters, text, emit);
    }

    fn prepare_in<'s>(
        &self,
        characters: Characters<'_>,
        text: &'s str,
        lowered: &'s mut String,
        stripped: &'s mut String,
    ) -> &'s str {
        let mut text = text;
        if self.settings.lowercase {
            lowered.clear();
            lower_into(characters, text, lowered);
            text = lowered;
        }
        if let Some(accents) = self.accents {
            accents.strip_into(text, stripped);
            text = stripped;
        }
        text
    }
}
