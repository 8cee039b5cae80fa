"""Texts that hold secrets among other things: what of them may be shown in reports and messages.

Nobody can tell by looking which word of a text is a password. So a report shows of such a text only the words
that changed, and a message leaves out what stands where credentials stand: rather one too many than too few.
"""

from __future__ import annotations

import re

LONGEST = 120
"""A longer text isn't shown whole: nobody can say what it holds."""

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
_IN_MESSAGES = (
    (_OF_URL, WITHHELD),
    (_BEFORE_HOST, f"{WITHHELD}@"),
    (
        re.compile(
            rf"([\w.-]*(?:{_NAME}|sharedaccesskey)[\w.-]*\\?[\"']?\s*[:=]\s*)"
            r"(\\?\"(?:[^\"\\]|\\.)*\\?\"|'[^']*'|[^\s,;&\"'}\])]+)",
            re.IGNORECASE,
        ),
        rf"\1{WITHHELD}",
    ),
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
        or _BEFORE_HOST.search(text) is not None
    )


def without_credentials(text: str) -> str:
    """Give a message without what stands in it where credentials stand.

    :param text: the message.
    """
    for pattern, instead in _IN_MESSAGES:
        text = pattern.sub(instead, text)
    return text


def changed_words(before: str, after: str) -> tuple[str, str] | None:
    """Give the words in which two texts differ; None when more than words changed, or one may be a secret.

    :param before: the former text.
    :param after: the new text.
    """
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


def _joined(pieces: list[str], places: list[int]) -> str:
    return "…" + "…".join(pieces[index] for index in places) + "…"
