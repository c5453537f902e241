//! Many TCP sockets, spread over processes because the number of descriptors of one is limited.

use super::{SOCKETS, again};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};

/// Sockets of one process, well below the usual hard limit of descriptors.
const EACH: usize = 8000;
const LISTENERS: usize = 2;
/// The variable with the number of a process of the crowd.
const NUMBER: &str = "PORTCTL_BENCH_NUMBER";

/// The processes that hold the sockets, until it is dropped.
pub(crate) struct Crowd {
    processes: Vec<Child>,
    sockets: usize,
}

impl Crowd {
    /// Makes so many sockets, listeners included; one less if the number is odd.
    pub(crate) fn gather(sockets: usize) -> Self {
        let mut crowd = Self {
            processes: Vec::new(),
            sockets: 0,
        };
        while crowd.sockets + LISTENERS < sockets {
            let some = (sockets - crowd.sockets).min(EACH) / 2 * 2;
            let process = again("crowd")
                .env(SOCKETS, some.to_string())
                .env(NUMBER, crowd.processes.len().to_string())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            crowd.processes.push(process);
            crowd.sockets += some;
        }
        for process in &mut crowd.processes {
            let mut line = String::new();
            let output = process.stdout.as_mut().unwrap();
            BufReader::new(output).read_line(&mut line).unwrap();
            assert_eq!(line, "ready\n", "a process of the crowd failed");
        }
        crowd
    }

    /// How many there are.
    pub(crate) fn sockets(&self) -> usize {
        self.sockets
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // It ends when its standard input closes.
            drop(process.stdin.take());
            let _ = process.wait();
        }
    }
}

/// One process of the crowd: makes its sockets, says "ready" and holds them.
pub(crate) fn hold() {
    let variable = |key| std::env::var(key).unwrap().parse::<usize>().unwrap();
    let (sockets, number) = (variable(SOCKETS), variable(NUMBER));
    let most = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: most,
        maximum: most,
    };
    setrlimit(Resource::Nofile, limit).unwrap();

    // An address of its own, so that no flow runs out of local ports.
    let number = u8::try_from(number + 1).expect("at most 255 processes");
    let v4 = listener(Ipv4Addr::new(127, 0, number, 1).into());
    let v6 = listener(Ipv6Addr::LOCALHOST.into());
    let mut held = Vec::with_capacity(sockets);
    for pair in 0..(sockets - LISTENERS) / 2 {
        // Three in ten over IPv6, one in twenty with bytes that nobody reads.
        let server = if pair % 10 < 3 { &v6 } else { &v4 };
        let mut client = TcpStream::connect(server.local_addr().unwrap()).unwrap();
        let (accepted, _) = server.accept().unwrap();
        if pair % 20 == 0 {
            client.write_all(&[0; 100]).unwrap();
        }
        held.push((client, accepted));
    }
    println!("ready");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

fn listener(ip: IpAddr) -> TcpListener {
    TcpListener::bind(SocketAddr::new(ip, 0)).unwrap()
}
