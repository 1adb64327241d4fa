"""Secrets by their form, and those that are configured in whichever spelling."""

from dataclasses import replace

import pytest
from pydantic import BaseModel, SecretStr

from support import DATE, a_file
from teltubby_core.domain.keys import ItemPlace, filename, slugify
from teltubby_core.logs import redact, secrets_of
from teltubby_core.redaction import Redactor

TOKEN = "123456789:AAE-abc_def" + "Z" * 25
PRESIGNED = (
    "http://minio:9000/bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20250301%2Fus-east-1&"
    "X-Amz-Date=20250301T000000Z&X-Amz-Security-Token=FQoG&X-Amz-Signature=5d672d79c15b13162d9279b0855cfba6"
)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"https://api.telegram.org/bot{TOKEN}/getMe", "AAE-abc"),
        (f"bot{TOKEN.replace(':', '%3A')}", "AAE-abc"),
        (f"bot{TOKEN.replace(':', '%3a')}", "AAE-abc"),
        (f"bot{TOKEN.replace(':', '%253A')}", "AAE-abc"),
        ("amqp://teltubby:hunter2@rabbit:5672/%2F", "hunter2"),
        ("amqps://teltubby:hunter2@rabbit", "hunter2"),
        ("https://deploykey@host/x", "deploykey"),
        ("('http://a:b%40c@host:80',)", "b%40c"),
        (PRESIGNED, "5d672d79"),
        (PRESIGNED, "AKIA"),
        (PRESIGNED, "FQoG"),
        ("GET /?AWSAccessKeyId=AKIAX&Signature=abc%3D&Expires=1", "AKIAX"),
        ("GET /?AWSAccessKeyId=AKIAX&Signature=abc%3D&Expires=1", "abc%3D"),
        ("Authorization: AWS4-HMAC-SHA256 Credential=AKIA/x, SignedHeaders=host, Signature=fe5f80", "fe5f80"),
        ("{'Authorization': 'Bearer abcdef'}", "abcdef"),
        ("{'Authorization': b'Basic dXNlcjpwYXNz'}", "dXNlcjpw"),
        ('{"authorization": "Basic dXNlcjpwYXNz"}', "dXNlcjpw"),
        ('"{\\"Authorization\\": \\"Basic dXNlcjpwYXNz\\"}"', "dXNlcjpw"),
        ("X-Telegram-Bot-Api-Secret-Token: webhooksecret", "webhooksecret"),
        ("setWebhook?url=x&secret_token=webhooksecret", "webhooksecret"),
        ("RABBITMQ_PASSWORD=hunter2 python -m teltubby_bot", "hunter2"),
        ("connect(password=hunter2)", "hunter2"),
        ("SignInRequest(phone_number='+491701234567', phone_code='48213')", "491701234567"),
        ("SignInRequest(phone_number='+491701234567', phone_code='48213')", "48213"),
        ('sign_in(password="correct horse")', "horse"),
        ("u7: /mtpass correct horse", "horse"),
        ("u7: /MtPass@archive_bot correct horse", "horse"),
        ("u7: /mtcode48213", "48213"),
        ("u7: /mtcode-4-8-2-1-3", "4-8-2-1-3"),
        ('{"text": "/mtpass say \\"friend\\" and enter", "x": 1}', "enter"),
        ("tg://login?token=AQJ7cGxlYXNl_-x", "AQJ7"),
    ],
)
def test_a_secret_is_known_by_its_form(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "12:30:45",
        "1:2",
        "teltubby/2025/03/ada/7",
        "sha256:" + "ab" * 32,
        "http://minio:9000/bucket/key?versionId=3",
        "https://core.telegram.org/bots/api#getupdates and me@example.org",
        "host:5672 refuses user guest",
        "TELEGRAM_BOT_TOKEN: Telegram refuses it (401 Unauthorized)",
        "RABBITMQ_PASSWORD: missing (that user's password)",
        "a password is asked for",
        '{"text": "/mtpass", "x": 1}',
        "/mtpass …",
        "/mtstatus cancel",
        "signature of the upload differs",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_what_stands_around_a_secret_stays() -> None:
    assert redact("can't reach amqp://u:p@rabbit:5672/%2F: refused") == (
        "can't reach amqp://<credentials>@rabbit:5672/%2F: refused"
    )
    assert "X-Amz-Date=20250301T000000Z" in redact(PRESIGNED)


@pytest.mark.parametrize(
    ("secret", "text", "hidden"),
    [
        ("longer-secret", "xlonger-secretx", "x<secret>x"),
        ("a/b+c=d e&long", "a%2Fb%2Bc%3Dd%20e%26long", "<secret>"),
        ("a/b+c=d e&long", "a%2Fb%2Bc%3Dd+e%26long", "<secret>"),
        ("quo\"te's", '"quo\\"te\'s"', '"<secret>"'),
        ("new\nline-secret", "'new\\nline-secret'", "'<secret>'"),
        ("ümläut-long", '"\\u00fcml\\u00e4ut-long"', '"<secret>"'),
        ("short", "is short, short. shorter ashort", "is <secret>, <secret>. shorter ashort"),
        ("(.*)+long", "x (.*)+long y", "x <secret> y"),
        ("abc", "abc", "abc"),  # too short: it would hide half of every text
        ("guest", "user guest", "user guest"),  # everybody knows it
        ("", "x", "x"),
    ],
)
def test_a_configured_secret_is_hidden_however_it_is_spelt(secret: str, text: str, hidden: str) -> None:
    assert Redactor([secret])(text) == hidden


def test_of_two_secrets_the_longer_one_goes_first() -> None:
    assert Redactor(["hunter22", "hunter22-and-more"])("hunter22-and-more hunter22") == "<secret> <secret>"


@pytest.mark.parametrize(
    ("caption", "ext"),
    [
        ("Our holiday at the sea", "jpg"),
        ("v1.2 _under_ m5_001 x", "mp4"),
        ("no extension here", "tar.gz"),
        ("2025 03 001 numbers", "webm"),
    ],
)
@pytest.mark.parametrize("group", [None, "13371"])
def test_an_objects_name_is_shown_without_the_words_of_its_caption(caption: str, ext: str, group: str | None) -> None:
    place = ItemPlace(DATE, "ada", "ada_l", 7, group, caption)
    plain = filename(replace(place, caption=None), a_file(original=f"x.{ext}"), 1)
    named = filename(place, a_file(original=f"x.{ext}"), 1)
    assert slugify(caption.rsplit(maxsplit=1)[-1]) in named
    shown = redact(f"stored 'teltubby/2025/03/ada/7/{named}', 5 bytes")
    stem = plain.removesuffix(f".{ext}")
    assert shown == f"stored 'teltubby/2025/03/ada/7/{stem}_….{ext.rpartition('.')[2]}', 5 bytes"
    assert redact(plain) == plain


def test_settings_tell_their_secrets() -> None:
    class Settings(BaseModel):
        token: SecretStr = SecretStr("t0ken")
        keys: SecretStr | None = SecretStr("key-one, key-two")
        absent: SecretStr | None = None
        name: str = "public"

    assert set(secrets_of(Settings())) == {"t0ken", "key-one, key-two", "key-one", "key-two"}
