"""Reads TeltubbyArchives and keeps as many workers as their backlogs need. Workers and bot run on without it."""
