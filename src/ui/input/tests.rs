use std::time::{Duration, Instant};

use super::paste::MAX_PASTE;
use super::*;

const SHORT: Duration = Duration::from_millis(1);

/// What a user meant by these bytes.
fn known() -> Vec<(&'static [u8], Option<Input>)> {
    let key = |code| Some(Input::Key(Key::plain(code)));
    let with = |code, ctrl, alt, shift| Some(Input::Key(Key { code, ctrl, alt, shift }));
    let mouse = |kind, column, row| Some(Input::Mouse(Mouse { kind, column, row }));
    vec![
        (b"\x1b[A", key(Code::Up)),
        (b"\x1b[B", key(Code::Down)),
        (b"\x1b[C", key(Code::Right)),
        (b"\x1b[D", key(Code::Left)),
        (b"\x1b[H", key(Code::Home)),
        (b"\x1b[F", key(Code::End)),
        (b"\x1b[Z", key(Code::BackTab)),
        (b"\x1bOA", key(Code::Up)),
        (b"\x1bOD", key(Code::Left)),
        (b"\x1bOP", key(Code::F(1))),
        (b"\x1bOS", key(Code::F(4))),
        (b"\x1bOM", key(Code::Enter)),
        (b"\x1bOp", key(Code::Char('0'))),
        (b"\x1bO5C", with(Code::Right, true, false, false)),
        (b"\x1bOa", with(Code::Up, true, false, false)),
        (b"\x1b[a", with(Code::Up, false, false, true)),
        (b"\x1b[1;5A", with(Code::Up, true, false, false)),
        (b"\x1b[1;2D", with(Code::Left, false, false, true)),
        (b"\x1b[1;3C", with(Code::Right, false, true, false)),
        (b"\x1b[1;8H", with(Code::Home, true, true, true)),
        (b"\x1b[1;5P", with(Code::F(1), true, false, false)),
        (b"\x1b[1~", key(Code::Home)),
        (b"\x1b[2~", key(Code::Insert)),
        (b"\x1b[3~", key(Code::Delete)),
        (b"\x1b[4~", key(Code::End)),
        (b"\x1b[5~", key(Code::PageUp)),
        (b"\x1b[6~", key(Code::PageDown)),
        (b"\x1b[7~", key(Code::Home)),
        (b"\x1b[8~", key(Code::End)),
        (b"\x1b[3;5~", with(Code::Delete, true, false, false)),
        (b"\x1b[3^", with(Code::Delete, true, false, false)),
        (b"\x1b[3$", with(Code::Delete, false, false, true)),
        (b"\x1b[3@", with(Code::Delete, true, false, true)),
        (b"\x1b[11~", key(Code::F(1))),
        (b"\x1b[15~", key(Code::F(5))),
        (b"\x1b[17~", key(Code::F(6))),
        (b"\x1b[21~", key(Code::F(10))),
        (b"\x1b[24~", key(Code::F(12))),
        (b"\x1b[34~", key(Code::F(20))),
        (b"\x1b[[A", key(Code::F(1))),
        (b"\x1b[[E", key(Code::F(5))),
        (b"\x1b[R", key(Code::F(3))),
        (b"\x1b[27u", key(Code::Esc)),
        (b"\x1b[13;2u", with(Code::Enter, false, false, true)),
        (b"\x1b[9;2u", key(Code::BackTab)),
        (b"\x1b[57420u", key(Code::Down)),
        (b"\x1b[115;5u", with(Code::Char('s'), true, false, false)),
        (b"\x1b[1099::115;5u", with(Code::Char('s'), true, false, false)),
        (b"\x1b[27;5;13~", with(Code::Enter, true, false, false)),
        (b"\x1b[97;1:3u", None),
        (b"\x1b[<0;12;5M", mouse(MouseKind::Down, 11, 4)),
        (b"\x1b[<0;12;5m", mouse(MouseKind::Up, 11, 4)),
        (b"\x1b[<32;13;5M", mouse(MouseKind::Drag, 12, 4)),
        (b"\x1b[<64;1;1M", mouse(MouseKind::WheelUp, 0, 0)),
        (b"\x1b[<69;300;200M", mouse(MouseKind::WheelDown, 299, 199)),
        (b"\x1b[<35;1;1M", None),
        (b"\x1b[<0;0;0M", None),
        (b"\x1b[<0;99999999;1M", None),
        (b"\x1b[M xy", None),
        (b"\x1b[I", Some(Input::Focus(true))),
        (b"\x1b[O", Some(Input::Focus(false))),
        (b"\x1b]11;rgb:0000/0000/0000\x07", Some(Input::Background { dark: true })),
        (b"\x1b]11;rgb:ffff/ffff/f0f0\x1b\\", Some(Input::Background { dark: false })),
        (b"\x1b]11;rgba:ff/ff/ff/ff\x1b\\", Some(Input::Background { dark: false })),
        (b"\x1b]52;c;ZWRlbGV0ZQ==\x07", None),
        (b"\x1b[?997;1n", Some(Input::Background { dark: true })),
        (b"\x1b[?997;2n", Some(Input::Background { dark: false })),
        (b"\x1b[?62;1;4c", None),
        (b"\x1b[>41;354;0c", None),
        (b"\x1b[24;80R", None),
        (b"\x1b[?2026;2$y", None),
        (b"\x1b[8;24;80t", None),
        (b"\x1bP1$r0m\x1b\\", None),
        (b"\x1bP>|edeadly(1)\x1b\\", None),
        (b"\x1b_Gi=1;OK\x1b\\", None),
        (b"\x1b[200~dd\r\nx\x1b[201~", Some(Input::Paste("dd\nx".to_owned()))),
        (b"\x1b[200~\x1b[201~", Some(Input::Paste(String::new()))),
    ]
}

