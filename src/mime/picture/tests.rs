use super::*;
use image::codecs::gif::GifEncoder;
use image::{Frame, GrayImage, ImageBuffer, Rgb as Pixel, RgbImage, RgbaImage};

const ROOM: Room = Room { columns: 20, rows: 10 };
const RED: Rgb = [255, 0, 0];
const BLUE: Rgb = [0, 0, 255];
const WHITE: Rgb = [255; 3];

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image.into().write_to(&mut out, format).unwrap();
    out.into_inner()
}

/// Red above, blue below.
fn flag(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |_, y| Pixel(if y < height / 2 { RED } else { BLUE }))
}

fn shape(drawn: &Drawn) -> (usize, usize) {
    (drawn.rows[0].len(), drawn.rows.len())
}

/// As far apart as a lossy file may be.
fn is_near(one: Rgb, other: Rgb) -> bool {
    one.iter().zip(other).all(|(one, other)| one.abs_diff(other) < 12)
}

#[test]
fn each_kind_is_drawn_by_what_it_is() {
    for (format, kind) in KINDS {
        let drawn = draw(&encoded(flag(40, 40), format), ROOM).unwrap();
        assert_eq!((drawn.kind, drawn.size, shape(&drawn)), (kind, (40, 40), (20, 10)));
        assert!(is_near(drawn.rows[0][0][0], RED) && is_near(drawn.rows[9][19][1], BLUE), "{kind}: {:?}", drawn.rows);
    }
}

#[test]
fn a_picture_fits_the_room_keeps_its_shape_and_is_never_enlarged() {
    for (size, room, expect) in [
        ((400, 400), ROOM, (20, 10)),
        ((400, 100), ROOM, (20, 3)),
        ((100, 400), ROOM, (5, 10)),
        ((6, 3), ROOM, (6, 2)),
        ((3000, 1), ROOM, (20, 1)),
        ((1, 3000), ROOM, (1, 10)),
        ((400, 400), Room { columns: 0, rows: 0 }, (4, 2)),
        ((400, 400), Room { columns: u16::MAX, rows: u16::MAX }, (400, 200)),
    ] {
        let drawn = draw(&encoded(flag(size.0, size.1), ImageFormat::Png), room).unwrap();
        assert_eq!(shape(&drawn), expect, "{size:?} in {room:?}");
        assert!(drawn.rows.iter().all(|row| row.len() == expect.0));
    }
    let odd = draw(&encoded(flag(6, 3), ImageFormat::Png), ROOM).unwrap();
    assert_eq!(odd.rows[1][0], [BLUE, WHITE], "below the last line there is the ground");
}

#[test]
fn what_is_seen_through_is_on_white() {
    let drawn = draw(&encoded(RgbaImage::from_pixel(4, 2, Rgba([0, 0, 0, 0])), ImageFormat::Png), ROOM).unwrap();
    assert_eq!(drawn.rows, [[[WHITE; 2]; 4]]);
    assert_eq!(on_white(Rgba([0, 0, 255, 128])), [127, 127, 255]);
}

#[test]
fn sixteen_bits_and_greys_are_drawn_and_sums_of_large_areas_hold() {
    let wide: ImageBuffer<Pixel<u16>, Vec<u16>> = ImageBuffer::from_pixel(1200, 1200, Pixel([u16::MAX, 0, 0]));
    let drawn = draw(&encoded(wide, ImageFormat::Png), Room { columns: 1, rows: 1 }).unwrap();
    assert_eq!(drawn.rows[0][0], [RED; 2]);
    let grey = draw(&encoded(GrayImage::from_pixel(8, 8, image::Luma([90])), ImageFormat::Png), ROOM).unwrap();
    assert_eq!(grey.rows[0][0], [[90; 3]; 2]);
}

#[test]
fn of_a_moving_picture_the_first_is_drawn() {
    let mut moving = Vec::new();
    let frames = [RED, BLUE].map(|[red, green, blue]| Frame::new(RgbaImage::from_pixel(4, 4, Rgba([red, green, blue, 255]))));
    GifEncoder::new(&mut moving).encode_frames(frames).unwrap();
    assert_eq!(draw(&moving, ROOM).unwrap().rows, [[[RED; 2]; 4], [[RED; 2]; 4]]);
}

#[test]
fn a_photo_that_lies_on_its_side_is_put_upright() {
    let jpeg = encoded(flag(80, 40), ImageFormat::Jpeg);
    // behind the first mark: an Exif block with one entry, the orientation (0x112), which is 6: to be turned to the right
    let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let turned = [&jpeg[..2], exif, &jpeg[2..]].concat();
    let drawn = draw(&turned, ROOM).unwrap();
    assert_eq!(shape(&drawn), (10, 10));
    assert!(is_near(drawn.rows[5][9][0], RED) && is_near(drawn.rows[5][0][0], BLUE));
}

/// A PNG of this size that has no pixels.
fn hollow_png(width: u32, height: u32) -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| {
        let body = [kind, data].concat();
        let mut crc = flate2::Crc::new();
        crc.update(&body);
        [&u32::try_from(data.len()).unwrap().to_be_bytes()[..], &body, &crc.sum().to_be_bytes()].concat()
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunk(b"IDAT", b"\x78\x9c\x03\0\0\0\0\x01"), chunk(b"IEND", b"")].concat()
}

#[test]
fn a_bomb_is_known_by_its_header() {
    let huge_jpeg = {
        let mut jpeg = encoded(flag(8, 8), ImageFormat::Jpeg);
        let frame = jpeg.windows(2).position(|mark| mark == b"\xff\xc0").unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
        jpeg
    };
    let huge_gif = {
        let mut gif = encoded(flag(8, 8), ImageFormat::Gif);
        gif[6..10].copy_from_slice(&[0xff; 4]);
        gif
    };
    for (bomb, size) in [(hollow_png(50_000, 50_000), "50000×50000"), (huge_jpeg, "65500×65500"), (huge_gif, "65535×65535")] {
        assert_eq!(draw(&bomb, ROOM), Err(format!("{size} pixels are too many")));
    }
    assert_eq!(draw(&hollow_png(0x7fff_ffff, 0x7fff_ffff), ROOM), Err("it would take too much memory".to_owned()));
    assert!(draw(&vec![0; MAX_OCTETS + 1], ROOM).unwrap_err().contains("64 MiB"));
}

#[test]
fn what_is_no_picture_or_broken_is_said_to_be_so() {
    for octets in [&b""[..], b"%PDF-1.7", b"<svg/>", b"II*\0", b"BM", b"qoif", b"\x89PN"] {
        assert_eq!(draw(octets, ROOM), Err("it is no PNG, JPEG, GIF or WebP".to_owned()), "{}", octets.escape_ascii());
    }
    assert!(draw(&hollow_png(0, 0), ROOM).is_err());
    assert_eq!(draw(&hollow_png(8, 8), ROOM), Err("it is broken".to_owned()));
}

#[test]
fn no_cut_and_no_wrong_octet_is_more_than_an_error() {
    for (format, kind) in KINDS {
        let whole = encoded(flag(9, 7), format);
        for at in 0..whole.len() {
            let _ = draw(&whole[..at], ROOM);
            for wrong in [0, 0xff, whole[at] ^ 1, whole[at] ^ 0x80] {
                let mut octets = whole.clone();
                octets[at] = wrong;
                if let Ok(drawn) = draw(&octets, ROOM) {
                    let (columns, rows) = shape(&drawn);
                    assert!(columns <= 20 && rows <= 10, "{kind} with {wrong:#x} at {at}: {columns}×{rows}");
                }
            }
        }
    }
}
