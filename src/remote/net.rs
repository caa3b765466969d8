//! TCP and TLS: a connected byte stream to one server, or the reason in words. Knows nothing of mail
//! protocols beyond "STARTTLS comes later". Start with [`Connector::tcp`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::net::sockopt;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{CertificateError, ClientConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::deflate::Deflated;
use super::meter::{Meter, Metered};
use super::public::is_public;
use super::{RemoteError, Result};
use crate::config::{Security, Server};
use crate::mail::server::Traffic;

const CONNECT_DEADLINE: Duration = Duration::from_secs(15);
/// One address of several may swallow packets: leave time for the next.
const ADDRESS_DEADLINE: Duration = Duration::from_secs(5);
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(15);
/// When nothing was said for so long, the system asks the peer whether it is still there, so often and so many times: one that
/// went without a word (another network, a gateway that forgot us) is noticed within a minute, at an empty packet each half.
const KEEP_ALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 3);

/// A connection, with or without TLS.
#[derive(Debug)]
pub enum Stream {
    Plain(Metered),
    Tls(Box<TlsStream<Metered>>),
    /// Octets that don't leave this process.
    Pipe(Box<dyn Pipe>),
    /// One of these, compressed.
    Deflated(Box<Deflated<Stream>>),
}

/// A stream that is no socket.
pub trait Pipe: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug> Pipe for T {}

/// Makes a pipe for each connection, to a server in this process: dialogues are then cut where a test wants it, on its own clock.
pub type Dial = Arc<dyn Fn() -> io::Result<Box<dyn Pipe>> + Send + Sync>;

/// Makes streams to one server; keeps the TLS configuration, because loading the system's roots takes
/// milliseconds.
pub struct Connector {
    host: String,
    port: u16,
    trust: Trust,
    bind: Option<IpAddr>,
    dial: Option<Dial>,
    /// Connects only where everybody can.
    is_public: bool,
    tls: OnceCell<Arc<ClientConfig>>,
    meter: Arc<Meter>,
}

