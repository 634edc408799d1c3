"""``flashlight convert``: PyTorch checkpoints to safetensors and back, without PyTorch."""

import os
import pickle

from safetensors import SafetensorError

from flashlight.cli.parser import MISUSE, Parser, complain
from flashlight.serialization.convert import convert

_PROG = "flashlight convert"
_DESCRIPTION = """\
Convert a checkpoint; the suffixes say from what to what.

  .pth .pt .bin .ckpt   what torch.save writes (both its formats are read; PyTorch reads what is written)
  .safetensors          tensors only; of a checkpoint that holds more, --key names the part to convert
  .index.json           a checkpoint in several files, as Hugging Face writes it (IN only)

Checkpoints are read safely: no code in them is run."""
_EXAMPLES = """\
examples:
  flashlight convert model.pth model.safetensors
  flashlight convert model.safetensors pytorch_model.bin
  flashlight convert --force model.pth model.safetensors                    overwrite what is there
  flashlight convert --key model_state_dict training.pt model.safetensors   only this part
"""
_FAILURES = (OSError, RuntimeError, TypeError, EOFError, pickle.UnpicklingError, SafetensorError)


def main(argv: list[str]) -> int:
    """Convert one file; an existing output file is only replaced with ``--force``."""
    parser = Parser(prog=_PROG, description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument("source", metavar="IN", help="the checkpoint to read")
    parser.add_argument("target", metavar="OUT", help="the file to write")
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")
    parser.add_argument("--key", metavar="NAME", help="convert only this entry of IN; dots go deeper")
    options = parser.parse_args(argv)
    if not os.path.exists(options.source):
        return complain(_PROG, f"no such file: {options.source}", MISUSE)
    try:
        convert(options.source, options.target, force=options.force, progress=True, key=options.key)
    except FileExistsError:
        return complain(_PROG, f"{options.target} exists; --force replaces it", MISUSE)
    except ValueError as error:  # suffixes that do not go together, a key that is not there
        return complain(_PROG, error, MISUSE)
    except _FAILURES as error:
        return complain(_PROG, error)
    megabytes = os.path.getsize(options.target) / 1e6
    print(f"wrote {options.target} ({megabytes:.1f} MB)")
    return 0
