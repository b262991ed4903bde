//! How an image is made: first a plan of its sections, which tells its size, then each section once, in its place.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, DerefMut};

use bytemuck::Pod;

use super::error::Defect;
use super::image::{ALIGNMENT, ENTRY_WORDS, MAGIC, Section, VERSION};

/// The sections that an image will have.
#[derive(Default)]
pub struct ImagePlan<'a> {
    sections: Vec<Planned<'a>>,
}

/// Writes a section over zeros.
type Fill<'a> = Box<dyn FnOnce(&mut [u8]) -> Result<(), Defect> + 'a>;

struct Planned<'a> {
    section: Section,
    index: usize,
    /// In bytes.
    length: usize,
    fill: Fill<'a>,
}

impl fmt::Debug for ImagePlan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sections = self.sections.iter().map(|planned| (planned.section, planned.index, planned.length));
        f.debug_list().entries(sections).finish()
    }
}

impl<'a> ImagePlan<'a> {
    /// Appends a section. `index` tells sections of one kind apart.
    pub fn push<T: Pod>(&mut self, section: Section, index: usize, content: impl Into<Cow<'a, [T]>>) {
        let content = content.into();
        self.push_with(section, index, content.len(), move |place: &mut [T]| {
            place.copy_from_slice(&content);
            Ok(())
        });
    }

    /// Appends a section of `count` elements that `fill` writes in place, over zeros: a large section is made once.
    pub fn push_with<T: Pod>(
        &mut self,
        section: Section,
        index: usize,
        count: usize,
        fill: impl FnOnce(&mut [T]) -> Result<(), Defect> + 'a,
    ) {
        let length = count * size_of::<T>();
        let fill = Box::new(move |bytes: &mut [u8]| fill(bytemuck::cast_slice_mut(bytes)));
        self.sections.push(Planned { section, index, length, fill });
    }

    /// Length of the image, in bytes.
    pub fn size(&self) -> usize {
        self.table_offset() + self.sections.len() * ENTRY_WORDS * 8
    }

    fn table_offset(&self) -> usize {
        let lengths = self.sections.iter().map(|planned| planned.length.next_multiple_of(ALIGNMENT));
        ALIGNMENT + lengths.sum::<usize>()
    }

    /// Writes the image over `place`: as many zeros as it is long, aligned to 8 bytes.
    ///
    /// # Errors
    /// Of the weights, which may still have to be read.
    pub fn write(self, place: &mut [u8]) -> Result<(), Defect> {
        let (table_offset, count) = (self.table_offset(), self.sections.len());
        let header = [MAGIC, VERSION, table_offset as u64, count as u64];
        place[..32].copy_from_slice(bytemuck::cast_slice(&header));
        let (mut offset, mut table) = (ALIGNMENT, Vec::with_capacity(count));
        for Planned { section, index, length, fill } in self.sections {
            table.push([section as u64, index as u64, offset as u64, length as u64]);
            fill(&mut place[offset..offset + length])?;
            offset += length.next_multiple_of(ALIGNMENT);
        }
        place[offset..].copy_from_slice(bytemuck::cast_slice(table.as_flattened()));
        Ok(())
    }
}

/// An image in this process's own memory, aligned for its widest element.
#[derive(Debug)]
pub struct ImageBuffer(Vec<u64>);

impl ImageBuffer {
    /// Room for an image of `size` bytes, a multiple of 8.
    pub fn zeroed(size: usize) -> Self {
        Self(vec![0; size / 8])
    }

    /// The bytes of the image.
    pub fn as_bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

impl Deref for ImageBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl DerefMut for ImageBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.0)
    }
}
