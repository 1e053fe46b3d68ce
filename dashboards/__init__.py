"""The source of Sidelight's Grafana dashboards: one module each; `make dashboards` writes the JSON.

Needs grafana-foundation-sdk, which only this folder uses: what is shipped is the JSON.
"""

import warnings

with warnings.catch_warnings():
    # The SDK recommends the new dashboard format, which Grafana's file provisioning does not read.
    warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
    from grafana_foundation_sdk.builders import (  # noqa: F401 imported here, with the filter
        dashboard,
        prometheus,
    )
