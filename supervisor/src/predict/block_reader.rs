//! Input → blocks of whole lines.

use std::io::{self, ErrorKind, Read};

use super::block::{Block, Bounds};

/// Cuts what it reads into blocks of whole lines.
pub(super) struct BlockReader<R> {
    input: R,
    bounds: Bounds,
    /// What was read behind the last line of the block before: the beginning of the next.
    carried: Vec<u8>,
    /// Whether the rest of a line that is too long is being thrown away.
    skipping: bool,
    ended: bool,
    blocks: u64,
    lines: u64,
}

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// It has at least one line.
    Lines,
    /// Its first line does not fit: make room and go on with the same block.
    Full,
    /// There are no more lines.
    End,
}

impl<R: Read> BlockReader<R> {
    /// Reads from the beginning of `input`.
    pub(super) fn new(input: R, bounds: Bounds) -> Self {
        Self { input, bounds, carried: Vec::new(), skipping: false, ended: false, blocks: 0, lines: 0 }
    }

    /// How many blocks have been filled.
    pub(super) fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Most room that a block ever needs: a line that is just too long.
    pub(super) fn room_max(&self) -> usize {
        self.bounds.block_bytes.max(self.bounds.line_bytes + 1)
    }

    /// Reads the next lines into `block`, into at most `room` bytes. It has been cleared, or was `Full` just now.
    ///
    /// Lines go out as soon as a read has brought them, however few: someone may be typing.
    pub(super) fn fill(&mut self, block: &mut Block, room: usize) -> io::Result<Filled> {
        let mut fresh = 0; // no line ends before this
        if block.length == 0 {
            make_room(block, self.carried.len().max(self.bounds.block_bytes));
            block.bytes[..self.carried.len()].copy_from_slice(&self.carried);
            block.length = self.carried.len();
            self.carried.clear();
        } else {
            fresh = block.length;
        }
        loop {
            if self.skipping {
                self.skip(block);
                fresh = 0;
            }
            if !self.skipping {
                if let Some((end, lines)) = self.lines_end(block, fresh) {
                    self.carried.extend_from_slice(&block.bytes[end..block.length]);
                    return Ok(self.hand_over(block, end, lines));
                }
                if block.length > self.bounds.line_bytes {
                    self.skipping = true; // the bytes so far stand for the line: they are too many
                    return Ok(self.hand_over(block, block.length, 1));
                }
            }
            if self.ended {
                // The last line may lack its end.
                let last = !self.skipping && block.length > 0;
                return Ok(if last { self.hand_over(block, block.length, 1) } else { Filled::End });
            }
            if block.length == room {
                return Ok(Filled::Full);
            }
            fresh = block.length;
            self.read(block, room)?;
        }
    }

    /// One read, behind what the block has.
    fn read(&mut self, block: &mut Block, room: usize) -> io::Result<()> {
        if block.length == block.bytes.len() {
            make_room(block, (2 * block.length).min(room));
        }
        // Not more than a block at once, however much room there is, so that little is carried over.
        let end = block.bytes.len().min(block.length + self.bounds.block_bytes);
        loop {
            match self.input.read(&mut block.bytes[block.length..end]) {
                Ok(read) => {
                    block.length += read;
                    self.ended = read == 0;
                    return Ok(());
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Throws away the block's bytes up to the end of the line that is too long.
    fn skip(&mut self, block: &mut Block) {
        let end = block.bytes[..block.length].iter().position(|&byte| byte == b'\n');
        self.skipping = end.is_none();
        let skipped = end.map_or(block.length, |end| end + 1);
        block.bytes.copy_within(skipped..block.length, 0);
        block.length -= skipped;
    }

    /// Where the last whole line of the block ends, if there is one, and how many lines end there; at most
    /// `block_lines` of them. The first `fresh` bytes are known to have no end.
    fn lines_end(&self, block: &Block, fresh: usize) -> Option<(usize, usize)> {
        let is_end = |byte: &u8| *byte == b'\n';
        let found = &block.bytes[fresh..block.length];
        let last = found.iter().rposition(is_end)?;
        // As many bytes at once as a byte can count: the compiler turns that into the widest vector instructions.
        let count = |bytes: &[u8]| bytes.iter().fold(0, |count: u8, byte| count + u8::from(is_end(byte)));
        let lines = found[..=last].chunks(255).map(|bytes| usize::from(count(bytes))).sum();
        let most = self.bounds.block_lines.max(1);
        if lines <= most {
            return Some((fresh + last + 1, lines));
        }
        let mut ends = found.iter().enumerate().filter(|(_, byte)| is_end(byte));
        ends.nth(most - 1).map(|(at, _)| (fresh + at + 1, most))
    }

    /// Gives the block its first `length` bytes, which are so many lines, and its place in the order.
    fn hand_over(&mut self, block: &mut Block, length: usize, lines: usize) -> Filled {
        (block.length, block.number, block.lines_before) = (length, self.blocks, self.lines);
        self.blocks += 1;
        self.lines += lines as u64;
        Filled::Lines
    }
}

/// Lets a block hold `room` bytes or more.
fn make_room(block: &mut Block, room: usize) {
    if block.bytes.len() < room {
        block.bytes.resize(room, 0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives its bytes in reads of the lengths that it is told, over and over.
    struct Chunks<'a> {
        rest: &'a [u8],
        lengths: std::iter::Cycle<std::slice::Iter<'a, usize>>,
    }

    impl Read for Chunks<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.lengths.next().map_or(0, |&length| length.min(buffer.len()));
            self.rest.read(&mut buffer[..length])
        }
    }

    proptest! {
        #[test]
        fn blocks_are_the_input_however_it_comes(
            lines in prop::collection::vec("[ab]{0,12}", 0..12),
            end in "\n?",
            lengths in prop::collection::vec(1_usize..20, 1..5),
            (line_bytes, block_bytes, block_lines) in (1_usize..9, 1_usize..9, 1_usize..4),
        ) {
            let input = lines.join("\n") + &end;
            // What the standard library makes of it, too long lines cut just behind the limit.
            let cut = |line: &str| line[..line.len().min(line_bytes + 1)].to_owned();
            let expected: Vec<String> = input.split_terminator('\n').map(cut).collect();
            let chunks = Chunks { rest: input.as_bytes(), lengths: lengths.iter().cycle() };
            let mut reader = BlockReader::new(chunks, Bounds { line_bytes, block_bytes, block_lines });
            let (mut found, mut block) = (Vec::new(), Block::default());
            loop {
                match reader.fill(&mut block, block_bytes).unwrap() {
                    Filled::End => break,
                    Filled::Lines => {}
                    Filled::Full => {
                        prop_assert_eq!(block.length, block_bytes);
                        let filled = reader.fill(&mut block, reader.room_max()).unwrap();
                        prop_assert_eq!(filled, Filled::Lines);
                    }
                }
                prop_assert_eq!(block.lines_before, found.len() as u64);
                let text = String::from_utf8(block.bytes[..block.length].to_vec()).unwrap();
                let before = found.len();
                found.extend(text.split_terminator('\n').map(cut));
                prop_assert!(found.len() - before <= block_lines);
                prop_assert!(reader.carried.len() <= block_bytes);
                block.clear(&reader.bounds);
            }
            prop_assert_eq!(found, expected);
        }
    }
}
