"""Azure's Retail Prices: https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices.

No key is needed. Asked for are sizes of virtual machines, on demand and reserved, managed PostgreSQL (flexible server)
with its storage, and Premium SSDs. Load balancer, object storage, backups and egress have several meters each that the
catalogue's one price does not tell apart: they keep the price they have, and the comparison names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote, urlsplit

from dfr_sizing.catalogue.catalogue import Catalogue
from dfr_sizing.catalogue.refresh.pages import Pages, SourceError
from dfr_sizing.catalogue.types import Price, PriceLabel, Term

SOURCE = "https://prices.azure.com/api/retail/prices"
MOST_PAGES = 400
"""Pages of one question at most: a hundred prices each, and no region has as many machines."""
HOURS_OF_TERM = {"1 Year": (Term.ONE_YEAR, 8760.0), "3 Years": (Term.THREE_YEARS, 3 * 8760.0)}
"""A reservation is priced for its whole term."""
TIERS = {"General Purpose": "GP_", "Memory Optimized": "MO_"}
OTHER_PRODUCTS = re.compile(r"Windows|Cloud ?Services")
"""Sold under the same armSkuName at other prices: with a Windows licence, or as the old platform Cloud Services."""
QUESTIONS = (
    "serviceName eq 'Virtual Machines'",
    "serviceName eq 'Azure Database for PostgreSQL'",
    "serviceName eq 'Storage' and productName eq 'Premium SSD Managed Disks'",
)
FIELDS: dict[str, type | tuple[type, ...]] = {
    "currencyCode": str,
    "retailPrice": (int, float),
    "tierMinimumUnits": (int, float),
    "armRegionName": str,
    "effectiveStartDate": str,
    "meterName": str,
    "productName": str,
    "skuName": str,
    "unitOfMeasure": str,
    "type": str,
}
"""What every item has to have."""

Item = dict[str, Any]
Key = tuple[str, str, Term]


@dataclass(frozen=True, slots=True)
class _Told:
    """What an item says of one thing of the catalogue."""

    item: str
    unit: str
    term: Term
    usd: float
    label: PriceLabel
    how: str


def listed(
    pages: Pages, catalogue: Catalogue, regions: Iterable[str], today: date, source: str = SOURCE
) -> list[Price]:
    """The source's prices of what the catalogue has in some regions. Raises SourceError."""
    names = {size.name for size in catalogue.instances if size.provider == "azure"}
    disks = {disk.name: disk.max_gib for disk in catalogue.disks if disk.provider == "azure"}
    found: list[Price] = []
    for region in regions:
        told: dict[Key, tuple[str, _Told]] = {}
        for question in QUESTIONS:
            for item in _items(pages, source, f"{question} and armRegionName eq '{region}'"):
                for one in _read(item, names, disks):
                    _keep(told, one, item, today, region)
        found += [
            Price("azure", region, one.item, one.unit, one.term, one.usd, f"{source}{one.how}", today, one.label)
            for _, one in told.values()
        ]
    return found


def _items(pages: Pages, source: str, question: str) -> Iterator[Item]:
    """All items of a question, page by page; each page is looked at before it is believed."""
    address: str | None = f"{source}?currencyCode=USD&$filter={quote(question)}"
    seen: set[str] = set()
    while address:
        if address in seen or len(seen) == MOST_PAGES:
            raise SourceError(f"{source} goes round in its pages: nothing was changed")
        if urlsplit(address).hostname != urlsplit(source).hostname:
            raise SourceError(f"{source} points to another host for its next page: nothing was changed")
        seen.add(address)
        page = pages.page(address)
        items = page.get("Items") if isinstance(page, dict) else None
        if not isinstance(items, list) or page.get("Count", len(items)) != len(items):
            raise SourceError(f"{source} gave a page without its items: nothing was changed")
        for item in items:
            _check(item, source)
            yield item
        address = page.get("NextPageLink") or None


