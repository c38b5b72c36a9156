"""An operator demands signatures: who has no document key can read, and say nothing."""

from pathlib import Path

import pytest

from gateway.client.connection import PartnerConnection
from gateway.client.errors import RequestRefused
from gateway.verification import verifier
from tests.journeys.harness import (
    HOTLINE,
    OFMIN,
    Listeners,
    case_content,
    check_log,
    clearance,
    running,
)

pytestmark = [pytest.mark.journey, pytest.mark.slow]


def test_where_signatures_are_demanded_nothing_attested_passes(tmp_path: Path) -> None:
    content = case_content()
    persons = clearance(content)
    with running(tmp_path, kind=Listeners, require_signed=True) as stage:
        with stage.client(HOTLINE) as hotline:
            with pytest.raises(RequestRefused) as refused:
                hotline.submit(content, "pdc-1", persons)
            assert refused.value.problem.rules == ("R2.signed.case",)
        stage.register_key(HOTLINE)
        with stage.client(HOTLINE) as hotline:
            parts = hotline.submit(content, "pdc-1", persons).result["groups"]
            offered = hotline.offer(
                content["case"],
                "pdc-2",
                competence="csam/FR",
                groups=["items", "classifications"],
                purpose=["investigate"],
                parts=parts,
            )
        handoff = offered.result["handoff"]
        with stage.client(OFMIN) as office:
            view = office.handoff(handoff)
            with pytest.raises(RequestRefused) as refused:
                office.accept(view, "ofmin-1")
            assert refused.value.problem.rules == ("R2.signed.answer",)
        stage.register_key(OFMIN)
        with stage.client(OFMIN) as office:
            office.accept(view, "ofmin-1")
            bundle = office.export(handoff, "ofmin-1", "for the file")
        check_log(stage)
    trust = PartnerConnection.read(tmp_path / OFMIN / "connection.toml").trust
    found = verifier.verify(bundle, trust)
    assert found.passed, found.sentence
    assert "attested" not in found.sentence
    assert "key file" not in found.sentence
