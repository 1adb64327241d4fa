"""What Telegram says about MTProto and the methods behind it, as far as clients without ill will can show it.

What no well-behaved client sends (wrong sequence numbers, damaged padding, malformed containers) is in the unit tests.
"""

from conformance.rules import Rule

_DC = "core.telegram.org/api/datacenter"
_FILES = "core.telegram.org/api/files#downloading-files"
_ERRORS = "core.telegram.org/api/errors"
_METHOD = "core.telegram.org/method/"
_MTPROTO = "core.telegram.org/mtproto/"

RULES: tuple[Rule, ...] = (
    # Below the calls
    Rule(
        "mtproto.transports",
        "TCP carries abridged, intermediate, padded intermediate and full packets, plain or obfuscated; nothing else.",
        _MTPROTO + "mtproto-transports",
    ),
    Rule(
        "mtproto.transport-flood",
        "Who opens too many connections gets transport error 429 and is disconnected; afterwards all is well again.",
        _MTPROTO + "mtproto-transports#transport-errors",
    ),
    Rule(
        "mtproto.server-key",
        "A server is believed only if the client knows the RSA key with the fingerprint it offers.",
        _MTPROTO + "auth_key",
    ),
    Rule(
        "mtproto.keys-per-dc",
        "An authorization key belongs to the data centre it was made with; elsewhere it is unknown: error 404.",
        _DC + "#file-access",
    ),
    Rule(
        "mtproto.salt",
        "A message with a salt that is not, or no longer, good is refused with bad_server_salt and the right one.",
        _MTPROTO + "service_messages_about_messages#notice-of-ignored-error-message",
    ),
    Rule(
        "mtproto.clock",
        "A message id may lie 300 s behind and 30 s ahead of the server's clock; else bad_msg_notification 16 or 17.",
        _MTPROTO + "description#message-identifier-msg-id",
    ),
    Rule(
        "mtproto.gzip",
        "Requests and answers may be packed; what can't be unpacked is refused.",
        _MTPROTO + "service_messages#packed-object",
    ),
    Rule(
        "mtproto.disconnect",
        "ping_delay_disconnect closes the connection unless the client asks again in time.",
        _MTPROTO + "service_messages#deferred-connection-closure-ping",
    ),
    Rule(
        "mtproto.unknown-methods",
        "Methods that exist are carried out; constructors and methods that do not exist are refused at once.",
        _ERRORS + "#400-bad-request",
    ),
    # Logins and data centres
    Rule(
        "auth.token",
        "A bot logs in with its token; any other one is ACCESS_TOKEN_INVALID.",
        _METHOD + "auth.importBotAuthorization",
    ),
    Rule(
        "auth.api-id",
        "api_id and api_hash belong together and to a registered application; else API_ID_INVALID.",
        _METHOD + "auth.importBotAuthorization",
    ),
    Rule(
        "auth.needed",
        "Methods that need a login answer AUTH_KEY_UNREGISTERED without one.",
        _ERRORS + "#401-unauthorized",
    ),
    Rule(
        "auth.home",
        "A login happens at the account's own data centre; elsewhere the answer is 303 USER_MIGRATE_X.",
        _DC + "#user-migration",
    ),
    Rule(
        "auth.home-queries",
        "An account's data is at its own data centre: queries for it are answered there, elsewhere USER_MIGRATE_X.",
        _DC + "#user-migration",
    ),
    Rule(
        "auth.logout",
        "Logging out ends the login, also where it was carried to.",
        _METHOD + "auth.logOut",
    ),
    Rule(
        "auth.export",
        "A login is exported to another existing data centre; to one's own or an unknown one it is DC_ID_INVALID.",
        _METHOD + "auth.exportAuthorization",
    ),
    Rule(
        "auth.import",
        "What was exported is good once, soon, at that data centre and for that account; else AUTH_BYTES_INVALID or "
        "USER_ID_INVALID.",
        _METHOD + "auth.importAuthorization",
    ),
    Rule(
        "auth.duplicated",
        "A login that sends in parallel over two connections to a data centre's main address is dead everywhere: 406 "
        "AUTH_KEY_DUPLICATED. One after the other is fine, and so are parallel connections to media-only addresses.",
        _ERRORS + "#406-not-acceptable",
    ),
    Rule(
        "auth.flood",
        "Repeated logins and exports earn 420 FLOOD_WAIT_X; after X seconds they are possible again.",
        _ERRORS + "#420-flood; seen in practice: 2,838 s after restarts, 2,061 s for exports",
    ),
    Rule(
        "config.addresses",
        "help.getConfig names every data centre with its main and its media-only address; no other one exists.",
        _METHOD + "help.getConfig",
    ),
    Rule(
        "media.connections",
        "About eight connections of an account to a data centre's media address are borne, further ones are closed.",
        "github.com/iyear/tdl/issues/249",
    ),
    # Messages
    Rule(
        "messages.ids",
        "Messages are asked for by their ids; none at all are MESSAGE_IDS_EMPTY.",
        _METHOD + "channels.getMessages",
    ),
    Rule(
        "messages.own",
        "An account gets its own messages; others' and deleted ones are messageEmpty.",
        _METHOD + "messages.getMessages",
    ),
    Rule(
        "messages.channels",
        "Members read a channel's messages; others get CHANNEL_PRIVATE, and for no channel CHANNEL_INVALID.",
        _METHOD + "channels.getMessages",
    ),
    Rule(
        "messages.media",
        "Photos and documents of every kind can be downloaded; places, contacts, polls and dice have nothing to.",
        "core.telegram.org/type/MessageMedia",
    ),
    Rule(
        "messages.origins",
        "A forwarded message names its origin: user, chat or channel post; of who hides only the name.",
        "core.telegram.org/constructor/messageFwdHeader",
    ),
    Rule(
        "users.access-hash",
        "A user is addressed with the access_hash, which a bot may leave at 0 for those it has met; else it gets none.",
        "core.telegram.org/api/peers; Telethon, client/users.py",
    ),
    Rule(
        "channels.access-hash",
        "A channel is addressed with its access_hash, which a bot may leave at 0; a wrong one is CHANNEL_INVALID.",
        "core.telegram.org/api/peers; Telethon, client/users.py",
    ),
    # Files
    Rule("file.offset", "offset is divisible by 4 KiB; else OFFSET_INVALID.", _FILES),
    Rule("file.limit", "limit is divisible by 4 KiB and 1 MiB by limit; else LIMIT_INVALID.", _FILES),
    Rule(
        "file.precise",
        "With precise, offset and limit are divisible by 1 KiB and limit is at most 1 MiB.",
        _FILES,
    ),
    Rule("file.block", "A part lies within one 1 MiB block counted from the file's beginning.", _FILES),
    Rule("file.id", "A file that does not exist is FILE_ID_INVALID.", _FILES),
    Rule(
        "file.access-hash",
        "A file is addressed with its access_hash; with another one it is LOCATION_INVALID.",
        _METHOD + "upload.getFile",
    ),
    Rule(
        "file.sizes",
        "A photo's sizes and a document's thumbnails are addressed by their letters; others are LOCATION_INVALID.",
        _FILES,
    ),
    Rule(
        "file.reference",
        "A file is fetched with the reference from its message, photos too: an old one is FILE_REFERENCE_EXPIRED, "
        "a foreign one _INVALID, none _EMPTY.",
        "core.telegram.org/api/file-references",
    ),
    Rule(
        "file.migrate",
        "A file is fetched from the data centre where it is, also when it moves meanwhile; elsewhere FILE_MIGRATE_X.",
        _DC + "#file-access",
    ),
    Rule(
        "file.flood",
        "FLOOD_WAIT_X and FLOOD_PREMIUM_WAIT_X (420): the same part is given after X seconds.",
        _FILES,
    ),
    Rule(
        "file.hashes",
        "upload.getFileHashes tells SHA-256 of a file's parts to who may fetch the file.",
        "core.telegram.org/api/files#verifying-downloaded-chunks",
    ),
    Rule(
        "file.cdn",
        "Bots get files from the data centres themselves; methods of CDNs are not for them.",
        "core.telegram.org/cdn; tl.telethon.dev/methods/upload/get_cdn_file.html",
    ),
)
