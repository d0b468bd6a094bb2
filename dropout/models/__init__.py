"""A history comes in; a fitted model goes out, and from it both predictions at any date.

Reschedule or dropout is learnt first, and what it says of open cancellations is evidence for dropout risk.
This room must never learn from what was not known by the date it is given, nor load anything that can run.
"""
