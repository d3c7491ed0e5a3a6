"""An event that names a file which its sender has not uploaded: nothing of it is read, kept, copied or handed out.

Asked of the page's routes without a browser, under each gradio of the hosts, standing alone and inside a host.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services import picture
from tests.ui.gradio_envs import VERSIONS
from tests.ui.page_client import NEWEST, PageClient, ServedPage, served
from tests.ui.serve_page import IN_A_HOST

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SECRET = picture(7, (64, 64))
FOLDER = "ab" * 20
"""As gradio names the folder of one upload."""
TAKING = (
    "easyphoto_templates_upload",
    "easyphoto_train_photos",
    "easyphoto_photograph_upload",
    "easyphoto_photograph_record",
    "easyphoto_persons_import_file",
    "easyphoto_train_saved_import",
    "easyphoto_photograph_saved_import",
)
PAGES = [(version, mode) for version in (*VERSIONS, NEWEST) for mode in ("", IN_A_HOST)]


@pytest.fixture(scope="module", params=PAGES, ids=lambda page: "-".join(part for part in page if part))
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPage]:
    version, mode = request.param
    with served(tmp_path_factory.mktemp("page"), version, *([mode] if mode else [])) as page:
        _leave_secrets(page)
        yield page


@pytest.fixture
def client(page: ServedPage) -> PageClient:
    return page.client()


def _leave_secrets(page: ServedPage) -> None:
    """What nobody uploaded, in many places and of many kinds."""
    outside, anna = page.workspace.parent / "outside", page.workspace / "persons" / "anna"
    for folder in (outside, anna):
        folder.mkdir(parents=True)
    for file in (outside / "secret.png", anna / "portrait.png"):
        file.write_bytes(SECRET)
    os.mkfifo(outside / "pipe.png")
    with socket.socket(socket.AF_UNIX) as bound:
        here = os.getcwd()
        os.chdir(outside)  # a socket's path has at most 107 letters
        bound.bind("socket.png")
        os.chdir(here)
    with (outside / "sparse.png").open("wb") as sparse:
        sparse.write(SECRET)
        sparse.truncate(20_000_000_000)


def _gradio_folder(client: PageClient) -> Path:
    return Path(client.upload("any.txt", b"any")).parent.parent


def _links(client: PageClient) -> Iterator[str]:
    """Where uploads lie, and yet none."""
    folder, outside = _gradio_folder(client), client.page.workspace.parent / "outside"
    (folder / FOLDER).mkdir(exist_ok=True)
    for name in ("secret.png", "pipe.png"):
        link = folder / FOLDER / f"linked-{name}"
        link.unlink(missing_ok=True)
        link.symlink_to(outside / name)
        yield str(link)
    if not (folder / FOLDER[::-1]).exists():
        (folder / FOLDER[::-1]).symlink_to(outside)
    yield str(folder / FOLDER[::-1] / "secret.png")
    if not (folder / FOLDER / "pipe.png").exists():
        os.mkfifo(folder / FOLDER / "pipe.png")
    yield str(folder / FOLDER / "pipe.png")
    yield str(folder / FOLDER)
    (folder / "beside.png").write_bytes(SECRET)
    yield str(folder / "beside.png")


def _elsewhere(client: PageClient) -> Iterator[str]:
    outside, own = client.page.workspace.parent / "outside", client.upload("own.png", picture(1))
    yield from (
        "/etc/hostname",
        "/dev/zero",
        "/proc/self/environ",
        "/",
        "",
        ".",
        "..",
        "\0",
        "http://127.0.0.1:9/x.png",
    )
    yield from (str(path) for path in sorted(outside.iterdir()))
    yield from (str(client.page.workspace / "persons" / "anna" / "portrait.png"), f"file://{outside}/secret.png")
    up = "/".join([".."] * 12)
    yield from (f"{own}/{up}{outside}/secret.png", f"{Path(own).parent}/{up}{outside}/secret.png")
    yield from (f"{Path(own).parent}/%2e%2e/%2e%2e{outside}/secret.png", os.path.relpath(outside / "secret.png"))


def _shapes(client: PageClient, path: str) -> Iterator[Any]:
    """The same claim as the versions write it, and as they do not."""
    plain = {key: value for key, value in client.record(path).items() if key != "meta"}
    yield from ([client.record(path)], client.record(path), [plain])
    yield from (path, [path], [[client.record(path), "caption"]], [{"image": client.record(path)}])
    yield [client.record(path, url=f"file://{path}", is_stream=True)]
    yield {"path": path, "name": path, "is_file": True, "data": None, "meta": {"_type": "gradio.FileData"}}


def _nothing_came_of_it(page: ServedPage) -> None:
    kept = [path for path in page.workspace.glob("*/*") if path.parent.name in ("templates", "uploads")]
    assert [path for path in kept if path.name.startswith(("secret", "portrait", "linked"))] == []
    places = [page.workspace / "page", page.workspace.parent / "gradio"]
    copies = [path for place in places for path in place.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in copies if path.name != "beside.png" and path.read_bytes() == SECRET] == []


def test_what_was_uploaded_is_taken(client: PageClient):
    path = client.upload("beach.png", picture(1))

    answer = client.event("easyphoto_templates_upload", [client.record(path)])

    assert "is one of your templates now" in answer.text
    assert [file.name for file in (client.page.workspace / "templates").iterdir()] == ["beach.png"]
    assert not Path(path).exists(), "the page keeps a copy"
    (client.page.workspace / "templates" / "beach.png").unlink()


@pytest.mark.parametrize("paths", [_elsewhere, _links], ids=["elsewhere", "where uploads lie"])
def test_a_path_that_nobody_uploaded_is_refused(client: PageClient, paths: Callable[[PageClient], Iterator[str]]):
    for number, path in enumerate(paths(client)):
        # Every shape of the first ones, and of the others the two that gradio itself would take.
        for value in list(_shapes(client, path))[: 3 if number > 1 else None]:
            answer = client.event("easyphoto_templates_upload", value)
            assert "is one of your templates now" not in answer.text, value
    _nothing_came_of_it(client.page)


@pytest.mark.parametrize("component", TAKING)
def test_whatever_takes_files_refuses_them(client: PageClient, component: str):
    for path in (str(client.page.workspace.parent / "outside" / "secret.png"), "/dev/zero", *_links(client)):
        answer = client.event(component, [client.record(path)])
        assert answer.status_code in (403, 500) or "was not uploaded through this page" in answer.text
    _nothing_came_of_it(client.page)


def test_an_upload_is_that_of_the_browser_that_brought_it(client: PageClient):
    """Inside a host its path alone must not be known: random under gradio 3, else a digest of the content."""
    if "host_send" in str(client.config):
        pytest.skip("a host's own door tells no browser from another")
    path, other = client.upload("mine.png", picture(2)), client.page.client()

    assert other.event("easyphoto_templates_upload", [other.record(path)]).status_code == 403
    assert other.http.get(f"{client.api}/file={path}").status_code == 403
    assert client.http.get(f"{client.api}/file={path}").content == picture(2)
    assert "is one of your templates now" in client.event("easyphoto_templates_upload", [client.record(path)]).text
    (client.page.workspace / "templates" / "mine.png").unlink()


def test_the_tab_says_why(client: PageClient):
    """Where gradio and the page's door let a claim through, our own check answers in the tab."""
    folder = _gradio_folder(client)
    (folder / "beside.png").write_bytes(SECRET)

    answer = client.event("easyphoto_templates_upload", [client.record(str(folder / "beside.png"))])

    assert "beside.png was not uploaded through this page" in answer.text or answer.status_code == 403


