//! The real server binary as a child process with a data folder of its own.
//!
//! Used by `tests/stories`, `xtask bench` and `xtask chaos`. It waits for what the server prints (`ready …`), never for
//! time to pass; a server that is dropped is killed.

use crate::http::Client;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// How long a server may take to say `ready` before the story fails.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// What the server has printed so far.
#[derive(Clone, Debug, Default)]
struct Printed {
    ready: Option<String>,
    first_admin: Option<String>,
    ended: bool,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    binary: PathBuf,
    data: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    child: Child,
    output: Arc<Mutex<Vec<String>>>,
    origin: String,
    first_admin: Option<String>,
    /// Removes the data folder at the end, unless the caller brought one.
    _folder: Option<tempfile::TempDir>,
}

/// How a server is to be started.
#[derive(Debug)]
pub struct Builder {
    binary: PathBuf,
    data: Option<PathBuf>,
    listen: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Builder {
    /// Uses this data folder instead of a temporary one.
    #[must_use]
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = Some(folder.into());
        self
    }

    /// Listens here instead of at a free port of 127.0.0.1.
    #[must_use]
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = address.into();
        self
    }

    /// Adds a command line argument after `serve`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the server and waits until it is ready.
    ///
    /// # Errors
    /// When it ends, or does not get ready in time; the error holds what it printed.
    pub async fn start(self) -> Result<Server> {
        let (folder, data) = match self.data {
            Some(data) => (None, data),
            None => {
                let folder = tempfile::Builder::new().prefix("werkraum-").tempdir()?;
                let data = folder.path().to_path_buf();
                (Some(folder), data)
            }
        };
        let mut environment = self.environment;
        environment.push(("WERKRAUM_LISTEN".to_owned(), self.listen));
        environment.push(("WERKRAUM_DATA".to_owned(), data.display().to_string()));
        let output = Arc::default();
        let (child, printed) = launch(&self.binary, &self.arguments, &environment, &output).await?;
        Ok(Server {
            binary: self.binary,
            data,
            arguments: self.arguments,
            environment,
            child,
            output,
            origin: printed.ready.context("no address printed")?,
            first_admin: printed.first_admin,
            _folder: folder,
        })
    }
}

