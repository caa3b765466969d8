//! A stream compressed both ways (COMPRESS=DEFLATE, RFC 4978): what is written is on its way after each flush, and what comes may
//! not be much more than it was sent as. Knows nothing of IMAP. Start with [`Deflated`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets read at a time.
const READ: usize = 16 * 1024;
/// Compressed octets that may wait to be written.
const WAITING: usize = 64 * 1024;
/// Between two flushes of ours (one command, one answer) this much may come in any case: a slice of zeros shrinks to nothing.
const FREE: u64 = 4 << 20;
/// Beyond it an octet may stand for so many. Headers shrink to a seventh, runs of flags to a tenth; DEFLATE ends at 1,032.
const RATIO: u64 = 100;

/// The data grew too much.
#[derive(Debug, thiserror::Error)]
#[error("compressed data that becomes more than {} times as much; the next connection goes without compression", RATIO)]
struct Bomb;

/// The stream ended because what came grew too much.
pub fn is_bomb(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Bomb>())
}

/// `S`, compressed.
#[derive(Debug)]
pub struct Deflated<S> {
    inner: S,
    inflate: Decompress,
    /// What came and is not inflated yet: `came[at..]`.
    came: Vec<u8>,
    at: usize,
    /// Octets in and out of `inflate` since the last flush of ours.
    shrunk: u64,
    grown: u64,
    /// The server ended its data, as it may before it closes the connection.
    is_over: bool,
    deflate: Compress,
    /// What is compressed and not written yet: `out[written..]`.
    out: Vec<u8>,
    written: usize,
    /// Something was taken since the last flush.
    holds: bool,
}

impl<S> Deflated<S> {
    /// From here on `inner` is compressed; `came`: what was already read of it.
    pub fn new(inner: S, came: Vec<u8>) -> Self {
        Self {
            inner,
            inflate: Decompress::new(false),
            shrunk: came.len() as u64,
            came,
            at: 0,
            grown: 0,
            is_over: false,
            deflate: Compress::new(Compression::fast(), false),
            out: Vec::new(),
            written: 0,
            holds: false,
        }
    }

    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Fills the buffer with as much as there is; true where it got something.
    fn inflate(&mut self, buffer: &mut ReadBuf<'_>) -> io::Result<bool> {
        let room = buffer.initialize_unfilled();
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let rest = self.came.get(self.at..).unwrap_or_default();
        let status = self.inflate.decompress(rest, room, FlushDecompress::None);
        let used = self.inflate.total_in() - before_in;
        let count = self.inflate.total_out() - before_out;
        self.at += usize::try_from(used).unwrap_or(usize::MAX);
        match status {
            Ok(Status::Ok | Status::BufError) => {}
            Ok(Status::StreamEnd) => self.is_over = true,
            Err(_) => return Err(odd()),
        }
        buffer.advance(usize::try_from(count).unwrap_or_default());
        self.grown += count;
        if self.grown > FREE + self.shrunk.saturating_mul(RATIO) {
            return Err(io::Error::other(Bomb));
        }
        Ok(count > 0)
    }

    /// Compresses `bytes`; all of them are taken.
    fn deflate(&mut self, bytes: &[u8], flush: FlushCompress) -> io::Result<()> {
        let mut rest = bytes;
        loop {
            self.out.reserve(bytes.len() / 2 + 256);
            let before = self.deflate.total_in();
            self.deflate.compress_vec(rest, &mut self.out, flush).map_err(io::Error::other)?;
            let used = usize::try_from(self.deflate.total_in() - before).unwrap_or(usize::MAX);
            rest = rest.get(used..).unwrap_or_default();
            // what is left of the room tells that nothing waits for more of it
            if rest.is_empty() && self.out.len() < self.out.capacity() {
                return Ok(());
            }
        }
    }
}

fn odd() -> io::Error {
    io::Error::other("the server's compressed data can't be read")
}

