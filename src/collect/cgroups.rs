//! Paths of control groups.

use super::mounts::Hierarchy;
use crate::model::{CgroupId, CgroupPath};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// The id of the root of the hierarchy; a mount whose root has another one shows a part of it.
const ROOT_ID: u64 = 1;
/// How often the tree is walked again for a group that was not there.
const WALKS: u32 = 4;

/// The control groups that can be seen, by id. The tree is walked when the first path is wanted.
#[derive(Debug, Default)]
pub(super) struct Cgroups {
    paths: FxHashMap<u64, Rc<[u8]>>,
    walks: u32,
    whole: bool,
}

impl Cgroups {
    pub(super) fn path(&mut self, id: CgroupId) -> CgroupPath {
        let id = id.0.get();
        if !self.paths.contains_key(&id) && self.walks < WALKS {
            // Made since the last walk, or gone: walking again tells.
            self.walk();
        }
        match self.paths.get(&id) {
            Some(path) => CgroupPath::Known(path.clone()),
            None if self.whole => CgroupPath::Gone,
            None => CgroupPath::Hidden,
        }
    }

    fn walk(&mut self) {
        self.walks += 1;
        let Some(groups) = Hierarchy::find().ok().and_then(|found| found.all()) else {
            self.walks = WALKS;
            return;
        };
        for (id, path) in groups {
            self.whole |= id == ROOT_ID && path == b"/";
            self.paths.entry(id).or_insert_with(|| path.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU64;

    /// After the last walk.
    fn walked(whole: bool) -> Cgroups {
        Cgroups {
            paths: [(77, b"/system.slice/x.service"[..].into())]
                .into_iter()
                .collect(),
            walks: WALKS,
            whole,
        }
    }

    #[test]
    fn a_group_that_is_not_there_is_gone_only_if_all_can_be_seen() {
        let id = |n| CgroupId(NonZeroU64::new(n).unwrap());
        let known = CgroupPath::Known(b"/system.slice/x.service"[..].into());
        for whole in [true, false] {
            assert_eq!(walked(whole).path(id(77)), known);
        }
        assert_eq!(walked(true).path(id(78)), CgroupPath::Gone);
        assert_eq!(walked(false).path(id(78)), CgroupPath::Hidden);
    }

    #[test]
    fn the_tree_is_walked_only_so_often() {
        let mut cgroups = Cgroups::default();
        for n in 1..20 {
            let _ = cgroups.path(CgroupId(NonZeroU64::new(u64::MAX - n).unwrap()));
        }
        assert!(cgroups.walks <= WALKS);
    }
}
