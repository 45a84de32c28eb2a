// What servers answer that are no Redis, or are hostile: the process that takes leases may end by it, the proxy goes on, and each question
// has an answer.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { UnusableConfig } from '../../src/config/unusable-config.ts';
import { forkCommand } from '../../src/control/fork-command.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import {
  type AnswerScript,
  bulk,
  generous,
  isPresence,
  numbers,
  scriptedServer,
  texts,
} from './scripted-server.ts';
import { ASK, StoreScene, storeAt } from './store-scene.ts';

/** Answers well until it is told otherwise. */
function changeable(): { answer: AnswerScript } {
  return { answer: generous };
}

test('leases are taken, and the script gets the terms and the counts', async (t) => {
  const asked: (readonly string[])[] = [];
  const server = await scriptedServer(t, (keys, values, socket) => {
    asked.push(values);
    return generous(keys, values, socket);
  });
  const scene = new StoreScene(t);
  await scene.use(storeAt(server.port));
  await scene.comesUp();
  const { number, leases } = await scene.ask();
  assert.equal(number, ASK.number);
  assert.deepEqual(leases, { granted: [5, 5], waitMs: [0, 0], room: [100, 100] });
  assert.deepEqual(
    asked.filter((values) => !isPresence(values)),
    [['10000', '100', '0', '2', '5', '3', '4', '5']],
  );
  assert.deepEqual(scene.metric('framegate_store_up'), [1]);
  assert.deepEqual(scene.metric('framegate_store_processes'), [1]);
  assert.deepEqual(scene.metric('framegate_store_round_trips_total'), [1, 0]);
});

test('fewer processes than this proxy has cannot share a store', async (t) => {
  const server = await scriptedServer(t, generous);
  const scene = new StoreScene(t, 3);
  await scene.use(storeAt(server.port));
  await eventually('the answer is refused', () => scene.log.includes('invalid_answer'), START_TIMEOUT_MS);
  assert.equal(scene.isUp, false);
});

test('a server that goes away is noticed, and used again when it is back', async (t) => {
  const server = await scriptedServer(t, generous);
  const scene = new StoreScene(t);
  await scene.use(storeAt(server.port));
  await scene.comesUp();
  await server.stop();
  await scene.goesDown();
  assert.equal((await scene.ask()).leases, undefined);
  await server.start();
  await scene.comesUp();
  assert.notEqual((await scene.ask()).leases, undefined);
  assert.match(scene.log, /the store answers again/);
});

test('a server that was made a replica is left for the one that the sentinels name', async (t) => {
  const script = changeable();
  const first = await scriptedServer(t, (...question) => script.answer(...question));
  const second = await scriptedServer(t, generous);
  let primary = first.port;
  const sentinel = await scriptedServer(t, generous, {
    SENTINEL: ([what]) => (what === 'get-master-addr-by-name' ? texts('127.0.0.1', `${primary}`) : '*0\r\n'),
  });
  const scene = new StoreScene(t);
  await scene.use(storeAt(sentinel.port, { kind: 'sentinel', master: 'main' }));
  await scene.comesUp();
  primary = second.port;
  script.answer = () => "-READONLY You can't write against a read only replica.\r\n";
  await eventually('the other server is asked', () => second.commands.includes('EVALSHA'), START_TIMEOUT_MS);
  await scene.comesUp();
  assert.notEqual((await scene.ask()).leases, undefined);
});

test('a question to a server that never answers fails', async (t) => {
  const script = changeable();
  const server = await scriptedServer(t, (...question) => script.answer(...question));
  const scene = new StoreScene(t);
  await scene.use(storeAt(server.port));
  await scene.comesUp();
  script.answer = () => undefined;
  assert.equal((await scene.ask()).leases, undefined);
  await scene.goesDown();
  script.answer = generous;
  await scene.comesUp();
});

const NONSENSE: Readonly<Record<string, string>> = {
  'more than was wanted': numbers(6, 0, 0, 5, 0, 0),
  'negative numbers': numbers(-5, 0, 0, 5, 0, 0),
  'too few numbers': numbers(5, 0, 0),
  'too many numbers': numbers(5, 0, 0, 5, 0, 0, 1),
  'texts in place of numbers': `*6\r\n${bulk('5').repeat(6)}`,
  nothing: '$-1\r\n',
  'no list': '*-1\r\n',
  'a long text': bulk('x'.repeat(100_000)),
  'an error with a secret': '-WRONGPASS you sent hunter2hunter2\r\n',
  'an error that no Redis sends': '-hunter2hunter2 what\r\n',
  'a redirection': '-MOVED 1 10.0.0.1:1\r\n',
  'lists in lists in lists': `${'*1\r\n'.repeat(20_000)}:1\r\n`,
};

