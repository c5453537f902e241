//! Names in a filter, answered by the system.

use crate::collect::limits;
use crate::collect::names::SystemNames;
use crate::filter::{Resolver, closest};
use crate::model::{IfIndex, Protocol, Uid};
use crate::sys;
use std::ffi::OsStr;
use std::io;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Answers from /etc/services and the system's resolver. For sockets of another host, whose names are not known here, only what means
/// the same everywhere has an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct SystemResolver<'a>(pub(super) &'a SystemNames);

impl Resolver for SystemResolver<'_> {
    fn service(&self, name: &str) -> Option<Vec<(Protocol, u16)>> {
        self.0.services().ports(name).map(<[_]>::to_vec)
    }

    fn similar_services(&self, name: &str) -> Vec<String> {
        closest(name, self.0.services().names())
    }

    fn host(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        sys::hosts::addresses_of(name).map_err(|error| {
            let words = error.to_string();
            // The standard library puts its own words before the resolver's.
            words
                .strip_prefix("failed to lookup address information: ")
                .map_or(words.clone(), str::to_owned)
        })
    }

    fn interface(&self, name: &str) -> Option<IfIndex> {
        if self.0.are_of_another_host() {
            return IfIndex::new(1).filter(|_| name == "lo");
        }
        sys::users::interface_index(name).and_then(IfIndex::new)
    }

    fn similar_interfaces(&self, name: &str) -> Vec<String> {
        if self.0.are_of_another_host() {
            return Vec::new();
        }
        let known = sys::users::interface_names();
        closest(name, known.iter().map(String::as_str))
    }

    fn user(&self, name: &str) -> Option<Uid> {
        if self.0.are_of_another_host() {
            return (name == "root").then_some(Uid(0));
        }
        sys::users::user_id(name).map(Uid)
    }

    fn similar_users(&self, name: &str) -> Vec<String> {
        if self.0.are_of_another_host() {
            return Vec::new();
        }
        let known = sys::users::local_user_names();
        closest(name, known.iter().map(String::as_str))
    }

    fn cgroup(&self, path: &[u8]) -> Result<u64, String> {
        if self.0.are_of_another_host() {
            return Err("a saved dump has numbers only".to_owned());
        }
        let words = |error: &io::Error| {
            error.raw_os_error().map_or_else(
                || error.to_string(),
                |errno| nix::errno::Errno::from_raw(errno).desc().to_owned(),
            )
        };
        let groups = self.0.hierarchy().map_err(words)?;
        groups
            .id_of(Path::new(OsStr::from_bytes(path)))
            .map_err(|error| words(&error))
    }

    fn ephemeral_ports(&self) -> Option<RangeInclusive<u16>> {
        if self.0.are_of_another_host() {
            return None;
        }
        limits::ephemeral_ports().map(|ports| ports.range)
    }
}
