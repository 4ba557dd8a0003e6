"""The demo's cluster: four nodes, four namespaces and some forty pods, of which a few are in trouble."""
