"""``python -m flashlight``: the same command line as ``flashlight``."""

import sys

from flashlight.cli import main

if __name__ == "__main__":
    sys.exit(main())
