//! Where in a face manipulation shows.

use serde::{Deserialize, Serialize};

use super::{Logit, Probability, ScoreError};

/// How manipulated each part of an aligned crop looks to a model, or how much it adds to its score: a
/// square of cells that covers the part of the crop the model sees, row by row from the upper left.
///
/// Stored in whole percent: a cell is a hint to the eye, and a record holds thousands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StoredMap", into = "StoredMap")]
pub struct ManipulationMap {
    kind: MapKind,
    side: usize,
    covers_ratio: f32,
    cells: Vec<Probability>,
}

/// What the cells of a map say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MapKind {
    /// P(manipulated) of the cell, by a part of the network that was trained to say it.
    #[default]
    Traces,
    /// How much the cell adds to the score, followed back through the network: the strongest one is
    /// as high as P(fake), and what adds nothing or speaks against it is 0.
    Contribution,
}

impl MapKind {
    fn is_traces(&self) -> bool {
        *self == Self::Traces
    }
}

impl ManipulationMap {
    /// From the logits of P(manipulated) of each cell, rows of `side` cells one after another, over
    /// the centred square whose side is `covers_ratio` of the crop's.
    ///
    /// # Errors
    /// [`ScoreError::NotSquare`] unless there are `side²` logits and at least one,
    /// [`ScoreError::NotFinite`] for infinities and NaN, [`ScoreError::OutOfRange`] for a
    /// `covers_ratio` that is not above 0.
    pub fn of_logits(side: usize, covers_ratio: f32, logits: &[f32]) -> Result<Self, ScoreError> {
        let probability = |logit: &f32| Ok(Logit::new(*logit)?.probability());
        let cells = logits
            .iter()
            .map(probability)
            .collect::<Result<_, ScoreError>>()?;
        Self::of_cells(MapKind::Traces, side, covers_ratio, cells)
    }

    /// From what each cell adds to `logit`, as [`Self::of_logits`] lays them out; `strongest` is the
    /// largest of those that are compared, and not above 0 where none speaks for it.
    ///
    /// # Errors
    /// As [`Self::of_logits`].
    pub fn of_contributions(
        (side, covers_ratio): (usize, f32),
        contributions: &[f32],
        strongest: f32,
        logit: Logit,
    ) -> Result<Self, ScoreError> {
        let most = logit.probability().get();
        let cell = |contribution: &f32| match (contribution.is_finite(), strongest > 0.0) {
            (false, _) => Err(ScoreError::NotFinite(*contribution)),
            (true, false) => Probability::new(0.0),
            (true, true) => Probability::new(most * (contribution / strongest).clamp(0.0, 1.0)),
        };
        let cells = contributions.iter().map(cell).collect::<Result<_, _>>()?;
        Self::of_cells(MapKind::Contribution, side, covers_ratio, cells)
    }

    fn of_cells(
        kind: MapKind,
        side: usize,
        covers_ratio: f32,
        cells: Vec<Probability>,
    ) -> Result<Self, ScoreError> {
        if cells.is_empty() || side.checked_mul(side) != Some(cells.len()) {
            let cells = cells.len();
            return Err(ScoreError::NotSquare { side, cells });
        }
        if !(covers_ratio.is_finite() && covers_ratio > 0.0) {
            return Err(ScoreError::OutOfRange(covers_ratio));
        }
        Ok(Self {
            kind,
            side,
            covers_ratio,
            cells,
        })
    }

    /// What the cells say.
    pub fn kind(&self) -> MapKind {
        self.kind
    }

    /// Cells along a side.
    pub fn side(&self) -> usize {
        self.side
    }

    /// The share of the crop's side that the map covers, about the crop's centre: above 0, and above 1
    /// where the model sees a border around the crop.
    pub fn covers_ratio(&self) -> f32 {
        self.covers_ratio
    }

    /// `side²` probabilities, row by row.
    pub fn cells(&self) -> &[Probability] {
        &self.cells
    }

    /// The cells in whole percent, 0 to 100, row by row.
    pub fn percents(&self) -> Vec<u8> {
        // A probability is at most 1, so that the product fits.
        let percent = |cell: &Probability| (cell.get() * 100.0).round() as u8;
        self.cells.iter().map(percent).collect()
    }
}

