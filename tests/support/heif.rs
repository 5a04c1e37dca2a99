//! HEIC and AVIF files, put together from pictures that the `ffmpeg` program codes (ISO 23008-12).

use std::path::Path;

use super::films;

/// What a picture is coded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Hevc,
    Av1,
}

pub(crate) const CODECS: [Codec; 2] = [Codec::Hevc, Codec::Av1];

/// A coded picture, ready to be an item of a file.
#[derive(Clone)]
pub(crate) struct Item {
    kind: [u8; 4],
    /// The size first.
    properties: Vec<Vec<u8>>,
    data: Vec<u8>,
    /// Numbers of the items that it is made of.
    made_of: Vec<u16>,
}

/// Codes the picture that `arguments` of ffmpeg tell, of these sides and bits.
pub(crate) fn coded(
    codec: Codec,
    arguments: &[&str],
    inputs: &[&Path],
    (width_px, height_px, depth): (u32, u32, u8),
) -> Item {
    let (name, coder): (_, &[&str]) = match codec {
        Codec::Hevc => (
            "a.hevc",
            &[
                "-c:v",
                "libx265",
                "-preset",
                "fast",
                "-x265-params",
                "log-level=none:crf=4:info=0",
            ],
        ),
        Codec::Av1 => (
            "a.obu",
            &[
                "-c:v",
                "libaom-av1",
                "-cpu-used",
                "8",
                "-crf",
                "4",
                "-still-picture",
                "1",
            ],
        ),
    };
    let words = [arguments, &["-frames:v", "1"], coder].concat();
    let data = std::fs::read(films::film(name, &words, inputs)).expect("a film");
    let is_full = arguments.iter().any(|word| word.contains("444"));
    let mut item = Item {
        kind: *b"av01",
        properties: vec![sides(width_px, height_px)],
        data,
        made_of: Vec::new(),
    };
    if codec == Codec::Hevc {
        item.kind = *b"hvc1";
        let units = units(&item.data);
        item.properties
            .push(hevc_configuration(&units, is_full, depth));
        let pictures = units.iter().filter(|unit| unit[0] >> 1 < 32);
        item.data = pictures.flat_map(|unit| with_size(unit)).collect();
    } else {
        let flags = u8::from(depth > 8) << 6 | if is_full { 0 } else { 0b1100 };
        let profile = u8::from(is_full) << 5;
        item.properties
            .push(boxed(b"av1C", &[0x81, profile, flags, 0]));
    }
    item
}

fn with_size(unit: &[u8]) -> Vec<u8> {
    [&(unit.len() as u32).to_be_bytes()[..], unit].concat()
}

/// The units of a byte stream (ITU-T H.265, annex B).
fn units(stream: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = (0..stream.len().saturating_sub(2))
        .filter(|at| stream[*at..*at + 3] == [0, 0, 1])
        .collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let pairs = starts.iter().zip(ends);
    pairs
        .map(|(start, end)| {
            let unit = &stream[start + 3..end];
            let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
            &unit[..unit.len() - zeros]
        })
        .collect()
}

/// ISO 14496-15, 8.3.3.1; parameter sets have the types 32 to 34.
fn hevc_configuration(units: &[&[u8]], is_full: bool, depth: u8) -> Vec<u8> {
    let mut content = vec![1, 1, 0x60, 0, 0, 0, 0x90, 0, 0, 0, 0, 0, 30, 0xf0, 0, 0xfc];
    let chroma = if is_full { 3 } else { 1 };
    content.extend([
        0xfc | chroma,
        0xf8 | (depth - 8),
        0xf8 | (depth - 8),
        0,
        0,
        0x0f,
        3,
    ]);
    for kind in 32..=34 {
        let of_kind = units.iter().find(|unit| unit[0] >> 1 == kind);
        let unit = of_kind.expect("a parameter set of each type");
        content.extend([0x80 | kind, 0, 1]);
        content.extend((unit.len() as u16).to_be_bytes());
        content.extend(*unit);
    }
    boxed(b"hvcC", &content)
}

fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = (content.len() as u32 + 8).to_be_bytes();
    [&size[..], kind, content].concat()
}

/// A box with a version and flags, all zero, or `version` first.
fn full(kind: &[u8; 4], version: u8, content: &[u8]) -> Vec<u8> {
    boxed(kind, &[&[version, 0, 0, 0], content].concat())
}

fn sides(width_px: u32, height_px: u32) -> Vec<u8> {
    full(
        b"ispe",
        0,
        &[width_px.to_be_bytes(), height_px.to_be_bytes()].concat(),
    )
}

/// So many quarter turns against the clock.
pub(crate) fn turned(quarters: u8) -> Vec<u8> {
    boxed(b"irot", &[quarters])
}

/// Mirrored top to bottom (0) or left to right (1).
pub(crate) fn mirrored(axis: u8) -> Vec<u8> {
    boxed(b"imir", &[axis])
}

/// An ICC profile.
pub(crate) fn profile(icc: &[u8]) -> Vec<u8> {
    boxed(b"colr", &[b"prof", icc].concat())
}

