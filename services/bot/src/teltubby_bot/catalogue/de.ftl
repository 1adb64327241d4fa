### Was der Bot sagt, auf Deutsch.

## Nachrichten

not-read = ⚠️ Diese Nachricht konnte ich nicht lesen, ihre Datei ist also noch nicht archiviert. Die Nachricht selbst ist aufgehoben, und im Log steht, warum: Sag bitte dem Bescheid, der dieses Archiv betreibt.
not-kept =
    Ich kann deine Nachricht gerade nicht aufheben: { $reason }.
    Telegram hält sie 24 Stunden; ich nehme sie, sobald das behoben ist. Du musst sie nicht noch einmal schicken.
press-refused = Dieser Knopf ist keiner von meinen, oder er war für jemand anderen. Tippe stattdessen den Befehl: /help
start =
    Schick oder leite mir Fotos, Videos, Dokumente, Musik oder Sprachnachrichten weiter, einzeln oder als Album: Ich archiviere jedes Byte, jede Datei einmal, mit einem JSON-Eintrag daneben.

    Meine Antwort auf jede Nachricht sagt, wie weit sie ist. /help nennt die Befehle, /language ändert meine Sprache.
help =
    Schick oder leite mir irgendeine Datei weiter. Meine eine Antwort auf jede Nachricht bleibt auf dem Stand, bis die Datei archiviert ist.

    /find Urlaub 2026 – finde, was du geschickt hast: nach Wörtern der Beschriftung, dem Namen, der Herkunft oder dem Datum
    /last – deine letzten Dateien
    /get 17 – hol dir eine Datei zurück, nach ihrer Nummer in /find und /last
    /queue – deine großen Dateien, die unterwegs sind; /queue dead – die gescheiterten
    /jobs – deine letzten großen Dateien; /jobs 3f2a9c – alles über eine davon
    /cancel 3f2a9c – halte eine an
    /retry 3f2a9c – versuche eine noch einmal, die gescheitert ist oder angehalten wurde
    /status – was archiviert ist, was wartet und worauf
    /quota – wie voll das Archiv ist
    /mode – wie Dateien hereinkommen und wie groß sie sein dürfen
    /language – was ich mit dir spreche
    /start – was ich tue

    Die Kennung einer großen Datei ist die kurze, die meine Antworten zeigen; ihre ersten vier Zeichen genügen.
help-admins =
    Für Admins:
    /queue all, /queue dead all – die Warteschlange und die gescheiterten Dateien aller
    /jobs 3f2a9c all, /cancel 3f2a9c all, /retry 3f2a9c all – die von anderen
    /purge – räum die unzustellbaren Aufträge weg
    /db_maint – pflege die Datenbank
    /mtstatus – die Anmeldungen für große Dateien
    /mtcode +491701234567 oder /mtcode qr, /mtpass – melde ein Konto an

## Menü

menu-start = Was ich tue
menu-help = Alle Befehle, mit Beispielen
menu-find = Finde, was du geschickt hast
menu-last = Deine letzten Dateien
menu-get = Hol dir eine Datei zurück
menu-queue = Große Dateien, die unterwegs sind
menu-jobs = Deine letzten großen Dateien
menu-retry = Versuche eine große Datei noch einmal
menu-cancel = Halte eine große Datei an
menu-status = Was archiviert ist, was wartet und worauf
menu-quota = Wie voll das Archiv ist
menu-mode = Wie Dateien hereinkommen
menu-language = Was ich mit dir spreche
menu-purge = Räum die unzustellbaren Aufträge weg
menu-db_maint = Pflege die Datenbank
menu-mtstatus = Die Anmeldungen für große Dateien
menu-mtcode = Melde ein Konto an
menu-mtpass = Sein zweites Passwort

## Knöpfe

button-details = 🔎 { $job }
button-retry = 🔁 { $job }
button-cancel = 🛑 { $job }
button-refresh = 🔄 Neu laden
button-cancel-yes = 🛑 Ja, anhalten
button-purge-yes = 🗑 Ja, wegräumen
button-get = 📄 { $number }
button-earlier = ◀
button-later = ▶
question-over = ⌛ Diese Frage ist eine Weile her oder schon beantwortet. Schick den Befehl noch einmal.

## Übertragungen

queue-position =
    in der Warteschlange, { $ahead ->
        [one] eine Datei
       *[other] { $ahead } Dateien
    } davor
speed = { $size }/s
left-seconds = noch { $seconds } s
left-minutes = noch { $minutes } min
left-hours = noch { $hours } h { $minutes } min

