"""What Telegram says about the Bot API, and what bots see of it where the documentation is silent."""

from conformance.rules import Rule

_API = "core.telegram.org/bots/api"
_SERVER = "tdlib/telegram-bot-api, telegram-bot-api/"
_TDLIB = "tdlib/td, td/telegram/"
_FAQ = "core.telegram.org/bots/faq"

RULES: tuple[Rule, ...] = (
    # The wire
    Rule("botapi.token", "A call names the token of an existing bot.", f"{_API}#authorizing-your-bot"),
    Rule(
        "botapi.methods",
        "Method names are told apart regardless of case; others do not exist.",
        f"{_API}#making-requests",
    ),
    # Updates
    Rule(
        "botapi.offset",
        "An update comes again until a higher offset confirms it, and never afterwards.",
        f"{_API}#getupdates",
    ),
    Rule("botapi.limit", "1 to 100 updates come at a time; other limits are corrected.", f"{_API}#getupdates"),
    Rule(
        "botapi.allowed-updates",
        "Only kinds that the bot wants are queued; the wish is remembered.",
        f"{_API}#getupdates",
    ),
    Rule("botapi.retention", "Updates are kept for 24 hours.", f"{_API}#getting-updates"),
    Rule("botapi.one-poller", "A second poll that waits ends the first one.", f"{_SERVER}Client.cpp, abort_long_poll"),
    Rule("botapi.poll-or-webhook", "Updates are fetched or sent, never both.", f"{_API}#getting-updates"),
    Rule(
        "botapi.privacy", "In groups a bot sees what is meant for it.", "core.telegram.org/bots/features#privacy-mode"
    ),
    # Webhooks
    Rule(
        "botapi.webhook-address",
        "A webhook is HTTPS on port 443, 80, 88 or 8443 of a public IPv4 address.",
        f"{_API}#setwebhook",
    ),
    Rule(
        "botapi.webhook-secret",
        "A secret token has 1 to 256 of A-Z, a-z, 0-9, _ and -, and comes as a header.",
        f"{_API}#setwebhook",
    ),
    Rule(
        "botapi.webhook-connections",
        "1 to 100 connections, 40 by default; other numbers are corrected.",
        f"{_API}#setwebhook",
    ),
    Rule(
        "botapi.webhook-retries",
        "An update is sent until the answer is 2xx; getWebhookInfo tells what went wrong.",
        f"{_API}#setwebhook",
    ),
    Rule(
        "botapi.webhook-order",
        "Updates of a chat are sent one after the other, those of others meanwhile.",
        f"{_SERVER}WebhookActor.cpp",
    ),
    Rule(
        "botapi.webhook-answer",
        "The answer may call a method, but none that gets something or sets the webhook.",
        f"{_API}#making-requests-when-getting-updates",
    ),
    Rule("botapi.webhook-drop", "Pending updates are dropped on request only.", f"{_API}#setwebhook"),
    Rule(
        "botapi.webhook-rate", "setWebhook is taken once a second.", f"{_SERVER}Client.cpp, process_set_webhook_query"
    ),
    # Whom a bot can write to
    Rule("botapi.known-chat", "A bot addresses chats that it has met.", f"{_SERVER}Client.cpp, check_chat"),
    Rule("botapi.initiative", "A bot writes to people who wrote to it first.", f"{_FAQ}#how-do-i-contact-users"),
    Rule(
        "botapi.blocked",
        "Nothing reaches a person who blocked the bot.",
        f"{_TDLIB}MessagesManager.cpp, USER_IS_BLOCKED",
    ),
    Rule("botapi.membership", "A bot writes in chats whose member it is.", f"{_SERVER}Client.cpp, check_chat_access"),
    Rule(
        "botapi.channel-rights",
        "A bot posts in a channel as an administrator with that right, also by copying.",
        f"{_API}#chatmemberadministrator; the sentence as bots are known to see it",
    ),
    Rule(
        "botapi.chat-member",
        "A bot asks what somebody is in a chat that it may look into.",
        f"{_API}#getchatmember",
    ),
    Rule(
        "botapi.reply-target",
        "The message to answer exists, or the bot says that it need not.",
        f"{_API}#replyparameters",
    ),
    # Texts
    Rule(
        "botapi.text-length", "A text has 1 to 4096 characters after trimming, in UTF-16 units.", f"{_API}#sendmessage"
    ),
    Rule("botapi.caption-length", "A caption has 0 to 1024 characters.", f"{_API}#sendphoto"),
    Rule("botapi.html", "HTML: known tags, closed in order.", f"{_API}#html-style"),
    Rule(
        "botapi.markdown",
        "MarkdownV2: reserved characters escaped, entities closed in order.",
        f"{_API}#markdownv2-style",
    ),
    Rule("botapi.parse-mode", "The parse mode is one of the known.", f"{_API}#formatting-options"),
    Rule("botapi.entities", "Entities have a known type and numbers that can be.", f"{_API}#messageentity"),
    # Keyboards
    Rule("botapi.button-type", "A button under a message does exactly one thing.", f"{_API}#inlinekeyboardbutton"),
    Rule("botapi.button-data", "callback_data has 1 to 64 bytes.", f"{_API}#inlinekeyboardbutton"),
    Rule(
        "botapi.button-url", "A button's link is one that Telegram could open.", f"{_TDLIB}LinkManager.cpp, check_link"
    ),
    Rule("botapi.button-text", "A button has a text.", f"{_TDLIB}ReplyMarkup.cpp"),
    Rule(
        "botapi.button-count",
        "Up to 100 buttons are under a message.",
        "github.com/eternnoir/pyTelegramBotAPI/issues/511",
    ),
    Rule("botapi.keyboard-private", "Contacts and places are asked for in private chats.", f"{_API}#keyboardbutton"),
    Rule(
        "botapi.callback-answer",
        "A press is answered once and soon, in up to 200 characters.",
        f"{_API}#answercallbackquery",
    ),
    # Files
    Rule(
        "botapi.photo",
        "A photo is a picture of up to 10 MB, its sides up to 10000 together and 1:20.",
        f"{_API}#sendphoto",
    ),
    Rule("botapi.upload-size", "A file that is sent is not empty and has up to 50 MB.", f"{_API}#sending-files"),
    Rule("botapi.thumbnail-size", "A thumbnail has up to 200 kB.", f"{_API}#senddocument"),
    Rule(
        "botapi.file-id-kind",
        "A photo's file_id stays a photo, and no other file becomes one.",
        f"{_API}#sending-files",
    ),
    Rule("botapi.file-id-owner", "A file_id is of use to the bot that got it.", f"{_API}#sending-files"),
    Rule("botapi.download-size", "A hosted server lets bots download up to 20 MB.", f"{_API}#getfile"),
    Rule("botapi.file-path", "A file_path works for an hour, for its bot.", f"{_API}#getfile"),
    Rule(
        "botapi.local-server",
        "A local server puts files of any size into its folder and serves none.",
        f"{_API}#using-a-local-bot-api-server",
    ),
    Rule(
        "botapi.album",
        "An album has up to 10 photos and videos, or documents, or audio files alone.",
        f"{_API}#sendmediagroup",
    ),
    # Special messages
    Rule("botapi.location", "A location lies on earth.", f"{_TDLIB}Location.cpp"),
    Rule("botapi.contact", "A contact has a number and a name.", f"{_API}#sendcontact"),
    Rule(
        "botapi.poll",
        "A poll has a question of up to 300 characters and 2 to 12 options of up to 100.",
        f"{_API}#sendpoll",
    ),
    Rule("botapi.dice", "A dice is one of six emoji.", f"{_API}#senddice"),
    # Changing messages
    Rule(
        "botapi.edit-own",
        "A bot edits messages of its own, no forwards, none with a reply keyboard.",
        f"{_TDLIB}MessagesManager.cpp, can_edit_message",
    ),
    Rule(
        "botapi.edit-part",
        "Only a text has its text edited, only media have their caption edited.",
        f"{_TDLIB}MessagesManager.cpp, edit_message_*",
    ),
    Rule("botapi.not-modified", "An edit changes something.", f"{_SERVER}Client.cpp, MESSAGE_NOT_MODIFIED"),
    Rule("botapi.edit-keyboard", "An edit puts only buttons under the message.", f"{_TDLIB}ReplyMarkup.cpp"),
    Rule("botapi.edit-album", "Documents and audio files of an album keep their kind.", f"{_API}#editmessagemedia"),
    Rule(
        "botapi.delete",
        "Messages are deleted within 48 hours; in groups the bot's own, in channels with the right to post its own, "
        "with the right to delete any.",
        f"{_API}#deletemessage",
    ),
    Rule("botapi.delete-many", "1 to 100 messages are deleted at once.", f"{_API}#deletemessages"),
    Rule("botapi.copy", "An existing message is copied, unless it is a game or a story.", f"{_API}#copymessage"),
    Rule(
        "botapi.forward-many", "1 to 100 existing messages are forwarded or copied at once.", f"{_API}#forwardmessages"
    ),
    Rule("botapi.chat-action", "A chat action is one of the known.", f"{_API}#sendchataction"),
    Rule("botapi.reaction", "A bot sets one reaction, of the known ones.", f"{_API}#setmessagereaction"),
    # The menu
    Rule(
        "botapi.command",
        "A command has 1 to 32 of a-z, 0-9 and _, its description 1 to 256 characters.",
        f"{_API}#botcommand",
    ),
    Rule("botapi.command-count", "A menu has up to 100 commands.", f"{_API}#setmycommands"),
    Rule(
        "botapi.command-scope",
        "A menu is kept for each known scope and two-letter language.",
        f"{_API}#botcommandscope",
    ),
    # Floods
    Rule(
        "botapi.flood-chat",
        "One message or edit a second in a chat.",
        f"{_FAQ}#my-bot-is-hitting-limits-how-do-i-avoid-this",
    ),
    Rule(
        "botapi.flood-overall",
        "30 messages a second over all chats.",
        f"{_FAQ}#my-bot-is-hitting-limits-how-do-i-avoid-this",
    ),
    Rule(
        "botapi.flood-group",
        "20 messages a minute in one group.",
        f"{_FAQ}#my-bot-is-hitting-limits-how-do-i-avoid-this",
    ),
)
