"""Reports of the field, XARF, CyberTipline XML and CSV: only ImportRefused escapes.

Oracle: a case that is made is one that the gateway takes, or refuses by the places that it names.
"""

import json

from gateway.client.gateway import new_id
from gateway.formats.reading import FORMATS, ImportSettings, read_reports
from gateway.formats.report_file import ImportRefused
from gateway.schemas.case_document import CaseInvalid, load_case
from tests.formats.test_mapped_report import DATA, PROFILE, TABLE
from tests.formats.test_xarf import DATA as XARF
from tests.formats.test_xarf import NOW


def seeds() -> list[bytes]:
    """Our samples of each format."""
    samples = [*sorted(DATA.glob("*.xml")), *sorted(XARF.glob("*.json"))]
    table = (
        b"ref,at,url,hash,what,mail\r\nA,2026-01-02 10:00:00,https://a.example/,,2,x@y.example\r\n"
    )
    return [table, table * 3, *(file.read_bytes() for file in samples)]


def check(data: bytes) -> None:
    """See the module."""
    for ending in FORMATS:
        try:
            made = [one for _, one in read_reports(f"x.{ending}", data, _READING)]
        except ImportRefused as refused:
            assert refused.reason
            continue
        for one in made:
            if isinstance(one, ImportRefused):
                assert one.reason
                continue
            try:
                assert load_case(json.loads(json.dumps(one.case))) == one.case
            except CaseInvalid as invalid:
                assert invalid.errors


_READING = ImportSettings(PROFILE, TABLE, new_id, NOW)
