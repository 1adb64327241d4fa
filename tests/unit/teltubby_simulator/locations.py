"""Where a file is, for tests that ask for it without having read a message."""

from telethon.tl import types

from teltubby_simulator.access_hashes import access_hash
from teltubby_simulator.model import StoredFile
from teltubby_simulator.world import World


def document_location(world: World, file: StoredFile) -> types.InputDocumentFileLocation:
    """Return a document's location as the world's only bot gets it."""
    (account,) = world.bots.values()
    bot = account.user
    return types.InputDocumentFileLocation(
        file.id, access_hash(bot, file), world.issue_file_reference(file, bot), thumb_size=""
    )
