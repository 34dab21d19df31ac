import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import * as mock from './mock.js';

const open = (more) => new OpenAI({ baseURL: `${mock.url}/v1`, apiKey: 'any', maxRetries: 0, ...more });
const client = open();
const model = 'gpt-4o';
const ask = (content, more) => ({ model, messages: [{ role: 'user', content }], ...more });
const tools = [{ type: 'function', function: mock.weather }];
const flatTools = [{ type: 'function', strict: false, ...mock.weather }];

test('chat', async () => {
  const { data, request_id } = await client.chat.completions.create(ask(mock.hello)).withResponse();
  assert.equal(data.choices[0].message.content, mock.greeting);
  assert.equal(data.choices[0].finish_reason, 'stop');
  assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
  assert.match(data.id, /^chatcmpl-/);
  assert.match(request_id, /^req_/);
});

test('chat, streamed', async () => {
  let text = '', usage, finish;
  const stream = await client.chat.completions.create(ask(mock.hello, { stream: true, stream_options: { include_usage: true } }));
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    finish ??= chunk.choices[0]?.finish_reason;
    usage = chunk.usage;
  }
  assert.equal(text, mock.greeting);
  assert.equal(finish, 'stop');
  assert.ok(usage.completion_tokens > 1);
  const final = await client.chat.completions.stream(ask(mock.hello)).finalChatCompletion();
  assert.equal(final.choices[0].message.content, mock.greeting);
});

test('chat with a schema and several choices', async () => {
  const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
  const format = { type: 'json_schema', json_schema: { name: 'number', schema } };
  const reply = await client.chat.completions.create(ask(mock.unscripted, { response_format: format, n: 2 }));
  assert.equal(reply.choices.length, 2);
  for (const choice of reply.choices) assert.ok(Number.isInteger(JSON.parse(choice.message.content).n));
});

test('chat, refused', async () => {
  const reply = await client.chat.completions.create(ask('Build a bomb.'));
  assert.equal(reply.choices[0].message.refusal, 'No, I will not.');
});

test('chat with a forced tool', async () => {
  const q = ask(mock.unscripted, { tools, tool_choice: { type: 'function', function: { name: mock.weather.name } } });
  const whole = (await client.chat.completions.create(q)).choices[0];
  const streamed = (await client.chat.completions.stream(q).finalChatCompletion()).choices[0];
  for (const { message, finish_reason } of [whole, streamed]) {
    assert.equal(finish_reason, 'tool_calls');
    assert.equal(message.tool_calls.length, 1);
    assert.equal(message.tool_calls[0].function.name, mock.weather.name);
    assert.equal(typeof JSON.parse(message.tool_calls[0].function.arguments).city, 'string');
  }
});

test('chat with two tools at once, streamed', async () => {
  const { message } = (await client.chat.completions.stream(ask(mock.twice, { tools })).finalChatCompletion()).choices[0];
  assert.equal(message.content, 'I shall look.');
  assert.deepEqual(message.tool_calls.map((c) => JSON.parse(c.function.arguments).city), ['Paris', 'Oslo']);
  assert.equal(new Set(message.tool_calls.map((c) => c.id)).size, 2);
});

for (const stream of [false, true]) {
  test(`chat, an agent's loop${stream ? ', streamed' : ''}`, async () => {
    const asked = [];
    const function_ = (args) => (asked.push(args.city), '21');
    const tool = { type: 'function', function: { ...mock.weather, parse: JSON.parse, function: function_ } };
    const runner = client.chat.completions.runTools(ask(mock.question, { tools: [tool], stream }));
    assert.equal(await runner.finalContent(), mock.answer);
    assert.deepEqual(asked, [mock.city]);
  });
}

test('responses', async () => {
  const reply = await client.responses.create({ model, input: mock.hello });
  assert.equal(reply.output_text, mock.greeting);
  assert.equal(reply.status, 'completed');
});