## Aufträge

cancel-asked = Auftrag { $job } ist unterwegs: { $done } sind schon da und müssten noch einmal geholt werden. Anhalten?
page = Seite { $page } von { $pages }
dead-none = Nichts ist gescheitert.
dead-own =
    ☠️ { $count ->
        [one] Eine deiner großen Dateien
       *[other] { $count } deiner großen Dateien
    } war nicht zu haben. 🔁 versucht es noch einmal:
dead-all =
    ☠️ { $count ->
        [one] Eine große Datei
       *[other] { $count } große Dateien
    } war nicht zu haben. 🔁 versucht es noch einmal:
dead-unreadable = ⚠️ daneben, gar kein Auftrag: { $reason }

## Viele Nachrichten auf einmal

burst-under-way =
    ⏳ { $done } von { $count ->
        [one] 1 Nachricht ist
       *[other] { $count } Nachrichten sind
    } durch …
burst-archived =
    ✅ Archiviert: { $count ->
        [one] 1 Nachricht
       *[other] { $count } Nachrichten
    }
burst-not-archived =
    ⚠️ Nicht archiviert: { $count ->
        [one] 1 Nachricht
       *[other] { $count } Nachrichten
    }
burst-stored =
    { $count ->
        [one] Eine neue Datei
       *[other] { $count } neue Dateien
    }, { $size }
burst-duplicates =
    ♻️ { $count ->
        [one] eine war
       *[other] { $count } waren
    } schon archiviert
burst-more =
    … und { $count ->
        [one] noch eine solche Zeile
       *[other] noch { $count } solche Zeilen
    }; /queue und /status sagen alles

## Finden

find-form = Schick /find und Wörter aus Beschriftung, Dateiname, Herkunft oder Datum, etwa /find Urlaub 2026.
find-forgotten = ⌛ Diese Suche ist eine Weile her. Schick /find und die Wörter noch einmal.
last-form = Schick /last für deine letzten Dateien. /find sucht nach älteren.
get-form = Schick /get und die Nummer einer Datei, etwa /get 17. /find und /last zeigen die Nummern.
get-unknown = Du hast keine Datei { $number }. /find und /last zeigen die Nummern von deinen.
get-nowhere = ⚠️ Diese Datei ist nicht (mehr) im Archiv, und Telegram hat sie auch nicht.
get-damaged = ⚠️ Diese Datei liegt nicht so im Archiv, wie sie gespeichert wurde, also schicke ich sie nicht. Sag bitte dem Bescheid, der dieses Archiv betreibt; das Log nennt das Objekt.
get-refused = ⚠️ Telegram nimmt die Datei nicht: { $error }. Im Archiv ist sie sicher.
get-too-large = ⚠️ Telegram hat diese Datei nicht mehr, und mit { $size } ist sie zu groß, als dass ein Bot sie schicken könnte. Im Archiv ist sie sicher.
found =
    🔎 { $count ->
        [one] Eine Datei
       *[other] { $count } Dateien
    } mit „{ $words }“, neueste zuerst
found-close =
    🔎 Keine Datei mit „{ $words }“, aber { $count ->
        [one] eine kommt
       *[other] { $count } kommen
    } dem nahe
found-nothing = 🔎 Keine deiner Dateien hat „{ $words }“ in Beschriftung, Name, Herkunft oder Datum.
last = 🗂 Deine letzten Dateien
last-none = Du hast mir noch keine Datei geschickt.
item-not-there = nicht archiviert
item-on-its-way = unterwegs

## Wie es steht

mode-reception = Nachrichten kommen per { $how } herein.
mode-small = Dateien bis { $limit } kommen über die Bot API, { $count } zugleich.
mode-large-bot = Größere werden zu Aufträgen für Worker, die sich als der Bot selbst anmelden.
mode-large-user = Größere werden zu Aufträgen für Worker, die sich mit Benutzerkonten anmelden.
mode-largest = Die größte, die ich nehme, hat { $limit }.
mode-albums = Bei einem Album warte ich { $seconds } s auf mehr.
mode-dedup-on = Archiv „{ $bucket }“: Gleiche Bytes liegen einmal darin.
mode-dedup-off = Archiv „{ $bucket }“: Gleiche Bytes liegen so oft darin, wie sie kommen.
db-maintained =
    🧹 Die Datenbank ist heil und neu geschrieben, in { $seconds } s.
    Vorher: { $before }
    Nachher: { $after }
