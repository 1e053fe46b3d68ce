"""The last hour of what the sidecar serves, in bounded memory."""
