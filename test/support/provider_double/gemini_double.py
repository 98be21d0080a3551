"""Gemini's generateContent: what it refuses and how it answers. Wire facts: the API as of November 2026."""

import json
import re
from typing import Any

from . import analyses, shape
from .call import PICTURE_MARK, Call, Refusal, Settings, json_answer
from .limiter import Told
from .pictures import Picture
from .shape import Problem, boolean, either, integer, json_object, listing, number, one_of, record, text
from .wire import Answer, Request

PATH = re.compile(r'/(v1|v1beta)/models/([^/]+)')
RATIOS = ('1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9', '1:4', '4:1', '1:8', '8:1')
REASON_OF_STATUS = {
    400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND', 413: 'INVALID_ARGUMENT',
    415: 'INVALID_ARGUMENT', 429: 'RESOURCE_EXHAUSTED', 500: 'INTERNAL', 503: 'UNAVAILABLE', 504: 'DEADLINE_EXCEEDED'}


def part(value: Any, path: str) -> None:
    extras = {'thought': boolean, 'thoughtSignature': text(1)}
    either(record({'text': text(1)}, extras),
           record({'inlineData': record({'mimeType': text(1), 'data': text(1, 150_000_000)})}, extras),
           record({'fileData': record({'mimeType': text(1), 'fileUri': text(1)})}, extras))(value, path)
    if 'inlineData' in value:
        data = shape.base64_bytes(value['inlineData']['data'], f'{path}.inlineData.data')
        shape.picture(data, value['inlineData']['mimeType'], f'{path}.inlineData')


BODY = record(
    {'contents': listing(record({'parts': listing(part)}, {'role': one_of('user', 'model')}))},
    {'systemInstruction': record({'parts': listing(record({'text': text(1)}))}, {'role': one_of('user', 'system')}),
     'generationConfig': record({}, {
         'responseModalities': listing(one_of('TEXT', 'IMAGE')),
         'imageConfig': record({}, {'aspectRatio': one_of(*RATIOS), 'imageSize': one_of('512', '1K', '2K', '4K')}),
         'candidateCount': integer(1, 1), 'maxOutputTokens': integer(1, 65536), 'seed': integer(-2**31, 2**31 - 1),
         'temperature': number(0, 2), 'topP': number(0, 1), 'topK': number(1, 1000),
         'stopSequences': listing(text(1), most=5),
         'thinkingConfig': record({}, {'thinkingLevel': one_of('MINIMAL', 'LOW', 'MEDIUM', 'HIGH'),
                                       'thinkingBudget': integer(-1, 65536), 'includeThoughts': boolean}),
         'responseMimeType': one_of('text/plain', 'application/json'), 'responseSchema': json_object,
         'responseJsonSchema': json_object,
         'mediaResolution': one_of('MEDIA_RESOLUTION_LOW', 'MEDIA_RESOLUTION_MEDIUM', 'MEDIA_RESOLUTION_HIGH')}),
     'safetySettings': listing(record({
         'category': one_of(*(f'HARM_CATEGORY_{word}' for word in (
             'HARASSMENT', 'HATE_SPEECH', 'SEXUALLY_EXPLICIT', 'DANGEROUS_CONTENT', 'CIVIC_INTEGRITY'))),
         'threshold': one_of('BLOCK_LOW_AND_ABOVE', 'BLOCK_MEDIUM_AND_ABOVE', 'BLOCK_ONLY_HIGH', 'BLOCK_NONE', 'OFF')})),
     'serviceTier': one_of('flex', 'standard', 'priority'), 'labels': json_object, 'store': boolean})


def error(status: int, message: str, reason: str | None = None, details: list[Any] | None = None) -> Answer:
    body = {'code': status, 'message': message, 'status': reason or REASON_OF_STATUS.get(status, 'UNKNOWN')}
    return json_answer({'error': body | ({'details': details} if details else {})}, [], status=status)


def refuse(status: int, message: str, details: list[Any] | None = None) -> Refusal:
    return Refusal(error(status, message, None, details), message)


def invalid_key() -> Answer:
    return error(400, 'API key not valid. Please pass a valid API key.', None, [
        {'@type': 'type.googleapis.com/google.rpc.ErrorInfo', 'reason': 'API_KEY_INVALID', 'domain': 'googleapis.com',
         'metadata': {'service': 'generativelanguage.googleapis.com'}}])


