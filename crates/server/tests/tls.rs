//! HTTPS: what is spoken, with which certificate, and with whom.

mod common {
    pub(crate) mod http;
}

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use formiga_server::config::{Config, StoreKind};
use formiga_server::{Server, self_signed_authority_file};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use common::http::{Connection, eventually, soon};

/// Who signs certificates.
struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Authority { certificate, issuer: Issuer::new(params, key) }
    }

    fn signs(&self, name: &str) -> (Certificate, KeyPair) {
        let params = CertificateParams::new(["localhost".to_owned(), name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// A client that trusts this authority, with a certificate of its own or none.
    fn client(&self, own: Option<&(Certificate, KeyPair)>) -> TlsConnector {
        client_of(self.certificate.der(), own, &[&TLS12, &TLS13])
    }
}

fn client_of(
    authority: &CertificateDer<'_>,
    own: Option<&(Certificate, KeyPair)>,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone().into_owned()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            builder.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
        }
    };
    TlsConnector::from(Arc::new(config))
}

async fn connect(
    address: SocketAddr,
    client: &TlsConnector,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    client.connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// Lists the queues. A client certificate that is not accepted shows with the first answer.
async fn asks(address: SocketAddr, client: &TlsConnector) -> Result<Value, String> {
    let asked = async {
        let mut connection = Connection::over(connect(address, client).await?, address);
        connection.try_write(connection.request("AmazonSQS.ListQueues", &[], "{}")).await?;
        connection.try_answer().await
    };
    let answer = soon("an answer or the end", asked).await;
    answer.map(|answer| answer.ok()).map_err(|error| error.to_string())
}

/// The certificate that a client is shown.
async fn shown(address: SocketAddr, client: &TlsConnector) -> Option<CertificateDer<'static>> {
    let stream = connect(address, client).await.ok()?;
    let (_, session) = stream.get_ref();
    session.peer_certificates()?.first().map(|it| it.clone().into_owned())
}

/// The settings of a server with files for its certificate, which [`write`] writes.
struct Files {
    config: Config,
    certificate: PathBuf,
    key: PathBuf,
    _directory: TempDir,
}

fn files() -> Files {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::defaults();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.store = StoreKind::Memory;
    config.data_dir = directory.path().join("data");
    let [certificate, key] = ["server.pem", "server.key"].map(|name| directory.path().join(name));
    config.tls_cert = Some(certificate.clone());
    config.tls_key = Some(key.clone());
    Files { config, certificate, key, _directory: directory }
}

impl Files {
    fn write(&self, (certificate, key): &(Certificate, KeyPair)) {
        fs::write(&self.certificate, certificate.pem()).unwrap();
        fs::write(&self.key, key.serialize_pem()).unwrap();
    }

    async fn refusal(&self) -> String {
        let started = Server::start(&self.config).await;
        started.map(|_| ()).expect_err("the server does not start").to_string()
    }
}

