"""Values as TOML text: what the standard library reads but does not write."""

from __future__ import annotations

import json

from dfr_sizing.interval import Interval


def toml_value(value: object) -> str:
    """A bool, number, text, Interval, list or flat table as TOML; an exact Interval is one number."""
    match value:
        case bool():
            text = str(value).lower()
        case int():
            text = f"{value:_}"
        case float():
            text = number(value)
        case Interval():
            bounds = ", ".join(number(bound) for bound in value.bounds)
            text = number(value.mid) if value.is_exact else f"[{bounds}]"
        case tuple() | list():
            text = f"[{', '.join(toml_value(part) for part in value)}]"
        case dict():
            text = f"{{{', '.join(f'{toml_value(key)} = {toml_value(part)}' for key, part in value.items())}}}"
        case _:
            # JSON's escapes are TOML's, but for DEL, which JSON leaves as it is and TOML does not allow.
            text = json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return text


def number(value: float) -> str:
    """A number as short as it can be told: 3, 0.25, 1e-06."""
    return f"{value:.7g}"
