"""The argument parser of every command: help that keeps its layout, and errors of one line."""

import argparse
import importlib.metadata
import sys
from typing import NoReturn

MISUSE = 2  # exit code for a command line that cannot be carried out as written
FAILED = 1  # exit code for one that was understood and did not work out


class Parser(argparse.ArgumentParser):
    """``argparse`` with preformatted help, no abbreviated options, and one-line errors."""

    def __init__(self, **kwargs):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **kwargs)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong on one line of standard error and leave with exit code 2."""
        self.exit(MISUSE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def version_of(distribution: str) -> str:
    """The version of an installed distribution, or that it is none (a source tree on the path)."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def complain(prog: str, message: object, code: int = FAILED) -> int:
    """Print a one-line error and return the exit code that goes with it."""
    print(f"{prog}: {' '.join(str(message).split())}", file=sys.stderr)
    return code