db-sight = { $size }, davon { $empty } leer
db-damaged =
    ⚠️ Die Datenbank ist beschädigt: { $problem }
    Ich habe sie gelassen, wie sie ist. Halte den Bot an und spiel die letzte Sicherung ein, oder bau den Index aus dem Bucket neu auf.
language-form = Welche Sprache soll ich mit dir sprechen?
language-auto = 📱 Wie deine App
language-chosen = Ab jetzt spreche ich Deutsch mit dir.

## Arten

kind-photo = Foto
kind-video = Video
kind-document = Dokument
kind-audio = Audiodatei
kind-voice = Sprachnachricht
kind-video_note = Videonachricht
kind-animation = Animation
kind-sticker = Sticker
kind-other = Datei
count-photo = { $count } { $count ->
        [one] Foto
       *[other] Fotos
    }
count-video = { $count } { $count ->
        [one] Video
       *[other] Videos
    }
count-document = { $count } { $count ->
        [one] Dokument
       *[other] Dokumente
    }
count-audio = { $count } { $count ->
        [one] Audiodatei
       *[other] Audiodateien
    }
count-voice = { $count } { $count ->
        [one] Sprachnachricht
       *[other] Sprachnachrichten
    }
count-video_note = { $count } { $count ->
        [one] Videonachricht
       *[other] Videonachrichten
    }
count-animation = { $count } { $count ->
        [one] Animation
       *[other] Animationen
    }
count-sticker = { $count } { $count ->
        [one] Sticker
       *[other] Sticker
    }
count-other = { $count } { $count ->
        [one] Datei
       *[other] Dateien
    }

## Antworten

hint-too-new = Diese Art von Nachricht ist zu neu für mich, also ist nichts davon archiviert. Wenn eine Datei darin ist, speichere sie und schick sie als Dokument. /help
hint = Archivieren kann ich nur Dateien, nicht { $what }: Fotos, Videos, Dokumente, Musik und Sprachnachrichten. /help
no-file-text = Text
no-file-venue = einen Treffpunkt
no-file-game = ein Spiel
no-file-location = einen Standort
no-file-contact = einen Kontakt
no-file-poll = eine Umfrage
no-file-story = eine Story
no-file-checklist = eine Checkliste
no-file-giveaway = ein Gewinnspiel
no-file-dice = einen Würfel
no-file-invoice = eine Rechnung
no-file-locked = bezahlte Medien, die noch gesperrt sind
no-file-winners = die Gewinner eines Gewinnspiels
unknown-command = /{ $name } kenne ich nicht. Ich kenne { $known }.
album-coming = 📥 Ein Album kommt herein: bisher { $what } …
job-queued = ✅ Auftrag angenommen 📥 { $what }
archiving = ⏳ Archiviere { $what } …
all-duplicates = ♻️ Schon archiviert: { $what }
archived = ✅ Archiviert: { $what }
all-cancelled = 🛑 Angehalten: { $what }
not-archived = ⚠️ Nicht archiviert: { $what }
stored-of = { $count } von { $all } Dateien, { $size }
duplicate = ♻️ { $name }schon archiviert
duplicate-of = ♻️ { $name }schon archiviert: { $key }
item-skipped = ⏭ { $name }ausgelassen: { $reason }
item-failed = ❌ { $name }gescheitert: { $reason }
item-cancelled = 🛑 { $name }{ $reason }
item-waits = ⏸ { $name }wartet: { $reason }
item-held = ⏸ { $name }{ $reason }
comes-back = 🔁 /retry { $job } holt sie zurück
large-file = große Datei
job-follows = dieselbe Datei ist schon unterwegs; diese Nachricht bekommt ihren Teil davon
job-safe = als Auftrag sicher, kann aber noch nicht geholt werden: { $reason }
job-next = ein Worker holt sie
being-fetched = wird geholt

## Wie es steht

