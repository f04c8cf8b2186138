"""A server on this machine that answers as Azure's Retail Prices do, or as a source does that cannot be trusted.

The shape of page and item is that of the published examples (learn.microsoft.com, Azure Retail Prices REST API) and of
recorded answers in public repositories; which meters there are is the catalogue's, so that what must come out is known.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dfr_sizing.catalogue import Role, Term, load_catalogue

Item = dict[str, Any]
PAGE = 10
DEAR = 1.1
"""What everything costs now, over what it did."""


def item(region: str, sku: str, price: float, product: str, **other: object) -> Item:
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": region,
        "location": region,
        "effectiveStartDate": "2026-01-01T00:00:00Z",
        "meterId": "000a794b-bdb0-58be-a0cd-0c3a0f222923",
        "meterName": sku,
        "productId": "DZH318Z0BQ4B",
        "skuId": "DZH318Z0BQ4B/00TG",
        "productName": product,
        "skuName": sku,
        "serviceName": "Virtual Machines",
        "serviceFamily": "Compute",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": sku,
    } | other


def machines(region: str, times: float = DEAR) -> list[Item]:
    """The machines of a region, each also as Windows and as Spot, and reserved for a year, as the list has them."""
    found = []
    catalogue = load_catalogue()
    for size, price in catalogue.instances_at(catalogue.place("azure", region), Role.APPLICATION, Term.ON_DEMAND):
        usd = price.usd * times
        series = "Virtual Machines Dv Series"
        found += [
            item(region, size.name, usd, series),
            item(region, size.name, 2 * usd, f"{series} Windows"),
            item(region, size.name, usd / 5, series, skuName=f"{size.name} Spot"),
            item(region, size.name, 8760 * usd * 0.6, series, type="Reservation", reservationTerm="1 Year"),
            item(region, size.name, 3 * usd, series, effectiveStartDate="2999-01-01T00:00:00Z"),
        ]
    return found


def databases(region: str) -> list[Item]:
    product = "Azure Database for PostgreSQL Flexible Server General Purpose Dsv3 Series Compute"
    store = "Az DB for PostgreSQL Flexible Server Storage"
    meter = {"meterName": "Storage Data Stored", "unitOfMeasure": "1 GB/Month"}
    return [
        item(region, "Standard_D4s_v3", 0.44, product, skuName="4 vCore", meterName="vCore"),
        item(region, "", 0.15, store, skuName="Storage", **meter),
    ]


def disks(region: str) -> list[Item]:
    unit = {"unitOfMeasure": "1/Month"}
    product = "Premium SSD Managed Disks"
    return [
        item(region, "Premium_SSD_Managed_Disk_P10", 25.6, product, meterName="P10 LRS Disk", **unit),
        item(region, "Premium_SSD_Managed_Disk_P10", 30.0, product, meterName="P10 ZRS Disk", **unit),
        item(region, "", 0.9, product, meterName="P10 LRS Disk Mount", **unit),
    ]


@dataclass
class Source:
    """What is asked of it, and how it behaves: ``answer`` takes over a request (number, handler) by returning true."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    answer: Callable[[int, BaseHTTPRequestHandler], bool] = lambda _number, _handler: False
    change: Callable[[list[Item]], list[Item]] = lambda items: items
    page: Callable[[dict[str, Any]], dict[str, Any]] = lambda page: page

    def items(self, query: str) -> list[Item]:
        region = query.split("armRegionName eq '")[1].split("'", maxsplit=1)[0]
        if "PostgreSQL" in query:
            return databases(region)
        return disks(region) if "Premium SSD" in query else self.change(machines(region))


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, length: int = -1, retry_after: str = "") -> None:
    """An answer, which says that it is as long as ``length``; a client may be gone by then."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length < 0 else length))
    if retry_after:
        handler.send_header("Retry-After", retry_after)
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def served() -> Iterator[Source]:
    """The source, on a port of this machine; stopped at the end."""
    source = Source()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            source.asked.append(self.path)
            if source.answer(len(source.asked), self):
                return
            query = parse_qs(urlsplit(self.path).query)
            found, skip = source.items(query["$filter"][0]), int(query.get("$skip", ["0"])[0])
            shown = found[skip : skip + PAGE]
            more = f"{source.url}?{urlsplit(self.path).query.split('&$skip')[0]}&$skip={skip + PAGE}"
            page = {
                "BillingCurrency": "USD",
                "CustomerEntityId": "Default",
                "CustomerEntityType": "Retail",
                "Items": shown,
                "NextPageLink": more if skip + PAGE < len(found) else None,
                "Count": len(shown),
            }
            with suppress(ConnectionError):
                send(self, 200, json.dumps(source.page(page)).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    source.url = f"http://127.0.0.1:{server.server_address[1]}/api/retail/prices"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield source
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
