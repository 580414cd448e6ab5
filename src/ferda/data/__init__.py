"""From what an owner published to batches: readers, manifests, packs, domains, streams and views.

A reader turns any layout into a manifest (`readers/`, `manifest.py`), `prepare.py` makes a pack of it once, a
`Domain` is rows of a pack with labels, and an `UnlabelledDomain` is the same without any.
"""