for (const [what, answer] of Object.entries(NONSENSE)) {
  test(`an answer of ${what} grants nothing, and no text of it is logged`, async (t) => {
    const script = changeable();
    const server = await scriptedServer(t, (...question) => script.answer(...question));
    const scene = new StoreScene(t);
    await scene.use(storeAt(server.port));
    await scene.comesUp();
    script.answer = (keys, values, socket) => (isPresence(values) ? generous(keys, values, socket) : answer);
    assert.equal((await scene.ask()).leases, undefined);
    script.answer = generous;
    await eventually('leases are taken again', async () => (await scene.ask()).leases, START_TIMEOUT_MS);
    assert.doesNotMatch(scene.log, /hunter2/);
  });
}

const POISON: Readonly<Record<string, string>> = {
  'no RESP at all': 'HTTP/1.1 400 Bad Request\r\n\r\n',
  'answers to questions that nobody has asked': ':1\r\n'.repeat(100),
  'a push without a type': '>1\r\n_\r\n',
  'a push of a list': '>1\r\n*0\r\n',
};

for (const [what, bytes] of Object.entries(POISON)) {
  test(`a server that sends ${what} does no lasting harm`, async (t) => {
    const script = changeable();
    const server = await scriptedServer(t, (...question) => script.answer(...question));
    const scene = new StoreScene(t);
    await scene.use(storeAt(server.port));
    await scene.comesUp();
    script.answer = () => {
      script.answer = generous;
      return bytes;
    };
    await scene.ask();
    await eventually(
      'leases are taken again',
      async () => (await scene.ask()).leases?.granted[0] === 5,
      START_TIMEOUT_MS,
    );
  });
}

test('a server that answers without end is left before it has taken much memory', async (t) => {
  const script = changeable();
  const server = await scriptedServer(t, (...question) => script.answer(...question));
  const scene = new StoreScene(t);
  await scene.use(storeAt(server.port));
  await scene.comesUp();
  const before = scene.watch.pid;
  script.answer = (_keys, _values, socket) => {
    script.answer = generous;
    socket.write('$4294967295\r\n');
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    const pour = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on('drain', pour);
    pour();
    return undefined;
  };
  assert.equal((await scene.ask()).leases, undefined);
  await eventually('leases are taken again', async () => (await scene.ask()).leases, START_TIMEOUT_MS);
  t.diagnostic(scene.watch.pid === before ? 'the same process goes on' : 'another process goes on');
});

test('a short answer that announces long lists ends the process before it has taken more than its heap', async (t) => {
  const script = changeable();
  const server = await scriptedServer(t, (...question) => script.answer(...question));
  const scene = new StoreScene(t);
  await scene.use(storeAt(server.port));
  await scene.comesUp();
  script.answer = () => {
    script.answer = generous;
    return '*1000000\r\n'.repeat(300);
  };
  await scene.ask();
  await eventually('leases are taken again', async () => (await scene.ask()).leases, START_TIMEOUT_MS);
  // By Node. It would end itself with the code of a fault, after it has taken some gigabytes.
  assert.match(scene.log, /the process that takes leases of stores has ended.*"how":"signal SIGABRT"/);
});

test('a process that takes more memory beside its heap than it may is ended, and another one takes leases', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-stores-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'takes-memory');
  writeFileSync(file, '');
  const preload = pathToFileURL(join(import.meta.dirname, '../support/throwing-sockets.ts'));
  const added = {
    NODE_OPTIONS: `--import=${preload.href}`,
    THROWING_COMMAND: 'take-leases',
    THROWING_EVENT: 'connect',
    THROWING_WHILE: file,
    THROWING_HARM: 'take memory',
  };
  const server = await scriptedServer(t, generous);
  const scene = new StoreScene(t, 1, () => {
    const before = { ...process.env };
    Object.assign(process.env, added);
    try {
      return forkCommand('take-leases');
    } finally {
      for (const name of Object.keys(added)) {
        const value = before[name];
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });
  await scene.use(storeAt(server.port));
  await eventually('it has ended', () => /has ended/.test(scene.log), START_TIMEOUT_MS);
  assert.match(scene.log, /the process that takes leases of stores has ended.*"how":"exit code 70"/);
  rmSync(file);
  await eventually('leases are taken', async () => (await scene.ask()).leases, START_TIMEOUT_MS);
});

