"""Our own words for panels, by what they draw.

Each asks for what a reader needs: title, description, unit, and what to say where there is
nothing; each sets the data source, legends and the least step itself.
"""
