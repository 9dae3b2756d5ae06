use std::io::Write;

use clap_complete::Shell;

/// What `formiga completions` is asked to do.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Load them at the start of each shell, such as:
  bash: echo 'source <(formiga completions bash)' >> ~/.bashrc
  zsh:  echo 'source <(formiga completions zsh)' >> ~/.zshrc   (after compinit)
  fish: formiga completions fish > ~/.config/fish/completions/formiga.fish")]
pub struct CompletionsArgs {
    /// The shell that will read the script.
    pub shell: Shell,
}

/// Writes the script that makes a shell complete the words of `command`.
pub fn completions(args: &CompletionsArgs, command: &mut clap::Command) {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, name, &mut script);
    // A reader that has gone needs no script.
    let _ = std::io::stdout().write_all(&script);
}
