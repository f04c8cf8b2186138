"""Each endpoint of the stand-in over HTTP, and what it writes into its access log."""

import json
import re
from collections.abc import Iterator

import psycopg
import pytest
from stand_in_process import PASSWORD, Client, Running, wait_until

from dfr_sizing.staging.web import NOT_ODOO

LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \d+ INFO staging werkzeug: 127\.0\.0\.1 - - "
    r"\[\d\d/\w{3}/\d{4} \d\d:\d\d:\d\d\] "
    r'"(?P<request>[A-Z]+ \S+ HTTP/1\.[01])" (?P<status>\d{3}) - (?P<queries>\d+) \d+\.\d{3} \d+\.\d{3}'
)
"""A line of the reference model's access logs (models/odoo18-reference/runs)."""


@pytest.fixture
def officer(running: Running) -> Client:
    client = running.client
    client.log_in()
    return client


@pytest.fixture
def device(running: Running) -> Client:
    client = running.client
    client.authorise()
    return client


@pytest.fixture
def database(running: Running) -> Iterator[psycopg.Connection]:
    with psycopg.connect(running.staging.postgresql, autocommit=True) as connection:
        yield connection


def test_says_everywhere_that_it_is_not_odoo(running: Running) -> None:
    client = running.client
    assert json.loads(client.get("/web/health")[1]) == {"status": "pass", "server": NOT_ODOO}
    assert "NOT Odoo" in client.headers["Server"]
    assert NOT_ODOO in client.get("/web/login")[1]
    assert NOT_ODOO in (running.folder / "odoo.log").read_text().splitlines()[0]
    assert NOT_ODOO in (running.folder / "staging.toml").read_text()


def test_only_the_password_opens(running: Running) -> None:
    client = running.client
    assert client.log_in("officer01", "wrong")["error"]["data"]["name"] == "odoo.exceptions.AccessDenied"
    assert client.log_in("nobody01")["error"]["data"]["message"] == "Access Denied"
    assert client.call("res.partner", "search", [])["code"] == 100
    assert client.log_in()["result"]["username"] == "officer01"
    assert client.call("res.partner", "search", [], limit=1)
    client.cookie = client.cookie[:-1] + ("0" if client.cookie[-1] != "0" else "1")
    assert client.call("res.partner", "search", [])["message"] == "Odoo Session Expired"


def test_partner_is_created_written_and_found(officer: Client, database: psycopg.Connection) -> None:
    partner = officer.call("res.partner", "create", {"name": "Sione Tau", "city": "Here", "phone": "1"})
    assert officer.call("res.partner", "write", [partner], {"phone": "2", "city": "There"}) is True
    found = {"id": partner, "name": "Sione Tau"}
    assert officer.call("res.partner", "read", [partner], ["name", "phone"]) == [{**found, "phone": "2"}]
    assert officer.call("res.partner", "search_read", [["city", "=", "There"]], ["name"], limit=40) == [found]
    either = ["|", ["name", "ilike", "SIONE"], ["city", "=", "Nowhere"]]
    page = officer.call("res.partner", "web_search_read", either, {"name": {}}, limit=80)
    assert page == {"length": 1, "records": [found]}
    assert officer.call("res.partner", "name_search", "sion", limit=8) == [[partner, "Sione Tau"]]
    thread = "SELECT count(*) FROM mail_message WHERE model = 'res.partner' AND res_id = %s"
    assert database.execute(thread, (partner,)).fetchone() == (2,)  # created, and changed
    changed = (
        "SELECT old_value_char, new_value_char FROM mail_tracking_value JOIN mail_message m ON m.id = mail_message_id"
    )
    told = database.execute(
        f"{changed} WHERE m.model = 'res.partner' AND m.res_id = %s ORDER BY 1", (partner,)
    ).fetchall()
    assert told == [("1", "2"), ("Here", "There")]


