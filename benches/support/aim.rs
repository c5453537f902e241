//! What is to be reached.

use std::ops::Range;

/// What a case is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// CPU time of `ss`.
    Ss,
    /// Time that passes while `ss` runs.
    SsWall,
    /// CPU time of the floor.
    Floor,
}

/// The largest ratio that will do.
pub(crate) struct Aim {
    /// Of what to what.
    pub(crate) by: By,
    at_most: f64,
    /// The sizes of the load it is for, in what the load is counted in.
    sizes: Range<usize>,
}

impl Aim {
    /// At every size.
    pub(crate) const fn new(by: By, at_most: f64) -> Self {
        let sizes = 0..usize::MAX;
        Self { by, at_most, sizes }
    }

    /// Only for loads so large.
    pub(crate) const fn from(self, size: usize) -> Self {
        self.within(size, usize::MAX)
    }

    /// Only for loads so large, and smaller than the second.
    pub(crate) const fn within(self, from: usize, below: usize) -> Self {
        let (by, at_most) = (self.by, self.at_most);
        let sizes = from..below;
        Self { by, at_most, sizes }
    }

    /// Whether it is for a load of this size. A little less will do, as pairs do not always come out even.
    pub(crate) fn is_for(&self, size: usize) -> bool {
        self.sizes.contains(&(size + size / 100))
    }

    /// The aim, and whether `ratio` reaches it.
    pub(crate) fn verdict(&self, ratio: f64) -> String {
        verdict(&format!("{}", self.at_most), ratio <= self.at_most)
    }
}

/// An aim in words, and whether it is met.
pub(crate) fn verdict(at_most: &str, met: bool) -> String {
    format!("<= {at_most} {}", if met { "met" } else { "MISSED" })
}
