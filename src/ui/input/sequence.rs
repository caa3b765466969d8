//! What complete sequences mean: tables of xterm, rxvt, the Linux console and kitty's keyboard protocol.
//! Pure; unknown sequences mean nothing.

use super::{Code, Input, Key, Mouse, MouseKind};

/// Meaning of a CSI sequence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Input(Input),
    PasteStart,
    /// Three raw bytes follow (X10 encoding, from terminals without mode 1006).
    OldMouse,
    Nothing,
}

impl From<Option<Key>> for Meaning {
    fn from(key: Option<Key>) -> Self {
        key.map_or(Self::Nothing, |key| Self::Input(Input::Key(key)))
    }
}

/// C0 controls and DEL.
pub(super) fn control(byte: u8) -> Key {
    match byte {
        b'\r' | b'\n' => Key::plain(Code::Enter),
        b'\t' => Key::plain(Code::Tab),
        0x08 | 0x7f => Key::plain(Code::Backspace),
        0x1b => Key::plain(Code::Esc),
        0 => Key::ctrl(' '),
        1..=26 => Key::ctrl(char::from(byte + 0x60)),
        _ => Key::ctrl(char::from(byte.saturating_add(0x40))),
    }
}

/// SS3 sequences: `ESC O modifier? byte`.
pub(super) fn ss3(modifier: u8, byte: u8) -> Option<Key> {
    let code = match byte {
        b'a' => return Some(Key { ctrl: true, ..Key::plain(Code::Up) }),
        b'b' => return Some(Key { ctrl: true, ..Key::plain(Code::Down) }),
        b'c' => return Some(Key { ctrl: true, ..Key::plain(Code::Right) }),
        b'd' => return Some(Key { ctrl: true, ..Key::plain(Code::Left) }),
        b'M' => Code::Enter,
        b'I' => Code::Tab,
        // The application keypad.
        b'j'..=b'y' => Code::Char(char::from(byte - 0x40)),
        _ => letter(byte)?,
    };
    Some(modified(code, u32::from(modifier)))
}

/// `CSI [ A` to `CSI [ E`.
pub(super) fn linux_function(byte: u8) -> Option<Key> {
    matches!(byte, b'A'..=b'E').then(|| Key::plain(Code::F(byte - b'A' + 1)))
}

/// A whole CSI sequence: parameter and intermediate bytes, and the final one.
pub(super) fn csi(bytes: &[u8], last: u8) -> Meaning {
    if let Some(params) = bytes.strip_prefix(b"<") {
        return sgr_mouse(&numbers(params), last).map_or(Meaning::Nothing, |mouse| Meaning::Input(Input::Mouse(mouse)));
    }
    if let Some(params) = bytes.strip_prefix(b"?") {
        return match (last, numbers(params).as_slice()) {
            (b'n', [997, dark @ 1..=2]) => Meaning::Input(Input::Background { dark: *dark == 1 }),
            _ => Meaning::Nothing,
        };
    }
    if bytes.iter().any(|b| !matches!(b, b'0'..=b';')) {
        return Meaning::Nothing;
    }
    let params = numbers(bytes);
    let first = params.first().copied().unwrap_or_default();
    let modifier = params.get(1).copied().unwrap_or_default();
    match last {
        b'~' if first == 200 => Meaning::PasteStart,
        b'~' if first == 27 => match params.get(2) {
            Some(&code) => unicode_key(code, None, None, modifier).into(),
            None => Meaning::Nothing,
        },
        b'~' => numbered(first).map(|code| modified(code, modifier)).into(),
        b'^' => numbered(first).map(|code| modified(code, 5)).into(),
        b'$' => numbered(first).map(|code| modified(code, 2)).into(),
        b'@' => numbered(first).map(|code| modified(code, 6)).into(),
        b'u' => kitty(bytes).into(),
        b'I' if bytes.is_empty() => Meaning::Input(Input::Focus(true)),
        b'O' if bytes.is_empty() => Meaning::Input(Input::Focus(false)),
        b'M' if bytes.is_empty() => Meaning::OldMouse,
        b'Z' => Some(Key::plain(Code::BackTab)).into(),
        b'a'..=b'd' => letter(last.to_ascii_uppercase()).map(|code| modified(code, 2)).into(),
        // With a row and a column it is a cursor report, not F3.
        b'R' if first > 1 => Meaning::Nothing,
        b'M' | b'I' | b'O' => Meaning::Nothing,
        _ => letter(last).map(|code| modified(code, modifier)).into(),
    }
}

/// Answers to OSC questions: only the background's colour is asked.
pub(super) fn osc(bytes: &[u8]) -> Option<Input> {
    let text = std::str::from_utf8(bytes).ok()?;
    let color = text.strip_prefix("11;")?;
    let channels = color.strip_prefix("rgb:").or_else(|| color.strip_prefix("rgba:"))?;
    let mut values = channels.split('/').map(|hex| {
        let most = 16_u32.checked_pow(u32::try_from(hex.len()).ok()?)?.checked_sub(1).filter(|&most| most > 0)?;
        Some(f64::from(u32::from_str_radix(hex, 16).ok()?) / f64::from(most))
    });
    let (red, green, blue) = (values.next()??, values.next()??, values.next()??);
    Some(Input::Background { dark: 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 })
}

