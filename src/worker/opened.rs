//! Sealed messages: the shape that `mime` finds is given to `crypt`, layer by layer, and what comes of it is what the page says and shows.
//! What was opened is kept in memory only, bounded, and wiped; it never goes to the store, a draft or a log.
//! Start at [`Openings::open`].

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::crypt::{self, Trouble, words};
use crate::mail::page::View;
use crate::mail::seal::{Seal, Standing};
use crate::mail::{Address, DisplayText, MessageId, Page};
use crate::mime::{self, Protected, Sealed};

/// Signatures and encryptions around one another that are looked into.
const MAX_LAYERS: usize = 4;
/// Messages kept, and octets of all of them together.
const KEPT: usize = 16;
const KEPT_OCTETS: usize = 32 * 1024 * 1024;

/// What came of a sealed message.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    seals: Vec<Seal>,
    /// The message to show in the place of the one that is stored.
    pub inside: Option<Arc<Zeroizing<Vec<u8>>>>,
    /// It is encrypted where it is stored.
    pub is_secret: bool,
    /// Anybody may have written any of its links around the text.
    has_loose_links: bool,
    /// Its second part is the signature of the first, which was checked.
    has_signature_beside: bool,
    protected: Protected,
    /// Trying again would come to the same.
    is_final: bool,
}

impl Opened {
    /// Before anything is known.
    pub fn pending(is_encrypted: bool) -> Self {
        let words = if is_encrypted { "encrypted, being opened…" } else { "signed, being checked…" };
        Self::of(Seal::new(Standing::Open, words))
    }

    /// Only the beginning is here.
    pub fn partial(is_encrypted: bool) -> Self {
        let words = if is_encrypted { "encrypted: opened once all of it is here" } else { "signed: checked once all of it is here" };
        Self::of(Seal::new(Standing::Open, words))
    }

    fn of(seal: Seal) -> Self {
        Self { seals: vec![seal], ..Self::default() }
    }

    /// Whether the page would be the same if it were made anew.
    pub fn is_final(&self) -> bool {
        self.is_final
    }

    /// Puts what is known on the page.
    pub fn put_on(&self, page: &mut Page) {
        if self.seals.is_empty() {
            return;
        }
        page.seals.clone_from(&self.seals);
        // an address may carry away what was opened
        page.remote.clear();
        if let Some(subject) = &self.protected.subject {
            page.subject = DisplayText::new(subject);
        }
        let warnings = self.protected.warnings.iter().map(|warning| DisplayText::capped(warning, 200));
        page.warnings.splice(0..0, warnings);
        if self.has_loose_links {
            page.links.clear();
        }
        if !self.has_signature_beside {
            return;
        }
        // it is told of above
        let is_signature =
            |kind: &str| matches!(kind, "application/pgp-signature" | "application/pkcs7-signature" | "application/x-pkcs7-signature");
        page.parts.retain(|part| !(part.number == "2" && is_signature(&part.content_type)));
    }
}

/// The page of a message with its seals checked and opened, for a command that shows one and ends.
pub async fn page(id: MessageId, message: Vec<u8>, view: View, setting: &mime::Setting) -> Page {
    let message = Arc::new(message);
    let opened = match mime::sealed(&message) {
        Some(shape) => Openings::default().open(id, &message, shape).await,
        None => Opened::default(),
    };
    let shown = opened.inside.as_ref().map_or(message.as_slice(), |inside| inside.as_slice());
    let mut page = mime::page(id, shown, true, &[], view, setting);
    opened.put_on(&mut page);
    page
}

/// What was opened in this session; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Openings {
    kept: Arc<Mutex<VecDeque<(MessageId, u64, Opened)>>>,
    /// Two programs at once would ask for the same passphrase twice.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Openings {
    /// Opens a message of that shape, or remembers what came of it. Dropped, the programs end.
    pub async fn open(&self, id: MessageId, message: &Arc<Vec<u8>>, shape: Sealed) -> Opened {
        let mark = mark(message);
        let _turn = self.turn.lock().await;
        if let Some(opened) = self.find(id, mark) {
            return opened;
        }
        let opened = Layers::new(message).await.open(shape).await;
        if opened.is_final {
            self.keep(id, mark, opened.clone());
        }
        opened
    }

    fn find(&self, id: MessageId, mark: u64) -> Option<Opened> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(known, of, _)| *known == id && *of == mark).map(|(.., opened)| opened.clone())
    }

    fn keep(&self, id: MessageId, mark: u64, opened: Opened) {
        let size = |opened: &Opened| opened.inside.as_ref().map_or(0, |inside| inside.len());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, ..)| *known != id);
        kept.push_front((id, mark, opened));
        let mut room = KEPT_OCTETS;
        let fits = kept.iter().take(KEPT).take_while(|(.., opened)| {
            let fits = size(opened) <= room;
            room = room.saturating_sub(size(opened));
            fits
        });
        let fits = fits.count();
        kept.truncate(fits);
    }
}

fn holds(signatures: &[crypt::Signature]) -> bool {
    !signatures.is_empty() && signatures.iter().all(|signature| signature.state == crypt::State::Good)
}

/// The same message has the same octets.
fn mark(message: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.hash(&mut hasher);
    hasher.finish()
}

