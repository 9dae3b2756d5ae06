//! A certificate for development: made when it is not there, and kept, so that clients which were
//! told to trust it go on doing so.
//!
//! It is signed by an authority of its own, whose key is thrown away at once: who trusts the
//! authority trusts this one certificate, and nobody can make another.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};

use super::{Files, Read, TlsError, authorities, certificates, provider, unusable};
use crate::private_file::{Unread, read_private, write_private, write_public};

/// How long a certificate lasts. Some clients refuse those that last longer than 398 days.
const LIFETIME: Duration = Duration::from_secs(397 * DAY);

/// One that ends sooner than this is replaced.
const RENEWED_BEFORE: Duration = Duration::from_secs(60 * DAY);

const DAY: u64 = 24 * 60 * 60;

/// Clocks differ.
const BEGINS_BEFORE: Duration = Duration::from_secs(60 * 60);

/// What clients are told to trust.
pub(crate) fn authority_file(data_dir: &Path) -> PathBuf {
    data_dir.join("tls").join("ca.pem")
}

/// The files of the certificate for this machine, and for these names and addresses of it.
pub(super) fn files(data_dir: &Path, names: &[String]) -> Result<Files, TlsError> {
    let directory = data_dir.join("tls");
    let files = Files {
        certificate: directory.join("certificate.pem"),
        key: directory.join("key.pem"),
        client_authorities: None,
    };
    let authority = authority_file(data_dir);
    let mut all = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    all.extend(names.iter().filter(|name| !all.contains(name)).cloned().collect::<Vec<_>>());
    let is_there = match read_private(&files.key) {
        Ok(_) => true,
        Err(Unread::Missing) => false,
        Err(Unread::Because(why)) => return Err(TlsError::Unusable { path: files.key, why }),
    };
    if is_there && serves(&files, &authority, &all) {
        return Ok(files);
    }
    if is_there {
        tracing::warn!(
            "the self-signed certificate lasted not long enough, or not for all names, and is made anew; clients that \
             trust it need {} again",
            authority.display()
        );
    }
    make(&files, &authority, &all)?;
    Ok(files)
}

/// Whether a client that trusts the authority accepts the certificate under each name, for long
/// enough.
fn serves(files: &Files, authority: &Path, names: &[String]) -> bool {
    let check = || {
        let text = fs::read(authority).ok()?;
        let roots = Arc::new(authorities(authority, &text).ok()?);
        let client = WebPkiServerVerifier::builder_with_provider(roots, provider()).build().ok()?;
        let read = Read::of(files).ok()?;
        // The key is that of the certificate, too.
        read.config(files).ok()?;
        let chain = certificates(&files.certificate, &read.certificate).ok()?;
        let (own, between) = chain.split_first()?;
        let until = now() + RENEWED_BEFORE;
        let until = UnixTime::since_unix_epoch(until.duration_since(SystemTime::UNIX_EPOCH).ok()?);
        names.iter().try_for_each(|name| {
            let name = ServerName::try_from(name.as_str()).ok()?;
            client.verify_server_cert(own, between, &name, &[], until).ok().map(drop)
        })
    };
    check().is_some()
}

/// Makes a certificate and its authority.
fn make(files: &Files, authority: &Path, names: &[String]) -> Result<(), TlsError> {
    let begins = (now() - BEGINS_BEFORE).into();
    let ends = (now() + LIFETIME).into();

    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (begins, ends);
    params.distinguished_name.push(DnType::CommonName, "Formiga development authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority_key = KeyPair::generate()?;
    let authority_certificate = params.self_signed(&authority_key)?;
    let issuer = Issuer::new(params, authority_key);

    let mut params = CertificateParams::new(names)?;
    (params.not_before, params.not_after) = (begins, ends);
    params.distinguished_name.push(DnType::CommonName, "Formiga");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?;

    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::File { path, source }
    };
    write_private(&files.key, &key.serialize_pem()).map_err(failed(&files.key))?;
    let public = [(&*files.certificate, certificate), (authority, authority_certificate)];
    for (path, certificate) in public {
        write_public(path, &certificate.pem()).map_err(failed(path))?;
    }
    if !serves(files, authority, names) {
        return Err(unusable(&files.certificate, &"a client would not accept it"));
    }
    Ok(())
}

/// The time by which clients judge a certificate, whatever a test has done to the server's clock.
#[expect(clippy::disallowed_methods, reason = "it is about the clocks of others")]
fn now() -> SystemTime {
    SystemTime::now()
}
