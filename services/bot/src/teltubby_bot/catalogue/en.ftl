### What the bot says, in English.

## Messages

not-read = ⚠️ I could not read this message, so its file is not archived yet. The message itself is kept and the log says why: please tell whoever runs this archive.
not-kept =
    I can't keep your message right now: { $reason }.
    Telegram holds it for 24 hours; I take it in as soon as this is mended. You need not send it again.
press-refused = This button is not one of mine, or it was made for somebody else. Type the command instead: /help
start =
    Send or forward me photos, videos, documents, audio or voice messages, alone or as an album: I archive every byte, each file once, with a JSON record beside it.

    My answer to each message tells how far it is. /help lists the commands, /language changes what I speak.
help =
    Send or forward me any file. My one answer to each message is kept up to date until the file is archived.

    /find holiday 2026 – find what you sent, by words of its caption, name, origin or date
    /last – your latest files
    /get 17 – get a file back, by its number in /find and /last
    /queue – your large files on their way; /queue dead – those that failed
    /jobs – your latest large files; /jobs 3f2a9c – all about one of them
    /cancel 3f2a9c – stop one
    /retry 3f2a9c – try one again that failed or was cancelled
    /status – what is archived, what waits and why
    /quota – how full the archive is
    /mode – how files come in, and how large they may be
    /language – what I speak with you
    /start – what I do

    A large file's ID is the short one that my answers show; its first four characters will do.
help-admins =
    For admins:
    /queue all, /queue dead all – everybody's queue and failed files
    /jobs 3f2a9c all, /cancel 3f2a9c all, /retry 3f2a9c all – another user's
    /purge – remove the dead letters
    /db_maint – look after the database
    /mtstatus – the logins for large files
    /mtcode +491701234567 or /mtcode qr, /mtpass – log an account in

## Menu

menu-start = What I do
menu-help = All commands, with examples
menu-find = Find what you sent
menu-last = Your latest files
menu-get = Get a file back
menu-queue = Large files on their way
menu-jobs = Your latest large files
menu-retry = Try a large file again
menu-cancel = Stop a large file
menu-status = What is archived, what waits and why
menu-quota = How full the archive is
menu-mode = How files come in
menu-language = What I speak with you
menu-purge = Remove the dead letters
menu-db_maint = Look after the database
menu-mtstatus = The logins for large files
menu-mtcode = Log an account in
menu-mtpass = Its two-step password

## Buttons

button-details = 🔎 { $job }
button-retry = 🔁 { $job }
button-cancel = 🛑 { $job }
button-refresh = 🔄 Refresh
button-cancel-yes = 🛑 Yes, stop it
button-purge-yes = 🗑 Yes, remove them
button-get = 📄 { $number }
button-earlier = ◀
button-later = ▶
question-over = ⌛ That question was asked a while ago, or is answered already. Send the command again.

## Transfers

queue-position =
    in the queue, { $ahead ->
        [one] one file
       *[other] { $ahead } files
    } before it
speed = { $size }/s
left-seconds = { $seconds } s left
left-minutes = { $minutes } min left
left-hours = { $hours } h { $minutes } min left

## Jobs

cancel-asked = Job { $job } is being fetched: { $done } are here already and would have to be fetched once more. Stop it?
page = Page { $page } of { $pages }
dead-none = Nothing has failed.
dead-own =
    ☠️ { $count ->
        [one] One of your large files
       *[other] { $count } of your large files
    } could not be had. 🔁 tries again:
dead-all =
    ☠️ { $count ->
        [one] One large file
       *[other] { $count } large files
    } could not be had. 🔁 tries again:
dead-unreadable = ⚠️ beside them, no job at all: { $reason }

## Bursts

burst-under-way =
    ⏳ { $done } of { $count ->
        [one] 1 message is
       *[other] { $count } messages are
    } through …
burst-archived =
    ✅ Archived: { $count ->
        [one] 1 message
       *[other] { $count } messages
    }
burst-not-archived =
    ⚠️ Not archived: { $count ->
        [one] 1 message
       *[other] { $count } messages
    }
burst-stored =
    { $count ->
        [one] One new file
       *[other] { $count } new files
    }, { $size }
burst-duplicates =
    ♻️ { $count ->
        [one] one was
       *[other] { $count } were
    } archived already
burst-more =
    … and { $count ->
        [one] one more line
       *[other] { $count } more lines
    } of this kind; /queue and /status tell all

## Finding