#[test]
fn whole_sequences_mean_their_key() {
    let now = Instant::now();
    for (bytes, expect) in known() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.feed(bytes, now), Vec::from_iter(expect), "{:?}", String::from_utf8_lossy(bytes));
        assert_eq!(decoder.deadline(), None);
        assert_eq!(decoder.feed(b"j", now), [Input::Key(Key::char('j'))], "after {:?}", String::from_utf8_lossy(bytes));
    }
}

/// Feeds pieces with a pause before each but the first; the loop's timer runs in between.
fn feed_with_pauses(pieces: &[&[u8]], pause: Duration) -> Vec<Input> {
    let mut decoder = Decoder::default();
    let mut now = Instant::now();
    let mut out = Vec::new();
    for piece in pieces {
        out.extend(decoder.feed(piece, now));
        let next = now + pause;
        if let Some(deadline) = decoder.deadline().filter(|&deadline| deadline <= next) {
            out.extend(decoder.timeout(deadline));
        }
        now = next;
    }
    out
}

fn assert_no_verb(out: &[Input], expect: Option<&Input>, what: &str) {
    let esc = Input::Key(Key::plain(Code::Esc));
    let rest = out.strip_prefix(std::slice::from_ref(&esc)).unwrap_or(out);
    let right = rest.is_empty() || Vec::from_iter(expect) == rest.iter().collect::<Vec<_>>();
    assert!(right, "{what}: {out:?}");
}

#[test]
fn a_sequence_cut_anywhere_is_never_a_verb() {
    let pauses = [0, 1, 24, 26, 100, 400, 600, 1900];
    for (bytes, expect) in known() {
        for at in 1..bytes.len() {
            for pause in pauses {
                let out = feed_with_pauses(&[&bytes[..at], &bytes[at..]], Duration::from_millis(pause));
                let what = format!("{:?} cut at {at} for {pause} ms", String::from_utf8_lossy(bytes));
                // Split right behind its ESC for longer than tails are waited for, only what people can't type
                // in one piece is known as a tail.
                let typeable = bytes.starts_with(b"\x1b[[") || bytes.starts_with(b"\x1b[M") || !bytes.starts_with(b"\x1b[");
                if !(at == 1 && pause >= 500 && typeable) {
                    assert_no_verb(&out, expect.as_ref(), &what);
                }
            }
        }
    }
}

#[test]
fn a_sequence_trickling_byte_by_byte_is_never_a_verb() {
    for (bytes, expect) in known() {
        for pause in [1, 24, 26, 200, 450] {
            let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
            let out = feed_with_pauses(&pieces, Duration::from_millis(pause));
            assert_no_verb(&out, expect.as_ref(), &format!("{:?} at {pause} ms a byte", String::from_utf8_lossy(bytes)));
        }
    }
}

#[test]
fn plain_keys_controls_and_letters_of_all_scripts() {
    let now = Instant::now();
    let key = |bytes: &[u8]| Decoder::default().feed(bytes, now);
    for (bytes, expect) in [
        (&b"j"[..], Key::char('j')),
        (b"\r", Key::plain(Code::Enter)),
        (b"\n", Key::plain(Code::Enter)),
        (b"\t", Key::plain(Code::Tab)),
        (b"\x7f", Key::plain(Code::Backspace)),
        (b"\x08", Key::plain(Code::Backspace)),
        (b"\x01", Key::ctrl('a')),
        (b"\x1a", Key::ctrl('z')),
        (b"\0", Key::ctrl(' ')),
        (b"\x1f", Key::ctrl('_')),
        ("é".as_bytes(), Key::char('é')),
        ("伟".as_bytes(), Key::char('伟')),
        ("🇫".as_bytes(), Key::char('🇫')),
        (b"\x1bx", Key { alt: true, ..Key::char('x') }),
        (b"\x1b\r", Key { alt: true, ..Key::plain(Code::Enter) }),
        (b"\x1b\x7f", Key { alt: true, ..Key::plain(Code::Backspace) }),
    ] {
        assert_eq!(key(bytes), [Input::Key(expect)], "{bytes:?}");
    }
    for nothing in [&b"\xff"[..], b"\xc2\x9b", b"\xc0\xaf", b"\xed\xa0\x80", b"\x9b"] {
        assert_eq!(key(nothing), [], "{nothing:?}");
    }
    assert_eq!(key(b"\xe4\xbcj"), [Input::Key(Key::char('j'))], "a cut letter does not take the next key along");
}

