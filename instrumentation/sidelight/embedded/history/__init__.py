"""The samples of the last hour, or of another span, in bounded memory."""
