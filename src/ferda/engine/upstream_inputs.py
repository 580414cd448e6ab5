"""What the authors' programs showed their networks: the order of classes, and how a picture came in.

A checkpoint of another program holds numbers and says nothing of these; getting one of them wrong costs
accuracy without any error. They are facts about each program, not about the method: our own trainings choose
freely.
"""

from __future__ import annotations

from dataclasses import dataclass

from ferda.errors import UserError
from ferda.expressions import BASIC, CLASS_ORDERS, class_order


@dataclass(frozen=True)
class UpstreamInput:
    """How one program prepared its pictures.

    Attributes:
        classes: In the order of its logits; empty if nobody wrote it down.
        size: Side of the pictures in pixels.
        crop: Kind of `ferda.faces.crops.CropRule` that comes nearest to what it cut out.
        normalise: A name of `ferda.data.normalise.NORMALISATIONS`.
        channels: `bgr` where pictures were read by OpenCV and never converted.
    """

    classes: tuple[str, ...] = ()
    size: int = 112
    crop: str = "aligned"
    normalise: str = "imagenet"
    channels: str = "rgb"


_AFFECTNET = CLASS_ORDERS["affectnet"]
_CD_FER = (UpstreamInput(BASIC, crop="box"),)
_BOTH_AFFECTNET = (_AFFECTNET, _AFFECTNET[:7])

#: Programs by method, one entry for each list of classes they were trained on.
_INPUTS: dict[str, tuple[UpstreamInput, ...]] = {
    "agra": _CD_FER,
    "aglrls": _CD_FER,
    "cglrl": _CD_FER,
    "ddamfn": tuple(UpstreamInput(classes) for classes in _BOTH_AFFECTNET),
    "osa": (UpstreamInput(BASIC, normalise="half", channels="bgr"),),
    "la_cmfer": (UpstreamInput(BASIC, size=224),),
    "mfsan": (UpstreamInput(size=224, normalise="none"),),
    "manet": tuple(UpstreamInput(classes, size=224, normalise="none") for classes in _BOTH_AFFECTNET),
    "esr": (UpstreamInput(_AFFECTNET, size=96, crop="box", normalise="none", channels="bgr"),),
    "diversified_manet": (
        UpstreamInput(_AFFECTNET, size=224, crop="box", normalise="none", channels="bgr"),
        UpstreamInput(BASIC, size=224),
    ),
    "diversified_esr": (
        UpstreamInput(_AFFECTNET, size=96, crop="box", normalise="none", channels="bgr"),
        UpstreamInput(BASIC, size=96),
    ),
}


def upstream_input(method: str, count: int, classes: tuple[str, ...] = ()) -> UpstreamInput:
    """Return what a method's authors showed a network of so many classes.

    Args:
        method: As in `ferda fit NAME`.
        count: Classes of the weights.
        classes: Expressions in the order of the logits, or the name of a data set whose order it is; none
            takes the authors' order.

    Raises:
        UserError: If the authors' order is not known, or the list does not fit the weights.
    """
    known = _INPUTS.get(method, ())
    found = next((each for each in known if len(each.classes) == count), None)
    base = found or (known[0] if known else UpstreamInput())
    if classes:
        names = class_order(classes)
        if classes[0].lower() in CLASS_ORDERS and len(names) == count + 1:
            # a network of seven is one without the eighth class
            names = tuple(name for name in names if name != "contempt")
    elif found is not None:
        names = found.classes
    else:
        raise UserError(
            f"The weights have {count} classes, in an order that is not known for {method}; name them with "
            f"--classes, or a data set whose order it is ({', '.join(CLASS_ORDERS)})."
        )
    if len(names) != count:
        raise UserError(f"The weights have {count} classes, the list names {len(names)}: {', '.join(names)}.")
    return UpstreamInput(names, base.size, base.crop, base.normalise, base.channels)
