//! Where in a face something was seen, in JSON.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain;

/// How manipulated each part of an aligned crop looks to a model, or how much it adds to its score: a
/// hint where to look, not a proof of where something was changed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ManipulationMap {
    /// `traces`: the cells are P(manipulated), by a frame model that was trained to say it.
    /// `contribution`: of other models, what each cell adds to the score of FAKE, followed back by its
    /// gradient; the strongest cell is as high as the model's P(fake).
    kind: MapKind,
    /// Cells along a side of the square that is covered.
    #[schema(example = 16)]
    side: usize,
    /// Side of that square as a share of the crop's; both have the same centre.
    #[schema(example = 1.0)]
    covers_ratio: f64,
    /// `side` × `side` times percent, 0 to 100, in rows from the upper left.
    cells: Vec<u8>,
}

/// What the cells of a map say.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum MapKind {
    Traces,
    Contribution,
}

impl From<&domain::ManipulationMap> for ManipulationMap {
    fn from(map: &domain::ManipulationMap) -> Self {
        Self {
            kind: match map.kind() {
                domain::MapKind::Traces => MapKind::Traces,
                domain::MapKind::Contribution => MapKind::Contribution,
            },
            side: map.side(),
            covers_ratio: (f64::from(map.covers_ratio()) * 1e4).round() / 1e4,
            cells: map.percents(),
        }
    }
}
