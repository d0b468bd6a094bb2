"""Tables come in; every fact with the time at which it became known goes out.

A row of a table may be several facts, each known at its own time, kept in order of (episode, time known).
This room must never hand out a value without the moment up to which it was read.
"""

from dropout.timeline.facts import DAY, FOREVER, NEVER, Facts, Moments, seconds, times
from dropout.timeline.timeline import Timeline

__all__ = ["DAY", "FOREVER", "NEVER", "Facts", "Moments", "Timeline", "seconds", "times"]