/// Primaries, transfer and matrix by ITU-T H.273, in the limited range.
pub(crate) fn colours(numbers: [u16; 3]) -> Vec<u8> {
    let numbers = numbers.map(u16::to_be_bytes).concat();
    boxed(b"colr", &[b"nclx", &numbers[..], &[0]].concat())
}

impl Item {
    pub(crate) fn with(mut self, property: Vec<u8>) -> Self {
        self.properties.push(property);
        self
    }

    /// The same, said to have other sides.
    pub(crate) fn said_to_have(mut self, width_px: u32, height_px: u32) -> Self {
        self.properties[0] = sides(width_px, height_px);
        self
    }

    /// A canvas of these sides, laid with the items 2, 3 … in rows of `columns`.
    pub(crate) fn grid(tiles: u16, columns: u16, (width_px, height_px): (u16, u16)) -> Self {
        let (rows, columns) = ((tiles / columns - 1) as u8, (columns - 1) as u8);
        let [width, height] = [width_px, height_px].map(u16::to_be_bytes);
        Self {
            kind: *b"grid",
            properties: vec![sides(width_px.into(), height_px.into())],
            data: [&[0, 0, rows, columns], &width[..], &height].concat(),
            made_of: (2..2 + tiles).collect(),
        }
    }

    /// As an item of another type.
    pub(crate) fn of_type(mut self, kind: [u8; 4]) -> Self {
        self.kind = kind;
        self
    }

    /// A file that holds this picture alone.
    pub(crate) fn file(&self, brand: &[u8; 4]) -> Vec<u8> {
        file(brand, std::slice::from_ref(self))
    }
}

/// A file of these items, the first of which is the primary one.
pub(crate) fn file(brand: &[u8; 4], items: &[Item]) -> Vec<u8> {
    let kind = boxed(
        b"ftyp",
        &[&brand[..], &[0; 4], b"mif1", brand, b"miaf"].concat(),
    );
    // Places are known once the size of all that comes before is.
    let before = kind.len() + description(items, 0).len() + 8;
    let data: Vec<u8> = items.iter().flat_map(|item| item.data.clone()).collect();
    [
        kind,
        description(items, before as u32),
        boxed(b"mdat", &data),
    ]
    .concat()
}

fn description(items: &[Item], first_byte: u32) -> Vec<u8> {
    let handler = [&[0; 4], &b"pict"[..], &[0; 13]].concat();
    let parts = [
        full(b"hdlr", 0, &handler),
        full(b"pitm", 0, &1u16.to_be_bytes()),
        full(b"iloc", 0, &places(items, first_byte)),
        full(b"iinf", 0, &kinds(items)),
        full(b"iref", 0, &references(items)),
        boxed(b"iprp", &properties(items)),
    ];
    full(b"meta", 0, &parts.concat())
}

/// The items with their numbers, as bytes.
fn numbered(items: &[Item]) -> impl Iterator<Item = ([u8; 2], &Item)> {
    (1u16..).map(u16::to_be_bytes).zip(items)
}

fn count(of: usize) -> [u8; 2] {
    (of as u16).to_be_bytes()
}

/// Each item in one piece, counted from a base of its own.
fn places(items: &[Item], first_byte: u32) -> Vec<u8> {
    let mut content = [&[0x44, 0x40], &count(items.len())[..]].concat();
    let mut place = first_byte;
    for (number, item) in numbered(items) {
        let size = item.data.len() as u32;
        content.extend([&number[..], &[0; 2], &place.to_be_bytes(), &count(1)].concat());
        content.extend([0u32.to_be_bytes(), size.to_be_bytes()].concat());
        place += size;
    }
    content
}

fn kinds(items: &[Item]) -> Vec<u8> {
    let mut content = count(items.len()).to_vec();
    for (number, item) in numbered(items) {
        let kind = [&number[..], &[0; 2], &item.kind, &[0]].concat();
        content.extend(full(b"infe", 2, &kind));
    }
    content
}

fn references(items: &[Item]) -> Vec<u8> {
    let made = numbered(items).filter(|(_, item)| !item.made_of.is_empty());
    made.flat_map(|(number, item)| {
        let parts: Vec<u8> = item.made_of.iter().flat_map(|n| n.to_be_bytes()).collect();
        boxed(
            b"dimg",
            &[&number[..], &count(item.made_of.len()), &parts].concat(),
        )
    })
    .collect()
}

/// All properties in one list, and which are whose.
fn properties(items: &[Item]) -> Vec<u8> {
    let all: Vec<u8> = items
        .iter()
        .flat_map(|item| item.properties.concat())
        .collect();
    let mut owners = (items.len() as u32).to_be_bytes().to_vec();
    let mut next = 1;
    for (number, item) in numbered(items) {
        let amount = item.properties.len() as u8;
        owners.extend([&number[..], &[amount]].concat());
        owners.extend((next..next + amount).map(|property| 0x80 | property));
        next += amount;
    }
    [boxed(b"ipco", &all), full(b"ipma", 0, &owners)].concat()
}
