"""Our routes in a web UI whose page asks for a login: gradio's own server, started as web UIs start theirs.

test_old_doors runs the same on the gradio of today's hosts.
"""

import sys
import threading
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest

from easyphoto.webui import register
from easyphoto.webui.doors import HostCheck, check_no_site
from easyphoto.webui.facts import OPEN, OPEN_API, read_facts
from easyphoto.webui.service import QUEUE, open_service
from tests.api.calls import V1, basic, error_of
from tests.jobs.asked import Asked

ALICE = ("alice", "secret")
ASKED = (
    ("GET", f"{V1}/persons"),
    ("GET", f"{V1}/jobs"),
    ("GET", f"{V1}/openapi.json"),
    ("GET", f"{V1}/nothing"),
    ("HEAD", f"{V1}/persons"),
    ("POST", f"{V1}/uploads"),
    ("DELETE", f"{V1}/persons/anna"),
    ("POST", "/easyphoto/easyphoto_train_forward"),
    ("POST", "/easyphoto/easyphoto_infer_forward"),
)


@pytest.fixture
def web_ui(host, monkeypatch):
    """Starts the page of a web UI with the command line that is given, and a client of it, not logged in."""
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    there, opened = host(), []

    def start(**flags):
        vars(sys.modules["modules.shared"].cmd_opts).update(flags)
        with gr.Blocks(analytics_enabled=False) as demo:
            gr.HTML("the page")
        accounts = [tuple(flags["gradio_auth"].split(":"))] if flags.get("gradio_auth") else None
        app, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, share=False, auth=accounts)
        register.add_routes(demo, app)
        opened.append((demo, httpx.Client(base_url=address, timeout=30)))
        return SimpleNamespace(demo=demo, client=opened[-1][1], host=there)

    yield start
    for demo, client in opened:
        client.close()
        demo.close(verbose=False)
    queue = getattr(sys.modules["modules.shared"], QUEUE, None)
    if queue is not None:
        queue.close()


def statuses(client, **named):
    return {client.request(method, path, **named).status_code for method, path in ASKED}


def log_in(client):
    assert client.post("/login", data={"username": ALICE[0], "password": ALICE[1]}).json() == {"success": True}


def test_without_its_api_a_web_ui_has_no_route_of_ours_for_anybody(web_ui):
    client = web_ui(api=False, gradio_auth="alice:secret").client

    assert statuses(client) == {404}
    log_in(client)
    assert statuses(client) == {404}


def test_with_its_api_they_are_behind_the_login_of_the_page(web_ui):
    client = web_ui(gradio_auth="alice:secret").client

    assert statuses(client) == {401}
    assert error_of(client.get(f"{V1}/persons")) == (401, "Unauthorised")
    assert statuses(client, headers=basic("alice", "wrong")) == {401}
    assert statuses(client, headers={"Cookie": "access-token=made-up; access-token-unsecure=made-up"}) == {401}
    log_in(client)
    assert client.get(f"{V1}/persons").json() == {"persons": [], "damaged": []}
    assert client.get(f"{V1}/openapi.json").json()["paths"][f"{V1}/persons"]["get"]["security"] == [{"account": []}]


def test_a_program_names_an_account_of_the_page_or_of_the_api(web_ui):
    client = web_ui(gradio_auth="alice:secret", api_auth="ben:a:b,alice:other").client

    answers = {
        (user, password): client.get(f"{V1}/jobs", headers=basic(user, password)).status_code
        for user, password in (ALICE, ("ben", "a:b"), ("alice", "other"), ("ben", "secret"), ("", ""), ("alice", ""))
    }

    assert [account for account, status in answers.items() if status == 200] == [
        ALICE,
        ("ben", "a:b"),
        ("alice", "other"),
    ]


def test_accounts_of_the_api_stay_when_the_page_asks_for_none(web_ui):
    client = web_ui(api_auth="ben:word").client

    assert statuses(client) == {401}
    assert client.get(f"{V1}/jobs", headers=basic("ben", "word")).status_code == 200


