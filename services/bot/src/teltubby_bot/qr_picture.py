"""A link as a QR picture."""

import io

import segno


def png_of(link: str) -> bytes:
    """Return it in PNG, large enough for a phone that looks at a screen, with the quiet zone that readers need."""
    picture = io.BytesIO()
    segno.make(link, error="m", micro=False).save(picture, kind="png", scale=8, border=4)
    return picture.getvalue()
