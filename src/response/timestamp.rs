//! `2022-05-25T12:23:34.381614`: Python's `datetime.isoformat()`, in UTC.

/// Length of a formatted timestamp, in bytes.
pub const LENGTH: usize = 26;

/// Formats microseconds since 1970-01-01T00:00:00 UTC; the microseconds always stand there, six digits.
///
/// The caller keeps the time within the years 1970 to 9999.
pub fn format(micros: u64) -> [u8; LENGTH] {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_from_days(days);
    let mut out = *b"0000-00-00T00:00:00.000000";
    digits(&mut out[0..4], year);
    digits(&mut out[5..7], month);
    digits(&mut out[8..10], day);
    digits(&mut out[11..13], of_day / 3_600);
    digits(&mut out[14..16], of_day / 60 % 60);
    digits(&mut out[17..19], of_day % 60);
    digits(&mut out[20..26], fraction);
    out
}

/// Length of a time in the common log format, in bytes.
pub const COMMON_LOG_LENGTH: usize = 28;

/// `[25/May/2022:12:23:34 +0000]`: seconds since 1970-01-01T00:00:00 UTC in the common log format, in UTC.
///
/// The caller keeps the time within the years 1970 to 9999.
pub fn common_log(seconds: u64) -> [u8; COMMON_LOG_LENGTH] {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_from_days(days);
    let mut out = *b"[00/Jan/0000:00:00:00 +0000]";
    digits(&mut out[1..3], day);
    out[4..7].copy_from_slice(&MONTHS[(month - 1) as usize * 3..][..3]);
    digits(&mut out[8..12], year);
    digits(&mut out[13..15], of_day / 3_600);
    digits(&mut out[16..18], of_day / 60 % 60);
    digits(&mut out[19..21], of_day % 60);
    out
}

/// Writes `value` into all of `out`, zeros in front.
fn digits(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Year, month and day of a day since 1970-01-01: Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>), for days that are not negative.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // days since 0000-03-01, so that a leap day ends its year
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::{common_log, format};

    #[test]
    fn timestamps_are_pythons() {
        // `datetime.fromtimestamp(t, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")`
        for (micros, expected) in [
            (0, "1970-01-01T00:00:00.000000"),
            (1_653_481_414_381_614, "2022-05-25T12:23:34.381614"),
            (951_782_399_999_999, "2000-02-28T23:59:59.999999"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000"),
            (4_107_542_400_000_001, "2100-03-01T00:00:00.000001"),
            (253_402_300_799_000_000, "9999-12-31T23:59:59.000000"),
        ] {
            assert_eq!(std::str::from_utf8(&format(micros)).unwrap(), expected);
        }
    }

    #[test]
    fn log_times_are_those_of_strftime() {
        // `time.strftime("[%d/%b/%Y:%H:%M:%S +0000]", time.gmtime(t))`
        for (seconds, expected) in [
            (0, "[01/Jan/1970:00:00:00 +0000]"),
            (1_653_481_414, "[25/May/2022:12:23:34 +0000]"),
            (951_782_399, "[28/Feb/2000:23:59:59 +0000]"),
            (1_798_761_599, "[31/Dec/2026:23:59:59 +0000]"),
        ] {
            assert_eq!(std::str::from_utf8(&common_log(seconds)).unwrap(), expected);
        }
    }
}
