"""Run one fuzz target by coverage for some seconds: `python -m tests.fuzz TARGET [SECONDS]`.

Needs atheris (requirements/fuzz.txt). Ends with 0 when nothing was found; else libFuzzer writes
the input to the temporary folder and tells where.
"""

import sys
import tempfile
from pathlib import Path

import atheris

from tests.fuzz.target import LONGEST, NAMES, load


def main(name: str, seconds: int) -> None:
    """Never returns: libFuzzer ends the process."""
    with atheris.instrument_imports(include=["gateway", "json"]):
        target = load(name)
    corpus = Path(tempfile.mkdtemp(prefix=f"casegate-fuzz-{name}-"))
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = (f"-max_total_time={seconds}", f"-max_len={LONGEST}", "-print_final_stats=1")
    atheris.Setup(
        [sys.argv[0], *options, "-rss_limit_mb=2048", f"-artifact_prefix={corpus}-", str(corpus)],
        target.check,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in NAMES:
        sys.exit(f"usage: python -m tests.fuzz {{{','.join(NAMES)}}} [SECONDS]")
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30)