find-form = Send /find and words of a caption, file name, origin or date, like /find holiday 2026.
find-forgotten = ⌛ That search was a while ago. Send /find and the words again.
last-form = Send /last for your latest files. /find looks for older ones.
get-form = Send /get and the number of a file, like /get 17. /find and /last show the numbers.
get-unknown = You have no file { $number }. /find and /last show the numbers of yours.
get-nowhere = ⚠️ That file is not in the archive (any more), and Telegram does not have it either.
get-damaged = ⚠️ That file is not in the archive as it was stored, so I don't send it. Please tell whoever runs this archive; the log names the object.
get-refused = ⚠️ Telegram does not take the file: { $error }. It is safe in the archive.
get-too-large = ⚠️ Telegram does not have that file any more, and with { $size } it is too large for a bot to send. It is safe in the archive.
found =
    🔎 { $count ->
        [one] One file
       *[other] { $count } files
    } with “{ $words }”, newest first
found-close =
    🔎 No file with “{ $words }”, but { $count ->
        [one] one comes
       *[other] { $count } come
    } close
found-nothing = 🔎 None of your files has “{ $words }” in its caption, name, origin or date.
last = 🗂 Your latest files
last-none = You have not sent me any file yet.
item-not-there = not archived
item-on-its-way = on its way

## How things are

mode-reception = Messages are taken in by { $how }.
mode-small = Files up to { $limit } come through the Bot API, { $count } at a time.
mode-large-bot = Larger ones become jobs for workers, which log in as the bot itself.
mode-large-user = Larger ones become jobs for workers, which log in with user accounts.
mode-largest = The largest that I take has { $limit }.
mode-albums = Of an album I wait { $seconds } s for more.
mode-dedup-on = Archive “{ $bucket }”: the same bytes are stored once.
mode-dedup-off = Archive “{ $bucket }”: the same bytes are stored each time that they come.
db-maintained =
    🧹 The database is whole and written anew, in { $seconds } s.
    Before: { $before }
    After: { $after }
db-sight = { $size }, of which { $empty } empty
db-damaged =
    ⚠️ The database is damaged: { $problem }
    I left it as it is. Stop the bot and restore the last backup, or rebuild the index from the bucket.
language-form = Which language shall I speak with you?
language-auto = 📱 As your app does
language-chosen = From now on I speak English with you.

## Kinds

kind-photo = photo
kind-video = video
kind-document = document
kind-audio = audio file
kind-voice = voice message
kind-video_note = video note
kind-animation = animation
kind-sticker = sticker
kind-other = file
count-photo = { $count } { $count ->
        [one] photo
       *[other] photos
    }
count-video = { $count } { $count ->
        [one] video
       *[other] videos
    }
count-document = { $count } { $count ->
        [one] document
       *[other] documents
    }
count-audio = { $count } { $count ->
        [one] audio file
       *[other] audio files
    }
count-voice = { $count } { $count ->
        [one] voice message
       *[other] voice messages
    }
count-video_note = { $count } { $count ->
        [one] video note
       *[other] video notes
    }
count-animation = { $count } { $count ->
        [one] animation
       *[other] animations
    }
count-sticker = { $count } { $count ->
        [one] sticker
       *[other] stickers
    }
count-other = { $count } { $count ->
        [one] file
       *[other] files
    }

## Replies

hint-too-new = This kind of message is too new for me, so nothing of it is archived. If there is a file in it, save it and send it as a document. /help
hint = I can't archive { $what }, only files: photos, videos, documents, audio and voice. /help
no-file-text = text
no-file-venue = a venue
no-file-game = a game
no-file-location = a location
no-file-contact = a contact
no-file-poll = a poll
no-file-story = a story
no-file-checklist = a checklist
no-file-giveaway = a giveaway
no-file-dice = a dice
no-file-invoice = an invoice
no-file-locked = paid media that is still locked
no-file-winners = a giveaway's winners
unknown-command = I don't know /{ $name }. I know { $known }.
album-coming = 📥 Receiving an album: { $what } so far …
job-queued = ✅ Job Queued 📥 { $what }
archiving = ⏳ Archiving { $what } …
all-duplicates = ♻️ Already archived: { $what }
archived = ✅ Archived: { $what }
all-cancelled = 🛑 Cancelled: { $what }
not-archived = ⚠️ Not archived: { $what }
stored-of = { $count } of { $all } files, { $size }
duplicate = ♻️ { $name }already archived
duplicate-of = ♻️ { $name }already archived: { $key }
item-skipped = ⏭ { $name }skipped: { $reason }
item-failed = ❌ { $name }failed: { $reason }
item-cancelled = 🛑 { $name }{ $reason }
item-waits = ⏸ { $name }waits: { $reason }
item-held = ⏸ { $name }{ $reason }
comes-back = 🔁 /retry { $job } brings it back
large-file = large file
job-follows = the same file is on its way already; this message gets its share of it
job-safe = safe as a job, but it can't be fetched yet: { $reason }
job-next = a worker fetches it
being-fetched = being fetched

