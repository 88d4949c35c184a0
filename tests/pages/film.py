"""A picture as a film for Chromium's fake camera: raw video that repeats for ever."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 640, 480
FRAMES = 5


def film_of(picture: Path, film: Path) -> Path:
    """Write `film` (YUV4MPEG2, 4:2:0): the picture on a grey desk, seen slightly askew, as by a hand."""
    desk = Image.new("RGB", (WIDTH, HEIGHT), "#b9b2a6")
    code = Image.open(picture).convert("RGB")
    code.thumbnail((400, 400), Image.Resampling.LANCZOS)
    turned = code.convert("RGBA").rotate(3, Image.Resampling.BICUBIC, expand=True)
    desk.paste(turned, ((WIDTH - turned.width) // 2, (HEIGHT - turned.height) // 2), turned)
    y, cb, cr = desk.convert("YCbCr").split()
    half = (WIDTH // 2, HEIGHT // 2)
    frame = y.tobytes() + cb.resize(half).tobytes() + cr.resize(half).tobytes()
    with film.open("wb") as out:
        out.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F30:1 Ip A1:1 C420\n".encode())
        for _ in range(FRAMES):
            out.write(b"FRAME\n" + frame)
    return film