status-up = Läuft seit { $hours } h { $minutes } min; Nachrichten kommen per { $how } herein.
status-archive = Archiv „{ $bucket }“: { $files } Dateien, { $size }, aus { $messages } Nachrichten.
status-left-out = Doppelte gespart: { $duplicates } · ausgelassen: { $skipped } · gescheitert: { $failed } · angehalten: { $cancelled }
status-waiting = Es warten: { $count } · Aufträge: { $jobs }
status-storage = Speicher: { $state }
status-no-messages = Nachrichten kommen nicht herein: { $reason }
status-jobs-wait = Große Dateien warten: { $reason }
status-ignored = Seit dem Start nicht beachtet: { $reasons }
status-parked = Geparkte Updates, für die jemand ins Log sehen muss: { $count }
store-answers = antwortet
none-yet = noch keine
none = keine
jobs-pending = { $count } wartend
jobs-processing = { $count } in Arbeit
jobs-retrying = { $count } vor neuem Versuch
jobs-completed = { $count } fertig
jobs-failed = { $count } gescheitert
jobs-cancelled = { $count } angehalten
nearly-full = 🗄 Das Archiv ist zu { $percent } % voll: { $how_full }. Bei 100 % warten neue Dateien. Setze S3_BUCKET_QUOTA_BYTES oder die Quota des Buckets herauf, oder schaffe Platz.
of-limit = { $size } von { $limit }
quota-none = Das Archiv hält { $size }; eine Grenze ist nicht gesetzt oder bekannt.
quota-holds = Das Archiv hält { $how_full }.
quota-open = Davon sind { $size } Dateien, die unterwegs sind.
quota-full = Es ist voll: Neue Dateien warten und werden von selbst archiviert, sobald Platz ist.

## Befehle zu Aufträgen

queue-form = Schick /queue für deine offenen Aufträge, /queue dead für die gescheiterten; für Admins /queue all und /queue dead all: die von allen.
jobs-form = Schick /jobs für deine letzten Aufträge, oder /jobs und die Kennung eines Auftrags, etwa /jobs 3f2a9c.
cancel-form = Schick /cancel und die Kennung des Auftrags, etwa /cancel 3f2a9c. /queue nennt deine offenen Aufträge.
retry-form = Schick /retry und die Kennung des Auftrags, etwa /retry 3f2a9c. /jobs nennt deine letzten Aufträge.
purge-form = Schick /purge, um zu sehen, was wegfiele, oder /purge yes, um es wegzuräumen.
for-admins = Das ist den Admins dieses Archivs vorbehalten.
archive-away = ⚠️ Ins Archiv kann ich gerade nicht sehen: { $error }. Versuch es später noch einmal.
job-short-prefix = Nenne mindestens die ersten { $least } Zeichen der Kennung. /jobs nennt deine letzten Aufträge.
job-unknown = Du hast keinen Auftrag { $word }. /jobs nennt deine letzten Aufträge.
job-ambiguous = { $word } passt auf mehrere deiner Aufträge: { $jobs }. Nenne mehr von der Kennung.
queue-own = 📥 Deine offenen Aufträge: { $states }
queue-all = 📥 Offene Aufträge: { $states }
queue-carrier = Warteschlange: { $ready } warten · unzustellbar: { $dead }
queue-carrier-held = Warteschlange: { $ready } warten, { $held } bei Workern · unzustellbar: { $dead }
jobs-none = Du hattest noch keine Aufträge. Dateien, die für die Bot API zu groß sind, werden zu Aufträgen für einen Worker.
jobs-latest = 📋 Deine letzten Aufträge
job-waits-for-leader = wartet auf den Auftrag, der dieselbe Datei bringt
job-waits-for-worker = wartet auf einen Worker
job-waits-for-queue = wartet auf die Warteschlange
job-duplicate = schon archiviert
job-archived = archiviert
job-tries-again = versucht es noch einmal: { $error }
job-failed = gescheitert: { $error }
job-cancelled = angehalten
job-head = 📋 Auftrag { $job }
job-message = Aus Nachricht { $message }
job-times = Entstanden { $made }, zuletzt geändert { $changed } UTC
job-bytes = { $done } von { $total } geholt
job-attempt = Versuch { $attempt } von { $most }, durch { $worker }
job-last-error = Letzter Fehler: { $error }
job-key = Schlüssel: { $key }
job-already = Schon archiviert
job-key-duplicate = Schon archiviert: { $key }
an-operator = einem Betreiber
a-user = Benutzer { $user }
step-made = entstanden
step-made-follows = entstanden, folgt einem anderen Auftrag
step-published = an die Warteschlange gegeben
step-republished = noch einmal an die Warteschlange gegeben: { $reason }
step-lost = aufgegeben: { $error }
step-leads = geht seinen eigenen Weg: Der Auftrag, dem er folgte, endete ohne die Datei
step-served = { $state } durch die Datei eines anderen Auftrags
state-completed = fertig
state-failed = gescheitert
state-cancelled = angehalten
step-cancel = angehalten von { $person }
step-retry = noch ein Versuch, auf Wunsch von { $person }
step-started = begonnen von { $worker }, Versuch { $attempt }
step-retrying = noch einmal in { $seconds } s: { $error }
step-completed = gespeichert, { $size }
step-failed = gescheitert: { $error }
step-stopped = abgebrochen von { $worker }
cancelled = 🛑 Auftrag { $job } ist angehalten. /retry { $job } holt ihn zurück.
cancel-unheard = Die Warteschlange antwortet nicht: Ein Worker, der daran ist, hört auf, sobald sie es tut.
not-cancelled = Auftrag { $job } ist schon zu Ende: { $state }.
retried = 🔁 Auftrag { $job } steht wieder in der Warteschlange.
retried-known = ♻️ Auftrag { $job } braucht keine Übertragung: Seine Datei ist inzwischen archiviert.
retried-follows = 🔁 Auftrag { $job } ist wieder offen: Ein anderer bringt dieselbe Datei schon, dieser bekommt seinen Teil davon.
not-retried = Auftrag { $job } kann nicht noch einmal versucht werden: Er ist unterwegs ({ $state }). Das geht nur mit dem, was gescheitert ist oder angehalten wurde.
not-retried-archived = Auftrag { $job } kann nicht noch einmal versucht werden: Er ist archiviert. Das geht nur mit dem, was gescheitert ist oder angehalten wurde.
retry-no-room = ⏸ { $full }. Schick /retry { $job } noch einmal, wenn Platz ist.
purge-nothing = Es gibt nichts Unzustellbares wegzuräumen.
purge-trouble = Dann sagte die Warteschlange: { $reason }
broker-away = ⚠️ Die Warteschlange antwortet nicht: { $problem }
purge-asked =
    Es gibt { $count ->
        [one] 1 unzustellbaren Auftrag
       *[other] { $count } unzustellbare Aufträge
    }, die niemand ausführen konnte. /purge yes räumt sie endgültig aus der Warteschlange. Als gescheitert bleiben sie aufgeführt, und /retry geht trotzdem.
