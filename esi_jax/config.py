"""Config files hold ConfigDicts; below `launch/` everything is a frozen, hashable dataclass."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from esi_jax.errors import UserError

T = TypeVar('T')


def from_dict(cls: type[T], values: Mapping[str, Any], where: str = 'config') -> T:
    """Builds the dataclass `cls`, nested ones too. Raises UserError on a wrong or missing key."""
    types = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            raise UserError(f'unknown key {where}.{key}; the known ones are {", ".join(fields)}')
    for name, field in fields.items():
        if (name not in values and field.default is dataclasses.MISSING
                and field.default_factory is dataclasses.MISSING):
            raise UserError(f'missing key {where}.{name}; add it to the config')
    return cls(**{key: _convert(types[key], value, f'{where}.{key}')
                  for key, value in values.items()})


def _convert(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return from_dict(typing.cast(type, kind), value, where)
    if typing.get_origin(kind) is tuple:
        return tuple(value)
    if kind in (int, float, bool, str):
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise UserError(f'{where} is {value!r}; write {kind.__name__} there')
    return value


def to_dict(config: Any) -> dict[str, Any]:
    """The plain dict of a dataclass, for JSON; `from_dict` reads it back."""
    return dataclasses.asdict(config)
