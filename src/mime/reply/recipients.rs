//! Whom an answer goes to, and as whom. Only addresses that can be read go anywhere; names are cleaned.

use crate::mail::address::{self, Address};
use crate::mail::{DisplayText, Identity, mailto};
use crate::mime::addresses;
use crate::mime::field::{self, Field};

/// The address fields of a message that is answered.
#[derive(Debug, Default)]
pub struct Original {
    from: Vec<Address>,
    reply_to: Vec<Address>,
    to: Vec<Address>,
    cc: Vec<Address>,
    /// Where the message was delivered, beside what To and Cc say.
    delivered: Vec<Address>,
    list_post: Vec<Address>,
    /// Mail-Followup-To (draft-ietf-drums-mail-followup-to): where the sender wants answers to all.
    followup: Vec<Address>,
}

/// Fields in which servers note the address that a message came in by.
const DELIVERED: &[&str] = &["Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "Resent-To", "Bcc"];

impl Original {
    pub fn read(header: &[u8]) -> Self {
        let mut found = Self::default();
        for field in field::fields(header) {
            if field.is("From") && found.from.is_empty() {
                found.from = readable(&field);
            } else if field.is("Reply-To") {
                found.reply_to.extend(readable(&field));
            } else if field.is("To") {
                found.to.extend(readable(&field));
            } else if field.is("Cc") {
                found.cc.extend(readable(&field));
            } else if field.is("Mail-Followup-To") {
                found.followup.extend(readable(&field));
            } else if field.is("List-Post") {
                found.list_post.extend(list_post(&field.value()));
            } else if DELIVERED.iter().any(|name| field.is(name)) {
                found.delivered.extend(readable(&field));
            }
        }
        found
    }
}

fn readable(field: &Field<'_>) -> Vec<Address> {
    let shown = |one: Address| Address { name: DisplayText::capped(one.name.trim(), super::MAX_NAME).into_string(), address: one.address };
    addresses::parse(field).into_iter().filter(|one| address::is_addr_spec(&one.address)).map(shown).collect()
}

/// `<mailto:list@x>, <https://…>` (RFC 2369 3.4); "NO" is a list that can't be written to.
fn list_post(value: &str) -> Option<Address> {
    let links = value.split('<').skip(1).filter_map(|rest| rest.split('>').next());
    let list = links.filter_map(|link| mailto::parse(link).ok()).find_map(|link| address::readable(&link.to).into_iter().next())?;
    Some(Address::new("", list.address))
}

fn is_own(one: &Address, me: &[Identity]) -> bool {
    me.iter().any(|identity| identity.from.receives(&one.address))
}

/// The identity that the message was written to, or that wrote it; the first where none was.
pub fn identity<'a>(original: &Original, me: &'a [Identity]) -> Option<&'a Identity> {
    let places = [&original.to, &original.cc, &original.delivered, &original.from];
    let found = places.into_iter().flatten().find_map(|one| {
        // the exact address before one of which it is a "+detail"
        me.iter()
            .find(|identity| identity.from.is_same(&one.address))
            .or_else(|| me.iter().find(|identity| identity.from.receives(&one.address)))
    });
    found.or(me.first())
}

/// Where the sender wants answers; one's own message to others goes on to them. What one of our accounts wrote to another
/// is answered there.
pub fn sender(original: &Original, me: &[Identity]) -> Vec<Address> {
    let others = if is_from_me(original, me) { unique(original.to.iter(), me, &[]) } else { Vec::new() };
    if others.is_empty() { reply_address(original, me) } else { others }
}

fn is_from_me(original: &Original, me: &[Identity]) -> bool {
    original.from.first().is_some_and(|from| is_own(from, me))
}

/// Reply-To, unless it names nobody but us.
fn reply_address(original: &Original, me: &[Identity]) -> Vec<Address> {
    let wanted = unique(original.reply_to.iter(), &[], &[]);
    if wanted.iter().any(|one| !is_own(one, me)) || original.from.is_empty() { wanted } else { unique(original.from.iter(), &[], &[]) }
}

/// To: the sender; Cc: all others, each once and without us. Where the sender named those who are to get the answers, To is they.
pub fn all(original: &Original, me: &[Identity]) -> (Vec<Address>, Vec<Address>) {
    let followup = unique(original.followup.iter(), me, &[]);
    if !followup.is_empty() && !is_from_me(original, me) {
        return (followup, Vec::new());
    }
    let to = sender(original, me);
    let others = if is_from_me(original, me) { original.cc.iter().chain([].iter()) } else { original.to.iter().chain(original.cc.iter()) };
    let cc = unique(others, me, &to);
    (to, cc)
}

/// The list's address; nobody where the message names none, so that no person gets what was meant for a list.
pub fn list(original: &Original) -> Vec<Address> {
    unique(original.list_post.iter(), &[], &[])
}

/// Each address once, first named first; neither ours nor one of `except`.
fn unique<'a>(list: impl Iterator<Item = &'a Address>, me: &[Identity], except: &[Address]) -> Vec<Address> {
    let mut out: Vec<Address> = Vec::new();
    let mut seen: std::collections::HashSet<String> = except.iter().map(|one| one.address.to_lowercase()).collect();
    for one in list {
        if !is_own(one, me) && seen.insert(one.address.to_lowercase()) {
            out.push(one.clone());
        }
    }
    out
}
