//! How long artifacts stay: by age first, then oldest first until they fit. Kept videos go before
//! any pictures: they are large, and anybody who may send files could have them push out all else.

use std::time::{Duration, SystemTime};

use crate::domain::AnalysisId;

/// When artifacts go. Records stay; only the pictures are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// Artifacts older than this go.
    pub max_age: Duration,
    /// Beyond this many bytes in total, the oldest videos go first, then the oldest pictures.
    pub max_total_bytes: u64,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepReport {
    /// Analyses whose artifacts were older than the policy allows.
    pub removed_for_age: u64,
    /// Analyses whose artifacts had to go to fit the total.
    pub removed_for_size: u64,
    /// Bytes given back.
    pub freed_bytes: u64,
    /// Analyses that still have artifacts.
    pub kept: u64,
    /// Bytes they take.
    pub kept_bytes: u64,
    /// Folders of interrupted writes that were cleared.
    pub cleared_leftovers: u64,
}

/// The artifacts of one analysis, as a sweep sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holding {
    pub(super) id: AnalysisId,
    pub(super) stored_at: SystemTime,
    pub(super) bytes: u64,
    /// Whether it is a kept video and no pictures.
    pub(super) is_video: bool,
}

/// Which holdings go; the rest stay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct SweepPlan {
    pub(super) for_age: Vec<Holding>,
    pub(super) for_size: Vec<Holding>,
    pub(super) kept: Vec<Holding>,
}

impl SweepPlan {
    /// What the plan amounts to once it is carried out.
    pub(super) fn report(&self) -> SweepReport {
        let bytes = |holdings: &[Holding]| holdings.iter().map(|h| h.bytes).sum::<u64>();
        SweepReport {
            removed_for_age: self.for_age.len() as u64,
            removed_for_size: self.for_size.len() as u64,
            freed_bytes: bytes(&self.for_age) + bytes(&self.for_size),
            kept: self.kept.len() as u64,
            kept_bytes: bytes(&self.kept),
            cleared_leftovers: 0,
        }
    }
}

impl RetentionPolicy {
    /// Splits `holdings` at the time `now`. A holding from the future counts as new.
    pub(super) fn plan(&self, mut holdings: Vec<Holding>, now: SystemTime) -> SweepPlan {
        holdings.sort_by_key(|holding| (holding.stored_at, holding.id));
        let (for_age, young): (Vec<_>, Vec<_>) = holdings.into_iter().partition(|holding| {
            now.duration_since(holding.stored_at)
                .is_ok_and(|age| age > self.max_age)
        });
        let mut total_bytes: u64 = young.iter().map(|holding| holding.bytes).sum();
        let mut plan = SweepPlan {
            for_age,
            ..SweepPlan::default()
        };
        let (videos, pictures): (Vec<_>, Vec<_>) =
            young.into_iter().partition(|holding| holding.is_video);
        for holding in videos.into_iter().chain(pictures) {
            if total_bytes > self.max_total_bytes {
                total_bytes -= holding.bytes;
                plan.for_size.push(holding);
            } else {
                plan.kept.push(holding);
            }
        }
        plan
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn holding(number: u128, stored_at_s: u64, bytes: u64) -> Holding {
        Holding {
            id: AnalysisId::new(Uuid::from_u128(number)),
            stored_at: SystemTime::UNIX_EPOCH + Duration::from_secs(stored_at_s),
            bytes,
            is_video: false,
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn age_goes_first_and_then_the_oldest_until_the_rest_fits() {
        let policy = RetentionPolicy {
            max_age: Duration::from_secs(100),
            max_total_bytes: 50,
        };
        let (old, older_half, newer_half, new) = (
            holding(1, 0, 1_000),
            holding(2, 50, 30),
            holding(3, 60, 30),
            holding(4, 70, 20),
        );
        let plan = policy.plan(vec![new, old, newer_half, older_half], at(101));
        assert_eq!(plan.for_age, [old]);
        assert_eq!(plan.for_size, [older_half]);
        assert_eq!(plan.kept, [newer_half, new]);
    }

    #[test]
    fn a_new_video_goes_before_old_pictures() {
        let policy = RetentionPolicy {
            max_age: Duration::from_secs(100),
            max_total_bytes: 50,
        };
        let video = |number, at_s| Holding {
            is_video: true,
            ..holding(number, at_s, 30)
        };
        let pictures = holding(1, 0, 40);
        let plan = policy.plan(vec![pictures, video(2, 50), video(3, 60)], at(70));
        assert_eq!(plan.for_size, [video(2, 50), video(3, 60)]);
        assert_eq!(plan.kept, [pictures]);
    }

    #[test]
    fn exactly_the_age_and_exactly_the_total_stay_and_the_future_is_new() {
        let policy = RetentionPolicy {
            max_age: Duration::from_secs(100),
            max_total_bytes: 50,
        };
        let plan = policy.plan(vec![holding(1, 0, 25), holding(2, 999, 25)], at(100));
        assert_eq!(plan.kept.len(), 2);
    }

    proptest! {
        #[test]
        fn a_plan_loses_nothing_fits_the_total_and_never_keeps_an_older_one_it_let_go(
            stored in proptest::collection::vec((0u64..1_000, 0u64..1_000), 0..40),
            max_age_s in 0u64..1_000,
            max_total_bytes in 0u64..10_000,
        ) {
            let policy = RetentionPolicy { max_age: Duration::from_secs(max_age_s), max_total_bytes };
            let holdings: Vec<_> = stored.iter().zip(1..)
                .map(|(&(at_s, bytes), number)| holding(number, at_s, bytes)).collect();
            let plan = policy.plan(holdings.clone(), at(1_000));
            prop_assert_eq!(plan.for_age.len() + plan.for_size.len() + plan.kept.len(), holdings.len());
            prop_assert!(plan.kept.iter().map(|h| h.bytes).sum::<u64>() <= max_total_bytes);
            if let (Some(gone), Some(kept)) = (plan.for_size.last(), plan.kept.first()) {
                prop_assert!(gone.stored_at <= kept.stored_at);
            }
            if let Some((last, before)) = plan.for_size.split_last() {
                let all: u64 = plan.kept.iter().chain([last]).map(|h| h.bytes).sum();
                prop_assert!(all > max_total_bytes, "{} went for nothing, after {}", last.id, before.len());
            }
        }
    }
}
