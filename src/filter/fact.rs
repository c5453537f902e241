//! Conditions on everything about a socket but its ends and its state.

use super::ast::{Comparison, Value};
use super::check::Checker;
use super::class;
use super::error::{ErrorKind, Fault};
use super::glob::Glob;
use super::kind::{Kind, PROTOCOLS};
use super::port;
use super::predicate::Predicate;
use super::quantity;
use super::split::Piece;
use super::suggest::closest;
use crate::model::{CgroupId, Family, FieldId, IfIndex, NoOwner, SocketKind};
use std::num::NonZeroU64;

/// `comm` is cut to this many bytes, proc_pid_comm(5).
const LONGEST_PROCESS_NAME: usize = 15;

pub(super) const FAMILIES: &[(&str, Family)] = &[
    ("inet", Family::Inet),
    ("ipv4", Family::Inet),
    ("inet6", Family::Inet6),
    ("ipv6", Family::Inet6),
    ("unix", Family::Unix),
    ("packet", Family::Packet),
    ("link", Family::Packet),
    ("netlink", Family::Netlink),
    ("vsock", Family::Vsock),
    ("xdp", Family::Xdp),
    ("tipc", Family::Tipc),
];

const FLAGS: &[(&str, bool)] = &[
    ("yes", true),
    ("true", true),
    ("1", true),
    ("no", false),
    ("false", false),
    ("0", false),
];

/// Why no process holds a socket, as JSON says it.
pub(super) const REASONS: &[NoOwner] = &[
    NoOwner::TimeWait,
    NoOwner::Orphan,
    NoOwner::AcceptQueue,
    NoOwner::HalfOpen,
    NoOwner::Kernel,
    NoOwner::InTransit,
    NoOwner::IoUring,
    NoOwner::Other,
];

