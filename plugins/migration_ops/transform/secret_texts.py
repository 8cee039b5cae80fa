"""Texts that hold secrets among other things: what of them may be shown in reports and messages.

Nobody can tell by looking which word of a text is a password. So a report shows of such a text only the words
that changed, and a message leaves out what stands where credentials stand: rather one too many than too few.
"""

from __future__ import annotations

import re

LONGEST = 120
"""A longer text isn't shown whole: nobody can say what it holds."""

LONGEST_MESSAGE = 2000
WITHHELD = "(withheld)"
_LONGEST_WORD = 100
_NAME = r"pass(?:word|wd|phrase)?|pwd|secret|token|credential|private[_-]?key|a(?:pi|ccess|ccount)[_-]?key"
_SUSPICIOUS = re.compile(
    rf"{_NAME}|shared.?access|bearer\s|basic\s|authorization|begin [a-z ]*key|"
    r"(?:^|\s)-p\S{3,}|\s-u\s*\S+:\S",
    re.IGNORECASE,
)
_WORD = re.compile(r"([A-Za-z0-9._-]+)")
_OF_URL = re.compile(r"(?<=://)[^/@\s:]*:[^/\s]+(?=@)")
_BEFORE_HOST = re.compile(r"(?<![\w.%+-])[^\s/@:\"']+:[^\s/@\"']+@(?!sha\d+:)(?=[\w\[])")
_VERSION = r"v?\d+(?:\.\d+){0,2}(?:[-+][\w.+-]*)?(?![\w.:/])"
_PLAIN_LIST = re.compile(r"(?:\s*+[\w.:/*-]{1,100}+\s*+(?:,|$))+")
_EZCONNECT = re.compile(rf"(?<![\w$#./@-])([\w$#.-]++/)([^\s/]+)@(?!sha\d+:|{_VERSION})(?=[\w\[(/])")
"""Oracle's `user/password@host:1521/service`; digests and versions follow names of images and packages."""
_PGPASS = re.compile(
    r"(?<![\w:./*-])([\w.*/\[\]-]++:(?:\d{1,5}|\*):[^\s:\"']++:(?![\d.]+:)[^\s:\"']++:)"
    r"((?:\\.|[^\s:\\\"'])++)(?=[\s\"']|$)"
)
"""PostgreSQL's `host:port:database:user:password`; a time stamp has no name in the fourth place."""
_SECRET_NAME = re.compile(rf"{_NAME}|sharedaccesskey", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"(?<![\w.-])([\w.-]++)(\\*+[\"']?\s*+[:=]\s*+)"
    r"(\\++\"[^\"]*+\"?|\"(?:[^\"\\]|\\.)*+\"?|'[^']*+'?|[^\s,;&\"'}\])]++)"
)
"""A name, and the value that is given to it: also in JSON, in JSON within JSON, and cut off."""
_IN_MESSAGES = (
    (_OF_URL, WITHHELD),
    (_EZCONNECT, rf"\1{WITHHELD}@"),
    (_PGPASS, rf"\1{WITHHELD}"),
    (_BEFORE_HOST, f"{WITHHELD}@"),
    (re.compile(r"\b(bearer|basic)\s+(?=\S*[\d=+/_-])\S+", re.IGNORECASE), rf"\1 {WITHHELD}"),
    (re.compile(r"((?:mysql|mariadb|mysqldump)\b[^\n]*?\s-p)\S+", re.IGNORECASE), rf"\1{WITHHELD}"),
    (re.compile(r"(\s(?:-u|--user)[\s=]*[^\s:]+:)\S+"), rf"\1{WITHHELD}"),
)


def may_hold_secrets(text: str) -> bool:
    """Whether a text is to be shown in parts at most.

    :param text: any text.
    """
    return (
        len(text) > LONGEST
        or "\n" in text.strip()
        or _SUSPICIOUS.search(text) is not None
        or any(form.search(text) is not None for form in (_BEFORE_HOST, _EZCONNECT, _PGPASS))
    )


def is_plain_list(text: str) -> bool:
    """Whether a text is a list of short names, such as addresses or ARNs: its length says nothing about it.

    :param text: any text.
    """
    return _PLAIN_LIST.fullmatch(text) is not None and not any(map(may_hold_secrets, text.split(",")))


def without_credentials(text: str) -> str:
    """Give a message without what stands in it where credentials stand; of a very long one, the beginning.

    :param text: the message.
    """
    if len(text) > LONGEST_MESSAGE:  # nobody reads it, and looking through it takes time
        text = f"{text[:LONGEST_MESSAGE]}…"
    for pattern, instead in _IN_MESSAGES:
        text = pattern.sub(instead, text)
    return _ASSIGNED.sub(_without_value, text)


def _without_value(found: re.Match[str]) -> str:
    if _SECRET_NAME.search(found[1]) is None:
        return found[0]
    return f"{found[1]}{found[2]}{WITHHELD}"


def changed_words(before: str, after: str) -> tuple[str, str] | None:
    """Give the words in which two texts differ; None when more than words changed, or one may be a secret.

    :param before: the former text.
    :param after: the new text.
    """
    if _logins(before) != _logins(after):
        return None
    old, new = _WORD.split(before), _WORD.split(after)
    if len(old) != len(new) or old == new:
        return None
    places = [index for index, (one, other) in enumerate(zip(old, new, strict=True)) if one != other]
    for index in places:
        is_delimiter = index % 2 == 0
        if is_delimiter or max(len(old[index]), len(new[index])) > _LONGEST_WORD:
            return None
        named = old[index - 2] if index > 1 else ""
        if _SUSPICIOUS.search(f"{named} ") or any(text[index + 1][:1] == "@" for text in (old, new)):
            return None
        if any(_SUSPICIOUS.search(f" {text[index]}") for text in (old, new)):
            return None
    return _joined(old, places), _joined(new, places)


def _logins(text: str) -> list[str]:
    return [found[2] for form in (_EZCONNECT, _PGPASS) for found in form.finditer(text)]


def _joined(pieces: list[str], places: list[int]) -> str:
    return "…" + "…".join(pieces[index] for index in places) + "…"
