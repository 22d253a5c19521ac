"""The pages say what the program does: commands parse, flags are listed, tables agree with the profiles."""

import re
import shlex
from pathlib import Path

import pytest

from nas import __version__
from nas.cli.parser import build_parser
from nas.hardware.profile import load_profile, profile_names
from nas.search.samplers import DEFAULT, SAMPLERS
from nas.space.document import space_names
from tools.write_cli_docs import PAGE, commands, page
from tools.write_latency_docs import page as latency_page

ROOT = Path(__file__).parent.parent
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("*.md"))}
PAGES |= {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("docs/*.md"))
}
README = PAGES["README.md"]


def blocks(text: str) -> list[str]:
    """Return the contents of the fenced blocks of a page."""
    return re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def nas_commands(text: str) -> list[str]:
    """Return every ``nas ...`` command of a page's blocks, fenced or indented, without comments and omissions."""
    indented = (line.strip() for line in text.splitlines() if line.startswith("    nas "))
    listed = (line for block in blocks(text) for line in block.splitlines())
    lines = (line.split("  #")[0] for line in (*listed, *indented) if "nas search ..." not in line)
    parts = (part.strip() for line in lines for part in line.split("&&"))
    return [re.sub(r"^\S*/nas ", "nas ", part) for part in parts if re.match(r"(\S*/)?nas ", part)]


def test_the_readme_opens_with_two_commands() -> None:
    first = README.split("```")[1].strip().splitlines()
    assert README.startswith("```sh\n")
    assert first[0] == "sh"
    install, test = first[1:]
    assert install.endswith("nas search --target jetson-orin")
    assert test.endswith("python -m pytest -n auto --dist loadgroup")
    assert all(" pip install " in c or "/pip install " in c for c in (install, test))


def test_commands_of_pages_are_found() -> None:
    assert len(nas_commands(README)) >= 10
    assert {"docs/cli.md", "docs/export.md", "docs/profiling.md"} <= {
        n for n, text in PAGES.items() if nas_commands(text)
    }


@pytest.mark.parametrize("name", PAGES)
def test_every_command_of_a_page_is_legal(name: str) -> None:
    for command in nas_commands(PAGES[name]):
        text = re.sub(r"  +.*", "", command)  # examples of the help end in a remark
        assert build_parser().parse_args(shlex.split(text)[1:]).run is not None


def test_the_command_line_page_is_the_parsers() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tools.write_cli_docs"


def test_the_page_names_every_command_and_flag() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, parser in commands().items():
        section = text.partition(f"\n## nas {name}\n")[2].partition("\n## nas ")[0]
        flags = {o for action in parser._actions for o in action.option_strings if o not in ("-h", "--help")}
        assert {flag for flag in flags if f"`{flag}" not in section} == set()


def test_the_help_names_every_sampler_and_the_default() -> None:
    text = commands()["search"].format_help()
    assert all(name in text for name in SAMPLERS)
    assert f"{DEFAULT} (the default)" in text


@pytest.mark.parametrize("name", profile_names())
def test_the_readmes_table_says_what_the_profile_says(name: str) -> None:
    row = next(line for line in README.splitlines() if line.startswith(f"| `{name}` |"))
    profile = load_profile(name)
    evidence = profile.evidence
    words = [f"{profile.device}, {profile.engine}", profile.precision, f"{evidence.kind}, {evidence.networks} networks"]
    if evidence.errors is None or evidence.macs_only is None:
        assert evidence.kind == "datasheet"
        assert row.split(" | ")[1:] == [*words, "-", "-", "- |"]
        return
    shares = (evidence.errors.share_within_10, evidence.errors.median, evidence.macs_only.median)
    assert row.split(" | ")[1:] == [*words, *(f"{100 * s:.0f} %" for s in shares[:2]), f"{100 * shares[2]:.0f} % |"]


def test_the_tables_of_the_latency_page_are_those_of_the_profiles() -> None:
    assert latency_page(PAGES["docs/latency.md"]) == PAGES["docs/latency.md"]


def test_the_readme_names_every_space_and_every_part_of_the_code() -> None:
    assert all(name in README for name in space_names())
    tree = next(block for block in blocks(README) if block.startswith("nas/"))
    parts = [p for p in (ROOT / "nas").iterdir() if not p.name.startswith("_") and (p.is_file() or any(p.glob("*.py")))]
    assert {p.stem for p in parts if not re.search(rf"\b{p.stem}\b", tree)} == set()


def anchors(text: str) -> set[str]:
    """Return what links to the headings of a page end in."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere() -> None:
    for name, text in PAGES.items():
        for link, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
            target = (ROOT / name).parent.joinpath(link).resolve() if link else ROOT / name
            assert target.exists(), f"{name}: {link}"
            if anchor:
                assert anchor in anchors(target.read_text(encoding="utf-8")), f"{name}: {link}#{anchor}"


def test_what_pages_tell_to_run_exists() -> None:
    for name, text in PAGES.items():
        for module in re.findall(r"python -m ((?:benchmarks|tools|tests)\.[\w.]*\w)", text):
            # A tool of an old experiment may have gone, if the log says so.
            gone = f"`{module.replace('.', '/')}.py`) has gone" in text
            assert (ROOT / f"{module.replace('.', '/')}.py").exists() or gone, f"{name}: {module}"


def test_entries_of_the_log_look_alike() -> None:
    lines = PAGES["docs/log.md"].splitlines()
    for before, line, after in zip(lines, lines[1:], lines[2:], strict=False):
        if line.startswith("## "):
            assert re.fullmatch(r"## 20\d\d-\d\d-\d\d \S.*", line), line
            assert before == after == "", line


def test_the_version_is_one() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{__version__}"' in project
    assert f"## {__version__}" in PAGES["CHANGELOG.md"]
