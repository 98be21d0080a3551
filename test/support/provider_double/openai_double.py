"""OpenAI's chat completions, image generations and image edits, DeepSeek's members of the first included: what they
refuse and how they answer. Wire facts: the APIs as of November 2026."""

import json
import math
import re
from typing import Any

from . import analyses, multipart, shape
from .call import PICTURE_MARK, Call, Refusal, Settings, json_answer
from .limiter import Told
from .pictures import Picture
from .shape import Problem, boolean, either, integer, json_object, listing, number, one_of, record, text
from .wire import Answer, Request

CHAT, GENERATIONS, EDITS = '/v1/chat/completions', '/v1/images/generations', '/v1/images/edits'


def data_url(value: Any, path: str) -> None:
    text(1, 150_000_000)(value, path)
    if value.startswith('https://'):
        return
    found = re.match(r'data:([a-z]+/[a-z0-9.+-]+);base64,', value)
    if found is None:
        raise Problem('value', path, 'must be an https URL or a data URL in base64')
    shape.picture(shape.base64_bytes(value[found.end():], path), found[1], path)


CONTENT_PART = either(
    record({'type': one_of('text'), 'text': text(1)}),
    record({'type': one_of('image_url'), 'image_url': record({'url': data_url}, {'detail': one_of('low', 'high', 'auto')})}))

CHAT_BODY = record(
    {'model': text(1), 'messages': listing(either(
        record({'role': one_of('system', 'developer', 'assistant'), 'content': text(1)}),
        record({'role': one_of('user'), 'content': either(text(1), listing(CONTENT_PART))})))},
    {'response_format': either(
        record({'type': one_of('text', 'json_object')}),
        record({'type': one_of('json_schema'), 'json_schema': record(
            {'name': text(1, 64, '[A-Za-z0-9_-]+'), 'schema': json_object}, {'strict': boolean, 'description': text(1)})})),
     'max_tokens': integer(1, 400_000), 'max_completion_tokens': integer(1, 400_000), 'temperature': number(0, 2),
     'top_p': number(0, 1), 'n': integer(1, 1), 'seed': integer(-2**63, 2**63 - 1),
     'stop': either(text(1), listing(text(1), most=4)),
     'presence_penalty': number(-2, 2), 'frequency_penalty': number(-2, 2),
     'thinking': record({'type': one_of('enabled', 'disabled')}),
     'reasoning_effort': one_of('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'),
     'service_tier': one_of('auto', 'default', 'flex', 'priority'), 'safety_identifier': text(1, 512), 'user_id': text(1, 512),
     'store': boolean, 'metadata': json_object, 'prompt_cache_key': text(1)})

IMAGE_MEMBERS = {
    'n': integer(1, 1), 'quality': one_of('auto', 'low', 'medium', 'high', 'xhigh', 'max'),
    'size': text(1, 20, r'auto|[0-9]+x[0-9]+'),
    'background': one_of('auto', 'opaque', 'transparent'), 'output_format': one_of('png', 'jpeg', 'webp'),
    'output_compression': integer(0, 100), 'moderation': one_of('auto', 'low'), 'safety_identifier': text(1, 512)}
GENERATIONS_BODY = record({'model': text(1), 'prompt': text(1, 32_000)}, IMAGE_MEMBERS)
EDITS_BODY = record({'model': text(1), 'prompt': text(1, 32_000)}, IMAGE_MEMBERS | {'input_fidelity': one_of('high', 'low')})
CODES = {'unknown': 'unknown_parameter', 'missing': 'missing_required_parameter', 'type': 'invalid_type', 'value': 'invalid_value'}


def error(status: int, message: str, reason: str | None = None, kind: str | None = None, param: str | None = None,
          headers: list[tuple[str, str]] | None = None) -> Answer:
    code = reason or {429: 'rate_limit_exceeded', 500: 'server_error', 503: 'server_error'}.get(status)
    kind = kind or ('invalid_request_error' if status < 429 else 'requests' if status == 429 else 'server_error')
    return json_answer({'error': {'message': message, 'type': kind, 'param': param, 'code': code}}, headers or [], status=status)


def refuse(status: int, message: str, code: str | None = None, param: str | None = None) -> Refusal:
    return Refusal(error(status, message, code, param=param), message)


def invalid_key() -> Answer:
    return error(401, 'Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.',
                 'invalid_api_key')