def test_an_unbounded_search_finds_all(officer: Client) -> None:
    found = officer.call("res.partner", "search", [])
    assert len(found) == officer.call("res.partner", "search_count", [])
    groups = officer.call("res.partner", "read_group", [], ["__count"], ["type"], lazy=False)
    assert groups == [{"type": "contact", "__count": len(found)}]


def test_what_cannot_be_is_told_as_odoo_tells_it(officer: Client) -> None:
    assert officer.call("res.partner", "read", [1], ["nope"])["data"]["name"] == "builtins.ValueError"
    assert officer.call("no.model", "read", [1])["data"]["name"] == "builtins.KeyError"
    assert officer.call("res.partner", "unlink", [1])["data"]["name"] == "builtins.AttributeError"
    assert officer.call("res.partner", "search", [["name", "~", "x"]])["message"] == "Odoo Server Error"
    assert officer.call("dfr.farmer", "create", {"name": "A", "date_of_birth": "never"})["code"] == 200
    assert officer.get("/nowhere")[0] == 404
    assert officer.get("/web/session/authenticate")[0] == 405


def test_sync_creates_farmers_with_plots_and_forms_and_finds_duplicates(device: Client) -> None:
    record = {"name": "Ana Fifita", "date_of_birth": "1990-01-02", "administrative_area_id": 7} | {
        "national_id_number": "A1",
        "plots": [{"size": 1.5}, {"size": 2}],
        "forms": [{"form_version_id": 1, "responses": {"field_1": 3, "field_2": "yes", "no_such_field": 1}}],
    }
    twin = {**record, "national_id_number": "A2", "plots": [], "forms": []}
    alike = {**twin, "name": "Ana Fifitaa", "date_of_birth": "1970-01-01", "national_id_number": "A3"}
    status, told = device.post("/api/dfr/v1/sync/farmers", {"records_to_push": [record, twin, alike]})
    pushed = told["data"]["push_results"]
    assert (status, [one["possible_duplicates"] for one in pushed]) == (200, [0, 1, 2])
    again = device.post("/api/dfr/v1/sync/farmers", {"records_to_push": [{"uid": pushed[0]["uid"], "name": "Ana F"}]})
    assert again[1]["data"]["push_results"][0]["status"] == "updated"
    profile = json.loads(device.get(f"/api/dfr/v1/external/farmers/{pushed[0]['uid']}?include_forms=1")[1])["data"]
    assert profile["farmer_profile"]["name"] == "Ana F"
    assert len(profile["form_submissions"]) == 1
    found = json.loads(device.get("/api/dfr/v1/external/farmers/lookup?national_id=A2")[1])["data"]
    assert (found["total_count"], found["farmers"][0]["uid"]) == (1, pushed[1]["uid"])


def test_each_answer_of_a_form_is_a_row(device: Client, database: psycopg.Connection) -> None:
    (definition,) = json.loads(device.get("/api/dfr/v1/sync/form-definitions")[1])["data"]["form_definitions"]
    assert len(definition["fields"]) == 20  # registry.fields_per_form
    pushed = device.post("/api/dfr/v1/sync/farmers", {"records_to_push": [{"name": "Pita"}]})[1]["data"]
    answers = [{"field": f"q{number}", "value": str(number)} for number in range(20)]
    submission = {"farmer_uid": pushed["push_results"][0]["uid"], "form_id": 1, "responses": answers}
    told = device.post("/api/dfr/v1/sync/form-submissions", {"submissions": [submission]})[1]["data"]
    (result,) = told["submission_results"]
    rows = database.execute("SELECT count(*) FROM dfr_form_response WHERE submission_id = %s", (result["id"],))
    assert (result["responses"], rows.fetchone()) == (20, (20,))


def test_a_refused_batch_leaves_nothing(device: Client, database: psycopg.Connection) -> None:
    before = database.execute("SELECT count(*) FROM dfr_farmer").fetchone()
    records = [{"name": "Good"}, {"name": "Bad", "date_of_birth": "never"}]
    status, told = device.post("/api/dfr/v1/sync/farmers", {"records_to_push": records})
    assert (status, told["success"]) == (400, False)
    assert database.execute("SELECT count(*) FROM dfr_farmer").fetchone() == before


