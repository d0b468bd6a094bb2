"""Other libraries on the same work: what notebook 08 compares (it needs the extra `benchmark`)."""
