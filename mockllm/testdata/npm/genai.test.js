import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, FunctionCallingConfigMode, GoogleGenAI } from '@google/genai';
import * as mock from './mock.js';

const open = (httpOptions) => new GoogleGenAI({ apiKey: 'any', httpOptions: { baseUrl: mock.url, ...httpOptions } });
const client = open();
const model = 'gemini-2.5-flash';
const { parameters: parametersJsonSchema, ...named } = mock.weather;
const tools = [{ functionDeclarations: [{ ...named, parametersJsonSchema }] }];
const forced = { tools, toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } } };

// gather reads a stream: all text, all calls of tools, and the last chunk.
async function gather(q) {
  let text = '', calls = [], last;
  for await (last of await client.models.generateContentStream(q)) {
    text += last.candidates[0].content?.parts?.map((p) => p.text ?? '').join('') ?? '';
    calls.push(...(last.functionCalls ?? []));
  }
  return { text, calls, last };
}

test('generateContent', async () => {
  const reply = await client.models.generateContent({ model, contents: mock.hello });
  assert.equal(reply.text, mock.greeting);
  assert.equal(reply.candidates[0].finishReason, 'STOP');
  assert.equal(reply.modelVersion, model);
  assert.ok(reply.usageMetadata.candidatesTokenCount > 1);
});

test('generateContent, streamed', async () => {
  const { text, last } = await gather({ model, contents: mock.hello });
  assert.equal(text, mock.greeting);
  assert.equal(last.candidates[0].finishReason, 'STOP');
  assert.ok(last.usageMetadata.totalTokenCount > 1);
});

test('generateContent with a schema', async () => {
  const responseJsonSchema = { type: 'array', items: { type: 'integer' } };
  const config = { responseMimeType: 'application/json', responseJsonSchema };
  const reply = await client.models.generateContent({ model, contents: mock.unscripted, config });
  assert.ok(JSON.parse(reply.text).every(Number.isInteger));
});

test('a forced tool', async () => {
  const q = { model, contents: mock.unscripted, config: forced };
  const reply = await client.models.generateContent(q);
  for (const calls of [reply.functionCalls, (await gather(q)).calls]) {
    assert.equal(calls.length, 1);
    assert.equal(calls[0].name, mock.weather.name);
    assert.equal(typeof calls[0].args.city, 'string');
  }
});

test('two tools at once, streamed', async () => {
  const { text, calls } = await gather({ model, contents: mock.twice, config: { tools } });
  assert.equal(text, 'I shall look.');
  assert.deepEqual(calls.map((c) => c.args.city), ['Paris', 'Oslo']);
});

test("an agent's loop", async () => {
  const contents = [{ role: 'user', parts: [{ text: mock.question }] }];
  const first = await client.models.generateContent({ model, contents, config: { tools } });
  const [call] = first.functionCalls;
  assert.deepEqual(call.args, { city: mock.city });
  const functionResponse = { id: call.id, name: call.name, response: { output: '21' } };
  contents.push(first.candidates[0].content, { role: 'user', parts: [{ functionResponse }] });
  assert.equal((await client.models.generateContent({ model, contents, config: { tools } })).text, mock.answer);
});

test("an agent's loop of a chat, streamed", async () => {
  const chat = client.chats.create({ model, config: { tools } });
  const calls = [];
  for await (const chunk of await chat.sendMessageStream({ message: mock.question })) calls.push(...(chunk.functionCalls ?? []));
  assert.deepEqual(calls.map((c) => c.args), [{ city: mock.city }]);
  const functionResponse = { id: calls[0].id, name: calls[0].name, response: { output: '21' } };
  let text = '';
  for await (const chunk of await chat.sendMessageStream({ message: [{ functionResponse }] })) text += chunk.text ?? '';
  assert.equal(text, mock.answer);
});

test('an unknown model', { skip: mock.servesAll }, async () => {
  const q = { model: 'nobody', contents: mock.hello };
  const error = await mock.rejects(client.models.generateContent(q), { status: 404 }, /"NOT_FOUND"/);
  assert.ok(error instanceof ApiError);
  await mock.rejects(client.models.generateContentStream(q), { status: 404 }, /"NOT_FOUND"/);
  await mock.rejects(client.models.embedContent(q), { status: 404 }, /"NOT_FOUND"/);
  await mock.rejects(client.models.get({ model: 'nobody' }), { status: 404 }, /"NOT_FOUND"/);
});

// The SDK demands a key, so an empty one is put in its place. Google says 403 where
// others say 401.
test('a missing key', async () => {
  const keyless = open({ headers: { 'x-goog-api-key': '' } });
  await mock.rejects(keyless.models.generateContent({ model, contents: mock.hello }), { status: 403 }, /"PERMISSION_DENIED"/);
});

test('malformed requests', async () => {
  const wrong = { contents: 'nonsense' };
  await mock.rejects(open({ extraBody: wrong }).models.generateContent({ model, contents: mock.hello }), { status: 400 }, /"INVALID_ARGUMENT"/);
  await mock.rejects(client.models.generateContent({ model, contents: mock.hello, config: { temperature: 9 } }), { status: 400 }, /"INVALID_ARGUMENT"/);
});

test('a refused attempt is retried', async () => {
  await mock.rejects(client.models.generateContent({ model, contents: mock.patience() }), { status: 503 }, /Not now\./);
  const patient = open({ retryOptions: { attempts: 2 } });
  const reply = await patient.models.generateContent({ model, contents: mock.patience() });
  assert.equal(reply.text, 'Now.');
});

test('embeddings', async () => {
  const q = { model: 'gemini-embedding-001', contents: ['one', 'two'], config: { outputDimensionality: 8 } };
  const { embeddings } = await client.models.embedContent(q);
  assert.deepEqual(embeddings.map((e) => e.values.length), [8, 8]);
  assert.notDeepEqual(embeddings[0].values, embeddings[1].values);
  assert.deepEqual((await client.models.embedContent(q)).embeddings, embeddings);
});

test('tokens counted', async () => {
  assert.ok((await client.models.countTokens({ model, contents: mock.hello })).totalTokens > 1);
});

test('models', { skip: mock.servesAll }, async () => {
  const names = [];
  for await (const m of await client.models.list()) names.push(m.name);
  assert.ok(names.includes(`models/${model}`));
  assert.equal((await client.models.get({ model })).name, `models/${model}`);
});
