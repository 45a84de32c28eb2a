// Which pages fit a text: codes and tokens, what the pages themselves quote, and what other proxies say.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { diagnosisCode } from '../../src/diagnosis/codes.ts';
import { explainAlerts } from '../../src/diagnosis/pages/alert.ts';
import { explainCallRecord } from '../../src/diagnosis/pages/call-record.ts';
import { explainLogLine } from '../../src/diagnosis/pages/log-line.ts';
import { matchPages } from '../../src/diagnosis/pages/matching.ts';
import {
  type DiagnosisPage,
  type QuotingText,
  readPages,
  readSections,
} from '../../src/diagnosis/pages/page.ts';
import { explainSymptom } from '../../src/diagnosis/pages/symptom.ts';
import {
  diagnoseRefusal,
  type RefusalToken,
  refusalTokens,
  sentenceForClient,
} from '../../src/diagnosis/refusal.ts';
import { grpcStatusOfHttpStatus } from '../../src/grpc/http-status-mapping.ts';
import { grpcStatusName } from '../../src/grpc/status.ts';
import { sentencesOfSource } from '../support/sentences-of-source.ts';

const REFUSALS = refusalTokens.filter((token): token is RefusalToken =>
  diagnosisCode(token).startsWith('FG1'),
);
const PEERS = ['client', 'service'];
const all: readonly (DiagnosisPage | QuotingText)[] = [...readPages(), ...readSections()];
const pages = readPages();

function codesFor(text: string): readonly string[] {
  return matchPages(text, all).map(({ page }) => ('code' in page ? page.code : page.title));
}

function alertsIn(text: string): readonly string[] {
  return explainAlerts(text).map(({ title }) => title);
}

/** The part of a page that says what clients get. */
function howItLooks(text: string): string {
  return text.split('## How it looks')[1]?.split('## Remedy')[0] ?? '';
}

/** All codes of a text, in order. */
function codesIn(text: string): readonly string[] {
  return [...new Set(Array.from(text.matchAll(/FG\d{4}/g), ([code]) => code))].toSorted();
}

for (const page of pages) {
  test(`${page.code} is found by its code, by its token and by its line of the log`, () => {
    assert.deepEqual(codesFor(`framegate: see ${page.code.toLowerCase()}.`), [page.code]);
    assert.deepEqual(codesFor(`{"token":"${page.token}"}`), [page.code]);
    const line = /^\{"level".*"(?:msg|reason)":"(?<sentence>(?:[^"\\]|\\.)*)"/m.exec(page.text)?.groups;
    const sentence = line?.['sentence'].replace(/^\w+: /, '');
    assert.ok(sentence !== undefined, 'the page has no line of the log');
    assert.ok(codesFor(sentence).includes(page.code), sentence);
  });
}

