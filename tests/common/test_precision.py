import pytest
import torch

from elegan.common import precision
from elegan.common.errors import EleganError


def test_what_is_asked_for_is_taken_and_said() -> None:
    chosen = precision.choose("cpu", "float32")
    assert (chosen.device.type, chosen.dtype, chosen.name) == ("cpu", torch.float32, "float32")
    assert "as asked" in chosen.reason
    assert precision.choose("cpu", "bf16").name == "bf16"


@pytest.mark.parametrize("fast", [True, False])
def test_bf16_is_taken_where_the_machine_multiplies_it(
    fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_bf16_on_cpu", lambda: (fast, "a reason"))
    chosen = precision.choose("cpu", "auto")
    assert chosen.name == ("bf16" if fast else "float32")
    assert "a reason" in chosen.reason


def test_a_device_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EleganError, match="--device cpu"):
        precision.choose("cuda")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(EleganError, match="MPS was asked for"):
        precision.choose("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert "has not been tried" in precision.choose("mps").reason  # asked for, in float32
    assert precision.choose("mps").name == "float32"
    assert precision.choose("auto").device.type == "cpu"


def test_autocast_covers_networks_in_bf16_only() -> None:
    layer, inputs = torch.nn.Linear(4, 4), torch.randn(2, 4)
    with precision.choose("cpu", "bf16").autocast():
        assert layer(inputs).dtype == torch.bfloat16
    with precision.choose("cpu", "float32").autocast():
        assert layer(inputs).dtype == torch.float32


def test_denormals_are_flushed() -> None:
    precision.prepare_process()
    assert (torch.tensor([1e-38]) * 1e-3).item() == 0