/// What TLS adds to the system's roots.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// PEM file with more roots.
    pub ca_file: Option<std::path::PathBuf>,
    /// PEM certificate and key to show to the server.
    pub client_cert: Option<(std::path::PathBuf, std::path::PathBuf)>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Connector {
    pub fn new(host: impl Into<String>, port: u16, trust: Trust) -> Self {
        Self { host: host.into(), port, trust, bind: None, dial: None, is_public: false, tls: OnceCell::new(), meter: Arc::default() }
    }

    /// As a server's table in the configuration says.
    pub fn to(server: &Server) -> Self {
        let trust = Trust { ca_file: server.ca_file.clone(), client_cert: server.client_cert.clone() };
        Self::new(&server.host, server.port, trust)
    }

    /// Connects from this local address.
    #[must_use]
    pub fn from_address(mut self, bind: Option<IpAddr>) -> Self {
        self.bind = bind;
        self
    }

    /// Connects to no address of this machine, of its own networks or of none.
    #[must_use]
    pub fn only_public(mut self) -> Self {
        self.is_public = true;
        self
    }

    /// Connects by this instead of TCP, and without TLS.
    #[must_use]
    pub fn through(mut self, dial: Dial) -> Self {
        self.dial = Some(dial);
        self
    }

    /// Connects as this kind of security begins: TLS at once, or in clear with TLS made ready for later.
    pub async fn open(&self, security: Security) -> Result<Stream> {
        if let Some(dial) = &self.dial {
            return dial().map(Stream::Pipe).map_err(|error| RemoteError::Offline(format!("can't reach {}: {error}", self.host)));
        }
        match security {
            Security::Tls => self.tls().await,
            Security::Plaintext => self.tcp().await.map(Stream::Plain),
            Security::StartTls => {
                let (tcp, ready) = tokio::join!(self.tcp(), self.prepare());
                ready?;
                tcp.map(Stream::Plain)
            }
        }
    }

    /// What all connections made here measured.
    pub fn traffic(&self) -> Traffic {
        self.meter.traffic()
    }

    /// Connects TCP, trying the host's addresses in turn.
    pub async fn tcp(&self) -> Result<Metered> {
        let until = Instant::now() + CONNECT_DEADLINE;
        let offline = |why: String| RemoteError::Offline(format!("can't reach {}:{}: {why}", self.host, self.port));
        let found = timeout_at(until, tokio::net::lookup_host((self.host.as_str(), self.port))).await;
        let addresses = found.map_err(|_| offline("the name was not resolved in time".into()))?.map_err(|e| offline(e.to_string()))?;
        let mut why = match self.bind {
            _ if self.is_public => "it has no public address".to_owned(),
            Some(bind) => format!("it has no address that can be reached from {bind}"),
            None => "the name has no address".to_owned(),
        };
        let may = |address: &SocketAddr| !self.is_public || is_public(address.ip());
        for address in addresses.filter(|address| may(address) && self.bind.is_none_or(|bind| bind.is_ipv4() == address.is_ipv4())) {
            let part = until.min(Instant::now() + ADDRESS_DEADLINE);
            match timeout_at(part, connect(address, self.bind)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true).map_err(|e| offline(e.to_string()))?;
                    if let Err(error) = keep_alive(&stream) {
                        tracing::debug!(%error, "the system does not watch the connection");
                    }
                    return Ok(Metered::new(stream, self.meter.clone()));
                }
                Ok(Err(error)) => why = error.to_string(),
                Err(_) => why = "no answer".to_owned(),
            }
        }
        Err(offline(why))
    }

    /// Connects TCP and TLS; the TLS configuration loads meanwhile.
    pub async fn tls(&self) -> Result<Stream> {
        let (tcp, config) = tokio::join!(self.tcp(), self.config());
        self.handshake(tcp?, config?).await
    }

    /// Starts TLS on a connection that was plain until now (STARTTLS).
    pub async fn upgrade(&self, tcp: Metered) -> Result<Stream> {
        let config = self.config().await?;
        self.handshake(tcp, config).await
    }

    /// Loads the TLS configuration ahead of need, so that it does not add to the time of the upgrade.
    pub async fn prepare(&self) -> Result<()> {
        self.config().await.map(|_| ())
    }

    async fn handshake(&self, tcp: Metered, config: Arc<ClientConfig>) -> Result<Stream> {
        let name = ServerName::try_from(self.host.clone())
            .map_err(|_| RemoteError::Untrusted(format!("{} is no host name that a certificate can hold", self.host)))?;
        match timeout(HANDSHAKE_DEADLINE, TlsConnector::from(config).connect(name, tcp)).await {
            Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
            Ok(Err(error)) => Err(self.tls_error(&error)),
            Err(_) => Err(RemoteError::Offline(format!("{}:{} did not finish the TLS handshake in time", self.host, self.port))),
        }
    }

    async fn config(&self) -> Result<Arc<ClientConfig>> {
        let load = || async {
            let trust = self.trust.clone();
            let loaded = tokio::task::spawn_blocking(move || client_config(&trust)).await;
            loaded.unwrap_or_else(|_| Err("loading the certificates failed".to_owned())).map_err(RemoteError::Untrusted)
        };
        self.tls.get_or_try_init(load).await.cloned()
    }

    /// Refused certificates in words; everything else is the network.
    fn tls_error(&self, error: &io::Error) -> RemoteError {
        let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
            return RemoteError::Offline(format!("{}:{}: TLS handshake: {error}", self.host, self.port));
        };
        let host = &self.host;
        RemoteError::Untrusted(match tls {
            rustls::Error::InvalidCertificate(why) => certificate_error(host, why),
            rustls::Error::InvalidMessage(_) => format!("{host}:{} does not speak TLS on this port", self.port),
            rustls::Error::PeerIncompatible(why) => format!("{host} offers no TLS that is safe enough (1.2 or newer is needed): {why:?}"),
            rustls::Error::AlertReceived(alert) => format!("{host} ended the TLS handshake: {alert:?}"),
            other => format!("TLS with {host} failed: {other}"),
        })
    }
}

fn keep_alive(tcp: &TcpStream) -> io::Result<()> {
    let (idle, between, times) = KEEP_ALIVE;
    sockopt::set_socket_keepalive(tcp, true)?;
    sockopt::set_tcp_keepidle(tcp, idle)?;
    sockopt::set_tcp_keepintvl(tcp, between)?;
    sockopt::set_tcp_keepcnt(tcp, times)?;
    Ok(())
}

