"""Google Cloud's Billing Catalog: https://cloud.google.com/billing/docs/reference/rest/v1/services.skus/list.

It has no prices of machines: a machine is its vCPUs and its GiB, each a stock-keeping unit by family and region, on
demand and committed; managed PostgreSQL likewise. Disks are priced by the GiB-month. Load balancer, storage, backups
and egress keep the price they have. An API key is needed, from the environment variable GOOGLE_API_KEY; it travels in a
header and is kept nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

from dfr_sizing.catalogue.catalogue import Catalogue
from dfr_sizing.catalogue.refresh.pages import Pages, SourceError
from dfr_sizing.catalogue.types import InstanceType, Price, PriceLabel, Role, Term

SOURCE = "https://cloudbilling.googleapis.com/v1"
KEY_VARIABLE, KEY_HEADER = "GOOGLE_API_KEY", "X-Goog-Api-Key"
COMPUTE, SQL = "services/6F81-5844-456A", "services/9662-B51E-5089"
MOST_PAGES = 400
PARTS = {
    "core": re.compile(r"(\w+)(?: AMD)? Instance Core running in .+"),
    "ram": re.compile(r"(\w+)(?: AMD)? Instance Ram running in .+"),
}
COMMITTED = re.compile(r"Commitment v1: (\w+)(?: AMD)? (Cpu|Ram) in .+ for (1|3) Years?")
TERMS = {"1": Term.ONE_YEAR, "3": Term.THREE_YEARS}
DISKS = {
    "SSD backed PD Capacity": "pd-ssd",
    "Balanced PD Capacity": "pd-balanced",
    "Hyperdisk Balanced Capacity": "hyperdisk-balanced",
}
SQL_PARTS = {"vCPU": "core", "RAM": "ram", "Standard storage": "cloud-sql-ssd"}
SQL_ITEM = re.compile(r"Cloud SQL for PostgreSQL: Zonal - (vCPU|RAM|Standard storage) in .+")
UNITS = {"core": "h", "ram": "GiBy.h"}
"""A disk's is GiBy.mo."""

Sku = Mapping[str, Any]
Rates = dict[tuple[str, str, Term], float]
"""By family (``sql`` for PostgreSQL, ``disk`` for disks), part and term, in US dollars."""


def listed(
    pages: Pages, catalogue: Catalogue, regions: Iterable[str], today: date, source: str = SOURCE
) -> list[Price]:
    """The source's prices of what the catalogue has in some regions. Raises SourceError."""
    asked = list(regions)
    rates: dict[str, Rates] = {region: {} for region in asked}
    for service in (COMPUTE, SQL):
        for sku in _skus(pages, f"{source}/{service}/skus"):
            told = _read(sku)
            if told is not None:
                for region in set(sku.get("serviceRegions", ())) & set(asked):
                    _keep(rates[region], told, _usd(sku, told[1]), sku, region)
    sizes = [size for size in catalogue.instances if size.provider == "gcp"]
    found = []
    for region in asked:
        of_sizes = (one for size in sizes for one in _prices_of(size, rates[region]))
        of_disks = ((name, term, usd) for (kind, name, term), usd in rates[region].items() if kind == "disk")
        for unit, label, prices in (
            ("hour", PriceLabel.CONVERTED, of_sizes),
            ("gib-month", PriceLabel.LISTED, of_disks),
        ):
            how = f"{source}: vCPU and GiB added up" if unit == "hour" else source
            found += [Price("gcp", region, name, unit, term, usd, how, today, label) for name, term, usd in prices]
    return found


def _skus(pages: Pages, address: str) -> Iterator[Sku]:
    """All units of a service, page by page."""
    token, seen = "", set[str]()
    while True:
        further = f"&pageToken={quote(token, safe='')}" if token else ""
        page = pages.page(f"{address}?currencyCode=USD&pageSize=5000{further}")
        skus = page.get("skus") if isinstance(page, dict) else None
        if not isinstance(skus, list):
            raise SourceError(f"{address} gave a page without its units: nothing was changed")
        for sku in skus:
            if not isinstance(sku, dict) or not isinstance(sku.get("description"), str):
                raise SourceError(f"{address} gave a unit without a description: nothing was changed")
            yield sku
        token = str(page.get("nextPageToken") or "")
        if not token:
            return
        if token in seen or len(seen) == MOST_PAGES:
            raise SourceError(f"{address} goes round in its pages: nothing was changed")
        seen.add(token)


def _read(sku: Sku) -> tuple[str, str, Term] | None:
    """Whose rate it is; None for what the catalogue does not have."""
    text, usage = sku["description"], (sku.get("category") or {}).get("usageType")
    committed = COMMITTED.fullmatch(text)
    if committed is not None and usage in {"Commit1Yr", "Commit3Yr"}:
        return committed[1].lower(), "core" if committed[2] == "Cpu" else "ram", TERMS[committed[3]]
    if usage != "OnDemand":
        return None
    for part, pattern in PARTS.items():
        found = pattern.fullmatch(text)
        if found is not None:
            return found[1].lower(), part, Term.ON_DEMAND
    of_sql = SQL_ITEM.fullmatch(text)
    if of_sql is not None:
        part = SQL_PARTS[of_sql[1]]
        return ("sql" if part in UNITS else "disk"), part, Term.ON_DEMAND
    disk = DISKS.get(text.split(" in ", maxsplit=1)[0])
    return None if disk is None else ("disk", disk, Term.ON_DEMAND)


def _usd(sku: Sku, part: str) -> float:
    """The rate of a unit; of one with a free tier, the rate beyond it."""
    name = sku["description"]
    try:
        expression = sku["pricingInfo"][-1]["pricingExpression"]
        unit, tiers = expression["usageUnit"], expression["tieredRates"]
        prices = [tier["unitPrice"] for tier in tiers]
        currencies = {price["currencyCode"] for price in prices}
        rates = [float(price.get("units", 0)) + float(price.get("nanos", 0)) / 1e9 for price in prices]
    except (KeyError, IndexError, TypeError, ValueError) as problem:
        raise SourceError(f"the source gives no price for {name}: nothing was changed") from problem
    if currencies != {"USD"}:
        raise SourceError(f"the source answers in {', '.join(sorted(currencies))}, not in USD: nothing was changed")
    if unit != UNITS.get(part, "GiBy.mo"):
        raise SourceError(f"the source prices {name} by {unit}: nothing was changed")
    usd = max(rates)
    if not 0.0 < usd < float("inf") or min(rates) < 0.0:
        raise SourceError(f"the source says {min(rates):g} USD for {name}: nothing was changed")
    return usd


def _keep(rates: Rates, key: tuple[str, str, Term], usd: float, sku: Sku, region: str) -> None:
    if rates.setdefault(key, usd) != usd:
        both = f"{rates[key]:g} and {usd:g} USD"
        raise SourceError(f"the source says {both} for {sku['description']} in {region}: nothing was changed")


def _prices_of(size: InstanceType, rates: Rates) -> Iterator[tuple[str, Term, float]]:
    """A size at each term for which both of its parts have a rate."""
    family = "sql" if size.role is Role.DATABASE else size.family
    for term in Term:
        core, ram = rates.get((family, "core", term)), rates.get((family, "ram", term))
        if core is not None and ram is not None:
            yield size.name, term, size.vcpus * core + size.memory_gib * ram