const seen: readonly (readonly [text: string, code: string])[] = [
  ['Trying to connect an http1.x server (HTTP status 400)', 'FG1001'],
  ['192.0.2.7 - - [29/Nov/2026:12:00:00 +0000] "PRI * HTTP/2.0" 400 157 "-" "-"', 'FG1001'],
  ['400 The plain HTTP request was sent to HTTPS port', 'FG1001'],
  ['WRONG_VERSION_NUMBER', 'FG1003'],
  ['error:0A00010B:SSL routines:ssl3_get_record:wrong version number', 'FG1003'],
  ['upstream sent too large http2 frame: 4740180 while reading response header from upstream', 'FG2021'],
  ['connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.7', 'FG2001'],
  ['upstream timed out (110: Connection timed out) while reading response header from upstream', 'FG3030'],
  ['Received http2 header with status: 502', 'FG2001'],
  [
    'upstream connect error or disconnect/reset before headers. reset reason: remote connection failure',
    'FG2001',
  ],
  [
    'rpc error: code = Unavailable desc = connection error: desc = "error reading server preface: EOF"',
    'FG1001',
  ],
  ['grpc._channel._InactiveRpcError: … CERTIFICATE_VERIFY_FAILED: self signed certificate: OK', 'FG1024'],
  ['dial tcp 127.0.0.1:8443: connect: connection refused', "The client's own connection was refused"],
  [
    'Error: 14 UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED 127.0.0.1:8443',
    "The client's own connection was refused",
  ],
  ['context deadline exceeded', 'FG3005'],
  ['Deadline Exceeded', 'FG3005'],
  ['Stream removed (Deadline Exceeded)', 'FG3005'],
  ['Stream removed (Socket closed)', 'The connection was lost under the call'],
  ['upstream request timeout', 'FG3005'],
  ['no healthy upstream', 'FG2001'],
  [
    'failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.1:443: Failed to connect to remote host: Connection refused',
    "The client's own connection was refused",
  ],
  ['upstream connect error or disconnect/reset before headers. reset reason: protocol error', 'FG2021'],
  [
    'CLIENT: Received message larger than max (5000004 vs. 4194304)',
    'A message is larger than the receiver allows',
  ],
  [
    'rpc error: code = ResourceExhausted desc = grpc: received message larger than max (9 vs. 4)',
    'A message is larger than the receiver allows',
  ],
  ['too many pings', 'Too many pings'],
  ['GOAWAY received; Error code: 11; Debug Text: too_many_pings', 'Too many pings'],
  ['keepalive watchdog timeout', 'A keepalive had no answer'],
  ['Stream removed', 'The connection was lost under the call'],
  [
    'upstream prematurely closed connection while reading response header from upstream, client: 192.0.2.7',
    'The connection was lost under the call',
  ],
  ['Received RST_STREAM with error code 2', 'The stream was reset'],
  ['13 INTERNAL: Received RST_STREAM with code 2 (Internal server error)', 'The stream was reset'],
  ['DNS resolution failed for x:50051', 'A name is unknown to DNS'],
  ['[Errno -2] Name or service not known', 'A name is unknown to DNS'],
  ['getaddrinfo ENOTFOUND voice', 'A name is unknown to DNS'],
  ['Method not found!', 'The service does not have the method'],
  [
    'rpc error: code = Unimplemented desc = unknown service acme.v1.Voice',
    'The service does not have the method',
  ],
  [
    'unexpected HTTP status code received from server: 404 (Not Found)',
    'A proxy answered instead of the service',
  ],
];

for (const [text, code] of seen) {
  test(`the first page for: ${text}`, () => {
    assert.equal(codesFor(text)[0], code);
  });
}

test('a text that is nothing but the words of a token is explained by its page alone', () => {
  assert.deepEqual(codesFor('Deadline Exceeded'), ['FG3005']);
  assert.deepEqual(codesFor('deadline-exceeded'), []);
  assert.ok(codesFor('Stream removed (Deadline Exceeded)').length > 1);
});

test('a refused connection may be that of a client, of an endpoint or of a store', () => {
  assert.deepEqual(codesFor('ECONNREFUSED').toSorted(), [
    'FG2001',
    'FG2061',
    "The client's own connection was refused",
  ]);
});

function ofRecord(record: Readonly<Record<string, unknown>>): readonly string[] {
  const line = JSON.stringify({ level: 30, method: '/a.B/C', ...record, msg: 'exchange finished' });
  return explainCallRecord(line).map(({ text }) => text);
}

const BY_SERVICE = { endedBy: 'upstream', httpStatus: 200, reason: '' };

