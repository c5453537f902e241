//! Names in a filter, answered by the system.

use crate::collect::names::SystemNames;
use crate::filter::{Resolver, closest};
use crate::model::Protocol;
use crate::sys;
use std::net::IpAddr;

/// Answers from /etc/services and the system's resolver.
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
}
