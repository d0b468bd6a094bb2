"""What may be said in a line about a definition of dropout, for the help of the command line and for errors.

It stands apart from `dropout.endings.spelling`, which reads such lines, so that the help needs no tables to be loaded.
"""

SAYABLE = {
    "default": "the same as 'closure else gap:60'",
    "closure": "the recorded closure reason; 'closure else X': X where none is recorded",
    "gap:DAYS": "nothing attended for so long, nothing booked, no other ending recorded",
    "silence:DAYS": "the same, whatever is recorded",
    "cadence:TIMES": "silent for so many times the client's own usual interval, 30 to 120 days (cadence:TIMES,30,120)",
    "missed-last": "ended, the last appointment missed or cancelled by the client",
    "fewer-than:N": "ended with fewer than N sessions attended",
    "plan": "ended with fewer sessions attended than planned",
    "no-change": "ended without reliable change of a questionnaire (no-change:phq9,gad7)",
    "no-recovery": "ended without clinically significant change",
}
"""Single definitions, and what they mean."""

GRAMMAR = """Join them by | (dropout by any) and & (dropout by all), with brackets. 'missed-last after gap:90' takes gap:90
for the end of an episode instead of the default. 'gap:60 with policy:3' is for a clinic that discharges after 3
sessions missed in a row: those are ended by the service, and are no dropouts."""


def sayable() -> str:
    """The list, one definition a line, and how they are joined."""
    width = max(map(len, SAYABLE))
    return "\n".join(f"  {name:<{width}}  {meaning}" for name, meaning in SAYABLE.items()) + f"\n{GRAMMAR}"
