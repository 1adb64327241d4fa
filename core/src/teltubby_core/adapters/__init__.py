"""The ports on real parts, one technology a module; each maps its library's errors to ours at the edge."""