/// The form in a record.
#[derive(Serialize, Deserialize)]
struct StoredMap {
    /// Older records have only traces.
    #[serde(default, skip_serializing_if = "MapKind::is_traces")]
    kind: MapKind,
    side: usize,
    covers_ratio: f32,
    /// Percent.
    cells: Vec<u8>,
}

impl From<ManipulationMap> for StoredMap {
    fn from(map: ManipulationMap) -> Self {
        Self {
            kind: map.kind,
            side: map.side,
            covers_ratio: map.covers_ratio,
            cells: map.percents(),
        }
    }
}

impl TryFrom<StoredMap> for ManipulationMap {
    type Error = ScoreError;

    fn try_from(stored: StoredMap) -> Result<Self, ScoreError> {
        let cells = (stored.cells.iter())
            .map(|percent| Probability::new(f32::from(*percent) / 100.0))
            .collect::<Result<_, _>>()?;
        Self::of_cells(stored.kind, stored.side, stored.covers_ratio, cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_has_a_probability_for_each_logit_in_its_place() {
        let map = ManipulationMap::of_logits(2, 1.0, &[0.0, 3.0, -3.0, 0.0]).unwrap();
        let cells: Vec<f32> = map.cells().iter().map(|cell| cell.get()).collect();
        assert_eq!((map.side(), cells.len()), (2, 4));
        assert_eq!(cells[0], 0.5);
        assert!(cells[1] > 0.9 && cells[2] < 0.1, "{cells:?}");
        assert_eq!(map.percents(), [50, 95, 5, 50]);
    }

    #[test]
    fn what_a_cell_adds_is_shown_up_to_the_probability_and_kept_as_such() {
        let logit = Logit::new(3.0).unwrap();
        let parts = [2.0, 1.0, -4.0, 0.0];
        let map = ManipulationMap::of_contributions((2, 1.0), &parts, 2.0, logit).unwrap();
        assert_eq!(
            (map.kind(), map.percents()),
            (MapKind::Contribution, vec![95, 48, 0, 0])
        );
        let read: ManipulationMap =
            serde_json::from_str(&serde_json::to_string(&map).unwrap()).unwrap();
        assert_eq!(read.kind(), MapKind::Contribution);
        let nothing = ManipulationMap::of_contributions((1, 1.0), &[-1.0], 0.0, logit).unwrap();
        assert_eq!(nothing.percents(), [0]);
        for odd in [f32::NAN, f32::INFINITY] {
            assert!(ManipulationMap::of_contributions((1, 1.0), &[odd], 1.0, logit).is_err());
        }
    }

    #[test]
    fn what_is_no_square_or_no_number_is_no_map() {
        for (side, logits) in [(2, &[0.0; 3][..]), (0, &[]), (usize::MAX, &[0.0])] {
            let error = ManipulationMap::of_logits(side, 1.0, logits).unwrap_err();
            assert!(matches!(error, ScoreError::NotSquare { .. }), "{error}");
        }
        assert!(ManipulationMap::of_logits(1, 1.0, &[f32::NAN]).is_err());
        for beyond in [0.0, -1.0, f32::NAN] {
            assert!(ManipulationMap::of_logits(1, beyond, &[0.0]).is_err());
        }
    }

    #[test]
    fn a_map_is_kept_to_the_percent_and_a_wrong_record_is_refused() {
        let map = ManipulationMap::of_logits(2, 0.875, &[0.0, 3.0, -3.0, 9.0]).unwrap();
        let stored = serde_json::to_string(&map).unwrap();
        assert_eq!(
            stored,
            r#"{"side":2,"covers_ratio":0.875,"cells":[50,95,5,100]}"#
        );
        let read: ManipulationMap = serde_json::from_str(&stored).unwrap();
        assert_eq!(read.percents(), map.percents());
        for wrong in [("[50", "[101"), ("[50,", "["), ("0.875", "0.0")] {
            let changed = stored.replace(wrong.0, wrong.1);
            assert!(serde_json::from_str::<ManipulationMap>(&changed).is_err());
        }
    }
}
