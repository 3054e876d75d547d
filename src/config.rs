//! The settings: defaults, then a TOML file, then the environment, then the command line; checked once, here.
//!
//! Called by `cli` before anything is opened. A mistake becomes one sentence with file, line and the nearest known
//! key. Nothing else in the server reads a file of settings or an environment variable.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Everything that can be set. Each section and key stands in config/example.toml with its reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The public door.
    pub server: Server,
    /// Certificates.
    pub tls: Tls,
    /// Sound and pictures.
    pub media: Media,
    /// Who is responsible (P-02), for the first start.
    pub organisation: Organisation,
    /// What is written down while running.
    pub log: Log,
    /// Figures for monitoring.
    pub metrics: Metrics,
}

/// The public door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// The one TCP port.
    pub listen: SocketAddr,
    /// Scheme, host and port that people use; without path and without a slash at the end.
    #[serde(with = "empty_is_none")]
    pub public_url: Option<String>,
    /// Folder for everything that is kept.
    pub data: PathBuf,
    /// Plain HTTP to a reverse proxy on this machine.
    pub proxy: bool,
    /// Whose forwarding headers are believed, where `proxy` is set (S-18).
    pub proxy_addresses: Vec<IpAddr>,
}

/// Certificate files; without them a local authority is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// PEM: certificate and chain.
    #[serde(with = "empty_is_none")]
    pub certificate: Option<PathBuf>,
    /// PEM: private key.
    #[serde(with = "empty_is_none")]
    pub key: Option<PathBuf>,
}

/// Sound and pictures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// UDP address; `None`: like `server.listen`, with the port number that was really opened there.
    #[serde(with = "empty_is_none")]
    pub listen: Option<SocketAddr>,
    /// Addresses told to browsers; empty: those of the interfaces.
    pub advertised_addresses: Vec<IpAddr>,
    /// Packets forwarded in a second from which on further pictures are refused; 0: what this machine can do.
    pub packets_per_second_max: u64,
    /// Mbit/s sent from which on further pictures are refused; 0: what the network card can do, if it tells.
    pub egress_mbps_max: u64,
}

/// Who is responsible (P-02). Written into the database at the first start only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Organisation {
    /// The organisation's name; empty: the first admin is asked.
    pub name: String,
    /// How to reach it; empty: the first admin is asked.
    pub contact: String,
}

/// What is written down while running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// For people or for machines.
    pub format: LogFormat,
    /// A filter in the manner of `tracing_subscriber::EnvFilter`.
    pub level: String,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Plain,
    /// For machines.
    Json,
}

/// Figures for monitoring.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Bearer token for `/metrics` from elsewhere.
    #[serde(with = "empty_is_none")]
    pub token: Option<String>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("token", &self.token.as_ref().map(|_| "…")).finish()
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8443)),
            public_url: None,
            data: PathBuf::from("data"),
            proxy: false,
            proxy_addresses: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Plain, level: "info".into() }
    }
}

/// Settings that stand above the file: from the environment or from the command line.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Overrides {
    /// Address and port to listen on, like 127.0.0.1:8443
    #[arg(long, env = "WERKRAUM_LISTEN", value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// The address that people type, like https://rooms.example.org
    #[arg(long, env = "WERKRAUM_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Folder for the database and the keys
    #[arg(long, env = "WERKRAUM_DATA", value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// UDP address and port for sound and pictures
    #[arg(long, env = "WERKRAUM_MEDIA_LISTEN", value_name = "ADDRESS:PORT")]
    pub media_listen: Option<SocketAddr>,
    /// Bearer token for /metrics (environment only: command lines can be read by others)
    #[arg(skip = std::env::var("WERKRAUM_METRICS_TOKEN").ok())]
    pub metrics_token: Option<String>,
}

/// Why the settings cannot be used; each a sentence for the person who starts the server.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the settings {file}: {why}", file = file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// The system's reason.
        why: String,
    },
    /// The file is not TOML or has a wrong key or value.
    #[error("{file}, line {line}: {message}{hint}", file = file.display())]
    Invalid {
        /// Which file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
        /// `; did you mean …?` or nothing.
        hint: String,
    },
    /// The values do not fit together.
    #[error("settings: {0}")]
    Contradiction(String),
}

