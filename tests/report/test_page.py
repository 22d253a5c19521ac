import re
from html.parser import HTMLParser

import pytest

from nas.report import write_report
from tests.report.run_documents import make_run

VOID = {"meta", "link", "br", "hr"}
SIZES = {
    "usual": {},
    "no baselines": {"baselines": 0},
    "one candidate": {"complete": 1, "infeasible": 0, "baselines": 0},
    "empty front": {"complete": 0, "infeasible": 12, "baselines": 0},
    "nothing": {"complete": 0, "infeasible": 0, "baselines": 0},
    "many": {"complete": 1200, "infeasible": 800},
}


class Nesting(HTMLParser):
    """Checks that every element is closed where it should be, and collects words and addresses."""

    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.addresses, self.tags = [], [], [], set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses += [v for k, v in attrs if k in ("href", "src", "xlink:href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES.keys())
def test_every_kind_of_run_gives_two_files_of_bounded_size(tmp_path, sizes):
    html_path, markdown_path = write_report(make_run(**sizes).write(tmp_path / "run"))
    page = Nesting(html_path.read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert html_path.stat().st_size < 600_000
    assert markdown_path.stat().st_size < 30_000


def test_the_page_needs_nothing_from_elsewhere(tmp_path):
    html_path, _ = write_report(make_run().write(tmp_path / "run"))
    text = html_path.read_text(encoding="utf-8")
    assert Nesting(text).addresses == ["data:,"]
    assert not re.search(r"https?://|@import|url\(", text)
    assert "prefers-color-scheme: dark" in text


def test_names_of_users_cannot_break_either_file(tmp_path):
    run = make_run(name='<script>alert("日本")</script>')
    run.result["verdict"] = "</style><img src=x onerror=y> & | ünïcode"
    run.result["winner"]["name"] = "<i>winner</i>|"
    run.result["winner"]["kernels"][0]["label"] = "<u>" * 40
    run.result["evidence"]["sources"] = ["<a href='x'>source</a>"]
    html_path, markdown_path = write_report(run.write(tmp_path / "run"))
    page = Nesting(html_path.read_text(encoding="utf-8"))
    assert not page.tags & {"script", "img", "i>", "u", "a"}
    assert any('<script>alert("日本")</script>' in words for words in page.words)
    lines = markdown_path.read_text(encoding="utf-8").splitlines()
    prose = "\n".join(line for line in lines if not line.startswith("    "))  # indented lines are literal
    assert "日本" in prose
    assert not re.search(r"<(script|img|i|u|a)\b", prose)


def test_page_and_markdown_say_the_same(tmp_path):
    run = make_run()
    html_path, markdown_path = write_report(run.write(tmp_path / "run"))
    words = "\n".join(Nesting(html_path.read_text(encoding="utf-8")).words)
    markdown = markdown_path.read_text(encoding="utf-8")
    shared = [
        run.result["verdict"],
        "96.8 %",
        "0.753 ms",
        "efficientnet_b0",
        "accuracy per GMAC (points)",
        "Latencies are estimates of a model fitted to published measurements of this device.",
        "JetPack 6.0",
        "nas specialise",
        "onnx computes what PyTorch computes",
    ]
    for said in shared:
        assert said in words
        assert said in markdown


def test_writing_again_gives_the_same_bytes(tmp_path):
    folder = make_run().write(tmp_path / "run")
    first = [path.read_bytes() for path in write_report(folder)]
    assert [path.read_bytes() for path in write_report(folder)] == first
