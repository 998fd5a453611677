"""Every route under requests made up from its own schema, valid and not."""

from pathlib import Path

import pytest

schemathesis = pytest.importorskip("schemathesis")

import hypothesis  # noqa: E402
import torch  # noqa: E402

from elegan import api  # noqa: E402
from elegan.web.server import create_app  # noqa: E402
from tests.web.serving import folders  # noqa: E402

# An endless answer, and what starts a process that outlives the test.
LEFT_OUT = {"/api/run/stream", "/api/runs", "/api/plan"}


@pytest.mark.slow
def test_no_request_is_answered_with_a_fault_of_the_servers(tmp_path: Path) -> None:
    torch.set_flush_denormal(False)  # other tests of this process compute with it
    app = create_app(folders(tmp_path), api.RUN)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path in LEFT_OUT and operation.method.upper() != "GET":
            continue
        if operation.path == "/api/run/stream":
            continue

        @hypothesis.settings(
            max_examples=25,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            answer = case.call()
            assert answer.status_code < 500, (case.as_curl_command(), answer.text)

        ask()
        tried += 1
    app.state.close()
    assert tried > 20
