"""Six clips of different nature, made from integers and exact arithmetic: equal to the byte.

Only +, -, * and comparisons of integers and IEEE doubles, which every machine rounds alike, and
PCG64's raw integers, whose stream numpy does not change; no sine, no resampling library.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench.encoders.clips import FRAMES, HEIGHT, WIDTH

Plane = NDArray[np.uint8]
Frame = tuple[Plane, Plane, Plane]
FPS = 25
_TEXT = (
    "every clip is made again from integers and so is equal to the byte on any machine that "
    "adds, multiplies and compares; a page of words scrolls by steps as a wheel would turn it"
)


def write(name: str, folder: Path) -> Path:
    """Write one of `CLIPS` as y4m, unless it is there."""
    path = folder / f"{name}.y4m"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    # A draft of its own: two sweeps may begin in one folder at once.
    with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{name}.", delete=False) as clip:
        clip.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for planes in CLIPS[name]():
            clip.write(b"FRAME\n")
            for plane in planes:
                clip.write(np.ascontiguousarray(plane).tobytes())
    Path(clip.name).replace(path)
    path.chmod(0o644)
    return path


def pan() -> Iterator[Frame]:
    """A camera that moves over a photograph, by sixteenths of a pixel, and turns once."""
    photo = photograph()
    for i in range(FRAMES):
        right = 16 * 96 - 16 * abs(2 * i - FRAMES) * 96 // FRAMES
        yield ycbcr(_window(photo, 16 * 60 + 27 * i, right))


def grain() -> Iterator[Frame]:
    """A still photograph under film grain that is new in each frame."""
    bits = _bits("grain")
    still = _window(photograph(), 16 * 40, 16 * 80).astype(np.int64)
    for i in range(FRAMES):
        picture = ycbcr(np.clip(still + i % 3 - 1, 0, 255).astype(np.uint8))
        noise = _noise(bits, (HEIGHT + 2, WIDTH + 2))
        # Grains are larger than a pixel.
        smooth = noise[:-2] + 2 * noise[1:-1] + noise[2:]
        smooth = smooth[:, :-2] + 2 * smooth[:, 1:-1] + smooth[:, 2:]
        luma = np.clip(picture[0] + smooth // 5, 16, 235).astype(np.uint8)
        yield luma, picture[1], picture[2]


def screen() -> Iterator[Frame]:
    """A desktop: text that scrolls, lines that are typed, a clock, and a small video."""
    from PIL import Image, ImageDraw, ImageFont

    font, words = ImageFont.load_default_imagefont(), _TEXT.split()
    order = _draw(_bits("screen"), len(words), (1000,))
    page = Image.new("RGB", (240, 1200), (250, 250, 245))
    pen = ImageDraw.Draw(page)
    for line in range(100):
        text = " ".join(words[k] for k in order[8 * line : 8 * line + 6])[:38]
        pen.text((4, 12 * line), text, fill=(20, 20, 20 + 60 * (line % 3)), font=font)
    rolled, photo = np.asarray(page), photograph()
    for i in range(FRAMES):
        desk = Image.new("RGB", (WIDTH, HEIGHT), (40, 60, 90))
        pen = ImageDraw.Draw(desk)
        pen.rectangle((0, 0, WIDTH, 13), fill=(210, 210, 215))
        pen.text((4, 1), "file  edit  view  run", fill=(0, 0, 0), font=font)
        pen.text((270, 1), f"{i // FPS:02d}:{i % FPS:02d}", fill=(160, 0, 0), font=font)
        pen.rectangle((252, 20, 314, 172), fill=(25, 25, 28))
        for row, key in enumerate("abcdefgh"[: i // 8]):
            pen.text((256, 22 + 12 * row), f"{key} = {i * (row + 7) % 97}", (90, 230, 90), font)
        picture = np.array(desk)
        top = 9 * (i // 2)  # by steps, as a wheel scrolls
        picture[20:176, 6:246] = rolled[top : top + 156]
        picture[118:168, 255:311] = photo[60 + 3 * i : 160 + 3 * i : 2, 100 + i : 212 + i : 2]
        yield ycbcr(picture)


def fractal() -> Iterator[Frame]:
    """A zoom into the border of the Mandelbrot set."""
    for i in range(FRAMES):
        width = 3.0
        for _ in range(i):
            width *= 0.957
        steps = _escape(-0.743643887, 0.131825904, width, WIDTH, HEIGHT)
        luma = (16 + steps * 7 % 220).astype(np.uint8)
        small = steps[::2, ::2].astype(np.int64)
        blue = (96 + small * 3 % 64).astype(np.uint8)
        yield luma, blue, (160 - small * 5 % 64).astype(np.uint8)


def cuts() -> Iterator[Frame]:
    """Shots of under a second: hard cuts, fades to black and one shot dissolving into the next."""
    photo = photograph()
    shots = [
        _window(photo, 16 * 150, 16 * 20),
        _checks(),
        _window(photo, 16 * 400, 16 * 180),
        _stripes(),
        _window(photo, 16 * 20, 16 * 150)[:, ::-1],
        _checks()[::-1] // 2,
    ]
    length = FRAMES // len(shots)
    for i in range(FRAMES):
        shot, at = divmod(i, length)
        picture = np.roll(shots[shot], (at, 2 * at), (0, 1)).astype(np.int64)
        left = length - at
        if shot % 3 == 1 and left <= 8:  # to black
            picture = picture * left // 9
        if shot % 3 == 2 and left <= 8:  # into the next
            after = shots[(shot + 1) % len(shots)].astype(np.int64)
            picture = (picture * left + after * (9 - left)) // 9
        yield ycbcr(picture.astype(np.uint8))


def motion() -> Iterator[Frame]:
    """Patches of photograph that fly over a moving ground, up to 19 pixels a frame."""
    photo = photograph()
    bits = _bits("motion")
    ground = np.tile(photo[100:280, :320], (1, 2, 1))
    count = 9
    place = _draw(bits, WIDTH, (count, 2))
    speed = (5 + _draw(bits, 15, (count, 2))) * (1 - 2 * _draw(bits, 2, (count, 2)))
    corner = _draw(bits, 512 - 64, (count, 2))
    for i in range(FRAMES):
        picture = ground[:, 6 * i % WIDTH :][:, :WIDTH].copy()
        for k in range(count):
            x, y = _bounce(place[k] + i * speed[k], np.array([WIDTH - 64, HEIGHT - 64]))
            left, top = corner[k]
            picture[y : y + 64, x : x + 64] = photo[top : top + 64, left : left + 64]
        yield ycbcr(picture)


CLIPS: dict[str, Callable[[], Iterator[Frame]]] = {
    f.__name__: f for f in (pan, grain, screen, fractal, cuts, motion)
}


def photograph() -> NDArray[np.uint8]:
    """The portrait of Grace Hopper that matplotlib brings (public domain), 600 x 512 x 3."""
    from matplotlib import cbook
    from PIL import Image

    with Image.open(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)) as image:
        return np.asarray(image.convert("RGB"))


def ycbcr(rgb: NDArray[np.uint8]) -> Frame:
    """To limited-range Y'CbCr 4:2:0 (ITU-R BT.601), in sixteen-bit fixed point."""
    r, g, b = (rgb[..., i].astype(np.int64) for i in range(3))
    luma = (16829 * r + 33039 * g + 6416 * b + (16 << 16) + (1 << 15)) >> 16
    blue = (-9714 * r - 19070 * g + 28784 * b + (128 << 16) + (1 << 15)) >> 16
    red = (28784 * r - 24103 * g - 4681 * b + (128 << 16) + (1 << 15)) >> 16
    return luma.astype(np.uint8), _halved(blue), _halved(red)


