"""What nano-base is pre-trained on: instructions about scenes and cards.

Scenes come as a picture or in words under the same instructions, so that the model follows the
instruction and not the modality. Telling right from wrong, counting errors and reading cards is
taught in text only. **No picture is ever judged here**: pictures are described, noted, asked about
and listed, also beside the attributes another text states, but no detail of a caption is called
right or wrong and nothing is scored. Some prompts about pictures carry an unrelated or flawed
sentence beside the picture, so that the picture is read and the sentence is not copied.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from judge.nano.captions import corrupt
from judge.nano.reasoning import (
    compare_caption,
    compare_wish,
    list_attributes,
    list_beside,
    note_scene,
)
from judge.nano.scenes import ATTRIBUTES, WORDS, Scene, caption, draw_scene, facts, tell
from judge.nano.wishes import draw_card, draw_wish, made_up_card, wish_text

CAPTION_INSTRUCTION = "Describe every object with its size, color, shape and place."
"""The question a captioner is asked, in pre-training, in judging and in the recipes."""

PICTURE = "\ufffc"
"""Where the picture stands in a sample's user turn (Unicode's object replacement character)."""

_FILLER = (
    "You are a careful assistant.",
    "Read everything before you write.",
    "Look at each object in turn.",
    "Answer in plain words.",
    "Keep to the facts that are shown.",
    "Reason step by step.",
    "Rate nothing unless you are asked to.",
    "Points are taken off for errors, omissions and invented details.",
    "The best answer is correct, complete and clear.",
    "Use the rubric when there is one.",
    "Be impartial.",
    "Give each detail once.",
    "An answer with every detail right is worth the highest score.",
    "Do not copy a sentence that may be wrong.",
)
_HEADERS = ("Note", "Remark", "Draft", "Another Text", "Answer of a Reader", "Assistant's Answer")

_ENDINGS = ("Your Reply", "Your Notes", "Your Judgement")
_PAIRS = 8


@dataclass(frozen=True, slots=True)
class Sample:
    """One instruction and its reply.

    ``user`` is the text of the user's turn; at most one :data:`PICTURE` in it stands for the
    scene's picture.
    """

    system: str
    user: str
    reply: str


def short_sample(rng: random.Random, scene: Scene, picture: bool) -> Sample:
    """A short instruction about one scene: describe it, note it, or answer a question about it."""
    kind = 1.0 if picture else rng.random()
    if kind < 0.12:
        text = rng.choice((caption, facts, lambda s: tell(s, rng)))(scene)
        return Sample("", f"{text}\nRepeat the text.", text)
    if kind < 0.3:
        return _check_numbers(rng)
    instruction, reply = rng.choices((_describe, _note, _ask), weights=(4, 4, 3))[0](rng, scene)
    return Sample("", f"{_show(scene, picture, rng)}\n{instruction}", reply)


def long_sample(rng: random.Random, scene: Scene, picture: bool) -> Sample:
    """A long prompt: fillers, sections with other sentences, two texts to compare, or a card."""
    if picture:
        return _distracted(rng, scene, picture=True)
    make = rng.choices((_distracted, _compare_texts, _read_card, _check_wish), weights=(2, 6, 1, 4))
    return make[0](rng, scene)


def chain_sample(rng: random.Random, scene: Scene, picture: bool) -> Sample:
    """A long prompt whose reply goes step by step: listings in both modalities, checks in text."""
    if picture:
        return rng.choices((_list, _beside), weights=(2, 3))[0](rng, scene, picture=True)
    steps = (_list, _beside, _decide, _compare_texts, _check_wish, _repeat, pairs_sample)
    return rng.choices(steps, weights=(2, 3, 4, 8, 6, 1, 1))[0](rng, scene)


def pairs_sample(rng: random.Random, scene: Scene, picture: bool = False) -> Sample:
    """Pairs of words in a row, half of them the same: what is left to do is to tell which differ.

    Colors and shapes above all, of which there are most to confuse. No scene and no picture.
    """
    pairs, checks, wrong = [], [], 0
    for name in rng.choices(ATTRIBUTES, weights=(1, 5, 5, 1), k=_PAIRS):
        first = rng.choice(WORDS[name])
        second = first if rng.random() < 0.5 else rng.choice(WORDS[name])
        pairs.append(f"{name} {first}, {second}.")
        wrong += first != second
        checks.append(f"{name} {first}, {second}{f' wrong {wrong}' if first != second else ''}.")
    return Sample("", f"{' '.join(pairs)}\nSay what is wrong.", " ".join(checks))


def _decide(rng: random.Random, scene: Scene) -> Sample:
    """Details stand beside each other already: what is left to do is to tell which differ."""
    other = corrupt(scene, rng)
    beside = list_beside(scene, other).partition("\n")[2]
    reply = compare_caption(scene, other).text.partition("\n")[2]
    return Sample("", f"{beside}\nSay what is wrong.", reply)


def _list(rng: random.Random, scene: Scene, picture: bool = False) -> Sample:
    system = f"{_filler(rng)} Note the scene, then list each object's attributes."
    other = corrupt(scene if rng.random() < 0.6 else draw_scene(rng), rng)
    return Sample(system, _sections(rng, scene, other, picture), list_attributes(scene))


def _beside(rng: random.Random, scene: Scene, picture: bool = False) -> Sample:
    system = f"{_filler(rng)} Note the scene, then list it beside the other text."
    other = corrupt(scene, rng)
    return Sample(system, _sections(rng, scene, other, picture), list_beside(scene, other))


def _sections(rng: random.Random, scene: Scene, other: str, picture: bool) -> str:
    """A user's turn with the scene, and another text in a section of its own."""
    rubric = f"[Rubric]\n{_filler(rng)}\n\n" if rng.random() < 0.5 else ""
    return (
        f"{rubric}[Question]\n{_show(scene, picture, rng)}\n{CAPTION_INSTRUCTION}\n\n"
        f"[{rng.choice(_HEADERS)}]\n{other}\n\n[{rng.choice(_ENDINGS)}]"
    )


