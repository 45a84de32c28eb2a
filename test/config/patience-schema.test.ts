// What is borne by default, and that tests of the engine use the same numbers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/load-config.ts';
import { FLOOD_LIMITS, LIMITS } from '../support/local-settings.ts';

const MINIMAL = `
listeners: [{ address: 127.0.0.1:0 }]
routes: [{ match: { path: /* }, upstream: one }]
upstreams: { one: { endpoints: ["127.0.0.1:1"] } }
`;

test('tests of floods and of times have the limits that the proxy has by default', () => {
  const loaded = parseConfig(MINIMAL, 'framegate.yaml');
  assert.ok('config' in loaded);
  const { floods, openingTimeoutMs, headerTimeoutMs, stallTimeoutMs, stalledResponsesBytes } =
    loaded.config.limits;
  assert.deepEqual(floods, FLOOD_LIMITS);
  assert.deepEqual(
    { openingTimeoutMs, headerTimeoutMs, stallTimeoutMs, stalledResponsesBytes },
    {
      openingTimeoutMs: LIMITS.openingTimeoutMs,
      headerTimeoutMs: LIMITS.headerTimeoutMs,
      stallTimeoutMs: LIMITS.stallTimeoutMs,
      stalledResponsesBytes: LIMITS.stalledResponsesBytes,
    },
  );
});