async fn connect(address: SocketAddr, bind: Option<IpAddr>) -> io::Result<TcpStream> {
    let Some(bind) = bind else { return TcpStream::connect(address).await };
    let socket = if bind.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    let bound = socket.bind(SocketAddr::new(bind, 0));
    bound.map_err(|error| io::Error::new(error.kind(), format!("the local address {bind} (bind) can't be used: {error}")))?;
    socket.connect(address).await
}

fn certificate_error(host: &str, why: &CertificateError) -> String {
    use CertificateError as E;
    match why {
        E::NotValidForName | E::NotValidForNameContext { .. } => format!("the certificate of {host} is for another host name"),
        E::Expired | E::ExpiredContext { .. } => format!("the certificate of {host} has expired"),
        E::NotValidYet | E::NotValidYetContext { .. } => format!("the certificate of {host} is not valid yet; check this machine's clock"),
        E::Revoked => format!("the certificate of {host} was revoked"),
        E::UnknownIssuer => format!("the certificate of {host} is self-signed or from an unknown authority (ca_file names one to trust)"),
        E::BadSignature => format!("the certificate of {host} has a bad signature"),
        // webpki's word for a root or leaf that is used in the other role: typically self-signed
        E::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            format!("the certificate of {host} is self-signed (ca_file names an authority to trust)")
        }
        other => format!("the certificate of {host} is not acceptable: {other}"),
    }
}

fn client_config(trust: &Trust) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = versions.map_err(|e| e.to_string())?.dangerous().with_custom_certificate_verifier(verifier(trust, provider)?);
    let Some((certificate, key)) = &trust.client_cert else { return Ok(Arc::new(builder.with_no_client_auth())) };
    let chain = certificates(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| format!("no private key in {}: {e}", key.display()))?;
    let config = builder.with_client_auth_cert(chain, key).map_err(|e| format!("{}: {e}", certificate.display()))?;
    Ok(Arc::new(config))
}

fn verifier(trust: &Trust, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let extra = trust.ca_file.as_deref().map(certificates).transpose()?.unwrap_or_default();
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider);
    Ok(Arc::new(verifier.map_err(|e| format!("no certificates to trust: {e}"))?))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = fs::read(path).map_err(|e| format!("can't read {}: {e}", path.display()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found.map_err(|e| format!("{}: {e}", path.display()))? {
        list if list.is_empty() => Err(format!("{} holds no certificate", path.display())),
        list => Ok(list),
    }
}

impl Stream {
    /// True where the peer is this machine: what is said in clear does not leave it. A connection that was reset has no peer any more.
    pub fn is_loopback(&self) -> io::Result<bool> {
        match self {
            Stream::Plain(tcp) => is_loopback(tcp),
            Stream::Tls(tls) => is_loopback(tls.get_ref().0),
            Stream::Pipe(_) => Ok(true),
            Stream::Deflated(stream) => stream.inner().is_loopback(),
        }
    }

    pub fn is_tls(&self) -> bool {
        match self {
            Stream::Tls(_) => true,
            Stream::Deflated(stream) => stream.inner().is_tls(),
            Stream::Plain(_) | Stream::Pipe(_) => false,
        }
    }

    pub fn is_compressed(&self) -> bool {
        matches!(self, Stream::Deflated(_))
    }

    /// Compresses from here on; `came`: what was already read of what is compressed.
    pub fn compress(&mut self, came: Vec<u8>) {
        let inner = std::mem::replace(self, Stream::Pipe(Box::new(tokio::io::empty())));
        *self = Stream::Deflated(Box::new(Deflated::new(inner, came)));
    }

    /// Our end's address; None where the connection is gone.
    pub fn local_ip(&self) -> Option<IpAddr> {
        let tcp = match self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_ref().0,
            Stream::Pipe(_) => return None,
            Stream::Deflated(stream) => return stream.inner().local_ip(),
        };
        tcp.tcp().local_addr().ok().map(|address| address.ip().to_canonical())
    }

    /// Refuses to send a password readable to others: TLS, this machine, or the user's own word for it.
    pub fn check_may_sign_in(&self, server: &Server) -> Result<()> {
        let host = &server.host;
        let is_lost = |error| RemoteError::Offline(format!("the connection to {host} broke: {error}"));
        if self.is_tls() || server.allow_plaintext_password || self.is_loopback().map_err(is_lost)? {
            return Ok(());
        }
        Err(RemoteError::Untrusted(format!(
            "the password is not sent in clear to {host}: use security = \"tls\" or \"starttls\", or set allow_plaintext_password = true"
        )))
    }
}

