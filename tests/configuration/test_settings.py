"""Settings: within the memory, by their rules, and taken by a real PostgreSQL and by readers of ini files."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from dataclasses import replace

import plan_fixtures
import psycopg
import pytest
import real_postgres as real
from hypothesis import given, settings
from hypothesis import strategies as st

from dfr_sizing.configuration import files as written
from dfr_sizing.configuration.connections import connections_of
from dfr_sizing.configuration.memory import memory_of
from dfr_sizing.configuration.odoo import odoo_settings
from dfr_sizing.configuration.postgresql import postgresql_settings, table_settings
from dfr_sizing.configuration.replica import replica_advice
from dfr_sizing.configuration.setting import Setting, managed_as
from dfr_sizing.drivers import configuration, configured, data_rows
from dfr_sizing.growth import growth_of
from dfr_sizing.model import RequestCost, request_classes
from dfr_sizing.postgres.checkpoint import trigger_bytes
from dfr_sizing.postgres.settings import Settings
from dfr_sizing.scenario import load_scenario
from dfr_sizing.topology import Topology

MIB = 2**20
BASE = plan_fixtures.topology(4, standby=False)
GROWTH = growth_of(load_scenario(None, {"registry.farmers": 2e6}))


def deployment(nodes: int = 4, workers: int = 17, memory_gib: float = 64.0, provider: str = "aws") -> Topology:
    database, place = replace(BASE.database, memory_gib=memory_gib), replace(BASE.place, provider=provider)
    return replace(BASE, nodes=nodes, workers_per_node=workers, database=database, place=place)


def by_name(found: tuple[Setting, ...]) -> dict[str, Setting]:
    return {each.name: each for each in found}


def mib(setting: Setting) -> float:
    return float(setting.value.removesuffix("MB"))


deployments = st.builds(
    deployment, st.integers(1, 64), st.integers(1, 65), st.sampled_from([16.0, 32.0, 64.0, 128.0, 512.0, 1024.0])
)


@settings(deadline=None)
@given(deployments, st.floats(0.0, 1e8))
def test_all_that_may_be_taken_is_within_the_memory(topology: Topology, wal: float) -> None:
    found = by_name(postgresql_settings(topology, wal))
    connections = int(found["max_connections"].value)
    memory = memory_of(topology.database.memory_gib, connections)
    each = mib(found["work_mem"]) * float(found["hash_mem_multiplier"].value)
    taken = mib(found["shared_buffers"]) + connections * each
    taken += float(found["autovacuum_max_workers"].value) * mib(found["maintenance_work_mem"])
    assert taken <= memory.promised <= memory.total
    assert mib(found["shared_buffers"]) <= mib(found["effective_cache_size"]) <= memory.total
    # PostgreSQL's own bound of max_wal_size, and the disk's room
    assert mib(found["max_wal_size"]) <= max(1024.0, 0.1 * topology.storage_gib * 1024.0)


@settings(deadline=None)
@given(deployments, st.integers(0, 8))
def test_more_processes_never_get_fewer_connections_nor_more_memory_each(topology: Topology, more: int) -> None:
    few, many = connections_of(topology), connections_of(replace(topology, nodes=topology.nodes + more))
    assert few.working <= many.working
    assert few.most >= few.server
    if not many.pooled:
        assert few.direct <= many.direct + 16 * few.nodes  # gevent processes of many nodes may open fewer each
    memory = [memory_of(topology.database.memory_gib, number) for number in (few.most, few.most + more)]
    assert memory[0].work >= memory[1].work


@settings(deadline=None)
@given(st.floats(1e4, 3e6))
def test_time_brings_the_checkpoints_of_the_worst_hour(wal_bytes_per_s: float) -> None:
    found = by_name(postgresql_settings(deployment(), wal_bytes_per_s))
    as_set = Settings(
        max_wal_size_bytes=mib(found["max_wal_size"]) * MIB,
        checkpoint_completion_target=float(found["checkpoint_completion_target"].value),
    )
    seconds = 60.0 * float(found["checkpoint_timeout"].value.removesuffix("min"))
    assert trigger_bytes(as_set) > wal_bytes_per_s * seconds


def test_a_busier_hour_than_the_disk_has_room_for_says_so() -> None:
    found = by_name(postgresql_settings(deployment(), 1e9))["max_wal_size"]
    assert "held to what the disk has room for" in found.why
    assert found.raw is not None
    assert mib(found) < found.raw


def test_hard_disks_are_told_from_ssds() -> None:
    slow = replace(BASE.disk, read_latency_ms=replace(BASE.disk.read_latency_ms, low=8.0, mid=10.0, high=15.0))
    found = by_name(postgresql_settings(replace(BASE, volume=replace(BASE.volume, disk=slow))))
    assert (found["random_page_cost"].value, found["effective_io_concurrency"].value) == ("4", "2")
    assert by_name(postgresql_settings(BASE))["random_page_cost"].value == "1.1"


def test_large_tables_are_vacuumed_at_a_million_dead_rows() -> None:
    found = {each.table: each for each in table_settings(GROWTH)}
    assert set(found) >= {"dfr_form_response", "mail_message", "dfr_form_submission"}
    assert "dfr_farmer" not in found  # four million rows
    for each in found.values():
        assert 0.5e6 <= each.values["autovacuum_vacuum_scale_factor"] * each.rows <= 2e6
    assert found["mail_message"].values["fillfactor"] == 90  # rows that are written again
    assert "fillfactor" not in found["dfr_form_response"].values


def test_every_setting_has_a_source_and_a_reason() -> None:
    for each in (*postgresql_settings(BASE, 1e6), *odoo_settings(BASE)):
        assert each.why
        assert each.source
        assert each.shipped
    for row in configuration().values():
        assert row.source
        assert row.help


def test_what_a_service_keeps_to_itself_is_commented_out() -> None:
    how, fixed = managed_as("gcp")
    assert "flags" in how
    text = written.postgresql_conf(deployment(provider="gcp"))
    for name in fixed:
        assert f"#{name} = " in text
    assert managed_as("on-premises") == ("", ())
    assert "#huge_pages" not in written.postgresql_conf(deployment(provider="on-premises"))


@pytest.fixture(scope="module")
def server() -> Iterator[real.RealPostgres]:
    with real.running() as started:
        yield started


def test_postgresql_takes_the_file_and_the_tables(server: real.RealPostgres) -> None:
    """Each line is checked by the server itself: pg_file_settings tells what it would not take."""
    topology = deployment(provider="on-premises")
    conf = written.postgresql_conf(topology, 3e6)
    (server.folder / "ours.conf").write_text(conf, encoding="utf-8")
    (server.folder / "ours.conf").chmod(0o644)
    with psycopg.connect(server.url, autocommit=True) as on:
        main = server.folder / "postgresql.conf"
        main.write_text(main.read_text(encoding="utf-8") + "\ninclude 'ours.conf'\n", encoding="utf-8")
        rows = on.execute(
            "SELECT name, setting, applied, error FROM pg_file_settings WHERE sourcefile LIKE '%ours.conf'"
        ).fetchall()
        told = {name: (value, error) for name, value, _, error in rows}
        named = {each.name: each.value for each in postgresql_settings(topology, 3e6)}
        assert {name: value for name, (value, _) in told.items()} == named
        restart = "setting could not be applied"  # what takes a restart, or what the test's own command line set
        assert {name: error for name, (_, error) in told.items() if error not in (None, restart)} == {}
        for each in table_settings(GROWTH):
            on.execute(f"CREATE TABLE {each.table} (id int)")
        on.execute(written.tables_sql(table_settings(GROWTH)))
        kept = on.execute("SELECT reloptions FROM pg_class WHERE relname = 'mail_message'").fetchone()
        assert kept is not None
        assert "fillfactor=90" in kept[0]


def test_postgresql_starts_with_the_settings() -> None:
    """As for a host of 16 GiB; only shared_buffers is made smaller than there."""
    named = {each.name: each.value for each in postgresql_settings(deployment(memory_gib=16.0), 1e5)}
    with real.running({**named, "shared_buffers": "64MB"}) as started, psycopg.connect(started.url) as on:
        for name in ("work_mem", "maintenance_work_mem", "max_wal_size", "min_wal_size", "effective_cache_size"):
            found = on.execute("SELECT pg_size_bytes(current_setting(%s))", (name,)).fetchone()
            assert found == (int(named[name].removesuffix("MB")) * MIB,)
        for name in ("max_connections", "max_parallel_workers", "autovacuum_vacuum_cost_limit", "jit"):
            found = on.execute("SELECT current_setting(%s)", (name,)).fetchone()
            assert found == (named[name],)


@pytest.mark.parametrize("nodes", [2, 40])
def test_odoo_and_pgbouncer_read_their_files(nodes: int) -> None:
    topology = deployment(nodes)
    read = configparser.RawConfigParser()
    read.read_string(written.odoo_conf(topology, replica=True))
    options = read["options"]
    assert options["workers"] == str(topology.workers_per_node)
    assert int(options["limit_memory_soft"]) < int(options["limit_memory_hard"])
    assert int(options["limit_time_cpu"]) <= int(options["limit_time_real"])
    assert options["db_replica_host"]
    assert re.match(options["dbfilter"], options["db_name"])
    found = connections_of(topology)
    assert options["db_port"] == ("6432" if found.pooled else "5432")
    pools = configparser.RawConfigParser()
    pools.read_string(written.pgbouncer_ini(topology))
    assert pools["pgbouncer"]["pool_mode"] == "transaction"
    assert "pool_mode=session" in pools["databases"]["postgres"]
    assert "pool_mode=transaction" in pools["databases"][options["db_name"]]
    sizes = [int(size) for size in re.findall(r"pool_size=(\d+)", written.pgbouncer_ini(topology))]
    if found.pooled:
        assert sum(sizes) <= found.most


def test_no_file_holds_a_secret() -> None:
    for name, text in written.files(BASE, GROWTH, 1e6).items():
        assert "password =" not in text.lower(), name
        assert all(len(line) <= 200 for line in text.splitlines())


def test_a_replica_is_for_reads_that_bind() -> None:
    cost = RequestCost(0.01, 0.01, 0.5, 10.0, 1, 10.0, 0.0, 0.0, 1.0)
    costs = {"list_view": cost, "record_write": replace(cost, wal_bytes=1e4)}
    half = replica_advice({"list_view": 1.0, "record_write": 1.0}, costs, 0.8, 0.4)
    assert (half.requests, half.database_cpu, half.pages) == pytest.approx((0.5, 0.5, 0.5))
    assert half.cpu_by_reads == pytest.approx(0.4)
    assert not half.recommended
    most = replica_advice({"list_view": 9.0, "record_write": 1.0}, costs, 0.8, 0.4)
    assert most.cpu_by_reads == pytest.approx(0.72)
    assert most.cpu_by_reads > configured("replica.recommend_from")
    assert most.recommended
    assert set(data_rows("readonly.toml")) <= set(request_classes())
