"""Bad requests: each refused with its status and code, before any work, and nothing written outside the workspace."""

import pytest

from easyphoto.api import errors as api_errors
from easyphoto.api import guard
from easyphoto.api.routes import parse_accounts
from easyphoto.errors import EasyPhotoError, InputError
from tests.api.calls import JSON, V1, basic, error_of, inline, photos, trained, tree
from tests.services import encoded, picture

TRAIN = {"name": "anna", "photos": [{"name": "a.png", "data": encoded(picture())}]}


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/train", {**TRAIN, "colour": "red"}),
        ("/train", {**TRAIN, "settings": {"stepz": 5}}),
        ("/train", {**TRAIN, "settings": {"steps": 0}}),
        ("/train", {**TRAIN, "settings": {"steps": "10"}}),
        ("/train", {**TRAIN, "settings": {"steps": 1.5}}),
        ("/train", {**TRAIN, "settings": {"flip": "yes"}}),
        ("/train", {**TRAIN, "settings": {"precision": "fp8"}}),
        ("/train", {**TRAIN, "settings": {"learning_rate": 1.0}}),
        ("/train", {**TRAIN, "preset": "turbo"}),
        ("/train", {**TRAIN, "options": {"weights": {"webui": "/srv/webui"}}}),
        ("/train", {**TRAIN, "photos": []}),
        ("/train", {**TRAIN, "photos": [{**inline(1), "upload": "x.png"}]}),
        ("/train", {**TRAIN, "photos": [{**inline(1), "face": 0}]}),
        ("/train", {**TRAIN, "photos": [{**inline(1), "path": "/etc/passwd"}]}),
        ("/train", {**TRAIN, "name": 5}),
        ("/train", []),
        ("/setup", {"force": True}),
        ("/photograph", {"persons": [], "templates": [{"template": "01-lights"}]}),
    ],
)
def test_what_does_not_fit_is_422_and_says_where(door, path, asked):
    answer = door.post(V1 + path, json=asked)

    assert error_of(answer) == (422, "BadRequest")
    assert answer.json()["error"]["details"][0]["where"].startswith("body")


def test_a_refusal_never_repeats_the_photo(door):
    answer = door.post(f"{V1}/train", json={"name": "anna", "photos": [{"nome": "a", "data": encoded(picture())}]})

    assert answer.status_code == 422
    assert encoded(picture())[:40] not in answer.text


@pytest.mark.parametrize(
    "address", ["http://a.example/x.png", "https://a.example/x.png", "file:///etc/passwd", "ftp://a/x", "//a/x.png"]
)
def test_an_address_is_no_picture(door, address):
    answer = door.post(f"{V1}/photos:check", json={"photos": [{"name": "a.png", "data": address}]})

    assert error_of(answer) in ((422, "UrlRefused"), (422, "BadPicture"))
    assert (error_of(answer)[1] == "UrlRefused") == (":" in address)
    assert error_of(door.post(f"{V1}/photos:check", json={"photos": [{"upload": address}]}))[0] in (404, 422)


@pytest.mark.parametrize("data", ["@@@", "abc", encoded(b"dear diary"), encoded(picture()[:30])])
def test_what_is_no_picture_is_422(door, data):
    answer = door.post(f"{V1}/photos:check", json={"photos": [{"name": "a.png", "data": data}]})

    assert error_of(answer) == (422, "BadPicture")


@pytest.mark.parametrize("name", ["../anna", "a/b", "..", "con", "/etc", "a\\b", "anna\u0000", " ", "x" * 100])
def test_a_name_that_is_a_path_is_422(client, workshop, name):
    before = tree(workshop.root.parent)

    assert error_of(client.post(f"{V1}/train", json={**TRAIN, "name": name})) == (422, "BadName")
    assert tree(workshop.root.parent) == before


@pytest.mark.parametrize("id", ["..%2F..", "..", "%2Fetc", "a%00b", "nothing", "x" * 4000, "%ff"])
@pytest.mark.parametrize(
    "path", ["/jobs/{}", "/jobs/{}/events", "/persons/{}", "/persons/{}/export", "/templates/{}/picture"]
)
def test_an_id_that_is_a_path_finds_nothing(door, path, id):
    answer = door.get(V1 + path.format(id))

    assert answer.status_code in (404, 405, 422)


