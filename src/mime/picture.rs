//! A picture's octets to rows of half cells. The one place that knows `image`: which kinds are read and how large one may be is
//! decided here, from its header, before anything of it is decoded.

use crate::mail::page::{Halves, Rgb};
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, Rgba};
use std::io::Cursor;

/// Octets of a file that are looked at.
const MAX_OCTETS: usize = 64 * 1024 * 1024;
/// Octets of pixels of one picture: 44 megapixels of a photo.
const MAX_DECODED: u64 = 128 * 1024 * 1024;
/// What a decoder may need beside them.
const BESIDE: u64 = 64 * 1024 * 1024;
/// What is read by these decoders; a kind is known by its first octets, whatever the message says.
const KINDS: [(ImageFormat, &str); 4] =
    [(ImageFormat::Png, "PNG"), (ImageFormat::Jpeg, "JPEG"), (ImageFormat::Gif, "GIF"), (ImageFormat::WebP, "WebP")];

/// Cells that a picture may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub columns: u16,
    pub rows: u16,
}

/// A picture as it is drawn.
#[derive(Debug, PartialEq, Eq)]
pub struct Drawn {
    pub rows: Vec<Vec<Halves>>,
    /// Pixels of the picture itself.
    pub size: (u32, u32),
    /// "PNG".
    pub kind: &'static str,
    /// Octets that its pixels took.
    pub cost: u64,
}

/// Scales a picture down (never up) to the room there is, upright, on white as mail is. Of a moving one the first picture.
///
/// # Errors
/// Why it can't be drawn, to be said behind "can't be drawn: ".
pub fn draw(octets: &[u8], room: Room) -> Result<Drawn, String> {
    if octets.len() > MAX_OCTETS {
        return Err("its file is larger than 64 MiB".to_owned());
    }
    let (format, kind) = kind(octets).ok_or("it is no PNG, JPEG, GIF or WebP")?;
    let mut reader = ImageReader::with_format(Cursor::new(octets), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(|error| why(&error))?;
    let size = decoder.dimensions();
    let four = if is_of_8_bits(decoder.color_type()) { 0 } else { 4 * u64::from(size.0) * u64::from(size.1) };
    let cost = decoder.total_bytes().saturating_add(four);
    if size.0 == 0 || size.1 == 0 {
        return Err("it has no pixels".to_owned());
    }
    if cost > MAX_DECODED {
        return Err(format!("{}×{} pixels are too many", size.0, size.1));
    }
    let turned = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let whole = DynamicImage::from_decoder(decoder).map_err(|error| why(&error))?;
    let small = scaled(whole, turned, room);
    let (columns, lines) = (small.width(), small.height());
    // below the last line of an odd number there is the ground
    let at = |x, y| if y < lines { on_white(*small.get_pixel(x, y)) } else { [255; 3] };
    let rows = (0..lines.div_ceil(2)).map(|row| (0..columns).map(|x| [at(x, 2 * row), at(x, 2 * row + 1)]).collect());
    Ok(Drawn { rows: rows.collect(), size, kind, cost })
}

fn kind(octets: &[u8]) -> Option<(ImageFormat, &'static str)> {
    let format = image::guess_format(octets).ok()?;
    KINDS.into_iter().find(|(known, _)| *known == format)
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED + BESIDE);
    limits
}

/// Sums over large areas are made for 8 bits; others become four octets a pixel beside what was read.
const fn is_of_8_bits(color: ColorType) -> bool {
    matches!(color, ColorType::L8 | ColorType::La8 | ColorType::Rgb8 | ColorType::Rgba8)
}

/// As many pixels as there are half cells, at most.
fn scaled(whole: DynamicImage, turned: Orientation, room: Room) -> image::RgbaImage {
    let whole = if is_of_8_bits(whole.color()) { whole } else { DynamicImage::ImageRgba8(whole.to_rgba8()) };
    let (columns, lines) = (u32::from(room.columns).max(MIN_SIDE), 2 * u32::from(room.rows).max(MIN_SIDE));
    let is_lying =
        matches!(turned, Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH);
    let (columns, lines) = if is_lying { (lines, columns) } else { (columns, lines) };
    let (width, height) = (f64::from(whole.width()), f64::from(whole.height()));
    let factor = (f64::from(columns) / width).min(f64::from(lines) / height).min(1.0);
    let side = |length: f64| (length * factor).round().max(1.0) as u32;
    let mut small = whole.thumbnail_exact(side(width), side(height));
    small.apply_orientation(turned);
    small.to_rgba8()
}

/// The least that is drawn; smaller ones would be sums of too many pixels.
const MIN_SIDE: u32 = 4;

fn on_white(Rgba([red, green, blue, alpha]): Rgba<u8>) -> Rgb {
    let over = |color: u8| {
        let (color, alpha) = (u16::from(color), u16::from(alpha));
        u8::try_from((color * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
    };
    [over(red), over(green), over(blue)]
}

/// What a decoder said, in our words: theirs may quote the file.
fn why(error: &ImageError) -> String {
    match error {
        ImageError::Limits(_) => "it would take too much memory",
        ImageError::Unsupported(_) => "it is of a kind that is not known here",
        _ => "it is broken",
    }
    .to_owned()
}

#[cfg(test)]
mod tests;
