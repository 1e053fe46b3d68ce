"""Labels of Sidelight's metrics, and the values with a meaning of their own."""

from typing import Final

METHOD: Final = "http_request_method"
ROUTE: Final = "http_route"
STATUS: Final = "http_response_status_code"
ERROR: Final = "error_type"
CODE: Final = ("code_function_name", "code_file_path", "code_line_number")
"""A line of code, as OpenTelemetry's attributes ``code.*`` have it."""
SCHEME: Final = "url_scheme"
SERVER: Final = "server_address"
PORT: Final = "server_port"
WORKER: Final = "worker"
POOL: Final = "db_client_connection_pool_name"
OBJECTIVE_SECONDS: Final = "objective_seconds"
"""A latency objective, written as ``le`` of its bucket is."""

OTHER: Final = "_OTHER"
"""Label value for what is past a cap, or a method that is not a known one."""
UNKNOWN: Final = "_UNKNOWN"
"""Label value for a route that could not be read."""
UNMATCHED: Final = "_UNMATCHED"
"""Label value, in metrics of the event loop, for a request that no route matched."""
CLIENT_DISCONNECTED: Final = "client_disconnected"
INCOMPLETE_RESPONSE: Final = "incomplete_response"
SERVER_SHUTDOWN: Final = "server_shutdown"
"""Cut by the server as it stopped."""

METHODS: Final = frozenset(
    {
        "CONNECT",
        "DELETE",
        "GET",
        "HEAD",
        "OPTIONS",
        "PATCH",
        "POST",
        "PUT",
        "QUERY",
        "TRACE",
    }
)
"""Known methods (RFC 9110, RFC 5789 and QUERY); every other one is ``_OTHER``."""
