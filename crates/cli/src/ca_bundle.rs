//! The authorities that are trusted for https, where a file names them.

use std::fs;
use std::path::Path;

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::error::CliError;

/// Trusts the authorities in this file, and no others, as the AWS CLI does.
///
/// The SDK's client does not check what it is given until it connects, and panics then, so it is
/// checked here.
pub(crate) fn trust(path: &Path) -> Result<TlsContext, CliError> {
    let refused = |why: &str| {
        let sentence =
            format!("{}, which --ca-bundle or AWS_CA_BUNDLE names: {why}", path.display());
        CliError::usage(sentence)
    };
    let text = fs::read(path).map_err(|error| refused(&error.to_string()))?;
    let mut known = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| refused(&error.to_string()))?;
        known.add(certificate).map_err(|error| refused(&error.to_string()))?;
    }
    if known.is_empty() {
        return Err(refused("there is no certificate in it, in PEM form"));
    }
    let store = TrustStore::empty().with_pem_certificate(text);
    TlsContext::builder()
        .with_trust_store(store)
        .build()
        .map_err(|error| refused(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_with_its_name() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sentence = |name: &str| trust(&here.join(name)).unwrap_err().message;
        assert!(sentence("Cargo.toml").contains("Cargo.toml, which --ca-bundle"));
        assert!(sentence("Cargo.toml").ends_with("there is no certificate in it, in PEM form"));
        assert!(sentence("missing.pem").contains("No such file"));
    }
}
