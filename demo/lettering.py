"""Lettering: speech bubbles whose words fit, captions and sound effects.

The font is the one that Pillow carries, so nothing is looked up on the machine.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from demo.ink import SUPERSAMPLING, Pen, curve, ellipse, rectangle, shifted
from demo.palette import BLACK, WHITE, Color

LINES = (
    "Did you hear that?", "Wait for me!", "I almost missed the last train.", "Look up.", "It was never about the cake.",
    "You again?!", "Hmm...", "We should go before it rains.", "That is not what the map says.", "Best day ever!",
    "Shh. Someone is coming.", "I drew this for you.", "No way.", "Then let us find out.", "Are you hungry?",
    "I can hear the sea from here.", "Give it back!", "Sorry, I overslept...", "Tomorrow, same place.", "Run!",
    "It changed colour!", "Promise me.", "Who left the window open?", "I knew it.", "Happy birthday!",
    "This is where it began.", "You are late.", "Is it... alive?", "Trust me on this.", "One more time!",
    "So that is your secret.", "Ha ha ha!", "Where did everybody go?", "I had a strange dream.", "Don't look down.",
)  # fmt: skip
EFFECTS = ("THUD", "SWOOSH", "BEEP", "CRASH", "TAP TAP", "RUMBLE", "DING", "FLASH", "CREAK", "BA-DUM")
CAPTIONS = (
    "The next morning",
    "Meanwhile...",
    "Three days earlier",
    "That night",
    "On the other side of town",
    "Later",
)


@dataclass(frozen=True)
class Words:
    """Lettering ready to be placed: coverage (H, W) uint8 in pixels of the enlarged picture."""

    coverage: np.ndarray

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in final pixels."""
        return self.coverage.shape[1] / SUPERSAMPLING, self.coverage.shape[0] / SUPERSAMPLING


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType, so it has no scalable font; install Pillow's own wheel")
    return font


def set_words(text: str, *, size_px: float, bold: float = 0.05, tracking: float = 0.05) -> Words:
    """Sets lines of text, centred; `bold` thickens and `tracking` spaces the letters, both as shares of the size."""
    size = round(size_px * SUPERSAMPLING)
    font, stroke = _font(size), max(0, round(bold * size))
    lines = text.split("\n")
    steps = [[font.getlength(letter) + tracking * size for letter in line] for line in lines]
    widths = [sum(step) for step in steps]
    leading = 1.2 * size
    image = Image.new("L", (round(max(widths)) + 2 * stroke + 2, round(leading * len(lines)) + 2 * stroke + 2))
    draw = ImageDraw.Draw(image)
    for index, line in enumerate(lines):
        x = (image.width - widths[index] + tracking * size) / 2
        y = stroke + (index + 0.5) * leading + 0.34 * size
        for letter, step in zip(line, steps[index], strict=True):
            draw.text((x, y), letter, fill=255, font=font, stroke_width=stroke, anchor="ls")
            x += step
    return Words(np.asarray(image))


def wrapped(text: str, *, letters: int) -> str:
    """The text in lines of about so many letters, broken between words."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > letters:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def print_words(pen: Pen, words: Words, x: float, y: float, *, color: Color = BLACK) -> None:
    """Prints words with their middle at (x, y) of the pen's frame; what runs over the picture's edge is lost."""
    center = pen.to_pixels([(x, y)])[0]
    height, width = words.coverage.shape
    left, top = round(center[0] - width / 2), round(center[1] - height / 2)
    rows = slice(max(top, 0), min(top + height, pen.pixels.shape[0]))
    columns = slice(max(left, 0), min(left + width, pen.pixels.shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    seen = words.coverage[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    alpha = seen[..., None].astype(np.float32) / 255
    region = pen.pixels[rows, columns]
    region[:] = np.round(region + (np.array(color, dtype=np.float32) - region) * alpha).astype(np.uint8)


@dataclass(frozen=True)
class Bubble:
    """A speech bubble that has its words but not yet its place."""

    words: Words
    kind: str  # "speech", "shout" or "thought"

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in final pixels, tail apart."""
        room_x, room_y = {"speech": (1.3, 1.6), "shout": (1.5, 1.9), "thought": (1.42, 1.8)}[self.kind]
        width, height = self.words.size
        return width * room_x + 26, height * room_y + 22


