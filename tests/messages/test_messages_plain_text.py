"""What is the message and what is not."""

from __future__ import annotations

import time

import pytest

from dropout.messages.plain_text import plain_text

MINE = "Can't come on Thursday, I'll call to reschedule."
PLAIN = "can't come on thursday, i'll call to reschedule."
CLINIC = "Dear client, please confirm your appointment."

QUOTED = {
    "gmail": f"{MINE}\n\nOn Mon, 3 Mar 2026 at 10:12, Clinic <c@example.org> wrote:\n> {CLINIC}\n> Thanks",
    "gmail over two lines":
        f"{MINE}\n\nOn Mon, 3 Mar 2026 at 10:12, The Very Long Name of a Clinic\n"
        f"<c@example.org> wrote:\n\n> {CLINIC}",
    "apple": f"{MINE}\n\nSent from my iPhone\n\nOn 3 Mar 2026, at 10:12, Clinic <c@example.org> wrote:\n\n{CLINIC}",
    "outlook": f"{MINE}\n\n________________________________\nFrom: Clinic <c@example.org>\nSent: Monday, March 3, 2026 10:12 AM\n"
               f"To: Client\nSubject: Appointment\n\n{CLINIC}",
    "outlook without a rule": f"{MINE}\n\nFrom: Clinic\nSent: 3 March 2026\nTo: Client\nSubject: Appointment\n\n{CLINIC}\n\nMore",
    "outlook in bold": f"{MINE}\n\n*From:* Clinic\n*Sent:* 3 March 2026\n*To:* Client\n\n{CLINIC}",
    "original message": f"{MINE}\n\n-----Original Message-----\nFrom: Clinic\nSent: 3 March\n\n{CLINIC}",
    "forwarded": f"{MINE}\n\n---------- Forwarded message ---------\nFrom: Clinic\nDate: 3 March\n\n{CLINIC}",
    "German": f"{MINE}\n\nAm 03.03.2026 um 10:12 schrieb Praxis <p@example.org>:\n\n> Bitte bestätigen",
    "German outlook": f"{MINE}\n\nVon: Praxis\nGesendet: Montag, 3. März 2026\nAn: Kunde\nBetreff: Termin\n\nBitte bestätigen",
    "French": f"{MINE}\n\nLe lun. 3 mars 2026 à 10:12, Cabinet <c@example.org> a écrit :\n\n> Merci de confirmer",
    "French outlook": f"{MINE}\n\nDe : Cabinet\nEnvoyé : lundi 3 mars 2026\nÀ : Client\nObjet : RDV\n\nMerci de confirmer",
    "Spanish": f"{MINE}\n\nEl lun, 3 mar 2026 a las 10:12, Clínica (<c@example.org>) escribió:\n\n> Por favor confirme",
    "Italian": f"{MINE}\n\nIl giorno lun 3 mar 2026 alle ore 10:12 Studio <s@example.org> ha scritto:\n\n> Confermi",
    "Dutch": f"{MINE}\n\nOp ma 3 mrt 2026 om 10:12 schreef Praktijk <p@example.org>:\n\n> Graag bevestigen",
    "marked lines alone": f"> {CLINIC}\n> Thanks\n\n{MINE}",
    "bottom posted": f"On Mon, 3 Mar 2026 at 10:12, Clinic <c@example.org> wrote:\n> {CLINIC}\n\n{MINE}",
    "carriage returns": f"{MINE}\r\n\r\nOn 3 Mar 2026, Clinic wrote:\r\n> {CLINIC}\r\n",
    "signature after dashes": f"{MINE}\n-- \nJo Bloggs\nSenior Manager\nTel 020 7946 0000",
    "device": f"{MINE}\n\nSent from my Samsung Galaxy smartphone.",
    "device, outlook": f"{MINE}\n\nGet Outlook for Android",
    "device, German": f"{MINE}\n\nVon meinem iPhone gesendet",
    "device, French": f"{MINE}\n\nEnvoyé de mon iPhone",
    "device, Spanish": f"{MINE}\n\nEnviado desde mi iPhone",
    "legal": f"{MINE}\n\nThis email and any attachments are confidential and meant for the addressee.\nIf you are not...",
    "legal, titled": f"{MINE}\n\nCONFIDENTIALITY NOTICE: The contents of this message are privileged.",
    "legal, first line": f"DISCLAIMER: external sender\n{MINE}",
    "environment": f"{MINE}\n\nPlease consider the environment before printing this e-mail",
}


@pytest.mark.parametrize("name", QUOTED)
def test_what_an_email_quotes_or_signs_with_is_not_the_message(name: str):
    assert plain_text(QUOTED[name]) == PLAIN


@pytest.mark.parametrize("text", [
    f"{MINE}\n\nKind regards,\nJo Bloggs\nSenior Manager, Acme Ltd\nTel: 020 7946 0000\nwww.example.org",
    f"{MINE}\n\nBest wishes\n\nJo\n07700 900123",
    f"{MINE}\nMany thanks,\nJo Bloggs | Head of Sales | jo@example.org\n\nThis message is intended for the addressee only.",
    f"{MINE}\n\nYours sincerely,\nJo Bloggs\n1 High Street",
])
def test_a_block_of_contacts_goes_and_the_greeting_stays(text: str):
    plain = plain_text(text)
    assert plain.startswith(PLAIN) and not any(word in plain for word in ("bloggs", "jo", "addr", "num", "tel", "street"))
    assert len(plain) < len(PLAIN) + 20


