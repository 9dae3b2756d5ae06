//! Whose requests these are.

use aws_config::SdkConfig;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use crate::error::{CliError, root};

pub(crate) const HINT: &str = "see \"Credentials\" in `formiga queue --help`";

/// The credentials for an endpoint: those of the named profile alone, or the first that are
/// configured. Without any, an endpoint that `takes_stand_ins` is called with stand-ins.
pub(crate) async fn find(
    sdk: &SdkConfig,
    profile: Option<&str>,
    takes_stand_ins: bool,
) -> Result<SharedCredentialsProvider, CliError> {
    let provider = match (profile, sdk.credentials_provider()) {
        (Some(name), _) => of_profile(sdk, Some(name)),
        // Beyond environment and profile the network is asked, and this machine may have none.
        (None, Some(chain)) if !takes_stand_ins => chain,
        (None, _) => SharedCredentialsProvider::new(
            CredentialsProviderChain::first_try(
                "Environment",
                EnvironmentVariableCredentialsProvider::new(),
            )
            .or_else("Profile", of_profile(sdk, None)),
        ),
    };
    match provider.provide_credentials().await {
        Ok(_) => Ok(provider),
        Err(CredentialsError::CredentialsNotLoaded(_)) if takes_stand_ins => {
            let stand_in = Credentials::new("formiga", "formiga", None, None, "stand-in");
            Ok(SharedCredentialsProvider::new(stand_in))
        }
        Err(error @ CredentialsError::CredentialsNotLoaded(_)) => {
            Err(CliError::new("CredentialsMissing", root(&error)).with_hint(HINT))
        }
        Err(error) => Err(CliError::new("CredentialsFailed", root(&error)).with_hint(HINT)),
    }
}

fn of_profile(sdk: &SdkConfig, name: Option<&str>) -> SharedCredentialsProvider {
    // A profile may assume a role, for which AWS is called.
    let config = ProviderConfig::without_region().with_region(sdk.region().cloned());
    let config = match sdk.http_client() {
        Some(client) => config.with_http_client(client),
        None => config,
    };
    let builder = ProfileFileCredentialsProvider::builder().configure(&config);
    SharedCredentialsProvider::new(match name {
        Some(name) => builder.profile_name(name).build(),
        None => builder.build(),
    })
}
