//! Many conditions of which each asks for an address too: those of an address are looked up by it.

use super::address::Network;
use super::predicate::{Predicate, Truth};
use crate::model::{Row, Side, ipv4_of};
use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// An "or" of parts that are each "the address of this side is in this network, and ...": for one lookup per length of prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByAddress {
    side: Side,
    v4: FxHashMap<u32, FxHashMap<u32, Predicate>>,
    v6: FxHashMap<u128, FxHashMap<u128, Predicate>>,
}

impl ByAddress {
    /// From networks, with what else must hold of the sockets in each, any of it.
    pub(super) fn new(
        side: Side,
        parts: impl IntoIterator<Item = (Network, Vec<Predicate>)>,
    ) -> Self {
        let mut v4: FxHashMap<_, FxHashMap<_, _>> = FxHashMap::default();
        let mut v6: FxHashMap<_, FxHashMap<_, _>> = FxHashMap::default();
        for (network, any) in parts {
            let any = Predicate::any(any);
            match network {
                Network::V4 { bits, mask } => v4.entry(mask).or_default().insert(bits, any),
                Network::V6 { bits, mask } => v6.entry(mask).or_default().insert(bits, any),
            };
        }
        Self { side, v4, v6 }
    }

    /// Whose address it is.
    pub(super) const fn side(&self) -> Side {
        self.side
    }

    /// The networks, in no order, with what else must hold in each.
    pub(super) fn parts(&self) -> impl Iterator<Item = (Network, &Predicate)> {
        let v4 = self.v4.iter().flat_map(|(&mask, all)| {
            all.iter()
                .map(move |(&bits, condition)| (Network::V4 { bits, mask }, condition))
        });
        let v6 = self.v6.iter().flat_map(|(&mask, all)| {
            all.iter()
                .map(move |(&bits, condition)| (Network::V6 { bits, mask }, condition))
        });
        v4.chain(v6)
    }

    /// What it says about a socket.
    pub(super) fn matches(&self, row: &Row<'_>) -> Truth {
        let Some(ends) = row.socket.inet() else {
            return Truth::False;
        };
        let address = match self.side {
            Side::Local => ends.local,
            Side::Peer => ends.peer,
        };
        let v4 = ipv4_of(address).into_iter().flat_map(|v4| {
            let tables = self.v4.iter();
            tables.filter_map(move |(mask, all)| all.get(&(v4.to_bits() & mask)))
        });
        let v6 = match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => Some(v6.to_bits()),
        };
        let v6 = v6.into_iter().flat_map(|v6| {
            let tables = self.v6.iter();
            tables.filter_map(move |(mask, all)| all.get(&(v6 & mask)))
        });
        let mut result = Truth::False;
        for condition in v4.chain(v6) {
            match condition.matches(row) {
                Truth::True => return Truth::True,
                Truth::Unknown => result = Truth::Unknown,
                Truth::False => {}
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::oracle::{compile, row, scene};
    use proptest::prelude::*;

    /// Conditions of which each asks for an address, and others; some say "unknown" of some sockets.
    fn part() -> impl Strategy<Value = String> {
        let address = prop::sample::select(vec![
            "src 10.0.0.1",
            "src 10/8",
            "src 0.0.0.0",
            "dst 10.0.0.1",
            "dst 10.0.0.2/31",
            "dst fec0:42::/64",
            "dst ::ffff:10.0.0.2",
            "src 127.0.0.1",
        ]);
        let more = prop::sample::select(vec![
            "sport = 22",
            "dport = 36266",
            "dport > 1000",
            "uid = 0",
            "not uid = 0",
            "not sport = 22",
            "dst 10.0.0.1",
            "state listen",
            "( sport = 513 or uid = 1 )",
        ]);
        (address, more.clone(), more, any::<bool>()).prop_map(|(a, b, c, short)| match short {
            true => format!("( {a} and {b} )"),
            false => format!("( {b} and {a} and {c} )"),
        })
    }

    proptest! {
        #[test]
        fn it_says_what_the_parts_say(parts in prop::collection::vec(part(), 1..20), negated in any::<bool>()) {
            let not = if negated { "not " } else { "" };
            let all = compile(&format!("{not}( {} )", parts.join(" or ")));
            let each: Vec<_> = parts.iter().map(|part| compile(part).predicate).collect();
            for socket in scene() {
                let row = row(&socket);
                let plain = Predicate::Or(each.clone()).matches(&row);
                let said = all.matches(row);
                prop_assert_eq!(said, if negated { !plain } else { plain });
                // What a kernel, or the choice of tables and states, leaves out is never part of the answer.
                if said != Truth::False {
                    prop_assert!(all.states().contains(socket.state));
                    let tables = all.tables(crate::filter::oracle::every_table());
                    prop_assert!(tables.iter().any(|t| t.protocol == socket.protocol && t.family == socket.family));
                }
            }
        }
    }

    #[test]
    fn many_ends_are_one_lookup() {
        let ends: Vec<_> = (0..10_000)
            .map(|n| format!("10.{}.{}.1:{n}", n / 250, n % 250))
            .collect();
        let set = compile(&format!("dst in {}", ends.join(",")));
        assert!(matches!(&set.predicate, Predicate::ByAddress(_)));
        let ports: Vec<_> = (0..10_000)
            .map(|n| format!("( dst = 10.0.0.1 and dport = {n} )"))
            .collect();
        let filter = compile(&ports.join(" or "));
        let Predicate::ByAddress(table) = &filter.predicate else {
            panic!("{:?}", filter.predicate)
        };
        let parts: Vec<_> = table.parts().collect();
        assert!(matches!(parts[..], [(_, Predicate::Port(_))]));
    }

    #[test]
    fn a_part_of_many_parts_does_not_exhaust_the_stack() {
        let part = "src 10/8 and ".repeat(20_000);
        let parts = vec![format!("( {part}sport = 1 )"); 6];
        let filter = compile(&parts.join(" or "));
        for socket in scene() {
            let _ = filter.matches(row(&socket));
        }
        let _ = filter.conditions();
    }
}
