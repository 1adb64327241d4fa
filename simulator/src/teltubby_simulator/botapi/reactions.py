"""The reactions that a bot may set (core.telegram.org/bots/api#reactiontypeemoji)."""

MAX_REACTIONS = 11  # different ones that a chat shows under a message
MAX_OWN_REACTIONS = 1  # that a bot, being no premium account, may set on one message

# fmt: off
ALLOWED_REACTIONS = frozenset({
    "👍", "👎", "❤", "🔥", "🥰", "👏", "😁", "🤔", "🤯", "😱", "🤬", "😢",
    "🎉", "🤩", "🤮", "💩", "🙏", "👌", "🕊", "🤡", "🥱", "🥴", "😍", "🐳",
    "❤‍🔥", "🌚", "🌭", "💯", "🤣", "⚡", "🍌", "🏆", "💔", "🤨", "😐", "🍓",
    "🍾", "💋", "🖕", "😈", "😴", "😭", "🤓", "👻", "👨‍💻", "👀", "🎃", "🙈",
    "😇", "😨", "🤝", "✍", "🤗", "🫡", "🎅", "🎄", "☃", "💅", "🤪", "🗿",
    "🆒", "💘", "🙉", "🦄", "😘", "💊", "🙊", "😎", "👾", "🤷‍♂", "🤷", "🤷‍♀",
    "😡",
})
# fmt: on


def is_allowed(emoji: str) -> bool:
    """Tell whether Telegram takes an emoji, with or without variation selectors."""
    return emoji.replace("\ufe0f", "") in ALLOWED_REACTIONS