impl Server {
    /// Prepares a server from the binary (`env!("CARGO_BIN_EXE_werkraum")` in a story).
    #[must_use]
    pub fn builder(binary: impl Into<PathBuf>) -> Builder {
        Builder {
            binary: binary.into(),
            data: None,
            listen: "127.0.0.1:0".to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Starts a server with an empty data folder at a free port.
    ///
    /// # Errors
    /// When it does not get ready.
    pub async fn start(binary: impl Into<PathBuf>) -> Result<Self> {
        Self::builder(binary).start().await
    }

    /// `https://host:port`, as printed.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The folder with database, keys and certificates.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The first-admin link, when one was printed.
    #[must_use]
    pub fn first_admin_link(&self) -> Option<&str> {
        self.first_admin.as_deref()
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Everything that the server has printed.
    #[must_use]
    pub fn output(&self) -> Vec<String> {
        self.output.lock().map(|lines| lines.clone()).unwrap_or_default()
    }

    /// The certificate of the server's own authority (PEM).
    ///
    /// # Errors
    /// When there is none.
    pub fn ca_pem(&self) -> Result<Vec<u8>> {
        let path = self.data.join("tls").join("ca.pem");
        std::fs::read(&path).with_context(|| format!("reading {}", path.display()))
    }

    /// A new person's HTTP client with an empty cookie jar.
    ///
    /// # Errors
    /// When the server has no certificate yet.
    pub fn client(&self) -> Result<Client> {
        Client::new(&self.origin, &self.ca_pem()?)
    }

    /// Ends the process at once, as a power failure of the process would (SIGKILL), and waits until it is gone.
    ///
    /// # Errors
    /// When the process cannot be killed.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.context("killing the server")
    }

    /// Starts the server again with the same data and address after [`Self::kill`] or its own end.
    ///
    /// # Errors
    /// When it does not get ready.
    pub async fn restart(&mut self) -> Result<()> {
        let address = self.origin.trim_start_matches("https://").trim_start_matches("http://");
        let port = address.rsplit(':').next().context("no port")?;
        for (name, value) in &mut self.environment {
            if name == "WERKRAUM_LISTEN" {
                *value = format!("127.0.0.1:{port}");
            }
        }
        let (child, printed) = launch(&self.binary, &self.arguments, &self.environment, &self.output).await?;
        self.child = child;
        self.first_admin = printed.first_admin;
        Ok(())
    }

    /// Asks the server to end (SIGTERM) and gives its exit code.
    ///
    /// # Errors
    /// When it does not end within 30 s.
    pub async fn terminate(&mut self) -> Result<Option<i32>> {
        let pid = self.child.id().context("not running")?;
        let status = Command::new("kill").arg("-TERM").arg(pid.to_string()).status().await?;
        if !status.success() {
            bail!("kill failed");
        }
        let status =
            tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await.context("did not end")??;
        Ok(status.code())
    }

    /// Runs another subcommand of the binary on the same data, e.g. `token create`, and gives what it printed.
    ///
    /// # Errors
    /// When it fails; the error holds its output.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.binary)
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .await?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if !output.status.success() {
            bail!("{arguments:?} failed: {text} {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(text)
    }

    /// Resident memory of the process in bytes (`/proc/PID/statm`).
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resident_bytes(&self) -> Result<u64> {
        let pid = self.child.id().context("not running")?;
        let text = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
        let pages: u64 = text.split_whitespace().nth(1).context("statm")?.parse()?;
        Ok(pages * 4096)
    }

    /// A figure of `/metrics`, without labels or with them as they are written there; 0 when it is not there.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn metric(&self, name: &str) -> Result<f64> {
        let response = self.client()?.request(reqwest::Method::GET, "/metrics").send().await?.error_for_status()?;
        let text = response.text().await?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(Ok(0.0), |value| value.trim().parse().context("a figure that is no number"))
    }

    /// CPU time that the process has used, over all threads (`/proc/PID/task/*/schedstat`).
    ///
    /// # Errors
    /// When the process is gone.
    pub fn cpu_time(&self) -> Result<Duration> {
        let pid = self.child.id().context("not running")?;
        let mut nanos = 0_u64;
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread may end between listing and reading.
            if let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) {
                nanos += text.split_whitespace().next().context("schedstat")?.parse::<u64>()?;
            }
        }
        Ok(Duration::from_nanos(nanos))
    }
}

async fn launch(
    binary: &Path,
    arguments: &[String],
    environment: &[(String, String)],
    output: &Arc<Mutex<Vec<String>>>,
) -> Result<(Child, Printed)> {
    let mut child = Command::new(binary)
        .arg("serve")
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {}", binary.display()))?;
    let (sender, mut printed) = watch::channel(Printed::default());
    let stdout = child.stdout.take().context("stdout")?;
    let stderr = child.stderr.take().context("stderr")?;
    tokio::spawn(collect(stderr, Arc::clone(output), None));
    tokio::spawn(collect(stdout, Arc::clone(output), Some(sender)));
    let seen =
        tokio::time::timeout(READY_TIMEOUT, printed.wait_for(|printed| printed.ready.is_some() || printed.ended));
    let seen = seen.await.context("the server did not get ready in time")?.map(|printed| printed.clone());
    match seen {
        Ok(printed) if printed.ready.is_some() => Ok((child, printed)),
        _ => {
            let status = child.wait().await?;
            let lines = output.lock().map(|lines| lines.join("\n")).unwrap_or_default();
            bail!("the server ended ({status}) before it was ready:\n{lines}")
        }
    }
}

async fn collect(
    from: impl tokio::io::AsyncRead + Unpin,
    into: Arc<Mutex<Vec<String>>>,
    printed: Option<watch::Sender<Printed>>,
) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(printed) = &printed {
            printed.send_modify(|printed| {
                if let Some(origin) = line.strip_prefix("ready ") {
                    printed.ready = Some(origin.trim().trim_end_matches('/').to_owned());
                } else if let Some(link) = line.strip_prefix("first admin ") {
                    printed.first_admin = Some(link.trim().to_owned());
                }
            });
        }
        if let Ok(mut into) = into.lock() {
            into.push(line);
        }
    }
    if let Some(printed) = printed {
        printed.send_modify(|printed| printed.ended = true);
    }
}
