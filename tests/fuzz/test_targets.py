"""No reader can be made to do anything but read, or refuse with a sentence; a few seconds each, longer by hand."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.errors import RecorderError
from tests.fuzz.mutants import corpus, mutants
from tests.fuzz.targets import CORPUS, TARGETS, Target

EXAMPLES = 250


def survives(target: Target, data: bytes) -> bool:
    """Whether ``target`` takes ``data``; False where it refuses. Whatever else it does is a failed test."""
    try:
        target(data)
    except RecorderError:
        return False
    return True


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus(name: str) -> None:
    """None breaks its reader; one at least of a target's files is taken as good, or nothing deep would be tried."""
    taken = [survives(TARGETS[name], data) for data in corpus(CORPUS / name)]
    assert any(taken)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_target(name: str) -> None:
    """Its promise, over mutants of its corpus."""

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutants(corpus(CORPUS / name)))
    def run(data: bytes) -> None:
        survives(TARGETS[name], data)

    run()


@given(st.binary(max_size=100))
def test_a_reader_that_breaks_is_noticed(data: bytes) -> None:
    """The harness itself can fail: it lets nothing through but RecorderError."""

    def broken(_data: bytes) -> None:
        raise KeyError(data)

    with pytest.raises(KeyError):
        survives(broken, data)
