"""A page as a picture, by a headless Chromium."""

import os
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageChops

from testbed.packages import ensure

_WIDTH, _HEIGHT = 1320, 6000  # pixels; what stays empty below the page is cut off
_SECONDS = 120
_COLORS = 96


def picture_of(page: Path, target: Path) -> None:
    """Write a PNG of an HTML page.

    Raises:
        TestbedError: there is no Chromium, and it can't be installed.
    """
    for package in ("chromium", "fonts-noto-color-emoji"):
        ensure(package)
    with tempfile.TemporaryDirectory(prefix="transcript-") as folder:
        shot = Path(folder) / "shot.png"
        subprocess.run(
            [
                "chromium",
                "--headless=new",
                *(["--no-sandbox"] if os.geteuid() == 0 else []),
                "--disable-gpu",
                "--hide-scrollbars",
                f"--user-data-dir={folder}/profile",
                f"--window-size={_WIDTH},{_HEIGHT}",
                f"--screenshot={shot}",
                page.resolve().as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=_SECONDS,
        )
        _cut(Image.open(shot).convert("RGB")).quantize(_COLORS).save(target, optimize=True)


def _cut(image: Image.Image) -> Image.Image:
    """Cut off the rows below that show nothing but the background."""
    background = Image.new("RGB", image.size, image.getpixel((2, image.height - 2)))
    box = ImageChops.difference(image, background).getbbox()
    return image.crop((0, 0, image.width, min((box[3] if box else image.height) + 28, image.height)))
