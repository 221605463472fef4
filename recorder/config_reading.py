"""Reads a TOML document into structs key by key, so that every fault is found and not only the first.

Rules: a fault is one sentence that begins with its dotted key and says what is expected there, in words a fitter
knows; an unknown key is answered with the nearest known one; what can be read is handed on although other keys
cannot, so that faults between keys are found in the same pass.
"""

import difflib
import json
import math
import re
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

S = TypeVar("S", bound=Struct)

Readable = dict[str, Any]
"""Dotted key to value, for every key that could be read; defaults included."""

_WORDS = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    str: "text in quotes",
    Path: "a path in quotes",
    list: "a list of texts in quotes",
    dict: "a table",
}


def read(kind: type[Struct], table: Mapping[str, Any], prefix: str = "") -> tuple[Readable, list[str]]:
    """All of ``table`` that fits ``kind``, and a fault for everything that does not."""
    hints = get_type_hints(kind, include_extras=True)
    readable: Readable = {}
    faults = [f"{prefix}{_bare(key)}: unknown key; {_nearest(key, list(hints))}" for key in table if key not in hints]
    for field in msgspec.structs.fields(kind):
        key, hint = f"{prefix}{field.name}", hints[field.name]
        value = table.get(field.name, {} if _is_struct(hint) else msgspec.UNSET)
        if _is_struct(hint) and not isinstance(value, dict):
            faults.append(f"{key}: expected a table, [{key}], got {_shown(value)}.")
        elif _is_struct(hint):
            inner, inner_faults = read(hint, value, f"{key}.")
            readable |= inner
            faults += inner_faults
        elif value is not msgspec.UNSET:
            try:
                readable[key] = _converted(value, hint)
            except msgspec.ValidationError:
                faults.append(f"{key}: expected {expected(hint)}, got {_shown(value)}.")
        elif field.required:
            faults.append(f"{key}: is missing; it is required: {expected(hint)}.")
        else:
            readable[key] = field.default
    return readable, faults


def build(kind: type[S], readable: Readable, prefix: str = "") -> S:
    """The struct that ``readable`` fills. Raises KeyError where one of its keys could not be read."""
    hints = get_type_hints(kind)
    return kind(
        **{
            name: build(hint, readable, f"{prefix}{name}.") if _is_struct(hint) else readable[f"{prefix}{name}"]
            for name, hint in hints.items()
        }
    )


def expected(hint: Any) -> str:
    """What a key wants, in words."""
    metas: list[Meta] = []
    if get_origin(hint) is Annotated:
        hint, *metas = get_args(hint)
    for meta in metas:
        if meta.description:
            return meta.description
    if get_origin(hint) is Literal:
        *others, last = map(_shown, get_args(hint))
        return f"{', '.join(others)} or {last}" if others else last
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(expected(part) for part in get_args(hint) if part is not type(None))
    words = [_WORDS[get_origin(hint) or hint], *(part for meta in metas for part in _limits(meta))]
    return " ".join(words)


def _limits(meta: Meta) -> Iterator[str]:
    if meta.gt is not None:
        yield f"greater than {meta.gt:g}"
    if meta.ge is not None and meta.le is not None:
        yield f"from {meta.ge} to {meta.le}"
    elif meta.ge is not None:
        yield f"of at least {meta.ge}"
    if meta.multiple_of is not None:
        yield f"that {meta.multiple_of} divides"


def _converted(value: Any, hint: Any) -> Any:
    converted = msgspec.convert(value, hint, strict=True, dec_hook=_path)
    if isinstance(converted, float) and not math.isfinite(converted):
        raise msgspec.ValidationError("a number has an end")
    return converted


def _path(kind: type[Any], value: Any) -> Any:
    """What msgspec does not know by itself: paths are text, and ``~`` is somebody's home."""
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        try:
            return Path(value).expanduser()
        except RuntimeError as error:
            raise msgspec.ValidationError("nobody's home") from error
    raise msgspec.ValidationError("not a path")


def _is_struct(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Struct)


def _bare(key: str) -> str:
    """As it must stand in TOML: quoted unless it is a bare key."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _shown(key)


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}."


def _shown(value: Any) -> str:
    """As it stands in TOML, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
    except (ValueError, RecursionError):  # thousands of digits, or tables as deep
        return "something too large to show"
    if "AGE-SECRET-KEY-" in text.upper():
        return "a secret key, which does not belong here"
    return text if len(text) <= 60 else text[:57] + "..."