fn is_loopback(tcp: &Metered) -> io::Result<bool> {
    tcp.tcp().peer_addr().map(|peer| peer.ip().to_canonical().is_loopback())
}

/// What a server does before TLS that only someone in between would (CVE-2011-0411 and its kin).
pub fn attack(what: &str) -> RemoteError {
    RemoteError::Protocol(format!("{what}: someone may sit in between; the connection was closed and no password was sent"))
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Stream::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
            Stream::Pipe(pipe) => Pin::new(pipe).poll_read(context, buffer),
            Stream::Deflated(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Stream::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
            Stream::Pipe(pipe) => Pin::new(pipe).poll_write(context, bytes),
            Stream::Deflated(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(context),
            Stream::Pipe(pipe) => Pin::new(pipe).poll_flush(context),
            Stream::Deflated(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(context),
            Stream::Pipe(pipe) => Pin::new(pipe).poll_shutdown(context),
            Stream::Deflated(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// The protocol dialogue in a file (0600), for bug reports. Whoever writes to it masks credentials first.
#[derive(Clone, Debug)]
pub struct Trace {
    file: Arc<Mutex<File>>,
    path: Arc<Path>,
}

impl Trace {
    /// Opens the file to append to.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        Ok(Self { file: Arc::new(Mutex::new(file)), path: path.into() })
    }

    /// Where it is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one line: who spoke (`account C:` or `S:`), and the bytes with controls escaped.
    pub fn line(&self, account: &str, from: char, bytes: &[u8]) {
        let text = format!("{account} {from}: {}\n", bytes.trim_ascii_end().escape_ascii());
        // A trace that can't be written must not stop the mail.
        let _ = self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_own_words() {
        let words = |why: CertificateError| certificate_error("mail.example", &why);
        assert!(words(CertificateError::NotValidForName).contains("another host name"));
        assert!(words(CertificateError::Expired).contains("expired"));
        assert!(words(CertificateError::UnknownIssuer).contains("unknown authority"));
    }

    #[tokio::test]
    async fn a_closed_port_is_offline_with_host_and_port() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = Connector::new("127.0.0.1", port, Trust::default()).tcp().await.unwrap_err();
        assert!(matches!(&error, RemoteError::Offline(text) if text.contains(&format!("127.0.0.1:{port}"))), "{error:?}");
    }

    #[tokio::test]
    async fn the_system_watches_every_connection_for_a_peer_that_is_gone() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let connector = Connector::new("127.0.0.1", listener.local_addr().unwrap().port(), Trust::default());
        let stream = connector.tcp().await.unwrap();
        let (tcp, minute) = (stream.tcp(), Duration::from_secs(60));
        assert!(sockopt::socket_keepalive(tcp).unwrap());
        let (idle, between) = (sockopt::tcp_keepidle(tcp).unwrap(), sockopt::tcp_keepintvl(tcp).unwrap());
        assert!(idle + between * sockopt::tcp_keepcnt(tcp).unwrap() <= minute);
    }

    #[tokio::test]
    async fn a_ca_file_without_certificate_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, "nothing").unwrap();
        let connector = Connector::new("localhost", 1, Trust { ca_file: Some(path), client_cert: None });
        let error = connector.prepare().await.unwrap_err();
        assert!(matches!(&error, RemoteError::Untrusted(text) if text.contains("holds no certificate")), "{error:?}");
    }

    #[test]
    fn a_trace_is_private_and_has_no_raw_controls() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace");
        Trace::open(&path).unwrap().line("work", 'S', b"* OK \x1b[31m\r\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "work S: * OK \\x1b[31m\n");
    }
}
