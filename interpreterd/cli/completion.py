"""``interpreterd completion``."""

import click
from click.shell_completion import get_completion_class

from interpreterd.cli.main import PROGRAM, cli

SHELLS = ("bash", "zsh", "fish")
EXAMPLES = """\b
Examples:
  interpreterd completion bash > ~/.local/share/bash-completion/completions/interpreterd
  interpreterd completion zsh > ~/.zfunc/_interpreterd      with ~/.zfunc in fpath
  interpreterd completion fish > ~/.config/fish/completions/interpreterd.fish"""


@click.command("completion", epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print a completion script for SHELL. It completes commands, options and the ids of contexts."""
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, PROGRAM, "_INTERPRETERD_COMPLETE").source())
