//! Which class is counted in which place. A reload may bring a model with other classes, or the same in another order,
//! while the totals of the workers before it must go on: so a class has a place by its label, for the fleet's life.

use std::sync::atomic::{AtomicU64, Ordering};

/// Places for classes; the last one is shared by all classes that come when the others are taken.
pub const CLASS_PLACES: usize = 64;

/// The labels that have a place, as hashes; 0 is free. A place is taken once, by whichever worker is first.
#[repr(C)]
pub struct ClassKeys([AtomicU64; CLASS_PLACES]);

impl Default for ClassKeys {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; CLASS_PLACES])
    }
}

impl ClassKeys {
    /// The place of the class with this label, which is taken if the label is new.
    pub fn place(&self, label: &str) -> usize {
        let key = rapidhash::v3::rapidhash_v3(label.as_bytes()).max(1);
        let own = CLASS_PLACES - 1;
        let is_own =
            |at: &usize| match self.0[*at].compare_exchange(0, key, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => true,
                Err(taken) => taken == key,
            };
        (0..own).find(is_own).unwrap_or(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_keeps_its_place_and_a_crowd_shares_the_last() {
        let keys = ClassKeys::default();
        assert_eq!(["a", "b", "a", "", "b"].map(|label| keys.place(label)), [0, 1, 0, 2, 1]);
        let crowd: Vec<_> = (0..100).map(|n| keys.place(&n.to_string())).collect();
        assert_eq!(crowd[60..], [CLASS_PLACES - 1; 40]);
        assert_eq!(crowd[..60], (3..63).collect::<Vec<_>>());
    }
}
