//! `formiga`: read configuration, start, wait for a signal, stop.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use formiga_bench::BenchArgs;
use formiga_cli::{
    AccountArgs, CompletionsArgs, ExplainArgs, IdentityArgs, KeyArgs, QueueArgs, RoleArgs, UserArgs,
};
use formiga_server::config::{
    AuthMode, Config, LogFormat, MasterKeyTexts, StoreKind, flags_of_file,
};
use formiga_server::offline::{self, BackupArgs, CheckArgs};
use formiga_server::{Server, admin_key_file, self_signed_authority_file};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Amazon SQS that anyone can run.
#[derive(Parser)]
#[command(name = "formiga", version, about)]
struct Cli {
    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Subcommand)]
enum CliCommand {
    /// Run the server (the default).
    Serve(Box<Config>),
    Check(CheckArgs),
    Backup(BackupArgs),
    /// Measure an SQS endpoint.
    Bench(BenchArgs),
    /// Work with the queues of an SQS endpoint, Formiga or AWS.
    Queue(QueueArgs),
    /// Manage the users of a server that checks who calls.
    User(UserArgs),
    /// Manage the access keys of users.
    Key(KeyArgs),
    /// Manage roles.
    Role(RoleArgs),
    /// Manage accounts, as the administrator.
    Account(AccountArgs),
    /// Tell whether somebody may do something, and which policy decides it.
    Explain(ExplainArgs),
    /// Print a shell's completion script.
    Completions(CompletionsArgs),
}

fn main() -> ExitCode {
    let outcome = match parse(std::env::args_os().collect()) {
        Ok(CliCommand::Serve(config)) => serve(*config),
        Ok(CliCommand::Check(arguments)) => offline::check(&arguments),
        Ok(CliCommand::Backup(arguments)) => offline::backup(&arguments),
        Ok(CliCommand::Bench(arguments)) => match formiga_bench::run(&arguments) {
            Ok(findings) => {
                formiga_bench::print(&findings, arguments.json);
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        },
        Ok(CliCommand::Queue(arguments)) => return formiga_cli::run(&arguments),
        Ok(CliCommand::User(arguments)) => match arguments.reset() {
            Some(reset) => offline::reset_user(reset),
            None => return formiga_cli::run_identities(IdentityArgs::User(&arguments)),
        },
        Ok(CliCommand::Key(arguments)) => {
            return formiga_cli::run_identities(IdentityArgs::Key(&arguments));
        }
        Ok(CliCommand::Role(arguments)) => {
            return formiga_cli::run_identities(IdentityArgs::Role(&arguments));
        }
        Ok(CliCommand::Account(arguments)) => {
            return formiga_cli::run_identities(IdentityArgs::Account(&arguments));
        }
        Ok(CliCommand::Explain(arguments)) => {
            return formiga_cli::run_identities(IdentityArgs::Explain(&arguments));
        }
        Ok(CliCommand::Completions(arguments)) => {
            formiga_cli::completions(&arguments, &mut Cli::command());
            Ok(())
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("formiga: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the command line, and the settings file that it names. `formiga` alone, or with flags
/// only, is `formiga serve`.
fn parse(mut arguments: Vec<OsString>) -> Result<CliCommand, String> {
    let is_flag = |argument: &OsString| argument.to_string_lossy().starts_with('-');
    let about_itself = ["-h", "--help", "-V", "--version"];
    match arguments.get(1) {
        None => arguments.push("serve".into()),
        Some(first) if is_flag(first) && !about_itself.iter().any(|flag| first == flag) => {
            arguments.insert(1, "serve".into());
        }
        Some(_) => {}
    }
    let matches = Cli::command().get_matches_from(&arguments);
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.to_string())?;
    let path = match &cli.command {
        CliCommand::Serve(config) => config.config.clone(),
        _ => None,
    };
    let Some(path) = path else { return Ok(cli.command) };
    let text =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let given = matches.subcommand_matches("serve").expect("serve was parsed");
    let flags =
        flags_of_file(&text, given).map_err(|error| format!("{}: {error}", path.display()))?;
    arguments.extend(flags.into_iter().map(OsString::from));
    Ok(Cli::parse_from(arguments).command)
}

fn serve(mut config: Config) -> Result<(), String> {
    start_log(&config)?;
    config.master_keys = MasterKeyTexts::from_environment().map_err(|error| error.to_string())?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if config.threads > 0 {
        runtime.worker_threads(config.threads);
    }
    let runtime = runtime.enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        // Signals are listened for before anything can be acknowledged.
        let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
        let server = Server::start(&config).await.map_err(|error| error.to_string())?;
        welcome(&config, &server);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        let failure = server.failure();
        server.stop().await;
        tracing::info!("stopped");
        failure.map_or(Ok(()), Err)
    })
}

/// What a new user needs: where the server is, where the data is, and a line to try it with.
fn welcome(config: &Config, server: &Server) {
    let scheme = if config.speaks_tls() { "https" } else { "http" };
    let endpoint = format!("{scheme}://{}", server.address());
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path).display().to_string();
    let data = match config.store {
        StoreKind::Memory => "in memory only".to_owned(),
        StoreKind::Sqlite => absolute(config.data_dir.clone()),
    };
    let (authority, trust) = match self_signed_authority_file(config).map(absolute) {
        Some(path) => (
            format!("TLS:  self-signed, for development; clients have to trust {path}\n"),
            format!("AWS_CA_BUNDLE='{path}' "),
        ),
        None => (String::new(), String::new()),
    };
    // Only where the key is, never the key.
    let (key, credentials) = match config.auth {
        AuthMode::Off => {
            (String::new(), "AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any".to_owned())
        }
        AuthMode::Required => {
            let path = absolute(admin_key_file(config));
            (
                format!("Key:  {path} (the administrator's)\n"),
                format!("AWS_SHARED_CREDENTIALS_FILE='{path}'"),
            )
        }
    };
    let text = format!(
        "Formiga {version} answers at {endpoint}\n\
         Data: {data}\n\
         {key}\
         {authority}\
         Try:  {trust}{credentials} aws --region {region} --endpoint-url {endpoint} \
         sqs create-queue --queue-name hello\n",
        version = env!("CARGO_PKG_VERSION"),
        region = config.region,
    );
    let mut out = std::io::stdout().lock();
    // Nobody may be reading; that is no reason not to serve.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    tracing::info!(%endpoint, %data, "started");
}

fn start_log(config: &Config) -> Result<(), String> {
    let filter = EnvFilter::try_new(&config.log_level)
        .map_err(|error| format!("the log level {:?} is not one: {error}", config.log_level))?;
    let json = match config.log_format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    if json {
        log.json().init();
    } else {
        log.with_ansi(std::io::stderr().is_terminal()).init();
    }
    Ok(())
}
