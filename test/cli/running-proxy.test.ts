// The commands that ask a running proxy: status, reload and drain, each as a process, against a proxy that is one too.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite, type TestContext, test } from 'node:test';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { startServiceProcess } from '../support/proxy-process.ts';

const main = join(import.meta.dirname, '../../src/main.ts');

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function framegate(argv: readonly string[], cwd: string = import.meta.dirname): Promise<Finished> {
  const env = { ...process.env, FORCE_COLOR: undefined };
  const child = spawn(process.execPath, [main, ...argv], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'framegate-running-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Running {
  readonly folder: string;
  readonly admin: string;
  readonly dead: string;
  /** Writes the configuration with these routes. */
  write(path: string): void;
  readonly exited: Promise<unknown>;
}

/** Starts a proxy with one endpoint that serves and one where nobody listens. */
async function startProxy(t: TestContext): Promise<Running> {
  const folder = folderFor(t);
  const service = await startServiceProcess(t);
  const [port, adminPort, deadPort] = [await freePort(), await freePort(), await freePort()];
  const [admin, dead] = [`127.0.0.1:${adminPort}`, `127.0.0.1:${deadPort}`];
  const write = (path: string): void => {
    const lines = [
      'workers: 1',
      `listeners: [{ name: public, address: "127.0.0.1:${port}" }]`,
      `upstreams: { voice: { endpoints: ["${service.address}", "${dead}"], health: { type: tcp, interval: 100ms, unhealthyAfter: 1 } }, empty: { endpoints: api } }`,
      `routes: [{ match: { path: ${path} }, upstream: voice }, { match: { path: /none/* }, upstream: empty }]`,
      `admin: { address: "${admin}" }`,
    ];
    writeFileSync(join(folder, 'config.yaml'), `${lines.join('\n')}\n`);
  };
  write('/*');
  const child = spawn(process.execPath, [main, 'serve'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await eventually(
    'the proxy is ready',
    async () => (await framegate(['status', '--admin', admin])).code === 0,
    START_TIMEOUT_MS,
  );
  return { folder, admin, dead, write, exited: once(child, 'exit') };
}

/** Starts what answers as an admin server does. @returns its address */
async function startPages(t: TestContext, pages: Readonly<Record<string, unknown>>): Promise<string> {
  const web = createServer((request, response) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify(pages[request.url ?? ''])),
  );
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  t.after(() => web.close());
  const bound = web.address();
  assert.ok(bound !== null && typeof bound === 'object');
  return `127.0.0.1:${bound.port}`;
}

function configOf(listener: string): unknown {
  return {
    epoch: 1,
    workingDirectory: '/nowhere',
    config: { file: 'config.yaml', listeners: [{ address: { text: listener } }] },
  };
}

function used(...states: readonly unknown[]): readonly unknown[] {
  return states.map((one) => ({ address: 'a:1', used: one }));
}

suite('the commands of a running proxy', () => {
  test('status, reload and drain find the proxy by config.yaml and say what came of it', async (t) => {
    const proxy = await startProxy(t);
    const run = (...argv: readonly string[]): Promise<Finished> => framegate(argv, proxy.folder);

    const status = await eventually('the dead endpoint is told of', async () => {
      const finished = await run('status');
      return finished.stdout.includes('1 of 2 endpoints usable') ? finished : undefined;
    });
    assert.equal(status.code, 0);
    assert.match(
      status.stdout,
      /^ready: the proxy takes calls\nbut no endpoint can be used: empty \(1 of 2 upstreams\)\nconfiguration: config\.yaml, epoch 1, loaded \d{4}-/,
    );
    assert.match(status.stdout, new RegExp(`\u2717 ${proxy.dead} .*\n {6}\\S.*refused`));

    const json = await run('status', '--json');
    const parsed: { ready: boolean; config: { epoch: number }; upstreams: { name: string }[] } = JSON.parse(
      json.stdout,
    );
    assert.deepEqual([parsed.ready, parsed.config.epoch, parsed.upstreams[0]?.name], [true, 1, 'voice']);

    assert.deepEqual(await run('reload'), {
      code: 0,
      stdout: 'reloaded: epoch 2, nothing changed\n',
      stderr: '',
    });
    proxy.write('/a.B/*');
    const changed = await run('reload');
    assert.match(changed.stdout, /^reloaded: epoch 3, routes added: \/a\.B\/\*; routes removed: \/\*\n$/);

    proxy.write('nonsense');
    for (const argv of [['reload'], ['reload', '--admin', proxy.admin]]) {
      const refused = await run(...argv);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /config\.yaml:4:\d+ routes\[0\]\.match\.path/);
    }
    assert.match(
      (await run('reload', '--admin', proxy.admin)).stderr,
      /the running configuration stays in use/,
    );
    assert.match((await run('status', '--admin', proxy.admin)).stdout, /epoch 3,/);
    const shown = await run('status');
    assert.equal(shown.code, 0, 'after a bad edit it is wanted most');
    assert.match(shown.stdout, /epoch 3,/);
    assert.match(shown.stderr, /config\.yaml has errors, and only `admin` was read there: framegate check/);

    writeFileSync(
      join(proxy.folder, 'other.yaml'),
      `listeners: [{ address: "127.0.0.1:1" }]\nupstreams: { a: { endpoints: ["127.0.0.1:2"] } }\nroutes: [{ match: { path: /* }, upstream: a }]\nadmin: { address: "${proxy.admin}" }\n`,
    );
    for (const command of ['drain', 'reload']) {
      const other = await run(command, '-c', 'other.yaml');
      assert.deepEqual([other.code, other.stdout], [1, '']);
      assert.match(
        other.stderr,
        /runs with \/\S+\/config\.yaml, not with \/\S+\/other\.yaml; nothing was asked of it/,
      );
    }
    const seen = await run('status', '-c', 'other.yaml');
    assert.match(seen.stderr, /runs with \S+config\.yaml, not with/);

    const drained = await run('drain', '--wait', '--within', '60', '--admin', `http://${proxy.admin}`);
    assert.deepEqual([drained.code, drained.stderr], [0, '']);
    assert.match(drained.stdout, /^draining: 0 calls still run.*\nthe proxy has ended\n$/);
    assert.deepEqual(await proxy.exited, [0, null]);
    const late = await run('drain', '--admin', proxy.admin);
    assert.equal(late.code, 1);
    assert.match(late.stderr, /nothing listens on .*: is the proxy running/);
  });

  test('the token is found by the configuration, or in the file that is named', async (t) => {
    const folder = folderFor(t);
    const [port, admin] = [await freePort(), `127.0.0.1:${await freePort()}`];
    writeFileSync(join(folder, 'token'), 'a-token-that-is-long-enough\n');
    writeFileSync(join(folder, 'other'), 'a-token-that-is-not-the-one');
    const lines = [
      'workers: 1',
      `listeners: [{ address: "127.0.0.1:${port}" }]`,
      'upstreams: { a: { endpoints: ["127.0.0.1:1"] } }',
      'routes: [{ match: { path: /* }, upstream: a }]',
      `admin: { address: "0.0.0.0:${admin.split(':')[1]}", token: { file: token } }`,
    ];
    writeFileSync(join(folder, 'config.yaml'), lines.join('\n'));
    const child = spawn(process.execPath, [main, 'serve'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    t.after(() => child.kill('SIGKILL'));
    const run = (...argv: readonly string[]): Promise<Finished> => framegate(argv, folder);
    await eventually('the proxy is ready', async () => (await run('status')).code === 0, START_TIMEOUT_MS);
    const order = ['reload', '--admin', admin];
    assert.equal((await run('reload')).code, 0);
    assert.equal((await run(...order, '--token-file', 'token')).code, 0);
    for (const [argv, says] of [
      [order, /wants its token \(admin\.token\): name its configuration with -c, or give --token-file FILE/],
      [['status', '--admin', admin], /wants its token/],
      [['tap', '--admin', admin], /wants its token/],
      [['tap', '--token-file', 'other'], /does not accept the token/],
      [[...order, '--token-file', 'other'], /does not accept the token/],
      [[...order, '--token-file', 'none'], /--token-file: none cannot be read/],
    ] as const) {
      const { code, stdout, stderr } = await run(...argv);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, says);
    }
    const doctor = await run('doctor', '-c', 'config.yaml', '--only', 'ports');
    assert.match(doctor.stdout, /held by the Framegate that runs with/);
    rmSync(join(folder, 'token'));
    const shut = await run('doctor', '-c', 'config.yaml', '--only', 'ports');
    assert.match(shut.stdout, /its admin server wants its token \(.*token cannot be read/);
    assert.match(
      (await run('reload')).stderr,
      /cannot be used .*token cannot be read|wants its token .*token cannot be read/s,
    );
  });

  test('what is wrong with the options is a sentence', async (t) => {
    const folder = folderFor(t);
    // The keys of a service are seldom readable for whoever asks how it does.
    writeFileSync(
      join(folder, 'unreadable-key.yaml'),
      `listeners: [{ address: "127.0.0.1:1", tls: { certificates: [{ cert: /none.pem, key: /none.key }] } }]\nupstreams: { a: { endpoints: ["127.0.0.1:2"] } }\nroutes: [{ match: { path: /* }, upstream: a }]\nadmin: { address: "127.0.0.1:${await freePort()}" }\n`,
    );
    writeFileSync(
      join(folder, 'off.yaml'),
      'listeners: [{ address: "127.0.0.1:1" }]\nupstreams: { a: { endpoints: ["127.0.0.1:2"] } }\nroutes: [{ match: { path: /* }, upstream: a }]\nadmin: off\n',
    );
    for (const [argv, says] of [
      [['--admin', 'nowhere'], /--admin: 'nowhere' /],
      [['-c', 'none.yaml'], /there is no none\.yaml .*or give --admin/],
      [['-c', 'off.yaml'], /off\.yaml has no admin server \(admin: off\)/],
      [['-c', '-'], /standard input names no address/],
      [['-c', 'unreadable-key.yaml'], /nothing listens on 127\.0\.0\.1:\d+: is the proxy running/],
      [['--amdin', 'x'], /there is no option --amdin\. Did you mean --admin/],
    ] as const) {
      for (const command of ['status', 'reload', 'drain']) {
        const { code, stdout, stderr } = await framegate([command, ...argv], folder);
        assert.deepEqual([code, stdout], [1, ''], stderr);
        assert.match(stderr, says);
        assert.ok(stderr.startsWith(`framegate ${command}: `), stderr);
      }
    }
  });

  test('status says of each store of shared limits whether it answers, and what holds if not', async (t) => {
    const store = { name: 'fleet', servers: '10.0.0.5:6379', failure: 'closed' };
    const stores = [
      { ...store, isUp: false, reason: 'NOAUTH' },
      { ...store, name: 'good', isUp: true },
      { ...store, name: 'shared', isUp: true, processes: 3 },
      { ...store, name: 'new' },
    ];
    const pages = {
      '/ready': 'ok',
      '/api/config': { epoch: 1, stores },
      '/api/upstreams': { upstreams: [] },
    };
    const { code, stdout } = await framegate(['status', '--admin', await startPages(t, pages)]);
    assert.equal(code, 0);
    assert.deepEqual(
      stdout.split('\n').filter((line) => line.startsWith('store of')),
      [
        'store of shared limits fleet: 10.0.0.5:6379 wants a password (NOAUTH): write `password: { file: NAME }`, and `user` if it is not the default one; until then calls under its limits are refused, and streams end, once what was leased is used up',
        'store of shared limits good: 10.0.0.5:6379, answers',
        'store of shared limits shared: 10.0.0.5:6379, answers; 3 processes share it',
        'store of shared limits new: 10.0.0.5:6379, not connected yet',
      ],
    );
  });

  test('status says which workers have died, and which drain, as those that an upgrade has replaced', async (t) => {
    const last = {
      worker: 2,
      pid: 77,
      how: 'signal SIGKILL',
      connections: 3,
      at: '2026-01-31T18:00:00.000Z',
    };
    const linesOf = async (config: object): Promise<readonly string[]> => {
      const pages = {
        '/ready': 'ok',
        '/api/config': { epoch: 1, calls: 7, processes: [{}, {}, {}, {}], ...config },
        '/api/upstreams': { upstreams: [] },
      };
      const { stdout } = await framegate(['status', '--admin', await startPages(t, pages)]);
      return stdout.split('\n').filter((line) => /^now: | died /.test(line));
    };
    const serving = { state: 'serving' };
    const draining = { state: 'draining' };
    const [now, ...none] = await linesOf({ workers: [serving, serving] });
    assert.match(now, /, 4 processes$/);
    assert.deepEqual(none, []);
    const [one, death] = await linesOf({
      workers: [serving, draining],
      workerDeaths: { count: 1, last: { ...last, calls: 5 } },
    });
    assert.match(one, /, 4 processes, of which 1 drains and ends after its last call$/);
    assert.match(
      death,
      /^1 worker has died since the start, at 2026-0[12]-\d\d [\d:]{8} \(signal SIGKILL\), and 5 calls with it: see the log$/,
    );
    const [two, deaths] = await linesOf({
      workers: [serving, draining, draining],
      workerDeaths: { count: 3, last: { ...last, calls: 1 } },
    });
    assert.match(two, /, 4 processes, of which 2 drain and end after their last call$/);
    assert.match(
      deaths,
      /^3 workers have died since the start, the last one at 2026-.*, and 1 call with it: see the log$/,
    );
  });

  test('status says that the last reload was refused, and which keys cannot be read', async (t) => {
    const lastError = {
      at: '2026-01-31T18:00:00.000Z',
      trigger: 'watch',
      problems: ['config.yaml:3:1 a', 'b'],
    };
    const list = { identity: 'devices', source: '/etc/framegate/devices.txt' };
    const office = { identity: 'office', source: 'https://id.test/jwks.json' };
    const pages = {
      '/ready': 'ok',
      '/api/config': {
        epoch: 1,
        reloads: { reloaded: 0, refused: 1, failed: 0, lastError },
        keys: [
          { ...list, keys: 1 },
          { ...office, keys: 2, reason: 'was answered with HTTP 503' },
          { ...office, keys: 0, reason: 'was answered with HTTP 404' },
        ],
      },
      '/api/upstreams': { upstreams: [] },
    };
    const { code, stdout } = await framegate(['status', '--admin', await startPages(t, pages)]);
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^the last reload was refused at 2026-0[12]-\d\d \d\d:\d\d:\d\d, so the configuration is the one before: config\.yaml:3:1 a \(and 1 problem more\)$/m,
    );
    assert.deepEqual(
      stdout.split('\n').filter((line) => line.startsWith('keys of')),
      [
        'keys of identity devices: /etc/framegate/devices.txt, 1 key in use',
        'keys of identity office: https://id.test/jwks.json cannot be read (was answered with HTTP 503): the last 2 stay in use',
        'keys of identity office: https://id.test/jwks.json cannot be read (was answered with HTTP 404): its clients cannot be recognised',
      ],
    );
  });

  test('status says how many spans were exported, wait and were lost, and why they cannot be exported', async (t) => {
    const traces = { exporter: 'http://a:4318/v1/traces', exported: 7, waiting: 2, lost: 1 };
    for (const [shown, end] of [
      [traces, ''],
      [{ ...traces, reason: '401' }, '; spans cannot be exported now (401)'],
    ] as const) {
      const pages = {
        '/ready': 'ok',
        '/api/config': { epoch: 1, traces: shown },
        '/api/upstreams': { upstreams: [] },
      };
      const { stdout } = await framegate(['status', '--admin', await startPages(t, pages)]);
      assert.deepEqual(
        stdout.split('\n').filter((line) => line.startsWith('collector of')),
        [`collector of traces: http://a:4318/v1/traces, 7 spans exported, 2 waiting, 1 lost${end}`],
      );
    }
  });

  test('a panic, and what only some processes have found, are shown as the admin server tells them', async (t) => {
    const since = '2026-01-01T00:00:00.000Z';
    const refused = { by: 'connecting', token: 'x', sentence: 'a:2 refused.', since };
    const endpoints = [
      { address: 'a:1', used: true, activeCalls: 2, health: { healthy: 'not known yet' } },
      {
        address: 'a:2',
        used: 'by 1 of 2 processes',
        activeCalls: 1,
        health: { healthy: true, method: 'GET', since },
        whyNot: [{ ...refused, triedAgainInSeconds: 0, triedAgain: 'with the next call' }],
      },
    ];
    const panic = [{ priority: 0, usable: 1, of: 3, since }];
    const pages: Readonly<Record<string, unknown>> = {
      '/ready': 'ok',
      '/api/config': { epoch: 1 },
      '/api/upstreams': { upstreams: [{ name: 'voice', panic, endpoints }] },
    };
    const { stdout } = await framegate(['status', '--admin', await startPages(t, pages)]);
    const shown = stdout
      .slice(stdout.indexOf('upstream voice'))
      .replaceAll(/since \d[^:]* \d\d:\d\d:\d\d/g, 'since then');
    assert.equal(
      shown,
      [
        'upstream voice: 2 of 2 endpoints usable',
        '  panic since then: 1 of 3 endpoints of priority 0 can be used, so those that are kept out get calls as well',
        '  \u2713 a:1  2 calls, health not known yet',
        '  \u2717 a:2  1 call, healthy by GET, used by 1 of 2 processes',
        '      a:2 refused. (since then, tried again with the next call)',
        '',
      ].join('\n'),
    );
  });

  test('an endpoint that a process could not reach is not usable, unless something has come from it since', async (t) => {
    const whyNot = [{ by: 'connecting', sentence: 'It refused the connection.', processes: 1 }];
    const some = { used: 'by 1 of 2 processes', activeCalls: 0, whyNot };
    const [none, one] = [
      { connecting: 0, ready: 0, draining: 0 },
      { connecting: 0, ready: 1, draining: 0 },
    ];
    const idle = { used: true, activeCalls: 0, connections: none };
    const healthy = { healthy: true, method: 'TCP' };
    const standby = [{ by: 'priority', sentence: 'It is on standby.' }];
    const upstreams = [
      {
        name: 'dead',
        endpoints: [
          { address: 'a:1', ...some, connections: none },
          {
            address: 'a:2',
            ...some,
            used: false,
            whyNot: [{ ...whyNot[0], processes: 2 }],
            connections: none,
          },
        ],
      },
      { name: 'back', endpoints: [{ address: 'b:1', ...some, connections: one, heardSince: true }] },
      { name: 'still', endpoints: [{ address: 's:1', ...some, connections: one, heardSince: false }] },
      {
        name: 'new',
        endpoints: [
          { address: 'c:1', ...idle },
          { address: 'c:2', ...idle, health: healthy },
          { address: 'c:3', ...idle, connections: one },
          { address: 'c:4', ...idle, connections: { busy: 0, idle: 2 } },
          { address: 'c:5', ...idle, used: false, whyNot: standby },
          { address: 'c:6' },
        ],
      },
    ];
    const pages = { '/ready': 'ok', '/api/config': { epoch: 1 }, '/api/upstreams': { upstreams } };
    const { stdout } = await framegate(['status', '--admin', await startPages(t, pages)]);
    assert.match(stdout, /^but no endpoint can be used: dead, still \(2 of 4 upstreams\)$/m);
    assert.equal(
      stdout.slice(stdout.indexOf('upstream dead')),
      `upstream dead: 0 of 2 endpoints usable
  \u2717 a:1  0 calls, no health checks, not reached by 1 of 2 processes, and not tried by the others since
      It refused the connection.
  \u2717 a:2  0 calls, no health checks
      It refused the connection.
upstream back: 1 of 1 endpoint usable
  \u2717 b:1  0 calls, no health checks, used by 1 of 2 processes
      It refused the connection.
upstream still: 0 of 1 endpoint usable
  \u2717 s:1  0 calls, no health checks, not reached by 1 of 2 processes, and the others have heard nothing of it since
      It refused the connection.
upstream new: 5 of 6 endpoints usable, 1 on standby, 1 not connected, 1 not known
  \u2013 c:1  not connected, 0 calls, no health checks
  \u2713 c:2  0 calls, healthy by TCP
  \u2713 c:3  0 calls, no health checks
  \u2713 c:4  0 calls, no health checks
  \u2013 c:5  0 calls, no health checks
      It is on standby.
  ? c:6  its state is not known, 0 calls
`,
    );
  });

  test('endpoints that get calls in a panic alone are kept out, and not usable', async (t) => {
    const connections = { ready: 1 };
    const of = (address: string, by: string, isUsed: unknown) => ({
      address,
      used: isUsed,
      activeCalls: 1,
      connections,
      whyNot: [{ by, sentence: `By ${by}.` }],
    });
    const endpoints = [
      of('a:1', 'health', true),
      of('a:2', 'outliers', true),
      of('a:3', 'outliers', 'by 1 of 2 processes'),
      { address: 'a:4', used: true, activeCalls: 0, connections },
    ];
    const panic = [{ priority: 0, usable: 1, of: 4 }];
    const upstreams = [{ name: 'voice', panic, endpoints }];
    const pages = { '/ready': 'ok', '/api/config': { epoch: 1 }, '/api/upstreams': { upstreams } };
    const { stdout } = await framegate(['status', '--admin', await startPages(t, pages)]);
    assert.match(stdout, /^upstream voice: 2 of 4 endpoints usable, 2 kept out$/m);
    assert.match(
      stdout,
      /^ {2}\u2717 a:1 {2}gets calls in the panic, 1 call, no health checks\n {6}By health\.$/m,
    );
    assert.match(stdout, /^ {2}\u2717 a:3 {2}1 call, no health checks, used by 1 of 2 processes$/m);
    assert.doesNotMatch(stdout, /no endpoint can be used/);
  });

  test('status says of which upstreams no endpoint gets calls and which are in panic, and ready stays what /ready says', async (t) => {
    const upstreams = [
      { name: 'dead', endpoints: used(false, false) },
      { name: 'none', endpoints: [], whyNone: 'The name has no address.' },
      { name: 'partly', endpoints: used(false, 'by 1 of 2 processes') },
      { name: 'well', endpoints: used(true), panic: [] },
      { name: 'cut', endpoints: used(false), leftOut: 3 },
      { name: 'silent', endpoints: [{ address: 'a:1' }] },
      { name: 'panic', endpoints: used(true), panic: [{ priority: 0, usable: 1, of: 3 }] },
    ];
    const pages = { '/ready': 'ok', '/api/config': { epoch: 1 }, '/api/upstreams': { upstreams } };
    const { code, stdout } = await framegate(['status', '--admin', await startPages(t, pages)]);
    assert.equal(code, 0);
    assert.ok(
      stdout.startsWith(`ready: the proxy takes calls
but no endpoint can be used: dead, none (2 of 7 upstreams)
panic, as too few endpoints can be used: panic (1 of 7 upstreams)
`),
      stdout,
    );
    assert.match(stdout, /^upstream none: 0 of 0 endpoints usable: The name has no address\.$/m);
  });

  test('a proxy whose file is not to be found here, as in a container, is the one that is meant if its listeners are', async (t) => {
    const folder = folderFor(t);
    for (const [listener, isMeant] of [
      ['127.0.0.1:1', true],
      ['127.0.0.1:3', false],
    ] as const) {
      const admin = await startPages(t, { '/api/config': configOf(listener), '/api/drain': {} });
      writeFileSync(
        join(folder, 'config.yaml'),
        `listeners: [{ address: "127.0.0.1:1" }]\nupstreams: { a: { endpoints: ["127.0.0.1:2"] } }\nroutes: [{ match: { path: /* }, upstream: a }]\nadmin: { address: "${admin}" }\n`,
      );
      const { code, stderr } = await framegate(['drain'], folder);
      assert.equal(code, 1);
      if (isMeant) assert.match(stderr, /the proxy did not accept it \(HTTP 200\)/);
      else assert.match(stderr, /runs with \/nowhere\/config\.yaml, not with .*; nothing was asked of it/);
    }
  });

  test('a file with errors whose `admin` can be read is no reason to ask nothing, but an order goes only to the proxy that runs with it', async (t) => {
    const folder = folderFor(t);
    const admin = await startPages(t, {
      '/ready': 'ok',
      '/api/config': configOf('127.0.0.1:1'),
      '/api/upstreams': { upstreams: [] },
      '/api/drain': {},
    });
    writeFileSync(
      join(folder, 'config.yaml'),
      `admin: { address: "${admin}" }\nlisteners: [{ address: "127.0.0.1:1" }]\nroutes: [\n`,
    );
    const status = await framegate(['status'], folder);
    assert.equal(status.code, 0, status.stderr);
    const drain = await framegate(['drain'], folder);
    assert.equal(drain.code, 1);
    assert.match(drain.stderr, /it is not known whether the proxy .* runs with it; nothing was asked of it/);
    const meant = await framegate(['drain', '--admin', admin], folder);
    assert.match(meant.stderr, /the proxy did not accept it/);
  });

  test('an order counts as carried out only if Framegate itself says so', async (t) => {
    for (const body of ['', '{"epoch":"1","calls":"1"}']) {
      for (const [command, status] of [
        ['reload', 200],
        ['drain', 202],
      ] as const) {
        const web = createServer((_request, response) => response.writeHead(status).end(body));
        web.listen(0, '127.0.0.1');
        await once(web, 'listening');
        t.after(() => web.close());
        const bound = web.address();
        assert.ok(bound !== null && typeof bound === 'object');
        const { code, stdout, stderr } = await framegate([command, '--admin', `127.0.0.1:${bound.port}`]);
        assert.deepEqual([code, stdout], [1, ''], `${command} ${body}`);
        assert.match(stderr, /is no admin server of Framegate \(HTTP 20[02] for \/api\//);
      }
    }
  });

  test('an answer that is nested too deep is no answer of an admin server', async (t) => {
    const deep = `{"epoch":1,"config":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
    const web = createServer((_request, response) => response.end(deep));
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    t.after(() => web.close());
    const bound = web.address();
    assert.ok(bound !== null && typeof bound === 'object');
    for (const more of [['status', '--json'], ['status'], ['reload']]) {
      const { code, stdout, stderr } = await framegate([...more, '--admin', `127.0.0.1:${bound.port}`]);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /is no admin server of Framegate/);
      assert.doesNotMatch(stderr, /RangeError|\n {4}at /);
    }
  });

  test('a program that is no admin server is named as such, whatever it answers', async (t) => {
    const web = createServer((_request, response) => response.end('hello \u001b[31m'));
    const upgrading = createTcpServer((socket) =>
      socket
        .on('error', () => undefined)
        .write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
    );
    upgrading.listen(0, '127.0.0.1');
    await once(upgrading, 'listening');
    t.after(() => upgrading.close());
    const upgradingAt = upgrading.address();
    assert.ok(upgradingAt !== null && typeof upgradingAt === 'object');
    for (const command of ['status', 'reload', 'drain']) {
      const silent = await framegate([command, '--admin', `127.0.0.1:${upgradingAt.port}`]);
      assert.deepEqual([silent.code, silent.stdout], [1, '']);
      assert.match(silent.stderr, /gave no answer, so nothing is known of what it did/);
    }
    const tcp = createTcpServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n').on('error', () => undefined));
    for (const server of [web, tcp]) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      t.after(() => server.close());
      const bound = server.address();
      assert.ok(bound !== null && typeof bound === 'object');
      const { port } = bound;
      const { code, stderr } = await framegate(['status', '--admin', `127.0.0.1:${port}`]);
      assert.equal(code, 1);
      assert.match(stderr, /is no admin server/);
      const drained = await framegate(['drain', '--admin', `127.0.0.1:${port}`]);
      assert.equal(drained.code, 1);
      assert.doesNotMatch(drained.stderr.trimEnd(), /\p{C}/u);
    }
  });
});
