//! Figures: medians with their range, how they are printed, and the report in `docs/performance.md`.

use super::process::cores;
use super::profiles::ROOM_PEOPLE;
use anyhow::Result;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// A figure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    /// Lowest and highest of the windows whose median it is.
    pub(crate) range: Option<(f64, f64)>,
}

/// All of a run.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) all: Vec<Figure>,
    /// Why the run is not valid; empty when it is.
    pub(crate) faults: Vec<String>,
}

impl Figures {
    /// Notes and prints a figure.
    pub(crate) fn tell(&mut self, name: impl Into<String>, value: f64) {
        self.note(name.into(), value, None);
    }

    /// Notes and prints the median of several windows.
    pub(crate) fn tell_median(&mut self, name: impl Into<String>, values: &[f64]) {
        let Some(value) = quantile(values, 0.5) else { return };
        let range = quantile(values, 0.0).zip(quantile(values, 1.0));
        self.note(name.into(), value, range);
    }

    fn note(&mut self, name: String, value: f64, range: Option<(f64, f64)>) {
        println!("{name}={value:.3}");
        self.all.push(Figure { name, value, range });
    }

    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.all.iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }

    pub(crate) fn write_json(&self, path: &Path) -> Result<()> {
        let object: serde_json::Map<String, serde_json::Value> =
            self.all.iter().map(|figure| (figure.name.clone(), figure.value.into())).collect();
        Ok(std::fs::write(path, serde_json::to_vec_pretty(&object)?)?)
    }

    /// Writes the report.
    pub(crate) fn write_report(&self, path: &Path, method: &Method) -> Result<()> {
        Ok(std::fs::write(path, self.report(method))?)
    }

    fn report(&self, method: &Method) -> String {
        let mut out = include_str!("report.md").to_owned();
        for (key, value) in [
            ("{date}", said_by("date", &["-u", "+%Y-%m-%d"])),
            ("{machine}", machine()),
            ("{windows}", method.windows.to_string()),
            ("{seconds}", method.seconds.to_string()),
            ("{people}", method.people.to_string()),
            ("{rooms}", (method.people / ROOM_PEOPLE).to_string()),
            ("{peers}", method.peers.join(", ")),
            ("{table}", self.table()),
        ] {
            out = out.replace(key, &value);
        }
        out
    }

    fn table(&self) -> String {
        let mut out = "| figure | median | lowest | highest |\n|---|---:|---:|---:|\n".to_owned();
        for Figure { name, value, range } in &self.all {
            let (low, high) = range.map_or((String::new(), String::new()), |(low, high)| (shown(low), shown(high)));
            let _ = writeln!(out, "| `{name}` | {} | {low} | {high} |", shown(*value));
        }
        out
    }
}

/// How was measured.
#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) windows: usize,
    pub(crate) seconds: u64,
    /// In all profiles but `video`.
    pub(crate) people: usize,
    pub(crate) peers: Vec<String>,
}

fn shown(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// The value below which that share of all lies.
pub(crate) fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((sorted.len().checked_sub(1)? as f64 * share).round() as usize).copied()
}

fn said_by(command: &str, arguments: &[&str]) -> String {
    let output = Command::new(command).args(arguments).output();
    output.map_or_else(|_| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("CPU", |(_, m)| m);
    format!("{model}, {} cores, Linux {}", cores(), said_by("uname", &["-r"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_range_are_told() {
        let mut figures = Figures::default();
        figures.tell_median("a", &[3.0, 1.0, 2.0]);
        figures.tell_median("none", &[]);
        figures.tell("b", 0.5);
        assert_eq!(figures.all[0], Figure { name: "a".to_owned(), value: 2.0, range: Some((1.0, 3.0)) });
        assert_eq!((figures.get("b"), figures.get("none")), (Some(0.5), None));
        let method = Method { windows: 7, seconds: 10, people: 100, peers: vec!["Janus".to_owned()] };
        let report = figures.report(&method);
        assert!(report.contains("| `a` | 2.000 | 1.000 | 3.000 |") && !report.contains('{'));
    }

    #[test]
    fn quantiles_of_hundred() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(quantile(&values, 0.99), Some(99.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
