//! Attachments, made in code: pictures that open, a PDF that opens, a ZIP that unpacks.

use super::letter::Letter;
use jiff::ToSpan;

const PRICES: &str = "berth,length_m,summer_eur,winter_eur\nA1,8,41.00,19.00\nA2,8,41.00,19.00\nB1,12,63.50,31.00\n\
                      B2,12,63.50,31.00\nC1,18,104.00,52.00\nswan,2,0.00,0.00\n";

const MINUTES: &str = "Minutes, Monday\n===============\n\nPresent: Ada, Noor, Priya, Chen, Bertil, Robin, the cat\n\n\
1  Phase two     pilings on the 2nd\n2  Staging       approved, with cake\n3  Tide board    demo by Noor\n4  Holidays      by Friday\n\n\
Next meeting: Monday, same table, other biscuits.\n";

/// The content type and bytes of a file that a letter names.
pub fn make(name: &str, letter: &Letter) -> (&'static str, Vec<u8>) {
    let subject = letter.header("Subject").unwrap_or_default();
    match name.rsplit('.').next().unwrap_or_default() {
        "png" => ("image/png", png(name)),
        "pdf" => ("application/pdf", pdf(if subject.is_ascii() { subject } else { "Noodles" })),
        "csv" => ("text/csv", PRICES.into()),
        "patch" => ("text/x-patch", patch(letter.text).into()),
        "zip" => ("application/zip", zip(&[("line-07.txt", "3.1 3.3 bicycle 3.2\n"), ("line-09.txt", "2.9 bicycle 3.0 3.0\n")])),
        _ => ("text/plain", MINUTES.into()),
    }
}

/// The diff alone, without the words around it.
fn patch(text: &str) -> String {
    let is_diff = |line: &&str| line.is_empty() || line.starts_with(['d', 'i', '-', '+', '@', ' ']);
    text.lines().skip_while(|line| !line.starts_with("diff ")).take_while(is_diff).map(|line| format!("{line}\n")).collect()
}

