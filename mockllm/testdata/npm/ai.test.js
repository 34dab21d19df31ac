import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { embed, embedMany, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from 'ai';
import * as mock from './mock.js';

const config = { baseURL: `${mock.url}/v1`, apiKey: 'any' };
// A provider by its settings, and what it calls a model.
const kinds = {
  'OpenAI chat': { open: (more) => createOpenAI({ ...config, ...more }).chat, id: 'gpt-4o' },
  'OpenAI responses': { open: (more) => createOpenAI({ ...config, ...more }), id: 'gpt-4o' },
  Anthropic: { open: (more) => createAnthropic({ ...config, ...more }), id: 'claude-sonnet-4-5' },
};
const weather = (execute) => ({
  get_weather: tool({ description: mock.weather.description, inputSchema: jsonSchema(mock.weather.parameters), execute }),
});

for (const [name, { open, id }] of Object.entries(kinds)) {
  const ask = (prompt, more) => ({ model: open()(id), maxRetries: 0, prompt, ...more });

  test(`${name}, whole`, async () => {
    const reply = await generateText(ask(mock.hello));
    assert.equal(reply.text, mock.greeting);
    assert.equal(reply.finishReason, 'stop');
    assert.ok(reply.usage.outputTokens > 1);
  });

  test(`${name}, streamed`, async () => {
    const reply = streamText(ask(mock.hello));
    let text = '';
    for await (const part of reply.textStream) text += part;
    assert.equal(text, mock.greeting);
    assert.equal(await reply.finishReason, 'stop');
    assert.ok((await reply.usage).outputTokens > 1);
  });

  test(`${name} with a schema`, async () => {
    const schema = jsonSchema({ type: 'object', properties: { n: { type: 'integer' } }, required: ['n'], additionalProperties: false });
    const reply = await generateText(ask(mock.unscripted, { output: Output.object({ schema }) }));
    assert.ok(Number.isInteger(reply.output.n));
  });

  test(`${name} with a forced tool`, async () => {
    const q = ask(mock.unscripted, { tools: weather(), toolChoice: { type: 'tool', toolName: 'get_weather' } });
    for (const reply of [await generateText(q), streamText(q)]) {
      const calls = await reply.toolCalls;
      assert.equal(calls.length, 1);
      assert.equal(calls[0].toolName, 'get_weather');
      assert.equal(typeof calls[0].input.city, 'string');
      assert.ok(!calls[0].invalid);
    }
  });

  test(`${name}, an agent's loop`, async () => {
    for (const run of [generateText, streamText]) {
      const asked = [];
      const tools = weather(({ city }) => (asked.push(city), '21'));
      const reply = await run(ask(mock.question, { tools, stopWhen: stepCountIs(5) }));
      assert.equal(await reply.text, mock.answer);
      assert.equal((await reply.steps).length, 2);
      assert.deepEqual(asked, [mock.city]);
    }
  });

  test(`${name}, two tools at once`, async () => {
    const asked = [];
    const tools = weather(({ city }) => (asked.push(city), '21'));
    const reply = streamText(ask(mock.twice, { tools, stopWhen: stepCountIs(5) }));
    assert.equal(await reply.text, mock.answer);
    assert.deepEqual(asked, ['Paris', 'Oslo']);
  });

  test(`${name}, an unknown model`, { skip: mock.servesAll }, async () => {
    await mock.rejects(generateText(ask(mock.hello, { model: open()('nobody') })), { name: 'AI_APICallError', statusCode: 404 });
    let error;
    await streamText(ask(mock.hello, { model: open()('nobody'), onError: (e) => (error = e.error) })).consumeStream();
    assert.equal(error.statusCode, 404);
  });

  test(`${name}, a missing key`, async () => {
    await mock.rejects(generateText(ask(mock.hello, { model: open({ fetch: mock.keyless })(id) })), { statusCode: 401 });
  });

  test(`${name}, malformed requests`, async () => {
    await mock.rejects(generateText(ask(mock.hello, { model: open({ fetch: mock.brokenJSON })(id) })), { statusCode: 400 });
    await mock.rejects(generateText(ask(mock.hello, { topP: 7 })), { statusCode: 400 });
  });
}

test('a refused attempt is retried', async () => {
  const model = createOpenAI(config).chat('gpt-4o');
  const reply = await generateText({ model, maxRetries: 1, prompt: mock.patience() });
  assert.equal(reply.text, 'Now.');
});

test('embeddings', async () => {
  const model = createOpenAI(config).embedding('text-embedding-3-small');
  const { embeddings, usage } = await embedMany({ model, values: ['one', 'two'], maxRetries: 0 });
  assert.deepEqual(embeddings.map((e) => e.length), [1536, 1536]);
  assert.ok(usage.tokens > 1);
  assert.deepEqual((await embed({ model, value: 'two', maxRetries: 0 })).embedding, embeddings[1]);
  const keyless = createOpenAI({ ...config, fetch: mock.keyless }).embedding('text-embedding-3-small');
  await mock.rejects(embed({ model: keyless, value: 'two', maxRetries: 0 }), { statusCode: 401 });
});
