"""AWS's Price List: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html.

Asked through boto3, which takes the keys from the environment, signs, and tries again when it is throttled. Asked for
are EC2 (Linux, shared, on demand and reserved without payment upfront), RDS for PostgreSQL in a single zone, EBS
volumes and RDS gp3 by the GiB-month. IOPS, load balancer, object storage, backups and egress keep the price they have.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from dfr_sizing.catalogue.catalogue import Catalogue
from dfr_sizing.catalogue.refresh.pages import LONGEST_WAIT_S, TRIES, Pages, SourceError
from dfr_sizing.catalogue.types import Price, PriceLabel, Term

SOURCE = "https://api.pricing.us-east-1.amazonaws.com"
MOST_PAGES = 400
REGIONAL = "AWS Region"
"""Outposts and local zones stand in the same list, some under their region's code, at other prices."""
MACHINES = {
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}
QUESTIONS: tuple[tuple[str, dict[str, str]], ...] = (
    ("AmazonEC2", MACHINES),
    (
        "AmazonRDS",
        {"databaseEngine": "PostgreSQL", "deploymentOption": "Single-AZ", "productFamily": "Database Instance"},
    ),
    ("AmazonEC2", {"productFamily": "Storage"}),
    ("AmazonRDS", {"productFamily": "Database Storage", "deploymentOption": "Single-AZ"}),
)
UNITS = {"hour": "Hrs", "gib-month": "GB-Mo"}
RESERVED = {"1yr": Term.ONE_YEAR, "3yr": Term.THREE_YEARS}

Product = Mapping[str, Any]


def listed(
    pages: Pages, catalogue: Catalogue, regions: Iterable[str], today: date, source: str = SOURCE
) -> list[Price]:
    """The source's prices of what the catalogue has in some regions. Raises SourceError."""
    items = {size.name for size in catalogue.instances if size.provider == "aws"}
    items |= {disk.name for disk in catalogue.disks if disk.provider == "aws"}
    settings = Config(
        retries={"max_attempts": TRIES, "mode": "standard"}, connect_timeout=10, read_timeout=LONGEST_WAIT_S
    )
    client = boto3.Session().client("pricing", region_name="us-east-1", endpoint_url=source, config=settings)
    found: list[Price] = []
    for region in regions:
        told: dict[tuple[str, str, Term], float] = {}
        for service, asked in QUESTIONS:
            for product in _products(pages, client, service, {**asked, "regionCode": region, "locationType": REGIONAL}):
                item, unit = _item(product, service, region)
                if item in items:
                    for term, usd in _terms(product, item, unit):
                        if told.setdefault((item, unit, term), usd) != usd:
                            both = f"{told[item, unit, term]:g} and {usd:g} USD"
                            raise SourceError(f"the source says {both} for {item} in {region}: nothing was changed")
        found += [
            Price("aws", region, item, unit, term, usd, source, today, PriceLabel.LISTED)
            for (item, unit, term), usd in told.items()
        ]
    return found


def _products(pages: Pages, client: Any, service: str, asked: Mapping[str, str]) -> Iterator[Product]:
    """All products of a question, page by page."""
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in sorted(asked.items())]
    question: dict[str, Any] = {
        "ServiceCode": service,
        "Filters": filters,
        "FormatVersion": "aws_v1",
        "MaxResults": 100,
    }
    seen: set[str] = set()
    while True:
        address = f"{client.meta.endpoint_url} {json.dumps(question)}"
        page = pages.kept(address, partial(_asked, client, question))
        for text in page["PriceList"]:
            try:
                product = json.loads(text)
            except ValueError as problem:
                raise SourceError("the source gave a product that is no JSON: nothing was changed") from problem
            if not isinstance(product, dict) or not isinstance(product.get("product"), dict):
                raise SourceError("the source gave an item without a product: nothing was changed")
            yield product
        token = page.get("NextToken")
        if not token:
            return
        if token in seen or len(seen) == MOST_PAGES:
            raise SourceError("the source goes round in its pages: nothing was changed")
        seen.add(token)
        question = {**question, "NextToken": token}


def _asked(client: Any, question: Mapping[str, Any]) -> str:
    """A page as it is kept. What boto3 says of a failure may hold a key: its kind is told, and no more."""
    try:
        answer = client.get_products(**question)
    except ClientError as problem:
        said = problem.response.get("Error", {}).get("Code", "an error")
        raise SourceError(f"AWS answers {said}: nothing was changed") from None
    except BotoCoreError as problem:
        raise SourceError(f"AWS gave no page ({type(problem).__name__}): nothing was changed") from None
    if not isinstance(answer.get("PriceList"), list):
        raise SourceError("AWS gave a page without a price list: nothing was changed")
    return json.dumps({"PriceList": answer["PriceList"], "NextToken": answer.get("NextToken")})


def _item(product: Product, service: str, region: str) -> tuple[str, str]:
    """What of the catalogue a product is, and by what it is priced; an empty name for what it does not have."""
    of = product["product"].get("attributes") or {}
    if of.get("regionCode", region) != region:
        raise SourceError(f"the source answers for {of['regionCode']}, not {region}: nothing was changed")
    if of.get("locationType", REGIONAL) != REGIONAL:
        return "", "hour"
    if product["product"].get("productFamily") == "Storage":
        return str(of.get("volumeApiName", "")), "gib-month"
    if str(of.get("usagetype", "")).endswith("RDS:GP3-Storage"):
        ours = of.get("databaseEngine", "Any") in {"Any", "PostgreSQL"}
        return ("rds-gp3" if ours else ""), "gib-month"
    wanted = {"databaseEngine": "PostgreSQL"} if service == "AmazonRDS" else MACHINES
    as_asked = all(of.get(field, value) == value for field, value in wanted.items())
    return (str(of.get("instanceType", "")) if as_asked else ""), "hour"


def _terms(product: Product, item: str, unit: str) -> Iterator[tuple[Term, float]]:
    """Its price on demand, and reserved for a year and three without payment upfront."""
    terms = product.get("terms") or {}
    for offer in (terms.get("OnDemand") or {}).values():
        yield Term.ON_DEMAND, _usd(offer, item, unit)
    for offer in (terms.get("Reserved") or {}).values() if unit == "hour" else ():
        of = offer.get("termAttributes") or {}
        term = RESERVED.get(of.get("LeaseContractLength", ""))
        if term and of.get("PurchaseOption") == "No Upfront" and of.get("OfferingClass", "standard") == "standard":
            yield term, _usd(offer, item, unit)


def _usd(offer: Mapping[str, Any], item: str, unit: str) -> float:
    dimensions = [of for of in (offer.get("priceDimensions") or {}).values() if of.get("beginRange", "0") == "0"]
    try:
        [dimension] = dimensions
        told, by = dimension["pricePerUnit"], dimension["unit"]
        if "USD" not in told:
            raise SourceError(f"the source prices {item} in {', '.join(told)}, not in USD: nothing was changed")
        usd = float(told["USD"])
    except (KeyError, TypeError, ValueError) as problem:
        raise SourceError(f"the source gives no price for {item}: nothing was changed") from problem
    if by != UNITS[unit]:
        raise SourceError(f"the source prices {item} by {by}, not {UNITS[unit]}: nothing was changed")
    if not 0.0 < usd < float("inf"):
        raise SourceError(f"the source says {usd:g} USD for {item}: nothing was changed")
    return usd
