"""A shop that something happens to, its sidecar and its dashboards: all of Sidelight at once."""
