"""The keys that requests are looked up by."""

import pytest

from sidelight.asgi.request_keys import RequestKey, Target
from tests.asgi.driver import http_scope
from tests.asgi.stepped import Steps


def test_two_threads_that_make_a_key_at_one_moment_have_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A key is only renewed, with the file, if it is one of those that are kept."""
    steps = Steps()
    store = steps.app.lifecycle._open_store
    assert store is not None
    target, scope = Target("POST", "http", "", "/"), http_scope("POST", "/")
    made: list[RequestKey] = []
    gap = store.recorder.sampler.gap

    def another_thread_is_faster() -> int:
        monkeypatch.setattr(store.recorder.sampler, "gap", gap)
        made.append(store.keys.find(target, scope)[0])
        return gap()

    monkeypatch.setattr(store.recorder.sampler, "gap", another_thread_is_faster)
    made.append(store.keys.find(target, scope)[0])
    made.append(store.keys.find(target, scope)[0])
    assert made == [made[0]] * 3
