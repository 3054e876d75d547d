//! The local certificate authority of a trial: made once and kept in the data folder, so that a browser that was told
//! to trust it goes on doing so; the server's own certificate is made afresh at each start.
//!
//! Called by `tls::source` when the settings name no files. The key never leaves its file (mode 0600).

use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::ResolvesServerCert;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::error::StartError;

const CA_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca.key";
/// Browsers refuse leaf certificates that live longer than 398 days.
const LEAF_DAYS: i64 = 397;
const CA_DAYS: i64 = 3650;

/// The server's certificate for `names` and `addresses`, and the authority's certificate (PEM).
pub(super) fn open_or_create(
    folder: &Path,
    names: &[String],
    addresses: &[IpAddr],
) -> Result<(Arc<dyn ResolvesServerCert>, String), StartError> {
    let (ca_pem, ca_key) = match read(folder) {
        Some(kept) => kept,
        None => create(folder)?,
    };
    let failed = |e: &dyn std::fmt::Display| StartError::LocalCertificate(e.to_string());
    let issuer = Issuer::new(ca_params(), ca_key);
    let leaf_key = KeyPair::generate().map_err(|e| failed(&e))?;
    let leaf = leaf_params(names, addresses)
        .and_then(|params| params.signed_by(&leaf_key, &issuer))
        .map_err(|e| failed(&e))?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&private).map_err(|e| failed(&e))?;
    let certified = CertifiedKey::new(vec![leaf.der().clone()], signing);
    Ok((Arc::new(SingleCertAndKey::from(certified)), ca_pem))
}

/// The kept authority; `None` when there is none or half of it is missing, then a new one is made.
fn read(folder: &Path) -> Option<(String, KeyPair)> {
    let certificate = std::fs::read_to_string(folder.join(CA_FILE)).ok()?;
    let key = zeroize::Zeroizing::new(std::fs::read_to_string(folder.join(KEY_FILE)).ok()?);
    Some((certificate, KeyPair::from_pem(&key).ok()?))
}

fn create(folder: &Path) -> Result<(String, KeyPair), StartError> {
    let key = KeyPair::generate().map_err(|e| StartError::LocalCertificate(e.to_string()))?;
    let certificate = ca_params().self_signed(&key).map_err(|e| StartError::LocalCertificate(e.to_string()))?.pem();
    let write = || -> std::io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        write_private(&folder.join(KEY_FILE), key.serialize_pem().as_bytes())?;
        write_private(&folder.join(CA_FILE), certificate.as_bytes())
    };
    write().map_err(|why| StartError::DataFolder { folder: folder.into(), why })?;
    Ok((certificate, key))
}

fn write_private(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Werkraum local certificate authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, CA_DAYS);
    params
}

fn leaf_params(names: &[String], addresses: &[IpAddr]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Werkraum");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    set_validity(&mut params, LEAF_DAYS);
    Ok(params)
}

/// Valid from yesterday, since clocks differ, for so many days.
fn set_validity(params: &mut CertificateParams, days: i64) {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let in_days = |days: i64| {
        let day = today.saturating_add(jiff::Span::new().days(days));
        rcgen::date_time_ymd(day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs())
    };
    (params.not_before, params.not_after) = (in_days(-1), in_days(days));
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_authority_is_kept_and_its_key_is_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let tls = folder.path().join("tls");
        let names = ["localhost".to_owned()];
        let addresses = [IpAddr::from([127, 0, 0, 1])];
        let (_, first) = open_or_create(&tls, &names, &addresses).expect("made");
        let (_, second) = open_or_create(&tls, &names, &addresses).expect("read");
        assert_eq!(first, second);
        let mode = std::fs::metadata(tls.join(KEY_FILE)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
