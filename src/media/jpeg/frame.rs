//! Frame headers (T.81, B.2.2): what a picture is made of.

/// What a frame header says.
pub(super) struct Frame {
    pub(super) is_progressive: bool,
    pub(super) height: u32,
    pub(super) components: Vec<Component>,
    pub(super) width: u32,
    /// Largest sampling factors, horizontally and vertically.
    pub(super) most: (u32, u32),
}

/// One plane of a frame.
pub(super) struct Component {
    pub(super) number: u8,
    /// Sampling factors, horizontally and vertically.
    pub(super) sampling: (u32, u32),
    /// Blocks in a row of whole units.
    pub(super) blocks_across: usize,
    /// Of a progressive frame, for each block the coefficients that are not zero so far.
    pub(super) known: Vec<u64>,
    /// Coefficients that have been sent to their last bit.
    pub(super) finished: u64,
}

impl Frame {
    pub(super) fn read(segment: &[u8], is_progressive: bool) -> Option<Self> {
        let (&[8, high, low, wide, narrow, count], listed) = segment.split_first_chunk()? else {
            return None;
        };
        let height = u32::from(u16::from_be_bytes([high, low]));
        let width = u32::from(u16::from_be_bytes([wide, narrow]));
        let listed = listed.chunks_exact(3);
        if width == 0
            || height == 0
            || !(1..=4).contains(&count)
            || listed.len() != usize::from(count)
        {
            return None;
        }
        let sampling: Vec<_> = (listed.clone())
            .map(|entry| (u32::from(entry[1] >> 4), u32::from(entry[1] & 15)))
            .collect();
        if !sampling
            .iter()
            .all(|(h, v)| (1..=4).contains(h) && (1..=4).contains(v))
        {
            return None;
        }
        let most = sampling
            .iter()
            .fold((1, 1), |m, s| (m.0.max(s.0), m.1.max(s.1)));
        let units = (width.div_ceil(8 * most.0), height.div_ceil(8 * most.1));
        let components = listed.zip(sampling).map(|(entry, sampling)| {
            let blocks_across = (units.0 * sampling.0) as usize;
            let blocks = blocks_across * (units.1 * sampling.1) as usize;
            Component {
                number: entry[0],
                sampling,
                blocks_across,
                known: vec![0; if is_progressive { blocks } else { 0 }],
                finished: 0,
            }
        });
        Some(Self {
            is_progressive,
            height,
            components: components.collect(),
            width,
            most,
        })
    }
}

impl Component {
    pub(super) fn is_complete(&self) -> bool {
        self.finished == u64::MAX
    }
}
