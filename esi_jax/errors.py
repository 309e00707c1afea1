"""Errors that a user can mend, told in one sentence."""

import errno
import sys
from collections.abc import Callable
from typing import Any

from absl import app, logging


class UserError(ValueError):
    """Bad input: the message is one sentence that names the file or key and the remedy."""


def run(main: Callable[[list[str]], Any]) -> None:
    """Runs `main` under absl; a `UserError` or an OSError on a file exits with 2, no traceback."""

    def guarded(argv: list[str]) -> None:
        if len(argv) > 1:
            raise app.UsageError(f'unexpected argument {argv[1]!r}; write --name=value')
        try:
            main(argv)
        except UserError as error:
            print(f'error: {error}', file=sys.stderr)
            sys.exit(2)
        except OSError as error:
            if not error.filename and error.errno != errno.ENOSPC:
                raise
            remedy = 'free some space or' if error.errno == errno.ENOSPC else 'mend that or'
            print(f'error: {error.filename or "output"}: {error.strerror}; {remedy} choose another '
                  'place', file=sys.stderr)
            sys.exit(2)

    logging.set_verbosity(logging.FATAL)  # what orbax and tfds log as errors, they raise as well
    app.run(guarded)
