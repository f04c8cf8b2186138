"""One line of a configuration file, and how its value came to be."""

from __future__ import annotations

from dataclasses import dataclass

from dfr_sizing.drivers import configuration, data_rows

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Setting:
    """``value`` as the file has it, rounded from ``raw`` in ``unit``; ``rule`` in words, ``source`` of the rule.

    ``shipped`` is what the DFR's published files say, or the product's default. ``raw`` is None where nothing is
    reckoned.
    """

    name: str
    value: str
    shipped: str
    why: str
    rule: str = ""
    source: str = ""
    raw: float | None = None
    unit: str = ""


def source_of(name: str) -> str:
    """Where a rule of data/configuration.toml comes from, with how it is known."""
    row = configuration()[name]
    return f"{row.label}: {row.source}"


def megabytes(mib: float, step: int = 1) -> str:
    """MiB rounded down to a multiple of ``step``, as PostgreSQL writes it."""
    return f"{max(1, int(mib // step) * step if mib >= step else int(mib))}MB"


def managed_as(provider: str) -> tuple[str, tuple[str, ...]]:
    """How parameters are set where PostgreSQL is a service, and which are not the user's; ("", ()) on own hosts."""
    row = data_rows("managed.toml").get(provider)
    return (row["how"], tuple(row["fixed"])) if row else ("", ())
