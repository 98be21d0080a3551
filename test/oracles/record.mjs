// Records what the official clients send for the calls in calls.json, into requests/. The unit test provider_oracle_test
// compares our requests with these files, so that nothing of the network and no node is needed to run it.
//
// usage: node record.mjs DIRECTORY    DIRECTORY has node_modules with @google/genai and openai, such as after
//        npm install @google/genai openai
// Both want node 22 or later. The server listens on loopback and answers everything with {}.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const here = import.meta.dirname;
const modules = join(resolve(process.argv[2]), 'node_modules');
const from = createRequire(join(modules, 'any.js'));
const { GoogleGenAI } = await import(pathToFileURL(from.resolve('@google/genai')));
const { OpenAI, toFile } = await import(pathToFileURL(from.resolve('openai')));
const client_of = { gemini: '@google/genai', openai: 'openai' };
const version_of = (name) => JSON.parse(readFileSync(join(modules, name, 'package.json'))).version;
const key = 'oracle-key';

// What a user of the client writes for a call. `without_undefined` is what JSON.stringify makes of absent parameters.

const thinking_level = { off: 'MINIMAL', low: 'LOW', medium: 'MEDIUM', high: 'HIGH' };
const harms = ['HARASSMENT', 'HATE_SPEECH', 'SEXUALLY_EXPLICIT', 'DANGEROUS_CONTENT'];

function call_gemini(base_url, call) {
  const { parameters: p, pictures = [] } = call;
  const config = {
    systemInstruction: call.system,
    temperature: p.temperature,
    maxOutputTokens: p.max_output_tokens,
    seed: p.seed,
    thinkingConfig: p.thinking && { thinkingLevel: thinking_level[p.thinking] },
    safetySettings: p.safety && harms.map((harm) => ({ category: `HARM_CATEGORY_${harm}`, threshold: p.safety.toUpperCase() })),
  };
  if (call.task === 'image') {
    config.responseModalities = ['IMAGE'];
    if (p.aspect_ratio || p.image_size) config.imageConfig = { aspectRatio: p.aspect_ratio, imageSize: p.image_size };
  } else if (call.task === 'json') {
    config.responseMimeType = 'application/json';
    config.responseJsonSchema = call.schema;
  }
  const parts = pictures.map(({ mime, base64 }) => ({ inlineData: { mimeType: mime, data: base64 } }));
  const client = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: base_url } });
  return client.models.generateContent({ model: call.model, contents: [{ text: call.prompt }, ...parts], config });
}

const without_undefined = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

function openai_chat(client, call) {
  const { parameters: p, pictures = [] } = call;
  const of_deepseek = p.dialect === 'deepseek';
  const picture_parts = pictures.map(({ mime, base64 }) => ({ type: 'image_url', image_url: { url: `data:${mime};base64,${base64}` } }));
  const messages = [{ role: 'user', content: pictures.length ? [{ type: 'text', text: call.prompt }, ...picture_parts] : call.prompt }];
  if (call.system) messages.unshift({ role: 'system', content: call.system });
  const body = { model: call.model, messages, temperature: p.temperature, seed: p.seed };
  body[of_deepseek ? 'max_tokens' : 'max_completion_tokens'] = p.max_output_tokens;
  if (of_deepseek && p.thinking === 'off') body.thinking = { type: 'disabled' };
  else if (p.thinking) body.reasoning_effort = p.thinking === 'off' ? 'none' : p.thinking;
  if (call.task === 'json') {
    body.response_format = call.schema
      ? { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: call.schema } }
      : { type: 'json_object' };
  }
  return client.chat.completions.create(body);
}

async function openai_image(client, call) {
  const { parameters: p, pictures = [] } = call;
  const body = without_undefined({
    model: call.model, prompt: call.prompt, size: p.image_size, quality: p.quality, background: p.background,
    output_format: p.output_format, output_compression: p.output_compression, moderation: p.safety,
  });
  if (pictures.length === 0) return client.images.generate(body);
  const file_of = ({ role, mime, base64 }) => toFile(Buffer.from(base64, 'base64'), `${role}.${mime.split('/')[1]}`, { type: mime });
  return client.images.edit({ ...body, image: await Promise.all(pictures.map(file_of)) });
}

function call_openai(base_url, call) {
  const baseURL = call.api_version ? `${base_url}/${call.api_version}` : base_url;
  const client = new OpenAI({ apiKey: key, baseURL, maxRetries: 0 });
  return call.task === 'image' ? openai_image(client, call) : openai_chat(client, call);
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

async function parse_multipart(content_type, body) {
  const form = await new Response(body, { headers: { 'content-type': content_type } }).formData();
  const parts = [];
  for (const [name, value] of form) {
    if (typeof value === 'string') parts.push({ name, sha256: sha256(value), value });
    else parts.push({ name, filename: value.name, content_type: value.type, sha256: sha256(Buffer.from(await value.arrayBuffer())) });
  }
  return parts;
}

async function received(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const content_type = request.headers['content-type'];
  const multipart = content_type.startsWith('multipart/');
  const headers = { ...request.headers, 'content-type': content_type.replace(/boundary=.*/, 'boundary=') };
  return {
    method: request.method,
    path: request.url,
    headers,
    ...(multipart ? { parts: await parse_multipart(content_type, body) } : { json: JSON.parse(body) }),
  };
}

let last;
const server = createServer(async (request, response) => {
  last = await received(request);
  response.setHeader('content-type', 'application/json').end('{}');
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const base_url = `http://127.0.0.1:${server.address().port}`;

for (const [name, call] of Object.entries(JSON.parse(readFileSync(join(here, 'calls.json'))))) {
  last = undefined;
  await (call.kind === 'gemini' ? call_gemini : call_openai)(base_url, call);
  const client = client_of[call.kind];
  // What belongs to the connection, and differs from run to run, is nothing of the API.
  for (const header of ['host', 'connection', 'content-length', 'transfer-encoding']) delete last.headers[header];
  const record = { client: `${client} ${version_of(client)}`, ...last };
  writeFileSync(join(here, 'requests', `${name}.json`), `${JSON.stringify(record, null, 2)}\n`);
}
server.close();
server.closeAllConnections();