impl<S: AsyncWrite + Unpin> Deflated<S> {
    /// Writes what waits.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.inner).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        self.out.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Deflated<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if buffer.remaining() == 0 || this.is_over || this.inflate(buffer)? {
                return Poll::Ready(Ok(()));
            }
            if this.at < this.came.len() {
                return Poll::Ready(Err(odd()));
            }
            this.came.resize(READ, 0);
            let mut came = ReadBuf::new(&mut this.came);
            let polled = Pin::new(&mut this.inner).poll_read(context, &mut came);
            let count = came.filled().len();
            this.came.truncate(count);
            this.at = 0;
            ready!(polled)?;
            if count == 0 {
                return Poll::Ready(Ok(()));
            }
            this.shrunk += count as u64;
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Deflated<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.out.len() >= WAITING {
            ready!(this.poll_drain(context))?;
        }
        this.deflate(bytes, FlushCompress::None)?;
        this.holds = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.holds) {
            this.deflate(&[], FlushCompress::Sync)?;
            (this.shrunk, this.grown) = (0, 0);
        }
        ready!(this.poll_drain(context))?;
        Pin::new(&mut this.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(context))?;
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::write::DeflateEncoder;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn text() -> Vec<u8> {
        (0..3_000)
            .flat_map(|n: u32| format!("* {n} FETCH (UID {n} FLAGS (\\Seen) {})\r\n", n.wrapping_mul(2_654_435_761)).into_bytes())
            .collect()
    }

    /// As a server compresses; its end is a flush and not the end of the data.
    fn compressed(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.flush().unwrap();
        encoder.get_ref().clone()
    }

    #[tokio::test]
    async fn both_sides_hear_each_line_as_soon_as_it_is_flushed() {
        for room in [16, 100_000] {
            let (ours, theirs) = tokio::io::duplex(room);
            let (mut ours, mut theirs) = (Deflated::new(ours, Vec::new()), Deflated::new(theirs, Vec::new()));
            let text = text();
            for line in text.chunks(4_001).take(5) {
                let (said, heard) = tokio::join!(
                    async {
                        ours.write_all(line).await.unwrap();
                        ours.flush().await
                    },
                    async {
                        let mut heard = vec![0; line.len()];
                        theirs.read_exact(&mut heard).await.map(|_| heard)
                    }
                );
                said.unwrap();
                assert_eq!(heard.unwrap(), line, "{room}");
                let (said, heard) = tokio::join!(
                    async {
                        theirs.write_all(b"+\r\n").await.unwrap();
                        theirs.flush().await
                    },
                    async {
                        let mut heard = [0; 3];
                        ours.read_exact(&mut heard).await.map(|_| heard)
                    }
                );
                said.unwrap();
                assert_eq!(&heard.unwrap(), b"+\r\n");
            }
        }
    }

    #[tokio::test]
    async fn a_cut_leaves_the_beginning_of_what_was_said_and_then_the_end() {
        let text = text();
        let whole = compressed(&text);
        let mut longest = 0;
        for at in (0..whole.len()).step_by(if whole.len() > 20_000 { 7 } else { 1 }) {
            let (head, tail) = whole.split_at(at);
            let mut heard = Vec::new();
            // part of it may have been read already when compression began
            let came = head.get(..at / 2).unwrap_or_default().to_vec();
            Deflated::new(&head[at / 2..], came).read_to_end(&mut heard).await.unwrap();
            assert!(text.starts_with(&heard) && heard.len() >= longest && !tail.is_empty(), "{at}");
            longest = heard.len();
        }
        assert!(longest > text.len() / 2);
    }

    #[tokio::test]
    async fn what_grows_without_end_is_ended_early_and_with_little_memory() {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        (0..64).for_each(|_| encoder.write_all(&vec![0; 1 << 20]).unwrap());
        let bomb = encoder.finish().unwrap();
        let mut stream = Deflated::new(bomb.as_slice(), Vec::new());
        let (mut buffer, mut heard) = (vec![0; 64 * 1024], 0);
        let error = loop {
            match stream.read(&mut buffer).await {
                Ok(count) => heard += count,
                Err(error) => break error,
            }
            assert!(heard < 64 << 20);
        };
        assert!(is_bomb(&error) && error.to_string().contains("more than 100 times"), "{error}");
        assert!(heard as u64 <= FREE + RATIO * bomb.len() as u64 && stream.came.capacity() <= 2 * READ);
    }

    #[tokio::test]
    async fn what_is_no_deflate_is_an_error_and_ended_data_is_the_end() {
        let error = Deflated::new(&b"\xff\xff\xff"[..], Vec::new()).read_to_end(&mut Vec::new()).await.unwrap_err();
        assert!(error.to_string().contains("can't be read") && !is_bomb(&error), "{error}");
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"* BYE\r\n").unwrap();
        let mut heard = Vec::new();
        Deflated::new(encoder.finish().unwrap().as_slice(), Vec::new()).read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"* BYE\r\n");
    }
}
