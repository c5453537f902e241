//! What is open to everybody and seldom meant so, as a question.

use super::escape::quote_into;
use crate::analysis::exposure::{OpenService, Sign};
use crate::model::Exposure;
use serde_json::{Value, json};

/// So many processes are named.
const NAMED: usize = 3;

/// The question: `PostgreSQL (tcp port 5432, postgres[812]) is open to every address: is that meant?`
#[must_use]
pub(super) fn open_question(found: &OpenService) -> String {
    let seems = match found.sign {
        Sign::Port => "what listens there is usually ",
        Sign::Program => "",
    };
    let reach = match found.reach {
        Some(Exposure::Global) => "at an address of the internet",
        Some(_) => "at every address of this host",
        None => "at every address, perhaps of one interface only",
    };
    let mut who = Vec::new();
    for (pid, name) in found.processes.iter().take(NAMED) {
        who.extend_from_slice(b", ");
        match name {
            Some(name) => quote_into(&mut who, name),
            None => who.push(b'?'),
        }
        who.extend_from_slice(format!("[{}]", pid.0).as_bytes());
    }
    if found.processes.len() > NAMED {
        who.extend_from_slice(b", ...");
    }
    format!(
        "{} port {} ({seems}{}{}) can be reached {reach}: is that meant?",
        found.protocol.word(),
        found.port.0,
        found.service,
        String::from_utf8_lossy(&who)
    )
}

/// What to do if it is not meant.
#[must_use]
pub(super) const fn open_remedy() -> &'static str {
    "if it is not: have the program listen on 127.0.0.1, ::1 or a private address, or let a firewall decide who may reach it"
}

/// The same for scripts.
#[must_use]
pub(super) fn open_json(found: &OpenService) -> Value {
    json!({
        "service": found.service,
        "service_kind": found.kind.word(),
        "told_by": match found.sign {
            Sign::Port => "port",
            Sign::Program => "process",
        },
        "protocol": found.protocol.word(),
        "port": found.port.0,
        "reach": found.reach.map(Exposure::word),
        "pids": found.processes.iter().map(|(pid, _)| pid.0).collect::<Vec<_>>(),
        "question": open_question(found),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::exposure::OpenKind;
    use crate::model::{Pid, Port, Protocol};

    fn found() -> OpenService {
        OpenService {
            service: "Redis",
            kind: OpenKind::Cache,
            sign: Sign::Port,
            protocol: Protocol::Tcp,
            port: Port(6379),
            reach: Some(Exposure::Any),
            processes: Vec::new(),
            inodes: Vec::new(),
        }
    }

    #[test]
    fn it_is_a_question() {
        let port_only = open_question(&found());
        assert_eq!(
            port_only,
            "tcp port 6379 (what listens there is usually Redis) can be reached at every address of this host: is that meant?"
        );
        let hostile = OpenService {
            sign: Sign::Program,
            reach: None,
            processes: vec![(Pid(1), Some(b"a]\n\x1b"[..].into())), (Pid(2), None)],
            ..found()
        };
        assert_eq!(
            open_question(&hostile),
            "tcp port 6379 (Redis, \"a]\\x0a\\x1b\"[1], ?[2]) can be reached at every address, perhaps of one interface only: is that meant?"
        );
    }

    #[test]
    fn scripts_get_the_same() {
        let json = open_json(&found());
        assert_eq!(json["service_kind"], "cache");
        assert_eq!(json["reach"], "any");
        assert_eq!(json["question"], open_question(&found()));
    }
}
