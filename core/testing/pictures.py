"""Calm pictures for the demonstration's pages, drawn here: flat shapes in the house's qing, no words, no photographs."""

import io
import math

from PIL import Image, ImageDraw
from PIL.ImageDraw import ImageDraw as Draw

WIDTH, HEIGHT = 1280, 720
PAPER, MIST, LIGHT, QING, DEEP = "#f1f6f4", "#d3e7e0", "#8fc0b3", "#0b6353", "#073f35"


def draw(name: str) -> bytes:
    """The picture of that name as JPEG, the same bytes each time."""
    image = Image.new("RGB", (WIDTH, HEIGHT), DEEP if name == "moon" else PAPER)
    _SHAPES[name](ImageDraw.Draw(image))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=88)
    return stream.getvalue()


def _hills(pen: Draw) -> None:
    pen.ellipse((860, 110, 1020, 270), fill=MIST)
    for n, (colour, base) in enumerate(((MIST, 420), (LIGHT, 500), (QING, 580), (DEEP, 660))):
        line = [(x, base - 60 * math.sin(x / (180 + 40 * n) + n * 1.7)) for x in range(0, WIDTH + 1, 8)]
        pen.polygon([*line, (WIDTH, HEIGHT), (0, HEIGHT)], fill=colour)


def _circles(pen: Draw) -> None:
    for x, y, r, colour in ((430, 380, 220, LIGHT), (700, 330, 170, QING), (880, 430, 120, DEEP)):
        pen.ellipse((x - r, y - r, x + r, y + r), outline=colour, width=26)


def _steps(pen: Draw) -> None:
    for n, colour in enumerate((MIST, LIGHT, LIGHT, QING, QING, DEEP)):
        left = 250 + n * 135
        pen.rounded_rectangle((left, 520 - n * 65, left + 95, 600), radius=8, fill=colour)
    pen.line((200, 600, 1080, 600), fill=DEEP, width=6)


def _house(pen: Draw) -> None:
    pen.rectangle((0, 560, WIDTH, HEIGHT), fill=MIST)
    pen.rectangle((440, 330, 760, 560), fill=LIGHT)
    pen.polygon([(400, 330), (600, 190), (800, 330)], fill=QING)
    pen.rectangle((565, 430, 635, 560), fill=DEEP)
    pen.rectangle((935, 420, 955, 560), fill=DEEP)
    pen.ellipse((865, 260, 1025, 440), fill=QING)


def _moon(pen: Draw) -> None:
    pen.ellipse((520, 180, 840, 500), fill=PAPER)
    pen.ellipse((590, 150, 890, 450), fill=DEEP)
    for x, y in ((250, 160), (340, 330), (980, 240), (1080, 420), (430, 540)):
        pen.ellipse((x, y, x + 10, y + 10), fill=MIST)
    pen.rectangle((0, 640, WIDTH, HEIGHT), fill=QING)


def _ruler(pen: Draw) -> None:
    pen.rounded_rectangle((180, 300, 1100, 430), radius=12, fill=LIGHT)
    for n in range(19):
        x = 215 + n * 47
        pen.line((x, 300, x, 375 if n % 5 == 0 else 340), fill=DEEP, width=5)


def _window(pen: Draw) -> None:
    pen.rounded_rectangle((400, 130, 880, 590), radius=14, fill=DEEP)
    for x in (425, 652):
        for y, colour in ((155, MIST), (372, LIGHT)):
            pen.rectangle((x, y, x + 203, y + 193), fill=colour)


def _arc(pen: Draw) -> None:
    pen.arc((330, 150, 750, 570), 60, 300, fill=QING, width=34)
    pen.arc((530, 150, 950, 570), 240, 480, fill=DEEP, width=34)


_SHAPES = {
    "hills": _hills,
    "circles": _circles,
    "steps": _steps,
    "house": _house,
    "moon": _moon,
    "ruler": _ruler,
    "window": _window,
    "arc": _arc,
}
