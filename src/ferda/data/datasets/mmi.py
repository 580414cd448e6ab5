"""MMI: people who show single muscles and six expressions, filmed from the front, the side, or both at once.

    Sessions/1767/session.xml            person; `track` with view 0 (front), 2 (both, by a mirror), else side
    Sessions/1767/S001-001.avi           the film; some sessions have a still picture instead
    Sessions/1767/S001-001.xml           `<Metatag Name="Emotion" Value="4"/>`
    Sessions/1767/S001-001-oao_aucs.xml  for some: when each muscle is at its apex

A film goes from neutral to the expression and back, so the frames around its apex, or else its middle, get
the label and its first frame is neutral; the last frames show nothing. Most sessions are of single muscles
and have no emotion: they are listed and left out, and so is what shows a face from the side alone.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

import pandas as pd

from ferda.data.datasets.base import Dataset, reading_of
from ferda.data.datasets.owner_files import OwnerFiles
from ferda.data.readers.source import Reading, is_picture
from ferda.data.video_frames import WithVideoFrames, frame_names
from ferda.errors import UserError

_SESSION = r"(?P<session>\d+)/session\.xml"
_VIEWS = {"0": "frontal", "2": "frontal and profile"}
_PEAK = 3
#: Fewer pictures than this are stills, each of the expression, and no sequence.
_SEQUENCE = 2 + _PEAK

#: Attributes of all elements of a file, by the element's name.
Elements = Mapping[str, Sequence[Mapping[str, str]]]


class _UselessError(Exception):
    """Says why a session has nothing to learn from."""


def read(root: Path) -> Reading:
    """Read MMI: films, frames that somebody cut out of them, and stills.

    Args:
        root: The folder that holds `Sessions`.

    Raises:
        UserError: If this is not MMI, films lie in an archive, or no session has one of the six expressions.
    """
    files = DATASET.open(root, _SESSION, below=("Sessions",))
    rows: list[dict[str, Any]] = []
    useless: list[dict[str, str]] = []
    for folder, names in _sessions(files).items():
        try:
            rows += _rows(files, folder, names)
        except _UselessError as error:
            useless.append({"file": folder, "reason": str(error)})
    useless += [
        {"file": row["file"], "reason": "a face from the side"} for row in rows if row["view"] == "profile"
    ]
    rows = [row for row in rows if row["view"] != "profile"]
    if not rows:
        raise UserError(f"No session of MMI in {files.root} shows one of the six expressions from the front.")
    people = [[row.pop(known_by) for row in rows] for known_by in ("number", "person")]
    # One of the two for all: a person who is "1" here and "S001" there would be on both sides of a split.
    table = pd.DataFrame(rows).assign(subject=people[0] if all(people[0]) else people[1])
    frames = [file for file in table["file"] if ".avi/" in file.lower()]
    return reading_of(
        table,
        WithVideoFrames(files, frames) if frames else files,
        title=DATASET.title,
        variant="sessions",
        dropped=pd.DataFrame(useless, columns=["file", "reason"]),
    )


def _sessions(files: OwnerFiles) -> dict[str, list[str]]:
    """Return the folder of each session, in the order of their numbers, and the names below it."""
    found = files.found(_SESSION)
    order = sorted(found, key=lambda name: int(found[name]["session"]))
    sessions: dict[str, list[str]] = {name.rpartition("/")[0]: [] for name in order}
    for name in files.names:
        for parent in PurePosixPath(name).parents:
            if str(parent) in sessions:
                sessions[str(parent)].append(name.removeprefix(f"{parent}/"))
                break
    return sessions


def _rows(files: OwnerFiles, folder: str, names: list[str]) -> list[dict[str, Any]]:
    """Return the rows of one session."""
    told = {
        name.lower(): _elements(files, f"{folder}/{name}") for name in names if name.lower().endswith(".xml")
    }
    code, apex = _emotion(told), _apex(told)
    about = told["session.xml"]
    person = (about.get("subject") or [{}])[0]
    rows = []
    for pictures in _sequences(files, folder, names):
        view = _view(about.get("track", []), pictures[0])
        named = re.match(r"s\d+(?=[-_])", pictures[0], re.IGNORECASE)
        row = {"session": PurePosixPath(folder).name, "view": view, "source_label": code}
        row |= {"number": person.get("id"), "person": named[0].upper() if named else None}
        row |= {"gender": person.get("gender", person.get("sex")), "age": person.get("age")}
        chosen = _chosen(len(pictures), apex)
        for place in sorted(chosen):
            rows.append({**row, "file": f"{folder}/{pictures[place]}", "frame": place + 1, **chosen[place]})
            rows[-1].setdefault("expression", DATASET.codes[code])
    if not rows:
        raise _UselessError("neither film nor picture")
    return rows


def _elements(files: OwnerFiles, name: str) -> Elements:
    try:
        tree = ElementTree.fromstring(files.read(name))
    except ElementTree.ParseError as error:
        raise _UselessError(f"{PurePosixPath(name).name} is no XML ({error})") from error
    elements: dict[str, list[dict[str, str]]] = {}
    for element in tree.iter():
        tag = element.tag.rpartition("}")[2].lower()
        elements.setdefault(tag, []).append({key.lower(): value for key, value in element.attrib.items()})
    return elements


def _emotion(told: Mapping[str, Elements]) -> str:
    tags = [tag for elements in told.values() for tag in elements.get("metatag", [])]
    codes = {tag.get("value", "").strip() for tag in tags if tag.get("name", "").lower() == "emotion"}
    if len(codes) != 1:
        raise _UselessError("more than one emotion" if codes else "no emotion")
    if (code := codes.pop()) not in DATASET.codes:
        raise _UselessError(f"emotion {code} is none of the six")
    return code


def _apex(told: Mapping[str, Elements]) -> int | None:
    """Return the frame, from 1, in the middle of what muscles do at their apex, where that was coded."""
    marks = [mark for name, found in told.items() if "oao" in name for mark in found.get("marker", [])]
    frames = [mark.get("frame", "") for mark in marks if "apex" in [value.lower() for value in mark.values()]]
    numbers = [int(frame) for frame in frames if frame.isdigit()]
    return round(statistics.median(numbers)) if numbers else None


def _sequences(files: OwnerFiles, folder: str, names: list[str]) -> list[list[str]]:
    """Return the pictures of each sequence, in order; without pictures, the frames of each film."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for name in filter(is_picture, names):
        stem = name.rpartition(".")[0]
        start = stem.rstrip("0123456789")
        groups.setdefault(start, []).append((int(stem[len(start) :] or 0), name))
    if groups:
        return [[name for _, name in sorted(group)] for group in groups.values()]
    films = [f"{folder}/{name}" for name in names if name.lower().endswith(".avi")]
    if films and not (files.root / films[0]).is_file():
        raise UserError(
            f"The films of MMI lie in an archive of {files.root}, where ferda cannot look; unpack it."
        )
    frames = [frame_names(files.root, film) for film in films]
    return [[name.removeprefix(f"{folder}/") for name in film] for film in frames if film]


