//! HTTPS to the server under load.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The variable that names the authorities to trust in place of the system's, as for the AWS CLI.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// Agrees on keys with the server at `address`, a host and a port.
pub(crate) async fn over(stream: TcpStream, address: &str) -> io::Result<TlsStream<TcpStream>> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    TlsConnector::from(client()?).connect(name, stream).await
}

/// The settings of every connection, so that certificates are read once.
fn client() -> io::Result<Arc<ClientConfig>> {
    static CLIENT: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has ciphers for both versions")
        .with_root_certificates(authorities()?)
        .with_no_client_auth();
    Ok(CLIENT.get_or_init(|| Arc::new(config)).clone())
}

fn authorities() -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match std::env::var_os(CA_BUNDLE).filter(|path| !path.is_empty()) {
        Some(path) => {
            let unusable = |error| io::Error::other(format!("{CA_BUNDLE}: {error}"));
            for certificate in
                CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?
            {
                let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
                roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
            }
        }
        None => {
            // What of the system's cannot be read is not trusted; that shows when it is needed.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(roots)
}
