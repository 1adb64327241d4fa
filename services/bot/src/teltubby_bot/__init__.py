"""The bot: intake, replies and the truth about jobs."""
