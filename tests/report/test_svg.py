from nas.report.svg import drawing, element, escaped, number, text, title


def test_words_cannot_become_markup():
    assert escaped('<b>"a" & b</b>') == "&lt;b&gt;&quot;a&quot; &amp; b&lt;/b&gt;"
    assert text(0, 0, "<b>") == '<text x="0" y="0">&lt;b&gt;</text>'
    assert element("rect", class_='"><script>') == '<rect class="&quot;&gt;&lt;script&gt;"/>'
    assert title("<x>")[0] == "<title>&lt;x&gt;</title>"


def test_coordinates_are_short():
    assert [number(v) for v in (1.0, 1.25, -0.01, 100, -3.0)] == ["1", "1.2", "0", "100", "-3"]


def test_attributes_are_named_as_in_svg():
    assert element("line", stroke_width=2, class_=None) == '<line stroke-width="2"/>'
    assert drawing(10, 20, label="a").startswith('<svg viewBox="0 0 10 20" width="10"')


def test_no_words_make_no_tooltip():
    assert title("") == ()
