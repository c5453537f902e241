//! One socket in one line, for messages: `tcp LISTEN 127.0.0.1:8080`, escaped.

use super::text::{TextOptions, cell};
use crate::model::{FieldId, Row};

/// Protocol, state, local end, and the peer where there is one; ports as numbers.
#[must_use]
pub fn line(row: Row<'_>) -> String {
    let options = TextOptions {
        numeric: true,
        resolve: false,
    };
    let mut out = Vec::new();
    let mut fields = vec![FieldId::Protocol, FieldId::State, FieldId::Local];
    if row
        .socket
        .inet()
        .is_some_and(crate::model::InetEnds::has_peer)
    {
        fields.push(FieldId::Peer);
    }
    for (n, field) in fields.into_iter().enumerate() {
        if n > 0 {
            out.extend_from_slice(if field == FieldId::Peer {
                b" to "
            } else {
                b" "
            });
        }
        cell(&mut out, field, row, options);
    }
    String::from_utf8_lossy(&out).into_owned()
}
