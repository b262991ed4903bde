//! The double array: children of a state lie at `base ^ byte`, and the cell there says by which byte it is reached.
//!
//! No two states share a base, so the byte alone tells whether a cell is a state's child.

/// One state: base, fail link, the byte by which it is reached ([`EMPTY`] where no state is), longest feature.
pub(super) type Cell = [u32; 4];

/// The check of a cell that is no child: no byte equals it.
pub(super) const EMPTY: u32 = 256;
/// Cells of a block: all that one base can reach.
const BLOCK: usize = 256;
/// Blocks that are searched for room. More fill the array better and build it more slowly.
const OPEN_MAX: usize = 8;
/// A block with fewer free cells is not searched any more.
const FREE_MIN: u32 = 4;

/// Places the children of states into cells, block by block.
#[derive(Debug)]
pub(super) struct Placer {
    /// The cells so far; a multiple of 256.
    pub(super) cells: Vec<Cell>,
    open: Vec<Block>,
}

/// What is free in a block of 256 cells.
#[derive(Debug)]
struct Block {
    first: u32,
    /// A bit for each cell that is free.
    free: [u64; 4],
    /// A bit for each base that no state has.
    bases: [u64; 4],
}

impl Placer {
    /// A placer with the root in cell 0.
    pub(super) fn new() -> Self {
        let mut placer = Self { cells: Vec::new(), open: Vec::new() };
        placer.add_block();
        placer.open[0].free[0] &= !1;
        placer
    }

    /// Takes a cell for each of `codes`, of which there is at least one; returns the base.
    pub(super) fn place(&mut self, codes: &[u8]) -> u32 {
        for at in (0..self.open.len()).rev() {
            if let Some(base) = self.open[at].take(codes) {
                if self.open[at].free_count() < FREE_MIN {
                    self.open.remove(at);
                }
                return base;
            }
        }
        self.add_block();
        let block = self.open.last_mut();
        block.and_then(|block| block.take(codes)).expect("an empty block has room for any set of bytes")
    }

    fn add_block(&mut self) {
        if self.open.len() == OPEN_MAX {
            let fullest = (0..OPEN_MAX).min_by_key(|&at| self.open[at].free_count());
            self.open.remove(fullest.unwrap_or(0));
        }
        self.open.push(Block { first: self.cells.len() as u32, free: [u64::MAX; 4], bases: [u64::MAX; 4] });
        self.cells.resize(self.cells.len() + BLOCK, [0, 0, EMPTY, 0]);
    }
}

impl Block {
    fn free_count(&self) -> u32 {
        self.free.iter().map(|word| word.count_ones()).sum()
    }

    /// The base at which all of `codes` fall on free cells, which are taken; `None` if there is none.
    fn take(&mut self, codes: &[u8]) -> Option<u32> {
        let is_set = |bits: &[u64; 4], at: u8| bits[usize::from(at / 64)] >> (at % 64) & 1 == 1;
        for word in 0..4u8 {
            let mut bits = self.free[usize::from(word)];
            while bits != 0 {
                let base = (word * 64 + bits.trailing_zeros() as u8) ^ codes[0];
                bits &= bits - 1;
                let fits = || codes[1..].iter().all(|code| is_set(&self.free, base ^ code));
                if is_set(&self.bases, base) && fits() {
                    self.bases[usize::from(base / 64)] &= !(1 << (base % 64));
                    for code in codes {
                        let cell = base ^ code;
                        self.free[usize::from(cell / 64)] &= !(1 << (cell % 64));
                    }
                    return Some(self.first + u32::from(base));
                }
            }
        }
        None
    }
}
