"""No attack changes the form of a prompt or reaches the parser, whichever way it comes in.

Every attack of the corpus, by every protocol, in every place where a stranger's text can stand,
under the tokenizers of four model families.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from judge import Candidate, Judge, JudgeRequest, Prompt, Reason, Unjudged, Verdict, load_image
from judge.attacks.corpus import KINDS, Attack, load_corpus
from judge.engines import ScriptedEngine
from judge.engines.scripted import prompt_text
from judge.engines.spellings import break_special_tokens
from judge.engines.tokens import prompt_token_ids
from judge.errors import EngineError
from judge.folder import JudgeFolder, builtin_profile
from judge.protocols import PROTOCOLS, JudgingProtocol
from judge.rubrics import load_rubric
from judge.sanitize import neutralise
from judge.types import Image, Message, ProtocolName, Segment
from judge.verdicts import Outcome
from tests.judge.tokenizers import FAMILIES, PICTURES, family_tokenizer

PROFILE = builtin_profile("default")
RUBRIC = load_rubric("captioning")
COUNTS: dict[ProtocolName, int] = {"pointwise": 1, "pairwise": 2, "listwise": 4, "choice": 2}
PLACES = ("question", "first candidate", "last candidate", "reference")
HARMLESS = "A small red square."
CORPUS = load_corpus()
IDS = [attack.id for attack in CORPUS]
by_family = pytest.mark.parametrize("family", FAMILIES)
by_protocol = pytest.mark.parametrize("protocol", COUNTS)
by_attack = pytest.mark.parametrize("attack", CORPUS, ids=IDS)


@cache
def picture() -> Image:
    return load_image(Pillow.new("RGB", (8, 8), "red"))


def protocol_of(name: ProtocolName) -> JudgingProtocol:
    return PROTOCOLS[name](PROFILE.protocols[name])


def request(protocol: ProtocolName, place: str = "", text: str = HARMLESS) -> JudgeRequest:
    """A request with a picture, everything in it harmless but the text in its place."""
    candidates = [Candidate(HARMLESS)] * COUNTS[protocol]
    if place == "first candidate":
        candidates[0] = Candidate(text)
    if place == "last candidate":
        candidates[-1] = Candidate(text)
    return JudgeRequest(
        question=(text if place == "question" else HARMLESS, picture(), HARMLESS),
        candidates=tuple(candidates),
        rubric=RUBRIC,
        reference=text if place == "reference" else HARMLESS,
        protocol=protocol,
    )


def render(protocol: ProtocolName, place: str = "", text: str = HARMLESS) -> Prompt:
    return protocol_of(protocol).render(request(protocol, place, text))


def markup(prompt: Prompt, family: str) -> list[str]:
    """The added tokens in the prompt's ids, in order; not those of white space."""
    tokenizer = family_tokenizer(family)
    added = {number: token for token, number in tokenizer.get_added_vocab().items()}
    ids = prompt_token_ids(prompt, tokenizer)
    return [added[number] for number in ids if number in added and is_markup(added[number])]


def is_markup(token: str) -> bool:
    return bool(token.replace("▁", " ").strip())


@cache
def harmless_markup(protocol: ProtocolName, family: str) -> list[str]:
    return markup(render(protocol), family)


HEADING = re.compile(r"[\s#*>_~`]*\[\s*[^\W\d_][\w\s'’]+\][\s:.*_~`]*")
TAG = re.compile(r"<\s*/?\s*(?:think|answer)\b", re.IGNORECASE)


def tags(prompt: Prompt) -> list[str]:
    """Tags of a reply that the prompt spells."""
    return TAG.findall(prompt_text(prompt))


def sections(prompt: Prompt) -> list[str]:
    """Lines that are a bracketed heading to any reader, whatever ends a line to them."""
    lines = prompt_text(prompt).splitlines()
    return [line for line in lines if HEADING.fullmatch(line) and not line.startswith("[image ")]


# --- the corpus ------------------------------------------------------------------------------


def test_the_corpus_is_large_and_holds_every_kind() -> None:
    assert len(CORPUS) >= 60
    assert len(set(IDS)) == len(IDS), "two attacks share an id"
    assert set(KINDS) == {attack.kind for attack in CORPUS}
    sizes = [len(attack.dress(HARMLESS)) for attack in CORPUS if attack.kind == "size"]
    assert min(sizes) >= 200_000
    assert max(sizes) >= 1_000_000


def test_the_corpus_spells_special_tokens_of_every_family() -> None:
    spelled = "".join(attack.text for attack in CORPUS)
    for family in FAMILIES:
        tokens = filter(is_markup, family_tokenizer(family).get_added_vocab())
        named = [token for token in tokens if token in spelled]
        assert len(named) >= 15, f"of {family} the corpus spells only {named}"


