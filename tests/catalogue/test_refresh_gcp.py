"""Google Cloud's price list: machines added up of their parts, and a key that nobody sees."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure_prices import send
from typer.testing import CliRunner, Result

from dfr_sizing.catalogue import Term, load_catalogue, read_catalogue
from dfr_sizing.catalogue.refresh import pages as pages_module
from dfr_sizing.cli.catalogue import app
from dfr_sizing.errors import InputError

REGION, CANARY = "europe-west1", "AIzaSyCanaryThatSings"
Sku = dict[str, Any]


def sku(text: str, usd: float, unit: str = "h", usage: str = "OnDemand", **price: object) -> Sku:
    """A stock-keeping unit as the list has it: cloud.google.com/billing/docs/reference/rest/v1/services.skus."""
    money = {"currencyCode": "USD", "units": str(int(usd)), "nanos": round((usd - int(usd)) * 1e9)} | price
    expression = {"usageUnit": unit, "tieredRates": [{"startUsageAmount": 0, "unitPrice": money}]}
    return {
        "name": "services/6F81-5844-456A/skus/0000-0000-0000",
        "description": text,
        "category": {"resourceFamily": "Compute", "usageType": usage},
        "serviceRegions": [REGION],
        "pricingInfo": [{"pricingExpression": expression}],
    }


COMPUTE = [
    sku("N2 Instance Core running in Belgium", 0.036),
    sku("N2 Instance Ram running in Belgium", 0.005, "GiBy.h"),
    sku("N2 Custom Instance Core running in Belgium", 0.04),
    sku("N2 Sole Tenancy Instance Core running in Belgium", 0.05),
    sku("Spot Preemptible N2 Instance Core running in Belgium", 0.008, usage="Preemptible"),
    sku("N2D AMD Instance Core running in Belgium", 0.9),
    sku("T2D AMD Instance Core running in Belgium", 0.03),
    sku("T2D AMD Instance Ram running in Belgium", 0.004, "GiBy.h"),
    sku("Commitment v1: N2 Cpu in Belgium for 1 Year", 0.022, usage="Commit1Yr"),
    sku("Commitment v1: N2 Ram in Belgium for 1 Year", 0.003, "GiBy.h", usage="Commit1Yr"),
    sku("Commitment v1: N2 Cpu in Belgium for 3 Years", 0.016, usage="Commit3Yr"),  # without its RAM: no price
    sku("SSD backed PD Capacity in Belgium", 0.18, "GiBy.mo"),
    sku("Regional SSD backed PD Capacity in Belgium", 0.36, "GiBy.mo"),
]
SQL = [
    sku("Cloud SQL for PostgreSQL: Zonal - vCPU in Belgium", 0.045),
    sku("Cloud SQL for PostgreSQL: Zonal - RAM in Belgium", 0.0076, "GiBy.h"),
    sku("Cloud SQL for PostgreSQL: Regional - vCPU in Belgium", 0.09),
    sku("Cloud SQL for PostgreSQL: Zonal - Enterprise Plus N vCPU in Belgium", 0.07),
    sku("Cloud SQL for PostgreSQL: Zonal - Standard storage in Belgium", 0.19, "GiBy.mo"),
]


@contextmanager
def served(change: Callable[[list[Sku]], list[Sku]], status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """The two services in pages of 5, for whoever has the key; its address, and the keys that were seen."""
    keys: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.append(self.headers.get("X-Goog-Api-Key", ""))
            if status != 200:
                send(self, status, b'{"error": {"message": "API key not valid: ' + CANARY.encode() + b'"}}')
                return
            at = urlsplit(self.path)
            skip = int(parse_qs(at.query).get("pageToken", ["a+b/0=&"])[0].removeprefix("a+b/").removesuffix("=&"))
            found = change(COMPUTE) if "6F81-5844-456A" in at.path else SQL
            token = f"a+b/{skip + 5}=&" if skip + 5 < len(found) else ""
            send(self, 200, json.dumps({"skus": found[skip : skip + 5], "nextPageToken": token}).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", keys
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages_module, "FIRST_WAIT_S", 1e-3)
    monkeypatch.setenv("GOOGLE_API_KEY", CANARY)


def refresh(url: str, into: Path, *more: str) -> Result:
    options = ["--provider", "gcp", "--into", str(into), "--region", REGION, "--source", url, "--yes"]
    return CliRunner().invoke(app, ["refresh", *options, *more])


def test_machines_are_their_vcpus_and_gib(tmp_path: Path) -> None:
    with served(lambda skus: skus) as (url, keys):
        found = refresh(url, tmp_path / "prices")
    assert found.exit_code == 0, found.output
    catalogue, shipped = read_catalogue(tmp_path / "prices"), load_catalogue()
    place = catalogue.place("gcp", REGION)
    for item, unit, term, usd in (
        ("n2-standard-4", "hour", Term.ON_DEMAND, 4 * 0.036 + 16 * 0.005),
        ("n2-standard-4", "hour", Term.ONE_YEAR, 4 * 0.022 + 16 * 0.003),
        ("t2d-standard-8", "hour", Term.ON_DEMAND, 8 * 0.03 + 32 * 0.004),
        ("db-custom-4-16384", "hour", Term.ON_DEMAND, 4 * 0.045 + 16 * 0.0076),
        ("pd-ssd", "gib-month", Term.ON_DEMAND, 0.18),
        ("cloud-sql-ssd", "gib-month", Term.ON_DEMAND, 0.19),
    ):
        assert catalogue.price(place, item, unit, term).usd == pytest.approx(usd, rel=1e-5), item
    for item, term in (("e2-standard-2", Term.ON_DEMAND), ("n2-standard-4", Term.THREE_YEARS)):  # nothing said of them
        assert catalogue.price(place, item, "hour", term) == shipped.price(place, item, "hour", term)
    assert set(keys) == {CANARY}


def test_the_key_is_seen_nowhere(tmp_path: Path) -> None:
    with served(lambda skus: skus) as (url, _):
        told = refresh(url, tmp_path / "prices").output
    with served(lambda skus: skus, status=403) as (url, _):
        failed = refresh(url, tmp_path / "others")
    assert isinstance(failed.exception, InputError)
    assert "403" in str(failed.exception)
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert CANARY not in told + failed.output + str(failed.exception) + repr(failed.exc_info) + written


def test_without_a_key_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_API_KEY")
    with served(lambda skus: skus) as (url, keys):
        found = refresh(url, tmp_path / "prices")
    assert isinstance(found.exception, InputError)
    assert "GOOGLE_API_KEY is not set" in str(found.exception)
    assert keys == []


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        (sku("N2 Instance Core running in Belgium", 0.036, currencyCode="EUR"), "in EUR"),
        (sku("N2 Instance Core running in Belgium", 0.0), "0 USD"),
        (sku("N2 Instance Core running in Belgium", 0.036, units="-1"), "USD for N2"),
        (sku("N2 Instance Core running in Belgium", 0.036, "mo"), "by mo"),
        (sku("N2 Instance Core running in Belgium", 0.036) | {"pricingInfo": []}, "no price for"),
        (sku("N2 Instance Core running in Belgium", 0.072), "0.036 and 0.072"),
        (sku("SSD backed PD Capacity in Belgium", 0.18, "GiBy.h"), "by GiBy.h"),
        ({"serviceRegions": [REGION]}, "without a description"),
    ],
)
def test_a_list_that_lies_changes_nothing(tmp_path: Path, lie: Sku, words: str) -> None:
    with served(lambda skus: [*skus, lie]) as (url, _):
        found = refresh(url, tmp_path / "prices")
    assert isinstance(found.exception, InputError), found.output
    assert words in str(found.exception)
    assert read_catalogue(tmp_path / "prices").prices == load_catalogue().prices