def is_mine(path: str) -> bool:
    return re.match(r'/v1(beta|alpha)?/models/', path) is not None


def accept(request: Request, settings: Settings) -> Call:
    path, colon, method = request.path.rpartition(':')
    place = PATH.fullmatch(path)
    if place is None or method != 'generateContent':
        raise refuse(404, f'{request.path} was not found on this server.')
    if request.method != 'POST':
        raise refuse(404, f'Method {request.method} is not found for {request.path}.')
    if request.query:
        raise refuse(400, 'The request has query parameters; a key does not belong there.')
    key = request.header('x-goog-api-key')
    if key is None:
        raise refuse(403, "Method doesn't allow unregistered callers. Please use API Key or other form of API consumer identity.")
    if key != settings.key:
        raise Refusal(invalid_key(), 'API key not valid')
    if request.media_type() != 'application/json':
        raise refuse(415, f'Unsupported content type "{request.media_type()}".')
    model = place[2]
    if model not in settings.models:
        raise refuse(404, f'models/{model} is not found for API version {place[1]}, or is not supported for generateContent.')
    try:
        body = shape.parse(request.body)
        BODY(body, '')
        return accepted(body, model)
    except Problem as problem:
        raise refuse(400, f'Invalid JSON payload received. {problem.kind} at \'{problem.path}\': {problem}', [
            {'@type': 'type.googleapis.com/google.rpc.BadRequest',
             'fieldViolations': [{'field': problem.path, 'description': str(problem)}]}]) from None


def accepted(body: dict[str, Any], model: str) -> Call:
    config = body.get('generationConfig', {})
    draws, wants_json = 'image' in model, config.get('responseMimeType') == 'application/json'
    if 'IMAGE' in config.get('responseModalities', []) and not draws or 'imageConfig' in config and not draws:
        raise Problem('value', 'generationConfig.responseModalities', f'{model} does not make images')
    if wants_json and draws:
        raise Problem('value', 'generationConfig.responseMimeType', f'JSON mode is not enabled for {model}')
    if 'responseSchema' in config and 'responseJsonSchema' in config:
        raise Problem('value', 'generationConfig', 'only one of responseSchema and responseJsonSchema may be set')
    if ('responseSchema' in config or 'responseJsonSchema' in config) and not wants_json:
        raise Problem('value', 'generationConfig.responseMimeType', 'must be application/json where there is a schema')
    thinking = config.get('thinkingConfig', {})
    if 'thinkingLevel' in thinking and 'thinkingBudget' in thinking:
        raise Problem('value', 'generationConfig.thinkingConfig', 'only one of thinkingLevel and thinkingBudget may be set')
    prompt = ' '.join(part['text'] for content in body['contents'] for part in content['parts'] if 'text' in part)
    if not prompt:
        raise Problem('missing', 'contents', 'there is no text')
    task = 'image' if draws and 'IMAGE' in config.get('responseModalities', ['IMAGE']) else 'json' if wants_json else 'text'
    data = [part['inlineData']['data'] for content in body['contents'] for part in content['parts'] if 'inlineData' in part]
    return Call(task, model, prompt, config.get('responseJsonSchema', {}), pictures=shape.hashes_of(data if task != 'image' else []))


def usage(call: Call) -> dict[str, Any]:
    made = {'image': 1290, 'json': 40, 'text': 40}[call.task]
    return {'promptTokenCount': 271, 'candidatesTokenCount': made, 'thoughtsTokenCount': 0, 'cachedContentTokenCount': 0,
            'totalTokenCount': 271 + made,
            'promptTokensDetails': [{'modality': 'TEXT', 'tokenCount': 13}, {'modality': 'IMAGE', 'tokenCount': 258}],
            'candidatesTokensDetails': [{'modality': 'IMAGE' if call.task == 'image' else 'TEXT', 'tokenCount': made}]}


def image_part(picture: Picture) -> dict[str, Any]:
    return {'inlineData': {'mimeType': picture.mime, 'data': PICTURE_MARK}}


def body(call: Call, parts: list[Any], finish: str = 'STOP') -> dict[str, Any]:
    return {'candidates': [{'index': 0, 'finishReason': finish, 'content': {'role': 'model', 'parts': parts}}],
            'usageMetadata': usage(call), 'modelVersion': call.model, 'responseId': call.identity}


