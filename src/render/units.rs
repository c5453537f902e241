//! Numbers with their units, as a person reads them: three digits, and exact ones in JSON and CSV.

use super::pieces::decimal;

/// Microseconds: `0`, `87µs`, `4.2ms`, `204ms`, `1.25s`, `3m20s`.
pub(super) fn microseconds(out: &mut Vec<u8>, us: u64) {
    match us {
        0 => out.push(b'0'),
        1..1_000 => {
            decimal(out, us);
            out.extend_from_slice("µs".as_bytes());
        }
        1_000..1_000_000 => {
            three_digits(out, us, 1_000);
            out.extend_from_slice(b"ms");
        }
        1_000_000..60_000_000 => {
            three_digits(out, us, 1_000_000);
            out.push(b's');
        }
        60_000_000.. => super::text::duration(out, u32::try_from(us / 1_000).unwrap_or(u32::MAX)),
    }
}

/// Microseconds in the unit that [`microseconds`] gives to another time, without the unit: `1.1` for 1100 beside `4.2ms`.
pub(super) fn in_unit_of(out: &mut Vec<u8>, us: u64, other: u64) {
    match other {
        0..1_000 => decimal(out, us),
        1_000..1_000_000 => three_digits(out, us, 1_000),
        1_000_000.. => three_digits(out, us, 1_000_000),
    }
}

/// Bytes a second in bits: `0`, `800 bit/s`, `12.4 Mbit/s`.
pub(super) fn rate(out: &mut Vec<u8>, bytes_per_second: u64) {
    scaled(
        out,
        bytes_per_second.saturating_mul(8),
        1_000,
        b" kMGTPE",
        b"bit/s",
    );
}

/// Bytes: `0 B`, `532 B`, `64.0 KiB`.
pub(super) fn bytes(out: &mut Vec<u8>, bytes: u64) {
    if bytes < 1024 {
        decimal(out, bytes);
        out.extend_from_slice(b" B");
    } else {
        scaled(out, bytes, 1_024, b" KMGTPE", b"iB");
    }
}

/// 256ths: `2.88`.
pub(super) fn factor(out: &mut Vec<u8>, n: u32) {
    let hundredths = (u64::from(n) * 100 + 128) / 256;
    decimal(out, hundredths / 100);
    out.push(b'.');
    decimal(out, hundredths / 10 % 10);
    decimal(out, hundredths % 10);
}

/// 256ths with all their decimals, of which they have eight at most: `2.88671875`.
pub(super) fn exact_factor(out: &mut Vec<u8>, n: u32) {
    decimal(out, (n / 256).into());
    // 1/256 is 0.00390625.
    let mut decimals = n % 256 * 390_625;
    if decimals == 0 {
        return;
    }
    out.push(b'.');
    let mut place = 10_000_000;
    while decimals > 0 {
        decimal(out, (decimals / place).into());
        decimals %= place;
        place /= 10;
    }
}

fn scaled(out: &mut Vec<u8>, n: u64, step: u64, prefixes: &[u8], unit: &[u8]) {
    let mut divisor = 1;
    let mut prefix = b' ';
    for &next in prefixes {
        prefix = next;
        if n / divisor < step {
            break;
        }
        if next != b'E' {
            divisor *= step;
        }
    }
    if divisor == 1 {
        decimal(out, n);
    } else {
        three_digits(out, n, divisor);
    }
    out.push(b' ');
    if prefix != b' ' {
        out.push(prefix);
    }
    out.extend_from_slice(unit);
}

/// A quotient with as many decimals as make three digits; what is cut off is not rounded up, so that `0.99` is never `1.00`.
fn three_digits(out: &mut Vec<u8>, n: u64, divisor: u64) {
    let whole = n / divisor;
    decimal(out, whole);
    // Of numbers so large that a hundred of them do not fit, the last digits do not matter; both prefixes divide by 1024 evenly.
    let (rest, divisor) = if divisor > u64::MAX / 100 {
        (n % divisor / 1_024, divisor / 1_024)
    } else {
        (n % divisor, divisor)
    };
    let hundredths = rest * 100 / divisor;
    let tenths = hundredths / 10;
    match whole {
        0..10 if !hundredths.is_multiple_of(10) => {
            out.push(b'.');
            decimal(out, tenths);
            decimal(out, hundredths % 10);
        }
        0..100 if tenths != 0 => {
            out.push(b'.');
            decimal(out, tenths);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times() {
        for (us, expected) in [
            (0, "0"),
            (87, "87µs"),
            (999, "999µs"),
            (4_200, "4.2ms"),
            (4_256, "4.25ms"),
            (42_560, "42.5ms"),
            (204_000, "204ms"),
            (1_250_000, "1.25s"),
            (200_000_000, "3m20s"),
        ] {
            assert_eq!(text(|out| microseconds(out, us)), expected);
        }
    }

    #[test]
    fn rates_are_in_bits_and_sizes_in_bytes() {
        for (n, expected) in [
            (0, "0 bit/s"),
            (100, "800 bit/s"),
            (1_550_000, "12.4 Mbit/s"),
            (125_000_000, "1 Gbit/s"),
        ] {
            assert_eq!(text(|out| rate(out, n)), expected);
        }
        assert_eq!(text(|out| rate(out, u64::MAX)), "18.4 Ebit/s");
        for (n, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (65_536, "64 KiB"),
            (1_600_000, "1.52 MiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(text(|out| bytes(out, n)), expected);
        }
    }

    #[test]
    fn what_varies_has_the_unit_of_what_it_belongs_to() {
        assert_eq!(text(|out| in_unit_of(out, 1_100, 4_200)), "1.1");
        assert_eq!(text(|out| in_unit_of(out, 20, 87)), "20");
        assert_eq!(text(|out| in_unit_of(out, 87, 4_200)), "0.08");
    }

    #[test]
    fn factors() {
        assert_eq!(text(|out| factor(out, 739)), "2.89");
        assert_eq!(text(|out| factor(out, 256)), "1.00");
        for n in 0..2_000 {
            let exact = (f64::from(n) / 256.0).to_string();
            assert_eq!(text(|out| exact_factor(out, n)), exact);
        }
    }
}
