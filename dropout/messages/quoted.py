"""What in an e-mail is not the message: the mail that it answers, signatures, legal notices, markup.

Everything is done line by line or in one pass, so that time grows with length and no more. Where nothing would be left,
less is taken away.
"""

from __future__ import annotations

import html
import re

_TAG = re.compile(r"</?[a-zA-Z!][^<>]*>")
_BREAK = re.compile(r"<(?:br|p|div|li|tr|h[1-6])\b[^<>]*>|</(?:p|div|li|tr|h[1-6])>", re.IGNORECASE)
_OPENS = re.compile(r"<!--|<(style|script|head|title|blockquote)\b[^<>]*>", re.IGNORECASE)
_PAGE = re.compile(r"<!|</?(?:html|body|head|style|script|title|p|div|br|span|table|t[dr]|b|i|u|a|h[1-6]|ul|li|strong|em|font|"
                   r"blockquote|center|img|pre)(?:[\s/>]|$)", re.IGNORECASE)

_SEPARATOR = re.compile(
    r"\s*[-_*]{2,}\s*(?:original (?:message|appointment)|forwarded message|reply message|urspr\w+ nachricht|"
    r"weitergeleitete nachricht|message (?:d'origine|original|transf\w+)|mensaje (?:original|reenviado)|"
    r"mensagem (?:original|encaminhada)|messaggio originale|oorspronkelijk bericht|ursprungligt meddelande)\b.*",
    re.IGNORECASE)
_RULE = re.compile(r"\s*_{8,}\s*")
_WROTE = re.compile(
    r"\b(?:wrote|schrieb(?: [^:]{0,80})?|a écrit|escribió|escreveu|ha scritto|schreef(?: [^:]{0,80})?|skrev(?: [^:]{0,80})?|"
    r"napisał(?:\(a\))?|написал\(?а?\)?|yazdı)\s*:\s*$", re.IGNORECASE)
_WROTE_BEGINS = re.compile(r"\s*(?:on|am|le|el|em|il giorno|il|op|den|w dniu|\d{1,4}[-./ ]|[a-z]{3},? \d)", re.IGNORECASE)
_FIELD = re.compile(
    r"\s*\*?(?:from|sent|date|to|cc|subject|von|gesendet|datum|an|betreff|de|envoyé|à|objet|enviado(?: el)?|fecha|para|"
    r"asunto|da|inviato|data|a|oggetto|van|verzonden|aan|onderwerp|fra|från|skickat|till|ämne|assunto)\s?:\*?(?:\s|$)",
    re.IGNORECASE)
_FIRST_FIELD = re.compile(r"\s*\*?(?:from|von|de|da|van|fra|från)\s?:\*?\s", re.IGNORECASE)
_QUOTE = re.compile(r"\s*[>|]")
_DEVICE = re.compile(
    r"\s*(?:sent (?:from|via|with) (?:my |the )?[\w ]{2,40}|get outlook for \w+|von meinem .{2,40} gesendet|"
    r"gesendet (?:von|mit) .{2,40}|envoyé (?:de|depuis) .{2,40}|enviado (?:desde|do) .{2,40}|inviato da .{2,40}|"
    r"verzonden vanaf .{2,40}|sent from .{2,40})[.!]?\s*", re.IGNORECASE)
_DEVICE_NAME = re.compile(r"iphone|ipad|android|samsung|galaxy|outlook|mail|mobile|phone|blackberry|huawei|pixel|portable|"
                          r"m[oó]vil|handy|aol|proton|device|tablet|celular|telefon", re.IGNORECASE)
_SIGN_OFF = re.compile(
    r"\s*(?:(?:with )?(?:kind(?:est)?|best|warm(?:est)?|many|with|my)? ?(?:regards|wishes|thanks)|thanks|thank you|"
    r"yours(?: sincerely| faithfully| truly)?|sincerely|cheers|best|love|respectfully|kr|rgds)"
    r"(?: (?:and|&) (?:regards|(?:best|kind) (?:regards|wishes)))?\s*[,.!-]*\s*", re.IGNORECASE)
_CONTACT = re.compile(r"@|www\.|https?:|\d[\d\s().-]{6,}\d|\b(?:tel|mob|mobile|phone|fax|ltd|inc|llc|gmbh|plc|road|street|avenue|"
                      r"manager|director|officer|engineer|consultant|department|university|school)\b|\|", re.IGNORECASE)
_LEGAL = re.compile(
    r"\s*\W*(?:confidentiality (?:notice|note)|disclaimer\s*:|legal notice|privileged (?:and|&) confidential|"
    r"(?:this|the information (?:contained )?in this) (?:e-?mail|message|communication|transmission)\b[^.]{0,80}?"
    r"(?:\bconfidential|\bintended|\bany attach|\bprivileged|\bits attach|\bmay contain)|"
    r"please (?:consider|think of) the environment|diese e-?mail enthält|ce message (?:et|est)\b.{0,60}(?:confidentiel|pièces)|"
    r"este (?:mensaje|correo)\b.{0,60}(?:confidencial|adjuntos))", re.IGNORECASE)

MOST_CONTACT_LINES = 10
LOOK_AHEAD = 40
HEADER_LINES = 6

_GAP = re.compile(rf"\n{{{LOOK_AHEAD + 2},}}")


def without_markup(text: str) -> str:
    """The words of a page of HTML, one line for each of its paragraphs; anything else unchanged but for entities."""
    if "<" in text and _PAGE.search(text):
        stripped = _TAG.sub("", _BREAK.sub("\n", _without_blocks(text, quotes=True)))
        if not stripped.strip():
            stripped = _TAG.sub("", _BREAK.sub("\n", _without_blocks(text, quotes=False)))
        text = stripped
    return html.unescape(text) if "&" in text else text


