import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import * as mock from './mock.js';

const open = (more) => new Anthropic({ baseURL: mock.url, apiKey: 'any', maxRetries: 0, ...more });
const client = open();
const model = 'claude-sonnet-4-5';
const ask = (content, more) => ({ model, max_tokens: 2000, messages: [{ role: 'user', content }], ...more });
const { parameters: input_schema, ...named } = mock.weather;
const tools = [{ ...named, input_schema }];

test('messages', async () => {
  const { data, request_id } = await client.messages.create(ask(mock.hello)).withResponse();
  assert.deepEqual(data.content.map((b) => b.text), [mock.greeting]);
  assert.equal(data.stop_reason, 'end_turn');
  assert.ok(data.usage.input_tokens > 1 && data.usage.output_tokens > 1);
  assert.match(data.id, /^msg_/);
  assert.match(request_id, /^req_/);
});

test('messages, streamed', async () => {
  const kinds = new Set();
  let text = '';
  for await (const event of await client.messages.create(ask(mock.hello, { stream: true }))) {
    kinds.add(event.type);
    text += event.delta?.text ?? '';
  }
  assert.equal(text, mock.greeting);
  assert.deepEqual([...kinds], ['message_start', 'content_block_start', 'content_block_delta',
    'content_block_stop', 'message_delta', 'message_stop']);
  const final = await client.messages.stream(ask(mock.hello)).finalMessage();
  assert.equal(final.content[0].text, mock.greeting);
  assert.ok(final.usage.output_tokens > 1);
});

test('messages with thinking, streamed', async () => {
  const q = ask(mock.hello, { thinking: { type: 'enabled', budget_tokens: 1024 } });
  const [thought, text] = (await client.messages.stream(q).finalMessage()).content;
  assert.ok(thought.thinking && thought.signature);
  assert.equal(text.text, mock.greeting);
});

test('messages with a forced tool', async () => {
  const q = ask(mock.unscripted, { tools, tool_choice: { type: 'tool', name: mock.weather.name } });
  for (const reply of [await client.messages.create(q), await client.messages.stream(q).finalMessage()]) {
    assert.equal(reply.stop_reason, 'tool_use');
    assert.equal(reply.content.length, 1);
    assert.equal(reply.content[0].name, mock.weather.name);
    assert.equal(typeof reply.content[0].input.city, 'string');
  }
});

test('messages with two tools at once, streamed', async () => {
  const [text, ...calls] = (await client.messages.stream(ask(mock.twice, { tools })).finalMessage()).content;
  assert.equal(text.text, 'I shall look.');
  assert.deepEqual(calls.map((c) => c.input.city), ['Paris', 'Oslo']);
});

for (const stream of [false, true]) {
  test(`an agent's loop${stream ? ', streamed' : ''}`, async () => {
    const say = (q) => (stream ? client.messages.stream(q).finalMessage() : client.messages.create(q));
    const q = ask(mock.question, { tools });
    const first = await say(q);
    const call = first.content.find((b) => b.type === 'tool_use');
    assert.deepEqual(call.input, { city: mock.city });
    q.messages.push({ role: 'assistant', content: first.content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: '21' }] });
    assert.equal((await say(q)).content[0].text, mock.answer);
  });
}

test('an unknown model', { skip: mock.servesAll }, async () => {
  const want = { status: 404, type: 'not_found_error' };
  await mock.rejects(client.messages.create(ask(mock.hello, { model: 'nobody' })), want);
  await mock.rejects(client.messages.create(ask(mock.hello, { model: 'nobody', stream: true })), want);
  await mock.rejects(client.models.retrieve('nobody'), want);
});

test('a missing key', async () => {
  const keyless = open({ defaultHeaders: { Authorization: null } });
  const error = await mock.rejects(keyless.messages.create(ask(mock.hello)), { status: 401, type: 'authentication_error' });
  assert.ok(error instanceof Anthropic.AuthenticationError);
  assert.match(error.requestID, /^req_/);
});

test('malformed requests', async () => {
  const want = { status: 400, type: 'invalid_request_error' };
  await mock.rejects(client.messages.create({ model, max_tokens: 9, messages: 'nonsense' }), want);
  await mock.rejects(client.messages.create({ model, messages: [{ role: 'user', content: 'a' }] }), want);
  await mock.rejects(open({ fetch: mock.brokenJSON }).messages.create(ask(mock.hello)), want);
});

test('a refused attempt is retried', async () => {
  await mock.rejects(client.messages.create(ask(mock.patience())), { status: 503 }, /Not now\./);
  const reply = await open({ maxRetries: 1 }).messages.create(ask(mock.patience()));
  assert.equal(reply.content[0].text, 'Now.');
});

test('tokens counted', async () => {
  const { max_tokens, ...q } = ask(mock.hello);
  assert.ok((await client.messages.countTokens(q)).input_tokens > 1);
});

test('models', { skip: mock.servesAll }, async () => {
  const ids = [];
  for await (const m of client.models.list()) ids.push(m.id);
  assert.ok(ids.includes(model));
  assert.equal((await client.models.retrieve(model)).type, 'model');
});