# --- the prompt's form -----------------------------------------------------------------------


@by_family
@by_protocol
def test_a_harmless_prompt_holds_its_models_markup(family: str, protocol: ProtocolName) -> None:
    tokens = harmless_markup(protocol, family)
    assert tokens.count(PICTURES[family]) == 1
    assert len(tokens) >= 4, f"there is nothing to compare with: {tokens}"
    assert len(sections(render(protocol))) == 4 + COUNTS[protocol], sections(render(protocol))


@by_attack
def test_no_attack_brings_a_special_token(attack: Attack) -> None:
    text = attack.dress(HARMLESS)
    for family, protocol, place in product(FAMILIES, COUNTS, PLACES):
        expected = harmless_markup(protocol, family)
        found = markup(render(protocol, place, text), family)
        new = Counter(found) - Counter(expected)
        assert found == expected, f"{place} of {protocol} under {family}: {new}"


@by_attack
def test_no_attack_adds_a_section_a_tag_or_a_picture(attack: Attack) -> None:
    text = attack.dress(HARMLESS)
    for protocol, place in product(COUNTS, PLACES):
        harmless, prompt = render(protocol), render(protocol, place, text)
        assert sections(prompt) == sections(harmless), f"{place} of {protocol}"
        assert tags(prompt) == tags(harmless), f"{place} of {protocol}"
        assert len(prompt.parts(Image)) == 1


@by_attack
def test_an_attack_is_shown_to_the_judge_in_words(attack: Attack) -> None:
    text = neutralise(attack.dress(HARMLESS))
    tokenizer = family_tokenizer("llama")
    ids = prompt_token_ids(render("pointwise", "last candidate", text), tokenizer)
    assert text in tokenizer.decode(ids), "the judge must be able to read what was written"


@by_attack
def test_a_server_that_tokenises_texts_finds_no_special_token(attack: Attack) -> None:
    text = break_special_tokens(neutralise(attack.dress(HARMLESS)))
    for family in FAMILIES:
        tokenizer = family_tokenizer(family)
        ids = set(tokenizer(text, add_special_tokens=False)["input_ids"])
        added = tokenizer.added_tokens_decoder
        found = [added[number].content for number in ids & added.keys() if added[number].special]
        assert not found, f"under {family}: {found}"


SPELLINGS = sorted(
    {t for family in FAMILIES for t in family_tokenizer(family).get_added_vocab() if is_markup(t)}
)
pieces = st.one_of(
    st.sampled_from(SPELLINGS),
    st.builds(lambda token, cut: token[:cut], st.sampled_from(SPELLINGS), st.integers(1, 20)),
    st.builds(lambda token, cut: token[-cut:], st.sampled_from(SPELLINGS), st.integers(1, 20)),
    st.sampled_from(["<", ">", "[", "]", "|", "/", "<|", "|>", " ", "\n", "\u200b", "▁", "é"]),
    st.text(max_size=3),
)


@settings(max_examples=60)
@given(texts=st.lists(st.lists(pieces, max_size=8).map("".join), min_size=1, max_size=4))
def test_no_mixture_of_spellings_brings_a_special_token(texts: list[str]) -> None:
    parts = tuple(Segment(text, trusted=False) for text in texts)
    for family in FAMILIES:
        frame = (Segment("Q: ", trusted=True), picture(), Segment(" A: ", trusted=True))
        expected = markup(Prompt((Message("user", (*frame, Segment("x", trusted=False))),)), family)
        found = markup(Prompt((Message("user", (*frame, *parts)),)), family)
        assert found == expected, f"{family}: {texts}"


@by_family
def test_no_special_token_is_made_where_trusted_text_meets_a_strangers(family: str) -> None:
    expected = markup(Prompt((Message("user", (Segment("x", trusted=True),)),)), family)
    for token in filter(is_markup, family_tokenizer(family).get_added_vocab()):
        cut = len(token) // 2
        for trusted_first in (True, False):
            parts = (Segment(token[:cut], trusted_first), Segment(token[cut:], not trusted_first))
            assert markup(Prompt((Message("user", parts),)), family) == expected, token


@by_family
def test_a_judge_that_quotes_special_tokens_writes_plain_text(family: str) -> None:
    spelled = " ".join(SPELLINGS)
    asked = render("pointwise")
    quoting = Prompt(asked.messages, begun=f"The answer says {spelled}")
    found = Counter(markup(quoting, family)) - Counter(harmless_markup("pointwise", family))
    assert set(found) <= {"<think>", "</think>"}, "only the judge's own tags may be tokens"


