"""Real encoded files, made on the spot: each opens in any player or viewer."""

import array
import io
import math
from fractions import Fraction

import av
from PIL import Image, ImageDraw

_RATE = 48_000  # samples a second; what Opus works in
_FPS = 25
_BLOCK = 960  # samples of one frame: 20 ms, as Opus wants them


def jpeg(width: int, height: int, hue: int) -> bytes:
    """Return a photo of a sun over hills; ``hue`` (0–255) tells one from another."""
    picture = Image.new("HSV", (width, height), (hue, 110, 230))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((width * 0.6, height * 0.1, width * 0.85, height * 0.1 + width * 0.25), fill=(32, 90, 255))
    for step in range(3):
        top = height * (0.5 + 0.15 * step)
        hills = [(x, top + height * 0.06 * math.sin(x / width * 7 + step * 2)) for x in range(0, width + 8, 8)]
        draw.polygon([*hills, (width, height), (0, height)], fill=((hue + 70) % 256, 120, 170 - 45 * step))
    return _saved(picture.convert("RGB"), "JPEG")


def pdf(pages: int) -> bytes:
    """Return a document of ``pages`` pages."""
    sheets = []
    for number in range(1, pages + 1):
        sheet = Image.new("RGB", (595, 842), "white")
        ImageDraw.Draw(sheet).text((60, 60), f"Minutes of the curators, page {number} of {pages}", fill="black")
        sheets.append(sheet)
    out = io.BytesIO()
    sheets[0].save(out, "PDF", save_all=True, append_images=sheets[1:])
    return out.getvalue()


def mp4(seconds: float, width: int = 320, height: int = 180) -> bytes:
    """Return an H.264 video of a ball that crosses the picture."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=_FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        frames = int(seconds * _FPS)
        for number in range(frames):
            picture = Image.new("RGB", (width, height), (24, 40, 72))
            x = width * number / frames
            ImageDraw.Draw(picture).ellipse((x - 20, height / 2 - 20, x + 20, height / 2 + 20), fill="orange")
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))  # type: ignore[no-untyped-call]
        container.mux(stream.encode(None))
    return out.getvalue()


def ogg_voice(seconds: float) -> bytes:
    """Return a voice message's container and codec: Opus in Ogg."""
    return _sound(seconds, "ogg", "libopus", pitch=180.0)


def mp3(seconds: float) -> bytes:
    """Return a piece of music."""
    return _sound(seconds, "mp3", "libmp3lame", pitch=440.0)


def _sound(seconds: float, container_format: str, codec: str, pitch: float) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=_RATE, layout="mono")
        assert isinstance(stream, av.AudioStream), f"{codec} encodes sound"
        for start in range(0, int(seconds * _RATE), _BLOCK):
            frame = av.AudioFrame(format="s16", layout="mono", samples=_BLOCK)
            frame.planes[0].update(_tone(start, pitch))
            frame.sample_rate, frame.pts, frame.time_base = _RATE, start, Fraction(1, _RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def _tone(start: int, pitch: float) -> bytes:
    times = (number / _RATE for number in range(start, start + _BLOCK))
    tremolo = 2 * math.pi * 3
    wave = (math.sin(2 * math.pi * pitch * t) * (0.6 + 0.4 * math.sin(tremolo * t)) for t in times)
    return array.array("h", (int(value * 12_000) for value in wave)).tobytes()


def _saved(picture: Image.Image, image_format: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, image_format, quality=88)
    return out.getvalue()