impl Checker<'_> {
    /// A field that is neither an end nor the state, compared with a value.
    pub(super) fn fact(
        &mut self,
        c: &Comparison,
        kind: Kind,
        value: &Value,
    ) -> Result<Predicate, Fault> {
        let plain = value.plain();
        let piece = Piece::new(&plain, value.span);
        match kind {
            Kind::Number(unit) => {
                let set = quantity::numbers(c.field, c.op, unit, piece)?;
                Ok(Predicate::Number(c.field, set))
            }
            Kind::Words(words) => {
                let (_, word) = one_of(c.field, piece, words, |w| w.0)?;
                Ok(Predicate::Word(c.field, vec![word]))
            }
            Kind::Listed(words) => {
                let word = one_of(c.field, piece, words, |w| w)?;
                Ok(Predicate::Word(c.field, vec![word]))
            }
            Kind::Text => Ok(Predicate::Named(c.field, Glob::text(&value.pattern).into())),
            Kind::Protocol => {
                let &(_, protocol, kind) = one_of(c.field, piece, PROTOCOLS, |p| p.0)?;
                let of_kind =
                    kind.map(|k: SocketKind| Predicate::Word(FieldId::Type, vec![k.word()]));
                let parts = [Predicate::Protocol(protocol)].into_iter().chain(of_kind);
                Ok(Predicate::all(parts.collect()))
            }
            Kind::Family => Ok(Predicate::Family(
                one_of(c.field, piece, FAMILIES, |f| f.0)?.1,
            )),
            Kind::Flag => {
                let flag = one_of(c.field, piece, FLAGS, |f| f.0)?.1;
                Ok(Predicate::Flag(c.field, flag))
            }
            Kind::Interface if !Glob::text(&value.pattern).is_literal() => {
                Ok(Predicate::Named(c.field, Glob::text(&value.pattern).into()))
            }
            Kind::Interface => self.interface_named(piece),
            Kind::User => self.user(value, piece),
            Kind::Mark => mark(c.field, piece),
            // As they are shown; a group of such a name has a slash before it.
            Kind::Cgroup if piece.text == "none" => Ok(Predicate::IsNone(c.field)),
            Kind::Cgroup => self.cgroup(c.field, value, piece),
            Kind::Process => Ok(Predicate::Process(c.field, self.process(value).into())),
            Kind::Thread => self.thread(c, value, piece),
            Kind::Path(side) => Ok(Predicate::Name(side, Glob::new(&value.pattern).into())),
            // Read elsewhere, see `Checker::compared`.
            Kind::State | Kind::Port(_) | Kind::Host(_) => Ok(Predicate::Constant(false)),
        }
    }

    /// `field is word`.
    pub(super) fn class(
        &mut self,
        c: &Comparison,
        kind: Kind,
        value: &Value,
    ) -> Result<Predicate, Fault> {
        let word = value.plain().to_ascii_lowercase().replace('_', "-");
        let known = match kind {
            // These have words of their own, "none" among them.
            Kind::State => return self.compared(c, kind, value),
            Kind::Words(_) | Kind::Listed(_) | Kind::Protocol | Kind::Family | Kind::Flag
                if word != "unknown" && (word != "none" || c.field == FieldId::Shutdown) =>
            {
                return self.compared(c, kind, value);
            }
            _ if word == "none" => return Ok(Predicate::IsNone(c.field)),
            _ if word == "unknown" => return Ok(Predicate::IsUnknown(c.field)),
            Kind::Port(side) => {
                if class::PORTS.contains(&word.as_str()) {
                    return self.port_class(side, &word, value.span);
                }
                class::PORTS
            }
            Kind::Host(side) => {
                if let Some(found) = class::addresses(side, &word) {
                    return Ok(found);
                }
                class::ADDRESSES
            }
            Kind::Process => {
                if let Some(reason) = REASONS.iter().find(|r| r.word() == word) {
                    return Ok(Predicate::Unowned(c.field, reason.word()));
                }
                &[]
            }
            _ => &[],
        };
        let reasons = REASONS.iter().map(|r| r.word());
        let reasons = reasons.filter(|_| kind == Kind::Process);
        let known: Vec<_> = known
            .iter()
            .copied()
            .chain(reasons)
            .chain(["none", "unknown"])
            .collect();
        let kind = ErrorKind::UnknownClass {
            field: c.field,
            candidates: closest(&word, known.iter().copied()),
            word,
            known,
        };
        Err(Fault::new(kind, value.span))
    }

    /// The interface of a name, of `ifN`, or of a number; 0 is none.
    pub(super) fn interface_named(&self, piece: Piece<'_>) -> Result<Predicate, Fault> {
        let name = piece.text;
        if let Some(index) = self.resolver.interface(name) {
            return Ok(Predicate::Interface(Some(index)));
        }
        let number = port::number(name.strip_prefix("if").unwrap_or(name));
        match number.map(u32::try_from) {
            Some(Ok(number)) => Ok(Predicate::Interface(IfIndex::new(number))),
            _ => {
                let kind = ErrorKind::UnknownInterface {
                    name: name.to_owned(),
                    candidates: self.resolver.similar_interfaces(name),
                };
                Err(Fault::new(kind, piece.span()))
            }
        }
    }

    fn user(&self, value: &Value, piece: Piece<'_>) -> Result<Predicate, Fault> {
        let glob = Glob::text(&value.pattern);
        if !glob.is_literal() {
            return Ok(Predicate::Named(FieldId::User, glob.into()));
        }
        let uid = self.resolver.user(piece.text).map(|uid| uid.0.into());
        match uid.or_else(|| port::number(piece.text)) {
            Some(uid) => {
                let set = super::NumberSet::of([(uid, uid)]);
                Ok(Predicate::Number(FieldId::Uid, set))
            }
            None => {
                let kind = ErrorKind::UnknownUser {
                    name: piece.text.to_owned(),
                    candidates: self.resolver.similar_users(piece.text),
                };
                Err(Fault::new(kind, piece.span()))
            }
        }
    }

    fn cgroup(&self, field: FieldId, value: &Value, piece: Piece<'_>) -> Result<Predicate, Fault> {
        let glob = Glob::exact(&value.pattern);
        if piece.text == "gone" || !glob.is_literal() {
            return Ok(Predicate::Named(field, glob.into()));
        }
        let id = match port::number(piece.text) {
            Some(number) => Ok(number),
            // A path is read as a pattern is, byte by byte.
            None => self.resolver.cgroup(&glob.beginning()),
        };
        let bad = |reason| {
            let path = piece.text.to_owned();
            Fault::new(ErrorKind::UnknownCgroup { path, reason }, piece.span())
        };
        match id.map(NonZeroU64::new).map_err(bad)? {
            Some(id) => Ok(Predicate::Cgroup(CgroupId(id))),
            None => Err(bad("no control group has the number 0".to_owned())),
        }
    }

    /// Threads by id, if it is a number, else by name.
    fn thread(
        &mut self,
        c: &Comparison,
        value: &Value,
        piece: Piece<'_>,
    ) -> Result<Predicate, Fault> {
        if piece.text.starts_with(|first: char| first.is_ascii_digit())
            && let Ok(set) = quantity::numbers(c.field, c.op, super::Unit::None, piece)
        {
            return Ok(Predicate::Number(c.field, set));
        }
        Ok(Predicate::Named(c.field, self.process(value).into()))
    }

    /// The pattern for the name of a process or a thread, cut as the kernel cuts names.
    fn process(&mut self, value: &Value) -> Glob {
        let glob = Glob::text(&value.pattern);
        let plain = value.plain();
        if !glob.is_literal() || plain.len() <= LONGEST_PROCESS_NAME {
            return glob;
        }
        let cut: String = plain
            .char_indices()
            .take_while(|(at, c)| at + c.len_utf8() <= LONGEST_PROCESS_NAME)
            .map(|(_, c)| c)
            .collect();
        self.warn(
            value.span,
            format!(
                "the kernel keeps {LONGEST_PROCESS_NAME} bytes of a process's name: '{cut}' is looked for"
            ),
        );
        let escape = |c: char| {
            (!c.is_alphanumeric())
                .then_some('\\')
                .into_iter()
                .chain([c])
        };
        let mut pattern: String = cut.chars().flat_map(escape).collect();
        if cut.len() < LONGEST_PROCESS_NAME {
            // The character that did not fit is cut in the middle.
            pattern.push('*');
        }
        Glob::text(&pattern)
    }
}

