"""The sample shop: its image, its manifests, and what puts it into a cluster."""
