//! What the method cannot do, in plain words.

use super::document::Block;
use crate::domain::{Analysis, MediaKind};

/// The limits, those of stills among them where the file is one.
pub(super) fn limits<'a>(analysis: &Analysis) -> Vec<Block<'a>> {
    let kind_of_file = match analysis.media.kind {
        MediaKind::Video => format!(
            "Of the video, {} frames were looked at. What happens between them was not seen.",
            analysis.frames.len()
        ),
        MediaKind::Image => {
            "A still image shows no motion: half of what the models can judge in a \
                             video is missing."
                .into()
        }
    };
    let limits = [
        "Only faces are judged. Voice, words, captions, background, cuts and context are not: a \
         genuine face may stand in a false story."
            .into(),
        kind_of_file,
        "The models learned from examples. Manipulations of another kind than those are found badly \
         or not at all, and unusual genuine pictures (heavy make-up, filters, screens filmed off, \
         profiles, strong compression) can be called FAKE."
            .into(),
        "Every further encoding, scaling or screenshot takes traces away and adds others. The \
         original file says most; ask for it."
            .into(),
        "Who knows the models can make a video that they misjudge.".into(),
        "How often the models err differs between groups of people. Do not compare people by their \
         scores."
            .into(),
    ];
    vec![Block::List(limits.into())]
}
