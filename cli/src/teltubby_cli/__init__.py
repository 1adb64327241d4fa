"""The teltubby command: bot and worker in one process, and the demo. It alone composes the services."""