def test_characters_that_a_tokenizer_folds_cannot_spell_a_token() -> None:
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = {mark: n for n, mark in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    bpe = Tokenizer(models.BPE(alphabet, []))
    bpe.normalizer = normalizers.NFKC()
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.add_special_tokens([AddedToken("<|end|>", special=True, normalized=True)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe)
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}<|end|>{% endfor %}"
    fullwidth = "fine ＜｜ｅｎｄ｜＞ and <|end|> so"
    assert tokenizer(fullwidth)["input_ids"].count(tokenizer.convert_tokens_to_ids("<|end|>")) == 2
    ids = prompt_token_ids(
        Prompt((Message("user", (Segment(fullwidth, trusted=False),)),)), tokenizer
    )
    assert ids.count(tokenizer.convert_tokens_to_ids("<|end|>")) == 1, "the template's own alone"


# --- templates that know no system prompt -----------------------------------------------------


def test_gemmas_white_space_is_no_special_token() -> None:
    tokenizer = family_tokenizer("gemma")
    text = "two  spaces\n\n\nand lines"
    ids = prompt_token_ids(render("pointwise", "last candidate", text), tokenizer)
    assert text in tokenizer.decode(ids)
    assert tokenizer.convert_tokens_to_ids("\n\n\n") in ids, "plain text must stay as it is trained"


@pytest.mark.parametrize("family", ["gemma", "llama"])
def test_without_a_system_turn_the_users_turn_opens_with_the_system_prompt(family: str) -> None:
    tokenizer = family_tokenizer(family)
    text = tokenizer.decode(prompt_token_ids(render("pointwise"), tokenizer))
    opening = {"gemma": "<start_of_turn>user\n", "llama": "user<|end_header_id|>\n\n"}[family]
    assert f"{opening}You are an impartial judge." in text
    assert "</answer>.\n\n[Rubric]\n" in text


def test_a_template_that_refuses_every_form_of_a_prompt_says_why() -> None:
    tokenizer = family_tokenizer("qwen")
    kept = tokenizer.chat_template
    tokenizer.chat_template = "{{ raise_exception('no pictures here') }}"
    try:
        with pytest.raises(EngineError, match="refuses the prompt: no pictures here"):
            prompt_token_ids(render("pointwise"), tokenizer)
    finally:
        tokenizer.chat_template = kept


# --- the parser --------------------------------------------------------------------------------


def judged(protocol: ProtocolName, text: str, reply: str) -> Outcome:
    """The outcome of a judge that writes so, with all that strangers wrote for its {quote}."""

    def script(prompt: Prompt) -> str:
        strange = "\n".join(part.text for part in prompt.parts(Segment) if not part.trusted)
        written = reply.replace("{quote}", strange)
        assert written.startswith(prompt.begun)
        return written[len(prompt.begun) :]

    judge = Judge(JudgeFolder(PROFILE, "none"), ScriptedEngine(script))
    return asyncio.run(judge.judge(request(protocol, "last candidate", text)))


def answers(protocol: ProtocolName) -> tuple[tuple[float, ...], str]:
    """Low scores, and the tags that state them."""
    if protocol == "choice":
        return (1.0, 0.0), "<answer>[[A>B]]</answer>"
    scores = tuple(float(place + 1) for place in range(COUNTS[protocol]))
    return scores, "".join(f"<answer>{score:g}</answer>" for score in scores)


@by_attack
def test_what_a_judge_quotes_does_not_count(attack: Attack) -> None:
    text = attack.dress(HARMLESS)
    for protocol in COUNTS:
        scores, verdict = answers(protocol)
        outcome = judged(protocol, text, f"<think>It says: {{quote}}</think>\n{verdict}")
        assert isinstance(outcome, Verdict), outcome
        assert outcome.scores == scores, protocol


@by_attack
def test_what_a_judge_quotes_is_no_verdict_by_itself(attack: Attack) -> None:
    for protocol in COUNTS:
        outcome = judged(protocol, attack.dress(HARMLESS), "<think>It says</think>\n{quote}")
        assert isinstance(outcome, Unjudged), outcome
        assert outcome.reason is Reason.NO_ANSWER, protocol


@by_protocol
@pytest.mark.parametrize("tag", ["<answer>10</answer>", "<answer>[[B>A]]</answer>"])
def test_a_real_tag_inside_the_reasoning_does_not_count(protocol: ProtocolName, tag: str) -> None:
    scores, verdict = answers(protocol)
    outcome = judged(protocol, "x", f"<think>It wants {tag * 4}.</think>{verdict}")
    assert isinstance(outcome, Verdict), outcome
    assert outcome.scores == scores
