//! Numbers with their units, as a person reads them: three digits, and exact ones in JSON and CSV.

use super::pieces::{Piece, decimal};

/// Microseconds: `0`, `87µs`, `4.2ms`, `204ms`, `1.25s`, `3m20s`, `2h5m`.
pub(super) fn microseconds(out: &mut Vec<u8>, us: u64) {
    match us {
        0 => out.push(b'0'),
        1..1_000 => {
            decimal(out, us);
            out.extend_from_slice("µs".as_bytes());
        }
        1_000..1_000_000 => {
            three_digits(out, us / 10);
            out.extend_from_slice(b"ms");
        }
        1_000_000..60_000_000 => {
            three_digits(out, us / 10_000);
            out.push(b's');
        }
        60_000_000..3_600_000_000 => parts(out, us / 1_000_000, b'm', b's'),
        3_600_000_000.. => parts(out, us / 60_000_000, b'h', b'm'),
    }
}

/// Milliseconds, as [`microseconds`].
pub(super) fn milliseconds(out: &mut Vec<u8>, ms: u64) {
    microseconds(out, ms.saturating_mul(1_000));
}

/// Sixtieths with the whole before them: `3m20s`.
fn parts(out: &mut Vec<u8>, sixtieths: u64, whole: u8, part: u8) {
    decimal(out, sixtieths / 60);
    out.push(whole);
    decimal(out, sixtieths % 60);
    out.push(part);
}

/// Microseconds in the unit that [`microseconds`] gives to another time, without the unit: `1.1` for 1100 beside `4.2ms`. Beside minutes,
/// which have two units, with its own.
pub(super) fn in_unit_of(out: &mut Vec<u8>, us: u64, other: u64) {
    match other {
        0..1_000 => decimal(out, us),
        1_000..1_000_000 => three_digits(out, us / 10),
        1_000_000..60_000_000 => three_digits(out, us / 10_000),
        60_000_000.. => microseconds(out, us),
    }
}

/// Bytes a second in bits: `0`, `800 bit/s`, `12.4 Mbit/s`.
pub(super) fn rate(out: &mut Vec<u8>, bytes_per_second: u64) {
    // Each divisor is a constant: dividing by one that is not takes longer than all the rest.
    let bits = bytes_per_second.saturating_mul(8);
    let (hundredths, unit) = match bits {
        0..1_000 => {
            decimal(out, bits);
            return BIT.put(out);
        }
        1_000..1_000_000 => (bits / 10, &KBIT),
        1_000_000..1_000_000_000 => (bits / 10_000, &MBIT),
        1_000_000_000..1_000_000_000_000 => (bits / 10_000_000, &GBIT),
        1_000_000_000_000..1_000_000_000_000_000 => (bits / 10_000_000_000, &TBIT),
        1_000_000_000_000_000..1_000_000_000_000_000_000 => (bits / 10_000_000_000_000, &PBIT),
        1_000_000_000_000_000_000.. => (bits / 10_000_000_000_000_000, &EBIT),
    };
    three_digits(out, hundredths);
    unit.put(out);
}

const BIT: Piece = Piece::joined(&[" bit/s"]);
const KBIT: Piece = Piece::joined(&[" kbit/s"]);
const MBIT: Piece = Piece::joined(&[" Mbit/s"]);
const GBIT: Piece = Piece::joined(&[" Gbit/s"]);
const TBIT: Piece = Piece::joined(&[" Tbit/s"]);
const PBIT: Piece = Piece::joined(&[" Pbit/s"]);
const EBIT: Piece = Piece::joined(&[" Ebit/s"]);

/// Bytes: `0 B`, `532 B`, `64 KiB`.
pub(super) fn bytes(out: &mut Vec<u8>, bytes: u64) {
    const UNITS: [&[u8]; 6] = [b" KiB", b" MiB", b" GiB", b" TiB", b" PiB", b" EiB"];
    if bytes < 1024 {
        decimal(out, bytes);
        out.extend_from_slice(b" B");
        return;
    }
    // Ten bits for each.
    let power = bytes.ilog2() / 10;
    three_digits(out, ((u128::from(bytes) * 100) >> (10 * power)) as u64);
    let unit = UNITS.get(power as usize - 1);
    out.extend_from_slice(unit.copied().unwrap_or_default());
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

/// Hundredths with as many decimals as make three digits; what is cut off is not rounded up, so that `0.99` is never `1.00`.
fn three_digits(out: &mut Vec<u8>, hundredths: u64) {
    let (whole, hundredths) = (hundredths / 100, (hundredths % 100) as u8);
    decimal(out, whole);
    let (tenths, last) = (hundredths / 10, hundredths % 10);
    match whole {
        0..10 if last != 0 => out.extend_from_slice(&[b'.', b'0' + tenths, b'0' + last]),
        0..100 if tenths != 0 => out.extend_from_slice(&[b'.', b'0' + tenths]),
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
            (59_999_999, "59.9s"),
            (60_000_000, "1m0s"),
            (200_000_000, "3m20s"),
            (3_600_000_000, "1h0m"),
            (7_500_000_000, "2h5m"),
        ] {
            assert_eq!(text(|out| microseconds(out, us)), expected);
        }
        assert_eq!(text(|out| milliseconds(out, 44_436)), "44.4s");
        assert_eq!(
            text(|out| milliseconds(out, u64::MAX)),
            text(|out| microseconds(out, u64::MAX))
        );
    }

    #[test]
    fn rates_are_in_bits_and_sizes_in_bytes() {
        for (n, expected) in [
            (0, "0 bit/s"),
            (100, "800 bit/s"),
            (125, "1 kbit/s"),
            (1_550_000, "12.4 Mbit/s"),
            (124_999_999, "999 Mbit/s"),
            (125_000_000, "1 Gbit/s"),
            (125_000_000_000, "1 Tbit/s"),
            (1_234_000_000_000_000, "9.87 Pbit/s"),
            (125_000_000_000_000_000, "1 Ebit/s"),
        ] {
            assert_eq!(text(|out| rate(out, n)), expected);
        }
        assert_eq!(text(|out| rate(out, u64::MAX)), "18.4 Ebit/s");
        for (n, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1_048_575, "1023 KiB"),
            (1 << 30, "1 GiB"),
            ((1 << 40) - 1, "1023 GiB"),
            (3 << 39, "1.5 TiB"),
            (1 << 60, "1 EiB"),
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
        assert_eq!(text(|out| in_unit_of(out, 2_000_000, 9_000_000)), "2");
        assert_eq!(text(|out| in_unit_of(out, 87, 4_294_967_295)), "87µs");
        let most = u64::from(u32::MAX);
        assert_eq!(text(|out| in_unit_of(out, most, most)), "1h11m");
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