## How it stands

status-up = Up for { $hours } h { $minutes } min, taking messages in by { $how }.
status-archive = Archive “{ $bucket }”: { $files } files, { $size }, from { $messages } messages.
status-left-out = Duplicates spared: { $duplicates } · skipped: { $skipped } · failed: { $failed } · cancelled: { $cancelled }
status-waiting = Waiting: { $count } · jobs: { $jobs }
status-storage = Storage: { $state }
status-no-messages = Messages don't come in: { $reason }
status-jobs-wait = Large files wait: { $reason }
status-ignored = Left alone since the start: { $reasons }
status-parked = Parked updates that need a look at the log: { $count }
store-answers = answers
none-yet = none yet
none = none
jobs-pending = { $count } pending
jobs-processing = { $count } processing
jobs-retrying = { $count } retrying
jobs-completed = { $count } completed
jobs-failed = { $count } failed
jobs-cancelled = { $count } cancelled
nearly-full = 🗄 The archive is { $percent } % full: { $how_full }. At 100 % new files wait. Raise S3_BUCKET_QUOTA_BYTES or the bucket's own quota, or make space.
of-limit = { $size } of { $limit }
quota-none = The archive holds { $size }; no limit is set or known.
quota-holds = The archive holds { $how_full }.
quota-open = Of that, { $size } are files on their way.
quota-full = It is full: new files wait, and are archived by themselves once there is space.

## Commands about jobs

queue-form = Send /queue for your open jobs, /queue dead for those that failed; for admins /queue all and /queue dead all: everybody's.
jobs-form = Send /jobs for your latest jobs, or /jobs and a job's id, like /jobs 3f2a9c.
cancel-form = Send /cancel and the job's id, like /cancel 3f2a9c. /queue lists your open jobs.
retry-form = Send /retry and the job's id, like /retry 3f2a9c. /jobs lists your latest jobs.
purge-form = Send /purge to see what it would remove, or /purge yes to remove it.
for-admins = That is for the admins of this archive.
archive-away = ⚠️ The archive can't be looked at: { $error }. Try again later.
job-short-prefix = Give at least the first { $least } characters of the job's id. /jobs lists your latest jobs.
job-unknown = You have no job { $word }. /jobs lists your latest jobs.
job-ambiguous = { $word } fits several of your jobs: { $jobs }. Give more of the id.
queue-own = 📥 Your open jobs: { $states }
queue-all = 📥 Open jobs: { $states }
queue-carrier = Queue: { $ready } waiting · dead letters: { $dead }
queue-carrier-held = Queue: { $ready } waiting, { $held } with workers · dead letters: { $dead }
jobs-none = You have had no jobs yet. Files too large for the Bot API become jobs for a worker.
jobs-latest = 📋 Your latest jobs
job-waits-for-leader = waits for the job that brings the same file
job-waits-for-worker = waits for a worker
job-waits-for-queue = waits for the queue
job-duplicate = already archived
job-archived = archived
job-tries-again = tries again: { $error }
job-failed = failed: { $error }
job-cancelled = cancelled
job-head = 📋 Job { $job }
job-message = From message { $message }
job-times = Made { $made }, last change { $changed } UTC
job-bytes = { $done } of { $total } fetched
job-attempt = Attempt { $attempt } of { $most }, by { $worker }
job-last-error = Last error: { $error }
job-key = Key: { $key }
job-already = Already archived
job-key-duplicate = Already archived: { $key }
an-operator = an operator
a-user = user { $user }
step-made = made
step-made-follows = made, follows another job
step-published = given to the queue
step-republished = given to the queue again: { $reason }
step-lost = given up: { $error }
step-leads = goes its own way: the job it followed ended without the file
step-served = { $state } by another job's file
state-completed = completed
state-failed = failed
state-cancelled = cancelled
step-cancel = cancelled by { $person }
step-retry = to be tried again, says { $person }
step-started = started by { $worker }, attempt { $attempt }
step-retrying = again in { $seconds } s: { $error }
step-completed = stored, { $size }
step-failed = failed: { $error }
step-stopped = stopped by { $worker }
cancelled = 🛑 Job { $job } is cancelled. /retry { $job } brings it back.
cancel-unheard = The queue does not answer: a worker that is at it stops once it does.
not-cancelled = Job { $job } has ended already: { $state }.
retried = 🔁 Job { $job } is queued again.
retried-known = ♻️ Job { $job } needs no transfer: its file has been archived by now.
retried-follows = 🔁 Job { $job } is open again: another job brings the same file already, this one gets its share of it.
not-retried = Job { $job } can't be tried again: it is on its way ({ $state }). Only what failed or was cancelled can.
not-retried-archived = Job { $job } can't be tried again: it is archived. Only what failed or was cancelled can.
retry-no-room = ⏸ { $full }. Send /retry { $job } again once there is space.
purge-nothing = There are no dead letters to remove.
purge-trouble = Then the queue said: { $reason }
broker-away = ⚠️ The queue does not answer: { $problem }
purge-asked =
    There { $count ->
        [one] is 1 dead letter
       *[other] are { $count } dead letters
    }: jobs that nobody could do. /purge yes removes them from the queue for good. The jobs stay listed as failed, and /retry works on them all the same.
