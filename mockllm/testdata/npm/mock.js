// What the tests of all SDKs share: where the mock is, what is asked, and what
// replies.json lets it answer.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

export const url = process.env.CHAOS_MOCK_URL;
assert.ok(url, 'CHAOS_MOCK_URL must say where the mock is: http://host:port, without a path');

export const hello = 'Say hello.';
export const greeting = 'Grüß Gott — 你好 — नमस्ते, "quoted"\n\tand 👋🏽!';
export const question = 'How warm is it in Paris?';
export const city = 'Paris – 巴黎 🗼';
export const answer = 'It is 21 °C in Paris 🌤, says the tool.';
export const twice = 'And in Oslo?';
export const unscripted = 'What is a circuit breaker?';

// patience is refused when first asked. Each is another request, so that it is so in
// every run of the tests against one mock.
export const patience = () => `Be patient. ${randomUUID()}`;

export const weather = {
  name: 'get_weather',
  description: 'Tells the temperature in a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

// A mock without models, as `chaos mock` is, serves every model: there is no unknown
// one to ask for.
const models = await fetch(`${url}/v1/models`, { headers: { authorization: 'Bearer any' } });
export const servesAll = (await models.json()).data.length === 0 && 'this mock serves every model';

// rejects holds a promise to an error that has all of the properties wanted, and a
// message that matches.
export async function rejects(promise, want, message = /./) {
  const error = await promise.then(() => assert.fail('no error'), (e) => e);
  for (const [key, value] of Object.entries(want)) assert.equal(error[key], value, `${key} of ${error}`);
  assert.match(error.message, message);
  return error;
}

// What no SDK sends: brokenJSON is a fetch that cuts the body of every request, keyless
// one that takes away the key.
export const brokenJSON = (address, init) => fetch(address, { ...init, body: init.body.slice(0, -1) });
export const keyless = (address, init) => {
  const headers = new Headers(init.headers);
  for (const name of ['authorization', 'x-api-key']) headers.delete(name);
  return fetch(address, { ...init, headers });
};
