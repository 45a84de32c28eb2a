// Lines of the log as text: what a person reads, and that nothing of a line can reach the terminal as a command.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lines } from '../../src/cli/printed-lines.ts';
import { logText } from '../../src/observability/log-text.ts';

const plain = logText(false);
const TIME = new Date(2026, 0, 2, 3, 4, 5, 6).getTime();

function line(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ level: 30, time: TIME, pid: 1, hostname: 'edge', ...fields });
}

const call = {
  client: '192.0.2.7:42420',
  method: '/voice.VoiceAssistant/Say',
  endpoint: '127.0.0.1:50051',
  grpcStatus: 'OK',
  httpStatus: 200,
  durationMs: 25.705,
  attempts: 1,
  reason: '',
  requestId: '98b1',
  msg: 'exchange finished',
};

test('a line is local time, level, message and fields', () => {
  const text = plain(line({ level: 40, worker: 2, file: 'a b', list: [1], msg: 'something happened' }));
  assert.equal(text, '03:04:05.006 WARN  something happened worker=2 file="a b" list=1');
});

test('a priority of syslog is taken off', () => {
  assert.equal(plain(`<6>${line({ msg: 'a' })}`), '03:04:05.006 INFO  a');
});

test('the record of a call is a sentence', () => {
  const good = '03:04:05.006 INFO  /voice.VoiceAssistant/Say OK in 25.705 ms by 127.0.0.1:50051';
  assert.equal(plain(line(call)), `${good}, for 192.0.2.7:42420, request 98b1`);
  const bad = plain(
    line({ ...call, grpcStatus: 'UNAVAILABLE', attempts: 3, reason: 'connect_refused: nobody listens' }),
  );
  assert.match(bad, /UNAVAILABLE in .* at attempt 3, for .*: connect_refused: nobody listens$/);
  assert.match(
    plain(line({ ...call, grpcStatus: '', httpStatus: 404, endpoint: '' })),
    /Say HTTP 404 in 25.705 ms, for/,
  );
  assert.match(
    plain(line({ ...call, durationMs: 9000, requestPacedMs: 8200, responsePacedMs: 3 })),
    /OK in 9\.0 s \(limits held back its request for 8\.2 s, its response for 3 ms\) by /,
  );
  assert.match(
    plain(line({ ...call, responsePacedMs: 3 })),
    /ms \(limits held back its response for 3 ms\) by /,
  );
  assert.match(
    plain(line({ ...call, dryRun: 'would be refused by limits[0] (calls 1/h by client)' })),
    /ms \(without dryRun it would be refused by limits\[0\] \(calls 1\/h by client\)\) by /,
  );
});

test('the sentence of a call that the proxy has ended ends with the code of its diagnosis', () => {
  const ended = { ...call, grpcStatus: 'PERMISSION_DENIED', reason: 'access_denied: No.' };
  assert.match(plain(line({ ...ended, code: 'FG3039' })), /: access_denied: No\. \(FG3039\)$/);
  assert.match(plain(line(ended)), /: access_denied: No\.$/);
});

test('long durations are told in the units of people', () => {
  for (const [durationMs, says] of [
    [999.5, '999.5 ms'],
    [1250, '1.3 s'],
    [59_960, '1 min 0 s'],
    [146_086.991, '2 min 26 s'],
    [11_100_000, '3 h 5 min'],
    [4 * 86_400_000 + 7 * 3_600_000, '4 d 7 h'],
  ] as const)
    assert.ok(plain(line({ ...call, durationMs })).includes(` OK in ${says} by`), says);
});

