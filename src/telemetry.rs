//! Logs, metrics and the count of panics. Started by `main` (panics) and `serve` (the rest).
//!
//! P-04: no names, titles, contents, tokens, query strings or full addresses, at any level. So libraries are held at
//! `warn` unless the settings name them, and a panic is logged by its place only: its message may quote what a person
//! wrote.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};
use crate::error::StartError;

/// Our crates, to which a bare level like `info` applies.
const OURS: [&str; 7] = [
    "werkraum",
    "werkraum_model",
    "werkraum_media",
    "werkraum_pads",
    "werkraum_workshop",
    "werkraum_store",
    "werkraum_wire",
];

/// The handshake library warns of every extension that it does not know, and browsers send several.
const QUIET: &str = "rtc_dtls=error";

/// How many panics there were since the start; must stay 0 (S-25).
pub const PANICS_TOTAL: &str = "panics_total";

/// Upper bounds of all histograms, in seconds.
const SECONDS_BUCKETS: [f64; 9] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

/// Counts every panic and logs its place. Replaces the default hook, which would print the message.
pub fn count_panics() {
    std::panic::set_hook(Box::new(|panic| {
        metrics::counter!(PANICS_TOTAL).increment(1);
        let place = panic.location().map_or_else(|| "unknown place".into(), ToString::to_string);
        tracing::error!(place, "panic");
        if !tracing::event_enabled!(tracing::Level::ERROR) {
            eprintln!("werkraum: panic at {place}");
        }
    }));
}

/// Starts the log as the settings say and the metrics; the handle renders them for `/metrics`.
///
/// # Errors
/// [`StartError::LogLevel`] when the filter cannot be read.
pub fn start(log: &Log) -> Result<PrometheusHandle, StartError> {
    let filter = filter(&log.level)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first subscriber and recorder.
    let _ = match log.format {
        LogFormat::Plain => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).try_init(),
    };
    let recorder = match PrometheusBuilder::new().set_buckets(&SECONDS_BUCKETS) {
        Ok(builder) => builder.build_recorder(),
        // Refused only for an empty list.
        Err(_) => PrometheusBuilder::new().build_recorder(),
    };
    let handle = recorder.handle();
    let _ = metrics::set_global_recorder(recorder);
    metrics::describe_counter!(PANICS_TOTAL, "Panics since the start; must stay 0");
    metrics::counter!(PANICS_TOTAL).absolute(0);
    Ok(handle)
}

fn filter(level: &str) -> Result<EnvFilter, StartError> {
    let bare = !level.contains(['=', ',', '[']);
    let directives = if bare {
        ["warn", QUIET]
            .map(str::to_owned)
            .into_iter()
            .chain(OURS.iter().map(|ours| format!("{ours}={level}")))
            .collect::<Vec<_>>()
    } else {
        vec![level.to_owned()]
    };
    EnvFilter::try_new(directives.join(",")).map_err(|e| StartError::LogLevel(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_level_is_for_our_crates_only() {
        let shown = filter("debug").expect("a level").to_string();
        assert!(shown.contains("werkraum_pads=debug"), "{shown}");
        assert!(shown.contains("warn") && !shown.contains("hyper"), "{shown}");
    }

    #[test]
    fn nonsense_is_refused_and_directives_are_taken_as_they_are() {
        assert!(filter("werkraum=loud").is_err());
        assert_eq!(filter("werkraum=debug").expect("a directive").to_string(), "werkraum=debug");
    }
}
