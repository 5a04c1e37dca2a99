//! Drawings that a page shows as SVG and a PDF as its own lines.

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour(pub(super) u8, pub(super) u8, pub(super) u8);

impl Colour {
    pub(super) const BLACK: Self = Self(0x1b, 0x1f, 0x24);
    pub(super) const GREY: Self = Self(0x5a, 0x63, 0x6e);
    pub(super) const PALE: Self = Self(0xe4, 0xe7, 0xeb);
    pub(super) const WHITE: Self = Self(0xff, 0xff, 0xff);
    /// The rest is of Okabe and Ito: people who confuse colours tell them apart.
    pub(super) const BLUE: Self = Self(0x00, 0x72, 0xb2);
    pub(super) const VERMILION: Self = Self(0xd5, 0x5e, 0x00);
    pub(super) const GREEN: Self = Self(0x00, 0x9e, 0x73);
    pub(super) const AMBER: Self = Self(0x9a, 0x6a, 0x00);
    pub(super) const PURPLE: Self = Self(0xcc, 0x79, 0xa7);

    /// `#rrggbb`.
    pub(super) fn hex(self) -> String {
        let Self(red, green, blue) = self;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }
}

/// A rectangle, in points from the upper left of its drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
}

/// Which end of a text stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// One thing that is drawn; later ones cover earlier ones.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mark<'a> {
    /// A JPEG, stretched over the area.
    Picture { area: Area, jpeg: &'a [u8] },
    /// A filled area; 0 is invisible, 1 covers.
    Fill {
        area: Area,
        colour: Colour,
        opacity: f32,
    },
    /// The edge of an area.
    Outline {
        area: Area,
        colour: Colour,
        width: f32,
    },
    /// Lines from point to point.
    Line {
        points: Vec<(f32, f32)>,
        colour: Colour,
        width: f32,
        is_dashed: bool,
    },
    /// Text on a base line.
    Text {
        at: (f32, f32),
        text: String,
        size: f32,
        colour: Colour,
        anchor: Anchor,
    },
}

/// Marks on a sheet of this size in points. What reaches beyond is cut off.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drawing<'a> {
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) marks: Vec<Mark<'a>>,
    /// What it shows, for those who do not see it.
    pub(super) description: String,
}