test('a record with a status of the service says whose status it is, and the likely cause', () => {
  const [text, ...others] = ofRecord({ ...BY_SERVICE, grpcStatus: 'UNIMPLEMENTED' });
  assert.match(
    text,
    /^# UNIMPLEMENTED, from the service\n[^]*likely cause: the service \[does not have the method\]/,
  );
  assert.deepEqual(others, []);
  const [full] = ofRecord({ ...BY_SERVICE, grpcStatus: 'RESOURCE_EXHAUSTED' });
  assert.match(full, /likely cause: a limit of the service itself/);
  assert.doesNotMatch(full, /FG3040/);
  const [own] = ofRecord({ ...BY_SERVICE, grpcStatus: 'NOT_FOUND' });
  assert.match(own, /^# NOT_FOUND, from the service\n\nThe service has answered[^]*that server\.\n$/);
  const [web] = ofRecord({ ...BY_SERVICE, grpcStatus: '', httpStatus: 415 });
  assert.match(web, /^# HTTP 415, from the service\n[^]*a website does not take/);
});

test('a record says what was done to the call on purpose, whatever its status', () => {
  const dryRun = 'would be refused by limits[0] (calls 100/s by client)';
  const [text, ...others] = ofRecord({ ...BY_SERVICE, grpcStatus: 'OK', dryRun });
  assert.match(text, /^# dryRun in the record of a call\n\nThe field `dryRun` is what \[limits/);
  assert.deepEqual(others, []);
  assert.equal(ofRecord({ ...BY_SERVICE, grpcStatus: 'INTERNAL', dryRun, fault: 'aborted' }).length, 3);
  for (const words of [dryRun, dryRun.replace('refused', 'paced'), 'dryRun'])
    assert.deepEqual(
      explainCallRecord(words).map((one) => one.text),
      [text],
    );
});

test('records within a log are found, of each line and over several lines', () => {
  const record = { ...BY_SERVICE, grpcStatus: 'UNIMPLEMENTED' };
  const other = { ...BY_SERVICE, grpcStatus: 'DATA_LOSS' };
  const lines = `proxy-1  | ${JSON.stringify(record)}\nno JSON {\n${JSON.stringify(other)}\n${JSON.stringify(record)}`;
  assert.deepEqual(
    explainCallRecord(lines).map(({ title }) => title),
    ['UNIMPLEMENTED', 'DATA_LOSS'],
  );
  assert.equal(explainCallRecord(JSON.stringify(record, undefined, 2)).length, 1);
});

test('the record of a call that ended well, and other JSON, have nothing to explain', () => {
  assert.deepEqual(ofRecord({ ...BY_SERVICE, grpcStatus: 'OK' }), []);
  assert.deepEqual(ofRecord({ ...BY_SERVICE, grpcStatus: '', httpStatus: 304 }), []);
  for (const text of ['{}', '[1]', 'null', '{"endedBy":1}', '{', 'a word', 'constructor'])
    assert.deepEqual(explainCallRecord(text), []);
});

test('each status but UNAVAILABLE, which has several causes, is one symptom', () => {
  for (const status of [
    'UNIMPLEMENTED',
    'DEADLINE_EXCEEDED',
    'RESOURCE_EXHAUSTED',
    'UNAUTHENTICATED',
    'PERMISSION_DENIED',
    'INTERNAL',
    'UNKNOWN',
    'CANCELLED',
  ])
    assert.equal(explainSymptom(status).length, 1, status);
});

test('each status that Framegate itself gives to a client is a symptom', () => {
  const told = readFileSync(new URL('../../docs/what-a-client-is-told.md', import.meta.url), 'utf8');
  const statuses = new Set(
    Array.from(told.matchAll(/\| ([A-Z]{4,}(?:_[A-Z]+)*) \(\d{3}\) \|/g), ([, name]) => name),
  );
  assert.ok(statuses.size >= 7, [...statuses].join());
  for (const status of statuses) assert.notEqual(explainSymptom(status).length, 0, status);
});

for (const status of ['INTERNAL', 'UNKNOWN'])
  test(`${status}: the symptom names the codes with which Framegate answers so, and no other`, () => {
    // In front of a colon it belongs to the text of a library.
    const got = new RegExp(`\\b${status}\\b(?!:)`);
    const known = pages.filter(({ text }) => got.test(howItLooks(text))).map(({ code }) => code);
    // A fault answers with any status.
    assert.deepEqual(codesIn(explainSymptom(status)[0].text), [...new Set([...known, 'FG3046'])].toSorted());
  });

test('the page of an answer that is not gRPC says which status it becomes', () => {
  const said = howItLooks(pages.find(({ code }) => code === 'FG3015')?.text ?? '');
  for (const httpStatus of [400, 401, 403, 404, 429, 431, 502, 503, 504]) {
    const status = grpcStatusName(grpcStatusOfHttpStatus(httpStatus));
    assert.match(said, new RegExp(`\\b${httpStatus}\\b[^\`]*\`${status}\``), `HTTP ${httpStatus}`);
  }
  assert.match(said, new RegExp(`others \`${grpcStatusName(grpcStatusOfHttpStatus(200))}\``));
});

test('a record with a status of the service that Framegate gives as well has the likely cause there', () => {
  for (const [grpcStatus, cause] of [
    ['INTERNAL', /The likely cause: the service failed within the call/],
    ['UNKNOWN', /The likely cause: the code of the service has thrown an error/],
    ['CANCELLED', /The likely cause: the service has cancelled the call/],
  ] as const)
    assert.match(ofRecord({ ...BY_SERVICE, grpcStatus })[0], cause);
});

test('an HTTP status that stands alone, and the words of framegate status, are symptoms', () => {
  for (const text of ['HTTP 415', 'http/1.1 415', 'HTTP status 415', 'HTTP status: 415'])
    assert.match(explainSymptom(text)[0].text, /FG3049/, text);
  for (const status of [401, 403, 404, 415, 429]) assert.equal(explainSymptom(`HTTP ${status}`).length, 1);
  assert.deepEqual(explainSymptom('got HTTP 415 from there'), []);
  const line =
    'collector of traces: http://127.0.0.1:4318, 0 spans exported, 4 waiting, 0 lost; spans cannot be exported now (ECONNREFUSED)';
  assert.match(explainSymptom(line)[0].text, /the collector of `trace\.exporter` does not run/);
});

test('the status line of a response is the symptom of its status', () => {
  for (const text of ['HTTP/1.1 502 Bad Gateway', 'HTTP/1.1 503 Service Unavailable\r\n', 'HTTP/2 504 '])
    assert.equal(explainSymptom(text).length, 1, text);
  assert.deepEqual(explainSymptom('HTTP/1.1 200 OK'), []);
  assert.deepEqual(explainSymptom('"POST /a.B/C HTTP/1.1" 502 157'), []);
});

/** The codes of the pages which say that clients get one of these HTTP statuses. */
function codesWithStatus(statuses: readonly number[]): readonly string[] {
  const got = new RegExp(`(?:HTTP|gets?|response)\\s+(?:${statuses.join('|')})\\b`);
  return pages.filter(({ text }) => got.test(howItLooks(text))).map(({ code }) => code);
}

for (const statuses of [[400, 417, 426, 501, 505], [408], [413, 431], [502], [503], [504]])
  test(`HTTP ${statuses.join(', ')}: the symptom names the codes with which Framegate answers so, and no other`, () => {
    const texts = new Set(
      statuses.flatMap((status) => explainSymptom(`HTTP ${status}`).map(({ text }) => text)),
    );
    assert.equal(texts.size, 1);
    const [text] = texts;
    // Endpoints that cannot be used have a section of their own.
    const group = text.includes('[FG2xxx]') ? /^FG20/ : undefined;
    const known = codesWithStatus(statuses).filter((code) => group?.test(code) !== true);
    assert.deepEqual(codesIn(text), known.toSorted());
  });

test('every sentence that the proxy gives to a client or writes as a reason is explained by its own page first', () => {
  const ofRefusals = [
    ...REFUSALS.map((token) => diagnoseRefusal(token)),
    ...REFUSALS.map((token) => ({ token, sentence: sentenceForClient(token) })),
  ].map(({ token, sentence }) => ({ token, text: sentence, file: 'refusal.ts' }));
  const sentences = [...sentencesOfSource(), ...ofRefusals];
  assert.ok(sentences.length > 140, `only ${sentences.length} sentences are found in the source`);
  for (const { token, text, file } of sentences) {
    assert.equal(codesFor(text)[0], diagnosisCode(token), `${file}: ${text}`);
    assert.deepEqual(explainLogLine(text), [], `${file}: ${text}`);
  }
});

for (const { name, sentence, title } of [
  ...PEERS.flatMap((side) => [
    {
      name: `the ${side} is silent`,
      sentence: `The ${side} has sent nothing for 3 s. The last bytes came 4 s ago.`,
      title: `The ${side} has sent nothing for …`,
    },
    {
      name: `the ${side} has sent half a message`,
      sentence: `The ${side} has sent a part of a message, and nothing more for 12 min.`,
      title: 'The … has sent a part of a message, and nothing more for …',
    },
    {
      name: `the ${side} does not read`,
      sentence: `The ${side} does not read: its flow-control window is empty, and it has taken nothing of the waiting 3 KiB for 2 s.`,
      title: 'The … does not read: …',
    },
    {
      name: `the network of the ${side} takes nothing`,
      sentence: `The ${side} does not read, or the network to it is interrupted: its connection takes no bytes, and it has taken nothing of the waiting 3 KiB for 2 s.`,
      title: 'The … does not read, or the network to it is interrupted: its connection takes no bytes…',
    },
    {
      name: `the ${side} is slow`,
      sentence: `The ${side} reads slowly, or the network to it is slow: 1 byte waits for it.`,
      title: 'The … reads slowly, or the network to it is slow: …',
    },
  ]),
  {
    name: 'the service has not begun',
    sentence: 'The service has sent nothing in the 7.9 s since it got the request',
    title: 'The service has sent nothing in the … since it got the request…',
  },
  {
    name: 'a limit paces',
    sentence: 'The request is paced by a limit: 60 messages in 1 s (limits[0] of route voice).',
    title: 'The … is paced by a limit…',
  },
  {
    name: 'there is no place',
    sentence: 'The call waits for a place at its upstream: all endpoints are full.',
    title: 'The call waits for a place at its upstream: …',
  },
]) {
  test(`who blocks is explained: ${name}`, () => {
    const titles = explainLogLine(sentence).map((text) => text.title);
    assert.ok(titles.includes(title), titles.join('; '));
  });
}

test('an alert is found by its name, also within its text', () => {
  assert.deepEqual(alertsIn('[FIRING:1] FramegateCallsFail (voice)'), ['FramegateCallsFail']);
  assert.deepEqual(alertsIn('FramegateCallsFailX Framegate FramegateX'), []);
});

test('a status of HTTP is compared as a number: another status is another error', () => {
  for (const status of [400, 401, 403, 404, 413, 415, 418, 429, 503, 504]) {
    const [first, ...others] = matchPages(`Received http2 header with status: ${status}`, all);
    assert.equal(first?.page.title, 'A proxy answered instead of the service', String(status));
    assert.deepEqual(others, [], String(status));
    if (status !== 418) assert.ok(first?.words?.endsWith(String(status)), first?.words);
  }
});

test('the status in a sentence of Framegate stands for every status', () => {
  const sentence = 'answered this gRPC call with HTTP 500 and content-type text/html instead of gRPC';
  assert.deepEqual(codesFor(sentence), ['FG3015']);
});

test('a text of nothing but words that few pages have is found', () => {
  assert.deepEqual(codesFor('connection refused'), ['FG2001', "The client's own connection was refused"]);
});

test('a text that looks like an endless address takes no longer than another', () => {
  assert.deepEqual(codesFor(`[${':'.repeat(65_000)}`), []);
});

test('a text that no page quotes has no page', () => {
  for (const text of [
    'hello world',
    'segmentation fault, core dumped',
    'the server is down',
    '…',
    '* * *',
    '400',
  ])
    assert.deepEqual(codesFor(text), [], text);
});

test('a code or a token within a longer word is not taken for one', () => {
  assert.deepEqual(codesFor('XFG1001 FG10011 my_no_route_table'), []);
});

test('a token that is a word of the language counts only as a value', () => {
  assert.ok(!codesFor('the pool is draining connections').includes('FG3006'));
  for (const text of ['draining', '{"reason":"draining: The proxy stops."}', '{"token":"draining"}'])
    assert.deepEqual(codesFor(text), ['FG3006'], text);
});

test('two codes in one text are both found', () => {
  assert.deepEqual(codesFor('FG3001 FG1001'), ['FG1001', 'FG3001']);
});

test('a huge text takes no longer than its first words', () => {
  const codes = codesFor(
    `Trying to connect an http1.x server (HTTP status 400) ${'word '.repeat(1_000_000)}`,
  );
  assert.equal(codes[0], 'FG1001');
});
