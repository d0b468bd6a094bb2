"""A timeline and moments come in; what was known at each moment, as numbers, goes out.

One module a group of features, each feature with a name, a sentence, a unit and a source.
This room must never read a fact without the moment up to which it may look.
"""