test('a process that is killed is started again, and its questions are answered', async (t) => {
  const script = changeable();
  const server = await scriptedServer(t, (...question) => script.answer(...question));
  const scene = new StoreScene(t);
  await scene.use(storeAt(server.port));
  await scene.comesUp();
  script.answer = () => undefined;
  const answer = scene.ask();
  const before = scene.watch.pid;
  if (before === undefined) throw new Error('there is no process');
  process.kill(before, 'SIGKILL');
  assert.equal((await answer).leases, undefined);
  script.answer = generous;
  await scene.comesUp();
  assert.notEqual(scene.watch.pid, before);
  assert.match(scene.log, /the process that takes leases of stores has ended/);
});

test('nothing that a server says is printed', async (t) => {
  // The client library prints a warning after the one, and the answer itself if it asks for INFO.
  const says = {
    AUTH: () => '-ERR Client sent AUTH, but no password is set\r\n',
    INFO: () => '-NOPERM your password is hunter2\r\n',
  };
  const server = await scriptedServer(t, generous, says);
  let printed = '';
  const scene = new StoreScene(t, 1, () => {
    const child = forkCommand('take-leases');
    child.stderr?.on('data', (bytes: Buffer) => {
      printed += bytes.toString();
    });
    return child;
  });
  process.env['STORE_PASSWORD_OF_TEST'] = 'hunter2';
  const password = { kind: 'environment', variable: 'STORE_PASSWORD_OF_TEST' } as const;
  await scene.use(storeAt(server.port, { password }));
  await scene.comesUp();
  await scene.watch.close();
  assert.ok(server.commands.includes('AUTH'));
  assert.ok(!server.commands.includes('INFO'));
  assert.equal(printed, '');
});

test('the user and the password are sent, and shown nowhere', async (t) => {
  const server = await scriptedServer(t, generous);
  const scene = new StoreScene(t);
  process.env['STORE_PASSWORD_OF_TEST'] = 'hunter2 with spaces';
  const password = { kind: 'environment', variable: 'STORE_PASSWORD_OF_TEST' } as const;
  await scene.use(storeAt(server.port, { user: 'framegate', password, database: 3 }));
  await scene.comesUp();
  assert.deepEqual(server.credentials, ['framegate', 'hunter2 with spaces']);
  assert.ok(server.commands.includes('SELECT'));
  assert.doesNotMatch(scene.log, /hunter2/);
});

test('a password that cannot be read refuses the configuration', async (t) => {
  const scene = new StoreScene(t);
  const password = { kind: 'file', file: '/nowhere/at/all' } as const;
  await assert.rejects(scene.watch.prepare([storeAt(1, { password })]), (error) => {
    assert.ok(error instanceof UnusableConfig);
    assert.match(error.message, /^\/nowhere\/at\/all cannot be read/);
    return true;
  });
});

test('a configuration without stores ends the process', async (t) => {
  const server = await scriptedServer(t, generous);
  const scene = new StoreScene(t);
  await scene.use(storeAt(server.port));
  await scene.comesUp();
  await scene.use();
  assert.equal(scene.watch.pid, undefined);
  assert.deepEqual(scene.watch.metrics, []);
  assert.equal((await scene.ask()).leases, undefined);
});

test('the log says which store does not answer, where it is, and what holds now', async (t) => {
  for (const [failure, holds] of [
    ['local', 'each process counts for itself, with its share of the limits'],
    ['open', 'its limits let everything pass'],
    ['closed', 'calls under its limits are refused, and streams end, once what was leased is used up'],
  ] as const) {
    const server = await scriptedServer(t, generous);
    const scene = new StoreScene(t);
    await scene.use(storeAt(server.port));
    await scene.comesUp();
    await scene.use(storeAt(server.port, { failure }));
    await server.stop();
    await scene.goesDown();
    const line = scene.lines.find((one) => one.startsWith('the store of shared limits does not answer'));
    assert.ok(line !== undefined);
    assert.ok(line.startsWith(`the store of shared limits does not answer: ${holds} {`), line);
    assert.deepEqual(scene.watch.report, [
      {
        name: 'fleet',
        servers: `127.0.0.1:${server.port}`,
        failure,
        isUp: false,
        processes: 1,
        reason: reasonIn(scene.lines),
      },
    ]);
    const [diagnosis] = scene.diagnoses.report().recent;
    assert.deepEqual(
      [diagnosis.code, diagnosis.store, diagnosis.sentence],
      [
        'FG2061',
        'fleet',
        `Store fleet (127.0.0.1:${server.port}) does not answer: ${reasonIn(scene.lines)}. Until it answers, ${holds}.`,
      ],
    );
    assert.match(line, new RegExp(`"servers":"127.0.0.1:${server.port}","failure":"${failure}"`));
  }
});

/** In the last line that has one. */
function reasonIn(lines: readonly string[]): string {
  return /.*"reason":"(\w+)"/s.exec(lines.join('\n'))?.[1] ?? '';
}
