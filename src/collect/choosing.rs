//! Conditions into programs for the kernel.

use crate::model::{Condition, Side};
use crate::wire::bytecode::{Code, End};
use crate::wire::inet_diag::{FAMILY_INET, FAMILY_INET6};
use std::net::IpAddr;

/// The programs to try for a condition, the most exact first; none if the kernel could leave nothing out by them.
///
/// The second is for kernels that do not know interfaces or control groups, and for users who may not ask for marks.
#[must_use]
pub fn programs(condition: &Condition) -> Vec<Vec<u8>> {
    let mut programs: Vec<_> = [condition.clone(), condition.of_addresses_and_ports()]
        .iter()
        .filter_map(|c| code(c)?.program())
        .collect();
    programs.dedup();
    programs
}

/// `None` for what is not worth a program: everything, or nothing.
fn code(condition: &Condition) -> Option<Code> {
    let each = |parts: &[Condition]| parts.iter().map(code).collect::<Option<Vec<_>>>();
    Some(match condition {
        Condition::Anything | Condition::Nothing => return None,
        Condition::All(parts) => Code::and(each(parts)?),
        Condition::Any(parts) => Code::or(each(parts)?),
        Condition::Not(single) => Code::negated(code(single)?),
        Condition::Address {
            side,
            address,
            length,
        } => match address {
            IpAddr::V4(v4) => Code::address(end(*side), FAMILY_INET, &v4.octets(), *length),
            IpAddr::V6(v6) => Code::address(end(*side), FAMILY_INET6, &v6.octets(), *length),
        },
        Condition::Port { side, from, to } => match (*from, *to) {
            (from, to) if from == to => Code::port(end(*side), from),
            (0, to) => Code::port_to(end(*side), to),
            (from, u16::MAX) => Code::port_from(end(*side), from),
            (from, to) => Code::and(vec![
                Code::port_from(end(*side), from),
                Code::port_to(end(*side), to),
            ]),
        },
        Condition::Interface(index) => Code::interface(*index),
        Condition::Mark { mark, mask } => Code::mark(*mark, *mask),
        Condition::Cgroup(id) => Code::cgroup(*id),
    })
}

const fn end(side: Side) -> End {
    match side {
        Side::Local => End::Source,
        Side::Peer => End::Destination,
    }
}
