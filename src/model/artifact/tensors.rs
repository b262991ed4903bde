//! The tensors of `model.safetensors`; each is taken once, and none may be left.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensorError};

use super::super::error::Defect;
use super::DenseWeights;
use super::file::CheckedFile;
use crate::text::characters::{self, CharacterTables, LowerEntry};

/// Longest header: the limit that the readers of the format agree on.
const HEADER_BYTES_MAX: u64 = 100_000_000;

/// The file's tensors, and which of them nobody has asked for yet.
pub(super) struct Tensors {
    file: Arc<CheckedFile>,
    header: Metadata,
    /// Where the data begins in the file.
    data: u64,
    left: BTreeSet<String>,
}

impl Tensors {
    /// Reads the header; the crate checks that the tensors follow each other without gap or overlap.
    pub(super) fn open(file: CheckedFile) -> Result<Self, Defect> {
        if file.len() < 8 {
            return Err(SafeTensorError::HeaderTooSmall.into());
        }
        let mut length = [0; 8];
        file.read(0, &mut length)?;
        let length = u64::from_le_bytes(length);
        if length > HEADER_BYTES_MAX {
            return Err(SafeTensorError::HeaderTooLarge.into());
        }
        if length > file.len() - 8 {
            return Err(SafeTensorError::InvalidHeaderLength.into());
        }
        let mut header = vec![0; length as usize];
        file.read(8, &mut header)?;
        let header: Metadata =
            serde_json::from_slice(&header).map_err(SafeTensorError::InvalidHeaderDeserialization)?;
        if header.data_len() as u64 != file.len() - 8 - length {
            return Err(SafeTensorError::MetadataIncompleteBuffer.into());
        }
        let left = header.offset_keys().into_iter().collect();
        Ok(Self { file: Arc::new(file), header, data: 8 + length, left })
    }

    /// Ends the reading: a tensor that nobody asked for is a defect, so that nothing is ignored in silence.
    pub(super) fn finish(self) -> Result<(), Defect> {
        self.file.check_unchanged()?;
        self.left.into_iter().next().map_or(Ok(()), |name| Err(Defect::UnknownTensor(name)))
    }

    /// Where a tensor of this type and shape lies in the file, and its length, in bytes.
    fn take(&mut self, name: &str, dtype: Dtype, shape: &[Option<usize>]) -> Result<(u64, usize), Defect> {
        let tensor = self.header.info(name).filter(|_| self.left.remove(name));
        let tensor = tensor.ok_or_else(|| Defect::NoTensor(name.to_owned()))?;
        let fits = tensor.shape.len() == shape.len()
            && tensor.shape.iter().zip(shape).all(|(&is, want)| want.is_none_or(|want| want == is));
        if tensor.dtype != dtype || !fits {
            let expected: Vec<String> =
                shape.iter().map(|side| side.map_or("n".to_owned(), |n| n.to_string())).collect();
            return Err(Defect::TensorShape {
                name: name.to_owned(),
                found: format!("{:?} {:?}", tensor.dtype, tensor.shape),
                expected: format!("{dtype:?} [{}]", expected.join(", ")),
            });
        }
        let (begin, end) = tensor.data_offsets;
        Ok((self.data + begin as u64, end - begin))
    }

    fn read(&mut self, name: &str, dtype: Dtype, shape: &[Option<usize>]) -> Result<Vec<u8>, Defect> {
        let (offset, length) = self.take(name, dtype, shape)?;
        let mut bytes = vec![0; length];
        self.file.read(offset, &mut bytes)?;
        Ok(bytes)
    }

    fn read_u32(&mut self, name: &str, shape: &[Option<usize>]) -> Result<Vec<u32>, Defect> {
        let bytes = self.read(name, Dtype::U32, shape)?;
        Ok(bytes.as_chunks().0.iter().copied().map(u32::from_le_bytes).collect())
    }

    /// A one-dimensional tensor of bytes, of any length.
    pub(super) fn bytes(&mut self, name: &str) -> Result<Vec<u8>, Defect> {
        self.read(name, Dtype::U8, &[None])
    }

    /// A tensor of `u32` with this shape, row by row.
    pub(super) fn u32(&mut self, name: &str, shape: &[usize]) -> Result<Vec<u32>, Defect> {
        let shape: Vec<_> = shape.iter().copied().map(Some).collect();
        self.read_u32(name, &shape)
    }

    /// A tensor of `f64` with this shape, row by row; every value is finite.
    pub(super) fn finite(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f64>, Defect> {
        let shape: Vec<_> = shape.iter().copied().map(Some).collect();
        let bytes = self.read(name, Dtype::F64, &shape)?;
        let values: Vec<f64> = bytes.as_chunks().0.iter().copied().map(f64::from_le_bytes).collect();
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(at) => Err(Defect::tensor_value(name, format!("value {at} is {}", values[at]))),
        }
    }

    /// The weights: `rows × columns` values, which stay in the file and are checked when they are read.
    pub(super) fn weights(
        &mut self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<DenseWeights, Defect> {
        let (offset, _) = self.take(name, Dtype::F64, &[Some(rows), Some(columns)])?;
        Ok(DenseWeights::in_file((rows, columns), Arc::clone(&self.file), offset))
    }

    /// A one-dimensional tensor of `u32`, of any length.
    pub(super) fn numbers(&mut self, name: &str) -> Result<Vec<u32>, Defect> {
        self.read_u32(name, &[None])
    }

    /// Rows of `N` values, of any number.
    pub(super) fn rows<const N: usize>(&mut self, name: &str) -> Result<Vec<[u32; N]>, Defect> {
        Ok(self.read_u32(name, &[None, Some(N)])?.as_chunks().0.to_vec())
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

/// A code point, then one to three code points, then padding.
fn is_lower_entry(entry: &LowerEntry) -> bool {
    let is_character = |code: u32| char::from_u32(code).is_some();
    let used = entry.iter().take_while(|&&code| is_character(code)).count();
    used >= 2 && entry[used..].iter().all(|&code| code == u32::MAX)
}
