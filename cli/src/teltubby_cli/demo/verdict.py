"""The end of the demo: the archive as it lies there, one of its documents, and what was sent against what is stored."""

import json

from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table
from rich.tree import Tree

from teltubby_cli.demo.cast import Cast
from teltubby_cli.demo.check import Finding, check_objects, documents
from teltubby_cli.demo.objects import Objects


def verdict(console: Console, objects: Objects, cast: Cast, seconds: float, *, shared: bool = False) -> int:
    """Show all of it, of a ``shared`` archive what was sent; return 0 when everything is as it should be, else 1."""
    findings = check_objects(objects, cast.sent, shared=shared)
    if not shared:
        _heading(console, "The archive")
        console.print(_tree(objects))
    _show_document(console, objects)
    _show_workers(console, objects)
    _heading(console, "What was sent against what is stored")
    console.print(_table(findings))
    problems = [finding for finding in findings if finding.problem]
    if cast.stranger_was_answered:
        console.print("[red]The bot answered a stranger.[/]")
        return 1
    if problems:
        console.print(f"[red]{len(problems)} of {len(findings)} files are not as they were sent.[/]")
        return 1
    console.print(f"[green]All {len(findings)} files are in the archive, every byte as sent.[/] {seconds:.0f} s.")
    return 0


def _heading(console: Console, text: str, beside: str = "") -> None:
    console.print(f"\n[bold]{text}[/]{beside}", soft_wrap=True)


def _show_document(console: Console, objects: Objects) -> None:
    found = documents(objects, "message.json")
    key = next((key for key in found if "naturedaily" in key), next(iter(found), None))
    if key is not None:
        _heading(console, "One message.json", f" {escape(key)}")
        text = json.dumps(found[key], indent=2, ensure_ascii=False)
        console.print(Syntax(text, "json", background_color="default", word_wrap=True))


def _show_workers(console: Console, objects: Objects) -> None:
    found = documents(objects, "metadata.json").values()
    if len({document["worker"] for document in found}) > 1:
        _heading(console, "Who fetched what")
        for document in found:
            file = document["file"]
            what = f"{file['original_filename']}  [dim]{file['size_bytes']:,} B[/]"
            console.print(f"  {escape(document['worker'])}  {what}")


def _tree(objects: Objects) -> Tree:
    tree = Tree(escape(objects.title))
    branches = {"": tree}
    for key, size in sorted(objects.sizes().items()):
        folder, _, name = key.rpartition("/")
        _branch(branches, folder).add(f"{escape(name)}  [dim]{size:,} B[/]")
    return tree


def _branch(branches: dict[str, Tree], folder: str) -> Tree:
    if folder not in branches:
        parent, _, name = folder.rpartition("/")
        branches[folder] = _branch(branches, parent).add(f"{escape(name)}/")
    return branches[folder]


def _table(findings: list[Finding]) -> Table:
    table = Table("sent", "bytes", "sha256", "object", box=None, header_style="dim")
    for finding in findings:
        verdict_of_file = f"[red]{finding.problem}[/]" if finding.problem else "[green]equal[/]"
        where = f"{finding.key} [dim](duplicate)[/]" if finding.duplicate else finding.key
        table.add_row(escape(finding.name), f"{finding.size:,}", verdict_of_file, where)
    return table
