//! What the registers hold while a rule is followed.

/// What a register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loaded<'a> {
    Family,
    Protocol,
    Port,
    Destination,
    DestinationType,
    Constant(&'a [u8]),
    Other,
}

/// The registers, numbered as those of four bytes are.
#[derive(Default)]
pub(super) struct Registers<'a>(Vec<(u32, u32, Loaded<'a>)>);

/// As many bytes as there can be in one load, and in all registers.
pub(super) const MOST: usize = 64;

impl<'a> Registers<'a> {
    /// Puts so many `bytes` into the registers from `first` on, over what was there.
    pub(super) fn load(&mut self, first: u32, bytes: usize, loaded: Loaded<'a>) {
        let words = u32::try_from(bytes.clamp(1, MOST).div_ceil(4)).unwrap_or(u32::MAX);
        let end = first.saturating_add(words);
        self.0.retain(|&(from, to, _)| to <= first || end <= from);
        self.0.push((first, end, loaded));
    }

    /// What was put there from `first` on.
    pub(super) fn at(&self, first: u32) -> Loaded<'a> {
        let found = self.0.iter().find(|&&(from, _, _)| from == first);
        found.map_or(Loaded::Other, |&(_, _, loaded)| loaded)
    }

    /// Something was written, and nobody knows where.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_over_is_gone() {
        let mut registers = Registers::default();
        registers.load(8, 16, Loaded::Destination);
        registers.load(12, 2, Loaded::Port);
        assert_eq!(registers.at(8), Loaded::Destination);
        registers.load(9, 4, Loaded::Other);
        assert_eq!(registers.at(8), Loaded::Other, "its second word is another");
        assert_eq!(registers.at(12), Loaded::Port);
        registers.load(8, MOST, Loaded::Other);
        assert_eq!(registers.at(12), Loaded::Other);
        registers.load(8, 2, Loaded::Port);
        registers.forget();
        assert_eq!(registers.at(8), Loaded::Other);
    }
}
