//! A network between the function and its database, which fails as asked.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Carries connections to one port until the process ends.
pub struct Proxy {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<Arc<Line>>>>,
    /// What becomes of those to come.
    next: Arc<Mutex<Fate>>,
}

/// One connection.
struct Line {
    fate: Mutex<Fate>,
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Works,
    /// Nothing gets through any more, and no one is told: what a forgotten translation does.
    Silent,
    /// Breaks instead of handing the answer on after as many that get through.
    Breaks(usize),
}

impl Proxy {
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&lines);
        let next = Arc::new(Mutex::new(Fate::Works));
        let fate = Arc::clone(&next);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                let line = Arc::new(Line {
                    fate: Mutex::new(*fate.lock().unwrap()),
                });
                all.lock().unwrap().push(Arc::clone(&line));
                carry(&client, &server, line, false);
            }
        });
        Self {
            address,
            lines,
            next,
        }
    }

    pub fn port(&self) -> String {
        self.address.port().to_string()
    }

    /// Those that are open now go silent; new ones work.
    pub fn silence(&self) {
        self.set(Fate::Silent);
    }

    /// Those that are open now break after `answers`, before the next one arrives.
    pub fn break_after(&self, answers: usize) {
        self.set(Fate::Breaks(answers));
    }

    /// Those to come break after `answers`, or work with none.
    pub fn break_next_after(&self, answers: Option<usize>) {
        *self.next.lock().unwrap() = answers.map_or(Fate::Works, Fate::Breaks);
    }

    fn set(&self, fate: Fate) {
        for line in self.lines.lock().unwrap().iter() {
            *line.fate.lock().unwrap() = fate;
        }
    }
}

/// Carries bytes both ways, each way on a thread of its own.
fn carry(from: &TcpStream, to: &TcpStream, line: Arc<Line>, answers: bool) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    if !answers {
        carry(&to, &from, Arc::clone(&line), true);
    }
    thread::spawn(move || {
        let mut bytes = vec![0; 65536];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            let mut fate = line.fate.lock().unwrap();
            match *fate {
                Fate::Silent => continue,
                Fate::Breaks(0) if answers => break,
                Fate::Breaks(left) if answers => *fate = Fate::Breaks(left - 1),
                _ => {}
            }
            drop(fate);
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        // That one side has gone is not told either.
        while *line.fate.lock().unwrap() == Fate::Silent {
            thread::park();
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}
