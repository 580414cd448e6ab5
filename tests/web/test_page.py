"""The page: nothing from elsewhere, nothing inline, and what a person does, done in a real browser."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import ferda.web

here = runpy.run_path(str(Path(__file__).parent / "conftest.py"))
STATIC = Path(ferda.web.__file__).parent / "static"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-device-for-media-stream "
    "--use-fake-ui-for-media-stream --remote-debugging-pipe"
)
#: Text whose contrast with what it stands on is below 4.5, of what can be seen.
PALE = """
(() => {
  const linear = (v) => (v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4);
  const light = (c) => { const [r, g, b] = c.map(linear); return .2126 * r + .7152 * g + .0722 * b; };
  const parsed = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = parsed(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > .99) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const pale = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.closest("svg, option, :disabled")) continue;
    const [a, b] = [light(parsed(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) pale.push(e.tagName + " " + e.textContent.trim().slice(0, 40));
  }
  return pale;
})()
"""


class Tab:
    """Drives one tab of Chromium over its debugging pipe."""

    def __init__(self, profile: Path) -> None:
        read, self._out = os.pipe()
        self._in, write = os.pipe()
        # Chromium listens at 3 and answers at 4
        launch = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); "
        launch += "os.execv(sys.argv[3], sys.argv[3:])"
        command = [sys.executable, "-c", launch, str(read), str(write), str(CHROMIUM), *QUIET.split()]
        self.process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(read, write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read), os.close(write)
        self._left, self._number, self._session = b"", 0, None
        self.complaints: list[str] = []
        pages = self("Target.getTargets")["targetInfos"]
        target = next(one["targetId"] for one in pages if one["type"] == "page")
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            if answer.get("method") == "Log.entryAdded" and answer["params"]["entry"]["level"] == "error":
                self.complaints.append(answer["params"]["entry"]["text"])
            if answer.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(answer["params"]["exceptionDetails"]))
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            data = os.read(self._in, 1 << 16)
            assert data, "Chromium is gone"
            self._left += data
        line, self._left = self._left.split(b"\0", 1)
        return json.loads(line)

    def js(self, source: str) -> Any:
        found = self("Runtime.evaluate", expression=source, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, source: str) -> Any:
        """Wait for a true value, a minute at most."""
        return self.js(
            "new Promise((done, fail) => { const end = Date.now() + 60000; const look = () => {"
            f"const found = {source}; if (found) done(found); else if (Date.now() > end) fail('never'); "
            "else setTimeout(look, 50); }; look(); })"
        )

    def choose(self, selector: str, *files: Path) -> None:
        node = self("DOM.getDocument")["root"]["nodeId"]
        node = self("DOM.querySelector", nodeId=node, selector=selector)["nodeId"]
        self("DOM.setFileInputFiles", nodeId=node, files=[str(file) for file in files])

    def key(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def look(self, width: int, scheme: str) -> None:
        self("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
        self("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        os.close(self._out), os.close(self._in)


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    opened = Tab(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def address(make) -> Iterator[str]:
    """Of a service whose video job finds two faces for a while."""

    def video(job: Any, place: Path, progress: Any) -> None:
        rows = [
            {"input": "f", "frame": t, "time_s": t / 10, "face_id": face, "box_x": 1, "box_y": 1, "box_w": 9,
             "box_h": 9, "expression": "happiness" if t < 20 else "sadness", "confidence": 0.7,
             "p_sadness": 0.2, "p_neutral": 0.1, "p_happiness": 0.7, "note": None}
            for t in range(40) for face in range(2) if face == 0 or t > 10
        ]  # fmt: skip
        (place / "result.json").write_text(
            json.dumps({"model": "hall", "classes": here["CLASSES"], "rows": rows})
        )

    client = make(work={"video": video}, is_open=False)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(client.app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://localhost:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


def test_nothing_is_fetched_from_elsewhere_and_nothing_is_inline() -> None:
    for file in STATIC.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(?:https?:)?//[a-z]", text.replace("// ", "")), file.name
        if file.suffix == ".html":
            assert not re.search(
                r"\sstyle=|\son\w+=|<style|<script(?! (type=\"module\" )?src=\"/static/)", text
            )


def test_what_the_scripts_ask_for_is_there() -> None:
    pages = {name: (STATIC / f"{name}.html").read_text() for name in ("index", "docs")}
    for file in STATIC.glob("*.js"):
        page = pages["docs" if file.stem == "docs" else "index"]
        for name in re.findall(r'byId\("([\w-]+)"\)', file.read_text()):
            assert f'id="{name}"' in page, f"{file.name} asks for {name}"
        for name in re.findall(r'from "\./([\w.]+)"', file.read_text()):
            assert (STATIC / name).is_file()
    for label in re.findall(
        r'<(?:a|link|script)[^>]* (?:href|src)="/static/([\w.]+)"', "".join(pages.values())
    ):
        assert (STATIC / label).is_file()
    for tab in re.findall(r'role="tab" id="tab-(\w+)"', pages["index"]):
        assert f'id="{tab}" aria-labelledby="tab-{tab}"' in pages["index"]


@pytest.mark.slow
def test_a_person_uses_the_page(tab: Tab, address: str, tmp_path: Path) -> None:
    for name, value in (("two.png", 25), ("none.png", 5)):
        (tmp_path / name).write_bytes(here["picture"](value, size=(480, 320)))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "film.mp4").write_bytes(b"no film, but nobody here looks")
    tab.look(1280, "light")
    tab("Page.navigate", url=f"{address}/")
    tab.until("document.querySelector('#model')?.value === 'hall'")
    assert "stay on this machine" in tab.js("document.querySelector('#privacy').textContent")

    tab.choose("#pictures-input", *(tmp_path / f"{name}.png" for name in ("two", "none", "broken")))
    tab.until("document.querySelectorAll('.card .notice').length === 2")
    tab.until("document.querySelectorAll('.shown .box').length === 2")
    assert tab.js("document.querySelector('#pictures-count').textContent") == "2 faces in 3 pictures"
    shares = tab.js("[...document.querySelectorAll('.face')].map((f) => f.querySelector('li').textContent)")
    assert len(shares) == 2 and all(re.fullmatch(r"sadness\d+ %", share) for share in shares)
    notices = tab.js("[...document.querySelectorAll('.card .notice')].map((n) => n.textContent).join()")
    assert "No face was found" in notices and "no picture" in notices
    assert "sadness, sadness" in tab.js("document.querySelector('#said').textContent") or notices

    tab.js("document.querySelector('#tab-pictures').focus()")
    for expected in ("camera", "video"):
        tab.key("ArrowRight")
        tab.until(
            f"document.activeElement.id === 'tab-{expected}' && !document.querySelector('#{expected}').hidden"
        )
    tab.choose("#video-input", tmp_path / "film.mp4")
    tab.js("document.querySelector('#video-send').click()")
    assert tab.until("document.querySelectorAll('.lane').length") == 2
    table = tab.js("document.querySelector('#video-result tbody').textContent")
    assert table.startswith("10:00.00:01.9happiness70 %") and "sadness" in table

    tab.js("document.querySelector('#tab-camera').click()")
    tab.js("document.querySelector('#camera-start').click()")
    tab.until("/An answer takes|No face is seen/.test(document.querySelector('#camera-status').textContent)")
    tab.js("document.querySelector('#camera-stop').click()")
    assert tab.js("document.querySelector('#camera-video').srcObject") is None

    for width, scheme in ((360, "dark"), (360, "light"), (1280, "dark")):
        tab.look(width, scheme)
        for name in ("pictures", "camera", "video", "adapt", "jobs"):
            tab.js(f"document.querySelector('#tab-{name}').click()")
            assert tab.js("document.documentElement.scrollWidth <= innerWidth"), (name, width)
            assert tab.js(PALE) == [], (name, width, scheme)
    nameless = "(e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.length)"
    fields = f"[...document.querySelectorAll('button, select, input')].filter({nameless}).map((e) => e.id)"
    assert tab.js(fields) == []
    # the film is none, and the browser says so; of the page itself it has nothing to complain about
    assert [line for line in tab.complaints if "favicon" not in line and "blob:" not in line] == []
