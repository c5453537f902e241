//! Sets of ports: ranges that ascend and do not touch.

use std::ops::RangeInclusive;

pub(super) type Ports = Vec<RangeInclusive<u16>>;
pub(super) const ANY_PORT: RangeInclusive<u16> = 0..=u16::MAX;

/// The same ports as `ranges`, in order.
pub(super) fn ordered(mut ranges: Ports) -> Ports {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_unstable_by_key(|range| *range.start());
    let mut ordered = Ports::new();
    for range in ranges {
        match ordered.last_mut() {
            Some(last) if u32::from(*range.start()) <= u32::from(*last.end()) + 1 => {
                *last = *last.start()..=*last.end().max(range.end());
            }
            _ => ordered.push(range),
        }
    }
    ordered
}

/// The ports that are in both. Each range of the shorter one is looked up in the other.
pub(super) fn both(a: &[RangeInclusive<u16>], b: &[RangeInclusive<u16>]) -> Ports {
    let (few, many) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let mut both = Ports::new();
    for one in few {
        let first = many.partition_point(|other| other.end() < one.start());
        let meeting = many.iter().skip(first);
        let meeting = meeting.take_while(|other| other.start() <= one.end());
        both.extend(meeting.map(|o| *o.start().max(one.start())..=*o.end().min(one.end())));
    }
    both
}

/// Every other port.
pub(super) fn others(ports: &[RangeInclusive<u16>]) -> Ports {
    let mut others = Ports::new();
    let mut next = Some(0);
    for range in ports {
        if let (Some(start), Some(end)) = (next, range.start().checked_sub(1))
            && start <= end
        {
            others.push(start..=end);
        }
        next = range.end().checked_add(1);
    }
    others.extend(next.map(|start| start..=u16::MAX));
    others
}

/// The ports between the elements of a set, each with whether it ends an interval.
pub(super) fn between(mut elements: Vec<(u16, bool)>) -> Ports {
    // An interval ends before the next one begins.
    elements.sort_unstable_by_key(|&(port, is_end)| (port, !is_end));
    let has_intervals = elements.iter().any(|&(_, is_end)| is_end);
    let mut ranges = Ports::new();
    let mut rest = elements.iter().peekable();
    while let Some(&(start, is_end)) = rest.next() {
        if is_end {
            continue;
        }
        let end = match rest.peek() {
            _ if !has_intervals => start,
            Some(&&(end, true)) => end.saturating_sub(1),
            Some(_) => start,
            None => u16::MAX,
        };
        ranges.push(start..=end);
    }
    ordered(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_have_single_ports_and_intervals() {
        assert_eq!(
            between(vec![(5353, false), (53, false)]),
            [53..=53, 5353..=5353]
        );
        let mixed = vec![
            (0, true),
            (201, true),
            (100, false),
            (202, false),
            (204, true),
        ];
        assert_eq!(between(mixed), [100..=200, 202..=203]);
        assert_eq!(
            between(vec![(9, true), (8, false), (60000, false)]),
            [8..=8, 60000..=u16::MAX]
        );
        assert_eq!(between(Vec::new()), []);
    }

    #[test]
    fn ports_are_ordered_met_and_turned_round() {
        let ports = ordered(vec![20..=30, 5..=6, 7..=7, 25..=40, 9..=9]);
        assert_eq!(ports, [5..=7, 9..=9, 20..=40]);
        assert_eq!(others(&ports), [0..=4, 8..=8, 10..=19, 41..=u16::MAX]);
        assert_eq!(others(&others(&ports)), ports);
        assert_eq!(others(&[ANY_PORT]), []);
        assert_eq!(others(&[]), [ANY_PORT]);
        assert_eq!(
            both(&ports, &[6..=21, 40..=50]),
            [6..=7, 9..=9, 20..=21, 40..=40]
        );
        assert_eq!(both(&ports, &[10..=19]), []);
    }
}