def _check(item: Any, source: str) -> None:
    wrong = [
        name for name, kind in FIELDS.items() if not isinstance(item, dict) or not isinstance(item.get(name), kind)
    ]
    if wrong:
        raise SourceError(f"{source} gave an item without {wrong[0]}: nothing was changed")
    if item["currencyCode"] != "USD":
        raise SourceError(f"{source} answers in {item['currencyCode']}, not in USD: nothing was changed")


def _keep(told: dict[Key, tuple[str, _Told]], one: _Told, item: Item, today: date, region: str) -> None:
    """The newest price that is in force; two of one day that differ cannot both be right."""
    since = item["effectiveStartDate"][:10]
    if since > today.isoformat():
        return
    if not 0.0 < one.usd < float("inf"):
        raise SourceError(f"the source says {one.usd:g} USD for {one.item} in {region}: nothing was changed")
    key = (one.item, one.unit, one.term)
    before = told.get(key)
    if before is not None and before[0] == since and before[1].usd != one.usd:
        both = f"{before[1].usd:g} and {one.usd:g} USD"
        raise SourceError(f"the source says {both} for {one.item} ({one.term}) in {region}: nothing was changed")
    if before is None or before[0] < since:
        told[key] = (since, one)


def _read(item: Item, names: set[str], disks: dict[str, int]) -> Iterator[_Told]:
    """What an item says of the catalogue: nothing, mostly."""
    if item["tierMinimumUnits"] > 0:
        return
    price, sku, product = float(item["retailPrice"]), str(item.get("armSkuName", "")), item["productName"]
    if "PostgreSQL Flexible Server" in product:
        yield from _of_postgresql(item, names, disks)
    elif product == "Premium SSD Managed Disks" and item["type"] == "Consumption":
        tier = re.fullmatch(r"(P\d+) LRS Disks?", item["meterName"])
        name = f"premium-ssd-{tier[1].lower()}" if tier else ""
        if name in disks and item["unitOfMeasure"] == "1/Month":
            yield _Told(name, "gib-month", Term.ON_DEMAND, price / disks[name], PriceLabel.CONVERTED, ": tier / GiB")
    elif sku in names and not OTHER_PRODUCTS.search(product) and not re.search(r"Spot|Low Priority", item["skuName"]):
        yield from _of_machine(item, sku, price)


def _of_machine(item: Item, name: str, price: float) -> Iterator[_Told]:
    if item["unitOfMeasure"] != "1 Hour":
        raise SourceError(f"the source prices {name} by {item['unitOfMeasure']}, not by the hour: nothing was changed")
    if item["type"] == "Consumption":
        yield _Told(name, "hour", Term.ON_DEMAND, price, PriceLabel.LISTED, "")
    elif item["type"] == "Reservation" and item.get("reservationTerm") in HOURS_OF_TERM:
        term, hours = HOURS_OF_TERM[item["reservationTerm"]]
        yield _Told(
            name, "hour", term, price / hours, PriceLabel.CONVERTED, f": {item['reservationTerm']} / {hours:g} h"
        )


def _of_postgresql(item: Item, names: set[str], disks: dict[str, int]) -> Iterator[_Told]:
    price, sku = float(item["retailPrice"]), str(item.get("armSkuName", ""))
    if item["type"] != "Consumption":
        return
    if item["meterName"] == "Storage Data Stored" and item["unitOfMeasure"] == "1 GB/Month":
        for name in disks:
            if re.fullmatch(r"pg-flex-ssd-p\d+", name):
                yield _Told(name, "gib-month", Term.ON_DEMAND, price, PriceLabel.LISTED, "")
    for tier, prefix in TIERS.items():
        if tier in item["productName"] and prefix + sku in names and item["unitOfMeasure"] == "1 Hour":
            yield _Told(prefix + sku, "hour", Term.ON_DEMAND, price, PriceLabel.LISTED, "")
