//! Compact forms of small lists inside a row: ids, parts, inverse changes. Lengths and numbers are
//! LEB128 varints. Reading never fails: a damaged tail is left out.

use crate::mail::page::Part;
use crate::mail::{AccountId, Answered, Answers, FlagBits, Flags, Keywords, MailboxId, MailboxWish, MessageId, Placement, Restored};

/// Row ids, which are never negative.
pub(super) fn write_ids(ids: &[i64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(ids.len() * 3);
    ids.iter().for_each(|id| write_number(&mut out, id.cast_unsigned()));
    out
}

pub(super) fn read_ids(mut rest: &[u8]) -> Vec<i64> {
    let mut ids = Vec::new();
    while let Some(id) = read_number(&mut rest) {
        ids.push(id.cast_signed());
    }
    ids
}

pub(super) fn write_parts(parts: &[Part]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        write_text(&mut out, &part.number);
        write_text(&mut out, &part.content_type);
        out.push(u8::from(part.is_attachment) | u8::from(part.name.is_some()) << 1);
        write_text(&mut out, part.name.as_deref().unwrap_or_default());
        write_number(&mut out, part.size);
    }
    out
}

pub(super) fn read_parts(mut rest: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    while let Some(part) = read_part(&mut rest) {
        parts.push(part);
    }
    parts
}

fn read_part(rest: &mut &[u8]) -> Option<Part> {
    let number = read_text(rest)?;
    let content_type = read_text(rest)?;
    let bits = read_byte(rest)?;
    let name = read_text(rest)?;
    let size = read_number(rest)?;
    Some(Part { number, content_type, name: (bits & 2 != 0).then_some(name), size, is_attachment: bits & 1 != 0 })
}

pub(super) fn write_restored(rows: &[Restored]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.len() * 12);
    for row in rows {
        write_number(&mut out, row.id.0.cast_unsigned());
        write_placement(&mut out, &row.from);
        write_placement(&mut out, &row.to);
        write_number(&mut out, row.copy_of.map_or(0, |id| id.0.cast_unsigned()));
    }
    out
}

pub(super) fn read_restored(mut rest: &[u8]) -> Vec<Restored> {
    let mut rows = Vec::new();
    while let Some(row) = read_row(&mut rest) {
        rows.push(row);
    }
    rows
}

fn read_row(rest: &mut &[u8]) -> Option<Restored> {
    let id = MessageId(read_number(rest)?.cast_signed());
    let (from, to) = (read_placement(rest)?, read_placement(rest)?);
    let copy_of = Some(read_number(rest)?).filter(|&number| number != 0).map(|number| MessageId(number.cast_signed()));
    Some(Restored { id, from, to, copy_of })
}

pub(super) fn write_answered(rows: &[Answered]) -> Vec<u8> {
    let mut out = Vec::new();
    for row in rows {
        write_text(&mut out, &row.rfc_message_id);
        write_answers(&mut out, &row.from);
        write_answers(&mut out, &row.to);
    }
    out
}

pub(super) fn read_answered(mut rest: &[u8]) -> Vec<Answered> {
    let mut rows = Vec::new();
    while let Some(row) = read_answered_row(&mut rest) {
        rows.push(row);
    }
    rows
}

fn read_answered_row(rest: &mut &[u8]) -> Option<Answered> {
    Some(Answered { rfc_message_id: read_text(rest)?, from: read_answers(rest)?, to: read_answers(rest)? })
}

fn write_answers(out: &mut Vec<u8>, answers: &Answers) {
    match answers {
        Answers::AsWritten => out.push(0),
        Answers::Nothing => out.push(1),
        Answers::Message(parent) => {
            out.push(2);
            write_text(out, parent);
        }
    }
}

fn read_answers(rest: &mut &[u8]) -> Option<Answers> {
    match read_byte(rest)? {
        0 => Some(Answers::AsWritten),
        1 => Some(Answers::Nothing),
        2 => read_text(rest).map(Answers::Message),
        _ => None,
    }
}