/// A message on its way from the outermost seal to the text.
struct Layers {
    message: Arc<Zeroizing<Vec<u8>>>,
    sender: Option<Address>,
    opened: Opened,
    is_signed: bool,
    /// The seal of the encryption; its words depend on what is within.
    decrypted: Option<bool>,
}

impl Layers {
    async fn new(message: &Arc<Vec<u8>>) -> Self {
        let message = Arc::new(Zeroizing::new(message.to_vec()));
        let theirs = message.clone();
        let sender = tokio::task::spawn_blocking(move || mime::only_sender(&theirs)).await.ok().flatten();
        Self { message, sender, opened: Opened { is_final: true, ..Opened::default() }, is_signed: false, decrypted: None }
    }

    async fn open(mut self, shape: Sealed) -> Opened {
        let mut next = Some(shape);
        for _ in 0..MAX_LAYERS {
            next = match next {
                Some(shape) => self.layer(shape).await,
                None => break,
            };
        }
        if next.is_some() {
            self.say(Seal::new(Standing::Bad, "sealed more often than is looked into"));
        }
        if let Some(is_authentic) = self.decrypted {
            let is_signed = self.opened.seals.iter().any(|seal| seal.standing == Standing::Good);
            self.opened.seals.insert(0, words::opened(is_authentic, self.is_signed && (is_authentic || is_signed)));
            self.opened.has_loose_links = !is_authentic && !is_signed;
        }
        self.opened
    }

    fn say(&mut self, seal: Seal) {
        self.opened.seals.push(seal);
    }

    fn failed(&mut self, seal: Seal, trouble: Trouble) {
        self.opened.is_final &= !matches!(trouble, Trouble::Locked | Trouble::Declined | Trouble::TooSlow | Trouble::Missing);
        self.say(seal);
    }

    /// One seal; gives the shape of what is in it.
    async fn layer(&mut self, shape: Sealed) -> Option<Sealed> {
        match shape {
            Sealed::Unfit { why, .. } => {
                self.say(Seal::new(Standing::Open, &why));
                None
            }
            Sealed::Signed { scheme, signed, signature } => {
                match crypt::verify(scheme, &signed, &signature).await {
                    Ok(signatures) => {
                        self.signed(&signatures);
                        self.opened.has_signature_beside = true;
                        self.protect(&signed, holds(&signatures)).await;
                    }
                    Err(trouble) => self.failed(words::unchecked(scheme, trouble), trouble),
                }
                None
            }
            Sealed::Wrapped { scheme, bytes, is_text } => match crypt::unwrap(scheme, &bytes).await {
                Ok(opened) => {
                    self.signed(&opened.signatures);
                    if !is_text {
                        self.protect(&opened.text, holds(&opened.signatures)).await;
                    }
                    match self.go_in(opened.text, is_text).await {
                        // who signed a cipher text need not know what is in it
                        Some(Sealed::Encrypted { .. }) => {
                            self.opened.seals.clear();
                            self.say(Seal::new(Standing::Open, "signed, but what is signed is an encrypted text: it is not opened"));
                            None
                        }
                        next => next,
                    }
                }
                Err(trouble) => {
                    self.failed(words::unchecked(scheme, trouble), trouble);
                    None
                }
            },
            Sealed::Encrypted { .. } if self.decrypted.is_some() => {
                self.say(Seal::new(Standing::Bad, "what is in it is encrypted once more: it is not opened"));
                None
            }
            Sealed::Encrypted { scheme, bytes, is_text } => {
                self.opened.is_secret = true;
                match crypt::decrypt(scheme, &bytes).await {
                    Ok(opened) => {
                        self.decrypted = Some(opened.is_authentic);
                        if !opened.signatures.is_empty() {
                            self.signed(&opened.signatures);
                        }
                        if !is_text {
                            self.protect(&opened.text, true).await;
                        }
                        self.go_in(opened.text, is_text).await
                    }
                    Err(trouble) => {
                        self.failed(words::closed(scheme, trouble), trouble);
                        None
                    }
                }
            }
        }
    }

    fn signed(&mut self, signatures: &[crypt::Signature]) {
        self.is_signed = true;
        let seal = words::signed(signatures, self.sender.as_ref());
        // a key may be fetched or trusted while the program runs
        self.opened.is_final &= seal.standing != Standing::Open;
        self.say(seal);
    }

    /// The header of the sealed part speaks for the message, unless its signature does not hold.
    async fn protect(&mut self, part: &[u8], is_sealed: bool) {
        if !is_sealed {
            return;
        }
        let (message, part) = (self.message.clone(), Zeroizing::new(part.to_vec()));
        let work = tokio::task::spawn_blocking(move || mime::protected(&message, &part));
        let found = work.await.unwrap_or_default();
        if found != Protected::default() {
            self.opened.protected = found;
        }
    }

    /// What was in the seal takes the place of the message.
    async fn go_in(&mut self, text: Zeroizing<Vec<u8>>, is_text: bool) -> Option<Sealed> {
        let outer = self.message.clone();
        let work = tokio::task::spawn_blocking(move || {
            let inside = Arc::new(Zeroizing::new(mime::unwrapped(&outer, &text, is_text)));
            let next = if is_text { None } else { mime::sealed(&inside) };
            (inside, next)
        });
        let (inside, next) = work.await.ok()?;
        self.message = inside.clone();
        self.opened.inside = Some(inside);
        next
    }
}
