"""Telegram's MarkdownV2: plain text and entities of a markup (core.telegram.org/bots/api#markdownv2-style).

Source of the sentences: tdlib/td, td/telegram/MessageEntity.cpp, parse_markdown_v2.
"""

from dataclasses import dataclass, field

from teltubby_simulator.botapi.errors import ApiError
from teltubby_simulator.botapi.html import unparsable
from teltubby_simulator.botapi.links import LinkError, check_link
from teltubby_simulator.entities import Entity, utf16_length

_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
_MARKS = ("```", "__", "||", "![", "*", "_", "~", "`", "[")  # longer ones first
_KINDS = {
    "*": "bold",
    "_": "italic",
    "__": "underline",
    "~": "strikethrough",
    "||": "spoiler",
    "`": "code",
    "```": "pre",
    "[": "text_link",
    "![": "custom_emoji",
}
_NAMES = {
    "bold": "Bold",
    "italic": "Italic",
    "underline": "Underline",
    "strikethrough": "Strikethrough",
    "spoiler": "Spoiler",
    "code": "Code",
    "pre": "Pre",
    "text_link": "TextUrl",
    "custom_emoji": "CustomEmoji",
}


def parse_markdown(markup: str) -> tuple[str, list[Entity]]:
    """Return plain text and entities. Raises ApiError for markup that Telegram does not take."""
    reader = _Reader(markup)
    while reader.position < len(markup):
        reader.step()
    return reader.finish()


@dataclass(frozen=True)
class _Open:
    mark: str
    offset: int
    begin: int  # position in the text
    at: int  # byte offset in the markup
    language: str = ""

    @property
    def kind(self) -> str:
        return "pre_code" if self.language else _KINDS[self.mark]


@dataclass
class _Reader:
    markup: str
    position: int = 0
    text: str = ""
    entities: list[Entity] = field(default_factory=list)
    unclosed: list[_Open] = field(default_factory=list)
    quote: int | None = None  # where a block quotation began, in UTF-16 units

    def step(self) -> None:
        """Read the next character or mark."""
        char = self.markup[self.position]
        following = self.markup[self.position + 1 : self.position + 2]
        if char == "\\" and following and "\x00" < following < "\x7f":
            self.text += following
            self.position += 2
        elif self._in_code() and char != "`":
            self._take(char)
        elif char == "\n" or (char == ">" and self.text[-1:] in ("", "\n")):
            self._line(char)
        elif char in _RESERVED:
            self._mark(char)
        else:
            self._take(char)

    def finish(self) -> tuple[str, list[Entity]]:
        if self.unclosed:
            raise self._no_end()
        self._end_quote()
        return self.text, self.entities

    def _take(self, char: str) -> None:
        self.text += char
        self.position += 1

    def _in_code(self) -> bool:
        return bool(self.unclosed) and self.unclosed[-1].mark in ("`", "```")

    def _line(self, char: str) -> None:
        if char == ">":
            self.quote = utf16_length(self.text) if self.quote is None else self.quote
            self.position += 1
            return
        if self.quote is not None and self.markup[self.position + 1 : self.position + 2] != ">":
            self._end_quote()
        self._take(char)

    def _end_quote(self) -> None:
        if self.quote is None:
            return
        if self.unclosed:
            raise self._no_end()
        self._add("blockquote", self.quote)
        self.quote = None

    def _mark(self, char: str) -> None:
        if self.unclosed and self._ends():
            self._close(self.unclosed.pop())
            return
        mark = next((each for each in _MARKS if self.markup.startswith(each, self.position)), None)
        if mark is None:
            raise unparsable(f"Character '{char}' is reserved and must be escaped with the preceding '\\'")
        at = len(self.markup[: self.position].encode())
        self.position += len(mark)
        language = self._language() if mark == "```" else ""
        self.unclosed.append(_Open(mark, utf16_length(self.text), len(self.text), at, language))

    def _ends(self) -> bool:
        opened = self.unclosed[-1].mark
        if opened == "_" and self.markup.startswith("__", self.position):
            return False
        return self.markup.startswith("]" if opened in ("[", "![") else opened, self.position)

    def _language(self) -> str:
        line, newline, _ = self.markup[self.position :].partition("\n")
        name = line if newline and "`" not in line and not any(map(str.isspace, line)) else ""
        self.position += len(name) + (1 if newline and line == name else 0)
        return name

    def _close(self, opened: _Open) -> None:
        self.position += 1 if opened.mark in ("[", "![") else len(opened.mark)
        if opened.mark in ("[", "!["):
            self._close_link(opened)
        elif opened.language:
            self._add("pre", opened.offset, language=opened.language)
        else:
            self._add(opened.kind, opened.offset)

    def _close_link(self, opened: _Open) -> None:
        url = self._url()
        if opened.mark == "![":
            if url is None:
                raise unparsable("The entity must contain a tg://emoji or tg://time URL")
            number = url.removeprefix("tg://emoji?id=")
            if number == url or not number.isdecimal():
                raise unparsable("Invalid tg://emoji or tg://time URL specified")
            self._add("custom_emoji", opened.offset, custom_emoji_id=number)
            return
        try:
            self._add("text_link", opened.offset, url=check_link(url or self.text[opened.begin :]))
        except LinkError:
            return  # a link to nowhere is plain text

    def _url(self) -> str | None:
        """Read "(…)" behind a text; None when there is none."""
        if not self.markup.startswith("(", self.position):
            return None
        begin = len(self.markup[: self.position + 1].encode())
        self.position += 1
        url = ""
        while self.position < len(self.markup) and self.markup[self.position] != ")":
            if self.markup[self.position] == "\\":
                self.position += 1
            url += self.markup[self.position : self.position + 1]
            self.position += 1
        if self.position >= len(self.markup):
            raise unparsable(f"Can't find end of a URL at byte offset {begin}")
        self.position += 1
        return url

    def _add(self, kind: str, offset: int, **more: str) -> None:
        length = utf16_length(self.text) - offset
        if length:
            self.entities.append({"type": kind, "offset": offset, "length": length, **more})

    def _no_end(self) -> ApiError:
        opened = self.unclosed[-1]
        name = "PreCode" if opened.language else _NAMES[opened.kind]
        return unparsable(f"Can't find end of {name} entity at byte offset {opened.at}")
