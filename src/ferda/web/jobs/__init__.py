"""Work that takes longer than a request: noted on disk, done one after the other, kept over a restart."""