def _view(tracks: Sequence[Mapping[str, str]], picture: str) -> str | None:
    """Return what the track of this picture or film shows, None if the session does not say."""
    named = [
        track
        for track in tracks
        if (stem := PurePosixPath(track.get("filename", "")).stem)
        and picture.lower().startswith(stem.lower())
    ]
    views = {_VIEWS.get(track["view"].strip(), "profile") for track in named or tracks if "view" in track}
    return views.pop() if len(views) == 1 else None


def _chosen(length: int, apex: int | None) -> dict[int, dict[str, str]]:
    """Return the places that are read, from 0, with what is special about them."""
    if length < _SEQUENCE:
        return {place: {} for place in range(length)}
    middle = (length - 1) // 2 if apex is None else apex - 1
    first = min(max(middle - _PEAK // 2, 1), length - _PEAK)
    neutral = {"expression": "neutral", "note": "first frame of a sequence"}
    return {0: neutral, **{place: {} for place in range(first, first + _PEAK)}}


DATASET = Dataset(
    title="MMI",
    paper="Pantic, Valstar, Rademaker and Maat, Web-based database for facial expression analysis, ICME "
    "2005; Valstar and Pantic, LREC workshop on emotion 2010",
    access="Account and licence on mmifacedb.eu; what is chosen there comes as a zip file, to be unpacked.",
    terms="non-commercial research under the licence",
    layout="""
Sessions/1767/session.xml
Sessions/1767/S001-001.avi            (or .jpg, or a folder S001-001 of frames)
Sessions/1767/S001-001.xml
Sessions/1767/S001-001-oao_aucs.xml   (for some)
""",
    protocol="205 sequences of 30 people (or 208 of 31): three middle frames and the first as neutral; 10 "
    "folds by person, accuracy; 6 classes, or 7 with neutral",
    subjects="session.xml, or the names of the films (75 people in all)",
    codes={
        **{"1": "anger", "2": "disgust", "3": "fear", "4": "happiness"},
        **{"5": "sadness", "6": "surprise"},
    },
    counts_note="No published number of pictures of each class is known; the whole has over 2,900 films.",
    read=read,
    traps=(
        "The expression is in the middle of a film: who takes the last frames trains on neutral faces.",
        "Some films are reported to lie on their side, turned by 90 degrees: look at the contact sheet.",
        "A mirror may show front and side at once: ferda takes the face its detector is surest of.",
        "Codes above 6 are mixtures and other displays, which ferda leaves out.",
    ),
)
