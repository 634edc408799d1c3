"""The ``flashlight`` command: picks a subcommand, each of which is a module of this package with ``main(argv)``."""

import argparse
import difflib
import importlib
import sys

from flashlight.cli.parser import MISUSE, Parser, version_of

# name -> what it does, one line of --help; the module of that name holds the command
COMMANDS = {
    "demo": "a one-minute tour: load a PyTorch checkpoint, train a PyTorch script, compare both with PyTorch",
    "run": "run an unmodified PyTorch script on MLX",
    "info": "versions, device, what runs where, which BLAS",
    "doctor": "check the fused kernels on this machine and measure them",
    "convert": "turn .pth/.pt/.bin checkpoints into .safetensors and back",
}

_EXAMPLES = """\
examples:
  flashlight demo                                 see it work
  flashlight run train.py --epochs 3              python train.py --epochs 3, on MLX
  flashlight run -m package.train --lr 0.1        python -m package.train --lr 0.1, on MLX
  flashlight convert model.pth model.safetensors  convert a checkpoint
  flashlight info                                 what this machine offers

flashlight COMMAND --help explains one command.
"""


def _parser() -> Parser:
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items())
    parser = Parser(
        prog="flashlight",
        usage="flashlight [--version] COMMAND [options]",
        description=f"PyTorch's interface on Apple MLX.\n\ncommands:\n{rows}",
        epilog=_EXAMPLES,
    )
    parser.add_argument("--version", action="version", version=f"flashlight {version_of('flashlight-mlx')}")
    parser.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit code (0 fine, 1 failed, 2 misuse)."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv and argv[0] in COMMANDS:
        return importlib.import_module(f"flashlight.cli.{argv[0]}").main(argv[1:])
    parser = _parser()
    command = parser.parse_args(argv[:1]).command
    if command is None:
        parser.print_help()
        return MISUSE
    nearest = difflib.get_close_matches(command, COMMANDS, n=1)
    hint = f"did you mean '{nearest[0]}'?" if nearest else f"choose from {', '.join(COMMANDS)}"
    parser.error(f"unknown command '{command}': {hint}")
