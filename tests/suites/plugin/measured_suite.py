"""A pytest plugin for suites of other projects: it adds Sidelight to each application they make.

`python -m tests.suites` runs them with it. The environment says what else is done: with
``SUITE_BLOCKBUSTER`` a blocking call on the event loop raises, with ``SUITE_SIDELIGHT`` each
application is measured, and with ``SUITE_ORACLE`` FastAPI's own telemetry is compared.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import oracle
import pytest
from blockbuster import blockbuster_ctx
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware

from sidelight import SidelightMiddleware

XDIST_GROUP = r"@\w+$"
"""What xdist adds to the name of a test that is in a group; parameters end with a bracket."""

BLOCK_BY_THEMSELVES = [
    ("/docs_src/events/tutorial002.py", {"shutdown_event"}),
    (
        "/fastapi/routing.py",
        {"_extract_endpoint_context", "_get_resolved_absolute_path", "add_frontend_route"},
    ),
    ("/fastapi/telemetry/_runtime.py", {"_configure_from_environment"}),
    ("/jinja2/loaders.py", {"get_source", "uptodate"}),
    ("/opentelemetry/exporter/otlp/common/http.py", {"export"}),
    ("/pydantic/networks.py", {"import_email_validator"}),
    ("/starlette/staticfiles.py", {"file_response"}),
    ("/starlette/testclient.py", {"receive"}),
    ("/tests/test_frontend.py", {"write_file"}),
]
"""Functions of other projects that block the event loop, with Sidelight or without; it is never
called by one of these."""


def measured(build: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A way to build an application's middleware, with Sidelight as the outermost."""

    @wraps(build)
    def build_measured(app: Any) -> Any:
        if all(each.cls is not SidelightMiddleware for each in app.user_middleware):
            app.user_middleware.insert(0, Middleware(SidelightMiddleware))
        return build(app)

    return build_measured


def pytest_configure(config: pytest.Config) -> None:
    """Change the classes before any test module makes an application."""
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    if os.environ.get("SUITE_SIDELIGHT"):
        for kind in (Starlette, FastAPI):
            build = measured(kind.build_middleware_stack)
            patch.setattr(kind, "build_middleware_stack", build)
    if os.environ.get("SUITE_ORACLE"):
        oracle.install(patch)


@pytest.fixture(autouse=True)
def no_blocking_call() -> Iterator[None]:
    """Each test runs where a blocking call on the event loop raises, if that is asked for."""
    if os.environ.get("SUITE_BLOCKBUSTER"):
        with blockbuster_ctx() as blockbuster:
            for function in blockbuster.functions.values():
                function.can_block_functions.extend(BLOCK_BY_THEMSELVES)
            yield
    else:
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """After a test and its fixtures, write to the report how the two counts compare."""
    yield
    item.user_properties.append(("node", re.sub(XDIST_GROUP, "", item.nodeid)))
    requests, differences = oracle.compare()
    item.user_properties.append(("requests", str(requests)))
    if differences:
        item.user_properties.append(("differences", json.dumps(differences)))