def test_a_field_of_text_is_no_way_to_a_file(client: PageClient):
    for path in ("/dev/zero", str(client.page.workspace.parent / "outside" / "pipe.png"), "/etc/hostname"):
        client.event("easyphoto_templates_prompt", client.record(path))
    _nothing_came_of_it(client.page)


def test_a_picture_that_is_too_large_is_refused_unread(client: PageClient):
    path = Path(client.upload("huge.png", picture(1)))
    os.truncate(path, 20_000_000_000)

    answer = client.event("easyphoto_templates_upload", [client.record(str(path))])

    assert "huge.png is too large" in answer.text


def test_a_host_sends_on_only_what_is_shown(client: PageClient):
    if "host_send" not in str(client.config):
        pytest.skip("standing alone it sends nothing anywhere")
    for path in (str(client.page.workspace.parent / "outside" / "secret.png"), "/dev/zero", *_links(client)):
        for value in (client.record(path), {"path": path}):
            assert client.event("easyphoto_photograph_picture", value).status_code in (400, 422, 500), value
    _nothing_came_of_it(client.page)


def test_the_page_tells_nothing_of_where_it_lies(client: PageClient):
    for path in ("/", "/config", f"{client.api}/info"):
        assert str(client.page.workspace.parent) not in client.http.get(path).text, path


def test_the_server_ends_when_it_is_asked_to(page: ServedPage):
    """The last one of this page: after all of that no thread of it waits for a device or a pipe."""
    page.process.terminate()

    assert page.process.wait(20) is not None