purged =
    🗑 { $count ->
        [one] 1 unzustellbarer Auftrag
       *[other] { $count } unzustellbare Aufträge
    } weggeräumt.

## Anmeldungen

login-how =
    Melde ein Konto an:
    /mtcode qr – mit einem Bild, das du damit scannst
    /mtcode +491701234567 – mit einem Code, den Telegram ihm schickt
    /mtstatus cancel – halte das an
login-form-tail = Schick den Code mit Zeichen zwischen den Ziffern, etwa /mtcode 1-2-3-4-5: Codes, die offen geschickt werden, sperrt Telegram.
login-password-form = Schick dein zweites Passwort so: /mtpass PASSWORT. Deine Nachricht lösche ich sofort.
login-status-form = /mtstatus – die Anmeldungen für große Dateien; /mtstatus cancel – halte die Anmeldung an, die gerade läuft
login-not-for-people = Worker melden sich als der Bot selbst an, mit seinem Token: Es ist nichts zu tun. /mtstatus
login-send-again = Was du da geschrieben hast, habe ich nicht mehr: Nummern, Codes und Passwörter werden nirgends aufgehoben, ein Neustart verliert sie also. Eine Anmeldung, die lief, ist dann vorbei. Schick es noch einmal:
login-asking = ⏳ Ich frage Telegram…
login-got-it = ⏳ Ich versuche es…
login-busy = Du meldest schon an. Bring es zu Ende oder halte es an: /mtstatus cancel
login-busy-elsewhere = Gerade meldet jemand anderes an. Versuch es in ein paar Minuten noch einmal.
login-still-ending = Eine Anmeldung kommt gerade zu ihrem Ende, so oder so. Warte eine halbe Minute.
login-stopping = 🛑 Ich werde angehalten, und die Anmeldung mit mir; nichts davon bleibt. Fang in ein paar Minuten neu an: /mtcode
login-nothing-asked = Niemand meldet an. Fang mit /mtcode qr an oder mit /mtcode und deiner Nummer.
login-cancelled = 🛑 Die Anmeldung ist angehalten; nichts davon bleibt.
login-nothing-to-cancel = Niemand meldet an.
login-took-too-long = ⌛ Die Anmeldung dauerte zu lange und ist angehalten; nichts davon bleibt. Fang neu an: /mtcode
login-slot-taken = die freien Sitzungen sind gerade in anderen Händen; versuch es in ein paar Minuten noch einmal
login-code-sent = 📨 Telegram hat dir einen Code geschickt, in deiner Telegram-App oder sonst per SMS. Schick ihn mir mit Zeichen zwischen den Ziffern, etwa /mtcode 1-2-3-4-5. Nicht offen: Einen Code, der irgendwem offen geschickt wird, sperrt Telegram.
login-code-blocked = 🚫 Dieser Code wurde offen geschickt, also hat Telegram ihn gesperrt. Ich habe um einen anderen gebeten: Schick ihn mit Zeichen zwischen den Ziffern, etwa /mtcode 1-2-3-4-5.
login-code-first = Zuerst bitte den Code: /mtcode 1-2-3-4-5, mit Zeichen zwischen den Ziffern.
login-password-wanted = 🔒 Dieses Konto hat ein zweites Passwort. Schick es: /mtpass PASSWORT. Deine Nachricht lösche ich sofort.
login-scan = Scanne das mit der Telegram-App des Kontos: Einstellungen → Geräte → Desktop-Gerät verbinden. Es gilt eine halbe Minute; dann schicke ich ein neues.
login-not-scanned = niemand hat ein Bild gescannt; fang mit /mtcode qr neu an, wenn du so weit bist
login-not-deleted = ⚠️ Deine Nachricht konnte ich nicht löschen; lösche sie selbst, für uns beide.
login-no-slot = jede Sitzung hat schon eine Anmeldung oder läuft aus ({ $names }). Beende eine in der Telegram-App ihres Kontos (Einstellungen → Geräte) und schick eine große Datei, damit ihr Worker es merkt; oder lass den, der das hier betreibt, Platz für mehr schaffen. /mtstatus zeigt sie
login-failed = ❌ Nicht angemeldet: { $reason }.
login-again = ✋ Das ging nicht: { $reason }.
logged-in = ✅ Angemeldet. Die Anmeldung ist Sitzung { $session }, verschlüsselt; Worker benutzen sie ab jetzt.
login-unseen-channel = ⚠️ Das Konto ist nicht im Relay-Kanal { $channel } (RELAY_CHANNEL_ID): Mach es dort zum Mitglied, sonst kann es nichts holen.
sessions-bot = 🔑 Sitzungen für große Dateien, des Bots eigene: { $counts }
sessions-user = 🔑 Sitzungen für große Dateien, von Benutzerkonten: { $counts }
sessions-none = Noch keine: Ein Worker legt eine an, wenn die erste große Datei kommt.
session-ready = bereit
session-flooded = gedrosselt
session-lost = verloren
session-empty = leer
session-of-bot = Bot
session-of-user = Benutzer
session-used-by = benutzt von { $holder }
session-unused = gerade von niemandem benutzt
session-last = letzte Antwort { $ago }
session-waits = wartet bis { $time } UTC
session-heard = { $worker } (gehört { $ago })
ago-seconds = vor { $count } s
ago-minutes = vor { $count } min
ago-hours = vor { $count } h