def test_api_needs_its_own_token(running: Running, officer: Client) -> None:
    stranger = running.client
    assert json.loads(stranger.get("/api/dfr/v1/health")[1])["data"]["status"] == "UP"
    assert stranger.get("/api/dfr/v1/sync/form-definitions")[0] == 401
    stranger.token = officer.cookie.partition("=")[2]  # a session is no token
    assert stranger.get("/api/dfr/v1/external/farmers/x")[0] == 401
    wrong = {"grant_type": "password", "username": "officer01", "password": "no"}
    status, text = stranger.form("/api/dfr/v1/auth/token", **wrong)
    assert (status, json.loads(text)["error"]["code"]) == (400, "INVALID_GRANT")
    stranger.authorise()
    assert stranger.get("/api/dfr/v1/external/farmers/x")[0] == 404


def test_portal_registers_a_farmer_with_its_forms_token_only(running: Running, database: psycopg.Connection) -> None:
    visitor = running.client
    status, text = visitor.get("/farmer/register")
    token = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert status == 200
    assert token
    fields = {"full_name": "Mele", "village_id": "3", "primary_crop_type": "taro", "contact_number": "1"}
    assert visitor.form("/farmer/register", csrf_token=token[1], **fields)[0] == 303
    uid = visitor.headers["Location"].partition("farmer_uid=")[2]
    assert database.execute("SELECT name FROM dfr_farmer WHERE uid = %s", (uid,)).fetchone() == ("Mele",)
    assert visitor.form("/farmer/register", csrf_token=token[1], full_name="Mele")[0] == 400
    assert running.client.form("/farmer/register", csrf_token=token[1], **fields)[0] == 400
    assert visitor.get("/portal/forms/1")[0] == 200
    assert visitor.get("/portal/forms/99")[0] == 404


def test_log_counts_the_statements_that_postgresql_counts(running: Running, database: psycopg.Connection) -> None:
    officer, device = running.client, running.client
    database.execute("SELECT pg_stat_statements_reset()")
    before = len(_lines(running))
    officer.log_in()
    partner = officer.call("res.partner", "create", {"name": "Counted"})
    officer.call("res.partner", "write", [partner], {"phone": "3"})
    officer.call("res.partner", "read", [partner], ["name"])
    officer.call("res.partner", "search_read", [["city", "=", "X"]], ["name"], limit=40)
    officer.call("res.partner", "web_search_read", [["name", "ilike", "counted"]], {"name": {}}, limit=40)
    officer.call("res.partner", "name_search", "counted", limit=8)
    device.authorise()
    device.post("/api/dfr/v1/sync/farmers", {"records_to_push": [{"name": "N", "plots": [{}]}]})
    device.get("/web/health")
    device.get("/farmer/register")
    wait_until(lambda: len(_lines(running)) == before + 11)
    lines = [LINE.fullmatch(line) for line in _lines(running)[before:]]
    logged = [int(line["queries"]) for line in lines if line]
    not_counted = "^(begin|commit|rollback|discard|select pg_stat)"
    counted = "SELECT sum(calls)::int FROM pg_stat_statements WHERE query !~* %s"
    calls = database.execute(counted, (not_counted,)).fetchone()
    assert calls == (sum(logged),)
    assert logged[1:7] == [13, 12, 3, 3, 5, 4]  # those of the reference system
    assert logged[-2] == 2


def _lines(running: Running) -> list[str]:
    return (running.folder / "odoo.log").read_text().splitlines()


def test_password_is_in_no_file(running: Running, officer: Client) -> None:
    officer.call("res.partner", "search", [])
    files = [path for path in running.folder.rglob("*") if path.is_file()]
    assert running.folder / "odoo.log" in files
    assert not [path for path in files if PASSWORD.encode() in path.read_bytes()]
    assert not [process for process in running.processes if PASSWORD in " ".join(process.cmdline())]