def accept(request: Request, settings: Settings) -> Call:
    # DeepSeek serves the same path without the version.
    path = CHAT if request.path == '/chat/completions' else request.path
    if path not in (CHAT, GENERATIONS, EDITS):
        raise refuse(404, f'Invalid URL ({request.method} {request.path})')
    if request.method != 'POST':
        raise refuse(405, f'Not allowed to {request.method} on {request.path}.', 'method_not_supported')
    if request.query:
        raise refuse(400, 'The request has query parameters.')
    key = request.header('authorization')
    if key is None:
        raise refuse(401, "You didn't provide an API key.")
    if key != f'Bearer {settings.key}':
        raise Refusal(invalid_key(), 'Incorrect API key provided')
    wanted = 'multipart/form-data' if path == EDITS else 'application/json'
    if request.media_type() != wanted:
        raise refuse(415 if path == EDITS else 400, f"Unsupported content type: '{request.media_type()}'. "
                     f"This API takes '{wanted}'.", 'unsupported_content_type')
    try:
        body = form(request) if path == EDITS else shape.parse(request.body)
        {CHAT: CHAT_BODY, GENERATIONS: GENERATIONS_BODY, EDITS: EDITS_BODY}[path](body, '')
        if body['model'] not in settings.models:
            raise refuse(404, f"The model '{body['model']}' does not exist or you do not have access to it.", 'model_not_found')
        return chat(body) if path == CHAT else image(body)
    except Problem as problem:
        raise refuse(400, f"{problem.path or 'the request'} {problem}", CODES[problem.kind], problem.path or None) from None


def form(request: Request) -> dict[str, Any]:
    """The fields of an edit as JSON would have them; its pictures are looked at and left out."""
    fields: dict[str, Any] = {}
    names = []
    for part in multipart.parse(request.header('content-type') or '', request.body):
        if part.name in ('image', 'image[]', 'mask'):
            if not part.filename:
                raise Problem('missing', part.name, 'has no file name')
            shape.picture(part.data, part.mime, part.name)
            names.append(part.name)
        elif part.filename is not None or part.name in fields:
            raise Problem('value', part.name, 'is no file and comes once')
        else:
            value = part.data.decode('utf-8')
            fields[part.name] = int(value) if part.name in ('n', 'output_compression') and value.isdecimal() else value
    images = [name for name in names if name != 'mask']
    if not images:
        raise Problem('missing', 'image', 'is missing')
    if len(images) > 16 or images.count('image') > 1 or len(set(images)) > 1 or names.count('mask') > 1:
        raise Problem('value', 'image', 'is one image, or up to 16 of image[]; mask comes once')
    return fields


def image(body: dict[str, Any]) -> Call:
    kind = body.get('output_format', 'png')
    if 'image' not in body['model']:
        raise Problem('value', 'model', 'does not make images')
    if 'output_compression' in body and kind == 'png':
        raise Problem('value', 'output_compression', 'is for jpeg and webp')
    if body.get('background') == 'transparent' and kind == 'jpeg':
        raise Problem('value', 'background', 'cannot be transparent in a jpeg')
    if body.get('size', 'auto') != 'auto':
        width, height = map(int, body['size'].split('x'))
        low, high = sorted((width, height))
        if low % 16 or high % 16 or not 0 < high <= 3 * low or high > 3840 or low > 2160:
            raise Problem('value', 'size', 'has sides divisible by 16, a ratio of at most 3:1, and at most 3840x2160')
    return Call('image', body['model'], body['prompt'], picture_kind=kind)


def chat(body: dict[str, Any]) -> Call:
    if 'max_tokens' in body and 'max_completion_tokens' in body:
        raise Problem('value', 'max_tokens', 'and max_completion_tokens exclude each other')
    texts, data = [], []
    for message in body['messages']:
        content = message['content']
        texts += [content] if isinstance(content, str) else [part['text'] for part in content if part['type'] == 'text']
        urls = [] if isinstance(content, str) else [part['image_url']['url'] for part in content if part['type'] == 'image_url']
        data += [url.partition(',')[2] for url in urls if url.startswith('data:')]
    prompt = ' '.join(texts)
    wanted = body.get('response_format', {'type': 'text'})
    if wanted['type'] == 'json_object' and 'json' not in prompt.lower():
        raise Problem('value', 'messages', "must contain the word 'json' in some form, to use 'response_format' of type 'json_object'")
    schema = wanted.get('json_schema', {}).get('schema', {})
    if wanted.get('json_schema', {}).get('strict'):
        strict(schema, 'response_format.json_schema.schema')
    return Call('text' if wanted['type'] == 'text' else 'json', body['model'], prompt, schema, pictures=shape.hashes_of(data))


def strict(schema: Any, path: str) -> None:
    if not isinstance(schema, dict):
        return
    if schema.get('type') == 'object':
        if schema.get('additionalProperties') is not False:
            raise Problem('value', path, "'additionalProperties' is required to be supplied and to be false")
        if set(schema.get('required', [])) != set(schema.get('properties', {})):
            raise Problem('value', path, "'required' is required to be supplied and to include every key in properties")
    for name, member in schema.get('properties', {}).items():
        strict(member, f'{path}.properties.{name}')
    strict(schema.get('items'), f'{path}.items')


