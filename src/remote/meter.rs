//! A TCP connection that is measured: octets in and out, and the time from the last octet written to the first one read
//! after it, which is a round trip whatever the protocol. Knows nothing of TLS above it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::mail::server::Traffic;

/// What the connections to one server measured; shared by all of them.
#[derive(Debug, Default)]
pub struct Meter {
    read: AtomicU64,
    written: AtomicU64,
    /// Smoothed, in microseconds; 0 before the first.
    round_trip: AtomicU64,
}

impl Meter {
    /// The figures until now.
    pub fn traffic(&self) -> Traffic {
        let micros = self.round_trip.load(Ordering::Relaxed);
        Traffic {
            octets_in: self.read.load(Ordering::Relaxed),
            octets_out: self.written.load(Ordering::Relaxed),
            round_trip_ms: (micros > 0).then(|| u32::try_from(micros.div_ceil(1_000)).unwrap_or(u32::MAX)),
        }
    }

    /// The newest counts for an eighth, as TCP smooths its own (RFC 6298 2.3).
    fn note_round_trip(&self, micros: u64) {
        let known = self.round_trip.load(Ordering::Relaxed);
        let smoothed = if known == 0 { micros } else { (known * 7 + micros) / 8 };
        self.round_trip.store(smoothed.max(1), Ordering::Relaxed);
    }
}

/// A stream whose octets are counted.
#[derive(Debug)]
pub struct Metered {
    tcp: TcpStream,
    meter: Arc<Meter>,
    /// Something was written and nothing read since.
    asked: Option<Instant>,
}

impl Metered {
    pub fn new(tcp: TcpStream, meter: Arc<Meter>) -> Self {
        Self { tcp, meter, asked: None }
    }

    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }
}

impl AsyncRead for Metered {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.tcp).poll_read(context, buffer);
        let count = buffer.filled().len() - before;
        if count > 0 {
            this.meter.read.fetch_add(count as u64, Ordering::Relaxed);
            if let Some(asked) = this.asked.take() {
                this.meter.note_round_trip(u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
        }
        polled
    }
}

impl AsyncWrite for Metered {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.tcp).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = polled {
            this.meter.written.fetch_add(count as u64, Ordering::Relaxed);
            this.asked = Some(Instant::now());
        }
        polled
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::Duration;

    use super::*;

    #[tokio::test]
    async fn octets_and_round_trips_are_measured() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let meter = Arc::new(Meter::default());
        let mut stream = Metered::new(ours, meter.clone());
        assert_eq!(meter.traffic(), Traffic::default());
        let mut buffer = [0; 8];
        stream.write_all(b"abc").await.unwrap();
        server.read_exact(&mut buffer[..3]).await.unwrap();
        server.write_all(b"12345").await.unwrap();
        stream.read_exact(&mut buffer[..5]).await.unwrap();
        let told = meter.traffic();
        assert_eq!((told.octets_in, told.octets_out), (5, 3));
        assert!(told.round_trip_ms.is_some());
        // what comes unasked is no answer
        meter.round_trip.store(40_000, Ordering::Relaxed);
        server.write_all(b"more").await.unwrap();
        stream.read_exact(&mut buffer[..4]).await.unwrap();
        assert_eq!(meter.traffic().round_trip_ms, Some(40));
    }

    #[test]
    fn one_slow_answer_does_not_count_for_all() {
        let meter = Meter::default();
        let ms = |n: u64| u64::try_from(Duration::from_millis(n).as_micros()).unwrap();
        meter.note_round_trip(ms(40));
        meter.note_round_trip(ms(840));
        assert_eq!(meter.traffic().round_trip_ms, Some(140));
    }
}