/// Fields split by tabs, the name last.
pub(super) fn write_wish(wish: &MailboxWish) -> String {
    match wish {
        MailboxWish::Create { account, name, id } => format!("create\t{account}\t{}\t{name}", id.map_or(0, |id| id.0)),
        MailboxWish::Rename { id, to } => format!("rename\t{id}\t0\t{to}"),
        MailboxWish::Delete { id } => format!("delete\t{id}\t0\t"),
        MailboxWish::Subscribe { id, on } => format!("subscribe\t{id}\t{}\t", i64::from(*on)),
    }
}

pub(super) fn read_wish(text: &str) -> Option<MailboxWish> {
    let mut fields = text.splitn(4, '\t');
    let word = fields.next()?;
    let (first, second): (i64, i64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let name = fields.next()?.to_owned();
    Some(match word {
        "create" => MailboxWish::Create { account: AccountId(first), name, id: (second != 0).then_some(MailboxId(second)) },
        "rename" => MailboxWish::Rename { id: MailboxId(first), to: name },
        "delete" => MailboxWish::Delete { id: MailboxId(first) },
        "subscribe" => MailboxWish::Subscribe { id: MailboxId(first), on: second != 0 },
        _ => return None,
    })
}

/// Row ids start at 1, so 0 stands for "no mailbox" and "no message".
fn write_placement(out: &mut Vec<u8>, placement: &Placement) {
    write_number(out, placement.mailbox.map_or(0, |mailbox| mailbox.0.cast_unsigned()));
    out.push(placement.flags.bits.0);
    write_text(out, placement.flags.keywords.as_str());
}

fn read_placement(rest: &mut &[u8]) -> Option<Placement> {
    let mailbox = Some(read_number(rest)?).filter(|&number| number != 0).map(|number| MailboxId(number.cast_signed()));
    let bits = FlagBits(read_byte(rest)?);
    let keywords = Keywords::parse(&read_text(rest)?);
    Some(Placement { mailbox, flags: Flags { bits, keywords } })
}

fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = read_byte(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn read_text(rest: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(read_number(rest)?).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(String::from_utf8_lossy(text).into_owned())
}

fn read_byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back_as_they_were() {
        let ids = vec![1, 127, 128, 70_000, i64::MAX];
        assert_eq!(read_ids(&write_ids(&ids)), ids);
        let parts = vec![Part {
            number: "2.1".into(),
            content_type: "image/png".into(),
            name: Some("é".into()),
            size: 1 << 40,
            is_attachment: true,
        }];
        assert_eq!(read_parts(&write_parts(&parts)), parts);
        let flags = Flags { bits: FlagBits(5), keywords: Keywords::parse("a b") };
        let rows = vec![Restored {
            id: MessageId(70_000),
            from: Placement { mailbox: None, flags: Flags::default() },
            to: Placement { mailbox: Some(MailboxId(3)), flags },
            copy_of: Some(MessageId(9)),
        }];
        assert_eq!(read_restored(&write_restored(&rows)), rows);
    }

    #[test]
    fn answers_come_back_as_they_were() {
        let row = |from, to| Answered { rfc_message_id: "a\tb@ü".into(), from, to };
        let rows = vec![row(Answers::AsWritten, Answers::Nothing), row(Answers::Nothing, Answers::Message("c@d".into()))];
        assert_eq!(read_answered(&write_answered(&rows)), rows);
        assert_eq!(read_answered(&[1, b'a', 9]), vec![]);
    }

    #[test]
    fn wishes_come_back_as_they_were() {
        for wish in [
            MailboxWish::Create { account: AccountId(2), name: "a\tb/ü".into(), id: Some(MailboxId(7)) },
            MailboxWish::Create { account: AccountId(2), name: "a".into(), id: None },
            MailboxWish::Rename { id: MailboxId(7), to: "x y".into() },
            MailboxWish::Delete { id: MailboxId(7) },
            MailboxWish::Subscribe { id: MailboxId(7), on: true },
        ] {
            assert_eq!(read_wish(&write_wish(&wish)), Some(wish));
        }
        assert_eq!(read_wish("create\tx"), None);
    }

    #[test]
    fn a_damaged_tail_is_left_out() {
        let whole = write_ids(&[300, 70_000]);
        for end in 0..whole.len() {
            assert!(read_ids(&whole[..end]).len() <= 1, "{end}");
        }
        assert_eq!(read_number(&mut &[0xff_u8; 12][..]), None);
    }
}
