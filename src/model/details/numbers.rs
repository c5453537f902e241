//! Members of a kernel structure of which older kernels send fewer.

/// The numbers of a structure in the order of its members, as far as they were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers<const N: usize> {
    values: [u64; N],
    known: u64,
}

impl<const N: usize> Numbers<N> {
    /// These values, of which those with a bit in `known` were sent.
    #[must_use]
    pub const fn new(values: [u64; N], known: u64) -> Self {
        Self { values, known }
    }

    /// Whether none was sent.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.known == 0
    }

    /// The number of a member, if it was sent.
    #[must_use]
    pub fn get(&self, member: usize) -> Option<u64> {
        let value = *self.values.get(member)?;
        (self.known >> member & 1 == 1).then_some(value)
    }
}
