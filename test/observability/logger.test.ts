// The logger: levels that change for all children, secrets that do not appear, and errors that are written at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogDestination } from '../../src/observability/log-destination.ts';
import { createLogger, type Logger } from '../../src/observability/logger.ts';
import { LogReader } from './log-reader.ts';

interface Fixture {
  readonly logger: Logger;
  /** What reached the pipe, without flushing. */
  readonly lines: () => Record<string, unknown>[];
  readonly destination: LogDestination;
}

function open(level: Logger['level']): Fixture {
  const reader = new LogReader();
  const destination = new LogDestination({ fd: reader.fd });
  const lines = (): Record<string, unknown>[] => {
    reader.read();
    return reader.lines().map((line): Record<string, unknown> => JSON.parse(line));
  };
  return { logger: createLogger({ level, syslogPrefix: false }, destination), lines, destination };
}

test('a line has the usual fields of pino', () => {
  const { logger, lines, destination } = open('info');
  logger.info({ listener: 'public' }, 'listening');
  destination.flush();
  const [{ time, hostname, ...rest }] = lines();
  assert.deepEqual(rest, { level: 30, pid: process.pid, listener: 'public', msg: 'listening' });
  assert.deepEqual([typeof time, typeof hostname], ['number', 'string']);
});

test('a level set later holds for children made before', () => {
  const { logger, lines, destination } = open('info');
  const child = logger.child({ part: 'relay' }).child({ upstream: 'greeter' });
  child.debug({}, 'not yet');
  logger.level = 'debug';
  assert.equal(child.level, 'debug');
  child.debug({}, 'now');
  child.level = 'silent';
  logger.fatal({}, 'no more');
  destination.flush();
  assert.deepEqual(
    lines().map(({ part, upstream, msg }) => [part, upstream, msg]),
    [['relay', 'greeter', 'now']],
  );
});

test('each line begins with the priority of its level where asked for', () => {
  const reader = new LogReader();
  const destination = new LogDestination({ fd: reader.fd });
  const logger = createLogger({ level: 'trace', syslogPrefix: true }, destination);
  const child = logger.child({ part: 'relay' });
  for (const level of ['debug', 'info', 'warn', 'error', 'fatal'] as const) child[level]({}, level);
  logger.use({ level: 'warn', syslogPrefix: false });
  child.info({}, 'not any more');
  child.error({}, 'plain');
  destination.flush();
  reader.read();
  const lines = reader.lines();
  assert.deepEqual(
    lines.map((line) => line.slice(0, line.indexOf('{'))),
    ['<7>', '<6>', '<4>', '<3>', '<2>', ''],
  );
  assert.deepEqual(
    lines.map((line): unknown => JSON.parse(line.slice(line.indexOf('{'))).msg),
    ['debug', 'info', 'warn', 'error', 'fatal', 'plain'],
  );
});

test('credentials and keys are not printed, down to two levels', () => {
  const { logger, lines, destination } = open('info');
  logger.child({ password: 'hunter2' }).info(
    {
      authorization: 'Bearer hunter2',
      headers: { cookie: 'a=hunter2', 'set-cookie': 'hunter2', host: 'a.example' },
      request: { headers: { authorization: 'hunter2', 'x-api-key': 'hunter2' } },
      tls: { key: 'hunter2', passphrase: 'hunter2' },
    },
    'seen',
  );
  destination.flush();
  const text = JSON.stringify(lines());
  assert.doesNotMatch(text, /hunter2/);
  assert.match(text, /a\.example/);
});

test('an error is written at once, with its stack and what came before', () => {
  const { logger, lines } = open('info');
  logger.info({}, 'before');
  assert.deepEqual(lines(), []);
  logger.error({ err: new Error('broken') }, 'failed');
  const [before, failed] = lines();
  assert.equal(before['msg'], 'before');
  assert.match(JSON.stringify(failed['err']), /"message":"broken","stack":"Error: broken/);
});

test('what cannot be serialised does not throw', () => {
  const { logger, lines, destination } = open('info');
  const circular: Record<string, unknown> = {};
  circular['itself'] = circular;
  logger.info({ circular, big: 1n }, 'odd');
  destination.flush();
  assert.equal(lines()[0]?.['msg'], 'odd');
});

test('a line has nothing in it that a terminal obeys, and says the same to who parses it', () => {
  const reader = new LogReader();
  const destination = new LogDestination({ fd: reader.fd });
  const logger = createLogger({ level: 'info', syslogPrefix: false }, destination);
  const bad = 'a\u009b31m\u0085\u202eb\u2066\u2069\u200f\u061c\u001b[0m';
  logger.warn({ detail: bad, err: new Error(bad) }, `GOAWAY: ${bad}`);
  destination.flush();
  reader.read();
  const [line] = reader.lines();
  assert.doesNotMatch(line, /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u);
  const { detail, msg } = JSON.parse(line);
  assert.deepEqual([detail, msg], [bad, `GOAWAY: ${bad}`]);
});
