import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tableLines } from '../../bench/compare/table.ts';
import { checkTargets, targetLines } from '../../bench/compare/targets.ts';

const ROWS = [{ name: 'small', title: '64 B', unit: 'µs' }];

test('the table shows medians, and how many times the figure of Framegate each is', () => {
  const lines = tableLines(
    ROWS,
    ['framegate', 'nginx'],
    [
      { rowName: 'small', peerName: 'framegate', samples: [5, 4, 100], problems: [] },
      { rowName: 'small', peerName: 'nginx', samples: [25], problems: [] },
    ],
  );
  assert.equal(lines.length, 3);
  assert.match(lines[2], /\| 64 B +\| µs +\| 5\.00 +\| 25\.00 \(5\.00\) +\|/);
});

test('a proxy without one flawless run has a dash and a note with the reason', () => {
  const lines = tableLines(
    ROWS,
    ['framegate', 'caddy'],
    [
      { rowName: 'small', peerName: 'framegate', samples: [5], problems: [] },
      {
        rowName: 'small',
        peerName: 'caddy',
        samples: [],
        problems: ['3 of 100 calls dropped', '3 of 100 calls dropped'],
      },
    ],
  );
  assert.match(lines[2], /\| - \[1\] /);
  assert.equal(lines.at(-1), '[1] caddy: 3 of 100 calls dropped');
});

test('a target counts as kept only when its ratio was measured and is low enough', () => {
  const measurements = [
    { rowName: 'small', peerName: 'framegate', samples: [4], problems: [] },
    { rowName: 'small', peerName: 'nginx', samples: [25], problems: [] },
    { rowName: 'small', peerName: 'nghttpx', samples: [4.5], problems: [] },
  ];
  const results = checkTargets(ROWS, ['framegate', 'nginx', 'nghttpx', 'envoy'], measurements);
  const kept = Object.fromEntries(results.map(({ against, isKept }) => [against, isKept]));
  assert.deepEqual(kept, { nginx: true, envoy: false, nghttpx: false });
  const lines = targetLines(results).join('\n');
  assert.match(lines, /kept +small +nginx +0\.16/);
  assert.match(lines, /MISSED +small +nghttpx +0\.89/);
  assert.match(lines, /- +small +envoy +not measured/);
});
