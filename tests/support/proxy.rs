//! The network between the program and a server in clear, to be pulled and plugged in again. Lines of the client pass one by
//! one, so that it can be pulled at a command: before the server hears it, after the server did it but before the answer, or
//! silently, with the connections left open.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How the network goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// Connections break before the command is heard.
    Before,
    /// The server does it; connections break before its answer is heard.
    After,
    /// Nothing passes any more, and nothing breaks; all of it arrives when the network is back.
    Silence,
}

#[derive(Default)]
struct State {
    /// At which word of the client, and how.
    armed: Option<(String, Pull)>,
    pulled: Option<Pull>,
    /// The server is to answer this tag on this connection before connections break.
    last: Option<(usize, String)>,
    accepted: usize,
    lines: Vec<String>,
    connections: Vec<TcpStream>,
    /// Octets that the server said.
    said: usize,
}

#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    state: Arc<(Mutex<State>, Condvar)>,
}

const PATIENCE: Duration = Duration::from_secs(30);

impl Proxy {
    /// Passes what comes to a port of its own on to `server`.
    pub fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let proxy = Self { port: listener.local_addr().expect("its address").port(), state: Arc::default() };
        let ours = proxy.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                ours.pass(client, server);
            }
        });
        proxy
    }

    /// How many octets the server said so far.
    pub fn said(&self) -> usize {
        self.lock().said
    }

    /// Pulls the network when the client next says this.
    pub fn pull_at(&self, word: &str, how: Pull) {
        self.lock().armed = Some((word.to_owned(), how));
    }

    pub fn plug_in(&self) {
        self.lock().pulled = None;
        self.state.1.notify_all();
    }

    /// Until so many lines of the client that hold this word were passed on.
    pub fn wait_count(&self, word: &str, count: usize) {
        self.wait(&format!("{count} times {word}"), |state| state.lines.iter().filter(|line| line.contains(word)).count() >= count);
    }

    pub fn wait_pulled(&self) {
        self.wait("the moment to pull the network", |state| state.pulled.is_some() && state.last.is_none());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().expect("the state")
    }

    fn wait(&self, what: &str, condition: impl Fn(&State) -> bool) {
        let end = Instant::now() + PATIENCE;
        let mut state = self.lock();
        while !condition(&state) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "never came: {what}; heard {:?}", state.lines);
            state = self.state.1.wait_timeout(state, left).expect("the state").0;
        }
    }

    fn pass(&self, client: TcpStream, server: u16) {
        if matches!(self.lock().pulled, Some(Pull::Before | Pull::After)) {
            return;
        }
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).expect("the server");
        let copy = |stream: &TcpStream| stream.try_clone().expect("a second handle");
        let number = {
            let mut state = self.lock();
            state.connections.extend([copy(&client), copy(&server)]);
            state.accepted += 1;
            state.accepted
        };
        let (from_client, to_server) = (copy(&client), copy(&server));
        let (up, down) = (self.clone(), self.clone());
        std::thread::spawn(move || up.client_speaks(number, from_client, to_server));
        std::thread::spawn(move || down.server_speaks(number, server, client));
    }

    fn client_speaks(&self, number: usize, from: TcpStream, mut to: TcpStream) {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            if !self.may_pass(number, &text) || to.write_all(&line).is_err() {
                break;
            }
            line.clear();
        }
        let _ = to.shutdown(Shutdown::Both);
    }

    /// Waits while nothing passes; false where the line is lost.
    fn may_pass(&self, number: usize, text: &str) -> bool {
        let mut state = self.lock();
        if state.armed.as_ref().is_some_and(|(word, _)| text.contains(word.as_str())) {
            let how = state.armed.take().map(|(_, how)| how);
            state.pulled = how;
            match how {
                Some(Pull::Before) => break_all(&mut state),
                Some(Pull::After) => state.last = text.split(' ').next().map(|tag| (number, tag.to_owned())),
                _ => {}
            }
            self.state.1.notify_all();
        } else if state.pulled == Some(Pull::Silence) {
            state = self.state.1.wait_while(state, |state| state.pulled == Some(Pull::Silence)).expect("the state");
        }
        let is_heard = state.pulled != Some(Pull::Before);
        if is_heard {
            state.lines.push(text.to_owned());
            self.state.1.notify_all();
        }
        is_heard
    }

    fn server_speaks(&self, number: usize, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16 * 1024];
        let mut said = Vec::new();
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let mut state = self.lock();
            state.said += count;
            match (state.pulled, state.last.clone()) {
                (Some(Pull::Silence), _) => {
                    drop(self.state.1.wait_while(state, |state| state.pulled == Some(Pull::Silence)).expect("the state"));
                }
                (Some(_), Some((of, tag))) => {
                    // nobody hears it; once it is done, connections break
                    said.extend_from_slice(&buffer[..count]);
                    let is_done = of == number && String::from_utf8_lossy(&said).lines().any(|line| line.starts_with(&format!("{tag} ")));
                    if is_done {
                        state.last = None;
                        break_all(&mut state);
                        self.state.1.notify_all();
                    }
                    continue;
                }
                (Some(_), None) => break,
                (None, _) => drop(state),
            }
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }
}

fn break_all(state: &mut State) {
    for stream in state.connections.drain(..) {
        let _ = stream.shutdown(Shutdown::Both);
    }
}