def bubble_of(text: str, *, size_px: float, letters: int = 13) -> Bubble:
    """The bubble for a line: it shouts when the line does, and muses when it trails off."""
    kind = "shout" if text.endswith("!") else "thought" if text.endswith("...") else "speech"
    words = set_words(wrapped(text, letters=letters), size_px=size_px, bold=0.07 if kind == "shout" else 0.04)
    return Bubble(words, kind)


def draw_bubble(pen: Pen, bubble: Bubble, x: float, y: float, *, head: tuple[float, float, float]) -> None:
    """Draws a bubble with its middle at (x, y) and its tail towards the speaker's head: its middle and half height."""
    width, height = bubble.size
    rx, ry = width / 2, height / 2
    toward = np.array([head[0], head[1] + 0.3 * head[2]]) - (x, y)
    distance = float(np.linalg.norm(toward))
    toward = toward / max(distance, 1e-6)
    edge = float(1.0 / np.hypot(toward[0] / rx, toward[1] / ry))
    reach = float(np.clip(distance - edge - 0.95 * head[2], 14.0, 44.0))
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    if bubble.kind == "shout":
        spikes = 18
        angle = np.linspace(0, 2 * np.pi, 2 * spikes, endpoint=False)
        radius = np.where(np.arange(2 * spikes) % 2 == 0, 1.14, 0.92)
        outline = np.stack([x + rx * radius * np.cos(angle), y + ry * radius * np.sin(angle)], axis=1)
    elif bubble.kind == "thought":
        radius = 1 + 0.045 * np.abs(np.sin(5 * angle)) * 2
        outline = np.stack([x + rx * radius * np.cos(angle) * 0.95, y + ry * radius * np.sin(angle) * 0.95], axis=1)
    else:
        # A superellipse leaves more room for words than an ellipse.
        power = 0.82
        outline = np.stack(
            [x + rx * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power,
             y + ry * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power], axis=1)  # fmt: skip
    has_tail = distance > edge + 14.0
    if bubble.kind == "thought":
        pen.shape(outline, WHITE)
        if has_tail:
            for share, radius_px in ((0.35, 8.0), (0.8, 5.0)):
                at = (x, y) + toward * (edge + share * reach + 4)
                pen.shape(shifted(ellipse(0, 0, radius_px, radius_px), *at), WHITE)
    else:
        across = np.array([-toward[1], toward[0]]) * min(rx, ry) * 0.3
        root, tip = (x, y) + toward * edge * 0.8, (x, y) + toward * (edge + reach)
        tail = np.concatenate([curve([root + across, (root + tip) / 2 + 0.3 * across, tip]), [root - across]])
        if has_tail:
            pen.stroke(tail, closed=True, width=2.0)
        pen.stroke(outline, closed=True, width=2.0)
        if has_tail:
            pen.fill(tail, WHITE)
        pen.fill(outline, WHITE)
    print_words(pen, bubble.words, x, y)


def draw_caption(pen: Pen, text: str, x: float, y: float, *, size_px: float, ground: Color = (255, 248, 214)) -> None:
    """A narrator's box with its top left corner at (x, y)."""
    words = set_words(text, size_px=size_px)
    width, height = words.size
    pen.shape(rectangle(x, y, width + 28, height + 20), ground)
    print_words(pen, words, x + width / 2 + 14, y + height / 2 + 10)


def draw_effect(pen: Pen, text: str, x: float, y: float, *, size_px: float, color: Color, rim: Color = WHITE) -> None:
    """A sound effect in fat letters with a rim and an ink edge."""
    for bold, layer in ((0.22, pen.ink), (0.17, rim), (0.07, color)):
        print_words(pen, set_words(text, size_px=size_px, bold=bold, tracking=0.16), x, y, color=layer)
