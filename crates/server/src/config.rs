//! [`Config`]: every setting with its unit and default.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::builder::{FalseyValueParser, Resettable};
use clap::{Args, FromArgMatches, ValueEnum};
use rustls::pki_types::ServerName;
use zeroize::Zeroizing;

/// The settings of `formiga serve`. Each is a flag, an environment variable `FORMIGA_*` and a key
/// of the same name in the TOML file that `--config` names; the first of these that is given
/// counts.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, env = "FORMIGA_LISTEN", default_value = "127.0.0.1:9324")]
    pub listen: SocketAddr,

    /// Where the queues are kept.
    #[arg(long, env = "FORMIGA_DATA_DIR", default_value = "./formiga-data", value_name = "DIR")]
    pub data_dir: PathBuf,

    /// What keeps the queues.
    #[arg(long, env = "FORMIGA_STORE", default_value = "sqlite")]
    pub store: StoreKind,

    /// What an acknowledged message survives: `fsync` everything, `os` the end of the process but
    /// not of the power.
    #[arg(long, env = "FORMIGA_DURABILITY", default_value = "fsync")]
    pub durability: DurabilityKind,

    /// The region of requests whose signature names none.
    #[arg(long, env = "FORMIGA_REGION", default_value = "us-east-1")]
    pub region: String,

    /// Whether it is checked who calls: `off` takes any signature or none, `required` verifies
    /// every request and asks the policies.
    #[arg(long, env = "FORMIGA_AUTH", default_value = "off")]
    pub auth: AuthMode,

    /// A TOML file with users, their access keys, roles, and the policies of both; only its owner may
    /// read it.
    #[arg(long, env = "FORMIGA_CREDENTIALS_FILE", value_name = "FILE")]
    pub credentials_file: Option<PathBuf>,

    /// Let policies name users and roles of this server's accounts who do not exist (yet).
    #[arg(
        long,
        env = "FORMIGA_ACCEPT_UNKNOWN_PRINCIPALS",
        value_parser = FalseyValueParser::new()
    )]
    pub accept_unknown_principals: bool,

    /// The file with the administrator's access key, made when it is not there; by default
    /// `admin-key` in the data directory.
    #[arg(long, env = "FORMIGA_ADMIN_KEY_FILE", value_name = "FILE")]
    pub admin_key_file: Option<PathBuf>,

    /// The file with the master key, 32 bytes in base64, under which messages and secrets are
    /// encrypted; made when it is not there. By default `master-key` in the data directory, and with
    /// `--auth required` beside it: the data directory's name with `.master-key` at its end.
    #[arg(long, env = "FORMIGA_MASTER_KEY_FILE", value_name = "FILE")]
    pub master_key_file: Option<PathBuf>,

    /// Files with master keys of before, which only decrypt; several are separated by commas.
    #[arg(long, env = "FORMIGA_OLDER_MASTER_KEY_FILE", value_delimiter = ',', value_name = "FILE")]
    pub older_master_key_file: Vec<PathBuf>,

    /// The KMS that has the keys which queues name as `KmsMasterKeyId`: AWS KMS, such as
    /// `https://kms.eu-west-1.amazonaws.com`, or what speaks its API. Credentials are found where
    /// AWS tools look for them.
    #[arg(long, env = "FORMIGA_KMS_ENDPOINT", value_name = "URL")]
    pub kms_endpoint: Option<String>,

    /// The region of the KMS; by default that of `--region`.
    #[arg(long, env = "FORMIGA_KMS_REGION", value_name = "REGION")]
    pub kms_region: Option<String>,

    /// The key of the KMS under which the master key is encrypted, in place of a file with it; needs
    /// `--kms-endpoint`.
    #[arg(long, env = "FORMIGA_MASTER_KEY_KMS", value_name = "KEY")]
    pub master_key_kms: Option<String>,

    /// Master keys from the environment, in place of files.
    #[arg(skip)]
    pub master_keys: MasterKeyTexts,

    /// The certificate that clients are shown, in PEM, with those between it and its authority. With
    /// it, the server speaks HTTPS only. It is read again when it changes.
    #[arg(long, env = "FORMIGA_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// The certificate's private key, in PEM, without a passphrase.
    #[arg(long, env = "FORMIGA_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Let only clients connect that show a certificate of one of the authorities in this file, in PEM.
    #[arg(long, env = "FORMIGA_TLS_CLIENT_CA", value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,

    /// Speak HTTPS with a certificate of the server's own, for development. Clients have to trust
    /// `tls/ca.pem` in the data directory.
    #[arg(long, env = "FORMIGA_TLS_SELF_SIGNED", value_parser = FalseyValueParser::new())]
    pub tls_self_signed: bool,

    /// Names and addresses, besides localhost, for which the self-signed certificate is valid; several
    /// are separated by commas.
    #[arg(long, env = "FORMIGA_TLS_NAME", value_delimiter = ',', value_name = "NAME")]
    pub tls_name: Vec<String>,

    /// Addresses of the proxies that speak TLS with the clients; several are separated by commas.
    /// Besides them, only this machine may connect.
    #[arg(long, env = "FORMIGA_BEHIND_TLS_PROXY", value_delimiter = ',', value_name = "ADDRESS")]
    pub behind_tls_proxy: Vec<IpAddr>,

    /// Listen beyond this machine although whoever is on the way can read every message.
    #[arg(long, env = "FORMIGA_ALLOW_PLAINTEXT", value_parser = FalseyValueParser::new())]
    pub allow_plaintext: bool,

    /// Listen beyond this machine although nothing checks who calls.
    #[arg(long, env = "FORMIGA_ALLOW_ANONYMOUS", value_parser = FalseyValueParser::new())]
    pub allow_anonymous: bool,

    /// The file that management calls and refusals are told in, one JSON line each; `-` is standard
    /// output, `none` tells nothing. By default `audit.log` in the data directory where callers are
    /// checked, and none where they are not.
    #[arg(long, env = "FORMIGA_AUDIT_LOG", value_name = "FILE")]
    pub audit_log: Option<PathBuf>,

    /// Tell every call in the audit log, sends and receives too.
    #[arg(long, env = "FORMIGA_AUDIT_DATA_CALLS", value_parser = FalseyValueParser::new())]
    pub audit_data_calls: bool,

    /// Start although the clock is far behind the time at which data was last written.
    #[arg(long, env = "FORMIGA_ACCEPT_CLOCK", value_parser = FalseyValueParser::new())]
    pub accept_clock: bool,

    /// Web origins whose pages may call the server, such as `https://console.example`; several
    /// are separated by commas.
    #[arg(long, env = "FORMIGA_ALLOWED_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    pub allowed_origin: Vec<String>,

    /// Host names under which browsers may call the server, besides localhost and IP addresses;
    /// several are separated by commas.
    #[arg(long, env = "FORMIGA_ALLOWED_HOST", value_delimiter = ',', value_name = "HOST")]
    pub allowed_host: Vec<String>,

    /// How logs are written: text for people, json for machines; auto is text on a terminal.
    #[arg(long, env = "FORMIGA_LOG_FORMAT", default_value = "auto")]
    pub log_format: LogFormat,

    /// How much is logged: error, warn, info, debug or trace.
    #[arg(long, env = "FORMIGA_LOG_LEVEL", default_value = "info")]
    pub log_level: String,

    /// How much memory recent messages' contents may take, in MiB.
    #[arg(long, env = "FORMIGA_CONTENT_CACHE_MIB", default_value_t = 64, value_name = "MIB")]
    pub content_cache_mib: usize,

    /// How much memory requests may take from the arrival of their bodies until they are decided,
    /// in MiB; beyond, requests are answered 503.
    #[arg(long, env = "FORMIGA_REQUEST_MEMORY_MIB", default_value_t = 256, value_name = "MIB")]
    pub request_memory_mib: usize,

    /// How many connections may be open; further ones wait. 0 is as many as the operating system
    /// allows.
    #[arg(long, env = "FORMIGA_CONNECTIONS_MAX", default_value_t = 0, value_name = "CONNECTIONS")]
    pub connections_max: usize,

    /// How many connections one address may have open; further ones are closed. Proxies named by
    /// --behind-tls-proxy may have any number. 0 is no limit.
    #[arg(
        long,
        env = "FORMIGA_ADDRESS_CONNECTIONS_MAX",
        default_value_t = 0,
        value_name = "CONNECTIONS"
    )]
    pub address_connections_max: usize,

    /// How many requests a second each account may make; beyond, requests are answered
    /// `RequestThrottled`. 0 is no limit.
    #[arg(long, env = "FORMIGA_ACCOUNT_RATE", default_value_t = 0, value_name = "REQUESTS")]
    pub account_rate: u32,

    /// How many requests an account may make at once after a pause; 0 is as many as in a second.
    #[arg(long, env = "FORMIGA_ACCOUNT_BURST", default_value_t = 0, value_name = "REQUESTS")]
    pub account_burst: u32,

    /// How many requests a second may be made on each queue; beyond, requests are answered
    /// `RequestThrottled`. 0 is no limit.
    #[arg(long, env = "FORMIGA_QUEUE_RATE", default_value_t = 0, value_name = "REQUESTS")]
    pub queue_rate: u32,

    /// How many requests may be made on a queue at once after a pause; 0 is as many as in a second.
    #[arg(long, env = "FORMIGA_QUEUE_BURST", default_value_t = 0, value_name = "REQUESTS")]
    pub queue_burst: u32,

    /// How many messages of one queue may be in flight.
    #[arg(long, env = "FORMIGA_IN_FLIGHT_MAX", default_value_t = 120_000, value_name = "MESSAGES")]
    pub in_flight_max: usize,

    /// How many visible or delayed messages of one queue are held in memory.
    #[arg(long, env = "FORMIGA_WINDOW", default_value_t = 4096, value_name = "MESSAGES")]
    pub window: usize,

    /// No messages are taken while the disk of the data directory has less than this free, in MiB,
    /// so that receiving and deleting messages always finds room; 0 takes messages to the end.
    #[arg(long, env = "FORMIGA_DISK_RESERVE_MIB", default_value_t = 256, value_name = "MIB")]
    pub disk_reserve_mib: u64,

    /// Refuse to create a queue for 60 seconds after one of the same name was deleted, as AWS does.
    #[arg(long, env = "FORMIGA_RECENT_DELETE_CHECK", value_parser = FalseyValueParser::new())]
    pub recent_delete_check: bool,

    /// Threads that serve connections and queues; 0 is one for each core.
    #[arg(long, env = "FORMIGA_THREADS", default_value_t = 0)]
    pub threads: usize,

    /// A TOML file with settings, each under its flag's name with `_` for `-`.
    #[arg(long, env = "FORMIGA_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Master keys as the environment gives them, in base64. Secrets are no flags, which every user of
