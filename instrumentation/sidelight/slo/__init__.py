"""From objectives to recording rules and alerts; nothing that measures imports it."""
