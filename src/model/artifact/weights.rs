//! The weights of a model, as its artifact has them: one for each decision value ("row") and column, or those alone that
//! are not 0.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// A model with more than one weight in so many that is not 0 gains nothing from a list of them.
const SPARSE_MIN: usize = 3;
/// Columns that are counted and sorted at a time: what one cache line of a row holds.
const COLUMNS_AT_ONCE: usize = 8;

/// The weights of a model.
#[derive(Debug)]
pub enum Weights {
    /// All of them.
    Dense(DenseWeights),
    /// Those that are not 0.
    Sparse(SparseWeights),
}

/// `rows × columns` values, row by row.
#[derive(Debug)]
pub struct DenseWeights {
    columns: usize,
    values: Values,
}

/// Values that were made in memory, or that stay where the file was read to: a large model is not copied.
#[derive(Debug)]
enum Values {
    Owned(Vec<f64>),
    InFile { file: Arc<Vec<u8>>, at: Range<usize> },
}

/// The weights that are not 0, column by column.
#[derive(Clone, Debug, Default)]
pub struct SparseWeights {
    /// Where each column's weights end; a column without weights ends where it begins.
    pub ends: Vec<u32>,
    /// The row of each weight; ascending within a column.
    pub rows: Vec<u32>,
    /// The weights.
    pub values: Vec<f64>,
}

impl DenseWeights {
    /// Values made in memory, of whole rows.
    pub fn new(columns: usize, values: Vec<f64>) -> Self {
        Self { columns, values: Values::Owned(values) }
    }

    /// The values that lie, as the machine has them, at `at` in the bytes of a file.
    pub(super) fn in_file(columns: usize, file: &Arc<Vec<u8>>, at: Range<usize>) -> Self {
        let numbers: Result<&[f64], _> = bytemuck::try_cast_slice(&file[at.clone()]);
        let as_they_are = cfg!(target_endian = "little") && numbers.is_ok();
        let values = if as_they_are {
            Values::InFile { file: Arc::clone(file), at }
        } else {
            Values::Owned(file[at].as_chunks().0.iter().copied().map(f64::from_le_bytes).collect())
        };
        Self { columns, values }
    }

    /// Row by row.
    pub fn values(&self) -> &[f64] {
        match &self.values {
            Values::Owned(values) => values,
            Values::InFile { file, at } => bytemuck::cast_slice(&file[at.clone()]), // `in_file` has tried it
        }
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The same, without the zeros; `None` where that would be too many, or more than 32 bits can count.
    fn without_zeros(&self) -> Option<SparseWeights> {
        let values = self.values();
        let used =
            values.chunks(1 << 12).map(|some| some.iter().filter(|value| **value != 0.0).count()).sum();
        if used * SPARSE_MIN > values.len() || u32::try_from(used).is_err() {
            return None;
        }
        let mut sparse = SparseWeights {
            ends: Vec::with_capacity(self.columns),
            rows: Vec::with_capacity(used),
            values: Vec::with_capacity(used),
        };
        let mut found: [Vec<(u32, f64)>; COLUMNS_AT_ONCE] = Default::default();
        for first in (0..self.columns).step_by(COLUMNS_AT_ONCE) {
            let last = (first + COLUMNS_AT_ONCE).min(self.columns);
            for (row, values) in values.chunks_exact(self.columns).enumerate() {
                for (found, &value) in found.iter_mut().zip(&values[first..last]) {
                    if value != 0.0 {
                        found.push((row as u32, value)); // rows are at most 2³²: `used` would not fit else
                    }
                }
            }
            for found in &mut found[..last - first] {
                sparse.extend_column(found.drain(..));
            }
        }
        Some(sparse)
    }
}

impl SparseWeights {
    /// Appends a column.
    fn extend_column(&mut self, weights: impl Iterator<Item = (u32, f64)>) {
        for (row, value) in weights {
            self.rows.push(row);
            self.values.push(value);
        }
        self.ends.push(self.values.len() as u32);
    }

    /// The rows and the weights of a column.
    pub fn column(&self, column: usize) -> (&[u32], &[f64]) {
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before]) as usize;
        let at = start..self.ends[column] as usize;
        (&self.rows[at.clone()], &self.values[at])
    }
}

impl Weights {
    /// Weights made in memory: `rows × columns` values, row by row.
    pub fn dense(columns: usize, values: Vec<f64>) -> Self {
        Self::Dense(DenseWeights::new(columns, values))
    }

    /// The weights that are not 0, where these are few.
    pub fn sparse_form(&self) -> Option<Cow<'_, SparseWeights>> {
        match self {
            Self::Sparse(sparse) => Some(Cow::Borrowed(sparse)),
            Self::Dense(dense) => dense.without_zeros().map(Cow::Owned),
        }
    }

    /// All weights of `rows` rows, column by column.
    pub fn by_column(&self, rows: usize) -> Vec<f64> {
        match self {
            Self::Dense(dense) => {
                let column = |at: usize| dense.values().iter().skip(at).step_by(dense.columns).copied();
                (0..dense.columns).flat_map(column).collect()
            }
            Self::Sparse(sparse) => {
                let mut all = vec![0.0; rows * sparse.ends.len()];
                for (at, padded) in all.chunks_exact_mut(rows).enumerate() {
                    let (rows, values) = sparse.column(at);
                    for (&row, &value) in rows.iter().zip(values) {
                        padded[row as usize] = value;
                    }
                }
                all
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 11 columns of 3 rows, `of` in a few places.
    fn mostly_zero() -> Vec<f64> {
        let mut values = vec![0.0; 33];
        for at in [0, 3, 14, 22, 25, 32] {
            values[at] = at as f64 + 0.5;
        }
        values
    }

    #[test]
    fn without_zeros_the_weights_are_the_same() {
        let dense = Weights::dense(11, mostly_zero());
        let sparse = dense.sparse_form().unwrap().into_owned();
        assert_eq!(sparse.ends.len(), 11);
        assert_eq!(sparse.column(3), (&[0, 1, 2][..], &[3.5, 14.5, 25.5][..]));
        assert_eq!(sparse.column(1), (&[][..], &[][..]));
        assert_eq!(Weights::Sparse(sparse).by_column(3), dense.by_column(3));
    }

    #[test]
    fn few_zeros_are_not_worth_a_list() {
        assert!(Weights::dense(11, (0..33).map(f64::from).collect()).sparse_form().is_none());
    }

    #[test]
    fn values_in_a_file_are_read_wherever_they_lie() {
        let numbers = [1.5f64, -2.0, 1e-300];
        for offset in 0..9 {
            let mut file = vec![7u8; offset];
            file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            let file = Arc::new(file);
            let weights = DenseWeights::in_file(3, &file, offset..offset + 24);
            assert_eq!(weights.values(), numbers, "offset {offset}");
        }
    }
}