@pytest.mark.parametrize(("text", "left"), [
    ("Thanks\nI won't be coming back to see you, it has been good but I am done.",
     "thanks i won't be coming back to see you, it has been good but i am done."),
    ("Best wishes,\nJo\nPS could we do Friday at 3 instead?", "best wishes, jo ps could we do friday at num instead?"),
    ("On Monday my husband wrote:\nyou should stop going", "on monday my husband wrote: you should stop going"),
    ("From: now on I'd like mornings", "from: now on i'd like mornings"),
    ("Sent from my heart, thank you\nI am done", "sent from my heart, thank you i am done"),
    ("I <3 this, see u @ 5", "i <3 this, see u @ 5"),
    ("5 > 3 and 2 < 4", "5 > 3 and 2 < 4"),
])
def test_what_only_looks_like_a_quote_or_signature_stays(text: str, left: str):
    for digit in "2345":
        left = left.replace(f" {digit}", " num").replace(f"<{digit}", "< num ").replace(f"{digit} ", "num ")
    assert plain_text(text).replace("  ", " ") == " ".join(left.split())


@pytest.mark.parametrize("text", [
    "> I can't come on Thursday\n> sorry",
    "-----Original Message-----\nFrom: Jo\nSent: Monday\n\nI can't come on Thursday, sorry",
    "From: Jo\nSent: Monday\nTo: Clinic\nSubject: Thursday\n\nI can't come on Thursday, sorry",
    "On 3 Mar 2026, Jo <j@example.org> wrote:\n> I can't come on Thursday\n> sorry",
    "-- \nI can't come on Thursday, sorry",
    "<blockquote>I can't come on Thursday, sorry</blockquote>",
])
def test_where_nothing_else_would_be_left_the_quoted_is_read(text: str):
    assert plain_text(text).replace(",", "").endswith("i can't come on thursday sorry")


@pytest.mark.parametrize(("text", "left"), [
    ("<p>Can&rsquo;t <b>come</b></p>", "can't come"),
    ("I can&#39;t come &amp; won&#x2019;t", "i can't come & won't"),
    ("one<br>two<br/>three", "one two three"),
    ("<html><head><style>p {color: red}</style><title>x</title></head><body><p>come</p></body></html>", "come"),
    ("<!-- hidden --><div>come</div><script>alert(1)</script>", "come"),
    ("<div>come</div><div class=\"gmail_quote\">On 3 March you wrote:<blockquote>please confirm</blockquote></div>",
     "come"),
    ("<p>come</p><blockquote type=cite>please confirm</blockquote>", "come"),
    ("come<style>never closed", "come"),
])
def test_markup_goes(text: str, left: str):
    assert plain_text(text) == left


@pytest.mark.parametrize(("text", "left"), [
    ("Iâ€™ll call", "i'll call"),
    ("my fiancÃ© is ill", "my fiancé is ill"),
    ("Iâ€™ll call â€“ sorry", "i'll call - sorry"),
    ("cafÃ© at noon", "café at noon"),
    ("Ça va, à bientôt", "ça va, à bientôt"),
    ("I’ll call".encode(), "i'll call"),
    ("I’ll call".encode("cp1252"), "i'll call"),
    ("I’ll call".encode("utf-16"), "i'll call"),
    (b"\xef\xbb\xbfI'll call", "i'll call"),
    ("I\u200b'll\u200e call\u202e", "i'll call"),
    ("can\u00adcel", "cancel"),
    ("I'll\u00a0call\u2003you", "i'll call you"),
    ("ｃａｎｃｅｌ", "cancel"),
    ("\x00\x00can\x00cel", "can cel"),
    ("lone \ud800 half", "lone half"),
    ("one\u2028two", "one two"),
])
def test_letters_that_were_garbled_on_the_way_are_mended(text: object, left: str):
    assert plain_text(text) == left


@pytest.mark.parametrize("text", [None, float("nan"), 3, [], b"", "", " \n\t", "\u200b", "<p></p>"])
def test_what_is_no_text_is_empty(text: object):
    assert plain_text(text) == ""


PIECES = (
    "<", "<a ", "<!--", "<style>", "<blockquote>", "<div ", "&", "&#", ">\n", "> a\n", "a\n", "\n", "On 3 ", "On 3\n",
    "From: a\n", "_", "-", "--\n", "a@", "@", "1.", "1:2", "Ã", "â€", "Thanks\n", "Kind regards\nJo\n", "confidential ",
    "this email ", "Sent from my ", "a", " ", "\x00", "This e-mail\n", "wrote: ", "On wrote:\n", "<div gmail_quote>",
)


@pytest.mark.parametrize("piece", PIECES)
def test_100_kilobytes_of_anything_are_read_in_time_that_grows_with_length(piece: str):
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        begun = time.process_time()
        plain_text(text)
        return time.process_time() - begun

    assert min(seconds(100_000) for _ in range(2)) < 0.5


def test_a_reply_above_a_long_thread_is_found():
    thread = "\n".join(f"> {CLINIC}" for _ in range(2_000))
    assert plain_text(f"{MINE}\n\nOn 3 Mar 2026, Clinic wrote:\n{thread}") == PLAIN
    assert plain_text(f"<html><style>{'p {} ' * 10_000}</style><p>{MINE}</p></html>") == PLAIN
