// Filters of calls that name what the running configuration does not have.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeUnknownNames } from '../../src/cli/filtered-names.ts';

const BODY = {
  config: {
    routes: [{ name: 'voice' }, { name: 'website' }],
    upstreams: [{ name: 'backend' }],
    identities: [{ name: 'office' }],
  },
};

test('what the configuration has is not told of', () => {
  for (const filters of [
    {},
    { route: 'voice', upstream: 'backend', identity: 'office' },
    { identity: 'office:alice' },
    { identity: 'off*' },
    { identity: 'office:*' },
  ])
    assert.deepEqual(describeUnknownNames(filters, BODY), [], JSON.stringify(filters));
});

test('each name that is not there has a sentence, with the name that may be meant', () => {
  assert.deepEqual(
    describeUnknownNames({ route: 'vioce', upstream: 'nosuch', identity: 'ofice:alice' }, BODY),
    [
      "the configuration in use has no route 'vioce' (did you mean 'voice'?): no call is shown unless a reload adds it",
      "the configuration in use has no upstream 'nosuch': no call is shown unless a reload adds it",
      "the configuration in use has no identity 'ofice' (did you mean 'office'?): no call is shown unless a reload adds it",
    ],
  );
});

test('a configuration without identities has none of the name', () => {
  const body = { config: { ...BODY.config, identities: undefined } };
  assert.equal(describeUnknownNames({ identity: 'office' }, body).length, 1);
});

test('of an answer that is no configuration nothing is said, and no name gives an order to the terminal', () => {
  for (const body of [undefined, 'x', {}, { config: {} }, { config: { routes: 'x' } }])
    assert.deepEqual(describeUnknownNames({ route: 'a' }, body), []);
  const name = 'the-website-of-all-customers';
  const routes = [{ name: `${name}\u001b\n` }];
  const [said = ''] = describeUnknownNames({ route: name }, { config: { routes } });
  assert.match(said, /did you mean 'the-website/);
  assert.ok(!said.includes('\u001b') && !said.includes('\n'), said);
});