def _without_blocks(text: str, quotes: bool) -> str:
    """HTML without comments, styles, scripts and (if wished) what it quotes; what is never closed goes to the end."""
    kept, at, lower = [], 0, text.lower()
    found = _OPENS.search(text)
    if quotes:
        mail = re.search(r"<div[^<>]{0,200}(?:gmail_quote|yahoo_quoted|divrplyfwdmsg|moz-cite-prefix)", lower)
        if mail and _TAG.sub("", _without_blocks(text[: mail.start()], quotes=False)).strip():
            text, lower = text[: mail.start()], lower[: mail.start()]
            found = _OPENS.search(text)
    while found:
        name = (found.group(1) or "").lower()
        if name == "blockquote" and not quotes:
            kept.append(text[at : found.end()])
            at = found.end()
        else:
            kept.append(text[at : found.start()])
            closing = lower.find(f"</{name}" if name else "-->", found.end())
            if closing < 0:
                return "".join(kept)
            end = text.find(">", closing)
            at = end + 1 if end >= 0 else len(text)
        found = _OPENS.search(text, at)
    return "".join([*kept, text[at:]])


def own_words(text: str) -> str:
    """A message without what it quotes, its signature and legal notices; itself where nothing else would be left."""
    if "\n" not in text:
        return text
    # Nothing looks further than this across blank lines, of which a page made into text may hold thousands.
    lines = _GAP.sub("\n" * (LOOK_AHEAD + 2), text).split("\n")
    own = _without_quotes(lines)
    own = _without_signature(own)
    left = "\n".join(own).strip()
    if _has_letter(left):
        return left
    return "\n".join(re.sub(r"^[\s>|]+", "", line) for line in lines if not _is_header(line))


def _is_header(line: str) -> bool:
    return bool(_FIELD.match(line) or _SEPARATOR.fullmatch(line) or (_WROTE.search(line) and _WROTE_BEGINS.match(line)))


def _without_quotes(lines: list[str]) -> list[str]:
    """Lines that the sender wrote; what stands below a quote counts only where nothing stands above, or marks are used."""
    own: list[str] = []
    written, i = False, 0
    while i < len(lines):
        length = _header_at(lines, i)
        if length:
            after = next((line for line in lines[i + length :] if line.strip()), "")
            if not _QUOTE.match(after) and written:
                break
            i += length
            if not _QUOTE.match(after):  # a whole thread without marks: its first paragraph below the header is quoted
                i = _after_paragraph(lines, i)
            continue
        if not _QUOTE.match(lines[i]):
            own.append(lines[i])
            written = written or _has_letter(lines[i])
        i += 1
    return own


def _after_paragraph(lines: list[str], i: int) -> int:
    """Where the paragraph that begins at or after line `i` has ended."""
    while i < len(lines) and not lines[i].strip():
        i += 1
    while i < len(lines) and lines[i].strip():
        i += 1
    return i


def _header_at(lines: list[str], i: int) -> int:
    """How many lines a header of a quoted mail takes that begins at line `i`; 0 where none does."""
    line = lines[i]
    if _SEPARATOR.fullmatch(line) or _RULE.fullmatch(line):
        return 1 + _fields(lines, i + 1)
    if _FIRST_FIELD.match(line) and _fields(lines, i) >= 2:
        return _fields(lines, i)
    if _WROTE_BEGINS.match(line):
        joined = ""
        for more in range(3):
            if i + more >= len(lines) or not lines[i + more].strip():
                break
            joined = f"{joined} {lines[i + more][:300]}"
            if _WROTE.search(joined):
                return more + 1 if re.search(r"\d|@", joined) else 0
    return 0


def _fields(lines: list[str], i: int) -> int:
    """How many lines from line `i` on are fields of a mail's header (blank lines before the first are counted)."""
    n = 0
    while i + n < len(lines) and n < 2 and not lines[i + n].strip():
        n += 1
    blank = n
    while i + n < len(lines) and n - blank < HEADER_LINES and _FIELD.match(lines[i + n]):
        n += 1
    return n if n > blank else 0


def _without_signature(lines: list[str]) -> list[str]:
    """Lines without names of devices, legal notices, what follows `--`, and contacts after a greeting at the end."""
    own: list[str] = []
    written = False
    for i, line in enumerate(lines):
        if written and line.rstrip() in ("--", "—"):
            break
        if _LEGAL.match(line[:400]):
            if written:
                break
            continue
        if _DEVICE.fullmatch(line[:120]) and _DEVICE_NAME.search(line):
            continue
        own.append(line)
        if written and line.strip() and _SIGN_OFF.fullmatch(line[:80]):
            rest = [after.strip() for after in lines[i + 1 : i + LOOK_AHEAD] if after.strip()]
            if rest and len(lines) - i <= LOOK_AHEAD and _is_contact(rest):
                break
        written = written or _has_letter(line)
    return own


def _has_letter(line: str) -> bool:
    return any(letter.isalpha() for letter in line)


def _is_contact(rest: list[str]) -> bool:
    """Whether the lines after a greeting are a name and a block of contacts, not a message that goes on."""
    block = []
    for line in rest:
        if _LEGAL.match(line[:400]):
            break
        block.append(line)
    if len(block) > MOST_CONTACT_LINES or any(line[:2].lower() in ("ps", "p.") for line in block):
        return False
    plain = [line for line in block if not _CONTACT.search(line) and not _DEVICE.fullmatch(line[:120])]
    return all(len(line.split()) <= 5 and not line.endswith("?") for line in plain) and all(len(line) <= 120 for line in block)
