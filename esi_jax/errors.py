"""Errors that a user can mend, told in one sentence."""

import errno
import sys
from collections.abc import Callable
from typing import Any

from absl import app, logging


class UserError(ValueError):
    """Bad input: the message is one sentence that names the file or key and the remedy."""


def run(main: Callable[[list[str]], Any]) -> None:
    """Runs `main` under absl; a `UserError` or a full disk exits with 2 and no traceback."""

    def guarded(argv: list[str]) -> None:
        if len(argv) > 1:
            raise app.UsageError(f'unexpected argument {argv[1]!r}; write --name=value')
        try:
            main(argv)
        except UserError as error:
            print(f'error: {error}', file=sys.stderr)
            sys.exit(2)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            where = f' while writing {error.filename}' if error.filename else ''
            print(f'error: the disk is full{where}; free some space or choose another folder',
                  file=sys.stderr)
            sys.exit(2)

    logging.set_verbosity(logging.WARNING)  # orbax and tfds tell every file they touch
    app.run(guarded)