#[test]
fn a_letter_cut_by_the_network_is_one_key() {
    let now = Instant::now();
    let mut decoder = Decoder::default();
    let bytes = "伟".as_bytes();
    assert_eq!(decoder.feed(&bytes[..1], now), []);
    assert_eq!(decoder.feed(&bytes[1..], now + Duration::from_secs(3)), [Input::Key(Key::char('伟'))]);
}

#[test]
fn a_lone_escape_is_esc_after_the_wait() {
    let now = Instant::now();
    let mut decoder = Decoder::default();
    assert_eq!(decoder.feed(b"\x1b", now), []);
    assert_eq!(decoder.deadline(), Some(now + ESC_WAIT));
    assert_eq!(decoder.timeout(now + ESC_WAIT - SHORT), []);
    assert_eq!(decoder.timeout(now + ESC_WAIT), [Input::Key(Key::plain(Code::Esc))]);
    assert_eq!(decoder.deadline(), None);
    assert_eq!(decoder.feed(b"j", now + ESC_WAIT + SHORT), [Input::Key(Key::char('j'))], "keys after Esc count");
}

#[test]
fn two_escapes_are_two() {
    let now = Instant::now();
    let mut decoder = Decoder::default();
    assert_eq!(decoder.feed(b"\x1b\x1b", now), [Input::Key(Key::plain(Code::Esc))]);
    assert_eq!(decoder.timeout(now + ESC_WAIT), [Input::Key(Key::plain(Code::Esc))]);
}

#[test]
fn pasted_text_is_never_keys() {
    for (inside, text) in [
        (&b"dd:q!\r"[..], "dd:q!\n"),
        (b"a\x1b[200~b", "a[200~b"),
        (b"\x1b[201", "[201"),
        (b"\x1b\x1b[20", "[20"),
        (b"\x03\x1a\x1b[A\x9b201~", "[A\u{fffd}201~"),
        ("陈\t伟".as_bytes(), "陈\t伟"),
    ] {
        let mut bytes = b"\x1b[200~".to_vec();
        bytes.extend_from_slice(inside);
        bytes.extend_from_slice(b"\x1b[201~");
        for at in 1..bytes.len() {
            let out = feed_with_pauses(&[&bytes[..at], &bytes[at..]], Duration::from_millis(100));
            assert!(out.contains(&Input::Paste(text.to_owned())), "{inside:?} cut at {at}: {out:?}");
            assert!(out.iter().all(|i| matches!(i, Input::Paste(_)) || *i == Input::Key(Key::plain(Code::Esc))), "{out:?}");
        }
    }
}

#[test]
fn an_endless_paste_is_bounded_and_can_be_left() {
    let now = Instant::now();
    let mut decoder = Decoder::default();
    assert_eq!(decoder.feed(b"\x1b[200~", now), []);
    for _ in 0..3 {
        assert_eq!(decoder.feed(&vec![b'd'; MAX_PASTE / 2], now), []);
    }
    let out = decoder.feed(b"\x1b[201~j", now);
    assert!(matches!(out.as_slice(), [Input::Paste(text), Input::Key(_)] if text.len() <= MAX_PASTE), "{}", out.len());
    assert_eq!(decoder.feed(b"\x1b[200~abc", now), []);
    assert_eq!(decoder.feed(b"\x03", now + SHORT), [], "part of the paste");
    assert_eq!(decoder.feed(b"\x03", now + Duration::from_secs(5)), [Input::Key(Key::ctrl('c'))]);
}

/// A small generator, so that a failure is repeated by its printed seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap()
    }
}

#[test]
fn any_bytes_leave_a_decoder_that_still_hears_keys() {
    let start = Instant::now();
    for seed in 1..3000 {
        let mut random = Random(seed * 0x9e37_79b9);
        let bytes: Vec<u8> = (0..random.next() % 40)
            .map(|_| match random.next() % 3 {
                0 => b"\x1b[O]P<?;~MmRu$0123456789"[random.next() % 24],
                1 => 0x1b,
                _ => u8::try_from(random.next() % 256).unwrap(),
            })
            .collect();
        let mut decoder = Decoder::default();
        let mut now = start;
        for piece in bytes.chunks(1 + random.next() % 5) {
            decoder.feed(piece, now);
            now += Duration::from_millis(u64::try_from(random.next() % 60).unwrap());
            decoder.timeout(now);
        }
        // Whatever was under way ends: its time-out, then at most a few keys.
        let mut heard = false;
        for _ in 0..6 {
            now += Duration::from_secs(5);
            decoder.timeout(now);
            now += Duration::from_secs(5);
            let byte = if matches!(decoder.feed(b"\x03", now).as_slice(), [.., Input::Key(key)] if *key == Key::ctrl('c')) {
                b'j'
            } else {
                continue;
            };
            heard |= decoder.feed(&[byte], now) == [Input::Key(Key::char('j'))];
        }
        assert!(heard, "seed {seed}: {bytes:?}");
    }
}