purged =
    🗑 { $count ->
        [one] 1 dead letter
       *[other] { $count } dead letters
    } removed.

## Logins

login-how =
    Log an account in:
    /mtcode qr – by a picture that you scan with it
    /mtcode +491701234567 – by a code that Telegram sends to it
    /mtstatus cancel – stop that
login-form-tail = Send the code with signs between its digits, like /mtcode 1-2-3-4-5: Telegram blocks codes that are sent plainly.
login-password-form = Send your two-step password like this: /mtpass PASSWORD. I delete your message at once.
login-status-form = /mtstatus – the logins for large files; /mtstatus cancel – stop the login that is under way
login-not-for-people = Workers log in as the bot itself, with its token: nothing is to be done. /mtstatus
login-send-again = I don't have what you wrote there any more: numbers, codes and passwords are kept nowhere, so a restart loses them. A login that was under way is over then. Send it again:
login-asking = ⏳ Asking Telegram…
login-got-it = ⏳ Trying it…
login-busy = You are logging in already. Finish it, or stop it: /mtstatus cancel
login-busy-elsewhere = Somebody else is logging in right now. Try again in a few minutes.
login-still-ending = A login is just coming to its end, one way or the other. Wait half a minute.
login-stopping = 🛑 I am being stopped, and the login with me; nothing of it is kept. Begin again in a few minutes: /mtcode
login-nothing-asked = Nobody is logging in. Begin with /mtcode qr or /mtcode and your number.
login-cancelled = 🛑 The login is stopped; nothing of it is kept.
login-nothing-to-cancel = Nobody is logging in.
login-took-too-long = ⌛ The login took too long and is stopped; nothing of it is kept. Begin again: /mtcode
login-slot-taken = the sessions that are free are in other hands just now; try again in a few minutes
login-code-sent = 📨 Telegram has sent you a code, in your Telegram app or else by SMS. Send it to me with signs between its digits, like /mtcode 1-2-3-4-5. Not plainly: Telegram blocks a code that is sent plainly to anybody.
login-code-blocked = 🚫 That code was sent plainly, so Telegram has blocked it. I have asked for another one: send it with signs between its digits, like /mtcode 1-2-3-4-5.
login-code-first = First the code, please: /mtcode 1-2-3-4-5, with signs between its digits.
login-password-wanted = 🔒 This account has a two-step password. Send it: /mtpass PASSWORD. I delete your message at once.
login-scan = Scan this with the account's Telegram app: Settings → Devices → Link Desktop Device. It is good for half a minute; then I send another one.
login-not-scanned = nobody scanned a picture; begin again with /mtcode qr when you are ready
login-not-deleted = ⚠️ I could not delete your message; delete it yourself, for both of us.
login-no-slot = every session has a login already or retires ({ $names }). End one in its account's Telegram app (Settings → Devices) and send a large file, so that its worker notices; or let whoever runs this make room for more. /mtstatus shows them
login-failed = ❌ Not logged in: { $reason }.
login-again = ✋ That did not work: { $reason }.
logged-in = ✅ Logged in. The login is session { $session }, encrypted; workers use it from now on.
login-unseen-channel = ⚠️ The account is not in the relay channel { $channel } (RELAY_CHANNEL_ID): make it a member there, or it can fetch nothing.
sessions-bot = 🔑 Sessions for large files, the bot's own: { $counts }
sessions-user = 🔑 Sessions for large files, of user accounts: { $counts }
sessions-none = None yet: a worker makes one when the first large file comes.
session-ready = ready
session-flooded = flooded
session-lost = lost
session-empty = empty
session-of-bot = bot
session-of-user = user
session-used-by = used by { $holder }
session-unused = used by nobody now
session-last = last answer { $ago }
session-waits = waits until { $time } UTC
session-heard = { $worker } (heard of { $ago })
ago-seconds = { $count } s ago
ago-minutes = { $count } min ago
ago-hours = { $count } h ago

