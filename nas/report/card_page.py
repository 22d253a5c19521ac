"""The model card for people, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nas import schema
from nas.export.legality import Legality
from nas.report import words
from nas.report.architecture_chart import architecture_data
from nas.report.facts import RunFacts
from nas.report.markdown import architecture_table
from nas.report.numbers import NOTHING, compact, milliseconds, percent
from nas.report.tables import Table, markdown_safe, to_markdown


def render_card(card: Mapping[str, Any], run: RunFacts) -> str:
    """Write the card.

    Args:
        card: the content of ``card.json``.
        run: the run's facts, for what reports say too.
    """
    data = markdown_safe(str(card["data"]["name"]))
    target = markdown_safe(str(card["hardware"]["target"]))
    classes = len(card["class_names"]) or (card["architecture"] or {}).get("num_classes")
    parts = [
        _front_matter(card),
        f"# {markdown_safe(card['run'])}",
        f"An image classifier for {target}, found by architecture search: {classes} classes of {data}, "
        f"{card['input']['resolution']} × {card['input']['resolution']} pixels, architecture `{card['digest']}`.",
        _figures(run),
        _usage(card["files"]),
        _architecture(card),
        _data(card, data),
        _recipe(card),
        _evidence(run),
        _checks(card["files"], card["rejected"]),
        _licence(card),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(card: Mapping[str, Any]) -> str:
    licence = [f"license: {card['licence']}"] if card["licence"] else []
    lines = ["library_name: timm", "pipeline_tag: image-classification", *licence]
    return "\n".join(["---", *lines, "---"])


def _figures(run: RunFacts) -> str:
    rows = tuple((tile.name, tile.value, tile.note) for tile in words.tiles(run))
    if not rows:
        return ""
    table = to_markdown(Table(("", "", ""), rows, left=3))
    return f"{table}\n\nMACs and memory are counted, not measured; the latency is an estimate, see below."


def _usage(files: Sequence[Mapping[str, Any]]) -> str:
    if not files:
        return ""
    intro = (
        "In the folder of the run, with an image `photo.jpg`. The number that is printed is that of the class; its "
        "name stands in `winner/card.json` under `class_names`."
    )
    parts = [
        f"### {entry['format']}: `{entry['path']}`\n\n```{entry['usage']['language']}\n{entry['usage']['text']}\n```"
        for entry in files
    ]
    builds = [_BUILDS] if any(entry["format"] == "timm" for entry in files) else []
    return "\n\n".join(["## How to run it", intro, *parts, *builds])


_BUILDS = (
    "Where `import timm` ends with `operator torchvision::nms does not exist`, torch and torchvision are of different "
    "builds: install both from the same index."
)


def _architecture(card: Mapping[str, Any]) -> str:
    document = card["architecture"]
    if not document:
        return ""
    drawing = _drawn(document)
    return f"## The network\n\n```text\n{drawing}\n```\n\n{architecture_table(document)}"


def _drawn(document: Mapping[str, Any]) -> str:
    """Draw the stages below each other, one block a box, with what each stage gives at the end of its line."""
    lines = [f"image    {document['resolution']} × {document['resolution']}"]
    for frame in architecture_data(document):
        boxes = "─".join(f"[{box.kind} {box.numbers}]".replace(" ]", "]") for box in frame.blocks)
        lines += ["  │", f"{frame.name:<8} {boxes}  → {frame.blocks[-1].shape}"]
    return "\n".join(lines)


def _data(card: Mapping[str, Any], name: str) -> str:
    tested = card["data"]["test_images"]
    test = f" Test accuracy is of {compact(tested)} images that neither training nor search saw." if tested else ""
    listed = ", ".join(map(str, card["class_names"][:20]))
    more = len(card["class_names"]) - 20
    names = f"\n\nClasses: {markdown_safe(listed)}{f' and {more} more' if more > 0 else ''}." if listed else ""
    mean, std = ([round(v, 4) for v in card["input"][key]] for key in ("mean", "std"))
    return (
        f"## Data\n\n`{name}`. Pixels in 0..1, minus {mean}, over {std}. Search accuracy is of images held out of "
        f"training, on which candidates were chosen.{test}{names}"
    )


def _recipe(card: Mapping[str, Any]) -> str:
    rows = tuple((name.replace("_", " "), str(value)) for name, value in card["recipe"].items() if value is not None)
    if not rows:
        return ""
    about = f"Space {card['space']}, seed {card['seed']}; `config.yaml` of the run holds the rest."
    return f"## Training\n\n{about}\n\n{to_markdown(Table(('setting', ''), rows, left=2))}"


def _evidence(run: RunFacts) -> str:
    sentence, pairs, sources = words.evidence(run)
    winner = run.winner
    about = []
    if winner is not None and winner.latency_interval_ms is not None:
        low, high = winner.latency_interval_ms
        about = [f"- estimate: {milliseconds(winner.latency_ms)}, expected {milliseconds(low)} to {milliseconds(high)}"]
    lines = [*about, *(f"- {name}: {value}" for name, value in pairs)]
    lines += [f"- source: {markdown_safe(source)}" for source in sources]
    return "\n\n".join(["## Latency: what it rests on", markdown_safe(sentence), "\n".join(lines)])


def _checks(files: Sequence[Mapping[str, Any]], rejected: Sequence[Mapping[str, Any]]) -> str:
    checked = [(entry["path"], found) for entry in files if (found := entry.get("verification"))]
    rows = tuple(
        (
            f"`{path}`",
            compact(found["file_bytes"]),
            str(found["images"]),
            NOTHING if found["tolerance"] is None else f"{found['relative_difference']:.1e}",
            NOTHING if found["tolerance"] is not None or found["sqnr_db"] is None else f"{found['sqnr_db']:.1f}",
            percent(found["top1_agreement"]),
            percent(found["accuracy"]),
            percent(found["pytorch_accuracy"]),
        )
        for path, found in checked
    )
    lines = [f"- `{path}`: {markdown_safe(line)}" for path, found in checked for line in _said(found)]
    lines += [f"- `{e['file']}` was rejected: {markdown_safe('; '.join(e['shortcomings']))}" for e in rejected]
    if not checked and not rejected:
        return ""
    table = to_markdown(Table(_CHECKED, rows)) if rows else ""
    return "\n\n".join(filter(None, ["## Files", _ABOUT_CHECKS, table, "\n".join(lines)]))


_ABOUT_CHECKS = (
    "Compared with PyTorch on images held out of training: floating point by its largest difference over the largest "
    "logit, integers by SQNR (the energy of the logits over that of the errors) and by classes."
)
_CHECKED = ("file", "bytes", "images", "difference", "SQNR, dB", "same class", "accuracy", "of PyTorch")


def _said(found: Mapping[str, Any]) -> Iterator[str]:
    """Say what a check noted of a file, and what each device makes of it."""
    yield from found.get("notes", ())
    for document in found["legality"]:
        head, *rest = schema.read(Legality, document).lines()
        more = [f"{len(rest) - _MOST_LINES} more in verification.json"] if len(rest) > _MOST_LINES else []
        yield "; ".join((head, *rest[:_MOST_LINES], *more))


_MOST_LINES = 5


def _licence(card: Mapping[str, Any]) -> str:
    said = markdown_safe(str(card["licence"])) if card["licence"] else _NO_LICENCE
    return f"## Licence\n\n{said}"


_NO_LICENCE = (
    "Not stated. It depends on the images, and on the weights that training began with. What is written into "
    "`card.json` as `licence` is kept, and stands here when the card is written again."
)
