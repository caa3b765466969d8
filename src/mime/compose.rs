//! A draft to the bytes of a message: 7-bit clean, lines under 998 octets, CR LF only, no host name, no agent. mail-builder
//! folds and encodes header fields and writes the multipart; what goes into it is cleaned here. Start at [`compose`]; the text
//! and the files are made in [`body`], the way back is in [`super::kept`].

use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::{Address as Built, EmailAddress};
use mail_builder::headers::message_id::MessageId;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;

use super::kept;
use crate::mail::address::{self, Address};
use crate::mail::{Draft, HeaderValue, idn};

pub mod body;
mod enclosed;
pub mod ids;

/// When a message is sent, and where: for its Date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub unix: i64,
    /// Minutes east of UTC.
    pub offset_minutes: i16,
}

/// What the bytes are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// For others: Bcc gone, text as format=flowed.
    Send,
    /// For the Drafts mailbox: never refused, and [`super::draft`] gives the draft back.
    Keep,
}

/// A message and whom it goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    pub bytes: Vec<u8>,
    /// Addresses of To, Cc and Bcc, each once.
    pub recipients: Vec<String>,
    pub mail_from: String,
}

/// Why a draft can't be sent as it is; sentences for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    #[error("There is no recipient; write one into To, Cc or Bcc.")]
    NoRecipient,
    #[error("{field}: {text}. Correct it, then send again.")]
    UnreadableAddress { field: &'static str, text: String },
    #[error("The account's own address “{0}” is no mail address; correct it in the configuration.")]
    BadFrom(String),
    #[error("The files make {} MB together; more than {} MB is not sent. Take one out, or share it by a link.", .size / 1_000_000, MAX_FILES / 1_000_000)]
    TooLarge { size: u64 },
    #[error("The file “{0}” is not here any more; attach it again or take it out.")]
    MissingFile(String),
}

/// Octets of all files together; every server known refuses less.
pub const MAX_FILES: u64 = 150_000_000;
/// References that are sent: the root and the newest (RFC 5322 3.6.4 lets them grow without end).
const MAX_REFERENCES: usize = 20;

/// Makes the message of a draft. `files` are the bytes of its attachments in their order; `seed` makes the Message-ID where the
/// draft has none, and the boundaries.
pub fn compose(draft: &Draft, files: &[Vec<u8>], when: Sent, purpose: Purpose, seed: u64) -> Result<Composed, ComposeError> {
    let lists = Lists::read(draft, purpose)?;
    let recipients = lists.recipients();
    if purpose == Purpose::Send {
        check(draft, files, &recipients)?;
    }
    let mut made = MessageBuilder::new();
    for (name, value) in header(draft, &lists, when, purpose, seed) {
        made = made.header(name, value);
    }
    let mut bytes = Vec::new();
    made.body(body::part(draft, files, purpose, seed)).serialize(&mut bytes);
    Ok(Composed { bytes: body::with_line_end(bytes), recipients, mail_from: idn::ascii_domain(&draft.from.address) })
}

/// What every server would refuse.
fn check(draft: &Draft, files: &[Vec<u8>], recipients: &[String]) -> Result<(), ComposeError> {
    if !address::is_addr_spec(&draft.from.address) {
        return Err(ComposeError::BadFrom(HeaderValue::new(&draft.from.address).as_str().to_owned()));
    }
    if recipients.is_empty() {
        return Err(ComposeError::NoRecipient);
    }
    if let Some(lost) = draft.attachments.get(files.len()) {
        return Err(ComposeError::MissingFile(HeaderValue::new(&lost.name).as_str().to_owned()));
    }
    let size = files.iter().map(|file| file.len() as u64).sum();
    if size > MAX_FILES { Err(ComposeError::TooLarge { size }) } else { Ok(()) }
}

/// The address lists of a draft, read.
struct Lists {
    to: Vec<Address>,
    cc: Vec<Address>,
    bcc: Vec<Address>,
    reply_to: Vec<Address>,
}

