"""A valid history as CSV texts, and one of sessions alone."""

from __future__ import annotations

import pandas as pd

TODAY = "2026-01-31"

VALID = {
    "sessions": """client_id,starts_at,status,session_id,episode_id,booked_at,cancelled_at,mode,fee_owed
007,2025-01-10T14:00,attended,s1,e1,2025-01-03T09:00,,video,0
007,2025-01-17T14:00,no_show,s2,e1,2025-01-10T15:00,,video,12.5
007,2025-01-24T14:00,late_cancel,s3,e1,2025-01-10T15:00,2025-01-24T08:00,phone,12.5
12,2025-01-13T09:00,attended,s4,e1,2025-01-02T09:00,,in_person,
12,2025-02-03T09:00,scheduled,s5,e1,2025-01-13T10:00,,in_person,
""",
    "messages": """client_id,sent_at,text,message_id,sender,channel,session_id
007,2025-01-24T07:55,"Sick today, I'll call ""soon""
to reschedule",m1,client,sms,s3
12,2025-01-20T10:00,thanks,m2,clinic,email,
""",
    "measures": """client_id,measured_at,measure,score
007,2025-01-10T13:50,phq9,14
12,2025-01-13T08:50,ors,21.5
""",
    "episodes": """client_id,episode_id,opened_at,closed_at,closure_reason,planned_sessions,ending_discussed_at
007,e1,2025-01-02,,,12,
12,e1,2025-01-02,,,,
""",
    "clients": """client_id,birth_year,gender,income
007,1980,f,21000
12,,m,
""",
}


def sessions(*rows: tuple, columns: str = "client_id starts_at status") -> dict[str, pd.DataFrame]:
    """Return a history of sessions alone."""
    return {"sessions": pd.DataFrame(list(rows), columns=columns.split())}
