"""What the doubles say where an answer is to fit a schema: of the studio's analyses something that fits their prompt too,
always the same for the same products and the same picture; of any other schema a sample."""

import hashlib
import json
import re
from typing import Any

from . import shape
from .call import Call


def kind(call: Call) -> str:
    """products or scene, by the members of the schema; otherwise the task."""
    members = call.schema.get('properties', {})
    if call.task != 'json':
        return call.task
    return 'products' if 'assignments' in members else 'scene' if 'environment' in members else 'json'


def answer(call: Call) -> Any:
    if kind(call) == 'products':
        return products(call)
    if kind(call) == 'scene':
        return scene(call)
    return shape.sample(call.schema)


def listed_products(prompt: str) -> list[dict[str, Any]]:
    """Those of the JSON list in the prompt whose elements have a number."""
    for found in re.finditer(r'\[\s*\{', prompt):
        try:
            rows, _ = json.JSONDecoder().raw_decode(prompt, found.start())
        except ValueError:
            continue
        if all(isinstance(row, dict) and isinstance(row.get('number'), int) for row in rows):
            return rows
    return []


def words_of(schema: dict[str, Any], *path: str) -> list[str]:
    """The enum at a path of properties and items; empty: any text."""
    for name in path:
        schema = schema.get('items' if name == '[]' else 'properties', {})
        schema = schema if name == '[]' else schema.get(name, {})
    return schema.get('enum', [])


def room_of(product: dict[str, Any], rooms: list[str]) -> str:
    """The first room of the product that may be said; of one without any, one by its number."""
    known = [room for room in product.get('roomTypes', []) if room in rooms]
    return known[0] if known else rooms[product['number'] % len(rooms)] if rooms else 'living_room'


def products(call: Call) -> dict[str, Any]:
    listed = listed_products(call.prompt)
    rooms = words_of(call.schema, 'assignments', '[]', 'roomType')
    styles = words_of(call.schema, 'suggestedStyles', '[]')
    categories = list(dict.fromkeys(str(product.get('category', '')) for product in listed))
    return {'assignments': [{'product': product['number'], 'roomType': room_of(product, rooms)} for product in listed],
            'productTypes': categories[:5],
            'suggestedStyles': styles[:2],
            'recommendedInspirationKeywords': [f'{category} in a bright room' for category in categories[:3]]}


def scene(call: Call) -> dict[str, Any]:
    """Words drawn by the bytes of the first picture, none of them 'unspecified'."""
    digest = call.pictures[0] if call.pictures else hashlib.sha256(call.prompt.encode()).hexdigest()
    drawn = iter(bytes.fromhex(digest))

    def draw(words: list[str], otherwise: str = 'oak') -> str:
        known = [word for word in words if word != 'unspecified']
        return known[next(drawn) % len(known)] if known else otherwise

    members = call.schema['properties']
    said = {name: draw(words_of(call.schema, name)) for name in ('environment', 'style', 'lighting', 'colorScheme', 'cameraAngle')}
    return said | {
        'suggestedRoomTypes': [draw(words_of(call.schema, 'suggestedRoomTypes', '[]'), 'living_room')],
        'colorPalette': [f'#{digest[place:place + 6]}' for place in (0, 6, 12)],
        'materials': {part: draw(['oak', 'stone', 'linen', 'plaster']) for part in members['materials'].get('properties', {})},
        'props': [draw(['a lamp', 'a rug', 'a vase']), draw(['books', 'a fern', 'a mirror'])],
        'mood': draw(['calm', 'bright', 'solemn'])}
