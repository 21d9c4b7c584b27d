import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


@pytest.mark.parametrize(
    "block", re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
)
def test_the_readmes_code_runs(block):
    exec(block, {})


def test_the_readme_is_finished():
    assert not re.search("@@|TODO|FIXME", README.read_text())