@pytest.mark.parametrize("name", ["..%2Fjob.json", "%2Fetc%2Fpasswd", "nothing.png", "x" * 4000])
def test_a_file_name_that_is_a_path_finds_nothing(client, name):
    job = trained(client)

    assert client.get(f"{V1}/jobs/{job['id']}/files/{name}").status_code == 404


@pytest.mark.parametrize("run", ["../persons", "/etc", "..", "a\u0000", "é" * 250])
def test_a_run_that_is_a_path_is_404(door, run):
    assert error_of(door.post(f"{V1}/resume", json={"run": run})) == (404, "UnknownRun")


@pytest.mark.parametrize(
    "base", ["/srv/models/x.safetensors", "../x", "models/x", "C:\\x", "~/x", ".", "pyproject.toml", "a\0b"]
)
def test_a_base_that_is_a_path_is_422(door, base):
    answer = door.post(f"{V1}/train", json={**TRAIN, "options": {"base": base}})

    assert error_of(answer) == (422, "BadSettings")


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"name": "\\ud800"}'])
def test_what_is_no_json_is_refused(door, body):
    answer = door.post(f"{V1}/train", content=body, headers=JSON)

    status, code = error_of(answer)
    assert status in (400, 422)
    assert code == "BadRequest"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"])
def test_what_a_foreign_page_could_send_without_asking_is_415(door, kind):
    answer = door.post(f"{V1}/setup", content=b"{}", headers={"Content-Type": kind})

    assert error_of(answer) == (415, "WrongMediaType")


