"""A history and anybody's features come in; which columns know the future, by which mechanism, goes out.

The history is cut at a moment, its later part is changed, its endings are shuffled, its dates are moved and its clients
renamed; a feature that knows only what was known at the moment gives the same value through all of it.
This room must never show who a client is: what it says are counts.
"""

from dropout.audit.audit import audit_leaks
from dropout.audit.result import Audit

__all__ = ["Audit", "audit_leaks"]
