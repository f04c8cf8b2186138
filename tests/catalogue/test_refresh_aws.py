"""AWS's price list through boto3: what comes of a known list, of a throttled one, and of one that lies."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from azure_prices import send
from typer.testing import CliRunner, Result

from dfr_sizing.catalogue import Term, load_catalogue, read_catalogue
from dfr_sizing.cli.catalogue import app
from dfr_sizing.errors import InputError

REGION, CANARY = "eu-west-1", "CanaryThatSingsItsSecretKey0123456789ABC"
Product = dict[str, Any]


def offer(usd: float | str, unit: str = "Hrs", currency: str = "USD", **terms: str) -> Product:
    """An offer as the list has it (docs.aws.amazon.com, API_pricing_GetProducts)."""
    dimension = {"unit": unit, "beginRange": "0", "endRange": "Inf", "pricePerUnit": {currency: f"{usd}"}}
    return {"priceDimensions": {"SKU.TERM.RATE": dimension}, "termAttributes": terms}


def product(family: str, on_demand: Product, *reserved: Product, **attributes: str) -> Product:
    terms = {"OnDemand": {"SKU.TERM": on_demand}, "Reserved": {f"SKU.{n}": one for n, one in enumerate(reserved)}}
    of = {"regionCode": REGION, **attributes}
    return {"product": {"productFamily": family, "attributes": of, "sku": "SKU"}, "terms": terms}


def lease(usd: float, years: str, how: str = "No Upfront", kind: str = "standard") -> Product:
    return offer(usd, LeaseContractLength=years, PurchaseOption=how, OfferingClass=kind)


M5 = product(
    "Compute Instance",
    offer("0.2200000000"),
    lease(0.14, "1yr"),
    lease(0.1, "3yr"),
    lease(0.07, "1yr", "Partial Upfront"),
    lease(0.15, "1yr", kind="convertible"),
    instanceType="m5.xlarge",
    operatingSystem="Linux",
)
LIST = {
    ("AmazonEC2", "Machine"): [
        M5,
        product("Compute Instance", offer(0.4), instanceType="m5.xlarge", operatingSystem="Windows"),
        product("Compute Instance", offer(9.9), instanceType="x9.huge", operatingSystem="Linux"),
        product("Compute Instance", offer(0.3), instanceType="m5.xlarge", locationType="AWS Outposts"),
    ],
    ("AmazonRDS", "Machine"): [
        product("Database Instance", offer(0.41), instanceType="db.m5.xlarge", databaseEngine="PostgreSQL"),
        product("Database Instance", offer(0.99), instanceType="db.m5.xlarge", databaseEngine="Oracle"),
    ],
    ("AmazonEC2", "Store"): [
        product("Storage", offer(0.088, "GB-Mo"), volumeApiName="gp3"),
        product("Storage", offer(0.05, "GB-Mo"), volumeApiName="sc1"),
    ],
    ("AmazonRDS", "Store"): [
        product("Database Storage", offer(0.127, "GB-Mo"), usagetype="EU-RDS:GP3-Storage", databaseEngine="Any"),
        product("Database Storage", offer(0.2, "GB-Mo"), usagetype="EU-RDS:GP3-Storage", databaseEngine="SQL Server"),
    ],
}


class Aws:
    """What was asked, and what is to go wrong."""

    def __init__(self) -> None:
        self.url = ""
        self.heads: list[str] = []
        self.change: Callable[[list[Product]], list[Product]] = lambda products: products
        self.status: Callable[[int], int] = lambda _number: 200


@contextmanager
def served() -> Iterator[Aws]:
    """The list in pages of two, on a port of this machine."""
    aws = Aws()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            aws.heads.append(str(self.headers))
            status = aws.status(len(aws.heads))
            if status != 200:
                kind = "ThrottlingException" if status == 429 else "AccessDeniedException"
                send(self, 400, json.dumps({"__type": kind, "message": f"key {CANARY}"}).encode())
                return
            fields = {one["Field"]: one["Value"] for one in asked["Filters"]}
            kind = "Store" if "Storage" in fields.get("productFamily", "") else "Machine"
            found = LIST[asked["ServiceCode"], kind]
            found = aws.change(found) if (asked["ServiceCode"], kind) == ("AmazonEC2", "Machine") else found
            skip = int(asked.get("NextToken", "0"))
            page: dict[str, Any] = {
                "FormatVersion": "aws_v1",
                "PriceList": [json.dumps(p) for p in found[skip : skip + 2]],
            }
            if skip + 2 < len(found):
                page["NextToken"] = str(skip + 2)
            send(self, 200, json.dumps(page).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    aws.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield aws
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with served() as found:
        yield found


def refresh(aws: Aws, into: Path) -> Result:
    options = ["--provider", "aws", "--into", str(into), "--region", REGION, "--source", aws.url, "--yes"]
    return CliRunner().invoke(app, ["refresh", *options])


def test_machines_databases_and_volumes_have_the_lists_prices(aws: Aws, tmp_path: Path) -> None:
    found = refresh(aws, tmp_path / "prices")
    assert found.exit_code == 0, found.output
    catalogue, shipped = read_catalogue(tmp_path / "prices"), load_catalogue()
    place = catalogue.place("aws", REGION)
    for item, unit, term, usd in (
        ("m5.xlarge", "hour", Term.ON_DEMAND, 0.22),
        ("m5.xlarge", "hour", Term.ONE_YEAR, 0.14),
        ("m5.xlarge", "hour", Term.THREE_YEARS, 0.1),
        ("db.m5.xlarge", "hour", Term.ON_DEMAND, 0.41),
        ("gp3", "gib-month", Term.ON_DEMAND, 0.088),
        ("rds-gp3", "gib-month", Term.ON_DEMAND, 0.127),
    ):
        assert catalogue.price(place, item, unit, term).usd == usd, item
    assert catalogue.price(place, "m7g.large", "hour") == shipped.price(place, "m7g.large", "hour")
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert CANARY not in found.output + written + "".join(aws.heads)


def test_a_throttled_list_is_asked_again(aws: Aws, tmp_path: Path) -> None:
    aws.status = lambda number: 429 if number == 2 else 200
    assert refresh(aws, tmp_path / "prices").exit_code == 0


def test_a_refusal_is_told_without_what_it_says(aws: Aws, tmp_path: Path) -> None:
    aws.status = lambda _number: 403
    found = refresh(aws, tmp_path / "prices")
    assert isinstance(found.exception, InputError)
    assert "AccessDeniedException" in str(found.exception)
    assert CANARY not in found.output + str(found.exception)


def test_without_keys_there_is_one_sentence(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    found = refresh(aws, tmp_path / "prices")
    assert isinstance(found.exception, InputError)
    assert "NoCredentialsError" in str(found.exception)


def with_offer(told: Product) -> Callable[[list[Product]], list[Product]]:
    return lambda products: [product("Compute Instance", told, instanceType="m5.xlarge"), *products[1:]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_offer(offer("-0.22")), "-0.22 USD"),
        (with_offer(offer("0.0000000000")), "0 USD"),
        (with_offer(offer("cheap")), "no price for m5.xlarge"),
        (with_offer(offer("0.22", currency="CNY")), "in CNY"),
        (with_offer(offer("0.22", unit="Quantity")), "by Quantity"),
        (with_offer(offer("99")), "from 0.214 to 99 USD"),
        (
            lambda products: [*products, product("Compute Instance", offer(0.3), instanceType="m5.xlarge")],
            "0.22 and 0.3",
        ),
        (lambda products: [{**M5, "product": None}, *products], "without a product"),
        (
            lambda products: [product("Compute Instance", offer(0.2), regionCode="us-east-1"), *products],
            "for us-east-1",
        ),
    ],
)
def test_a_list_that_lies_changes_nothing(
    aws: Aws, tmp_path: Path, change: Callable[[list[Product]], list[Product]], words: str
) -> None:
    aws.change = change
    found = refresh(aws, tmp_path / "prices")
    assert isinstance(found.exception, InputError), found.output
    assert words in str(found.exception)
    assert read_catalogue(tmp_path / "prices").prices == load_catalogue().prices
