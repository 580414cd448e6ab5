"""Data sets in miniature, one file each, named as the reader: its owner's folders, names, codes and oddities.

Each file has `make(root) -> list[dict]`: it lays the data set below `root` and returns the rows that must
come out, in the order of their names, each with what matters of it. `OPTIONS` are given to the reader; `LOST`
is the number of rows that are listed without a picture, `BELOW` a folder of the layout that may be given
instead of the root.
"""
