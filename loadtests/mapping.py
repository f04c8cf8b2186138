"""The mapping: what each request class of the load test is on the system under test.

A class is sent in one of six ways (``send``), and stands for an ``operation``: a request class of the DFR, an operation
of a model, or a new name that calibration then measures. ``[field]`` says which classes make up a request of the field.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from dfr_sizing.drivers import drivers
from dfr_sizing.interval import Interval
from dfr_sizing.model import request_classes
from dfr_sizing.recording.types import RequestKind
from loadtests.drawing import names_in, repeats_in
from loadtests.reading import Row, read


class _Sent(Row):
    """What all ways of sending have. A count is a number, or the driver whose middle value it is."""

    operation: str = Field(min_length=1)
    counts: dict[str, float | str] = Field(default_factory=dict)

    def count(self, name: str) -> float:
        """One of the counts, as a number."""
        told = self.counts[name]
        if not isinstance(told, str):
            return told
        value = drivers()[told].value
        return value.mid if isinstance(value, Interval) else float(value)

    @model_validator(mode="after")
    def _counts_known(self) -> _Sent:
        for name, told in self.counts.items():
            if isinstance(told, str) and told not in drivers():
                raise ValueError(f"a number or a driver as campaign.batch_farmers for {name}, not {told}")
        return self


class Call(_Sent):
    """A method of an Odoo model, by JSON-RPC and with the session of a login."""

    send: Literal["call"]
    model: str
    method: str
    args: list[Any] = Field(default_factory=list)
    kwargs: dict[str, Any] = Field(default_factory=dict)

    @property
    def path(self) -> str:
        """Where it goes."""
        return f"/web/dataset/call_kw/{self.model}/{self.method}"


class Page(_Sent):
    """A page, with the session of a login."""

    send: Literal["page"]
    path: str = Field(pattern="^/")


class Form(_Sent):
    """A form sent from the page of the class ``token_from``, which holds its token against forgery."""

    send: Literal["form"]
    path: str = Field(pattern="^/")
    token_from: str
    fields: dict[str, Any]


class Rest(_Sent):
    """A call of the REST interface, with a bearer token."""

    send: Literal["rest"]
    verb: Literal["GET", "POST"]
    path: str = Field(pattern="^/")
    body: dict[str, Any] = Field(default_factory=dict)


class Login(_Sent):
    """Log in: Odoo's password check, which opens a session."""

    send: Literal["login"]
    path: str = Field(pattern="^/")


class Token(_Sent):
    """Ask for a bearer token."""

    send: Literal["token"]
    path: str = Field(pattern="^/")


Sent = Annotated[Call | Page | Form | Rest | Login | Token, Field(discriminator="send")]


class Known(Row):
    """Where the data of requests is drawn from: records that exist, and their fields by the names used in templates.

    ``most`` bounds how many; ``fragment`` is the value whose first ``fragment_letters`` letters people search for.
    """

    model: str
    most: int = Field(ge=1, le=20_000)
    fields: dict[str, str]
    fragment: str
    fragment_letters: int = Field(ge=1)

    @model_validator(mode="after")
    def _fragment_known(self) -> Known:
        if self.fragment not in self.fields:
            raise ValueError(f"one of the fields {', '.join(self.fields)} for the fragment, not {self.fragment}")
        return self


class Mapping(Row):
    """A mapping file. ``settings`` are values for templates that the site has to set."""

    known: Known
    settings: dict[str, str | int] = Field(default_factory=dict)
    classes: dict[str, Sent] = Field(alias="class", min_length=1)
    field: dict[str, dict[str, float | str]]

    @property
    def kinds(self) -> dict[str, RequestKind]:
        """The classes, as a recording tells of them."""
        return {
            name: RequestKind(
                sent.operation, log_prefix(sent.path), {count: sent.count(count) for count in sent.counts}
            )
            for name, sent in self.classes.items()
        }

    def the(self, send: str) -> str:
        """The class that is sent in a way of which a mapping has one: login or token."""
        return next(name for name, sent in self.classes.items() if sent.send == send)

    def per_request(self, asked: str, counts: Table[str, float]) -> dict[str, float]:
        """How many requests of which class a request of the field is; ``counts`` are Demand's."""
        told = self.field.get(asked, {})
        return {name: counts[times] if isinstance(times, str) else times for name, times in told.items()}

    @model_validator(mode="after")
    def _drawable(self) -> Mapping:
        drawn = {"id", "number", "fragment", *self.known.fields, *self.settings}
        for name, sent in self.classes.items():
            for asked in names_in(sent.model_dump()):
                if asked not in drawn:
                    raise ValueError(f"{{{asked}}} of {name} as one of {', '.join(sorted(drawn))}")
            for count in repeats_in(sent.model_dump()):
                if count not in sent.counts:
                    raise ValueError(
                        f"a count for repeat = {count} of {name}, which has {', '.join(sent.counts) or 'none'}"
                    )
        return self

    @model_validator(mode="after")
    def _whole(self) -> Mapping:
        ways = [sent.send for sent in self.classes.values()]
        if ways.count("login") != 1:
            raise ValueError('exactly one class with send = "login", which opens the sessions')
        if "rest" in ways and ways.count("token") != 1:
            raise ValueError('exactly one class with send = "token", since there are classes with send = "rest"')
        pages = [name for name, sent in self.classes.items() if sent.send == "page"]
        for name, sent in self.classes.items():
            if sent.send == "form" and sent.token_from not in pages:
                raise ValueError(f"one of the pages {', '.join(pages)} for token_from of {name}, not {sent.token_from}")
        for asked, parts in self.field.items():
            if asked not in request_classes():
                raise ValueError(f"a request class of the DFR ({', '.join(request_classes())}), not {asked}")
            for name in parts:
                if name not in self.classes:
                    raise ValueError(f"one of the classes {', '.join(self.classes)} for {asked}, not {name}")
        return self


def log_prefix(path: str) -> str:
    """How a path begins in the access log whatever was drawn. The longest prefix that fits is a line's class.

    >>> log_prefix("/api/dfr/v1/external/farmers/{uid}")
    '/api/dfr/v1/external/farmers/'
    """
    return path.partition("{")[0]


def read_mapping(name: str) -> Mapping:
    """A shipped mapping by name (odoo, dfr), or a file. Raises InputError."""
    return read("the mapping", name, "mappings", Mapping)
