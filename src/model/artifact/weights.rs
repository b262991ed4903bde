//! The weights of a model, as its artifact has them: one for each decision value ("row") and column, or those alone that
//! are not 0.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::super::error::Defect;
use super::file::CheckedFile;

/// A model with more than one weight in so many that is not 0 gains nothing from a list of them.
const SPARSE_MIN: usize = 3;
/// Columns that are read from a file at a time have about so many bytes.
const BLOCK_BYTES: usize = 8 << 20;

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
    rows: usize,
    columns: usize,
    values: Values,
}

/// Values that were made in memory, or that stay in their file: a large model is not copied.
#[derive(Debug)]
enum Values {
    Owned(Vec<f64>),
    InFile { file: Arc<CheckedFile>, offset: u64 },
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
    /// Those at `offset` of a file.
    pub(super) fn in_file((rows, columns): (usize, usize), file: Arc<CheckedFile>, offset: u64) -> Self {
        Self { rows, columns, values: Values::InFile { file, offset } }
    }

    /// Goes through `columns`, some at a time, until `see` breaks off. It gets the first column of a block, and
    /// what each row has there.
    ///
    /// # Errors
    /// If the file cannot be read, or holds a value that is not finite.
    pub fn blocks(
        &self,
        columns: Range<usize>,
        mut see: impl FnMut(usize, &[&[f64]]) -> ControlFlow<()>,
    ) -> Result<(), Defect> {
        let width = match self.values {
            Values::Owned(_) => self.columns,
            // Whole cache lines, so that none is read for two blocks.
            Values::InFile { .. } => (BLOCK_BYTES / 8 / self.rows).next_multiple_of(8),
        };
        let mut buffer = Vec::new();
        for first in columns.clone().step_by(width.max(1)) {
            let width = width.min(columns.end - first);
            let rows: Vec<&[f64]> = match &self.values {
                Values::Owned(values) => {
                    values.chunks_exact(self.columns).map(|row| &row[first..][..width]).collect()
                }
                Values::InFile { file, offset } => {
                    buffer.resize(self.rows * width, 0.0);
                    for (row, into) in buffer.chunks_exact_mut(width).enumerate() {
                        let at = offset + 8 * (row * self.columns + first) as u64;
                        read_numbers(file, at, into)?;
                        check_finite(into, row * self.columns + first)?;
                    }
                    buffer.chunks_exact(width).collect()
                }
            };
            if see(first, &rows).is_break() {
                break;
            }
        }
        match &self.values {
            Values::Owned(_) => Ok(()),
            Values::InFile { file, .. } => file.check_unchanged(),
        }
    }

    /// The same, without the zeros; `None` where that would be too many, or more than 32 bits can count.
    fn without_zeros(&self) -> Result<Option<SparseWeights>, Defect> {
        let (mut sparse, mut seen) = (SparseWeights::default(), 0);
        let mut is_sparse = true;
        self.blocks(0..self.columns, |_, rows| {
            for column in 0..rows.first().map_or(0, |row| row.len()) {
                let values = rows.iter().map(|row| row[column]).enumerate();
                // Rows are at most 2³²: a model with one weight in a column would not fit else.
                sparse.extend_column(
                    values.filter(|(_, value)| *value != 0.0).map(|(row, value)| (row as u32, value)),
                );
                seen += rows.len();
                // A dense model is known after a few columns; its beginning may be unlike the rest.
                is_sparse = sparse.values.len() * SPARSE_MIN <= seen.max(1 << 20);
                if !is_sparse || u32::try_from(sparse.values.len()).is_err() {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        is_sparse &= sparse.values.len() * SPARSE_MIN <= seen && u32::try_from(sparse.values.len()).is_ok();
        Ok(is_sparse.then_some(sparse))
    }
}

/// Reads the numbers that stand at `offset`.
fn read_numbers(file: &CheckedFile, offset: u64, into: &mut [f64]) -> Result<(), Defect> {
    file.read(offset, bytemuck::cast_slice_mut(into))?;
    if cfg!(target_endian = "big") {
        for number in into {
            *number = f64::from_bits(number.to_bits().swap_bytes());
        }
    }
    Ok(())
}

/// Refuses what is not finite among values, the first of which is number `first` of its tensor.
fn check_finite(values: &[f64], first: usize) -> Result<(), Defect> {
    // Blocks without a branch for each value: a large model has hundreds of megabytes of them.
    let sound = |block: &[f64]| block.iter().fold(true, |all, value| all & value.is_finite());
    if values.chunks(1 << 9).all(sound) {
        return Ok(());
    }
    let wrong = values.iter().enumerate().find(|(_, value)| !value.is_finite());
    let defect = wrong.map(|(at, value)| format!("value {} is {value}", first + at)).unwrap_or_default();
    Err(Defect::tensor_value("classifier.coef", defect))
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
        Self::Dense(DenseWeights { rows: values.len() / columns, columns, values: Values::Owned(values) })
    }

    /// The weights that are not 0, where these are few.
    ///
    /// # Errors
    /// As [`DenseWeights::blocks`].
    pub fn sparse_form(&self) -> Result<Option<Cow<'_, SparseWeights>>, Defect> {
        match self {
            Self::Sparse(sparse) => Ok(Some(Cow::Borrowed(sparse))),
            Self::Dense(dense) => Ok(dense.without_zeros()?.map(Cow::Owned)),
        }
    }

    /// All weights of `rows` rows, column by column.
    ///
    /// # Errors
    /// As [`DenseWeights::blocks`].
    pub fn by_column(&self, rows: usize) -> Result<Vec<f64>, Defect> {
        let mut all = Vec::new();
        match self {
            Self::Dense(dense) => {
                all.reserve_exact(rows * dense.columns);
                dense.blocks(0..dense.columns, |_, rows| {
                    for column in 0..rows.first().map_or(0, |row| row.len()) {
                        all.extend(rows.iter().map(|row| row[column]));
                    }
                    ControlFlow::Continue(())
                })?;
            }
            Self::Sparse(sparse) => {
                all.resize(rows * sparse.ends.len(), 0.0);
                for (at, padded) in all.chunks_exact_mut(rows).enumerate() {
                    let (rows, values) = sparse.column(at);
                    for (&row, &value) in rows.iter().zip(values) {
                        padded[row as usize] = value;
                    }
                }
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 11 columns of 3 rows, of which a few have weights.
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
        let sparse = dense.sparse_form().unwrap().unwrap().into_owned();
        assert_eq!(sparse.ends.len(), 11);
        assert_eq!(sparse.column(3), (&[0, 1, 2][..], &[3.5, 14.5, 25.5][..]));
        assert_eq!(sparse.column(1), (&[][..], &[][..]));
        assert_eq!(Weights::Sparse(sparse).by_column(3).unwrap(), dense.by_column(3).unwrap());
    }

    #[test]
    fn few_zeros_are_not_worth_a_list() {
        let is_sparse = |weights: Weights| weights.sparse_form().unwrap().is_some();
        assert!(!is_sparse(Weights::dense(11, (0..33).map(f64::from).collect())));
        // A large model whose first columns are unlike the rest.
        let columns = 300_000;
        let mut values = vec![0.0; 5 * columns];
        values[..columns / 2].fill(1.0);
        assert!(is_sparse(Weights::dense(columns, values.clone())));
        values.fill(1.0);
        values[..columns].fill(0.0);
        assert!(!is_sparse(Weights::dense(columns, values)));
    }
}
