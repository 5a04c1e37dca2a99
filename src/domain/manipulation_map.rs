//! Where in a face manipulation shows.

use super::{Logit, Probability, ScoreError};

/// How manipulated each part of an aligned crop looks to the frame model: a square of cells that
/// covers the part of the crop the model sees, row by row from the upper left.
#[derive(Debug, Clone, PartialEq)]
pub struct ManipulationMap {
    side: usize,
    cells: Vec<Probability>,
}

impl ManipulationMap {
    /// From the logits of P(manipulated) of each cell, rows of `side` cells one after another.
    ///
    /// # Errors
    /// [`ScoreError::NotSquare`] unless there are `side²` logits and at least one,
    /// [`ScoreError::NotFinite`] for infinities and NaN.
    pub fn of_logits(side: usize, logits: &[f32]) -> Result<Self, ScoreError> {
        if logits.is_empty() || side.checked_mul(side) != Some(logits.len()) {
            let cells = logits.len();
            return Err(ScoreError::NotSquare { side, cells });
        }
        let probability = |logit: &f32| Ok(Logit::new(*logit)?.probability());
        Ok(Self {
            side,
            cells: logits.iter().map(probability).collect::<Result<_, _>>()?,
        })
    }

    /// Cells along a side.
    pub fn side(&self) -> usize {
        self.side
    }

    /// `side²` probabilities, row by row.
    pub fn cells(&self) -> &[Probability] {
        &self.cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_has_a_probability_for_each_logit_in_its_place() {
        let map = ManipulationMap::of_logits(2, &[0.0, 3.0, -3.0, 0.0]).unwrap();
        let cells: Vec<f32> = map.cells().iter().map(|cell| cell.get()).collect();
        assert_eq!((map.side(), cells.len()), (2, 4));
        assert_eq!(cells[0], 0.5);
        assert!(cells[1] > 0.9 && cells[2] < 0.1, "{cells:?}");
    }

    #[test]
    fn what_is_no_square_or_no_number_is_no_map() {
        for (side, logits) in [(2, &[0.0; 3][..]), (0, &[]), (usize::MAX, &[0.0])] {
            let error = ManipulationMap::of_logits(side, logits).unwrap_err();
            assert!(matches!(error, ScoreError::NotSquare { .. }), "{error}");
        }
        assert!(ManipulationMap::of_logits(1, &[f32::NAN]).is_err());
    }
}