/// the machine can see.
#[derive(Clone, Default)]
pub struct MasterKeyTexts {
    /// `FORMIGA_MASTER_KEY`.
    pub current: Option<Zeroizing<String>>,
    /// `FORMIGA_OLDER_MASTER_KEY`, separated by commas.
    pub older: Option<Zeroizing<String>>,
}

impl MasterKeyTexts {
    /// Reads the two variables.
    pub fn from_environment() -> Result<MasterKeyTexts, ConfigError> {
        let read = |name: &str| match std::env::var(name) {
            Ok(text) => Ok(Some(Zeroizing::new(text)).filter(|text| !text.is_empty())),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(_) => Err(ConfigError(format!("{name} is not a text"))),
        };
        Ok(MasterKeyTexts {
            current: read("FORMIGA_MASTER_KEY")?,
            older: read("FORMIGA_OLDER_MASTER_KEY")?,
        })
    }
}

impl std::fmt::Debug for MasterKeyTexts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKeyTexts")
    }
}

/// Whether it is checked who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuthMode {
    /// Nobody is asked; the access key id only tells the account.
    Off,
    /// Every request is verified and authorized.
    Required,
}

/// What keeps the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// A SQLite database in the data directory.
    Sqlite,
    /// Memory only; nothing survives.
    Memory,
}