## Anmeldungen, die Telegram ablehnt

refused-code-wrong = das ist nicht der Code; sieh ihn dir noch einmal an und schick ihn neu
refused-code-empty = da ist kein Code darin; schick ihn wie 1-2-3-4-5
refused-code-old = der Code gilt nicht mehr; bitte mit /mtcode und der Nummer um einen neuen
refused-forgotten = Telegram hat diese Anmeldung vergessen; fang neu an
refused-password-wrong = das ist nicht das Passwort; schick das richtige
refused-password-changed = das Passwort wurde inzwischen geändert; schick das jetzige
refused-number-form = diese Form einer Telefonnummer kennt Telegram nicht; schreib sie wie +491701234567
refused-no-account = zu dieser Nummer gibt es kein Konto; leg zuerst in einer Telegram-App eines an
refused-number-banned = Telegram hat diese Nummer gesperrt; nimm ein anderes Konto
refused-too-many-codes = für diese Nummer wurden zu viele Codes angefordert; versuch es morgen noch einmal
refused-too-many-passwords = es wurden zu viele Passwörter probiert; versuch es morgen noch einmal
refused-account-banned = Telegram hat dieses Konto gesperrt; nimm ein anderes
refused-account-deleted = dieses Konto wurde gelöscht; nimm ein anderes
refused-ended-elsewhere = die Anmeldung wurde von einem anderen Gerät aus beendet; fang neu an
refused-picture-old = das Bild ist zu alt; fang neu an
refused-picture-unknown = Telegram kennt das Bild nicht mehr; fang neu an
refused-picture-used = das Bild wurde schon benutzt; fang neu an
refused-app = Telegram lehnt MTPROTO_API_ID und MTPROTO_API_HASH ab; wer das hier betreibt, kopiert beide von my.telegram.org
refused-app-public = Telegram lehnt MTPROTO_API_ID ab: Sie ist öffentlich bekannt; hol dir auf my.telegram.org eine eigene
refused-no-further-code = Telegram schickt an diese Nummer jetzt keinen weiteren Code; versuch es später noch einmal oder melde dich mit einem Bild an: /mtcode qr
refused-code-not-sent = Telegram konnte keinen Code schicken; versuch es später noch einmal
refused-too-old = Telegram verlangt für diese Anmeldung ein neueres Programm; wer das hier betreibt, bringt teltubby auf den neuesten Stand
refused-not-taken = Telegram hat die Anmeldung nicht angenommen; fang neu an
refused-wait = Telegram bittet, vor dem nächsten Versuch { $minutes } min zu warten; fang dann neu an
refused-patience = Telegram bittet um Geduld; versuch es in einer Stunde noch einmal
refused-login-trouble = Telegram hatte ein Problem mit dieser Anmeldung; fang neu an
refused-login-unknown = Telegram kennt diese Anmeldung nicht mehr; fang neu an
refused-telegram-trouble = Telegram hat gerade selbst ein Problem; versuch es in ein paar Minuten noch einmal
refused-broken = die Verbindung zu Telegram ist abgerissen; versuch es noch einmal
refused-unreadable = Telegram hat etwas geantwortet, das diese Version nicht lesen kann; versuch es noch einmal
refused-unknown = Telegram lehnt es aus einem Grund ab, den diese Version nicht kennt; im Log steht er. Versuch es noch einmal, oder /mtcode qr
refused-not-in-time = Telegram hat nicht rechtzeitig geantwortet; versuch es noch einmal
refused-unreachable = Telegram ist gerade nicht zu erreichen; versuch es später noch einmal
refused-wrong-address = Telegram ist unter dieser Adresse nicht zu erreichen: Wer das hier betreibt, sieht nach MTPROTO_SERVER
refused-no-code = Telegram schickt für dieses Konto keinen Code; melde es mit einem Bild an: /mtcode qr
refused-email = Telegram will für die Anmeldungen dieses Kontos zuerst eine E-Mail-Adresse; gib ihm in einer Telegram-App eine, oder melde es mit einem Bild an: /mtcode qr
refused-defect = hier ist etwas schiefgegangen; im Log steht mehr