## Logins that Telegram refuses

refused-code-wrong = this is not the code; look at it once more and send it again
refused-code-empty = there is no code in it; send it like 1-2-3-4-5
refused-code-old = the code is not good any more; ask for another one with /mtcode and the number
refused-forgotten = Telegram has forgotten this login; begin again
refused-password-wrong = this is not the password; send the right one
refused-password-changed = the password was changed meanwhile; send the present one
refused-number-form = this is no phone number that Telegram knows the form of; write it like +491701234567
refused-no-account = nobody has an account with this number; make one in a Telegram app first
refused-number-banned = Telegram has banned this number; use another account
refused-too-many-codes = too many codes were asked for with this number; try again tomorrow
refused-too-many-passwords = too many passwords were tried; try again tomorrow
refused-account-banned = Telegram has banned this account; use another one
refused-account-deleted = this account was deleted; use another one
refused-ended-elsewhere = the login was ended from another device; begin again
refused-picture-old = the picture is too old; begin again
refused-picture-unknown = Telegram does not know the picture any more; begin again
refused-picture-used = the picture was used already; begin again
refused-app = Telegram refuses MTPROTO_API_ID and MTPROTO_API_HASH; whoever runs this copies both from my.telegram.org
refused-app-public = Telegram refuses MTPROTO_API_ID: it is a public one; get your own at my.telegram.org
refused-no-further-code = Telegram sends no further code to this number now; try again later, or log in by a picture: /mtcode qr
refused-code-not-sent = Telegram could not send a code; try again later
refused-too-old = Telegram wants a newer program for this login; whoever runs this brings teltubby up to date
refused-not-taken = Telegram did not take the login; begin again
refused-wait = Telegram asks to wait { $minutes } min before the next try; begin again then
refused-patience = Telegram asks for patience; try again in an hour
refused-login-trouble = Telegram had a problem with this login; begin again
refused-login-unknown = Telegram does not know this login any more; begin again
refused-telegram-trouble = Telegram has a problem of its own now; try again in a few minutes
refused-broken = the connection to Telegram broke; try again
refused-unreadable = Telegram answered something that this version can't read; try again
refused-unknown = Telegram refuses it for a reason that this version does not know; the log names it. Try again, or /mtcode qr
refused-not-in-time = Telegram did not answer in time; try again
refused-unreachable = Telegram can't be reached now; try again later
refused-wrong-address = Telegram can't be reached at this address: whoever runs this looks at MTPROTO_SERVER
refused-no-code = Telegram sends no code for this account; log it in by a picture: /mtcode qr
refused-email = Telegram first wants an e-mail address for this account's logins; give it one in a Telegram app, or log it in by a picture: /mtcode qr
refused-defect = something went wrong here; the log has the details

## Alerts to admins

alert-more =
    { $text }

    (and { $count } more of this kind since the last alert)
alert-away =
    ⚠️ { $name } has not answered for { $seconds } s: { $problem }.
    Nothing is lost: files wait, and go on by themselves. If it stays so, see whether it runs and can be reached from here: teltubby doctor looks at each dependency.
