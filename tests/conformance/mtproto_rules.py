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
    # People who log in
    Rule(
        "login.phone",
        "A code is sent to a number in international form, unless its owner is banned: PHONE_NUMBER_INVALID, "
        "PHONE_NUMBER_BANNED.",
        _METHOD + "auth.sendCode",
    ),
    Rule(
        "login.home",
        "A person logs in at the account's own data centre; elsewhere the answer is 303 PHONE_MIGRATE_X.",
        _DC + "#user-migration",
    ),
    Rule(
        "login.flood",
        "Codes asked for too often earn 420 FLOOD_WAIT_X; after X seconds they are sent again.",
        _ERRORS + "#420-flood",
    ),
    Rule(
        "login.code",
        "Who gives the code that was sent is logged in; another one is PHONE_CODE_INVALID, none PHONE_CODE_EMPTY.",
        _METHOD + "auth.signIn",
    ),
    Rule(
        "login.code-once",
        "A code is good once and for a short time, until it is cancelled or a newer one sent, and with its hash; else "
        "PHONE_CODE_EXPIRED.",
        _METHOD + "auth.signIn",
    ),
    Rule(
        "login.code-passed-on",
        "A code that its owner sends to any chat as it is ends: PHONE_CODE_EXPIRED. With anything in between it stays.",
        "seen in practice: github.com/LonamiWebs/Telethon/issues/97, github.com/danog/MadelineProto/issues/114",
    ),
    Rule(
        "login.resend",
        "A code is sent again by SMS, as long as there is a way left: SEND_CODE_UNAVAILABLE.",
        _METHOD + "auth.resendCode",
    ),
    Rule(
        "login.sign-up",
        "A number that nobody has gets a code too; who gives it is asked to sign up instead of being logged in.",
        "core.telegram.org/api/auth",
    ),
    Rule(
        "login.password",
        "Who has a password owes it after the code: SESSION_PASSWORD_NEEDED; a wrong one is PASSWORD_HASH_INVALID.",
        "core.telegram.org/api/srp",
    ),
    Rule(
        "login.password-exchange",
        "A password is proved in the exchange that account.getPassword began last, once: SRP_ID_INVALID, and "
        "SRP_PASSWORD_CHANGED if it has changed meanwhile.",
        _METHOD + "auth.checkPassword",
    ),
    Rule(
        "login.password-order",
        "The password is asked only from who has passed the code; anybody else is told AUTH_KEY_UNREGISTERED.",
        _METHOD + "auth.checkPassword",
    ),
    Rule(
        "login.qr",
        "A token shown as a QR code lets in who shows it once a logged-in app accepts it; what is none is "
        "AUTH_TOKEN_INVALID.",
        "core.telegram.org/api/qr-login",
    ),
    Rule(
        "login.qr-once",
        "A token is accepted once, within 30 s: AUTH_TOKEN_ALREADY_ACCEPTED, AUTH_TOKEN_EXPIRED; and not by who is "
        "excepted: AUTH_TOKEN_EXCEPTION.",
        "core.telegram.org/api/qr-login#accepting-a-login-token",
    ),
    Rule(
        "login.qr-update",
        "Who shows a token is told by updateLoginToken that it was accepted, unless it calls without updates.",
        "core.telegram.org/api/qr-login; core.telegram.org/method/invokeWithoutUpdates",
    ),
    Rule(
        "login.qr-home",
        "An accepted token is imported at the account's own data centre, where loginTokenMigrateTo sends its shower.",
        _METHOD + "auth.importLoginToken",
    ),
    Rule(
        "login.qr-password",
        "Who has a password owes it after the token was accepted: SESSION_PASSWORD_NEEDED.",
        "core.telegram.org/api/qr-login",
    ),
    Rule(
        "login.ended",
        "A login lasts until its owner ends it: SESSION_REVOKED to people, AUTH_KEY_UNREGISTERED to bots.",
        _ERRORS + "#401-unauthorized",
    ),
    Rule(
        "login.deactivated",
        "The logins of a banned or deleted account are over: USER_DEACTIVATED_BAN, USER_DEACTIVATED.",
        _ERRORS + "#401-unauthorized",
    ),
    Rule(
        "methods.people",
        "What only people can do is BOT_METHOD_INVALID to bots.",
        _ERRORS + "#400-bad-request; core.telegram.org/api/bots",
    ),
    # Messages
    Rule(
        "messages.dialogs",
        "messages.getDialogs lists the channels that a person is in, the latest message first, in pages of up to 100.",
        _METHOD + "messages.getDialogs",
    ),
    Rule(
        "messages.private-ids",
        "In a private chat each side counts for itself, and nobody reads what others write to each other.",
        "core.telegram.org/api/updates, the common message box; core.telegram.org/method/messages.getMessages",
    ),
    Rule(
        "messages.shared-ids",
        "A channel's messages have the same ids for all members, a document the same id; hashes and references are "
        "each account's own: CHANNEL_INVALID, LOCATION_INVALID, FILE_REFERENCE_INVALID with another's.",
        "core.telegram.org/api/peers#access-hash; core.telegram.org/api/file-references",
    ),
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