impl Lists {
    /// What is unreadable is an error where it is to be sent, and left out of the header (not of the draft) where it is kept.
    fn read(draft: &Draft, purpose: Purpose) -> Result<Self, ComposeError> {
        let read = |field: &'static str, text: &str| match purpose {
            Purpose::Keep => Ok(address::readable(text)),
            Purpose::Send => address::parse_list(text).map_err(|(_, text)| ComposeError::UnreadableAddress { field, text }),
        };
        let read = |field, text: &str| read(field, text).map(in_ascii);
        Ok(Self {
            to: read("To", &draft.to)?,
            cc: read("Cc", &draft.cc)?,
            bcc: read("Bcc", &draft.bcc)?,
            reply_to: read("Reply-To", &draft.reply_to)?,
        })
    }

    fn recipients(&self) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        let all = self.to.iter().chain(&self.cc).chain(&self.bcc);
        all.filter(|one| seen.insert(one.address.to_lowercase())).map(|one| one.address.clone()).collect()
    }
}

/// The addresses with domains that every server takes.
fn in_ascii(list: Vec<Address>) -> Vec<Address> {
    list.into_iter().map(|one| Address { address: idn::ascii_domain(&one.address), name: one.name }).collect()
}

type Fields = Vec<(&'static str, HeaderType<'static>)>;

/// The fields in the order RFC 5322 3.6 lists them; MIME's come with the body.
fn header(draft: &Draft, lists: &Lists, when: Sent, purpose: Purpose, seed: u64) -> Fields {
    let mut fields: Fields = vec![("Date", Raw::new(date(when)).into())];
    if address::is_addr_spec(&draft.from.address) {
        fields.push(("From", mailboxes(&in_ascii(vec![draft.from.clone()]))));
    }
    for (name, list) in [("Reply-To", &lists.reply_to), ("To", &lists.to), ("Cc", &lists.cc)] {
        if !list.is_empty() {
            fields.push((name, mailboxes(list)));
        }
    }
    match purpose {
        // some servers refuse or add to a message that names nobody
        Purpose::Send if lists.to.is_empty() && lists.cc.is_empty() => fields.push(("To", Raw::new("undisclosed-recipients:;").into())),
        Purpose::Keep if !lists.bcc.is_empty() => fields.push(("Bcc", mailboxes(&lists.bcc))),
        _ => {}
    }
    let subject = HeaderValue::new(&draft.subject);
    fields.push(("Subject", Text::new(subject.as_str().to_owned()).into()));
    let own_id = ids::clean(&draft.rfc_message_id).unwrap_or_else(|| ids::new_message_id(&draft.from.address, seed));
    fields.push(("Message-ID", MessageId::new(own_id).into()));
    if let Some(parent) = draft.in_reply_to.as_deref().and_then(ids::clean) {
        fields.push(("In-Reply-To", MessageId::new(parent).into()));
    }
    let references = references(draft, purpose);
    if !references.is_empty() {
        fields.push(("References", MessageId::new_list(references.into_iter()).into()));
    }
    if purpose == Purpose::Keep {
        fields.extend(kept::fields(draft).into_iter().map(|(name, value)| (name, Raw::new(value).into())));
    }
    fields
}

fn references(draft: &Draft, purpose: Purpose) -> Vec<String> {
    let mut ids: Vec<String> = draft.references.iter().filter_map(|id| ids::clean(id)).collect();
    if purpose == Purpose::Send && ids.len() > MAX_REFERENCES {
        ids.drain(1..=ids.len() - MAX_REFERENCES);
    }
    ids
}

fn mailboxes(list: &[Address]) -> HeaderType<'static> {
    let built = |one: &Address| {
        let name = HeaderValue::new(&one.name).as_str().to_owned();
        Built::Address(EmailAddress { name: (!name.is_empty()).then(|| name.into()), email: one.address.clone().into() })
    };
    Built::new_list(list.iter().map(built).collect()).into()
}

/// RFC 5322 3.3, in the sender's own time.
pub fn date(when: Sent) -> String {
    let offset = jiff::tz::Offset::from_seconds(i32::from(when.offset_minutes) * 60).unwrap_or(jiff::tz::Offset::UTC);
    let at = jiff::Timestamp::from_second(when.unix).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.to_zoned(offset.to_time_zone()).strftime("%a, %-d %b %Y %H:%M:%S %z").to_string()
}
