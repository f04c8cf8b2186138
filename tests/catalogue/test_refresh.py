"""Prices refreshed from a source that pages, throttles, breaks off and lies: replaced whole, or not at all."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from azure_prices import DEAR, Item, Source, send, served
from typer.testing import CliRunner, Result

from dfr_sizing.catalogue import Catalogue, Term, load_catalogue, read_catalogue
from dfr_sizing.catalogue.refresh import pages as pages_module
from dfr_sizing.catalogue.refresh.pages import LONGEST_WAIT_S, TRIES, Pages, SourceError
from dfr_sizing.cli.catalogue import app
from dfr_sizing.errors import InputError

REGION = "westeurope"


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    monkeypatch.setattr(pages_module, "FIRST_WAIT_S", 1e-3)
    with served() as found:
        yield found


def refresh(source: Source, into: Path, *more: str) -> Result:
    options = ["--provider", "azure", "--into", str(into), "--region", REGION, "--source", source.url]
    return CliRunner().invoke(app, ["refresh", *options, *more])


def state(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def usd(
    catalogue: Catalogue, item: str, unit: str = "hour", term: Term = Term.ON_DEMAND, region: str = REGION
) -> float:
    return catalogue.price(catalogue.place("azure", region), item, unit, term).usd


def test_what_the_source_says_is_in_the_catalogue_and_all_else_is_as_it_was(source: Source, tmp_path: Path) -> None:
    into = tmp_path / "prices"
    found = refresh(source, into, "--yes")
    assert found.exit_code == 0, found.output
    shipped, now = load_catalogue(), load_catalogue(folder=str(into))
    assert usd(now, "Standard_D4s_v3") == pytest.approx(DEAR * usd(shipped, "Standard_D4s_v3"), rel=1e-5)
    assert usd(now, "Standard_D4s_v3", term=Term.ONE_YEAR) == pytest.approx(0.6 * DEAR * 0.24, rel=1e-5)
    assert usd(now, "GP_Standard_D4s_v3") == 0.44
    assert usd(now, "pg-flex-ssd-p20", "gib-month") == 0.15
    assert usd(now, "premium-ssd-p10", "gib-month") == pytest.approx(25.6 / 128)
    assert len(source.asked) > 10  # pages
    touched = ("azure", REGION)
    others = [price for price in shipped.prices if (price.provider, price.region) != touched]
    assert [price for price in now.prices if (price.provider, price.region) != touched] == others
    assert usd(now, "load balancer", "month") == usd(shipped, "load balancer", "month")
    assert "not found, kept as they are" in found.output
    assert f"{REGION} Standard_D4s_v3 (1-year)" in refresh(source, tmp_path / "again", "--all").output


def test_nothing_is_replaced_without_a_yes(source: Source, tmp_path: Path) -> None:
    into = tmp_path / "prices"
    assert "Nothing was changed" in refresh(source, into).output
    assert read_catalogue(into).prices == load_catalogue().prices


def test_a_page_is_asked_for_once_a_day(source: Source, tmp_path: Path) -> None:
    into = tmp_path / "prices"
    refresh(source, into)
    asked = len(source.asked)
    assert refresh(source, into, "--yes").exit_code == 0
    assert len(source.asked) == asked
    for kept in (tmp_path / ".prices-azure-pages").iterdir():
        kept.write_text(kept.read_text()[:-40])  # a kept page that is damaged is no page
    refresh(source, into)
    assert len(source.asked) == 2 * asked


def test_a_run_that_broke_off_goes_on_where_it_was(source: Source, tmp_path: Path) -> None:
    into = tmp_path / "prices"
    source.answer = lambda number, handler: number > 5 and _status(handler, 503)
    assert isinstance(refresh(source, into, "--yes").exception, InputError)
    first = set(source.asked[:5])
    source.answer, source.asked = (lambda _number, _handler: False), []
    assert refresh(source, into, "--yes").exit_code == 0
    assert first.isdisjoint(source.asked)
    assert usd(read_catalogue(into), "Standard_D4s_v3") == pytest.approx(DEAR * 0.24)


def _status(handler: BaseHTTPRequestHandler, status: int, retry_after: str = "") -> bool:
    send(handler, status, b"busy", retry_after=retry_after)
    return True


def _each_third(number: int, handler: BaseHTTPRequestHandler) -> bool:
    return number % 3 != 0 and _status(handler, 429, "0")


def test_a_source_that_throttles_is_asked_again(source: Source, tmp_path: Path) -> None:
    source.answer = _each_third
    assert refresh(source, tmp_path / "prices", "--yes").exit_code == 0


@pytest.mark.parametrize(
    ("retry_after", "waits"),
    [("", [1.0, 2.0, 4.0, 8.0, 16.0]), ("3", [3.0] * 5)],
    ids=["doubling", "as it asks"],
)
def test_waits_between_tries(tmp_path: Path, retry_after: str, waits: list[float]) -> None:
    slept: list[float] = []
    with served() as source:
        source.answer = lambda _number, handler: _status(handler, 429, retry_after)
        with pytest.raises(SourceError, match=f"after {TRIES} tries: it answers 429"):
            Pages(tmp_path, sleep=slept.append).page(source.url)
    assert slept == waits


def test_a_source_that_asks_for_too_long_a_wait_is_left_alone(source: Source, tmp_path: Path) -> None:
    source.answer = lambda _number, handler: _status(handler, 429, str(10 * LONGEST_WAIT_S))
    failed(refresh(source, tmp_path / "prices", "--yes"), "asks to wait 600 s")
    assert len(source.asked) == 1


def failed(found: Result, words: str) -> None:
    """One sentence, and what it says."""
    assert isinstance(found.exception, InputError), found.output
    assert words in str(found.exception)
    assert "\n" not in str(found.exception)


def _broken(body: bytes, length: int = -1, status: int = 200) -> Callable[[int, BaseHTTPRequestHandler], bool]:
    def answer(number: int, handler: BaseHTTPRequestHandler) -> bool:
        if number < 3:
            return False
        send(handler, status, body, length)
        return True

    return answer


def _one_is(**other: object) -> Callable[[list[Item]], list[Item]]:
    """The price of one machine told wrongly."""
    return lambda items: [items[0] | other, *items[1:]]


def _twice(items: list[Item]) -> list[Item]:
    return [items[0], items[0] | {"retailPrice": 2 * items[0]["retailPrice"]}, *items[1:]]


def _without_price(items: list[Item]) -> list[Item]:
    return [{name: value for name, value in items[0].items() if name != "retailPrice"}, *items[1:]]


def _page_with(**other: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda page: page | other


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        ({"change": _one_is(retailPrice=-0.1)}, "-0.1 USD"),
        ({"change": _one_is(retailPrice=0.0)}, "0 USD"),
        ({"change": _one_is(retailPrice=99.0)}, "from 0.097 to 99 USD"),
        ({"change": _one_is(retailPrice="cheap")}, "without retailPrice"),
        ({"change": _one_is(currencyCode="EUR")}, "in EUR"),
        ({"change": _one_is(unitOfMeasure="1 Second")}, "by 1 Second"),
        ({"change": _without_price}, "without retailPrice"),
        ({"change": _twice}, "0.1"),
        ({"page": _page_with(Count=3)}, "without its items"),
        ({"page": _page_with(Items=None)}, "without its items"),
        ({"page": _page_with(NextPageLink="http://example.org/prices")}, "another host"),
        ({"answer": _broken(b"<html>Sign in</html>")}, "not answer in JSON"),
        ({"answer": _broken(b'{"Items": [', 4000)}, "connection failed"),
        ({"answer": _broken(b"gone", status=404)}, "404"),
        ({"answer": _broken(b"", status=302)}, "302"),
    ],
)
def test_a_source_that_lies_or_breaks_off_changes_nothing(
    source: Source, tmp_path: Path, lie: dict[str, Any], words: str
) -> None:
    into = tmp_path / "prices"
    refresh(source, into)  # the copy; then what was kept is forgotten
    before = state(into)
    for kept in (tmp_path / ".prices-azure-pages").iterdir():
        kept.unlink()
    for name, value in lie.items():
        setattr(source, name, value)
    source.asked.clear()
    failed(refresh(source, into, "--yes"), words)
    assert state(into) == before


def test_pages_that_go_round_are_left(source: Source, tmp_path: Path) -> None:
    source.page = lambda page: page | {"NextPageLink": source.url + "?" + source.asked[0].split("?", 1)[1]}
    failed(refresh(source, tmp_path / "prices", "--yes"), "goes round")


def test_a_jump_is_believed_where_somebody_says_so(source: Source, tmp_path: Path) -> None:
    source.change = _one_is(retailPrice=99.0)
    assert refresh(source, tmp_path / "prices", "--yes", "--accept-jumps").exit_code == 0
    assert 99.0 in {price.usd for price in read_catalogue(tmp_path / "prices").prices}


@pytest.mark.parametrize("product", ["Dsv3 Series Cloud Services", "Virtual Machines Dsv3 Series CloudServices"])
@pytest.mark.parametrize("since", [{}, {"effectiveStartDate": "2026-03-01T00:00:00Z"}])
def test_cloud_services_under_a_machines_name_are_no_machine(
    source: Source, tmp_path: Path, product: str, since: dict[str, str]
) -> None:
    """They have the machine's armSkuName, mostly a price of their own, and sometimes a later date."""
    assert refresh(source, tmp_path / "plain", "--yes").exit_code == 0
    source.change = lambda items: [
        *items,
        items[0] | since | {"productName": product, "retailPrice": 2 * items[0]["retailPrice"]},
    ]
    assert refresh(source, tmp_path / "with", "--yes").exit_code == 0
    file = "prices_azure.csv"
    assert (tmp_path / "with" / file).read_text() == (tmp_path / "plain" / file).read_text()


