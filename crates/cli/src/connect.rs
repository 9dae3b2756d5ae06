//! From flags, environment and profile to a client.

use std::path::PathBuf;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::Region;
use aws_smithy_http_client::tls;
use aws_types::service_config::ServiceConfigKey;

use crate::ca_bundle;
use crate::credentials;
use crate::endpoint::{Endpoint, EndpointUrl, Told};
use crate::error::CliError;
use crate::queue_ref::QueueRef;

/// The region of an endpoint for which nothing names one.
const REGION: &str = "us-east-1";

/// Where to connect and how to answer; every command takes these.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = "Connection and output")]
pub(crate) struct ConnectionArgs {
    /// The endpoint to call [default: as configured, else http://127.0.0.1:9324].
    #[arg(long, global = true, value_name = "URL", value_parser = EndpointUrl::parse)]
    pub(crate) endpoint_url: Option<EndpointUrl>,

    /// Call Amazon SQS itself, whatever endpoint is configured.
    #[arg(long, global = true, conflicts_with = "endpoint_url")]
    pub(crate) aws: bool,

    /// The region [default: as configured, else us-east-1; AWS has no default].
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,

    /// The profile of ~/.aws/config to use.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// The authorities to trust for https, in PEM, in place of the system's.
    #[arg(long, global = true, env = "AWS_CA_BUNDLE", value_name = "FILE")]
    pub(crate) ca_bundle: Option<PathBuf>,

    /// Answer in JSON, one document a line; errors too, on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// A client, and what is called with it, for people.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    /// Such as `http://127.0.0.1:9324` or `Amazon SQS in eu-west-1`.
    pub(crate) place: String,
}

/// What flags, environment and profile say together.
pub(crate) struct Resolved {
    pub(crate) sdk: SdkConfig,
    pub(crate) endpoint: Endpoint,
    pub(crate) credentials: SharedCredentialsProvider,
    pub(crate) region: Region,
}

/// Makes a client for the endpoint that the flags, the configuration or the queues tell.
pub(crate) async fn connect(
    args: &ConnectionArgs,
    queues: &[QueueRef],
) -> Result<Connection, CliError> {
    let Resolved { sdk, endpoint, credentials, region } = resolve(args, queues).await?;
    let builder = aws_sdk_sqs::config::Builder::from(&sdk).credentials_provider(credentials);
    let (builder, place) = match endpoint {
        Endpoint::Aws => {
            let mut builder = builder;
            builder.set_endpoint_url(None);
            (builder, format!("Amazon SQS in {region}"))
        }
        Endpoint::Url(url) => (builder.endpoint_url(url.as_str()), url.as_str().to_owned()),
    };
    Ok(Connection { client: Client::from_conf(builder.build()), place })
}

/// Finds out which endpoint is called, as whom, and in which region.
pub(crate) async fn resolve(
    args: &ConnectionArgs,
    queues: &[QueueRef],
) -> Result<Resolved, CliError> {
    let region = region_told(args, queues)?;
    let sdk = load(args, region).await?;
    let configured = configured_endpoint(&sdk)?;
    let told = args.aws || args.endpoint_url.is_some() || configured.is_some();
    let endpoint = Endpoint::choose(Told {
        aws: args.aws,
        flag: args.endpoint_url.clone(),
        configured,
        queue: if told { None } else { endpoint_of_all(queues)? },
    });
    let Some(region) = sdk.region().cloned() else {
        let missing = CliError::new("RegionMissing", "no region of AWS is configured");
        return Err(missing.with_hint("name one with --region or AWS_REGION"));
    };
    let stand_ins = endpoint.takes_stand_in_credentials();
    let credentials = credentials::find(&sdk, args.profile.as_deref(), stand_ins).await?;
    Ok(Resolved { sdk, endpoint, credentials, region })
}

