//! Whether probabilities mean what they say.

use serde::Serialize;

/// Equal slices of 0..1.
const BINS: usize = 10;

/// Videos whose probability lies in one slice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// Lower end of the slice.
    pub from: f64,
    /// Upper end.
    pub to: f64,
    /// Videos in it.
    pub count: usize,
    /// Their mean probability.
    pub mean_probability: f64,
    /// The share of them that is manipulated.
    pub share_manipulated: f64,
}

/// Calibration of a set of probabilities.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Slices that hold any video.
    pub bins: Vec<Bin>,
    /// Expected calibration error: the mean distance of the two, weighed by the count
    /// (Naeini, Cooper, Hauskrecht, AAAI 2015).
    pub expected_error: f64,
    /// Mean squared distance of probability and truth (Brier 1950).
    pub brier_score: f64,
}

/// Calibration of `(probability, is manipulated)`; `None` without any.
pub(super) fn calibration(scored: &[(f64, bool)]) -> Option<Calibration> {
    if scored.is_empty() {
        return None;
    }
    let total = scored.len() as f64;
    let bins: Vec<Bin> = (0..BINS).filter_map(|slice| bin(scored, slice)).collect();
    let distance =
        |bin: &Bin| bin.count as f64 / total * (bin.mean_probability - bin.share_manipulated).abs();
    let squares = scored
        .iter()
        .map(|(p, truth)| (p - as_number(*truth)).powi(2));
    Some(Calibration {
        expected_error: bins.iter().map(distance).sum(),
        brier_score: squares.sum::<f64>() / total,
        bins,
    })
}

/// The slice that holds `probability`; 1 belongs to the last.
pub(super) fn slice_of(probability: f64, slices: usize) -> usize {
    ((probability * slices as f64) as usize).min(slices - 1)
}

fn bin(scored: &[(f64, bool)], slice: usize) -> Option<Bin> {
    let inside: Vec<_> = (scored.iter())
        .filter(|(probability, _)| slice_of(*probability, BINS) == slice)
        .collect();
    let count = inside.len();
    let mean = |sum: f64| sum / count as f64;
    (count > 0).then(|| Bin {
        from: slice as f64 / BINS as f64,
        to: (slice + 1) as f64 / BINS as f64,
        count,
        mean_probability: mean(inside.iter().map(|(p, _)| p).sum()),
        share_manipulated: mean(inside.iter().map(|(_, truth)| as_number(*truth)).sum()),
    })
}

fn as_number(manipulated: bool) -> f64 {
    f64::from(u8::from(manipulated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_probabilities_have_no_error_and_boastful_ones_all_of_it() {
        let honest = [(0.25, false), (0.25, false), (0.25, true), (0.25, false)];
        let measured = calibration(&honest).unwrap();
        assert!(measured.expected_error.abs() < 1e-9, "{measured:?}");
        assert!((measured.brier_score - 0.1875).abs() < 1e-9);
        let boastful = [(1.0, false), (0.0, true)];
        let measured = calibration(&boastful).unwrap();
        assert_eq!((measured.expected_error, measured.brier_score), (1.0, 1.0));
        assert_eq!(measured.bins.len(), 2);
        assert_eq!(measured.bins[1].to, 1.0);
    }

    #[test]
    fn nothing_has_no_calibration() {
        assert_eq!(calibration(&[]), None);
    }
}