fn mark(field: FieldId, piece: Piece<'_>) -> Result<Predicate, Fault> {
    let read = |piece: Piece<'_>| {
        let number = quantity::identity(piece.text).map(u32::try_from);
        let why = match number {
            Ok(Ok(number)) => return Ok(number),
            Ok(Err(_)) => quantity::NumberFault::TooLarge,
            Err(why) => why,
        };
        let kind = ErrorKind::BadNumber {
            field,
            text: piece.text.to_owned(),
            unit: super::Unit::Hex,
            why,
        };
        Err(Fault::new(kind, piece.span()))
    };
    let (mark, mask) = match piece.text.find('/') {
        Some(at) => (read(piece.part(0..at))?, read(piece.from(at + 1))?),
        None => (read(piece)?, u32::MAX),
    };
    Ok(Predicate::Mark { mark, mask })
}

/// The entry that a value names, whatever its case.
fn one_of<'t, T>(
    field: FieldId,
    piece: Piece<'_>,
    table: &'t [T],
    name: impl Fn(&T) -> &'static str,
) -> Result<&'t T, Fault> {
    let typed = piece.text.to_ascii_lowercase().replace('_', "-");
    let same = |entry: &&T| name(entry).replace('_', "-") == typed;
    table.iter().find(same).ok_or_else(|| {
        let known: Vec<_> = table.iter().map(&name).collect();
        let kind = ErrorKind::BadWord {
            field,
            candidates: closest(&typed, known.iter().copied()),
            word: piece.text.to_owned(),
            known,
        };
        Fault::new(kind, piece.span())
    })
}
