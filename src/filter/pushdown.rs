//! What the sources may leave out: the states and tables in which no socket can match.
//!
//! [`reach`] computes a set outside of which a predicate certainly has the opposite truth.
//! "Unknown" counts as inside, so that the rows it decides can be counted.

use super::address::Network;
use super::by_address::ByAddress;
use super::predicate::Predicate;
use crate::model::{Family, FieldId, Protocol, Side, StateSet, Table, TableSet};
use std::net::IpAddr;

/// Every state in which a socket can match.
pub(super) fn states(predicate: &Predicate) -> StateSet {
    reach(predicate, true)
}

/// Those of `selected` in which a socket can match.
pub(super) fn tables(predicate: &Predicate, selected: TableSet) -> TableSet {
    selected.and(reach(predicate, true))
}

/// A set that is combined as the conditions it belongs to.
trait Reach: Copy {
    fn nothing() -> Self;
    fn everything() -> Self;
    fn or(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    /// For a single condition: where it need not be the opposite of `truth`.
    fn of(condition: &Predicate, truth: bool) -> Self;
}

fn reach<S: Reach>(predicate: &Predicate, truth: bool) -> S {
    let each = |parts: &[Predicate], start: S, join: fn(S, S) -> S| {
        parts
            .iter()
            .fold(start, |set, part| join(set, reach(part, truth)))
    };
    match (predicate, truth) {
        (Predicate::Constant(known), _) if *known == truth => S::everything(),
        (Predicate::Constant(_), _) => S::nothing(),
        (Predicate::Not(inner), _) => reach(inner, !truth),
        (Predicate::And(parts), true) | (Predicate::Or(parts), false) => {
            each(parts, S::everything(), S::and)
        }
        (Predicate::And(parts), false) | (Predicate::Or(parts), true) => {
            each(parts, S::nothing(), S::or)
        }
        (Predicate::ByAddress(table), _) => reach_by_address(table, truth),
        (condition, _) => S::of(condition, truth),
    }
}

// A function of its own, so that conditions inside each other need less stack.
fn reach_by_address<S: Reach>(table: &ByAddress, truth: bool) -> S {
    let part = |(network, more)| {
        let of_network = S::of(&Predicate::Network(table.side(), network), truth);
        let of_more = reach(more, truth);
        if truth {
            of_network.and(of_more)
        } else {
            of_network.or(of_more)
        }
    };
    let each = table.parts().map(part);
    if truth {
        each.fold(S::nothing(), S::or)
    } else {
        each.fold(S::everything(), S::and)
    }
}

impl Reach for StateSet {
    fn nothing() -> Self {
        Self::EMPTY
    }

    fn everything() -> Self {
        Self::ALL
    }

    fn or(self, other: Self) -> Self {
        Self::or(self, other)
    }

    fn and(self, other: Self) -> Self {
        Self::and(self, other)
    }

    fn of(condition: &Predicate, truth: bool) -> Self {
        match (condition, truth) {
            (Predicate::State(states), true) => *states,
            (Predicate::State(states), false) => states.complement(),
            (Predicate::Number(FieldId::AcceptQueue | FieldId::AcceptLimit, _), true) => {
                Self::LISTEN
            }
            (Predicate::Word(FieldId::Exposure, _), true) => Self::LISTEN.or(Self::CLOSE),
            (Predicate::Unowned(FieldId::Process, "time-wait"), true) => Self::TIME_WAIT,
            (Predicate::Unowned(FieldId::Process, "half-open"), true) => Self::SYN_RECV,
            // What is bound and idle has no peer, and to find out the kernel goes through all that is bound.
            (Predicate::Port(test), _) if test.side == Side::Peer => {
                with_or_without_idle(test.sets.tcp.contains(0) == truth)
            }
            (Predicate::Network(Side::Peer, network), true) => {
                let none = [IpAddr::from([0; 4]), IpAddr::from([0; 16])];
                with_or_without_idle(none.iter().any(|peer| network.contains(*peer)))
            }
            _ => Self::ALL,
        }
    }
}

/// Every state, or all but that of TCP sockets that are bound and idle.
const fn with_or_without_idle(with: bool) -> StateSet {
    if with {
        StateSet::ALL
    } else {
        StateSet::BOUND_INACTIVE.complement()
    }
}

impl Reach for TableSet {
    fn nothing() -> Self {
        Self::EMPTY
    }

