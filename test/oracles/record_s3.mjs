// Records the signatures that the AWS SDK computes at a fixed moment, for odd keys in both styles, with and without a
// session token, into s3_signatures.json. The unit test s3_oracle_test compares ours with them, so that nothing of the
// network and no node is needed to run it.
//
// usage: node record_s3.mjs DIRECTORY    DIRECTORY has node_modules with the clients, such as after
//        npm install @aws-sdk/client-s3 @aws-sdk/s3-request-presigner
// Nothing is sent: the requests are taken from the SDK after they were signed. What only the SDK adds, to say which
// client it is, is taken out of them before.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const modules = join(resolve(process.argv[2]), 'node_modules');
const from = createRequire(join(modules, 'any.js'));
const load = (name) => import(pathToFileURL(from.resolve(name)));
const clients = ['@aws-sdk/client-s3', '@aws-sdk/s3-request-presigner', '@smithy/signature-v4'];
const version_of = (name) => JSON.parse(readFileSync(join(modules, name, 'package.json'))).version;

const time = Date.UTC(2026, 10, 21, 9, 8, 7);
globalThis.Date = class extends Date {
  constructor(...parts) { super(...(parts.length ? parts : [time])); }
  static now() { return time; }
};
const s3 = await load('@aws-sdk/client-s3');
const { getSignedUrl } = await load('@aws-sdk/s3-request-presigner');

const region = 'eu-central-1';
const bucket = 'oracle-bucket';
const credentials = { accessKeyId: 'ORACLEKEYID', secretAccessKey: 'oracle/secret+KEY=' };
const session_token = 'oracle//token+with/odd=characters==';
const places = {
  path: { endpoint: `https://s3.${region}.amazonaws.com`, path_style: true, before_key: `/${bucket}/` },
  virtual: { endpoint: `https://s3.${region}.amazonaws.com`, path_style: false, before_key: '/' },
  port: { endpoint: 'http://storage.example.org:9000/base/path', path_style: true, before_key: `/base/path/${bucket}/` },
};
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const body = 'the bytes of a picture';

// ---- Keys

const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
const pieces = [
  ' ', '  ', '+', '%', '%20', '%2F', '%2f', '%25', '%zz', '//', '///', '/./', '/../', '?', '#', '&', '=', ';', ':', '@', ',', '$', '|', '\\',
  '"', "'", '`', '<>', '[]', '{}', '^', '~', '*', '!', '()', "*()!'~", '\t', '\n', '\r', '\x7f', 'é', 'é'.normalize('NFD'), 'ü', 'ü'.normalize('NFD'),
  'ß', 'Ω', '漢字', '靴', 'かばん', '가방', 'حقيبة', 'תיק', '👟', '👩‍👩‍👧', '\u00a0', '\u200b', '\u2028', '\ufeff', '\uffee', '\u{10ffff}', '\u0001', '\u0085',
];
const whole = [
  'a/b.png', 'a//b', 'a/./b', 'a/../b', '../a', './a', 'a/..', 'a/.', '..', '...', '/a', '//a', 'a/', 'a//', '/a/', 'a b+c%20d', 'a?x=1&y=2#z',
  'uploads', 'a?uploads', '?delete', '?uploadId=1', 'a;b=c', 'A/a/Z/z/0/9/-/_/./~', 'clients/7/images/0b0e7d4e-6f7a-4d8a-9c57-3b1c8a1e2f00.png',
  'clients/7/uploads/größe 42 (rot) & "neu".jpeg', 'x-amz-date', 'http://example.org/a', 'a=b&c=d', 'a+b=c&é~(1)*.png', 'null', '0', '%',
  'k'.repeat(1024), '/'.repeat(1024), ' '.repeat(1024), '漢'.repeat(341) + 'x', '👟'.repeat(256), 'a/'.repeat(511) + 'ab', '%'.repeat(1024), "*()!'~".repeat(170),
];
const keys = [...new Set([...printable, ...pieces.flatMap((piece) => [`a${piece}b`, `${piece}/x`, `x/${piece}`]), ...whole])];

// ---- What is called

const object = { Bucket: bucket };
const headers = { ContentType: 'image/png', CacheControl: 'public, max-age=31536000, immutable', Metadata: { sha256: sha256(body) } };
const key_calls = {
  put_object: (Key) => new s3.PutObjectCommand({ ...object, Key, ...headers, Body: body }),
  get_object: (Key) => new s3.GetObjectCommand({ ...object, Key }),
  head_object: (Key) => new s3.HeadObjectCommand({ ...object, Key }),
  delete_object: (Key) => new s3.DeleteObjectCommand({ ...object, Key }),
  upload_part: (Key) => new s3.UploadPartCommand({ ...object, Key, UploadId: 'an id/with+odd=characters', PartNumber: 17, Body: body }),
};
const presigned_calls = {
  presigned_get: (Key) => [new s3.GetObjectCommand({ ...object, Key, ResponseContentDisposition: 'attachment; filename="a b.png"' }), {}],
  presigned_put: (Key) => [
    new s3.PutObjectCommand({ ...object, Key, ContentType: 'image/png', ContentLength: 123456 }),
    { signableHeaders: new Set(['content-type', 'content-length', 'host']) },
  ],
};
const UploadId = 'an id/with+odd=characters';
const odd_key = 'a+b=c&é~(1)*//x.png';
const other_calls = {
  create_multipart: new s3.CreateMultipartUploadCommand({ ...object, Key: odd_key, ...headers }),
  complete_multipart: new s3.CompleteMultipartUploadCommand({ ...object, Key: odd_key, UploadId, MultipartUpload: { Parts: [{ PartNumber: 1, ETag: '"e"' }] } }),
  abort_multipart: new s3.AbortMultipartUploadCommand({ ...object, Key: odd_key, UploadId }),
  list_multipart: new s3.ListMultipartUploadsCommand({ ...object, Prefix: 'a b/+' }),
  list_objects: new s3.ListObjectsV2Command({ ...object, Prefix: 'a b/+', EncodingType: 'url', StartAfter: 'a b/+é~(1)*//x.png', MaxKeys: 1000 }),
  delete_objects: new s3.DeleteObjectsCommand({ ...object, Delete: { Quiet: true, Objects: keys.slice(0, 900).map((Key) => ({ Key })) } }),
};

