//! A stream that is cut after so many octets in one direction: by an orderly end, a reset, or silence. What was
//! written before the cut arrives; what the other side says after it does not.
#![allow(dead_code)] // every test binary uses its own share of it

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Fin,
    Reset,
    Silence,
}

pub const KINDS: [Kind; 3] = [Kind::Fin, Kind::Reset, Kind::Silence];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What the client says.
    Out,
    /// What the server says.
    In,
}

/// After so many octets of one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    pub direction: Direction,
    pub after: usize,
    pub kind: Kind,
}

/// Counts of a dialogue: what the client said and what it heard.
pub type Counts = std::sync::Arc<std::sync::Mutex<(usize, usize)>>;

#[derive(Debug)]
pub struct Cuttable<S> {
    /// None where the cut ended it.
    inner: Option<S>,
    cut: Option<Cut>,
    is_cut: bool,
    counts: Counts,
    /// Told of a cut.
    on_cut: Option<fn()>,
}

impl<S> Cuttable<S> {
    pub fn new(inner: S, cut: Option<Cut>, counts: Counts) -> Self {
        Self { inner: Some(inner), cut, is_cut: false, counts, on_cut: None }
    }

    /// Calls this when the cut happens.
    pub fn on_cut(mut self, call: fn()) -> Self {
        self.on_cut = Some(call);
        self
    }

    fn left(&self, direction: Direction) -> usize {
        let (said, heard) = *self.counts.lock().expect("no panic before");
        let so_far = if direction == Direction::Out { said } else { heard };
        self.cut.filter(|cut| cut.direction == direction).map_or(usize::MAX, |cut| cut.after.saturating_sub(so_far))
    }

    fn count(&mut self, direction: Direction, octets: usize) {
        let mut counts = self.counts.lock().expect("no panic before");
        match direction {
            Direction::Out => counts.0 += octets,
            Direction::In => counts.1 += octets,
        }
    }

    fn cut_now(&mut self) {
        if !std::mem::replace(&mut self.is_cut, true) {
            if self.kind() != Kind::Silence {
                self.inner = None;
            }
            if let Some(call) = self.on_cut {
                call();
            }
        }
    }

    fn kind(&self) -> Kind {
        self.cut.map_or(Kind::Fin, |cut| cut.kind)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Cuttable<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.is_cut && this.left(Direction::In) == 0 {
            this.cut_now();
        }
        if this.is_cut {
            return match this.kind() {
                Kind::Fin => Poll::Ready(Ok(())),
                Kind::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                Kind::Silence => Poll::Pending,
            };
        }
        let room = this.left(Direction::In).min(buffer.remaining());
        let Some(inner) = &mut this.inner else { return Poll::Ready(Ok(())) };
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(Pin::new(inner).poll_read(context, &mut part))?;
        let read = part.filled().len();
        buffer.advance(read);
        this.count(Direction::In, read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cuttable<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let room = this.left(Direction::Out).min(bytes.len());
        if !this.is_cut && room == 0 {
            this.cut_now();
        }
        if this.is_cut {
            return match this.kind() {
                Kind::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                // it goes nowhere, which the writer can't know yet
                Kind::Fin | Kind::Silence => Poll::Ready(Ok(bytes.len())),
            };
        }
        let Some(inner) = &mut this.inner else { return Poll::Ready(Ok(bytes.len())) };
        let written = ready!(Pin::new(inner).poll_write(context, &bytes[..room]))?;
        this.count(Direction::Out, written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Some(inner) => Pin::new(inner).poll_flush(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().inner {
            Some(inner) => Pin::new(inner).poll_shutdown(context),
            None => Poll::Ready(Ok(())),
        }
    }
}
