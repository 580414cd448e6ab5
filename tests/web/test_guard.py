"""Who may ask, and from where; every answer carries the headers that keep a page to itself."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from ferda.errors import UserError
from ferda.web.settings import Settings

picture = runpy.run_path(str(Path(__file__).parent / "conftest.py"))["picture"]
TOKEN = "a-token-of-some-length"


def ask(client: TestClient, **headers: str) -> int:
    return client.post("/predict", files={"images": picture(15)}, headers=headers).status_code


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:9", "[::1]:8000", "LOCALHOST"])
def test_own_names_are_answered(client: TestClient, host: str) -> None:
    assert ask(client, Host=host) == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8000", "192.168.0.7", "", "[::2]"])
def test_a_name_that_was_bent_to_this_machine_is_not(client: TestClient, host: str) -> None:
    assert ask(client, Host=host) == 421
    assert client.get("/", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:81"},
        {"Origin": "http://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_elsewhere_may_not_use_the_service(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/predict", files={"images": picture(15)}, headers=headers)
    assert answer.status_code == 403 and list(answer.json()) == ["error"]
    assert client.delete("/jobs/x", headers=headers).status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_its_own_page_may(client: TestClient) -> None:
    assert ask(client, Origin="http://localhost", **{"Sec-Fetch-Site": "same-origin"}) == 200
    assert ask(client, Origin="http://127.0.0.1:80", Host="127.0.0.1:80") == 200


def test_a_token_is_asked_for(make) -> None:
    client = make(token=TOKEN)
    assert ask(client) == 401
    for wrong in ("Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN, "Bearer \xff"):
        assert ask(client, Authorization=wrong.encode("latin-1")) == 401
    assert ask(client, Authorization=f"Bearer {TOKEN}") == 200
    assert ask(client, authorization=f"bearer {TOKEN}") == 200
    for path in ("/models", "/metrics", "/jobs", "/jobs/x", "/nowhere", "/static/../models"):
        assert client.get(path).status_code == 401, path
    for path in ("/", "/docs", "/health", "/openapi.json"):
        assert client.get(path).status_code == 200, path
    assert client.get("/models").headers["WWW-Authenticate"] == "Bearer"


def test_every_answer_has_the_headers(make) -> None:
    client = make(token=TOKEN)
    for path in ("/", "/health", "/models", "/nowhere"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Referrer-Policy"] == "no-referrer"


def test_files_of_the_page_alone_are_served(client: TestClient) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd"):
        assert client.get(path).status_code == 404, path


def test_others_are_answered_with_a_token_alone() -> None:
    runs, folder = (Path("hall"),), Path("serve")
    with pytest.raises(UserError, match="needs a token"):
        Settings(runs, folder, host="0.0.0.0").check()
    with pytest.raises(UserError, match="can be guessed"):
        Settings(runs, folder, host="0.0.0.0", token="short").check()
    with pytest.raises(UserError, match="needs a model"):
        Settings((), folder).check()
    open_to_all = Settings(runs, folder, host="0.0.0.0", token=TOKEN)
    open_to_all.check()
    assert open_to_all.hosts is None and TOKEN not in repr(open_to_all)
    named = Settings(runs, folder, host="0.0.0.0", token=TOKEN, names=("faces.example",))
    assert named.hosts is not None and "faces.example" in named.hosts
