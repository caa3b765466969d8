//! The wire between the program and a real server: counts what passes, and is cut once at one octet, by an orderly end, a reset
//! or silence. Connections made after the cut pass.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::cut::{Cut, Direction, Kind};

#[derive(Default)]
struct State {
    /// Octets that the client said and heard, over all connections of a run.
    said: usize,
    heard: usize,
    cut: Option<Cut>,
    is_cut: bool,
}

#[derive(Clone)]
pub struct Wire {
    pub port: u16,
    state: Arc<Mutex<State>>,
    /// A new run begins: connections of the last one that fell silent end.
    begun: Arc<Notify>,
}

impl Wire {
    /// Passes what comes to a port of its own on to `server`.
    pub fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        listener.set_nonblocking(true).expect("a listener for tokio");
        let port = listener.local_addr().expect("its address").port();
        let wire = Self { port, state: Arc::default(), begun: Arc::default() };
        let ours = wire.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                while let Ok((client, _)) = listener.accept().await {
                    let wire = ours.clone();
                    tokio::spawn(async move { wire.pass(client, server).await });
                }
            });
        });
        wire
    }

    /// A new run, cut there.
    pub fn begin(&self, cut: Option<Cut>) {
        *self.lock() = State { cut, ..State::default() };
        self.begun.notify_waiters();
    }

    /// Octets said and heard since the run began.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.said, state.heard)
    }

    pub fn is_cut(&self) -> bool {
        self.lock().is_cut
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state")
    }

    /// How much of so many octets passes, and how the connection is cut after them.
    fn passes(&self, direction: Direction, count: usize) -> (usize, Option<Kind>) {
        let mut state = self.lock();
        let cut = state.cut.filter(|cut| cut.direction == direction && !state.is_cut);
        let passed = match direction {
            Direction::Out => &mut state.said,
            Direction::In => &mut state.heard,
        };
        let left = cut.map_or(usize::MAX, |cut| cut.after.saturating_sub(*passed));
        let now = count.min(left);
        *passed += now;
        let kind = cut.filter(|_| count >= left).map(|cut| cut.kind);
        state.is_cut |= kind.is_some();
        (now, kind)
    }

    async fn pass(self, mut client: TcpStream, server: u16) {
        let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else { return };
        let (mut up, mut down) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
        loop {
            let (direction, read) = tokio::select! {
                read = client.read(&mut up) => (Direction::Out, read),
                read = server.read(&mut down) => (Direction::In, read),
            };
            let Ok(count @ 1..) = read else { return };
            let (now, kind) = self.passes(direction, count);
            let written = match direction {
                Direction::Out => server.write_all(&up[..now]).await,
                Direction::In => client.write_all(&down[..now]).await,
            };
            match kind {
                _ if written.is_err() => return,
                None => {}
                Some(Kind::Fin) => return,
                Some(Kind::Reset) => {
                    let _ = client.set_zero_linger();
                    return;
                }
                Some(Kind::Silence) => return self.begun.notified().await,
            }
        }
    }
}
