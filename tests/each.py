"""One test of many cases: every case runs, and all that fail are told together."""

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from _pytest.mark import ParameterSet


def each(names: str, cases: Iterable[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run the test once for each case, as `parametrize` would, but as one test.

    For tests that leave nothing behind: the cases share their fixtures. ``names`` and ``cases``
    are as for `parametrize`; those that are named by `pytest.param` have no marks.
    """
    fields = [name.strip() for name in names.split(",")]
    known = list(cases)
    assert known, "nothing would be tested"

    def made(test: Callable[..., None]) -> Callable[..., None]:
        @wraps(test)
        def all_of_them(**fixtures: Any) -> None:
            failures = []
            for case in known:
                if isinstance(case, ParameterSet):
                    values = case.values
                else:
                    values = case if len(fields) > 1 else (case,)
                try:
                    test(**dict(zip(fields, values, strict=True)), **fixtures)
                except Exception as failure:
                    failure.add_note(f"{names}: {case!r}")
                    failures.append(failure)
            if failures:
                raise ExceptionGroup(f"{len(failures)} of {len(known)} cases", failures)

        signature = inspect.signature(test)
        left = [one for name, one in signature.parameters.items() if name not in fields]
        all_of_them.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return all_of_them

    return made
