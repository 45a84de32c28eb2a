// The last changes of endpoints, as several processes tell them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EndpointHistory } from '../../src/control/endpoint-history.ts';
import type { ConditionChange, EndpointCondition } from '../../src/plane/endpoint-changes.ts';

function change(to: EndpointCondition, atEpochMs = 0, endpoint = 'a'): ConditionChange {
  const sentence = to === 'usable' ? undefined : `It is ${to}.`;
  return { upstream: 'voice', endpoint, to, sentence, atEpochMs };
}

test('what several processes say one after the other is one change', () => {
  const history = new EndpointHistory();
  const [one, other] = [{}, {}];
  history.note(one, [change('ejected', 1)]);
  history.note(other, [change('ejected', 2)]);
  history.note(other, [change('usable', 3)]);
  assert.deepEqual(history.of('voice\na'), [
    { atEpochMs: 3, to: 'usable', processes: 1 },
    { atEpochMs: 1, to: 'ejected', sentence: 'It is ejected.', processes: 2 },
  ]);
});

test('the newest changes of an endpoint are kept, and the endpoints that have changed last', () => {
  const history = new EndpointHistory();
  for (let at = 0; at < 50; at++) history.note({}, [change(at % 2 === 0 ? 'ejected' : 'usable', at)]);
  assert.deepEqual(
    history.of('voice\na').map(({ atEpochMs }) => atEpochMs),
    [49, 48, 47, 46, 45, 44, 43, 42],
  );
  for (let index = 0; index < 2000; index++) history.note({}, [change('ejected', index, `b${index}`)]);
  assert.deepEqual(history.of('voice\na'), []);
  assert.equal([...history.endpoints].length, 500);
  assert.equal(history.of('voice\nb1999').length, 1);
});

test('a long sentence is cut', () => {
  const history = new EndpointHistory();
  history.note({}, [{ ...change('ejected'), sentence: 'x'.repeat(10_000) }]);
  assert.ok((history.of('voice\na')[0].sentence?.length ?? 0) <= 300);
});
