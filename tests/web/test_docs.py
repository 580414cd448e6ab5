"""The page about the service names every door and every limit, with its default."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from ferda.web.settings import Limits

MILLION, MB = 10**6, 2**20
WRITTEN = {
    "request_bytes": (32 * MB, "32 MB"),
    "pictures": (64, "64 in"),
    "pixels": (50 * MILLION, "50 million"),
    "held_pixels": (150 * MILLION, "150 million"),
    "requests": (64, "64 at work"),
    "seconds": (60, "60 for"),
    "bytes_per_second": (16384, "16,384"),
    "batch": (32, "32 pictures"),
    "wait_ms": (4, "4 ms"),
    "video_bytes": (2048 * MB, "2 GB"),
    "folder_bytes": (2048 * MB, "2 GB"),
    "folder_pictures": (5000, "5000"),
    "jobs": (8, "8 waiting"),
}


def test_limits(project: Path) -> None:
    text = (project / "docs" / "service.md").read_text()
    assert Limits().model_dump() == {name: value for name, (value, _) in WRITTEN.items()}
    for name, (_, words) in WRITTEN.items():
        (row,) = [line for line in text.splitlines() if f"`{name}`" in (line + "|").split("|")[1]]
        assert words in row


def test_doors(project: Path, client: TestClient) -> None:
    text = (project / "docs" / "service.md").read_text()
    for path, doors in client.get("/openapi.json").json()["paths"].items():
        for method, door in doors.items():
            row = f"`{method.upper()} {path.replace('{job}', 'ID')}`"
            (line,) = [line for line in text.splitlines() if line.startswith("|") and row in line]
            form = door.get("requestBody", {}).get("content", {}).get("multipart/form-data", {})
            for name in form.get("schema", {}).get("properties", ()):
                assert f"`{name}`" in line, (path, name)
