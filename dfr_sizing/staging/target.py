"""The staging file: the one system that may be loaded, filled and measured. Nothing else is touched.

Secrets are not in it: the password of the load test's users is read from DFR_STAGING_PASSWORD, that of PostgreSQL from
PGPASSWORD or a password file, as libpq does.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from dfr_sizing.errors import InputError

PASSWORD = "DFR_STAGING_PASSWORD"  # noqa: S105 - the name of the variable
TEMPLATE = """# The staging system: the only one that load tests, seeding and recording touch.
url = "http://127.0.0.1:8069"              # where the load goes; any other host is refused
database = "staging"                       # Odoo's database there
is_staging = false                         # set to true once you are sure that nobody works on it
mapping = "odoo"                           # odoo: a plain Odoo 18; dfr: the DFR's modules; or a file
users = ["officer01", "officer02"]         # logins of the load test; password: DFR_STAGING_PASSWORD
workers = 4                                # Odoo's HTTP workers (--workers)
cron_workers = 1
# postgresql = "postgresql://dfr@127.0.0.1:5432/staging"   # for statistics and seeding; password: PGPASSWORD
# log = "/var/log/odoo/odoo.log"           # Odoo's access log, if it can be read from here
# probes = ["http://127.0.0.1:9186"]       # `dfr-size probe` on each host, or exporters of Prometheus
"""


class Staging(BaseModel):
    """What the staging file says."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    url: str
    database: str = Field(min_length=1)
    is_staging: bool
    mapping: str = "odoo"
    users: tuple[str, ...] = Field(min_length=1)
    workers: int = Field(ge=1)
    cron_workers: int = Field(default=1, ge=0)
    postgresql: str = ""
    log: str = ""
    probes: tuple[str, ...] = ()

    @field_validator("users", "probes", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("postgresql", "url")
    @classmethod
    def _without_password(cls, value: str) -> str:
        if urlsplit(value).password:
            raise ValueError("a password does not belong here: set PGPASSWORD or DFR_STAGING_PASSWORD instead")
        return value

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port of the url."""
        return origin(self.url)


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def read_staging(path: Path) -> Staging:
    """A staging file. Raises InputError, also where it does not say ``is_staging = true``."""
    try:
        told: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        staging = Staging.model_validate(told)
    except OSError as error:
        remedy = f"{error.strerror}: write one with dfr-size staging --template"
        raise InputError("the staging file", path, "a file that can be read", remedy) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError("the staging file", path, "a TOML file", f"{error}: mend that place") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{field} of the staging file", path, first["msg"], "mend it there") from None
    if not staging.is_staging:
        raise InputError(
            "is_staging", "false", "true in a file of a staging system", f"set it in {path} once nobody works on it"
        )
    return staging


def check_host(staging: Staging, url: str) -> None:
    """Refuse to load any other host than the one that the staging file names. Raises InputError."""
    if origin(url) != staging.origin:
        raise InputError("--host", url, f"{staging.url}, which the staging file names", "nothing else may be loaded")


def password(environ: Mapping[str, str] | None = None) -> str:
    """The password of the load test's users, from the environment. Raises InputError."""
    found = (os.environ if environ is None else environ).get(PASSWORD, "")
    if not found:
        raise InputError(PASSWORD, "not set", "the password of the staging file's users", f"export {PASSWORD}=...")
    return found
