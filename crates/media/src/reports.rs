//! Clocks of sender reports: each publisher's NTP clock is laid onto the server's once, the same for all of
//! their streams, so that a viewer sees one clock however slots switch and lips stay with their sound.
//! Used by publications and slots; told the time.

use std::time::{Duration, Instant};

/// Seconds on the server's NTP clock when the engine was made; only differences matter.
const BASE_S: u64 = 0xe000_0000;
/// A publisher's clock that jumped further than this was set anew.
const JUMP_US: i64 = 500_000;

/// The server's clock: microseconds since the engine was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn new(start: Instant) -> Self {
        Self { start }
    }

    /// Microseconds since the start.
    pub(crate) fn us(&self, now: Instant) -> i64 {
        now.saturating_duration_since(self.start).as_micros() as i64
    }

    /// The NTP form (RFC 3550, clause 4) of a time of this clock.
    pub(crate) fn ntp(us: i64) -> u64 {
        let seconds = BASE_S.wrapping_add_signed(us.div_euclid(1_000_000));
        let fraction = (us.rem_euclid(1_000_000) as u64) << 32;
        (seconds << 32) | (fraction / 1_000_000)
    }
}

/// The round-trip time that a report block tells: when it came, which of our reports it saw last (0: none) and how long
/// before (RFC 3550, clause 6.4.1). More than a minute is nonsense.
pub(crate) fn round_trip(ntp: u64, last_report: u32, delay: u32) -> Option<Duration> {
    let trip = ((ntp >> 16) as u32).wrapping_sub(last_report).wrapping_sub(delay);
    (last_report != 0 && trip < 60 << 16).then(|| Duration::from_micros(u64::from(trip) * 1_000_000 / 65_536))
}

/// The distance of one publisher's clock from the server's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClockOffset(Option<i64>);

impl ClockOffset {
    /// Lays the time of a sender report onto the server's clock. All streams of a publisher must use the same offset.
    pub(crate) fn server_us(&mut self, arrived_us: i64, ntp: u64) -> i64 {
        let theirs = ((ntp >> 32) as i64) * 1_000_000 + (((ntp & 0xffff_ffff) * 1_000_000) >> 32) as i64;
        let offset = arrived_us - theirs;
        let kept = self.0.filter(|kept| (kept - offset).abs() < JUMP_US).unwrap_or(offset);
        self.0 = Some(kept);
        theirs + kept
    }
}

/// What a stream's last sender report said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// When, on the server's clock.
    pub(crate) at_us: i64,
    /// The stream's timestamp then.
    pub(crate) timestamp: u32,
    /// The middle 32 bits of its NTP time, and when it arrived: for our receiver reports.
    pub(crate) ntp_middle: u32,
    pub(crate) arrived: Instant,
}

impl Report {
    /// When the picture or sound with this timestamp was captured, on the server's clock.
    pub(crate) fn captured_us(&self, timestamp: u32, clock_hz: u32) -> i64 {
        let ticks = i64::from(timestamp.wrapping_sub(self.timestamp) as i32);
        self.at_us + ticks * 1_000_000 / i64::from(clock_hz)
    }

    /// The stream's timestamp at a time of the server's clock.
    pub(crate) fn timestamp_at(&self, us: i64, clock_hz: u32) -> u32 {
        let ticks = (us - self.at_us) * i64::from(clock_hz) / 1_000_000;
        self.timestamp.wrapping_add(ticks as u32)
    }

    /// The delay since it arrived in 1/65536 s (RFC 3550, clause 6.4.1, DLSR).
    pub(crate) fn delay(&self, now: Instant) -> u32 {
        let delay = now.saturating_duration_since(self.arrived).min(Duration::from_secs(60_000));
        (delay.as_micros() * 65_536 / 1_000_000) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_of_a_publisher_keep_their_distance() {
        let now = Instant::now();
        let theirs = |us: u64| (5_000_u64 << 32) + (us << 32) / 1_000_000;
        let mut offset = ClockOffset::default();
        let sound = offset.server_us(1_000_000, theirs(0));
        // The picture's report is 30 ms later by their clock, and the network held it for 80 ms more.
        let picture = offset.server_us(1_110_000, theirs(30_000));
        assert!((picture - sound - 30_000).abs() <= 1);
        let report = Report { at_us: sound, timestamp: u32::MAX - 100, ntp_middle: 0, arrived: now };
        assert_eq!(report.captured_us(379, 48_000), sound + 10_000);
        assert_eq!(report.timestamp_at(sound + 10_000, 48_000), 379);
        assert_eq!(offset.server_us(9_000_000, theirs(0)), 9_000_000, "their clock was set");
    }

    #[test]
    fn a_report_block_tells_the_round_trip() {
        let sent = Clock::ntp(5_000_000);
        let came = Clock::ntp(5_300_000);
        let trip = round_trip(came, (sent >> 16) as u32, 65_536 / 4).expect("known");
        assert!((49..=51).contains(&trip.as_millis()), "{trip:?}");
        assert_eq!(round_trip(came, 0, 0), None, "no report of ours came");
        assert_eq!(round_trip(sent, (came >> 16) as u32, 0), None, "from the future");
    }

    #[test]
    fn ntp_form_has_seconds_and_fraction() {
        assert_eq!(Clock::ntp(1_500_000), (BASE_S + 1) << 32 | 0x8000_0000);
        assert_eq!(Clock::ntp(-500_000), (BASE_S - 1) << 32 | 0x8000_0000);
    }
}
