"""The pure part: values and rules of the archive, with no clock, no network and no disk."""
