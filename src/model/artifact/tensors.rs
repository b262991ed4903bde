//! The tensors of `model.safetensors`; each is taken once, and none may be left.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::super::error::Defect;
use super::DenseWeights;
use crate::text::characters::{self, CharacterTables, LowerEntry};

/// The file's tensors, and which of them nobody has asked for yet.
pub(super) struct Tensors<'b> {
    bytes: &'b Arc<Vec<u8>>,
    file: SafeTensors<'b>,
    left: BTreeSet<String>,
}

impl<'b> Tensors<'b> {
    /// Reads the header; the crate checks that the tensors lie inside the file without gap or overlap.
    pub(super) fn parse(bytes: &'b Arc<Vec<u8>>) -> Result<Self, Defect> {
        let file = SafeTensors::deserialize(bytes)?;
        let left = file.names().into_iter().map(str::to_owned).collect();
        Ok(Self { bytes, file, left })
    }

    /// Ends the reading: a tensor that nobody asked for is a defect, so that nothing is ignored in silence.
    pub(super) fn finish(self) -> Result<(), Defect> {
        self.left.into_iter().next().map_or(Ok(()), |name| Err(Defect::UnknownTensor(name)))
    }

    fn take(&mut self, name: &str, dtype: Dtype, shape: &[Option<usize>]) -> Result<TensorView<'b>, Defect> {
        if !self.left.remove(name) {
            return Err(Defect::NoTensor(name.to_owned()));
        }
        let tensor = self.file.tensor(name)?;
        let fits = tensor.shape().len() == shape.len()
            && tensor.shape().iter().zip(shape).all(|(&is, want)| want.is_none_or(|want| want == is));
        if tensor.dtype() != dtype || !fits {
            let expected: Vec<String> =
                shape.iter().map(|side| side.map_or("n".to_owned(), |n| n.to_string())).collect();
            return Err(Defect::TensorShape {
                name: name.to_owned(),
                found: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
                expected: format!("{dtype:?} [{}]", expected.join(", ")),
            });
        }
        Ok(tensor)
    }

    /// A one-dimensional tensor of bytes, of any length.
    pub(super) fn bytes(&mut self, name: &str) -> Result<&'b [u8], Defect> {
        Ok(self.take(name, Dtype::U8, &[None])?.data())
    }

    /// A tensor of `u32` with this shape, row by row.
    pub(super) fn u32(&mut self, name: &str, shape: &[usize]) -> Result<Vec<u32>, Defect> {
        let shape: Vec<_> = shape.iter().copied().map(Some).collect();
        Ok(self
            .take(name, Dtype::U32, &shape)?
            .data()
            .as_chunks()
            .0
            .iter()
            .copied()
            .map(u32::from_le_bytes)
            .collect())
    }

    /// A tensor of `f64` with this shape, row by row; every value is finite.
    pub(super) fn finite(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f64>, Defect> {
        let shape: Vec<_> = shape.iter().copied().map(Some).collect();
        let data = self.take(name, Dtype::F64, &shape)?.data();
        let values: Vec<f64> = data.as_chunks().0.iter().copied().map(f64::from_le_bytes).collect();
        check_finite(name, &values)?;
        Ok(values)
    }

    /// The weights: `rows × columns` values, all finite, which stay where they are in the file.
    pub(super) fn weights(
        &mut self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<DenseWeights, Defect> {
        let data = self.take(name, Dtype::F64, &[Some(rows), Some(columns)])?.data();
        let start = data.as_ptr().addr() - self.bytes.as_ptr().addr();
        let weights = DenseWeights::in_file(columns, self.bytes, start..start + data.len());
        check_finite(name, weights.values())?;
        Ok(weights)
    }

    /// A one-dimensional tensor of `u32`, of any length.
    pub(super) fn numbers(&mut self, name: &str) -> Result<Vec<u32>, Defect> {
        let data = self.take(name, Dtype::U32, &[None])?.data();
        Ok(data.as_chunks().0.iter().copied().map(u32::from_le_bytes).collect())
    }

    /// Rows of `N` values, of any number.
    pub(super) fn rows<const N: usize>(&mut self, name: &str) -> Result<Vec<[u32; N]>, Defect> {
        let data = self.take(name, Dtype::U32, &[None, Some(N)])?.data();
        let values: Vec<u32> = data.as_chunks().0.iter().copied().map(u32::from_le_bytes).collect();
        Ok(values.as_chunks().0.to_vec())
    }

    /// The `characters.*` tensors, in the form that runs.
    pub(super) fn characters(&mut self) -> Result<CharacterTables, Defect> {
        let mut properties = Vec::new();
        for (name, flag) in [
            ("characters.space", characters::SPACE),
            ("characters.word", characters::WORD),
            ("characters.digit", characters::DIGIT),
            ("characters.cased", characters::CASED),
            ("characters.case_ignorable", characters::CASE_IGNORABLE),
        ] {
            properties.push((flag, self.ranges(name)?));
        }
        let name = "characters.lower";
        let lower: Vec<LowerEntry> = self.rows(name)?;
        let ascending = lower.windows(2).all(|pair| pair[0][0] < pair[1][0]);
        if !ascending || !lower.iter().all(is_lower_entry) {
            let defect = "not ascending code points with one to three code points each";
            return Err(Defect::tensor_value(name, defect));
        }
        Ok(CharacterTables::new(&properties, lower))
    }

    /// Inclusive ranges of code points, ascending and disjoint.
    fn ranges(&mut self, name: &str) -> Result<Vec<RangeInclusive<u32>>, Defect> {
        let mut least = 0;
        let mut ranges = Vec::new();
        for [first, last] in self.rows::<2>(name)? {
            if first < least || last < first || last > u32::from(char::MAX) {
                let defect = format!("range {first}..{last} is not above the one before and within Unicode");
                return Err(Defect::tensor_value(name, defect));
            }
            least = last + 1;
            ranges.push(first..=last);
        }
        Ok(ranges)
    }
}

fn check_finite(name: &str, values: &[f64]) -> Result<(), Defect> {
    // Blocks without a branch for each value: a large model has hundreds of megabytes of them.
    let sound = |block: &[f64]| block.iter().fold(true, |all, value| all & value.is_finite());
    if values.chunks(1 << 9).all(sound) {
        return Ok(());
    }
    let wrong = values.iter().enumerate().find(|(_, value)| !value.is_finite());
    let defect = wrong.map(|(at, value)| format!("value {at} is {value}")).unwrap_or_default();
    Err(Defect::tensor_value(name, defect))
}

/// A code point, then one to three code points, then padding.
fn is_lower_entry(entry: &LowerEntry) -> bool {
    let is_character = |code: u32| char::from_u32(code).is_some();
    let used = entry.iter().take_while(|&&code| is_character(code)).count();
    used >= 2 && entry[used..].iter().all(|&code| code == u32::MAX)
}
