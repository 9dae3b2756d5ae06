//! [`Tls`]: the certificate that clients are shown, and its replacement while the server runs.

mod self_signed;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

pub(crate) use self_signed::authority_file;

/// How the server speaks TLS: versions 1.2 and 1.3, HTTP/2 where the client asks for it.
pub(crate) struct Tls {
    /// None of a self-signed certificate, which lasts until the next start.
    files: Option<Files>,
    current: Mutex<Arc<ServerConfig>>,
}

/// The files of a certificate.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// The certificate, and those between it and its authority, in PEM.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// The authorities of client certificates. If there are any, each client needs a certificate.
    pub(crate) client_authorities: Option<PathBuf>,
}

/// Why a certificate cannot be used. Each is one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: {why}", path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What is missing or wrong.
        why: String,
    },
    /// No certificate could be made.
    #[error("no certificate can be made: {0}")]
    NotMade(#[from] rcgen::Error),
}

/// What is spoken on a connection, in the words of the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TlsDetails {
    pub(crate) version: &'static str,
    pub(crate) cipher_suite: &'static str,
}

/// HTTP/2, in the words of ALPN.
pub(crate) const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// How often the files are looked at. Certificates are replaced weeks before they end.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

impl Tls {
    /// The certificate of these files.
    pub(crate) fn of_files(files: Files) -> Result<Tls, TlsError> {
        let current = Mutex::new(Arc::new(Read::of(&files)?.config(&files)?));
        Ok(Tls { files: Some(files), current })
    }

    /// A certificate of the server's own for tests and development, kept in the data directory.
    pub(crate) fn self_signed(data_dir: &Path, names: &[String]) -> Result<Tls, TlsError> {
        let files = self_signed::files(data_dir, names)?;
        let current = Mutex::new(Arc::new(Read::of(&files)?.config(&files)?));
        Ok(Tls { files: None, current })
    }

    /// What a connection that begins now is greeted with.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Shows new connections what is in the files, whenever that changes, until the server stops.
    /// What cannot be used is said once and changes nothing: a certificate may be written before
    /// its key.
    pub(crate) async fn keep_fresh(self: Arc<Tls>, mut stopping: watch::Receiver<bool>) {
        let Some(files) = self.files.clone() else { return };
        let mut seen = Read::of(&files).map(|read| read.digest()).ok();
        let mut complained = None;
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stopping| *stopping) => return,
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
            let (of_task, seen_before) = (files.clone(), seen);
            let look = move || look(&of_task, seen_before);
            let outcome = tokio::task::spawn_blocking(look).await.expect("looking does not panic");
            match outcome {
                Ok(None) => {}
                Ok(Some((digest, config))) => {
                    *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                    (seen, complained) = (Some(digest), None);
                    tracing::info!("new connections are shown the new certificate");
                }
                Err(error) => {
                    let sentence = error.to_string();
                    if complained.as_ref() != Some(&sentence) {
                        tracing::error!("the new certificate is not used: {sentence}");
                        complained = Some(sentence);
                    }
                }
            }
        }
    }
}

type FilesDigest = [u8; 32];

/// What is in the files, if that is not what was seen before.
fn look(
    files: &Files,
    seen: Option<FilesDigest>,
) -> Result<Option<(FilesDigest, ServerConfig)>, TlsError> {
    let read = Read::of(files)?;
    let digest = read.digest();
    if seen == Some(digest) {
        return Ok(None);
    }
    Ok(Some((digest, read.config(files)?)))
}

/// What is in the files.
struct Read {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    client_authorities: Option<Vec<u8>>,
}

impl Read {
    fn of(files: &Files) -> Result<Read, TlsError> {
        let read = |path: &PathBuf| {
            fs::read(path).map_err(|source| TlsError::File { path: path.clone(), source })
        };
        Ok(Read {
            certificate: read(&files.certificate)?,
            key: Zeroizing::new(read(&files.key)?),
            client_authorities: files.client_authorities.as_ref().map(read).transpose()?,
        })
    }

    fn digest(&self) -> FilesDigest {
        let mut digest = Sha256::new();
        for part in [&self.certificate, &*self.key].into_iter().chain(&self.client_authorities) {
            digest.update(part.len().to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into()
    }

    fn config(&self, files: &Files) -> Result<ServerConfig, TlsError> {
        let chain = certificates(&files.certificate, &self.certificate)?;
        let key = private_key(&files.key, &self.key)?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("ring has ciphers for both versions");
        let builder = match (&files.client_authorities, &self.client_authorities) {
            (Some(path), Some(text)) => {
                let unusable = |error: VerifierBuilderError| unusable(path, &error);
                let roots = Arc::new(authorities(path, text)?);
                let clients = WebPkiClientVerifier::builder_with_provider(roots, provider());
                builder.with_client_cert_verifier(clients.build().map_err(unusable)?)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsError::Unusable {
                path: files.key.clone(),
                why: format!("it is not the key of {}", files.certificate.display()),
            },
            error => unusable(&files.certificate, &error),
        })?;
        config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
        // Clients that come back need no new handshake. The ticket's keys are this configuration's:
        // who came with a certificate that is not accepted any more comes back in vain.
        let tickets = ring::Ticketer::new();
        config.ticketer = tickets.map_err(|error| unusable(&files.certificate, &error))?;
        Ok(config)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> TlsError {
    TlsError::Unusable { path: path.to_owned(), why: why.to_string() }
}

fn certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let all = all.map_err(|error| unusable(path, &error))?;
    if all.is_empty() {
        return Err(unusable(path, &"there is no certificate in it, in PEM form"));
    }
    Ok(all)
}

fn private_key(path: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound if contains(text, b"ENCRYPTED PRIVATE KEY") => {
            unusable(path, &"the key in it is encrypted with a passphrase; store it without one")
        }
        pem::Error::NoItemsFound => {
            unusable(path, &"there is no private key in it, in PEM form (PKCS #8, PKCS #1 or SEC1)")
        }
        error => unusable(path, &error),
    })
}

fn authorities(path: &Path, text: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, text)? {
        roots.add(certificate).map_err(|error| unusable(path, &error))?;
    }
    Ok(roots)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// What was agreed on with a client.
pub(crate) fn details(connection: &rustls::ServerConnection) -> TlsDetails {
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "unknown",
    };
    let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    TlsDetails { version, cipher_suite: suite.unwrap_or("unknown") }
}