alert-back = ✅ { $name } answers again, after { $minutes } min. What waited goes on.
alert-dead-letter = ☠️ Job { $job } is a dead letter: { $error }. Its sender can /retry { $job }, an admin /retry { $job } all.
alert-lost-job = ☠️ Job { $job } is given up: it was published { $times } times and always got lost, the last time { $reason }. See whether workers run and the queue keeps what it is given; then /retry.
alert-security = 🔐 { $what }. { $advice } The log has the details.
advice-stranger = They hear nothing; whom you know goes into TELEGRAM_WHITELIST_IDS.
advice-foreign_chat = Nothing of it is kept; @BotFather's /setjoingroups keeps the bot out of groups.
advice-forged_callback = Nothing was done; if it goes on, take that user off TELEGRAM_WHITELIST_IDS.
advice-wrong_webhook_secret = Nothing was taken in; if messages stay away, set a new WEBHOOK_SECRET.
advice-refused_command = Nothing was done; ADMIN_IDS says who may use the commands for admins.
alert-parked = ⚠️ The message in u{ $update } can't be read and is set aside; the log says why. The next start tries it anew.
alert-relay-closed = 📡 The relay channel is closed to the bot ({ $error }); make the bot an administrator of RELAY_CHANNEL_ID that may post and delete messages. Large files wait meanwhile; none is lost.
alert-relay-copies-stay = 📡 Copies can't be removed from the relay channel ({ $error }); make the bot an administrator of RELAY_CHANNEL_ID that may post and delete messages. Large files wait meanwhile; none is lost.
alert-session-lost = 🔑 Session { $session } is lost: { $reason }. Its files go on with other sessions, or wait. Its worker logs in again by itself.
alert-account-lost = 🔑 Session { $session } is lost: { $reason }. Its files go on with other sessions, or wait. Log in again: /mtstatus.
alert-no-reason = no reason was given
alert-session-flooded = 🐢 { $reason } with session { $session }. Its files go on with other sessions or wait; nothing is lost.
alert-session-flooded-until = 🐢 { $reason } with session { $session }, until { $time } UTC. Its files go on with other sessions or wait; nothing is lost.
alert-asked-to-wait = Telegram asked to wait

## Reasons

# These are recorded in English, by the bot, the workers or the archive's core: what they say there must stand here to
# the letter. recorded.py knows them by it; where two fit, the first one counts.
reason-over-limit = larger than the limit of { $limit } GB (MAX_FILE_GB)
reason-cancelled = cancelled by user { $user }
reason-given-up = { $error } (given up after { $attempts } attempts; send it again)
reason-given-up-at-once = { $error }; given up after 1 attempt; send it again
reason-given-up-by-worker = { $error }; given up after { $attempts } attempts; send it again
reason-came-back = given up: it came back { $times } times from a worker that died while it had this job, or held it for longer than the broker's consumer_timeout
reason-lost = the queue has lost it { $times } times, the last time { $reason }
reason-silent-queue-empty = silent for { $seconds } s while nothing waits in the queue
reason-silent-overtaken = silent for { $seconds } s while a later job was started
reason-held-large = The archive is full ({ $size } of { $limit }, this file needs { $needs }): this file waits, and it is archived by itself once there is space
reason-held = The archive is full ({ $size } of { $limit }): this file waits, and it is archived by itself once there is space
reason-full-for-large = The archive is full ({ $size } of { $limit }, this file needs { $needs })
reason-full = The archive is full ({ $size } of { $limit })
reason-unexpected = an unexpected error, see the log
reason-unexpected-in-worker = unexpected error ({ $error }); the worker's log has it in full
reason-message-gone = the message was deleted in the chat before its file was fetched; send the file again
reason-no-file-any-more = the message holds no file any more
reason-not-copied = the message can't be copied to where accounts read it ({ $error }); send it again
reason-no-data = no data for { $seconds } s after { $bytes } bytes
reason-too-few-bytes = { $size } of the announced { $expected } bytes came
reason-too-many-bytes = more than the announced { $expected } bytes came
reason-no-answer = no answer within { $seconds } s
reason-cant-deliver = Telegram can't deliver: { $why }
reason-settings-missing = { $settings } not set (get them at my.telegram.org)
reason-the-object-store = The object store
reason-the-broker = The broker
reason-the-telegram = The telegram
reason-polling = long polling
reason-webhook = a webhook
reason-stranger = stranger
reason-not-private = not a private chat
reason-other-update = other update
reason-forged-press = forged press
reason-unknown-edit = edit of an unknown message
reason-burst = { $events } or more within a minute: { $what }
reason-burst-stranger = message of a user who is not on the whitelist
reason-burst-foreign-chat = post in a group or channel
reason-burst-press = button pressed that was not made for this user
reason-burst-webhook = webhook call without the right secret
reason-burst-command = command or job refused
