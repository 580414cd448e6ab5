"""One picture that explains one face: the decision of all on top, then a row for each head.

Left the face and what speaks for the answer, right the probabilities. A head whose answer is not that of all
says so in words. Attention maps that belong to a head stand in its row, the others below the decision.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ferda.evaluation.style import INK, LINE, MUTED, PAPER, class_colours
from ferda.inference.explain import Answer, Explanation
from ferda.inference.overlay import enlarged, heat_colours, overlay, stretched

_FACE, _SMALL, _GAP = 208, 132, 16
_NAMES, _BAR, _SHARE = 84, 190, 44  # widths of a row of bars
_TEXT, _TITLE = 13, 20
#: Between values closer than this two decimals show no difference.
_NARROW = 0.02
#: What stands with a head whose answer is not the decision.
DIFFERS = "outvoted"


def explanation_sheet(found: Explanation) -> np.ndarray:
    """Draw an explanation.

    Args:
        found: Of one face.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    blocks = [_decision(found), *_attention_rows(found), *(_head(found, head) for head in found.heads)]
    width = max(block.width for block in blocks) + 2 * _GAP
    sheet = Image.new("RGB", (width, sum(block.height + _GAP for block in blocks) + _GAP), PAPER)
    y = _GAP
    for number, block in enumerate(blocks):
        if number:
            ImageDraw.Draw(sheet).line((_GAP, y - _GAP // 2, width - _GAP, y - _GAP // 2), LINE)
        sheet.paste(block, (_GAP, y))
        y += block.height + _GAP
    return np.array(sheet)


def reason(answer: Answer) -> str:
    """Say in words what the coloured places are.

    Args:
        answer: Whose places.
    """
    if answer.is_dark:
        return f"no place speaks for {answer.about}"
    return f"coloured: what speaks for {answer.about}"


def shown_name(name: str) -> str:
    """Return how a head or a map is called on paper.

    Args:
        name: In the views of an output.
    """
    return name.replace("_", " ")


def spread(places: np.ndarray) -> str:
    """Say between which values the places of a map lie.

    Args:
        places: (S, S).
    """
    low, high = float(places.min()), float(places.max())
    digits = 2 if high - low > _NARROW else 4
    return f"{low:.{digits}f} to {high:.{digits}f}"


def free_attention(found: Explanation) -> dict[str, np.ndarray]:
    """Return the maps of attention that are no head's.

    Args:
        found: Of one face.
    """
    heads = {head.name for head in found.heads}
    return {name: places for name, places in found.attention.items() if name not in heads}


def _decision(found: Explanation) -> Image.Image:
    answer, left = found.decision, 2 * (_FACE + _GAP)
    classes = len(answer.probabilities)
    block = _block(left + _NAMES + _BAR + _SHARE, max(_FACE, 62 + classes * 19 + 24))
    block.paste(Image.fromarray(enlarged(found.crop, _FACE)), (0, 0))
    block.paste(Image.fromarray(overlay(found.crop, answer.places, _FACE)), (_FACE + _GAP, 0))
    draw = ImageDraw.Draw(block)
    draw.text((left, -2), _said(answer), INK, _font(_TITLE))
    draw.text((left, 27), reason(answer), MUTED, _font(_TEXT))
    _draw_bars(draw, answer, (left, 52), 19)
    _draw_scale(block, (left, 52 + classes * 19 + 8))
    return block


def _head(found: Explanation, head: Answer) -> Image.Image:
    """Its name and answer, its pictures to the right of that, flush with the bars."""
    left, top = 2 * (_FACE + _GAP), 20
    block = _block(left + _NAMES + _BAR + _SHARE, max(_SMALL + top, 16 * len(head.probabilities)))
    draw = ImageDraw.Draw(block)
    draw.text((0, 0), shown_name(head.name), INK, _font(_TITLE - 3))
    draw.text((0, 26), _said(head), INK, _font(_TEXT))
    if head.expression != found.decision.expression:
        draw.text((0, 44), DIFFERS, MUTED, _font(_TEXT))
    word = "evidence" if head.about == head.expression else f"evidence for {head.about}"
    pictures = {word: overlay(found.crop, head.places, _SMALL)}
    if head.name in found.attention:
        places = found.attention[head.name]
        pictures[f"attention {spread(places)}"] = overlay(found.crop, stretched(places), _SMALL)
    x = left - len(pictures) * (_SMALL + _GAP)
    for word, picture in reversed(pictures.items()):
        draw.text((x, 0), word, MUTED, _font(_TEXT - 1))
        block.paste(Image.fromarray(picture), (x, top))
        x += _SMALL + _GAP
    _draw_bars(draw, head, (left, top - 4), 16)
    return block


def _attention_rows(found: Explanation) -> list[Image.Image]:
    """Maps of attention that are no head's, four in a row."""
    free, rows = list(free_attention(found).items()), []
    for start in range(0, len(free), 4):
        shown = free[start : start + 4]
        block = _block(len(shown) * (_SMALL + _GAP), _SMALL + 38)
        draw = ImageDraw.Draw(block)
        for x, (name, places) in zip(range(0, block.width, _SMALL + _GAP), shown, strict=True):
            draw.text((x, 0), f"attention {shown_name(name)}"[:22], INK, _font(_TEXT))
            block.paste(Image.fromarray(overlay(found.crop, stretched(places), _SMALL)), (x, 20))
            draw.text((x, _SMALL + 22), spread(places), MUTED, _font(_TEXT - 1))
        rows.append(block)
    return rows


def _draw_bars(draw: ImageDraw.ImageDraw, answer: Answer, corner: tuple[int, int], step: int) -> None:
    names = list(answer.probabilities)
    x, y = corner
    for name, colour in zip(names, class_colours(names), strict=True):
        share, is_answer = answer.probabilities[name], name == answer.expression
        draw.text((x, y), name, INK if is_answer else MUTED, _font(_TEXT))
        start, top = x + _NAMES, y + 3
        draw.rectangle((start, top, start + _BAR, top + step - 8), LINE)
        if share * _BAR >= 1:
            draw.rectangle((start, top, start + round(share * _BAR), top + step - 8), colour)
        draw.text((start + _BAR + 6, y), f"{share:.0%}", INK if is_answer else MUTED, _font(_TEXT))
        y += step


def _draw_scale(block: Image.Image, corner: tuple[int, int]) -> None:
    """A strip from no evidence to the most."""
    x, y = corner
    draw = ImageDraw.Draw(block)
    draw.text((x, y), "nothing", MUTED, _font(_TEXT - 1))
    grey = np.full((1, 1, 3), 150, np.uint8).repeat(12, 0).repeat(_BAR, 1)
    heat = np.linspace(0, 1, _BAR, dtype=np.float32)[None].repeat(12, 0)
    strip = heat[..., None] * heat_colours(heat) + (1 - heat[..., None]) * grey
    block.paste(Image.fromarray(strip.astype(np.uint8)), (x + _NAMES, y + 3))
    draw.text((x + _NAMES + _BAR + 6, y), "most", MUTED, _font(_TEXT - 1))


def _block(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), PAPER)


def _said(answer: Answer) -> str:
    return f"{answer.expression} {answer.confidence:.0%}"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