def _halved(plane: NDArray[np.int64]) -> Plane:
    summed = plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]
    return ((summed + 2) >> 2).astype(np.uint8)


def _window(photo: NDArray[np.uint8], top: int, left: int) -> NDArray[np.uint8]:
    """A picture's part of the clip's size whose corner is given in sixteenths of a pixel."""
    (y, dy), (x, dx) = divmod(min(top, 16 * 419), 16), divmod(min(left, 16 * 191), 16)
    part = photo[y : y + HEIGHT + 1, x : x + WIDTH + 1].astype(np.int64)
    rows = part[:-1] * (16 - dy) + part[1:] * dy
    both = rows[:, :-1] * (16 - dx) + rows[:, 1:] * dx
    return ((both + 128) >> 8).astype(np.uint8)


def _checks() -> NDArray[np.uint8]:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = (x // 16 + y // 16) % 2 * 160 + 40
    return np.stack([light, light * 3 // 4, 255 - light], -1).astype(np.uint8)


def _stripes() -> NDArray[np.uint8]:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([(x * 3 + y) % 256, (x + 2 * y) % 256, (x * y // 64) % 256], -1).astype(
        np.uint8
    )


def _bounce(place: NDArray[np.int64], room: NDArray[np.int64]) -> NDArray[np.int64]:
    folded = place % (2 * room)
    return np.where(folded > room, 2 * room - folded, folded)


def _bits(name: str) -> np.random.PCG64:
    return np.random.PCG64(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]))


def _draw(bits: np.random.PCG64, below: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Integers in [0, below), as even as 64 bits allow."""
    raw = np.asarray(bits.random_raw(math.prod(shape)), np.uint64)
    return (raw % np.uint64(below)).astype(np.int64).reshape(shape)


def _noise(bits: np.random.PCG64, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Nearly normal: how many of 64 coins fall heads, around zero; sd 4."""
    coins = np.asarray(bits.random_raw(math.prod(shape)), np.uint64)
    return np.bitwise_count(coins).astype(np.int64).reshape(shape) - 32


@njit(cache=True)
def _escape(x: float, y: float, across: float, width: int, height: int) -> NDArray[np.int64]:
    """Steps after which each point leaves the circle of radius 2; at most 160."""
    found = np.empty((height, width), np.int64)
    step = across / width
    for i in range(height):
        for j in range(width):
            a, b = x + (j - width // 2) * step, y + (i - height // 2) * step
            u, v, count = 0.0, 0.0, 0
            while count < 160 and u * u + v * v <= 4.0:
                u, v = u * u - v * v + a, 2.0 * u * v + b
                count += 1
            found[i, j] = count
    return found
