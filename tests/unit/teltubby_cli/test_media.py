"""The demo's files are really encoded: other people's decoders read them."""

import io

import av
import pytest
from PIL import Image

from teltubby_cli.demo import media


def test_jpeg_is_a_photo_of_the_asked_size():
    with Image.open(io.BytesIO(media.jpeg(320, 200, 90))) as picture:
        assert (picture.format, picture.size) == ("JPEG", (320, 200))


def test_hues_make_different_photos():
    assert media.jpeg(90, 60, 10) != media.jpeg(90, 60, 120)


def test_pdf_has_its_pages():
    document = media.pdf(3)
    assert document.startswith(b"%PDF-")
    assert document.count(b"/Type /Page\n") == 3


@pytest.mark.parametrize(
    ("payload", "container_format", "codec"),
    [(media.ogg_voice(0.5), "ogg", "opus"), (media.mp3(0.5), "mp3", "mp3"), (media.mp4(0.5), "mp4", "h264")],
    ids=["voice", "music", "video"],
)
def test_sound_and_video_decode(payload: bytes, container_format: str, codec: str):
    with av.open(io.BytesIO(payload), "r") as container:
        assert container_format in container.format.name
        (stream,) = container.streams
        assert codec in stream.codec_context.name
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(0.5, abs=0.1)
        assert len(list(container.decode(stream))) > 5