/// What an acknowledged message survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DurabilityKind {
    /// Power loss.
    Fsync,
    /// The end of the process only.
    Os,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why the settings cannot be used, in one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl Config {
    /// The defaults, as if no flag, variable or file said otherwise.
    pub fn defaults() -> Config {
        let command = Config::augment_args(clap::Command::new("formiga"));
        let command = command.mut_args(|argument| argument.env(Resettable::Reset));
        let matches = command.get_matches_from(["formiga"]);
        Config::from_arg_matches(&matches).expect("the defaults are valid")
    }

    /// Checks what no single setting shows.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_tls()?;
        self.check_auth()?;
        if !(16..=1_000_000).contains(&self.window) {
            return Err(ConfigError("the window is between 16 and 1000000 messages".to_owned()));
        }
        if self.master_key_file.is_some() && self.master_keys.current.is_some() {
            return Err(ConfigError(
                "the master key is given twice, by FORMIGA_MASTER_KEY and by --master-key-file; give it once".to_owned(),
            ));
        }
        if self.master_key_kms.is_some() {
            let refused = |sentence: &str| Err(ConfigError(sentence.to_owned()));
            if self.kms_endpoint.is_none() {
                return refused(
                    "--master-key-kms names a key of a KMS; name the KMS with --kms-endpoint",
                );
            }
            if self.master_key_file.is_some() || self.master_keys.current.is_some() {
                return refused(
                    "the master key is given twice, by --master-key-kms and by --master-key-file or FORMIGA_MASTER_KEY; give it \
                     once",
                );
            }
            if self.store == StoreKind::Memory {
                return refused(
                    "--master-key-kms would have no effect, since --store memory keeps nothing",
                );
            }
        }
        let is_url = |url: &String| url.starts_with("http://") || url.starts_with("https://");
        if let Some(endpoint) = self.kms_endpoint.as_ref().filter(|url| !is_url(url)) {
            return Err(ConfigError(format!(
                "{endpoint} is no KMS endpoint; one looks like https://kms.us-east-1.amazonaws.com"
            )));
        }
        if self.in_flight_max == 0 {
            return Err(ConfigError("at least one message must be allowed in flight".to_owned()));
        }
        if !(16..=1 << 20).contains(&self.request_memory_mib) {
            return Err(ConfigError("the request memory is at least 16 MiB".to_owned()));
        }
        Ok(())
    }

    /// Whether clients reach the server by HTTPS.
    pub fn speaks_tls(&self) -> bool {
        self.tls_cert.is_some() || self.tls_self_signed
    }

    /// A setting of TLS is to mean that TLS is spoken.
    fn check_tls(&self) -> Result<(), ConfigError> {
        let refused = |sentence: &str| Err(ConfigError(sentence.to_owned()));
        match (&self.tls_cert, &self.tls_key) {
            (Some(_), None) => {
                return refused(
                    "--tls-cert needs the certificate's private key; name it with --tls-key",
                );
            }
            (None, Some(_)) => {
                return refused(
                    "--tls-key needs the certificate that it belongs to; name it with --tls-cert",
                );
            }
            (Some(_), Some(_)) if self.tls_self_signed => {
                return refused(
                    "--tls-self-signed makes a certificate, but --tls-cert gives one; say only one of them",
                );
            }
            _ => {}
        }
        if self.tls_client_ca.is_some() && self.tls_cert.is_none() {
            return refused(
                "--tls-client-ca would have no effect without a certificate; give one with --tls-cert and --tls-key",
            );
        }
        if !self.tls_name.is_empty() && !self.tls_self_signed {
            return refused(
                "--tls-name is about the certificate that --tls-self-signed makes; say that, too",
            );
        }
        let is_none = |name: &&String| ServerName::try_from(name.as_str()).is_err();
        if let Some(name) = self.tls_name.iter().find(is_none) {
            return refused(&format!("{name:?} is neither a host name nor an IP address"));
        }
        Ok(())
    }

    /// The region with which requests to the KMS are signed.
    pub(crate) fn kms_region(&self) -> &str {
        self.kms_region.as_deref().unwrap_or(&self.region)
    }

    /// Nobody is to find out later that a server was open, or that it could be listened to.
    fn check_auth(&self) -> Result<(), ConfigError> {
        let is_open = self.auth == AuthMode::Off;
        let is_beyond = !self.listen.ip().is_loopback();
        let of_required = [
            ("--credentials-file", self.credentials_file.is_some()),
            ("--admin-key-file", self.admin_key_file.is_some()),
            ("--accept-unknown-principals", self.accept_unknown_principals),
        ];
        if let Some((flag, _)) = of_required.iter().find(|(_, given)| is_open && *given) {
            return Err(ConfigError(format!(
                "{flag} would have no effect, since nothing checks who calls; say --auth required"
            )));
        }
        if is_open && is_beyond && !self.allow_anonymous {
            return Err(ConfigError(format!(
                "listening on {} would let anyone who reaches it use every queue, since nothing checks who calls; \
                 listen on 127.0.0.1, or say --allow-anonymous if that is what you want",
                self.listen
            )));
        }
        let is_plaintext =
            !self.speaks_tls() && self.behind_tls_proxy.is_empty() && !self.allow_plaintext;
        if !is_open && is_beyond && is_plaintext {
            return Err(ConfigError(format!(
                "listening on {} would send messages unencrypted; give a certificate with --tls-cert and --tls-key (or \
                 --tls-self-signed), name the proxies that speak TLS with --behind-tls-proxy, listen on 127.0.0.1, or say \
                 --allow-plaintext if that is what you want",
                self.listen
            )));
        }
        Ok(())
    }
}

