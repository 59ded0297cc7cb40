"""The example of docs/books.md does what it says."""

import re

from tests.installation import PROJECT
from tests.pipelines.books.drawn import page, read_cbz, write_cbz


def test_the_example_writes_a_book(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_cbz(tmp_path / "book.cbz", {"1.png": page(1), "2.jpg": page(2, "JPEG")})
    found = re.search(r"```python\n(.*?)```", (PROJECT / "docs" / "books.md").read_text("utf-8"), re.DOTALL)
    assert found is not None
    exec(compile(found[1], "docs/books.md", "exec"), {})
    assert list(read_cbz(tmp_path / "colored.cbz")) == ["1.png", "2.jpg"]
    assert capsys.readouterr().out == "1 1.png colored \n2 2.jpg colored \n"
