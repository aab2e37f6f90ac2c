"""From reasoning about two answers to reasoning about one, by cutting.

As Flex-Judge makes its single-score samples (arXiv 2505.18601): the other answer's share of the
reasoning is cut away, and the rest stays word for word, but for the answer's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from judge.sft.curate.mentions import Place, call_alone, compares, names, without_label

_PREFIX = re.compile(r"\s*(?:(?:[-*•>]|#+|\d{1,2}[.)])\s+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bvs\.)\s+(?=\S)")
_CONCLUDES = re.compile(
    r"\W*(?:overall|in conclusion|conclusion|in summary|to sum up|finally|final|therefore|thus|"
    r"verdict|judge?ment|scores)\b",
    re.IGNORECASE,
)
_LONGEST_HEADING = 80


@dataclass(frozen=True, slots=True)
class _Line:
    """A line as its sentences; ``prefix`` is indentation and the mark of a list or a heading."""

    prefix: str
    sentences: tuple[str, ...]

    @property
    def is_heading(self) -> bool:
        """Whether the line heads what follows: marked as a heading, bold or bracketed as a whole,
        or short and ended by a colon.
        """
        if len(self.sentences) != 1 or len(self.sentences[0]) > _LONGEST_HEADING:
            return False
        text = self.sentences[0]
        bare = text.rstrip(" *_`")
        return (
            "#" in self.prefix
            or bare.endswith(":")
            or re.fullmatch(r"\*\*[^*]+\*\*|\[[^\]]+\]", text) is not None
        )


@dataclass(frozen=True, slots=True)
class _Subject:
    """Of whom the reasoning speaks: an answer, both (``place`` None), until another is named.

    One that a heading or a label named ``lasts`` beyond its paragraph.
    """

    place: Place | None
    lasts: bool


def cut_to_single(reasoning: str, place: Place) -> str | None:
    """The share of pairwise reasoning that is about one of the answers.

    Kept are the sentences about it, and what comes before the other one is first named and is
    about neither. It is called "the assistant" (or "the answer", …), and lines that only name it
    go. A sentence belongs to whom it names, and else to the one before it in its paragraph; below
    a heading or a label ("answer 1:") to the one that it names, until another is named. Sentences
    that name both or compare go.

    Returns None where nothing about the answer is left, or where the other one is still named.
    """
    kept: list[str] = []
    is_about_it = False
    for prefix, sentences in _owned(reasoning, place):
        shown = [text for text, _ in sentences]
        is_about_it = is_about_it or any(owned for text, owned in sentences if text)
        if any(shown):
            kept.append(prefix + " ".join(filter(None, shown)))
        elif not sentences and kept:
            kept.append("")
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    if not is_about_it or names(text, 1) or names(text, 2):
        return None
    return text


def _owned(reasoning: str, place: Place) -> Iterator[tuple[str, list[tuple[str, bool]]]]:
    """Each line's prefix and those of its sentences that are kept, as they will be written, with
    whether each is about the answer. An empty line has no sentences, one that is cut an empty one.
    """
    other: Place = 1 if place == 2 else 2
    subject: _Subject | None = None
    is_other_named = False
    for line in map(_read_line, reasoning.strip().splitlines()):
        if not line.sentences:
            subject = subject if subject and subject.lasts else None
            yield "", []
            continue
        sentences = []
        for position, sentence in enumerate(line.sentences):
            is_other_named = is_other_named or names(sentence, other)
            if compares(sentence) and not is_other_named:  # an introduction, and then the question
                sentences.append(("", False))
                continue
            label = without_label(sentence, place) if position == 0 else None
            subject = _subject_of(
                sentence, subject, is_heading=line.is_heading, ends=is_other_named
            )
            if subject is None:
                sentences.append(("" if is_other_named else sentence, False))
            elif subject.place == place:
                text = sentence if label is None else label
                sentences.append((call_alone(text, place), True))
            else:
                sentences.append(("", False))
        yield line.prefix, sentences


def _subject_of(
    sentence: str, before: _Subject | None, *, is_heading: bool, ends: bool
) -> _Subject | None:
    """Of whom a sentence speaks, after that before it; ``ends`` says whether the other answer has
    been named, so that what comes next may be about both without a word of it.
    """
    if compares(sentence):
        return _Subject(None, lasts=is_heading)
    for place in (1, 2):
        if names(sentence, place):
            is_label = is_heading or without_label(sentence, place) is not None
            return _Subject(place, lasts=is_label)
    if ends and _CONCLUDES.match(sentence):
        return _Subject(None, lasts=True)
    return before


def _read_line(line: str) -> _Line:
    match = _PREFIX.match(line)
    prefix = match[0] if match else ""
    rest = line[len(prefix) :].rstrip()
    return _Line(prefix, tuple(_SENTENCE_END.split(rest)) if rest else ())
