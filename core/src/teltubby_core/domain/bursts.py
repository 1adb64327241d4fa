"""When messages share one living reply: Telegram allows a bot about one message or edit a second in a chat."""

SECONDS = 10.0
"""Over so many seconds messages of a chat are counted; after as much silence the next one has a reply of its own."""
MESSAGES = 5
"""So many of them have replies of their own; those beyond share one."""
MOST = 100
"""Messages in one shared reply; then the next is begun."""
