"""What runs in a worker beside its requests: the heartbeat, the watchdog, gauges."""
