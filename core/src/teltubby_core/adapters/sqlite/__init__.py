"""The embedded database: inbox, index, job queue, events and secrets in one SQLite file."""
