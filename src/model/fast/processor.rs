//! One reading loop, compiled for several kinds of processor; which one runs is chosen when a model is opened.
//!
//! The portable compilation is the definition. The others run the same code with wider registers, and lane by lane the
//! same additions in the same order, so their sums are equal to the last bit. AVX-512 was tried and not kept: rows of 4,
//! 52 and 300 lanes were summed no faster than with AVX2.

#![allow(unsafe_code, reason = "code for a processor's own instructions can only be called so")]

use super::{FastScratch, FastVectorizer};
use crate::text::characters::Characters;

/// A kind of processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Processor {
    /// Any.
    Portable,
    /// x86-64 with AVX2 and BMI, as of 2013. Made by [`Processor::detect`] alone.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Processor {
    /// The best kind that this machine is.
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let bmi = is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("bmi2");
            if is_x86_feature_detected!("avx2") && bmi {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// [`FastVectorizer::sum_any`] as compiled for this processor.
    #[inline]
    pub(super) fn run(
        self,
        vectorizer: &FastVectorizer<'_>,
        characters: Characters<'_>,
        text: &str,
        scratch: &mut FastScratch,
        sums: &mut Vec<f64>,
    ) -> f64 {
        match self {
            Self::Portable => vectorizer.sum_any(characters, text, scratch, sums),
            // SAFETY: `detect` gives this kind only where the processor has AVX2, BMI1 and BMI2.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { sum_avx2(vectorizer, characters, text, scratch, sums) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2")]
fn sum_avx2(
    vectorizer: &FastVectorizer<'_>,
    characters: Characters<'_>,
    text: &str,
    scratch: &mut FastScratch,
    sums: &mut Vec<f64>,
) -> f64 {
    vectorizer.sum_any(characters, text, scratch, sums)
}
