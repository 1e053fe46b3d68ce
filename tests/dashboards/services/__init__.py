"""Services whose dashboards are looked at; each is run by a server of its own."""
