"""``teltubby demo``: the main job on a Telegram of its own, shown as a user sees it, and checked byte for byte."""

from teltubby_cli.demo.show import demo

__all__ = ["demo"]
