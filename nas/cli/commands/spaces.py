"""`nas spaces`: the search spaces."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from nas.cli.answers import print_json
from nas.cli.blocks import add_blocks_flag, load_named
from nas.errors import UserError

HELP = "list the search spaces, or show one"
EXAMPLES = (
    "examples:\n  nas spaces\n  nas spaces show tiny-hybrid --target coral-edgetpu\n"
    "  nas spaces show ./my_space.yaml --blocks my_blocks.py --picture costs.svg\n"
)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("words", nargs="*", metavar="show NAME", help="show this space: a name or a YAML file")
    parser.add_argument("--target", metavar="NAME", help="show it as this target can run it, with its latencies")
    add_blocks_flag(parser)
    parser.add_argument("--picture", metavar="FILE", help=_PICTURE)
    parser.add_argument("--json", action="store_true", help="everything, as JSON; no picture unless --picture is given")


def run(arguments: argparse.Namespace) -> int:
    """Run ``nas spaces``."""
    name = _name(arguments.words)
    if name is not None:
        return _show(name, arguments)
    for flag in ("target", "blocks", "picture"):
        if getattr(arguments, flag) is not None:
            raise UserError(f"--{flag} is for showing one space; name the space (see: nas spaces --help)")
    from nas.cli import summary
    from nas.space.document import describe_spaces

    found = describe_spaces()
    if arguments.json:
        return print_json(found)
    print(summary.spaces_text(found))
    return 0


def _name(words: list[str]) -> str | None:
    """Return the space that is meant by ``show NAME``, or ``NAME`` alone."""
    names = words[1:] if words[:1] == ["show"] else words
    if words and len(names) != 1:
        raise UserError("one space can be shown: nas spaces show NAME (see: nas spaces --help)")
    return names[0] if names else None


def _show(name: str, arguments: argparse.Namespace) -> int:
    from nas.cli.summary import space_text
    from nas.cli.watch import make_watch
    from nas.jobs.survey import survey_space
    from nas.report.space_picture import check_picture, write_picture

    chosen = None if arguments.picture is None else Path(arguments.picture)
    if chosen is not None:
        check_picture(chosen)  # before the work
    load_named(arguments)
    with make_watch() as watch:
        found = survey_space(name, arguments.target, progress=lambda done, of: watch.progress("costing", done, of))
    if chosen is not None:
        write_picture(found, chosen)
    if arguments.json:
        return print_json(found)
    picture = chosen or _default_picture(found)  # first: the reader of a pipe may have enough of the text
    print(f"{space_text(found)}\n\npicture  {picture}")
    return 0


def _default_picture(found: dict[str, Any]) -> str:
    """Write the picture under its own name; where that cannot be, say why, for it was not asked for."""
    from nas.report.space_picture import default_picture, write_picture

    try:
        path = default_picture(found)
        write_picture(found, path)
    except UserError as error:
        return f"none: {error}; --picture FILE takes another"
    return str(path)


_PICTURE = "SVG file of the costs' spread (default: NAME.svg or NAME-TARGET.svg here; nothing else is overwritten)"
