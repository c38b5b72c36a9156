"""How the language of the product is checked; `make check` checks it."""

import pytest

from tests.rules.language import forbidden_names, forbidden_words

PYTHON = """\"\"\"A gateway
    of before.\"\"\"
nought = 'of_before'  # a word that stands
                      # for the one that was told of it
x = f'No {nought} of '  'before'
y = 'an office', 'office'
_LOG.error('the log is FROZEN')
def f():
    'Look at it by itself.'
@group.command()
def g():
    'Look at it by itself.'
"""
MARKDOWN = """Keep it
for ever, and `for ever`.

```
for ever
```

- an item
- a file of
  ours
"""
CEDAR = """// It takes two, for
// ever.
@reason("Ask an office.")
permit ( principal, action, resource ) when { resource.office };
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.py", PYTHON, [(2, "A"), (3, "A"), (4, "A"), (5, "A"), (6, "B"), (12, "B")]),
        ("a.md", MARKDOWN, [(2, "A"), (9, "A")]),
        ("a.cedar", CEDAR, [(1, "A"), (3, "B")]),
    ],
)
def test_sentences_are_read_over_their_line_breaks_and_code_is_not(tmp_path, name, text, expected):
    path = tmp_path / name
    path.write_text(text)
    assert sorted((hit.line, hit.list) for hit in forbidden_words(path, name)) == expected


def test_names_are_compared_over_all_modules(tmp_path):
    (tmp_path / "desk.py").write_text("class Desk:\n    def told(self): ...\n\nclass One: ...\n")
    (tmp_path / "other.py").write_text("class One: ...\n")
    found = forbidden_names(sorted(tmp_path.glob("*.py")), tmp_path)
    assert [(hit.path, hit.line, hit.text) for hit in found] == [
        ("desk.py", 1, "module desk"),
        ("desk.py", 1, "class Desk"),
        ("desk.py", 2, "def told"),
        ("other.py", 1, "class One is also in desk.py"),
    ]
