"""FED-RO: four hundred faces from the web that something hides in part, a test set and nothing else.

    disgust/occ_img_1.jpg
    neural/occ_img_436.jpg      `neural` is the owner's spelling of neutral

The numbers run through all classes, folder after folder, so a name says nothing that its folder does not.
"""

from __future__ import annotations

from pathlib import Path

from ferda.data.datasets.base import Dataset, reading_of
from ferda.data.datasets.name_rows import rows_by_name
from ferda.data.readers.source import Reading

_NAME = r"(?P<code>disgust|fear|anger|happy|surprise|sad|neural|neutral)/occ_img_\d+"


def read(root: Path) -> Reading:
    """Read FED-RO.

    Args:
        root: The folder that holds the seven classes.

    Raises:
        UserError: If this is not FED-RO.
    """
    files = DATASET.open(root, rf"{_NAME}\.\w+", below=tuple(DATASET.codes))
    rows, warnings = rows_by_name(files, _NAME, DATASET.codes, DATASET.title)
    rows["split"] = "test"
    return reading_of(rows, files, title=DATASET.title, variant="pictures", warnings=warnings)


DATASET = Dataset(
    title="FED-RO",
    paper="Li, Zeng, Shan and Chen, Occlusion aware facial expression recognition using CNN with attention "
    "mechanism, IEEE Transactions on Image Processing 28(5), 2019",
    access="Ask the authors of the paper.",
    terms="research",
    layout="""
{disgust,fear,anger,happy,surprise,sad,neural}/occ_img_1.jpg ...
""",
    protocol="train on RAF-DB and AffectNet together, report accuracy on all pictures; 7 classes",
    splits=("test",),
    codes={
        **{"disgust": "disgust", "fear": "fear", "anger": "anger", "happy": "happiness"},
        **{"surprise": "surprise", "sad": "sadness", "neural": "neutral", "neutral": "neutral"},
    },
    counts_note="The paper has 400 pictures, the download 381; numbers of the classes are not known.",
    read=read,
    traps=(
        "The download lacks 19 pictures of the paper: numbers on 400 and on 381 do not compare.",
        "Pictures come from search engines as RAF-DB's and AffectNet's do: run `ferda check` for copies.",
    ),
)
