"""Services for the tests of the dashboards; each runs in a server of its own."""