/// Final letters shared by CSI and SS3.
fn letter(byte: u8) -> Option<Code> {
    Some(match byte {
        b'A' => Code::Up,
        b'B' => Code::Down,
        b'C' => Code::Right,
        b'D' => Code::Left,
        b'H' => Code::Home,
        b'F' => Code::End,
        b'P'..=b'S' => Code::F(byte - b'P' + 1),
        _ => return None,
    })
}

/// `CSI n ~`: the VT220's editing keys and function keys, with the holes of its keyboard.
fn numbered(n: u32) -> Option<Code> {
    Some(match n {
        1 | 7 => Code::Home,
        2 => Code::Insert,
        3 => Code::Delete,
        4 | 8 => Code::End,
        5 => Code::PageUp,
        6 => Code::PageDown,
        11..=15 => Code::F(u8::try_from(n - 10).ok()?),
        17..=21 => Code::F(u8::try_from(n - 11).ok()?),
        23..=26 => Code::F(u8::try_from(n - 12).ok()?),
        28 | 29 => Code::F(u8::try_from(n - 13).ok()?),
        31..=34 => Code::F(u8::try_from(n - 14).ok()?),
        _ => return None,
    })
}

/// Applies xterm's modifier parameter: 1 + shift 1, alt 2, ctrl 4 (meta 8 counts as alt).
fn modified(code: Code, modifier: u32) -> Key {
    let bits = modifier.saturating_sub(1);
    let shift = bits & 1 != 0;
    let code = if code == Code::Tab && shift { Code::BackTab } else { code };
    let key = Key { code, ctrl: bits & 4 != 0, alt: bits & 10 != 0, shift: shift && code != Code::BackTab };
    if matches!(code, Code::Char(_)) { Key { shift: false, ..key } } else { key }
}

/// `CSI code:shifted:base ; modifiers:event ; text u` of kitty's protocol.
fn kitty(bytes: &[u8]) -> Option<Key> {
    const RELEASE: u32 = 3;
    let text = std::str::from_utf8(bytes).ok()?;
    let mut fields = text.split(';').map(|field| field.split(':').map(|n| n.parse::<u32>().ok()).collect::<Vec<_>>());
    let codes = fields.next()?;
    let modifiers = fields.next().unwrap_or_default();
    let sub = |list: &[Option<u32>], at: usize| list.get(at).copied().flatten();
    if sub(&modifiers, 1) == Some(RELEASE) {
        return None;
    }
    unicode_key(sub(&codes, 0)?, sub(&codes, 1), sub(&codes, 2), sub(&modifiers, 0).unwrap_or(1))
}

/// A key by code point. With ctrl or alt, the key at that place on a Latin keyboard (`base`) counts, so
/// that Ctrl-s works in every script.
fn unicode_key(code: u32, shifted: Option<u32>, base: Option<u32>, modifier: u32) -> Option<Key> {
    let bits = modifier.saturating_sub(1);
    // Super, hyper and caps lock are none of our keys; num lock and caps lock are states, not chords.
    if bits & 0b1_1000 != 0 {
        return None;
    }
    let plain = match code {
        9 => Code::Tab,
        13 | 57_414 => Code::Enter,
        27 => Code::Esc,
        127 | 8 => Code::Backspace,
        57_399..=57_408 => Code::Char(char::from_digit(code - 57_399, 10)?),
        57_417 => Code::Left,
        57_418 => Code::Right,
        57_419 => Code::Up,
        57_420 => Code::Down,
        57_421 => Code::PageUp,
        57_422 => Code::PageDown,
        57_423 => Code::Home,
        57_424 => Code::End,
        57_425 => Code::Insert,
        57_426 => Code::Delete,
        // Kitty's private numbers for keys without a character.
        57_344..=63_743 => return None,
        _ => {
            let chord = bits & 0b110 != 0;
            let number = match (chord, bits & 1 != 0) {
                (true, _) if code >= 0x80 => base.unwrap_or(code),
                (_, true) => shifted.unwrap_or(code),
                _ => code,
            };
            let c = char::from_u32(number).filter(|c| !c.is_control())?;
            let capital = bits & 1 != 0 && bits & 4 == 0;
            Code::Char(if capital { c.to_uppercase().next().unwrap_or(c) } else { c })
        }
    };
    Some(modified(plain, modifier))
}

/// `CSI < button ; column ; row M` (press) or `m` (release), 1-based.
fn sgr_mouse(params: &[u32], last: u8) -> Option<Mouse> {
    let &[button, column, row] = params else { return None };
    // Shift, alt and ctrl (4, 8, 16) make no difference here.
    let kind = match (button & !0b1_1100, last) {
        (0, b'M') => MouseKind::Down,
        (0, b'm') => MouseKind::Up,
        (32, b'M') => MouseKind::Drag,
        (64, b'M') => MouseKind::WheelUp,
        (65, b'M') => MouseKind::WheelDown,
        _ => return None,
    };
    let cell = |n: u32| u16::try_from(n.checked_sub(1)?).ok();
    Some(Mouse { kind, column: cell(column)?, row: cell(row)? })
}

/// Parameters by ";", sub-parameters left out; what is no number is 0.
fn numbers(bytes: &[u8]) -> Vec<u32> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.split(';').map(|field| field.split(':').next().and_then(|n| n.parse().ok()).unwrap_or_default()).collect()
}