async def asked(app, headers, receive):
    """One request by hand, to see what is read of it."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": f"{V1}/photos:check", "raw_path": f"{V1}/photos:check".encode(), "root_path": "", "query_string": b"",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"]


def never():
    async def receive():
        raise AssertionError("the body was read")

    return receive


def pieces(count, size):
    """A body of unknown length; how much of it was taken."""
    taken = []

    async def receive():
        taken.append(size)
        return {"type": "http.request", "body": b"x" * size, "more_body": len(taken) < count}

    return receive, taken


@pytest.mark.anyio
async def test_fifty_megabytes_without_an_account_are_refused_unread(locked_door):
    headers = [(b"content-type", b"application/json"), (b"content-length", b"50000000")]

    assert await asked(locked_door.app, headers, never()) == 401


@pytest.mark.anyio
async def test_a_body_that_says_it_is_too_large_is_refused_unread(door):
    headers = [(b"content-type", b"application/json"), (b"content-length", str(guard.MOST_BODY + 1).encode())]

    assert await asked(door.app, headers, never()) == 413


@pytest.mark.anyio
async def test_a_body_that_does_not_say_its_length_is_counted(door):
    receive, taken = pieces(1000, 1_000_000)

    assert await asked(door.app, [(b"content-type", b"application/json")], receive) == 413
    assert sum(taken) <= guard.MOST_BODY + 2_000_000


@pytest.mark.anyio
async def test_a_body_that_lies_about_its_length_is_counted(door):
    receive, _ = pieces(1000, 1_000_000)

    assert await asked(door.app, [(b"content-type", b"application/json"), (b"content-length", b"5")], receive) == 413


def test_a_picture_of_fifty_megabytes_is_413(door):
    asked = {"photos": [{"name": "a.png", "data": "A" * 56_000_000}]}

    assert error_of(door.post(f"{V1}/photos:check", json=asked)) == (413, "TooLarge")


def test_fifty_megabytes_of_nothing_are_no_picture(client, workshop):
    before = tree(workshop.root.parent)

    answer = client.post(f"{V1}/uploads", json={"name": "a.png", "data": "A" * 50_000_000})

    assert error_of(answer) == (422, "BadPicture")
    assert tree(workshop.root.parent) == before


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_every_route_asks_for_an_account(locked_door, method):
    routes = [(path, operation) for path, item in locked_door.app.openapi()["paths"].items() for operation in item]

    paths = [path for path, operation in routes if operation == method.lower()]
    assert paths
    for path in paths:
        answer = locked_door.request(method, path.replace("{id}", "x").replace("{name}", "y"))
        assert error_of(answer) == (401, "Unauthorised"), path
        assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    "account", [("anna", "wrong"), ("ben", "secret"), ("", ""), ("anna", ""), ("secret", "anna"), ("anna", "пароль:1")]
)
def test_a_wrong_account_is_refused(locked_door, account):
    assert error_of(locked_door.get(f"{V1}/jobs", headers=basic(*account))) == (401, "Unauthorised")


@pytest.mark.parametrize("account", [("anna", "secret"), ("bea", "пароль:1")])
def test_each_account_may(locked_door, account):
    assert locked_door.get(f"{V1}/jobs", headers=basic(*account)).status_code == 200


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Bearer abc", "Basic /w==", "", "Basic " + encoded(b"anna")])
def test_a_header_that_is_none_is_refused(locked_door, header):

    assert error_of(locked_door.get(f"{V1}/jobs", headers={"Authorization": header})) == (401, "Unauthorised")


def test_bad_requests_write_nothing_outside_the_workspace(client, workshop, tmp_path, monkeypatch):
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    monkeypatch.chdir(outside)
    monkeypatch.setenv("TMPDIR", str(outside))
    trained(client)
    before = {name for name in tree(tmp_path) if not name.startswith("workspace/")}

    for name in ("../../x.png", "/x.png", "..\\x.png"):
        client.post(f"{V1}/uploads", json={"name": name, "data": encoded(picture(5))})
        client.post(f"{V1}/uploads", files=[("file", (name, picture(6), "image/png"))])
        client.post(f"{V1}/templates", json={"name": name, "picture": inline(7)})
        client.patch(f"{V1}/persons/anna", json={"name": name})
        client.post(f"{V1}/templates:draw", json={"name": name, "prompt": "x"})
    client.get(f"{V1}/persons/anna/export")

    assert {name for name in tree(tmp_path) if not name.startswith("workspace/")} == before


@pytest.mark.parametrize("body", [b"", b"--x", b"--x\r\n\r\n--x--", b"--x\r\nnothing\r\n--x--\r\n", b"--y--"])
def test_a_broken_form_is_refused(door, body):
    answer = door.post(f"{V1}/uploads", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})

    assert error_of(answer) == (422, "BadRequest")


def every_error(kind=EasyPhotoError):
    return {kind, *(found for child in kind.__subclasses__() for found in every_error(child))}


def test_every_error_has_a_status_and_only_faults_of_ours_are_500():
    statuses = {kind.__name__: api_errors.status_of(kind("x")) for kind in every_error()}

    assert {name for name, status in statuses.items() if status == 500} == {
        "EasyPhotoError", "TrainingError", "TrainerCrashed", "Diverged",
    }  # fmt: skip
    assert {name: statuses[name] for name in ("BadSettings", "NameTaken", "DiskFailure", "WeightsMissing")} == {
        "BadSettings": 422, "NameTaken": 409, "DiskFailure": 507, "WeightsMissing": 503,
    }  # fmt: skip


def test_a_fault_of_ours_is_500_in_the_same_shape(client, workshop, monkeypatch):
    monkeypatch.setattr(type(workshop.service), "templates", lambda self: 1 / 0)

    assert error_of(client.get(f"{V1}/templates")) == (500, "InternalError")


def test_photos_are_counted(door):
    assert error_of(door.post(f"{V1}/photos:check", json={"photos": photos(1) * 201}))[0] == 422


@pytest.mark.parametrize("text", [",", ":", "anna", ":secret", "anna:secret,", "anna:secret,bea"])
def test_accounts_that_cannot_be_read_let_nobody_in(text):
    with pytest.raises(InputError):
        parse_accounts(text)


@pytest.mark.parametrize(
    ("text", "accounts"), [(None, None), ("", None), (" ", None), ("a:b, c:d:e", {"a": "b", "c": "d:e"})]
)
def test_accounts_are_read_as_web_uis_take_them(text, accounts):
    assert parse_accounts(text) == accounts