## Meldungen an Admins

alert-more =
    { $text }

    (und { $count } weitere dieser Art seit der letzten Meldung)
alert-away =
    ⚠️ { $name } antwortet seit { $seconds } s nicht: { $problem }.
    Nichts ist verloren: Dateien warten und gehen von selbst weiter. Wenn es so bleibt, sieh nach, ob dort alles läuft und von hier zu erreichen ist: teltubby doctor sieht sich alles an, was der Bot braucht.
alert-back = ✅ { $name } antwortet wieder, nach { $minutes } min. Was gewartet hat, geht weiter.
alert-dead-letter = ☠️ Auftrag { $job } ist unzustellbar: { $error }. Wer die Datei geschickt hat, kann /retry { $job } schicken, ein Admin /retry { $job } all.
alert-lost-job = ☠️ Auftrag { $job } ist aufgegeben: { $times } Mal an die Warteschlange gegeben und jedes Mal verloren, zuletzt: { $reason }. Sieh nach, ob Worker laufen und die Warteschlange behält, was sie bekommt; dann /retry.
alert-security = 🔐 { $what }. { $advice } Im Log steht mehr.
advice-stranger = Sie hören nichts; wen du kennst, trag in TELEGRAM_WHITELIST_IDS ein.
advice-foreign_chat = Nichts davon wird aufgehoben; /setjoingroups bei @BotFather hält den Bot aus Gruppen heraus.
advice-forged_callback = Nichts ist geschehen; wenn es weitergeht, nimm diesen Benutzer aus TELEGRAM_WHITELIST_IDS.
advice-wrong_webhook_secret = Nichts wurde angenommen; wenn Nachrichten ausbleiben, setze ein neues WEBHOOK_SECRET.
advice-refused_command = Nichts ist geschehen; ADMIN_IDS sagt, wer die Befehle für Admins benutzen darf.
alert-parked = ⚠️ Die Nachricht in u{ $update } lässt sich nicht lesen und ist beiseitegelegt; im Log steht, warum. Der nächste Start versucht es neu.
alert-relay-closed = 📡 Der Relay-Kanal ist für den Bot geschlossen ({ $error }); mach den Bot zum Administrator von RELAY_CHANNEL_ID, der Nachrichten posten und löschen darf. Große Dateien warten solange; keine geht verloren.
alert-relay-copies-stay = 📡 Kopien lassen sich nicht aus dem Relay-Kanal entfernen ({ $error }); mach den Bot zum Administrator von RELAY_CHANNEL_ID, der Nachrichten posten und löschen darf. Große Dateien warten solange; keine geht verloren.
alert-session-lost = 🔑 Sitzung { $session } ist verloren: { $reason }. Ihre Dateien gehen mit anderen Sitzungen weiter oder warten. Ihr Worker meldet sich von selbst wieder an.
alert-account-lost = 🔑 Sitzung { $session } ist verloren: { $reason }. Ihre Dateien gehen mit anderen Sitzungen weiter oder warten. Melde neu an: /mtstatus.
alert-no-reason = ein Grund wurde nicht genannt
alert-session-flooded = 🐢 { $reason }, mit Sitzung { $session }. Ihre Dateien gehen mit anderen Sitzungen weiter oder warten; nichts ist verloren.
alert-session-flooded-until = 🐢 { $reason }, mit Sitzung { $session }, bis { $time } UTC. Ihre Dateien gehen mit anderen Sitzungen weiter oder warten; nichts ist verloren.
alert-asked-to-wait = Telegram bat um Geduld