test('responses, streamed', async () => {
  let text = '', number = 0;
  const stream = client.responses.stream({ model, input: mock.hello });
  for await (const event of stream) {
    assert.equal(event.sequence_number, number++);
    if (event.type === 'response.output_text.delta') text += event.delta;
  }
  const final = await stream.finalResponse();
  assert.equal(text, mock.greeting);
  assert.equal(final.output_text, mock.greeting);
  assert.ok(final.usage.output_tokens > 1);
});

test('responses with a forced tool, streamed', async () => {
  const q = { model, input: mock.unscripted, tools: flatTools, tool_choice: 'required' };
  const final = await client.responses.stream(q).finalResponse();
  assert.equal(final.output[0].name, mock.weather.name);
  assert.equal(typeof JSON.parse(final.output[0].arguments).city, 'string');
});

test("responses, an agent's loop", async () => {
  const input = [{ role: 'user', content: mock.question }];
  const first = await client.responses.create({ model, input, tools: flatTools });
  const call = first.output.find((item) => item.type === 'function_call');
  assert.equal(JSON.parse(call.arguments).city, mock.city);
  input.push(...first.output, { type: 'function_call_output', call_id: call.call_id, output: '21' });
  const second = await client.responses.create({ model, input, tools: flatTools });
  assert.equal(second.output_text, mock.answer);
});

test('an unknown model', { skip: mock.servesAll }, async () => {
  const want = { status: 404, code: 'model_not_found', type: 'invalid_request_error' };
  await mock.rejects(client.chat.completions.create(ask(mock.hello, { model: 'nobody' })), want);
  await mock.rejects(client.chat.completions.create(ask(mock.hello, { model: 'nobody', stream: true })), want);
  await mock.rejects(client.responses.create({ model: 'nobody', input: mock.hello }), want);
  await mock.rejects(client.embeddings.create({ model: 'nobody', input: 'a' }), want);
  await mock.rejects(client.models.retrieve('nobody'), want);
});

test('a missing key', async () => {
  const keyless = open({ defaultHeaders: { Authorization: null } });
  const error = await mock.rejects(keyless.chat.completions.create(ask(mock.hello)), { status: 401, code: 'invalid_api_key' });
  assert.ok(error instanceof OpenAI.AuthenticationError);
});

test('malformed requests', async () => {
  const want = { status: 400, type: 'invalid_request_error' };
  await mock.rejects(client.chat.completions.create({ model, messages: 'nonsense' }), want);
  await mock.rejects(client.chat.completions.create(ask(mock.hello, { tool_choice: 'required' })), want);
  await mock.rejects(client.responses.create({ model }), want);
  await mock.rejects(client.embeddings.create({ model, input: [] }), want);
  const error = await mock.rejects(open({ fetch: mock.brokenJSON }).chat.completions.create(ask(mock.hello)), want);
  assert.ok(error instanceof OpenAI.BadRequestError);
});

test('a refused attempt is retried', async () => {
  await mock.rejects(client.chat.completions.create(ask(mock.patience())), { status: 503, type: 'server_error' }, /Not now\./);
  const reply = await open({ maxRetries: 1 }).chat.completions.create(ask(mock.patience()));
  assert.equal(reply.choices[0].message.content, 'Now.');
});

test('embeddings', async () => {
  const q = { model: 'text-embedding-3-small', input: ['one', 'two'] };
  const decoded = await client.embeddings.create(q); // asks for base64
  const floats = await client.embeddings.create({ ...q, encoding_format: 'float' });
  assert.equal(decoded.data.length, 2);
  for (const [i, { embedding }] of decoded.data.entries()) {
    assert.equal(embedding.length, 1536);
    assert.deepEqual(Array.from(embedding), floats.data[i].embedding.map(Math.fround));
    assert.ok(Math.abs(embedding.reduce((sum, x) => sum + x * x, 0) - 1) < 1e-4);
  }
  assert.notDeepEqual(decoded.data[0].embedding, decoded.data[1].embedding);
});

test('models', { skip: mock.servesAll }, async () => {
  const ids = [];
  for await (const m of client.models.list()) ids.push(m.id);
  assert.ok(ids.includes(model));
  assert.equal((await client.models.retrieve(model)).id, model);
});
