"""Sidelight's Grafana dashboards, one module each; `make dashboards` writes their JSON.

Needs grafana-foundation-sdk, which only this folder uses: what is shipped is the JSON.
"""

import warnings

with warnings.catch_warnings():
    # It would rather have the new format, which Grafana's file provisioning doesn't take.
    warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
    from grafana_foundation_sdk.builders import (  # noqa: F401 once, while that is quiet
        dashboard,
        prometheus,
    )
