//! Which address a connection leaves by: the routing table is asked as connect() would ask it, or where netlink is not to be had a
//! UDP socket is connected. Neither sends a packet.

use super::rtnetlink::{self, AskError};
use super::settings::plain;
use crate::model::{IfIndex, Port, Protocol};
use crate::sys;
use crate::wire::route::{self, Key, Route};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Why there is no connection to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// No route, in the kernel's words.
    None(String),
    /// The destination is a broadcast or multicast address, which TCP cannot connect to.
    NotOneHost,
    /// The source is no address of this host.
    NotLocal,
    /// The routing table cannot be asked.
    Unknown(String),
}

/// The source address of a connection: `source` if it is one of this host's, otherwise the one that the route prefers.
///
/// # Errors
/// If there is none.
pub fn source_address(
    protocol: Protocol,
    destination: IpAddr,
    port: Port,
    source: Option<IpAddr>,
    interface: Option<IfIndex>,
) -> Result<IpAddr, RouteError> {
    match by_table(protocol, destination, port, source, interface) {
        // A sandbox without netlink may still let a socket connect.
        Err(RouteError::Unknown(_)) => by_connecting(destination, port, source, interface),
        answer => answer,
    }
}

/// How many peers the routing table is asked about at most: each costs some microseconds.
const MOST_PEERS: usize = 4096;

/// The address that an unbound socket would leave by to each of `peers`, by the routing table, and how many of them it was not asked
/// about. Those of which it does not tell are left out.
pub fn sources(
    peers: impl IntoIterator<Item = (IpAddr, Option<IfIndex>)>,
) -> (BTreeMap<(IpAddr, Option<IfIndex>), IpAddr>, usize) {
    let mut sources = BTreeMap::new();
    let mut peers = peers.into_iter();
    for (peer, interface) in peers.by_ref().take(MOST_PEERS) {
        let answer = ask(&Key {
            interface: interface.map(|i| i.0.get()),
            ..Key::to(peer)
        });
        match answer.map(|route| route.source) {
            Ok(Some(source)) => {
                sources.insert((peer, interface), source);
            }
            Err(RouteError::Unknown(_)) => {
                return (sources, peers.count() + 1);
            }
            Ok(None) | Err(_) => {}
        }
    }
    (sources, peers.count())
}

fn by_connecting(
    destination: IpAddr,
    port: Port,
    source: Option<IpAddr>,
    interface: Option<IfIndex>,
) -> Result<IpAddr, RouteError> {
    let to = SocketAddr::new(destination, port.0);
    let name = interface.and_then(|i| sys::users::interface_name(i.0.get()));
    sys::connected::local_address(to, source, name).map_err(|errno| match errno {
        Errno::ADDRNOTAVAIL if source.is_some() => RouteError::NotLocal,
        Errno::ACCESS => RouteError::NotOneHost,
        Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::ADDRNOTAVAIL | Errno::INVAL => {
            RouteError::None(plain(&errno.into()))
        }
        errno => RouteError::Unknown(format!(
            "neither the routing table nor a socket can be asked: {}",
            plain(&errno.into())
        )),
    })
}

fn by_table(
    protocol: Protocol,
    destination: IpAddr,
    port: Port,
    source: Option<IpAddr>,
    interface: Option<IfIndex>,
) -> Result<IpAddr, RouteError> {
    if let Some(source) = source
        && !is_local(source)?
    {
        return Err(RouteError::NotLocal);
    }
    let number = if protocol == Protocol::Udp { 17 } else { 6 };
    let answer = ask(&Key {
        destination,
        source,
        interface: interface.map(|i| i.0.get()),
        transport: Some((number, port.0)),
    })?;
    match answer.kind {
        route::TYPE_UNICAST | route::TYPE_LOCAL => {}
        route::TYPE_BROADCAST | route::TYPE_MULTICAST if protocol == Protocol::Udp => {}
        route::TYPE_BROADCAST | route::TYPE_MULTICAST => return Err(RouteError::NotOneHost),
        _ => return Err(RouteError::None("a route forbids it".to_owned())),
    }
    source
        .or(answer.source)
        .ok_or_else(|| RouteError::None("its route has no source address".to_owned()))
}

/// Whether an address is this host's.
fn is_local(address: IpAddr) -> Result<bool, RouteError> {
    match ask(&Key::to(address)) {
        Ok(route) => Ok(route.kind == route::TYPE_LOCAL),
        Err(RouteError::None(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn ask(key: &Key) -> Result<Route, RouteError> {
    rtnetlink::route(key).map_err(|error| match error {
        AskError::Refused(error) => RouteError::None(plain(&error)),
        AskError::Unasked(error) => RouteError::Unknown(format!(
            "the routing table cannot be asked: {}",
            plain(&error)
        )),
    })
}
