//! Classic BPF: the filter program of a packet socket, `SO_ATTACH_FILTER` of socket(7).
//!
//! The text is that of `bpf_asm` in the kernel's `tools/bpf`, which Documentation/networking/filter.rst describes.

use std::fmt::{self, Display, Formatter};

/// One instruction, `struct sock_filter` of `linux/filter.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// How many instructions to skip if it is true.
    pub jt: u8,
    /// How many if not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

/// A program, or why it is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// There is none of the classic kind; the kernel does not tell of programs of the extended kind.
    None,
    /// The kernel tells it to `CAP_NET_ADMIN` only.
    Hidden,
    /// Its instructions.
    Known(Vec<Instruction>),
}

impl Instruction {
    /// Its text as the instruction number `at` of a program: targets of jumps are written as such numbers.
    pub fn at(self, at: usize) -> impl Display {
        Line {
            instruction: self,
            at,
        }
    }
}

struct Line {
    instruction: Instruction,
    at: usize,
}

/// Where the kernel's own values begin that are no bytes of the packet, `SKF_AD_OFF`.
const OWN_VALUES: u32 = 0xffff_f000;

/// The name of the kernel's own value at `offset`, `SKF_AD_*`.
fn own_value(offset: u32) -> Option<&'static str> {
    Some(match offset.checked_sub(OWN_VALUES)? {
        0 => "#proto",
        4 => "#type",
        8 => "#ifidx",
        12 => "#nla",
        16 => "#nlan",
        20 => "#mark",
        24 => "#queue",
        28 => "#hatype",
        32 => "#rxhash",
        36 => "#cpu",
        44 => "#vlan_tci",
        48 => "#vlan_avail",
        52 => "#poff",
        56 => "#rand",
        60 => "#vlan_tpid",
        _ => return None,
    })
}

impl Display for Line {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Instruction { code, jt, jf, k } = self.instruction;
        // Offsets below 0 are from the start of a header.
        let offset = k.cast_signed();
        let target = |skip: u32| self.at as u64 + 1 + u64::from(skip);
        let conditional = |f: &mut Formatter<'_>, name: &str, operand: &dyn Display| {
            write!(
                f,
                "{name} {operand}, l{}, l{}",
                target(jt.into()),
                target(jf.into())
            )
        };
        let operand = format_args!("#{k:#x}");
        match code {
            0x00 => write!(f, "ld {operand}"),
            0x80 => f.write_str("ld #len"),
            0x60 => write!(f, "ld M[{k}]"),
            0x20 | 0x28 | 0x30 => match own_value(k) {
                Some(name) => write!(f, "{} {name}", load(code)),
                None => write!(f, "{} [{offset}]", load(code)),
            },
            0x40 | 0x48 | 0x50 => write!(f, "{} [x + {offset}]", load(code)),
            0x01 => write!(f, "ldx {operand}"),
            0x81 => f.write_str("ldx #len"),
            0x61 => write!(f, "ldx M[{k}]"),
            0xb1 => write!(f, "ldxb 4*([{offset}]&0xf)"),
            0x02 => write!(f, "st M[{k}]"),
            0x03 => write!(f, "stx M[{k}]"),
            0x84 => f.write_str("neg"),
            0x05 => write!(f, "jmp l{}", target(k)),
            0x06 => write!(f, "ret {operand}"),
            0x0e => f.write_str("ret x"),
            0x16 => f.write_str("ret a"),
            0x07 => f.write_str("tax"),
            0x87 => f.write_str("txa"),
            _ => match (arithmetic(code), comparison(code), code & 8 == 0) {
                (Some(name), _, true) if name.starts_with(['a', 'o', 'x']) && name != "add" => {
                    write!(f, "{name} {operand}")
                }
                (Some(name), _, true) => write!(f, "{name} #{k}"),
                (Some(name), _, false) => write!(f, "{name} x"),
                (None, Some(name), true) => conditional(f, name, &operand),
                (None, Some(name), false) => conditional(f, name, &"x"),
                (None, None, _) => {
                    write!(f, "unknown {code:#06x}, {jt}, {jf}, {operand}")
                }
            },
        }
    }
}

/// The load of a word, a half-word or a byte.
const fn load(code: u16) -> &'static str {
    match code & 0x18 {
        0x08 => "ldh",
        0x10 => "ldb",
        _ => "ld",
    }
}

/// The name of an operation on the accumulator and an operand.
const fn arithmetic(code: u16) -> Option<&'static str> {
    Some(match code & !8 {
        0x04 => "add",
        0x14 => "sub",
        0x24 => "mul",
        0x34 => "div",
        0x44 => "or",
        0x54 => "and",
        0x64 => "lsh",
        0x74 => "rsh",
        0x94 => "mod",
        0xa4 => "xor",
        _ => return None,
    })
}

