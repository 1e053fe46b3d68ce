"""A process of its own that serves the metrics of all workers, whatever state they are in."""
