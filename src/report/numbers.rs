//! Numbers and moments as a report writes them.

use time::{OffsetDateTime, UtcOffset};

use crate::domain::Probability;

/// `99.97 %`.
pub(super) fn percent(probability: Probability) -> String {
    format!("{:.2} %", f64::from(probability.get()) * 100.0)
}

/// `99.97 %`, or a dash where there is none.
pub(super) fn percent_or_dash(probability: Option<Probability>) -> String {
    probability.map_or_else(|| "–".into(), percent)
}

/// `63 %`, or `34.2 %` where that is needed.
pub(super) fn threshold(probability: Probability) -> String {
    let percent = f64::from(probability.get()) * 100.0;
    let tenths = (percent * 10.0).round() / 10.0;
    format!("{tenths} %")
}

/// `1.480 s`, or what stands for a time that the file does not state.
pub(super) fn seconds(time_s: Option<f64>) -> String {
    time_s.map_or_else(|| "time not stated".into(), |s| format!("{s:.3} s"))
}

/// `28 November 2026, 22:15:03 UTC`.
pub(super) fn moment(moment: OffsetDateTime) -> String {
    let utc = moment.to_offset(UtcOffset::UTC);
    format!(
        "{} {} {}, {:02}:{:02}:{:02} UTC",
        utc.day(),
        utc.month(),
        utc.year(),
        utc.hour(),
        utc.minute(),
        utc.second()
    )
}

/// `1,234,567 bytes`.
pub(super) fn bytes(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} bytes")
}

/// `2 of 46 (4 %)`.
pub(super) fn share(count: u32, of: u32) -> String {
    match of {
        0 => "– (of none)".into(),
        of => {
            let percent = f64::from(count) / f64::from(of) * 100.0;
            format!("{count} of {of} ({percent:.0} %)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        let p = |value| Probability::new(value).unwrap();
        assert_eq!(percent(p(0.999_724)), "99.97 %");
        assert_eq!(threshold(p(0.63)), "63 %");
        assert_eq!(threshold(p(0.342)), "34.2 %");
        assert_eq!(bytes(12), "12 bytes");
        assert_eq!(bytes(1_234_567), "1,234,567 bytes");
        assert_eq!(share(2, 46), "2 of 46 (4 %)");
        assert_eq!(
            moment(OffsetDateTime::UNIX_EPOCH),
            "1 January 1970, 00:00:00 UTC"
        );
    }
}
