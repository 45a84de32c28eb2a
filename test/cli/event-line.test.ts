// The lines of framegate tap on terminals of different widths.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { eventHead, eventLine, GrownWidths, workerDiedLine } from '../../src/cli/event-line.ts';

const EVENT = {
  event: 'end',
  time: 1_750_000_000_000,
  grpcStatus: 'DEADLINE_EXCEEDED',
  durationMs: 12.345,
  method: '/a.package.with.a.Service/MethodWithALongName',
  route: 'a-route-with-a-long-name',
  endpoint: '[2001:db8::1:2:3]:50051',
  client: '192.0.2.7:40022',
};

/** Standard output of this process, as if it were as wide. */
function terminal(columns: number | undefined): NodeJS.WriteStream {
  const facts = { isTTY: columns !== undefined, columns };
  return new Proxy(process.stdout, {
    get: (stream, name) => (name in facts ? Reflect.get(facts, name) : Reflect.get(stream, name)),
  });
}

test('on a terminal no line is longer than it is wide, and the columns that fit are shown', () => {
  const shown = (columns: number): readonly string[] => {
    const [head, line] = [
      eventHead(terminal(columns)),
      stripVTControlCharacters(eventLine(EVENT, terminal(columns))),
    ];
    assert.ok(head.length <= columns && line.length <= columns, `${columns}\n${head}\n${line}`);
    return ['METHOD', 'ENDPOINT', 'CLIENT', 'ROUTE'].filter((name) => head.includes(name));
  };
  assert.deepEqual(shown(80), ['METHOD']);
  assert.deepEqual(shown(110), ['METHOD', 'ENDPOINT']);
  assert.deepEqual(shown(130), ['METHOD', 'ENDPOINT', 'CLIENT']);
  assert.deepEqual(shown(200), ['METHOD', 'ENDPOINT', 'CLIENT', 'ROUTE']);
  assert.match(eventLine(EVENT, terminal(80)), /DEADLINE_EXCEEDED.* +12\.3 ms {2}….*MethodWithALongName$/);
});

test('where the output is no terminal, nothing is cut', () => {
  const line = eventLine(EVENT, terminal(undefined));
  for (const text of [EVENT.method, EVENT.route, EVENT.endpoint, EVENT.client])
    assert.ok(line.includes(text));
});

test('where the output is no terminal, the lines after a long text are straight', () => {
  const pipe = terminal(undefined);
  const grown = new GrownWidths();
  const lineOf = (event: object): string =>
    stripVTControlCharacters(eventLine({ ...EVENT, ...event }, pipe, grown));
  lineOf({});
  const lines = [lineOf({ route: 'short', method: '/a.B/C' }), lineOf({}), lineOf({ endpoint: '' })];
  const places = lines.map((line) => line.indexOf(EVENT.client));
  assert.deepEqual(places, [places[0], places[0], places[0]]);
  assert.deepEqual(
    [
      ...new Set(
        [...lines, eventHead(pipe, grown).replace('CLIENT', EVENT.client)].map((line) => line.length),
      ),
    ],
    [lines[0].length],
  );
});

test('one method of any length does not make all other lines as long', () => {
  const grown = new GrownWidths();
  eventLine({ ...EVENT, method: `/${'m'.repeat(5000)}` }, terminal(undefined), grown);
  assert.ok(eventLine(EVENT, terminal(undefined), grown).length < 300);
});

/** The lines of an event where the output is no terminal. */
function linesOf(event: object): readonly string[] {
  return stripVTControlCharacters(eventLine({ ...EVENT, ...event }, terminal(undefined))).split('\n');
}

test('the reason of a call that the proxy has ended ends with the code of its diagnosis', () => {
  assert.deepEqual(linesOf({ reason: 'access_denied: No.', code: 'FG3039' }).slice(1), [
    '    access_denied: No. (FG3039)',
  ]);
  assert.equal(linesOf({ code: 'FG3039' }).length, 1);
});

test('the end of a call says for how long limits have held it back, if they have', () => {
  assert.equal(linesOf({}).length, 1);
  assert.deepEqual(linesOf({ reason: 'why', requestPacedMs: 8200, responsePacedMs: 3 }).slice(1), [
    '    why',
    '    Limits held back the request for 8.20 s.',
    '    Limits held back the response for 3.00 ms.',
  ]);
  assert.equal(linesOf({ responsePacedMs: 'no number' }).length, 1);
});

test('the end of a call says what limits would have done that are only tried', () => {
  const dryRun = 'would be refused by limits[0] (calls 1/h by client)';
  assert.deepEqual(linesOf({ dryRun }).slice(1), [`    Without dryRun it ${dryRun}.`]);
  assert.equal(linesOf({ dryRun: 'two\nlines' }).length, 2);
});

test('one connection and one call that died with a worker are named in the singular', () => {
  const died = { worker: 1, pid: 7, how: 'signal SIGKILL' };
  const one = workerDiedLine({ ...died, connections: 1, calls: 1 }, terminal(200));
  assert.match(one, /with it 1 connection and about 1 call, which/);
  const more = workerDiedLine({ ...died, connections: 0, calls: 2 }, terminal(200));
  assert.match(more, /with it 0 connections and about 2 calls, which/);
});