/// The endpoint that the URLs of the queues name. All of them are called there, so it must be the
/// one of each.
fn endpoint_of_all(queues: &[QueueRef]) -> Result<Option<EndpointUrl>, CliError> {
    let mut endpoints = queues.iter().map(QueueRef::endpoint);
    let first = endpoints.next().flatten();
    let text = |endpoint: &Option<EndpointUrl>| {
        endpoint.as_ref().map(|endpoint| endpoint.as_str().to_owned())
    };
    if endpoints.any(|endpoint| text(&endpoint) != text(&first)) {
        return Err(CliError::usage(
            "the queues are at several endpoints; name those of one at a time, or the endpoint with --endpoint-url",
        ));
    }
    Ok(first)
}

/// The region that the flags or the queues tell.
fn region_told(args: &ConnectionArgs, queues: &[QueueRef]) -> Result<Option<Region>, CliError> {
    if let Some(region) = &args.region {
        return Ok(Some(Region::new(region.clone())));
    }
    let mut regions: Vec<String> = queues.iter().filter_map(QueueRef::region).collect();
    regions.dedup();
    if regions.len() > 1 {
        return Err(CliError::usage(
            "the queues are in several regions; name those of one at a time",
        ));
    }
    let of_endpoint = || args.endpoint_url.as_ref().and_then(EndpointUrl::region_of_aws);
    Ok(regions.pop().or_else(of_endpoint).map(Region::new))
}

/// Reads environment and profile as every SDK does.
async fn load(args: &ConnectionArgs, region: Option<Region>) -> Result<SdkConfig, CliError> {
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring));
    let https = match args.ca_bundle.as_deref() {
        // As for the AWS CLI, an empty variable is none.
        None => https.build_https(),
        Some(path) if path.as_os_str().is_empty() => https.build_https(),
        Some(path) => https.tls_context(ca_bundle::trust(path)?).build_https(),
    };
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(https);
    if let Some(profile) = &args.profile {
        loader = loader.profile_name(profile);
    }
    // Only AWS is worth asking the instance that this may run on for its region.
    loader = match (region, args.aws) {
        (Some(region), _) => loader.region(region),
        (None, true) => loader,
        (None, false) => with_region(loader, args.profile.as_deref()).await,
    };
    Ok(loader.load().await)
}

async fn with_region(loader: ConfigLoader, profile: Option<&str>) -> ConfigLoader {
    let of_profile = ProfileFileRegionProvider::builder();
    let of_profile = match profile {
        Some(name) => of_profile.profile_name(name).build(),
        None => of_profile.build(),
    };
    let chain = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(of_profile)
        .or_else(REGION);
    loader.region(chain.region().await)
}

/// The endpoint of the environment or the profile: that of SQS, else that of all services.
fn configured_endpoint(sdk: &SdkConfig) -> Result<Option<EndpointUrl>, CliError> {
    let key = ServiceConfigKey::builder()
        .service_id("SQS")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .expect("all parts of the key are given");
    let of_sqs = sdk.service_config().and_then(|config| config.load_config(key));
    let url = of_sqs.or_else(|| sdk.endpoint_url().map(str::to_owned));
    let parse = |url: String| EndpointUrl::parse(&url);
    url.map(parse)
        .transpose()
        .map_err(|error| CliError::usage(format!("the configured endpoint: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_of_several_endpoints_are_not_called_at_the_first_of_them() {
        let refs = |names: &[&str]| -> Vec<QueueRef> {
            names.iter().map(|name| QueueRef::parse(name).unwrap()).collect()
        };
        let stage = "http://stage:9324/000000000000/a";
        let prod = "http://prod:9324/000000000000/b";
        let one = endpoint_of_all(&refs(&[stage, "http://stage:9324/000000000000/b"])).unwrap();
        assert_eq!(one.unwrap().as_str(), "http://stage:9324");
        assert!(endpoint_of_all(&refs(&["a", "b"])).unwrap().is_none());
        for mixed in [[stage, prod], [stage, "b"], ["b", stage]] {
            assert!(endpoint_of_all(&refs(&mixed)).is_err(), "{mixed:?}");
        }
    }
}
