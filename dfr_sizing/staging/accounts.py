"""Who may come in: the password of the load test's users, sessions, tokens of the API.

The password is in memory only, as a hash. Sessions and tokens are signed, not stored, so that every worker knows those
that another gave out; the key is drawn at each start.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field

ROUNDS = 600_000
"""Rounds of PBKDF2 (SHA-512), those of Odoo 18: the 0.3 s that a log-in costs (read in Odoo's code; measured: login
in models/odoo18-reference)."""
TOKEN_S, SESSION_S = 3600, 7 * 24 * 3600
"""Life of a token of the API (1 h: read in the DFR's code) and of a session (a week: Odoo's default), seconds."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Made before the workers are forked, so that all have the same."""

    _hashed: bytes
    _salt: bytes
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def opens(self, password: str) -> bool:
        """Whether the password is right. As slow as it is meant to be, and as slow where it is wrong."""
        return hmac.compare_digest(self._hashed, _hash(password, self._salt))

    def sign(self, purpose: str, login: str, seconds: int) -> str:
        """A token that says who and until when, for one purpose: ``session`` or ``token``."""
        told = f"{login}.{int(time.time()) + seconds}"
        return f"{told}.{self._signature(purpose, told)}"

    def signed(self, purpose: str, token: str) -> str | None:
        """Whose token it is; None where it is not one of ours or its time is over."""
        told, _, signature = token.rpartition(".")
        login, _, until = told.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(purpose, told).encode()):
            return None
        return login if int(until) >= time.time() else None

    def _signature(self, purpose: str, told: str) -> str:
        return hmac.new(self._key, f"{purpose}:{told}".encode(), "sha256").hexdigest()


def accounts(password: str) -> Accounts:
    """Accounts that the password opens."""
    salt = secrets.token_bytes(16)
    return Accounts(_hash(password, salt), salt)


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