    fn everything() -> Self {
        Table::ALL.into_iter().collect()
    }

    fn or(self, other: Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    fn and(self, other: Self) -> Self {
        self.filter(|table| other.contains(table))
    }

    fn of(condition: &Predicate, truth: bool) -> Self {
        Self::everything().filter(|Table { protocol, family }| match (condition, truth) {
            (Predicate::Family(wanted), _) => (family == *wanted) == truth,
            (Predicate::Protocol(wanted), _) => (protocol == *wanted) == truth,
            (_, false) => true,
            // IPv6 sockets may carry IPv4 addresses.
            (Predicate::Network(_, Network::V4 { .. }), _) => family.is_ip(),
            (Predicate::Network(_, Network::V6 { .. }), _) => family == Family::Inet6,
            (Predicate::Networks(..), _) => family.is_ip(),
            (Predicate::Interface(_), _) => {
                family.is_ip() || matches!(family, Family::Packet | Family::Xdp)
            }
            (Predicate::End(_), _) => {
                matches!(family, Family::Packet | Family::Netlink | Family::Vsock)
            }
            (Predicate::Port(test), _) => !test.sets.of(protocol).is_empty(),
            (Predicate::Name(..) | Predicate::Number(FieldId::PeerInode, _), _) => {
                family == Family::Unix
            }
            (
                Predicate::Number(FieldId::Tcp(_), _)
                | Predicate::Word(FieldId::Tcp(_), _)
                | Predicate::Flag(FieldId::Tcp(_), _),
                _,
            ) => protocol == Protocol::Tcp,
            (Predicate::Word(FieldId::Type, _), _) => !family.is_ip(),
            (
                Predicate::Mark { .. }
                | Predicate::Cgroup(_)
                | Predicate::Word(FieldId::Timer | FieldId::Exposure, _),
                _,
            )
            | (Predicate::Number(FieldId::TimerExpires | FieldId::Retransmits, _), _) => {
                family != Family::Unix
            }
            (Predicate::Flag(FieldId::V6only, _), _) => family == Family::Inet6,
            _ => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::oracle::{Names, compile, row, scene};
    use crate::filter::{Scope, Truth};
    use proptest::prelude::*;

    fn all() -> TableSet {
        TableSet::everything()
    }

    fn states_of(text: &str) -> StateSet {
        compile(text).states()
    }

    fn tables_of(text: &str) -> String {
        let tables = compile(text).tables(all());
        let words: Vec<_> = tables.iter().map(|t| t.to_string()).collect();
        words.join(" ")
    }

    #[test]
    fn states() {
        let closed_or_listening = StateSet::LISTEN.or(StateSet::CLOSE);
        assert_eq!(states_of(""), StateSet::ALL);
        assert_eq!(states_of("sport = 22"), StateSet::ALL);
        assert_eq!(states_of("accept_queue > 0"), StateSet::LISTEN);
        assert_eq!(states_of("exposure = any"), closed_or_listening);
        assert_eq!(states_of("exposure != any"), StateSet::ALL);
        assert_eq!(states_of("process is time-wait"), StateSet::TIME_WAIT);
        assert_eq!(states_of("not accept_queue > 0"), StateSet::ALL);
        let with_a_peer = StateSet::BOUND_INACTIVE.complement();
        for text in [
            "dport = 22",
            "dst 10/8",
            "dst [::1]:22",
            "not dport < 22",
            "dport 22 sport 1",
        ] {
            assert_eq!(states_of(text), with_a_peer, "{text}");
        }
        for text in [
            "dport != 22",
            "dport < 22",
            "dst 0/1",
            "not dst 10/8",
            "dport 22 or sport 1",
        ] {
            assert_eq!(states_of(text), StateSet::ALL, "{text}");
        }
        assert_eq!(states_of("state listen"), StateSet::LISTEN);
        assert_eq!(states_of("state listen state close"), closed_or_listening);
        assert_eq!(
            states_of("state listen sport = 22 or dport = 22"),
            StateSet::LISTEN
        );
        assert_eq!(states_of("sport = 22 or state listen"), StateSet::ALL);
        assert_eq!(states_of("sport 1 and state = listen"), StateSet::LISTEN);
        assert_eq!(states_of("exclude listen"), StateSet::LISTEN.complement());
        assert_eq!(
            states_of("sport 1 not state listen"),
            StateSet::LISTEN.complement()
        );
        assert_eq!(
            states_of("not ( state != listen and state != close )"),
            closed_or_listening
        );
        assert_eq!(
            states_of("not ( sport 1 or state != listen )"),
            StateSet::LISTEN
        );
        assert_eq!(states_of("exclude all"), StateSet::EMPTY);
    }

    #[test]
    fn tables() {
        const INET: &str = "tcp/inet tcp/inet6 udp/inet udp/inet6 udplite/inet udplite/inet6 \
            raw/inet raw/inet6 mptcp/inet mptcp/inet6 sctp/inet sctp/inet6 dccp/inet dccp/inet6";
        const INET4: &str =
            "tcp/inet udp/inet udplite/inet raw/inet mptcp/inet sctp/inet dccp/inet";
        const INET6: &str =
            "tcp/inet6 udp/inet6 udplite/inet6 raw/inet6 mptcp/inet6 sctp/inet6 dccp/inet6";
        const OTHERS: &str = "unix packet netlink vsock xdp tipc";
        let every = format!("{INET} {OTHERS}");
        // Those that have neither ports nor inodes for the filter.
        let with_ports = format!("{INET} unix vsock");
        assert_eq!(tables_of(""), every);
        assert_eq!(tables_of("sport = 22"), with_ports);
        assert_eq!(tables_of("src any"), every);
        assert_eq!(tables_of("src 10.0.0.1"), INET);
        assert_eq!(tables_of("src :22"), INET);
        assert_eq!(tables_of("src 2001:db8::/32"), INET6);
        assert_eq!(tables_of("src inet:10.0.0.1"), INET4);
        assert_eq!(tables_of("sport = inet6:22"), INET6);
        assert_eq!(tables_of("sport = unix:22"), "unix");
        assert_eq!(
            tables_of("sport = ssh"),
            "tcp/inet tcp/inet6 mptcp/inet mptcp/inet6 sctp/inet sctp/inet6 dccp/inet dccp/inet6"
        );
        assert_eq!(
            tables_of("src /run/x or src 2001:db8::/32"),
            format!("{INET6} unix")
        );
        assert_eq!(tables_of("src @x"), "unix");
        assert_eq!(tables_of("dst @x"), "unix");
        assert_eq!(tables_of("src @x src 10.0.0.1"), "");
        assert_eq!(tables_of("not src 10.0.0.1"), every);
        assert_eq!(tables_of("not src inet6:*"), format!("{INET4} {OTHERS}"));
    }

    /// Text of a filter, by the grammar.
    fn text() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            "state listen",
            "state != established",
            "state connected",
            "sport = 22",
            "dport >= 1024",
            "sport != ssh",
            "sport = inet6:22",
            "src 10.0.0.0/8",
            "dst != 10.0.0.1",
            "src fec0:42::/64",
            "src inet:any",
            "src unix:*",
            "src /run/*",
            "dst /run/*",
            "dport = unix:13",
            "src any",
        ]);
        leaf.prop_map(str::to_owned)
            .prop_recursive(4, 24, 3, |inner| {
                prop_oneof![
                    inner.clone().prop_map(|a| format!("not ( {a} )")),
                    (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("( {a} and {b} )")),
                    (inner.clone(), inner).prop_map(|(a, b)| format!("( {a} or {b} )")),
                ]
            })
    }

    proptest! {
        #[test]
        fn nothing_that_could_match_is_left_out(text in text()) {
            let scope = Scope { tables: all(), only_listeners: false };
            let filter = crate::filter::compile(&[text], &scope, &Names).unwrap();
            for socket in scene() {
                let table = Table::new(socket.protocol, socket.family);
                let fetched = filter.tables(all()).contains(table)
                    && filter.states().contains(socket.state);
                prop_assert!(fetched || filter.matches(row(&socket)) == Truth::False);
            }
        }
    }
}
