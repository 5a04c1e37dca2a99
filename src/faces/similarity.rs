//! The least-squares similarity transform between two sets of points (Umeyama, 1991).
//!
//! In the plane it has a closed form. Written with complex numbers, a similarity without
//! reflection is `t = a·s + b`; the least-squares `a` over centred points is
//! `Σ t·conj(s) / Σ |s|²`, and `b` maps mean to mean.

/// `x' = a·x − b·y + tx`, `y' = b·x + a·y + ty`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Similarity {
    pub(super) a: f64,
    pub(super) b: f64,
    pub(super) tx: f64,
    pub(super) ty: f64,
}

impl Similarity {
    /// The transform that takes `source` closest to `target`; `None` when the points fix none.
    pub(super) fn fit<const N: usize>(
        source: &[[f64; 2]; N],
        target: &[[f64; 2]; N],
    ) -> Option<Self> {
        let (source_mean, target_mean) = (mean(source), mean(target));
        let (mut along, mut across, mut spread) = (0.0, 0.0, 0.0);
        for (s, t) in source.iter().zip(target) {
            let [sx, sy] = [s[0] - source_mean[0], s[1] - source_mean[1]];
            let [tx, ty] = [t[0] - target_mean[0], t[1] - target_mean[1]];
            along += sx * tx + sy * ty;
            across += sx * ty - sy * tx;
            spread += sx * sx + sy * sy;
        }
        let (a, b) = (along / spread, across / spread);
        let fitted = Self {
            a,
            b,
            tx: target_mean[0] - a * source_mean[0] + b * source_mean[1],
            ty: target_mean[1] - b * source_mean[0] - a * source_mean[1],
        };
        let usable = fitted.scale() > 0.0
            && [fitted.a, fitted.b, fitted.tx, fitted.ty]
                .iter()
                .all(|v| v.is_finite());
        usable.then_some(fitted)
    }

    /// Target length over source length.
    pub(super) fn scale(&self) -> f64 {
        self.a.hypot(self.b)
    }

    /// The way back.
    pub(super) fn inverse(&self) -> Self {
        let square = self.a * self.a + self.b * self.b;
        let (a, b) = (self.a / square, -self.b / square);
        Self {
            a,
            b,
            tx: b * self.ty - a * self.tx,
            ty: -b * self.tx - a * self.ty,
        }
    }

    /// Where a point goes.
    pub(super) fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        self.rows().map(|[p, q, r]| p * x + q * y + r)
    }

    /// Rows of the 2×3 matrix.
    pub(super) fn rows(&self) -> [[f64; 3]; 2] {
        [[self.a, -self.b, self.tx], [self.b, self.a, self.ty]]
    }
}

fn mean<const N: usize>(points: &[[f64; 2]; N]) -> [f64; 2] {
    let sum = |axis: usize| points.iter().map(|p| p[axis]).sum::<f64>();
    [sum(0) / N as f64, sum(1) / N as f64]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FACE: [[f64; 2]; 5] = [[3.0, 4.0], [7.0, 4.1], [5.0, 6.0], [3.5, 8.0], [6.5, 8.2]];

    fn error(m: &Similarity, target: &[[f64; 2]; 5]) -> f64 {
        let distance = |(s, t): (&[f64; 2], &[f64; 2])| {
            let [x, y] = m.apply(*s);
            (x - t[0]).powi(2) + (y - t[1]).powi(2)
        };
        FACE.iter().zip(target).map(distance).sum()
    }

    #[test]
    fn points_that_coincide_or_are_not_numbers_fix_nothing() {
        assert_eq!(Similarity::fit(&[[2.0, 3.0]; 5], &FACE), None);
        let mut broken = FACE;
        broken[2][0] = f64::NAN;
        assert_eq!(Similarity::fit(&broken, &FACE), None);
    }

    proptest! {
        #[test]
        fn a_similarity_is_found_again(
            angle in -3.1f64..3.1, scale in 0.05f64..20.0, tx in -900f64..900.0, ty in -900f64..900.0
        ) {
            let truth = Similarity { a: scale * angle.cos(), b: scale * angle.sin(), tx, ty };
            let found = Similarity::fit(&FACE, &FACE.map(|p| truth.apply(p))).unwrap();
            prop_assert!((found.a - truth.a).abs() < 1e-9 * scale.max(1.0));
            prop_assert!((found.b - truth.b).abs() < 1e-9 * scale.max(1.0));
            prop_assert!((found.tx - tx).abs() < 1e-7 && (found.ty - ty).abs() < 1e-7);
            let [x, y] = truth.inverse().apply(truth.apply(FACE[0]));
            prop_assert!((x - FACE[0][0]).abs() < 1e-7 && (y - FACE[0][1]).abs() < 1e-7);
        }

        #[test]
        fn no_nearby_similarity_fits_noisy_points_better(
            noise in proptest::array::uniform10(-1f64..1.0), nudge in proptest::array::uniform4(-0.05f64..0.05)
        ) {
            let target: [[f64; 2]; 5] =
                std::array::from_fn(|n| [FACE[n][0] + noise[2 * n], FACE[n][1] + noise[2 * n + 1]]);
            let best = Similarity::fit(&FACE, &target).unwrap();
            let other = Similarity {
                a: best.a + nudge[0], b: best.b + nudge[1], tx: best.tx + nudge[2], ty: best.ty + nudge[3],
            };
            prop_assert!(error(&best, &target) <= error(&other, &target) + 1e-9);
        }
    }
}
