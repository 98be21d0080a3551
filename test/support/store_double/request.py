"""What a request asks of S3, by its path and query, in path style."""

import urllib.parse
import xml.etree.ElementTree as ET

from .stream import Head


class Request:
    """A head with its body, and what it asks of S3 in path style."""

    def __init__(self, head: Head, body: bytes) -> None:
        self.head, self.body = head, body
        self.method, target, _ = head.first.split(' ', 2)
        self.path, _, self.query = target.partition('?')
        key = self.path.lstrip('/').partition('/')[2]
        self.key = urllib.parse.unquote(key)
        names = {part.partition('=')[0] for part in self.query.split('&')}
        self.operation = self.name_operation(names)
        self.keys = [found.text for found in ET.fromstring(body).iter() if found.tag.endswith('Key')] if self.operation == 'delete_objects' else []

    def name_operation(self, names: set[str]) -> str:
        found = {('POST', 'delete'): 'delete_objects', ('POST', 'uploads'): 'create_multipart', ('POST', 'uploadId'): 'complete_multipart',
                 ('PUT', 'partNumber'): 'upload_part', ('DELETE', 'uploadId'): 'abort_multipart', ('GET', 'uploads'): 'list_multipart',
                 ('GET', 'list-type'): 'list_objects'}
        for (method, name), operation in found.items():
            if method == self.method and name in names:
                return operation
        return {'PUT': 'put', 'GET': 'get', 'HEAD': 'head', 'DELETE': 'delete'}.get(self.method, 'other') + '_object'