test('nothing is said twice, and what is empty is not said', () => {
  const client = 'POST /api/drain from 127.0.0.1:45032';
  assert.equal(
    plain(line({ signal: client, msg: `${client}: stopping` })),
    `03:04:05.006 INFO  ${client}: stopping`,
  );
  const opened = { listener: '0.0.0.0:21444', address: '0.0.0.0:21444', msg: 'listener is open' };
  assert.equal(plain(line(opened)), '03:04:05.006 INFO  listener is open listener=0.0.0.0:21444');
  const changes = { listeners: { added: [], removed: [] }, routes: { added: ['a', 'b'] }, sections: ['log'] };
  assert.equal(
    plain(line({ epoch: 2, changes, msg: 'configuration reloaded' })),
    '03:04:05.006 INFO  configuration reloaded epoch=2 changes.routes.added=a,b changes.sections=log',
  );
});

test('an error has its stack below the line, indented', () => {
  const err = { type: 'Error', message: 'no', stack: 'Error: no\n    at a\n    at b' };
  assert.equal(
    plain(line({ level: 50, err, msg: 'it failed' })),
    '03:04:05.006 ERROR it failed\n    Error: no\n        at a\n        at b',
  );
});

test('colours are for a terminal alone', () => {
  const text = logText(true)(line({ level: 50, a: 1, msg: 'm' }));
  assert.ok(text.includes('\u001b[31mERROR\u001b[39m'), text);
  assert.ok(!plain(line({ level: 50, a: 1, msg: 'm' })).includes('\u001b'));
});

test('what a terminal would obey is escaped wherever it stands', () => {
  const evil = '\u001b]0;x\u0007\u009b2J\r\n\u202e';
  const err = { stack: `Error: ${evil}` };
  const lines = [
    line({ [evil]: evil, nested: { [evil]: evil }, err, msg: evil, level: evil }),
    line({
      ...call,
      method: evil,
      grpcStatus: evil,
      endpoint: evil,
      client: evil,
      requestId: evil,
      reason: evil,
    }),
    line({ time: evil, err: evil, msg: {} }),
    `no JSON ${evil}`,
    `{"msg":1${evil}`,
  ];
  for (const one of lines)
    for (const printed of plain(one).split('\n')) assert.match(printed, /^[^\p{Cc}\u202e\u2028]*$/u);
});

test('a path cannot be read as the words behind it', () => {
  const forged = '/a.B/C\u00a0OK\u00a0in\u00a01\u00a0ms\u00a0by\u00a010.0.0.1:1';
  const text = plain(line({ ...call, method: forged, grpcStatus: 'CANCELLED' }));
  assert.match(text, / "\/a\.B\/C\\u00a0OK\\u00a0in[^ ]*" CANCELLED in /);
  assert.match(plain(line({ ...call, method: '/a b' })), / "\/a b" OK in /);
  assert.match(plain(line({ ...call, method: '/a?b=c' })), / \/a\?b=c OK in /);
  for (const hidden of ['\u200b', '\u2060', '\ufeff', '\u{e0041}', '\u2003'])
    assert.doesNotMatch(plain(line({ ...call, method: `/a${hidden}` })), new RegExp(hidden, 'u'));
});

test('what is no line of the log stays as it is', () => {
  for (const text of ['', 'text', '[1]', 'null', '{"a":1}', '(node:1) Warning: x'])
    assert.equal(plain(text), text);
});

test('bytes are cut into lines wherever they break, and a line without an end is printed at the end', () => {
  const whole = Buffer.from('ä1\nö2\n\nü3');
  for (let at = 0; at <= whole.length; at++) {
    const lines = new Lines((text) => `[${text}]`);
    const text = lines.take(whole.subarray(0, at)) + lines.take(whole.subarray(at)) + lines.end();
    assert.equal(text, '[ä1]\n[ö2]\n[]\n[ü3]\n');
  }
});

test('a line that does not end is printed in pieces instead of being kept', () => {
  const lines = new Lines((text) => String(text.length));
  let printed = '';
  for (let count = 0; count < 40; count++) printed += lines.take(Buffer.alloc(65_536, 'x'));
  assert.match(printed, /^\d{7}\n/);
});
