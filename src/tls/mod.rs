//! Where the server's certificate comes from: files that the settings name, or the local authority of a trial.
//!
//! Called by `serve`. Both sources end in one `rustls::ServerConfig`; ACME becomes the third.

mod dev_ca;
mod files;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::ResolvesServerCert;

use crate::config::Tls;
use crate::error::StartError;

pub use files::Files;

/// What `serve` gets: the configuration for the listener, and what belongs to the source.
pub struct Source {
    /// For every connection.
    pub config: Arc<ServerConfig>,
    /// The local authority's certificate (PEM), offered at `/ca.pem`; none with files.
    pub ca_pem: Option<String>,
    /// To read the files again on SIGHUP; none with the local authority.
    pub files: Option<Arc<Files>>,
}

/// Makes aws-lc-rs the one provider of cryptography for TLS. First thing in `main`.
pub fn install_provider() {
    // Fails only when one is installed already, which is then the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// Reads the files or makes the local certificate.
///
/// # Errors
/// [`StartError::Certificate`] and [`StartError::LocalCertificate`], each a sentence that names the file.
pub fn source(tls: &Tls, data: &Path, names: &[String], addresses: &[IpAddr]) -> Result<Source, StartError> {
    if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
        let files = Arc::new(Files::open(certificate, key)?);
        return Ok(Source { config: server_config(files.clone()), ca_pem: None, files: Some(files) });
    }
    let (resolver, ca_pem) = dev_ca::open_or_create(&data.join("tls"), names, addresses)?;
    Ok(Source { config: server_config(resolver), ca_pem: Some(ca_pem), files: None })
}

fn server_config(resolver: Arc<dyn ResolvesServerCert>) -> Arc<ServerConfig> {
    let mut config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(resolver);
    // A TURN client may name its protocol (RFC 7443); browsers do not.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), b"stun.turn".to_vec()];
    Arc::new(config)
}