def _slowly(_number: int, _handler: BaseHTTPRequestHandler) -> bool:
    time.sleep(0.02)
    return False


def test_a_killed_refresh_keeps_the_old_catalogue_whole(source: Source, tmp_path: Path) -> None:
    """Killed at moments all through its run; each time the folder is not there yet or holds one of the two, whole."""
    into = tmp_path / "prices"
    command = [sys.executable, "-m", "dfr_sizing", "catalogue", "refresh", "--provider", "azure", "--yes"]
    command += ["--into", str(into), "--region", REGION, "--source", source.url]
    source.answer = _slowly
    for killed_s in (0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 1.0, 1.2, 1.5):
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            running.wait(killed_s)
        except subprocess.TimeoutExpired:
            os.kill(running.pid, signal.SIGKILL)
            running.wait()
        if into.exists():
            assert round(usd(read_catalogue(into), "Standard_D4s_v3"), 6) in {0.24, 0.264}
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert usd(read_catalogue(into), "Standard_D4s_v3") == pytest.approx(0.264)
    assert [path.name for path in into.iterdir() if path.suffix not in {".csv", ".toml"}] == []
    for left in tmp_path.glob(".prices.*"):
        os.utime(left, (0, 0))
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert list(tmp_path.glob(".prices.*")) == []


def test_a_folder_that_holds_no_catalogue_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="a sound catalogue"):
        load_catalogue(folder=str(tmp_path / "mine"))
