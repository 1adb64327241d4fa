"""Writes docs/transcript.html and docs/transcript.png: ``python -m transcript --out ../docs``."""

import argparse
import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from transcript.page import page
from transcript.picture import picture_of
from transcript.script import play


def _note(what: str) -> None:
    sys.stderr.write(f"transcript: {what}\n")


def main() -> int:
    """Play the day and write it down."""
    parser = argparse.ArgumentParser(description="Play a day's use with the real bot, as a page and a picture.")
    parser.add_argument("--out", type=Path, required=True, help="folder for transcript.html and transcript.png")
    parser.add_argument("--html-only", action="store_true", help="no picture: needs no browser")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="teltubby-transcript-") as folder:
        chapters = asyncio.run(play(Path(folder), _note))
    html = options.out / "transcript.html"
    html.write_text(page(chapters), "utf-8")
    if not options.html_only:
        picture_of(html, options.out / "transcript.png")
    _note(f"written to {html}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