def usage(call: Call) -> dict[str, Any]:
    if call.task == 'image':
        return {'input_tokens': 12, 'output_tokens': 1568, 'total_tokens': 1580,
                'input_tokens_details': {'text_tokens': 12, 'image_tokens': 0},
                'output_tokens_details': {'image_tokens': 1568, 'text_tokens': 0}}
    return {'prompt_tokens': 34, 'completion_tokens': 9, 'total_tokens': 43, 'prompt_tokens_details': {'cached_tokens': 0},
            'completion_tokens_details': {'reasoning_tokens': 0}}


def choice(call: Call, content: str | None, finish: str | None = 'stop', **members: Any) -> dict[str, Any]:
    return {'id': f'chatcmpl-{call.identity}', 'object': 'chat.completion', 'created': 1790000000, 'model': call.model,
            'choices': [{'index': 0, 'finish_reason': finish, 'message': {'role': 'assistant', 'content': content} | members}],
            'usage': usage(call)}


def data(call: Call, items: list[Any]) -> dict[str, Any]:
    return {'created': 1790000000, 'background': 'opaque', 'output_format': call.picture_kind, 'quality': 'medium',
            'size': '1024x1024', 'data': items, 'usage': usage(call)}


def good_body(call: Call, picture: Picture | None, words: str | None = None) -> dict[str, Any]:
    """words: what is said beside the picture, or instead of the sample."""
    if picture is not None:
        return data(call, [{'b64_json': PICTURE_MARK} | ({'revised_prompt': words} if words else {})])
    sample = json.dumps(analyses.answer(call)) if call.task == 'json' else 'A fine thing.'
    return choice(call, sample if words is None else words)


def answer_headers(call: Call) -> list[tuple[str, str]]:
    return [('x-request-id', f'req_{call.identity}'), ('openai-processing-ms', '180')]


# ---- What both kinds can say, each in its own way. `picture` is None where the task is not to make one.

def text_only(call: Call, picture: Picture | None) -> Answer:
    body = data(call, [{'b64_json': None}]) if picture else choice(call, None, refusal='I would rather not say that.')
    return json_answer(body, answer_headers(call))


def cut(call: Call, picture: Picture | None) -> Answer:
    return json_answer(data(call, []) if picture else choice(call, '{"half": "of it', 'length'), answer_headers(call))


def blocked(call: Call, picture: Picture | None) -> Answer:
    return error(400, 'Your request was rejected by the safety system.', 'moderation_blocked', 'image_generation_user_error')


def safety(call: Call, picture: Picture | None) -> Answer:
    return blocked(call, picture) if picture else json_answer(choice(call, '', 'content_filter'), answer_headers(call))


def finish_unknown(call: Call, picture: Picture | None) -> Answer:
    return json_answer({'created': 1790000000, 'status': 'something_new'} if picture else choice(call, None, 'something_new'),
                       answer_headers(call))


def nothing(call: Call, picture: Picture | None) -> Answer:
    return json_answer(data(call, []) if picture else choice(call, '') | {'choices': []}, answer_headers(call))


def rate_limited(delay: str) -> Answer:
    """delay: seconds with an s, as the other kind has it."""
    return error(429, 'Rate limit reached for test-image in organization org-test on images per min.', 'rate_limit_exceeded',
                 'requests', headers=[('retry-after-ms', f"{float(delay.rstrip('s')) * 1000:.0f}"),
                                      ('x-ratelimit-remaining-requests', '0')])


def no_credit() -> Answer:
    return error(429, 'You exceeded your current quota, please check your plan and billing details.', 'insufficient_quota',
                 'insufficient_quota')


# ---- A limit of the server (limiter.py).

def tokens_of(call: Call) -> int:
    return usage(call)['total_tokens']


def limit_headers(limits: list[Told]) -> list[tuple[str, str]]:
    headers = []
    for limit in limits:
        if limit.tells == 'limits':
            headers += [(f'x-ratelimit-limit-{limit.axis}', str(limit.limit)),
                        (f'x-ratelimit-remaining-{limit.axis}', str(limit.remaining)),
                        (f'x-ratelimit-reset-{limit.axis}', go_duration(limit.reset))]
    return headers


def over_limit(limit: Told) -> Answer:
    headers = []
    if limit.tells != 'nothing':
        headers = [('retry-after-ms', str(math.ceil(limit.wait * 1000))), ('retry-after', str(math.ceil(limit.wait)))]
    return error(429, f'Rate limit reached for test-image in organization org-test on {limit.axis} per min.', 'rate_limit_exceeded',
                 limit.axis, headers=headers)


def go_duration(seconds: float) -> str:
    """As Go prints it, to the millisecond above: 1h0m0s, 6m0s, 8.64s, 20ms, 0s."""
    milliseconds = math.ceil(seconds * 1000)
    if milliseconds < 1000:
        return f'{milliseconds}ms' if milliseconds else '0s'
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return (f'{hours}h' if hours else '') + (f'{minutes}m' if hours or minutes else '') + f'{rest / 1000:g}s'
