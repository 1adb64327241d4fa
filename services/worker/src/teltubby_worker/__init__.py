"""The worker: takes jobs from the queue and streams their files from Telegram over MTProto into the object store."""