/// An event some days after the letter (RFC 5545).
pub fn calendar(letter: &Letter) -> String {
    let start = letter.date.checked_add(6.days()).unwrap_or_else(|_| letter.date.clone());
    let (day, summary) = (start.strftime("%Y%m%d"), letter.header("Subject").unwrap_or_default().trim_start_matches("Invitation: "));
    let stamp = letter.date.with_time_zone(jiff::tz::TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
    let lines = [
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//harbor.example//walks//EN".to_owned(),
        "METHOD:REQUEST".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{}", letter.message_id()),
        format!("DTSTAMP:{stamp}"),
        format!("DTSTART:{day}T100000"),
        format!("DTEND:{day}T113000"),
        format!("SUMMARY:{summary}"),
        "LOCATION:Pier 3\\, by the bell".to_owned(),
        "ORGANIZER;CN=Ada Fairweather:mailto:ada@harbor.example".to_owned(),
        "ATTENDEE;CN=Robin Quill;RSVP=TRUE:mailto:robin@harbor.example".to_owned(),
        "END:VEVENT".to_owned(),
        "END:VCALENDAR\n".to_owned(),
    ];
    lines.join("\n")
}

/// A one-page PDF with a line of text.
fn pdf(title: &str) -> Vec<u8> {
    let title: String = title.chars().filter(|c| c.is_ascii() && !"()\\".contains(*c)).collect();
    let stream = format!("BT /F1 18 Tf 60 760 Td ({title}) Tj 0 -30 Td /F1 11 Tf (Made for the demo.) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut out = String::from("%PDF-1.4\n");
    let mut offsets = Vec::new();
    for (at, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        out.push_str(&format!("{} 0 obj\n{object}\nendobj\n", at + 1));
    }
    let table = out.len();
    out.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    out.extend(offsets.iter().map(|offset| format!("{offset:010} 00000 n \n")));
    out.push_str(&format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", objects.len() + 1));
    out.into_bytes()
}

/// A picture of 16 colours, stored without compression: a load curve, or hills under a kite sky.
fn png(name: &str) -> Vec<u8> {
    const WIDTH: u32 = 320;
    const HEIGHT: u32 = 180;
    let is_photo = name.contains("hill");
    let mut pixels = Vec::new();
    for y in 0..HEIGHT {
        pixels.push(0);
        pixels.extend((0..WIDTH).map(|x| if is_photo { hill(x, y) } else { curve(x, y) }));
    }
    let mut header = Vec::new();
    header.extend_from_slice(&WIDTH.to_be_bytes());
    header.extend_from_slice(&HEIGHT.to_be_bytes());
    // 8 bits a pixel, palette
    header.extend_from_slice(&[8, 3, 0, 0, 0]);
    let palette: Vec<u8> = PALETTE.iter().flat_map(|color| color.to_be_bytes().into_iter().skip(1)).collect();
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib(&pixels)), (b"IEND", Vec::new())] {
        let mut body = kind.to_vec();
        body.extend_from_slice(&data);
        out.extend_from_slice(&u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
        out.extend_from_slice(&body);
        out.extend_from_slice(&crc32(&body).to_be_bytes());
    }
    out
}

const PALETTE: [u32; 8] = [0xf4f1ea, 0xd8d2c4, 0x2f6f8f, 0xbfe0ee, 0x6aa84f, 0x38761d, 0xcc4125, 0x333333];

fn curve(x: u32, y: u32) -> u8 {
    let level = 60.0 + 30.0 * (f64::from(x) / 26.0).sin() + if (150..165).contains(&x) { 60.0 } else { 0.0 };
    match (f64::from(y) - level).abs() {
        distance if distance < 2.0 => 2,
        _ if x < 2 || y > 177 => 7,
        _ if y.is_multiple_of(30) => 1,
        _ => 0,
    }
}

fn hill(x: u32, y: u32) -> u8 {
    let (x, y) = (f64::from(x), f64::from(y));
    let near = 140.0 - 40.0 * (x / 110.0).sin();
    let far = 110.0 - 25.0 * (x / 60.0 + 1.0).cos();
    match (y > near, y > far) {
        _ if (x - 230.0).abs() + (y - 45.0).abs() < 14.0 => 6,
        _ if (x - 40.0).hypot(y - near + 3.0) < 3.0 => 7,
        (true, _) => 5,
        (_, true) => 4,
        _ => 3,
    }
}

/// A zlib stream of stored blocks (RFC 1950, RFC 1951 3.2.4).
fn zlib(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks = data.chunks(0xffff).count();
    for (at, block) in data.chunks(0xffff).enumerate() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(at + 1 == blocks));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let (a, b) = data.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    out.extend_from_slice(&(b << 16 | a).to_be_bytes());
    out
}

fn crc32(data: &[u8]) -> u32 {
    !data
        .iter()
        .fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 }))
}

/// A ZIP archive of stored files.
fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let offset = u32::try_from(out.len()).unwrap_or(0);
        let size = u32::try_from(text.len()).unwrap_or(0);
        let mut fields = Vec::new();
        // version 2.0, no flags, stored, midnight of 1980-01-01
        for word in [20u16, 0, 0, 0, 0x21] {
            fields.extend_from_slice(&word.to_le_bytes());
        }
        for word in [crc32(text.as_bytes()), size, size] {
            fields.extend_from_slice(&word.to_le_bytes());
        }
        fields.extend_from_slice(&u16::try_from(name.len()).unwrap_or(0).to_le_bytes());
        fields.extend_from_slice(&[0, 0]);
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&fields);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(text.as_bytes());
        directory.extend_from_slice(b"PK\x01\x02\x14\0");
        directory.extend_from_slice(&fields);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let start = u32::try_from(out.len()).unwrap_or(0);
    let count = u16::try_from(files.len()).unwrap_or(0);
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&u32::try_from(directory.len()).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out
}