/// Turns the settings of a TOML file into flags, to be read before those of the command line.
///
/// clap then checks a file's values as it checks flags, and knows one set of names. A setting that
/// the command line or the environment gives is left out.
pub fn flags_of_file(text: &str, given: &clap::ArgMatches) -> Result<Vec<String>, ConfigError> {
    use clap::parser::ValueSource;

    let table: toml::Table =
        text.parse().map_err(|error: toml::de::Error| ConfigError(error.to_string()))?;
    let command = Config::augment_args(clap::Command::new("formiga"));
    let mut flags = Vec::new();
    for (key, value) in table {
        let known = command.get_arguments().find(|argument| argument.get_id().as_str() == key);
        if known.is_none() || key == "config" {
            return Err(ConfigError(format!("there is no setting called {key}")));
        }
        let source = given.value_source(&key);
        if matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable)) {
            continue;
        }
        let flag = format!("--{}", key.replace('_', "-"));
        match value {
            toml::Value::Boolean(true) => flags.push(flag),
            toml::Value::Boolean(false) => {}
            toml::Value::Array(values) => {
                for value in values {
                    flags.push(format!("{flag}={}", plain(&key, &value)?));
                }
            }
            value => flags.push(format!("{flag}={}", plain(&key, &value)?)),
        }
    }
    Ok(flags)
}

