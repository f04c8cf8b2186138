"""Reads the load test's files: TOML, validated, refused with one sentence."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from dfr_sizing.errors import InputError

HERE = Path(__file__).parent


class Row(BaseModel):
    """A table of such a file: what is not known in it is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Told = TypeVar("Told", bound=Row)


def read(what: str, name: str, folder: str, kind: type[Told]) -> Told:
    """The file of that path, or the shipped one of that name. Raises InputError."""
    shipped = HERE / folder
    path = Path(name) if name.endswith(".toml") else shipped / f"{name}.toml"
    known = ", ".join(sorted(file.stem for file in shipped.glob("*.toml")))
    try:
        return kind.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError:
        raise InputError(what, name, f"a file ending in .toml, or one of {known}", "name one of these") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(what, path, "a TOML file", f"{error}: mend that place") from None
    except ValidationError as error:
        raise _refusal(what, path, error) from None


def _refusal(what: str, path: Path, error: ValidationError) -> InputError:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "a table"
    value = first["input"] if isinstance(first["input"], (str, int, float, bool)) else "as it stands"
    allowed = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return InputError(f"{where} of {what} {path}", value, allowed, "mend it there")
