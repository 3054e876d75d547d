//! Certificate and key from PEM files, read at the start and again on SIGHUP, so that a renewal needs no restart.
//!
//! Called by `tls::source` and `serve`. A broken file at the start stops it; a broken file on SIGHUP is reported and
//! the certificate in use stays.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::error::StartError;

/// The pair of files and what was read from them last.
#[derive(Debug)]
pub struct Files {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Files {
    /// Reads both files for the first time.
    ///
    /// # Errors
    /// [`StartError::Certificate`], naming the file that is no good.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, StartError> {
        let current = RwLock::new(Arc::new(read(certificate, key)?));
        Ok(Self { certificate: certificate.into(), key: key.into(), current })
    }

    /// Reads both files again; new connections get the new certificate.
    ///
    /// # Errors
    /// As [`Files::open`]; the old certificate stays in use.
    pub fn reload(&self) -> Result<(), StartError> {
        let fresh = Arc::new(read(&self.certificate, &self.key)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, StartError> {
    let broken =
        |file: &Path, why: &dyn std::fmt::Display| StartError::Certificate { file: file.into(), why: why.to_string() };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| broken(certificate, &e))?;
    if chain.is_empty() {
        return Err(broken(certificate, &"the file holds no PEM certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| broken(key, &e))?;
    let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&private).map_err(|e| broken(key, &e))?;
    let certified = CertifiedKey::new(chain, signing);
    certified.keys_match().map_err(|e| broken(key, &format!("the key does not belong to the certificate ({e})")))?;
    Ok(certified)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate =
            rcgen::CertificateParams::new(vec!["a.example".into()]).and_then(|p| p.self_signed(&key)).expect("signed");
        let (c, k) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&c, certificate.pem()).expect("written");
        std::fs::write(&k, key.serialize_pem()).expect("written");
        (c, k)
    }

    #[test]
    fn broken_files_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (c, k) = pair(folder.path(), "a");
        let (_, other) = pair(folder.path(), "b");
        let junk = folder.path().join("junk");
        std::fs::write(&junk, "no pem").expect("written");
        assert!(Files::open(&c, &k).is_ok());
        for (c, k, named) in [(&junk, &k, "junk"), (&c, &junk, "junk"), (&c, &other, "b.key"), (&k, &k, "a.key")] {
            let error = Files::open(c, k).expect_err("broken").to_string();
            assert!(error.contains(named), "{error}");
        }
        let error = Files::open(&folder.path().join("gone"), &k).expect_err("missing").to_string();
        assert!(error.contains("gone"), "{error}");
    }

    #[test]
    fn a_renewed_file_is_taken_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let (c, k) = pair(folder.path(), "a");
        let files = Files::open(&c, &k).expect("good");
        let first = files.current.read().expect("not poisoned").cert[0].clone();
        pair(folder.path(), "a");
        files.reload().expect("good again");
        let second = files.current.read().expect("not poisoned").cert[0].clone();
        assert_ne!(first, second);
        std::fs::write(&c, "broken").expect("written");
        assert!(files.reload().is_err());
        assert_eq!(files.current.read().expect("not poisoned").cert[0], second);
    }
}
