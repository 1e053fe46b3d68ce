"""The limit of a request's body that Starlette and FastAPI enforce around all middleware.

A middleware that reads the body then raises an exception, which the limit answers with 413.
"""

try:
    from starlette.middleware import body_limit
except ImportError:  # Starlette before 1.6 has no limit
    body_limit = None  # type: ignore[assignment] # an older Starlette has none

CONTENT_TOO_LARGE = 413
_NAMES = ("_RequestBodyTooLarge", "_RequestBodyLimitResponseSent")
_ERRORS = tuple(filter(None, (getattr(body_limit, name, None) for name in _NAMES)))


def exceeds_limit(error: BaseException | None) -> bool:
    """Whether an exception, or each of a group, says that the body is larger than its limit."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(exceeds_limit, error.exceptions))
    return isinstance(error, _ERRORS)