def test_after_a_reload_everybody_logs_in_anew(web_ui):
    first = web_ui(gradio_auth="alice:secret")
    log_in(first.client)
    assert first.client.get(f"{V1}/jobs").status_code == 200
    first.demo.close(verbose=False)

    again = web_ui(gradio_auth="alice:secret").client
    again.cookies.update(first.client.cookies)

    assert statuses(again) == {401}


def test_a_page_of_another_site_is_not_let_in_by_the_login_of_a_browser(web_ui):
    client = web_ui(gradio_auth="alice:secret", cors_allow_origins="https://ours.example,*").client
    log_in(client)

    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        headers = {"Origin": origin}
        assert error_of(client.get(f"{V1}/persons", headers=headers)) == (403, "ForeignOrigin"), origin
        assert error_of(client.delete(f"{V1}/persons/anna", headers=headers)) == (403, "ForeignOrigin"), origin
    assert client.delete(f"{V1}/persons/anna", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.delete(f"{V1}/persons/anna", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 404
    assert client.get(f"{V1}/persons", headers={"Origin": "https://ours.example"}).status_code == 200


def test_without_any_account_a_name_that_a_site_has_made_point_here_is_refused(web_ui):
    client = web_ui(listen=True).client

    answers = {host: client.get(f"{V1}/jobs", headers={"Host": host}) for host in ("evil.example", "localhost:7860")}

    assert error_of(answers["evil.example"]) == (403, "ForeignOrigin")
    assert "--gradio-auth" in answers["evil.example"].json()["error"]["advice"]
    assert answers["localhost:7860"].status_code == 200


@pytest.mark.parametrize(
    "name", ["127.0.0.1:7860", "[::1]:7860", "192.168.1.5", "studio", "studio.local:7860", "nas.lan"]
)
def test_an_address_and_a_name_of_the_house_are_no_sites(name):
    check_no_site(name)


@pytest.mark.parametrize("name", ["1234abcd.gradio.live", "studio.local.evil.example", "127.0.0.1.nip.io", "1.2.3.4.5"])
def test_whatever_else_may_be_one(name):
    with pytest.raises(Exception, match="Without an account"):
        check_no_site(name)


def test_the_tabs_say_that_everybody_can_reach_them(host):
    host()
    flags = sys.modules["modules.shared"].cmd_opts

    def warned(**said):
        vars(flags).update({"listen": False, "share": False, "server_name": None, "gradio_auth": None, **said})
        return [text for text in read_facts().warnings if "everybody" in text.lower()]

    assert warned(listen=True) == warned(share=True) == warned(server_name="0.0.0.0") == [OPEN]
    assert warned() == warned(server_name="127.0.0.1") == []
    # The host's own API tells everybody its command line, and so the accounts of its page.
    assert warned(listen=True, gradio_auth="alice:secret") == [OPEN_API]
    assert warned(listen=True, gradio_auth="alice:secret", api_auth="ben:word") == []
    assert warned(listen=True, gradio_auth="alice:secret", api=False) == []


def test_reload_ui_does_not_wait_for_the_events_of_a_job(web_ui):
    there, goes_on = web_ui(), threading.Event()
    queue = open_service().queue
    job = queue.submit(Asked("check", "slow"), lambda _: goes_on.wait(60) and {})
    with there.client.stream("GET", f"{V1}/jobs/{job.id}/events") as events:
        lines = events.iter_lines()
        assert next(lines) == ": the events of one job"

        closing = threading.Thread(target=there.demo.server.close)
        closing.start()
        closing.join(20)

        assert not closing.is_alive()
        assert list(lines)[-1] == ""
    assert not queue.get(job.id).state.is_over
    goes_on.set()


def test_accounts_that_cannot_be_read_let_nobody_in():
    check = HostCheck(SimpleNamespace(api_auth="nonsense"), SimpleNamespace(auth=None, tokens={}))

    with pytest.raises(Exception, match="cannot be read"):
        check.has_accounts  # noqa: B018