fn plain(key: &str, value: &toml::Value) -> Result<String, ConfigError> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        _ => Err(ConfigError(format!("the setting {key} takes a text or a whole number"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_server_is_refused_beyond_this_machine_unless_allowed() {
        let mut config = Config::defaults();
        assert!(config.check().is_ok());
        config.listen = "0.0.0.0:9324".parse().unwrap();
        let sentence = config.check().unwrap_err().to_string();
        assert!(sentence.contains("--allow-anonymous"), "{sentence}");
        config.allow_anonymous = true;
        assert!(config.check().is_ok());
    }

    #[test]
    fn a_server_that_checks_callers_needs_tls_beyond_this_machine_unless_allowed() {
        let mut config = Config::defaults();
        config.auth = AuthMode::Required;
        assert!(config.check().is_ok());
        config.listen = "0.0.0.0:9324".parse().unwrap();
        config.allow_anonymous = true; // Says nothing about who may listen in.
        let sentence = config.check().unwrap_err().to_string();
        assert!(sentence.contains("--behind-tls-proxy"), "{sentence}");
        assert!(sentence.contains("--allow-plaintext"), "{sentence}");
        assert!(sentence.contains("--tls-cert"), "{sentence}");
        let secure = Config { tls_self_signed: true, ..config.clone() };
        assert!(secure.check().is_ok());
        let proxied = Config { behind_tls_proxy: vec!["10.0.0.1".parse().unwrap()], ..config };
        assert!(proxied.check().is_ok());
        let plain = Config { behind_tls_proxy: vec![], allow_plaintext: true, ..proxied };
        assert!(plain.check().is_ok());
    }

    #[test]
    fn settings_of_tls_that_would_not_do_what_they_say_are_refused() {
        for (given, named) in [
            (&["--tls-cert=c"][..], "--tls-key"),
            (&["--tls-key=k"], "--tls-cert"),
            (&["--tls-cert=c", "--tls-key=k", "--tls-self-signed"], "--tls-self-signed"),
            (&["--tls-client-ca=a"], "--tls-cert"),
            (&["--tls-client-ca=a", "--tls-self-signed"], "--tls-cert"),
            (&["--tls-name=queues"], "--tls-self-signed"),
            (&["--tls-self-signed", "--tls-name=a b"], "\"a b\""),
        ] {
            let config = Config::from_arg_matches(&self::given(given)).unwrap();
            let sentence = config.check().unwrap_err().to_string();
            assert!(sentence.contains(named), "{given:?}: {sentence}");
        }
        for given in [
            &["--tls-cert=c", "--tls-key=k", "--tls-client-ca=a"][..],
            &["--tls-self-signed", "--tls-name=queues,10.0.0.1,::2,a.example.com"],
        ] {
            Config::from_arg_matches(&self::given(given)).unwrap().check().unwrap();
        }
    }

    #[test]
    fn a_master_key_of_a_kms_needs_the_kms_and_no_other_place() {
        let refusal = |given: &[&str]| {
            let config = Config::from_arg_matches(&self::given(given)).unwrap();
            config.check().map_err(|error| error.to_string())
        };
        let of_kms = ["--master-key-kms=k", "--kms-endpoint=https://kms"];
        assert_eq!(refusal(&of_kms), Ok(()));
        for (more, named) in [("--master-key-file=f", "twice"), ("--store=memory", "no effect")] {
            let sentence = refusal(&[&of_kms[..], &[more]].concat()).unwrap_err();
            assert!(sentence.contains(named), "{sentence}");
        }
        assert!(refusal(&of_kms[..1]).unwrap_err().contains("--kms-endpoint"));
        assert!(refusal(&["--kms-endpoint=kms:1"]).unwrap_err().contains("https://kms"));
    }

    #[test]
    fn keys_for_a_server_that_checks_nobody_are_refused() {
        for given in ["--credentials-file=keys.toml", "--admin-key-file=admin"] {
            let config = Config::from_arg_matches(&self::given(&[given])).unwrap();
            let sentence = config.check().unwrap_err().to_string();
            assert!(sentence.contains("--auth required"), "{sentence}");
        }
    }

    fn given(arguments: &[&str]) -> clap::ArgMatches {
        let command = Config::augment_args(clap::Command::new("formiga"));
        let command = command.mut_args(|argument| argument.env(Resettable::Reset));
        command.get_matches_from([&["formiga"], arguments].concat())
    }

    #[test]
    fn a_file_gives_what_the_command_line_does_not() {
        let file = "listen = '127.0.0.1:1'\nstore = 'memory'\nallow_anonymous = true\nwindow = 99\n\
                    allowed_host = ['a', 'b']";
        let flags = flags_of_file(file, &given(&["--store", "sqlite"])).unwrap();
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let all = given(&flags);
        let config = Config::from_arg_matches(&all).unwrap();
        assert_eq!(config.listen, "127.0.0.1:1".parse().unwrap());
        assert_eq!(config.store, StoreKind::Sqlite, "left to the command line");
        assert!(config.allow_anonymous);
        assert_eq!(config.window, 99);
        assert_eq!(config.allowed_host, ["a", "b"]);
    }

    #[test]
    fn an_unknown_setting_is_named() {
        let error = flags_of_file("lisen = 'x'", &given(&[])).unwrap_err();
        assert_eq!(error.to_string(), "there is no setting called lisen");
        assert!(flags_of_file("listen = 1.5", &given(&[])).is_err());
        assert!(flags_of_file("listen = ", &given(&[])).is_err());
    }
}