// ---- The SDK, held back from sending

class Taken extends Error {}
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

// Headers that proxies change, that only say who calls, and checksums beside the one that is signed in any case.
const left_out = /^(amz-sdk-|x-amz-user-agent|user-agent|content-length|x-amz-checksum-|x-amz-sdk-checksum|cache-control)/;

function client_for(place, token) {
  const client = new s3.S3Client({
    region, endpoint: places[place].endpoint, forcePathStyle: places[place].path_style, maxAttempts: 1,
    credentials: { ...credentials, ...(token ? { sessionToken: session_token } : {}) }, logger: silent,
    requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const trim = (next) => async (args) => {
    const { request } = args;
    for (const name of Object.keys(request.headers)) if (left_out.test(name.toLowerCase()) && !args.input.ContentLength) delete request.headers[name];
    if (args.input.PartNumber) delete request.headers['content-type'];
    delete request.query['x-id'];
    if (args.input.Delete) request.headers['content-md5'] = createHash('md5').update(request.body).digest('base64');
    return next(args);
  };
  client.middlewareStack.addRelativeTo(trim, { name: 'trim', relation: 'before', toMiddleware: 'httpSigningMiddleware', override: true });
  return client;
}

async function taken(client, command) {
  let request;
  client.config.requestHandler.handle = async (signed) => { request = signed; throw new Taken(); };
  await client.send(command).catch((error) => { if (!(error instanceof Taken)) throw error; });
  const [, names, signature] = request.headers.authorization.match(/SignedHeaders=(.*), Signature=(.*)$/);
  return { request, names, signature };
}

// ---- The recording

const same = {};  // what one kind of call has in common, whatever the key

function check_same(name, value) {
  const text = JSON.stringify(value);
  same[name] ??= value;
  if (JSON.stringify(same[name]) !== text) throw new Error(`${name} differs: ${text}`);
}

function key_path(place, path) {
  const { before_key } = places[place];
  if (!path.startsWith(before_key)) throw new Error(`a path of ${place}: ${path}`);
  return path.slice(before_key.length);
}

async function signatures_of(key, place, token, record) {
  const client = client_for(place, token);
  const list = [];
  const check_path = (path) => {
    record.encoded ??= key_path(place, path);
    if (record.encoded !== key_path(place, path)) throw new Error(`the path of ${key} in ${place}: ${path}, not ${record.encoded}`);
  };
  for (const [name, make] of Object.entries(key_calls)) {
    const { request, names, signature } = await taken(client, make(key));
    check_path(request.path);
    check_same(`host of ${place}`, request.headers.host);
    check_same(`headers of ${name}${token ? ' with token' : ''}`, names);
    list.push(signature);
  }
  for (const [name, make] of Object.entries(presigned_calls)) {
    const [command, options] = make(key);
    const url = await getSignedUrl(client, command, { expiresIn: 900, ...options });
    const [, host, path, query] = url.match(/^https?:\/\/([^/]*)(\/[^?]*)\?(.*)$/s);
    check_path(path);
    check_same(`host of ${place}`, host);
    const fields = query.split('&').filter((field) => !/^X-Amz-(Signature|Credential|Security-Token|Date|Algorithm|Expires)=/.test(field)).sort();
    check_same(`query of ${name}`, fields);
    list.push(query.match(/X-Amz-Signature=([0-9a-f]{64})/)[1]);
  }
  return list;
}

const records = [];
for (const key of keys) {
  const record = { key };
  for (const place of ['path', 'virtual']) {
    for (const token of [false, true]) record[`${place}${token ? '_token' : ''}`] = await signatures_of(key, place, token, record);
  }
  records.push(record);
}
const at_port = { key: odd_key };
at_port.port = await signatures_of(odd_key, 'port', false, at_port);
records.push(at_port);

const others = [];
for (const place of Object.keys(places)) {
  for (const token of [false, true]) {
    for (const [call, command] of Object.entries(other_calls)) {
      const { request, names, signature } = await taken(client_for(place, token), command);
      const { host, authorization, ...sent } = request.headers;
      check_same(`host of ${place}`, host);
      const signed = Object.fromEntries(Object.entries(sent).filter(([name]) => names.split(';').includes(name)));
      others.push({ place, token, call, method: request.method, path: request.path, query: request.query, headers: signed, signature });
    }
  }
}

const setup = {
  clients: Object.fromEntries(clients.map((name) => [name, version_of(name)])),
  time: time / 1000, region, bucket, ...credentials, session_token, body, upload_id: UploadId, places,
  calls: [...Object.keys(key_calls), ...Object.keys(presigned_calls)], same,
};
const lines = (list) => `[\n${list.map((each) => JSON.stringify(each)).join(',\n')}\n]`;
const text = `{"setup": ${JSON.stringify(setup, null, 1)},\n"keys": ${lines(records)},\n"others": ${lines(others)}}\n`;
writeFileSync(join(import.meta.dirname, 's3_signatures.json'), text);
console.log(`${keys.length} keys, ${others.length} other calls, ${text.length} characters`);
