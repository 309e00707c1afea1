"""Orbax behind one door: state and data cursor saved together, asynchronously, atomically."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import jax
import orbax.checkpoint as ocp

from esi_jax import tree
from esi_jax.errors import UserError

S = TypeVar('S')


class Checkpoints:
    """The newest few states of a run in `folder`."""

    def __init__(self, folder: Path, keep: int = 2):
        self.folder = folder.absolute()
        self._manager = ocp.CheckpointManager(
            self.folder, options=ocp.CheckpointManagerOptions(max_to_keep=keep))

    def save(self, step: int, state: Any, cursor: dict) -> None:
        """Starts a save. Raises OSError where the disk has no room for it."""
        flat = tree.flatten(state)
        with self._named():
            self._manager.wait_until_finished()  # so that the room it took is counted
            if shutil.disk_usage(self.folder).free < sum(x.nbytes for x in flat.values()):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder))
            self._manager.save(step, args=ocp.args.Composite(
                state=ocp.args.StandardSave(flat), cursor=ocp.args.JsonSave(cursor)))

    def restore(self, like: S) -> tuple[S, dict] | None:
        """The newest (state, cursor), laid out as `like` is on its mesh; None in a fresh folder.

        Raises UserError where the checkpoint is damaged or of another model.
        """
        step = self._manager.latest_step()
        if step is None:
            return None
        abstract = {name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding)
                    for name, x in tree.flatten(like).items()}
        try:
            saved = self._manager.restore(step, args=ocp.args.Composite(
                state=ocp.args.StandardRestore(abstract), cursor=ocp.args.JsonRestore()))
        except Exception as error:  # orbax and tensorstore raise many kinds, none of them ours
            reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise UserError(f'checkpoint {self.folder / str(step)} cannot be read ({reason:.200}); '
                            'delete that folder to go on from the one before, or train with the '
                            'config it was made with') from error
        return tree.unflatten(like, saved['state']), saved['cursor']

    def close(self) -> None:
        """Waits for saves under way; raises what went wrong in them."""
        with self._named():
            self._manager.wait_until_finished()
        self._manager.close()

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """tensorstore tells of a full disk in a ValueError's text."""
        try:
            yield
        except OSError:
            raise
        except Exception as error:
            if 'No space left' not in str(error) and 'ENOSPC' not in str(error):
                raise
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder)) from error