impl Config {
    /// Reads `file` (or only the defaults), lays `overrides` over it and checks that everything fits together.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(file: Option<&Path>, overrides: Overrides) -> Result<Self, ConfigError> {
        let mut config = match file {
            None => Self::default(),
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .map_err(|e| ConfigError::Unreadable { file: file.into(), why: e.to_string() })?;
                Self::parse(&text, file)?
            }
        };
        config.lay_over(overrides);
        config.check()?;
        Ok(config)
    }

    /// All settings as TOML for a person to look at, secrets left out.
    pub fn shown(&self) -> String {
        let mut shown = self.clone();
        shown.metrics.token = shown.metrics.token.map(|_| "(set)".into());
        toml::to_string(&shown).unwrap_or_else(|e| e.to_string())
    }

    fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|e| {
            let line = e.span().map_or(1, |span| text.get(..span.start).unwrap_or("").matches('\n').count() + 1);
            let message = e.message().lines().collect::<Vec<_>>().join(" ");
            let hint = suggestion(&message).map_or_else(String::new, |s| format!("; did you mean `{s}`?"));
            ConfigError::Invalid { file: file.into(), line, message, hint }
        })
    }

    fn lay_over(&mut self, overrides: Overrides) {
        let Overrides { listen, public_url, data, media_listen, metrics_token } = overrides;
        if let Some(listen) = listen {
            self.server.listen = listen;
        }
        if let Some(data) = data {
            self.server.data = data;
        }
        if public_url.is_some() {
            self.server.public_url = public_url.filter(|url| !url.is_empty());
        }
        if media_listen.is_some() {
            self.media.listen = media_listen;
        }
        if metrics_token.is_some() {
            self.metrics.token = metrics_token.filter(|token| !token.is_empty());
        }
    }

    fn check(&mut self) -> Result<(), ConfigError> {
        let wrong = |what: &str| Err(ConfigError::Contradiction(what.into()));
        if let Some(url) = &mut self.server.public_url {
            while url.ends_with('/') {
                url.pop();
            }
            let host = url.strip_prefix("https://").unwrap_or_default();
            if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) || !host.is_ascii() {
                return wrong(
                    "server.public_url must be https:// and a host name, without a path: https://rooms.example.org",
                );
            }
            *url = url.to_ascii_lowercase();
            if url.ends_with(":443") {
                url.truncate(url.len() - ":443".len());
            }
        }
        if self.server.proxy {
            if !self.server.listen.ip().is_loopback() {
                return wrong(
                    "server.proxy is true, so server.listen must be a loopback address like 127.0.0.1:8080: \
                     plain HTTP never leaves this machine",
                );
            }
            if self.server.public_url.is_none() {
                return wrong("server.proxy is true, so server.public_url must say under which address people come");
            }
            if self.tls.certificate.is_some() || self.tls.key.is_some() {
                return wrong("server.proxy is true, so the proxy holds the certificate: leave tls.certificate empty");
            }
        }
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            return wrong("tls.certificate and tls.key belong together: set both or neither");
        }
        if self.metrics.token.as_ref().is_some_and(|token| token.chars().count() < 16) {
            return wrong("metrics.token must have 16 characters or more");
        }
        if self.media.advertised_addresses.iter().any(IpAddr::is_unspecified) {
            return wrong("media.advertised_addresses must be addresses that a browser can reach, not 0.0.0.0 or ::");
        }
        Ok(())
    }
}

/// The known key nearest to the one that serde refused, when it is near enough to be a slip of the finger.
fn suggestion(message: &str) -> Option<String> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    quoted
        .map(|known| (edit_distance(unknown, known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len().div_ceil(3))
        .map(|(_, known)| known.to_owned())
}

/// Levenshtein's distance over bytes: keys are ASCII.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// An empty string in the file means "not set", so that config/example.toml can show every key with its default.
mod empty_is_none {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<T: Serialize, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => value.serialize(serializer),
            None => serializer.serialize_str(""),
        }
    }

    pub(super) fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(D::Error::custom) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("w.toml"))
    }

    fn checked(text: &str) -> Result<Config, String> {
        let mut config = parse(text).map_err(|e| e.to_string())?;
        config.check().map_err(|e| e.to_string())?;
        Ok(config)
    }

    #[test]
    fn the_example_is_the_defaults_and_names_every_key() {
        let example = include_str!("../config/example.toml");
        assert_eq!(parse(example), Ok(Config::default()));
        let shown: toml::Table = toml::from_str(example).expect("the example is TOML");
        let all = toml::Table::try_from(Config::default()).expect("settings are a table");
        assert_eq!(shown, all, "a key is missing in config/example.toml");
    }

    #[test]
    fn the_trial_settings_can_be_used() {
        assert!(checked(include_str!("../config/dev.toml")).is_ok());
    }

    #[test]
    fn an_unknown_key_is_an_error_with_line_and_suggestion() {
        let error = parse("[server]\n\nlisen = \"[::]:1\"\n").expect_err("unknown key").to_string();
        assert!(error.starts_with("w.toml, line 3: unknown field `lisen`"), "{error}");
        assert!(error.ends_with("; did you mean `listen`?"), "{error}");
        let error = parse("[sever]\n").expect_err("unknown section").to_string();
        assert!(error.contains("line 1") && error.ends_with("did you mean `server`?"), "{error}");
        let error = parse("[log]\nzebra = 1\n").expect_err("unknown key").to_string();
        assert!(!error.contains("did you mean"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_an_error_with_its_line() {
        for text in ["[server]\nlisten = \"8443\"\n", "[log]\nformat = \"xml\"\n", "[media]\nlisten = \"x\"\n"] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.starts_with("w.toml, line 2: "), "{error}");
        }
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for (text, named) in [
            ("[server]\nproxy = true\npublic_url = \"https://a.b\"\n", "server.listen"),
            ("[server]\nproxy = true\nlisten = \"127.0.0.1:1\"\n", "server.public_url"),
            ("[server]\npublic_url = \"http://a.b\"\n", "server.public_url"),
            ("[server]\npublic_url = \"https://a.b/c\"\n", "server.public_url"),
            ("[tls]\nkey = \"a.pem\"\n", "tls.certificate"),
            ("[metrics]\ntoken = \"short\"\n", "metrics.token"),
            ("[media]\nadvertised_addresses = [\"0.0.0.0\"]\n", "media.advertised_addresses"),
        ] {
            let error = checked(text).expect_err(text);
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn the_public_url_loses_slash_case_and_default_port() {
        let config = checked("[server]\npublic_url = \"https://Rooms.Example.org:443/\"\n").expect("fine");
        assert_eq!(config.server.public_url.as_deref(), Some("https://rooms.example.org"));
    }

    #[test]
    fn what_is_laid_over_wins() {
        let mut config = parse("[server]\ndata = \"a\"\n").expect("fine");
        config.lay_over(Overrides { data: Some("b".into()), ..Overrides::default() });
        assert_eq!(config.server.data, Path::new("b"));
        assert_eq!(config.server.listen, Server::default().listen);
    }

    #[test]
    fn the_metrics_token_is_not_shown() {
        let metrics = Metrics { token: Some("0123456789abcdef".into()) };
        assert!(!format!("{metrics:?}").contains("0123456789abcdef"));
    }
}
