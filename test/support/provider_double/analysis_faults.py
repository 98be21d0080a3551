"""Answers to the studio's analyses that are well-formed JSON, and yet not what was asked for. Each is billed."""

import json
from collections.abc import Callable
from typing import Any

from . import analyses
from .faults import FAULTS, Fault, Scene
from .wire import Answer


def spoiled(name: str) -> Callable[[Callable[[dict[str, Any], Scene], None]], Callable[[dict[str, Any], Scene], None]]:
    """Registers what is done to a good answer."""
    def register(spoil: Callable[[dict[str, Any], Scene], None]) -> Callable[[dict[str, Any], Scene], None]:
        def answer(scene: Scene) -> Answer:
            said = analyses.answer(scene.call)
            spoil(said, scene)
            return scene.good(json.dumps(said))
        FAULTS[name] = Fault(0, True, answer)
        return spoil
    return register


@spoiled('member_missing')
def member_missing(said: dict[str, Any], scene: Scene) -> None:
    """member: its name; as it is the first one."""
    del said[scene.options.get('member', next(iter(said)))]


@spoiled('member_unknown')
def member_unknown(said: dict[str, Any], scene: Scene) -> None:
    said['confidence'] = 0.9


@spoiled('member_of_another_type')
def member_of_another_type(said: dict[str, Any], scene: Scene) -> None:
    said[scene.options.get('member', next(iter(said)))] = 7


@spoiled('room_unknown')
def room_unknown(said: dict[str, Any], scene: Scene) -> None:
    if 'assignments' in said:
        said['assignments'][0]['roomType'] = 'spaceship'
    else:
        said['suggestedRoomTypes'] = ['spaceship']


@spoiled('product_missing')
def product_missing(said: dict[str, Any], scene: Scene) -> None:
    said['assignments'].pop()


@spoiled('product_twice')
def product_twice(said: dict[str, Any], scene: Scene) -> None:
    said['assignments'].append(said['assignments'][0])


@spoiled('product_unknown')
def product_unknown(said: dict[str, Any], scene: Scene) -> None:
    said['assignments'][-1]['product'] += 1000


@spoiled('colour_unknown')
def colour_unknown(said: dict[str, Any], scene: Scene) -> None:
    said['colorPalette'] = ['a warm red']


def text_cut(scene: Scene) -> Answer:
    """The model ends in the middle, and says that it is done."""
    return scene.good(json.dumps(analyses.answer(scene.call))[:-20])


FAULTS['text_cut'] = Fault(0, True, text_cut)
