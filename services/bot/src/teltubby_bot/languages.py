"""Which language the bot speaks in a chat: the one that was chosen there, else that of the user's app."""

import logging

from teltubby_core.domain.records import Person
from teltubby_core.errors import InfrastructureError
from teltubby_core.ports import ArchiveIndex

log = logging.getLogger(__name__)


class Languages:
    """Knows everybody's, and keeps it in the index. In a private chat the chat's id is the user's."""

    def __init__(self, index: ArchiveIndex) -> None:
        self._index = index
        self._people: dict[int, Person] = {}

    async def load(self) -> None:
        """Read what is kept; before anything is said."""
        self._people = {person.user_id: person for person in await self._index.people()}

    def of(self, user_id: int) -> str | None:
        """Return the tag of a user's language, None when nothing tells."""
        person = self._people.get(user_id)
        return (person.chosen or person.seen) if person else None

    async def seen(self, user_id: int, tag: str | None) -> None:
        """Note what a user's app speaks. A word for which nobody's message may wait."""
        person = self._people.get(user_id, Person(user_id))
        if tag is None or person.seen == tag:
            return
        self._people[user_id] = changed = Person(user_id, tag, person.chosen)
        try:
            await self._index.note_person(changed)
        except InfrastructureError as error:
            log.warning("the language of user %d is not kept: %s", user_id, error)

    async def choose(self, user_id: int, tag: str | None) -> None:
        """Speak this language with a user from now on; None: that of their app.

        Raises:
            InfrastructureError: it can't be kept.
        """
        person = self._people.get(user_id, Person(user_id))
        changed = Person(user_id, person.seen, tag)
        await self._index.note_person(changed)
        self._people[user_id] = changed
