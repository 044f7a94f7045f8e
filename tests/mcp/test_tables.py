"""``mcp.tables``: a model gets the best text among the representations."""

import pytest

from interpreterd.mcp.tables import best_text

HTML = """<style>th {color: red}</style><table><thead><tr><th></th><th>name</th></tr></thead>
<tbody><tr><th>0</th><td>Ada &amp;<br>co</td></tr><tr><th>10</th><td>Bo</td></tr></tbody></table><p>2 rows</p>"""
BARE = "<pandas.io.formats.style.Styler at 0x7f0000000000>"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"text/plain": "   a\n0  1", "text/html": HTML}, "   a\n0  1"),
        ({"text/plain": BARE, "text/html": HTML}, "    name\n0   Ada &co\n10  Bo\n2 rows"),
        ({"text/plain": "<IPython.core.display.Markdown object>", "text/markdown": "# T"}, "# T"),
        ({"text/plain": BARE}, BARE),
        ({"text/html": "<table><tr><td>unclosed"}, ""),
        ({"text/html": "<h1>Title</h1><p>a  b</p><script>x</script>"}, "Title\na b"),
        ({"image/png": "x"}, ""),
    ],
    ids=range(7),
)
def test_the_best_text_is_chosen(data: dict[str, str], text: str) -> None:
    assert best_text(data) == text