/// The name of a conditional jump.
const fn comparison(code: u16) -> Option<&'static str> {
    Some(match code & !8 {
        0x15 => "jeq",
        0x25 => "jgt",
        0x35 => "jge",
        0x45 => "jset",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(code: u16, jt: u8, jf: u8, k: u32) -> String {
        Instruction { code, jt, jf, k }.at(0).to_string()
    }

    #[test]
    fn a_program_reads_as_in_the_documentation() {
        // `tcpdump -dd arp`
        let arp = [
            (0x28, 0, 0, 0x0000_000c),
            (0x15, 0, 1, 0x0000_0806),
            (0x06, 0, 0, 0x0004_0000),
            (0x06, 0, 0, 0x0000_0000),
        ];
        let lines: Vec<String> = arp
            .iter()
            .enumerate()
            .map(|(n, &(code, jt, jf, k))| Instruction { code, jt, jf, k }.at(n).to_string())
            .collect();
        assert_eq!(
            lines,
            ["ldh [12]", "jeq #0x806, l2, l3", "ret #0x40000", "ret #0x0"]
        );
    }

    #[test]
    fn every_instruction_that_the_kernel_accepts_has_a_text() {
        // The list of `bpf_check_basics_ok` in net/core/filter.c.
        let accepted = [
            (0x04, "add #5"),
            (0x0c, "add x"),
            (0x14, "sub #5"),
            (0x1c, "sub x"),
            (0x24, "mul #5"),
            (0x2c, "mul x"),
            (0x34, "div #5"),
            (0x3c, "div x"),
            (0x94, "mod #5"),
            (0x9c, "mod x"),
            (0x54, "and #0x5"),
            (0x5c, "and x"),
            (0x44, "or #0x5"),
            (0x4c, "or x"),
            (0xa4, "xor #0x5"),
            (0xac, "xor x"),
            (0x64, "lsh #5"),
            (0x6c, "lsh x"),
            (0x74, "rsh #5"),
            (0x7c, "rsh x"),
            (0x84, "neg"),
            (0x20, "ld [5]"),
            (0x28, "ldh [5]"),
            (0x30, "ldb [5]"),
            (0x80, "ld #len"),
            (0x40, "ld [x + 5]"),
            (0x48, "ldh [x + 5]"),
            (0x50, "ldb [x + 5]"),
            (0x00, "ld #0x5"),
            (0x60, "ld M[5]"),
            (0x81, "ldx #len"),
            (0xb1, "ldxb 4*([5]&0xf)"),
            (0x01, "ldx #0x5"),
            (0x61, "ldx M[5]"),
            (0x02, "st M[5]"),
            (0x03, "stx M[5]"),
            (0x07, "tax"),
            (0x87, "txa"),
            (0x06, "ret #0x5"),
            (0x16, "ret a"),
            (0x05, "jmp l6"),
            (0x15, "jeq #0x5, l2, l3"),
            (0x1d, "jeq x, l2, l3"),
            (0x35, "jge #0x5, l2, l3"),
            (0x3d, "jge x, l2, l3"),
            (0x25, "jgt #0x5, l2, l3"),
            (0x2d, "jgt x, l2, l3"),
            (0x45, "jset #0x5, l2, l3"),
            (0x4d, "jset x, l2, l3"),
        ];
        for (code, expected) in accepted {
            assert_eq!(text(code, 1, 2, 5), expected, "{code:#x}");
        }
    }

    #[test]
    fn the_kernels_own_values_have_names_and_headers_negative_offsets() {
        assert_eq!(text(0x28, 0, 0, 0xffff_f000), "ldh #proto");
        assert_eq!(text(0x20, 0, 0, 0xffff_f02c), "ld #vlan_tci");
        assert_eq!(text(0x20, 0, 0, 0xffff_f001), "ld [-4095]");
        // The ninth byte of the network header, SKF_NET_OFF.
        assert_eq!(text(0x30, 0, 0, 0xfff0_0009), "ldb [-1048567]");
    }

    #[test]
    fn any_instruction_has_a_text() {
        for code in 0..=u16::MAX {
            assert!(!text(code, 255, 255, u32::MAX).is_empty());
        }
        assert_eq!(text(0xffff, 1, 2, 3), "unknown 0xffff, 1, 2, #0x3");
        let far = Instruction {
            code: 0x05,
            jt: 0,
            jf: 0,
            k: u32::MAX,
        };
        assert_eq!(far.at(1).to_string(), "jmp l4294967297");
    }
}