async fn refusal_of(config: &Config) -> String {
    Server::start(config).await.map(|_| ()).expect_err("the server does not start").to_string()
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken_and_urls_are_of_https() {
    let (authority, files) = (Authority::new("a"), files());
    files.write(&authority.signs("server"));
    let server = Server::start(&files.config).await.unwrap();
    let address = server.address();
    for version in [&TLS12, &TLS13] {
        let client = client_of(authority.certificate.der(), None, &[version]);
        let mut connection = Connection::over(connect(address, &client).await.unwrap(), address);
        let input = json!({ "QueueName": "q" });
        let created = connection.call("AmazonSQS.CreateQueue", &input).await.ok();
        assert_eq!(created["QueueUrl"], format!("https://{address}/000000000000/q"));
        let body = "x".repeat(200_000);
        let input = json!({ "QueueUrl": created["QueueUrl"], "MessageBody": body });
        connection.call("AmazonSQS.SendMessage", &input).await.ok();
        let input = json!({ "QueueUrl": created["QueueUrl"] });
        let received = connection.call("AmazonSQS.ReceiveMessage", &input).await.ok();
        assert_eq!(received["Messages"][0]["Body"], body);
        assert_eq!(connection.get("/health", &[]).await.status, 200);
    }
    server.stop().await;
}

/// The hello of a client that knows this version at most, the middle of three numbers; everything
/// else in it is what TLS 1.2 needs.
fn hello(minor: u8) -> Vec<u8> {
    let suites = [0, 2, 0xc0, 0x2b]; // ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    let groups = [0, 10, 0, 4, 0, 2, 0, 23]; // secp256r1
    let signatures = [0, 13, 0, 4, 0, 2, 4, 3]; // ecdsa_secp256r1_sha256
    let extensions = [&[0, 16][..], &groups, &signatures].concat();
    let hello = [&[3, minor][..], &[7; 32], &[0], &suites, &[1, 0], &extensions].concat();
    let length = u8::try_from(hello.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat()
}

#[tokio::test]
async fn older_versions_of_tls_are_refused() {
    let (authority, files) = (Authority::new("a"), files());
    files.write(&authority.signs("server"));
    let server = Server::start(&files.config).await.unwrap();
    let said = async |hello: &[u8]| {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(hello).await.unwrap();
        let mut answer = vec![0; 7];
        soon("the server says something", stream.read_exact(&mut answer)).await.unwrap();
        answer
    };
    assert_eq!(said(&hello(3)).await[0], 22, "its part of the handshake");
    for minor in [0, 1, 2] {
        assert_eq!(said(&hello(minor)).await, [21, 3, 3, 0, 2, 2, 70], "protocol_version, fatal");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_half_of_one_to_nobody() {
    let (authority, files) = (Authority::new("a"), files());
    let (first, second) = (authority.signs("server"), authority.signs("server"));
    files.write(&first);
    let server = Server::start(&files.config).await.unwrap();
    let (address, client) = (server.address(), authority.client(None));
    assert_eq!(shown(address, &client).await.as_ref(), Some(first.0.der()));
    let mut early = Connection::over(connect(address, &client).await.unwrap(), address);

    // The certificate is there, its key is not yet.
    fs::write(&files.certificate, second.0.pem()).unwrap();
    assert!(
        files
            .refusal()
            .await
            .ends_with(&format!("it is not the key of {}", files.certificate.display()))
    );
    assert_eq!(shown(address, &client).await.as_ref(), Some(first.0.der()));
    fs::write(&files.key, second.1.serialize_pem()).unwrap();
    eventually("the new certificate is shown", async || {
        shown(address, &client).await.as_ref() == Some(second.0.der())
    })
    .await;
    early.call("AmazonSQS.ListQueues", &json!({})).await.ok();

    fs::remove_file(&files.certificate).unwrap();
    let third = authority.signs("server");
    fs::write(&files.key, third.1.serialize_pem()).unwrap();
    assert_eq!(
        shown(address, &client).await.as_ref(),
        Some(second.0.der()),
        "what was good goes on"
    );
    fs::write(&files.certificate, third.0.pem()).unwrap();
    eventually("the third one is shown", async || {
        shown(address, &client).await.as_ref() == Some(third.0.der())
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn where_clients_need_certificates_only_those_of_the_authority_are_let_in() {
    let (authority, mut files) = (Authority::new("a"), files());
    let (clients, strangers) = (Authority::new("clients"), Authority::new("strangers"));
    files.write(&authority.signs("server"));
    let accepted = files.certificate.with_file_name("clients.pem");
    fs::write(&accepted, clients.certificate.pem()).unwrap();
    files.config.tls_client_ca = Some(accepted.clone());
    let server = Server::start(&files.config).await.unwrap();
    let address = server.address();

    let [known, unknown] = [&clients, &strangers].map(|it| authority.client(Some(&it.signs("me"))));
    assert!(asks(address, &known).await.is_ok());
    let error = asks(address, &authority.client(None)).await.unwrap_err();
    assert!(error.contains("CertificateRequired"), "{error}");
    let error = asks(address, &unknown).await.unwrap_err();
    assert!(error.contains("UnknownCA") || error.contains("BadCertificate"), "{error}");

    // Others are let in from now on, and the first not even with the ticket that they were given.
    fs::write(&accepted, strangers.certificate.pem()).unwrap();
    eventually("the other clients are let in", async || asks(address, &unknown).await.is_ok())
        .await;
    assert!(asks(address, &known).await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_refused_with_the_file_and_the_reason() {
    let (authority, mut files) = (Authority::new("a"), files());
    let missing = files.refusal().await;
    assert!(missing.contains("server.pem: No such file"), "{missing}");
    let good = authority.signs("server");
    let other = authority.signs("server");
    files.write(&good);
    fs::write(&files.key, other.1.serialize_pem()).unwrap();
    let refusal = files.refusal().await;
    assert!(refusal.contains("server.key: it is not the key of "), "{refusal}");
    for (key, why) in [
        ("", "server.key: there is no private key in it"),
        (
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "server.key: the key in it is encrypted with a passphrase",
        ),
    ] {
        fs::write(&files.key, key).unwrap();
        let refusal = files.refusal().await;
        assert!(refusal.contains(why), "{refusal}");
    }
    files.write(&good);
    fs::write(&files.certificate, good.1.serialize_pem()).unwrap();
    let refusal = files.refusal().await;
    assert!(refusal.contains("server.pem: there is no certificate in it"), "{refusal}");
    files.write(&good);
    let empty = files.certificate.with_file_name("clients.pem");
    fs::write(&empty, "").unwrap();
    files.config.tls_client_ca = Some(empty);
    let refusal = files.refusal().await;
    assert!(refusal.contains("clients.pem: there is no certificate in it"), "{refusal}");
}

fn self_signed(directory: &Path) -> Config {
    let mut config = Config::defaults();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.data_dir = directory.to_owned();
    config.tls_self_signed = true;
    config
}

fn trusting(config: &Config) -> TlsConnector {
    let path = self_signed_authority_file(config).unwrap();
    client_of(&CertificateDer::from_pem_file(path).unwrap(), None, &[&TLS13])
}

#[tokio::test]
async fn a_self_signed_certificate_is_kept_and_made_anew_for_another_name() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = self_signed(directory.path());
    let server = Server::start(&config).await.unwrap();
    let client = trusting(&config);
    let first = shown(server.address(), &client).await.expect("the certificate is trusted");
    assert!(asks(server.address(), &client).await.is_ok());
    server.stop().await;

    let key = directory.path().join("tls").join("key.pem");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let server = Server::start(&config).await.unwrap();
    assert_eq!(shown(server.address(), &client).await, Some(first), "clients go on trusting it");
    server.stop().await;

    config.tls_name = vec!["queues.example".to_owned()];
    let server = Server::start(&config).await.unwrap();
    assert_eq!(shown(server.address(), &client).await, None, "another one");
    let client = trusting(&config);
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let name = ServerName::try_from("queues.example").unwrap();
    assert!(client.connect(name, stream).await.is_ok());
    server.stop().await;

    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let refusal = refusal_of(&config).await;
    assert!(refusal.contains("chmod 600"), "{refusal}");
}

#[tokio::test]
async fn the_audit_log_tells_what_was_spoken() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = self_signed(directory.path());
    let log = directory.path().join("log");
    config.audit_log = Some(log.clone());
    let server = Server::start(&config).await.unwrap();
    let address = server.address();
    let stream = connect(address, &trusting(&config)).await.unwrap();
    let mut connection = Connection::over(stream, address);
    connection.call("AmazonSQS.CreateQueue", &json!({ "QueueName": "q" })).await.ok();
    server.stop().await;
    let line: Value = serde_json::from_str(fs::read_to_string(&log).unwrap().trim()).unwrap();
    assert_eq!(
        line["tlsDetails"],
        json!({
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS13_AES_256_GCM_SHA384",
            "clientProvidedHostHeader": address.to_string(),
        })
    );
}