## Gründe

reason-over-limit = größer als die Grenze von { $limit } GB (MAX_FILE_GB)
reason-cancelled = angehalten von Benutzer { $user }
reason-given-up = { $error } (nach { $attempts } Versuchen aufgegeben; schick sie noch einmal)
reason-given-up-at-once = { $error }; nach 1 Versuch aufgegeben; schick sie noch einmal
reason-given-up-by-worker = { $error }; nach { $attempts } Versuchen aufgegeben; schick sie noch einmal
reason-came-back = aufgegeben: Der Auftrag kam { $times } Mal von einem Worker zurück, der dabei abgestürzt ist oder ihn länger hielt, als consumer_timeout des Brokers erlaubt
reason-lost = die Warteschlange hat den Auftrag { $times } Mal verloren, zuletzt: { $reason }
reason-silent-queue-empty = seit { $seconds } s still, obwohl nichts in der Warteschlange wartet
reason-silent-overtaken = seit { $seconds } s still, während ein späterer Auftrag begonnen wurde
reason-held-large = Das Archiv ist voll ({ $size } von { $limit }; diese Datei braucht { $needs }): Sie wartet und wird von selbst archiviert, sobald Platz ist
reason-held = Das Archiv ist voll ({ $size } von { $limit }): Diese Datei wartet und wird von selbst archiviert, sobald Platz ist
reason-full-for-large = Das Archiv ist voll ({ $size } von { $limit }; diese Datei braucht { $needs })
reason-full = Das Archiv ist voll ({ $size } von { $limit })
reason-unexpected = ein unerwarteter Fehler, sieh im Log nach
reason-unexpected-in-worker = unerwarteter Fehler ({ $error }); im Log des Workers steht er ganz
reason-message-gone = die Nachricht wurde im Chat gelöscht, bevor ihre Datei geholt war; schick die Datei noch einmal
reason-no-file-any-more = die Nachricht enthält keine Datei mehr
reason-not-copied = die Nachricht lässt sich nicht dorthin kopieren, wo Konten sie lesen ({ $error }); schick sie noch einmal
reason-no-data = nach { $bytes } Bytes seit { $seconds } s keine Daten
reason-too-few-bytes = { $size } der angekündigten { $expected } Bytes kamen an
reason-too-many-bytes = mehr als die angekündigten { $expected } Bytes kamen an
reason-no-answer = keine Antwort binnen { $seconds } s
reason-cant-deliver = Telegram kann nicht zustellen: { $why }
reason-settings-missing = { $settings } nicht gesetzt (zu haben auf my.telegram.org)
reason-the-object-store = Der Objektspeicher
reason-the-broker = Der Broker
reason-the-telegram = Telegram
reason-polling = Long Polling
reason-webhook = Webhook
reason-stranger = von Fremden
reason-not-private = nicht aus einem privaten Chat
reason-other-update = andere Updates
reason-forged-press = gefälschte Knopfdrücke
reason-unknown-edit = Änderungen unbekannter Nachrichten
reason-burst = { $events } oder mehr binnen einer Minute: { $what }
reason-burst-stranger = Nachricht von jemandem, der nicht auf der Whitelist steht
reason-burst-foreign-chat = Beitrag in einer Gruppe oder einem Kanal
reason-burst-press = Druck auf einen Knopf, der nicht für diesen Benutzer war
reason-burst-webhook = Aufruf des Webhooks ohne das richtige Geheimnis
reason-burst-command = Befehl oder Auftrag verweigert
