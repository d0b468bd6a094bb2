"""A model and a history come in; a folder of scores goes out, whole or not at all.

Every night the same: read, score, write beside the target, put in its place, and leave a manifest that says what was
done with what. This room must never leave half a result behind, nor take away a file that it did not make.
"""