def good_body(call: Call, picture: Picture | None, words: str | None = None) -> dict[str, Any]:
    """words: what is said beside the picture, or instead of the sample."""
    if picture is not None:
        return body(call, [{'text': words or 'Here it is.'}, image_part(picture)])
    sample = json.dumps(analyses.answer(call)) if call.task == 'json' else 'A fine thing.'
    return body(call, [{'text': sample if words is None else words}])


def answer_headers(call: Call) -> list[tuple[str, str]]:
    return [('Server', 'scaffolding on HTTPServer2'), ('X-Gemini-Service-Tier', 'standard')]


# ---- What both kinds can say, each in its own way. `picture` is None where the task is not to make one.

def text_only(call: Call, picture: Picture | None) -> Answer:
    return json_answer(body(call, [{'text': 'I would rather not draw that.'}]), answer_headers(call))


def cut(call: Call, picture: Picture | None) -> Answer:
    return json_answer(body(call, [{'text': '{"half": "of it'}], 'MAX_TOKENS'), answer_headers(call))


def blocked(call: Call, picture: Picture | None) -> Answer:
    return json_answer({'promptFeedback': {'blockReason': 'PROHIBITED_CONTENT'}, 'modelVersion': call.model,
                        'usageMetadata': {'promptTokenCount': 271, 'totalTokenCount': 271}}, answer_headers(call))


def safety(call: Call, picture: Picture | None) -> Answer:
    return json_answer({'candidates': [{'index': 0, 'finishReason': 'IMAGE_SAFETY' if call.task == 'image' else 'SAFETY',
                                        'finishMessage': 'Unable to show the generated image.'}],
                        'usageMetadata': usage(call), 'modelVersion': call.model}, answer_headers(call))


def finish_unknown(call: Call, picture: Picture | None) -> Answer:
    return json_answer(body(call, [], 'SOMETHING_NEW'), answer_headers(call))


def nothing(call: Call, picture: Picture | None) -> Answer:
    return json_answer({'candidates': [], 'usageMetadata': usage(call), 'modelVersion': call.model}, answer_headers(call))


def rate_limited(delay: str) -> Answer:
    """delay: a protobuf Duration."""
    return error(429, 'You exceeded your current quota, please check your plan and billing details.', None, [
        {'@type': 'type.googleapis.com/google.rpc.QuotaFailure', 'violations': [
            {'quotaMetric': 'generativelanguage.googleapis.com/generate_requests_per_model',
             'quotaId': 'GenerateRequestsPerMinutePerProjectPerModel', 'quotaValue': '1000'}]},
        {'@type': 'type.googleapis.com/google.rpc.Help', 'links': []},
        {'@type': 'type.googleapis.com/google.rpc.RetryInfo', 'retryDelay': delay}])


def no_credit() -> Answer:
    """A limit of 0: no billing for that model."""
    return error(429, 'You exceeded your current quota, please check your plan and billing details.', None, [
        {'@type': 'type.googleapis.com/google.rpc.QuotaFailure', 'violations': [
            {'quotaMetric': 'generativelanguage.googleapis.com/generate_requests_per_model',
             'quotaId': 'GenerateRequestsPerDayPerProjectPerModel', 'quotaValue': '0'}]}])


# ---- A limit of the server (limiter.py). The quota of a minute is the one that has a name here.

def tokens_of(call: Call) -> int:
    return usage(call)['totalTokenCount']


def limit_headers(limits: list[Told]) -> list[tuple[str, str]]:
    """This kind says nothing of its limits before they are reached."""
    return []


def over_limit(limit: Told) -> Answer:
    details: list[Any] = []
    if limit.tells == 'limits' and limit.window_ms == 60_000:
        what = 'Requests' if limit.axis == 'requests' else 'ContentInputTokens'
        details.append({'@type': 'type.googleapis.com/google.rpc.QuotaFailure', 'violations': [
            {'quotaMetric': f'generativelanguage.googleapis.com/generate_{limit.axis}_per_model',
             'quotaId': f'Generate{what}PerMinutePerProjectPerModel', 'quotaValue': str(limit.limit)}]})
    if limit.tells != 'nothing':
        details.append({'@type': 'type.googleapis.com/google.rpc.RetryInfo', 'retryDelay': f'{limit.wait:.9f}s'})
    return error(429, 'You exceeded your current quota, please check your plan and billing details.', None, details)