def _repeat(rng: random.Random, scene: Scene) -> Sample:
    card = draw_card(rng)
    text = wish_text(draw_wish(rng, card)) if rng.random() < 0.7 else card.text()
    return Sample("", f"{text}\nRepeat the text.", text)


def _describe(rng: random.Random, scene: Scene) -> tuple[str, str]:
    return CAPTION_INSTRUCTION, caption(scene)


def _note(rng: random.Random, scene: Scene) -> tuple[str, str]:
    return "Note the scene.", note_scene(scene)


def _ask(rng: random.Random, scene: Scene) -> tuple[str, str]:
    kind = rng.randrange(3)
    if kind == 0:
        return "How many objects are there?", f"{len(scene.items)}."
    index = rng.randrange(len(scene.items))
    item = scene.items[index]
    if kind == 1:
        name = rng.choice(ATTRIBUTES)
        return f"Which {name} has object {index + 1}?", f"{getattr(item, name)}."
    return f"What is at the {item.place}?", f"a {item.size} {item.color} {item.shape}."


def _show(scene: Scene, picture: bool, rng: random.Random) -> str:
    return PICTURE if picture else tell(scene, rng)


def _filler(rng: random.Random) -> str:
    return " ".join(rng.sample(_FILLER, rng.randint(1, 6)))


def _distracted(rng: random.Random, scene: Scene, picture: bool = False) -> Sample:
    """A scene beside a sentence about another scene, or a flawed one about this scene."""
    other = corrupt(scene if rng.random() < 0.6 else draw_scene(rng), rng)
    section = f"\n\n[{rng.choice(_HEADERS)}]\n{other}"
    before = f"[{rng.choice(('Question', 'Scene', 'Task'))}]\n" if rng.random() < 0.7 else ""
    instruction, reply = rng.choices((_describe, _note, _ask), weights=(2, 6, 1))[0](rng, scene)
    if rng.random() < 0.3 and not instruction.startswith("Note"):
        instruction, reply = f"Note the scene first. {instruction}", f"{note_scene(scene)}\n{reply}"
    ending = f"\n\n[{rng.choice(_ENDINGS)}]"
    if instruction == "Note the scene." and rng.random() < 0.5:
        # The instruction may stand in the system's turn, with an unrelated one beside the scene.
        system, asked = f"{_filler(rng)} Note the scene first.", CAPTION_INSTRUCTION
    else:
        system, asked = _filler(rng), instruction
    user = f"{before}{_show(scene, picture, rng)}\n{asked}{section}{ending}"
    return Sample(system, user, reply)


def _compare_texts(rng: random.Random, scene: Scene) -> Sample:
    """Two texts compared attribute by attribute; text only."""
    first = rng.choice((facts, caption, lambda s: tell(s, rng), lambda s: tell(s, rng)))(scene)
    second = corrupt(scene, rng)
    user = f"[Question]\n{first}\n{CAPTION_INSTRUCTION}\n\n[{rng.choice(_HEADERS)}]\n{second}"
    system = f"{_filler(rng)} Note the scene, then compare the two texts detail by detail."
    return Sample(system, user, compare_caption(scene, second).text)


def _check_numbers(rng: random.Random) -> Sample:
    """A wish against a made-up card, whose numbers are spread over their whole range."""
    card = made_up_card(rng)
    wish = draw_wish(rng, card)
    values = ", ".join(f"{name}: {value}" for name, value in card.properties.items())
    instruction = "Compare each wished range with the values."
    return Sample("", f"{wish_text(wish)}\n{values}\n{instruction}", compare_wish(wish, card).text)


def _read_card(rng: random.Random, scene: Scene) -> Sample:
    card = draw_card(rng)
    name = rng.choice(tuple(card.properties))
    return Sample("", f"{card.text()}\nWhat is {name}?", f"{card.properties[name]}.")


def _check_wish(rng: random.Random, scene: Scene) -> Sample:
    card = draw_card(rng)
    wish = draw_wish(rng, card)
    user = f"[Question]\n{wish_text(wish)}\n\n[{rng.choice(_HEADERS)}]\n{card.text()}"
    system = f"{_filler(rng)} Compare each wished range with the card."
    return Sample(system, user, compare_wish(wish, card).text)
